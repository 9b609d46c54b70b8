//! A network between a gateway and one Redis server that a test can make slow or bad.

use std::future::{pending, poll_fn};
use std::io;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::unbounded_channel;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep_until};

/// A proxy. What it is told holds from then on, also for chunks that wait inside it; only
/// a chunk that another thread passes on at that very moment may still come through.
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    accepting: AbortHandle,
}

struct Shared {
    server: u16,
    network: Mutex<Network>,
    delay: Mutex<Duration>,
    to_lose: AtomicUsize,
    to_halve: AtomicUsize,
    lost: AtomicUsize,
    /// A request whose answer is to be lost, and how often it was seen.
    watched: Mutex<(Vec<u8>, usize)>,
}

struct Network {
    /// None while connections are refused.
    listener: Option<TcpListener>,
    /// Of the task that accepts, for when there is a listener again.
    waker: Option<Waker>,
    open: JoinSet<()>,
}

impl Proxy {
    /// In front of the server at a port of this machine.
    pub async fn to(server: u16) -> Proxy {
        let (port, listener) = loop {
            let port = free_port();
            // Another process may have taken it since; the search for the next one is bounded.
            if let Ok(listener) = listen(port) {
                break (port, listener);
            }
        };
        let network = Mutex::new(Network { listener: Some(listener), waker: None, open: JoinSet::new() });
        let [to_lose, to_halve, lost] = [0; 3].map(AtomicUsize::new);
        let shared = Arc::new(Shared {
            server,
            network,
            delay: Mutex::default(),
            to_lose,
            to_halve,
            lost,
            watched: Mutex::default(),
        });
        let accepts = shared.clone();
        let accepting = tokio::spawn(async move { poll_fn(|cx| accepts.accept(cx)).await }).abort_handle();
        Proxy { port, shared, accepting }
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// A good network again, after any of the others. Connections that are open stay open.
    pub fn pass(&self) {
        self.delay(Duration::ZERO);
        self.lose_answers(0);
        self.cut_midway(0);
        let mut network = self.shared.network();
        if network.listener.is_none() {
            network.listener = Some(listen(self.port).expect("the port is this proxy's own"));
            if let Some(waker) = network.waker.take() {
                waker.wake();
            }
        }
    }

    /// Every chunk takes so long, each way. What was sent close together arrives so.
    pub fn delay(&self, each_way: Duration) {
        *self.shared.delay.lock().expect("no task panics") = each_way;
    }

    /// Closes every connection; new ones pass.
    pub fn cut(&self) {
        self.shared.network().open.abort_all();
        self.pass();
    }

    /// Closes every connection and refuses new ones until `pass`, as if no server ran.
    pub fn refuse(&self) {
        let mut network = self.shared.network();
        network.listener = None;
        network.open.abort_all();
    }

    /// Each of the next `n` chunks of answers is dropped and its connection closed: the server
    /// did what it was asked, and the client cannot know. What a client asks by itself when
    /// it connects is answered in chunks too, and counts.
    pub fn lose_answers(&self, n: usize) {
        self.shared.to_lose.store(n, Ordering::SeqCst);
    }

    /// The answer to the next request that holds these bytes is lost, as by `lose_answers`.
    pub fn lose_answer_to(&self, request: &[u8]) {
        *self.shared.watched.lock().expect("no task panics") = (request.to_vec(), 0);
    }

    /// How often a request like that has come since then.
    pub fn seen(&self) -> usize {
        self.shared.watched.lock().expect("no task panics").1
    }

    /// How many chunks `lose_answers` has dropped since the proxy began.
    pub fn lost(&self) -> usize {
        self.shared.lost.load(Ordering::SeqCst)
    }

    /// Of each of the next `n` chunks of answers only the first half arrives, then its
    /// connection is closed.
    pub fn cut_midway(&self, n: usize) {
        self.shared.to_halve.store(n, Ordering::SeqCst);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // The tasks hold what holds them: without this they would go on.
        self.accepting.abort();
        self.refuse();
    }
}

impl Shared {
    fn network(&self) -> MutexGuard<'_, Network> {
        self.network.lock().expect("no task panics")
    }

