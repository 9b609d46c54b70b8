//! An upstream that misbehaves as it is told, over raw sockets, and remembers what came.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What came in.
#[derive(Debug, Clone)]
pub struct Seen {
    pub at: Instant,
    pub method: String,
    pub path: String,
    pub body: Value,
}

impl Seen {
    pub fn field(&self, name: &str) -> String {
        self.body[name].as_str().unwrap_or_else(|| panic!("no {name} in {}", self.body)).to_owned()
    }
}

/// What is done about it.
#[derive(Clone)]
pub enum Reply {
    /// An answer, after a while.
    Answer(u16, Vec<(&'static str, String)>, Vec<u8>, Duration),
    /// The head of an answer and a part of its body; then the connection is reset.
    Reset,
    /// Nothing, for as long as the connection stands.
    Silence,
    /// A byte every 200 ms, of an answer that would be a success.
    Trickle,
}

impl Reply {
    pub fn json(status: u16, body: Value) -> Reply {
        let kind = ("content-type", "application/json".to_owned());
        Reply::Answer(status, vec![kind], body.to_string().into_bytes(), Duration::ZERO)
    }

    /// Taken, under this id.
    pub fn taken(id: &str) -> Reply {
        Reply::json(201, json!({ "id": id, "state": "queued" }))
    }

    pub fn after(self, wait: Duration) -> Reply {
        match self {
            Reply::Answer(status, headers, body, _) => Reply::Answer(status, headers, body, wait),
            other => other,
        }
    }

    pub fn with(self, name: &'static str, value: &str) -> Reply {
        match self {
            Reply::Answer(status, mut headers, body, wait) => {
                headers.push((name, value.to_owned()));
                Reply::Answer(status, headers, body, wait)
            }
            other => other,
        }
    }
}

type Behaviour = Arc<dyn Fn(&Seen) -> Reply + Send + Sync>;

/// A server on a port of its own.
#[derive(Clone)]
pub struct Upstream {
    pub url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    behaviour: Arc<Mutex<Behaviour>>,
}

impl Upstream {
    /// One that takes everything.
    pub async fn start() -> Upstream {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream = Upstream {
            url: format!("http://{}", listener.local_addr().unwrap()),
            seen: Arc::default(),
            behaviour: Arc::new(Mutex::new(Arc::new(|_| Reply::taken("m-1")))),
        };
        let server = upstream.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let server = server.clone();
                tokio::spawn(async move { server.serve(socket).await });
            }
        });
        upstream
    }

    /// What it does from now on.
    pub fn does(&self, behaviour: impl Fn(&Seen) -> Reply + Send + Sync + 'static) {
        *self.behaviour.lock().unwrap() = Arc::new(behaviour);
    }

    /// What came so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// What came to a path so far.
    pub fn seen_at(&self, path: &str) -> Vec<Seen> {
        self.seen().into_iter().filter(|seen| seen.path.starts_with(path)).collect()
    }

    async fn serve(&self, mut socket: TcpStream) -> Option<()> {
        let mut buffer = Vec::new();
        loop {
            let seen = read(&mut socket, &mut buffer).await?;
            let behaviour = self.behaviour.lock().unwrap().clone();
            let reply = behaviour(&seen);
            self.seen.lock().unwrap().push(seen);
            match reply {
                Reply::Answer(status, headers, body, wait) => {
                    tokio::time::sleep(wait).await;
                    let mut head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n", body.len());
                    headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
                    socket.write_all(format!("{head}\r\n").as_bytes()).await.ok()?;
                    socket.write_all(&body).await.ok()?;
                }
                Reply::Reset => {
                    socket.write_all(b"HTTP/1.1 201 X\r\ncontent-length: 400\r\n\r\n{\"id\":").await.ok()?;
                    // Unread bytes and no lingering: the peer sees a reset.
                    socket.set_zero_linger().ok()?;
                    return None;
                }
                Reply::Silence => std::future::pending().await,
                Reply::Trickle => {
                    for byte in b"HTTP/1.1 201 X\r\ncontent-length: 30\r\n\r\n{\"id\": \"slow\", \"state\": \"queued\"}"
                    {
                        socket.write_all(&[*byte]).await.ok()?;
                        tokio::time::sleep(Duration::from_millis(200)).await;
                    }
                }
            }
        }
    }
}

/// The next request on a connection.
async fn read(socket: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Seen> {
    let head_ends = loop {
        match buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            Some(at) => break at + 4,
            None if socket.read_buf(buffer).await.ok()? == 0 => return None,
            None => {}
        }
    };
    let head = String::from_utf8_lossy(&buffer[..head_ends]).into_owned();
    let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    let length: usize = length.unwrap_or(0);
    while buffer.len() < head_ends + length {
        if socket.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
    let body = buffer[head_ends..head_ends + length].to_vec();
    buffer.drain(..head_ends + length);
    let mut words = head.split(' ');
    Some(Seen {
        at: Instant::now(),
        method: words.next()?.to_owned(),
        path: words.next()?.to_owned(),
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
    })
}