    /// Accepts for ever. The lock is held until a new connection is among the open ones,
    /// so that none slips past `cut`.
    fn accept(self: &Arc<Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut network = self.network();
        network.waker = Some(cx.waker().clone());
        let Network { listener: Some(listener), open, .. } = &mut *network else { return Poll::Pending };
        // Those that have ended.
        while open.try_join_next().is_some() {}
        while let Poll::Ready(accepted) = listener.poll_accept(cx) {
            // An error is about one connection, and its client sees it too.
            if let Ok((client, _)) = accepted {
                open.spawn(self.clone().carry(client));
            }
        }
        Poll::Pending
    }

    /// One connection, until one side ends it. Both are closed when this returns.
    async fn carry(self: Arc<Self>, mut client: TcpStream) {
        let Ok(mut server) = TcpStream::connect((Ipv4Addr::LOCALHOST, self.server)).await else { return };
        // Otherwise a small chunk waits until the one before is acknowledged.
        if client.set_nodelay(true).and(server.set_nodelay(true)).is_err() {
            return;
        }
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        tokio::select! {
            () = self.pump(from_client, to_server, false) => {}
            () = self.pump(from_server, to_client, true) => {}
        }
    }

    /// Counts a request that holds what `lose_answer_to` was told; whether it is the first.
    fn is_first_watched(&self, bytes: &[u8]) -> bool {
        let (request, seen) = &mut *self.watched.lock().expect("no task panics");
        let is_it = !request.is_empty() && bytes.windows(request.len()).any(|part| part == &request[..]);
        *seen += usize::from(is_it);
        is_it && *seen == 1
    }

    /// One direction, until an end. It reads on while earlier chunks wait for their time, as
    /// a long wire would take them.
    async fn pump(&self, mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, answers: bool) {
        let (queue, mut waiting) = unbounded_channel::<(Option<Instant>, Vec<u8>)>();
        let read = async move {
            let mut buffer = vec![0; 64 * 1024];
            while let Ok(n @ 1..) = from.read(&mut buffer).await {
                let delay = *self.delay.lock().expect("no task panics");
                let due = (!delay.is_zero()).then(|| Instant::now() + delay);
                if queue.send((due, buffer[..n].to_vec())).is_err() {
                    break;
                }
            }
            // What waits is still to be written.
            drop(queue);
            pending::<()>().await;
        };
        let write = async move {
            while let Some((due, mut bytes)) = waiting.recv().await {
                if let Some(due) = due {
                    sleep_until(due).await;
                }
                if !answers && self.is_first_watched(&bytes) {
                    self.to_lose.store(1, Ordering::SeqCst);
                }
                if answers && take(&self.to_lose) {
                    self.lost.fetch_add(1, Ordering::SeqCst);
                    return;
                }
                let halved = answers && take(&self.to_halve);
                if halved {
                    bytes.truncate(bytes.len() / 2);
                }
                if to.write_all(&bytes).await.is_err() || halved {
                    return;
                }
            }
        };
        tokio::select! {
            () = read => {}
            () = write => {}
        }
    }
}

/// Takes one from a number, if it is not nought.
fn take(from: &AtomicUsize) -> bool {
    from.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok()
}

fn listen(port: u16) -> io::Result<TcpListener> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

/// A port that nobody listens on and that this process hands out once. It lies below the
/// ports that the kernel gives to outgoing connections: from among those, a client that
/// tries again and again to reach a dead server can come to hold the server's port itself.
pub fn free_port() -> u16 {
    const FIRST: u32 = 20_000;
    const MANY: u32 = 12_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    for _ in 0..MANY {
        let n = (std::process::id() % MANY * 997 + NEXT.fetch_add(1, Ordering::Relaxed)) % MANY;
        let port = u16::try_from(FIRST + n).expect("below 65536");
        if std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("no free port from {FIRST} to {}", FIRST + MANY)
}
