//! Redis servers for one test: alone, watched by sentinels, or as a cluster. Each is a
//! process of its own with a folder of its own, and ends with the value that holds it.

use std::fs::File;
use std::future::ready;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::proxy::free_port;
use crate::gateway::{SOON, until};

/// Longest wait for several servers to find each other, on a machine that also builds.
const ASSEMBLY: Duration = Duration::from_secs(60);
const SLOTS: [(&str, &str); 3] = [("0", "5460"), ("5461", "10922"), ("10923", "16383")];

/// One process: a server or a sentinel.
pub struct Server {
    port: u16,
    /// Where the nodes of a cluster speak to each other.
    bus: u16,
    folder: tempfile::TempDir,
    arguments: Vec<String>,
    child: Child,
}

impl Server {
    /// Starts it with more arguments, like `["--appendonly", "yes"]`, and waits until it answers.
    pub async fn start(extra: &[&str]) -> Server {
        Self::launch("", extra).await
    }

    /// It has a configuration file, so that a sentinel can write a new role into it, and a
    /// restart keeps that role as it does in production.
    async fn launch(file: &str, extra: &[&str]) -> Server {
        let mut log = String::new();
        // If another process takes the port before the server does, the server ends.
        for _ in 0..5 {
            let folder = tempfile::tempdir().expect("a folder for a server");
            let (port, bus) = (free_port(), free_port());
            std::fs::write(folder.path().join("redis.conf"), file).expect("the folder is writable");
            let own = format!("redis.conf --port {port} --cluster-port {bus} --bind 127.0.0.1");
            let own = own.split(' ').chain(["--protected-mode", "no", "--save", ""]).chain(extra.iter().copied());
            let arguments: Vec<String> = own.map(str::to_owned).collect();
            let child = spawn(&folder, &arguments);
            let mut server = Server { port, bus, folder, arguments, child };
            if server.answers().await {
                return server;
            }
            log = server.log();
        }
        panic!("redis-server ended at once, five times:\n{log}")
    }

    /// Waits until it answers; false if it ended. The answer must be its own, for another
    /// process may have had the port before. While it still reads its data it refuses PING.
    async fn answers(&mut self) -> bool {
        let begun = Instant::now();
        loop {
            if self.child.try_wait().expect("it is a child").is_some() {
                return false;
            }
            let own = format!("process_id:{}\r\n", self.pid());
            let info = ask(self.port, &["PING"]).and_then(|_| ask(self.port, &["INFO", "server"]));
            if info.is_ok_and(|info| info.contains(&own)) {
                return true;
            }
            assert!(begun.elapsed() < SOON, "redis-server does not answer within {SOON:?}:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// One command; its answer as text, the items of a list on lines of their own.
    #[track_caller]
    pub fn command(&self, words: &[&str]) -> String {
        ask(self.port, words).unwrap_or_else(|error| panic!("{words:?} at port {}: {error}", self.port))
    }

    /// A field of INFO.
    #[track_caller]
    pub fn info(&self, field: &str) -> String {
        let info = self.command(&["INFO", "everything"]);
        let value = info.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        value.unwrap_or_else(|| panic!("no {field} in {info}")).to_owned()
    }

    /// Ends it at once (SIGKILL), also when it is paused.
    pub fn kill(&mut self) {
        self.child.kill().expect("it is a child");
        self.child.wait().expect("it was killed");
    }

    /// Starts it again, after `kill` if it still runs: same port, folder and arguments.
    pub async fn again(&mut self) {
        self.kill();
        self.child = spawn(&self.folder, &self.arguments);
        assert!(self.answers().await, "redis-server did not start again:\n{}", self.log());
    }

    /// Stops it as a machine without a processor would: its connections stay open.
    pub fn pause(&self) {
        kill_process(Pid::from_child(&self.child), Signal::STOP).expect("it runs");
        // The signal may still be on its way to another processor.
        let begun = Instant::now();
        let stat = format!("/proc/{}/stat", self.pid());
        while !std::fs::read_to_string(&stat).expect("it is a child").contains(") T ") {
            assert!(begun.elapsed() < SOON, "the server did not stop");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    pub fn resume(&self) {
        kill_process(Pid::from_child(&self.child), Signal::CONT).expect("it runs");
    }

    /// Waits until a replica has its master's data.
    async fn in_step(&self) {
        until(ASSEMBLY, "a replica in step", || ready((self.info("master_link_status") == "up").then_some(()))).await;
    }

    fn log(&self) -> String {
        let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_else(|error| error.to_string());
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have been killed by the test.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the Redis server at port {} printed:\n{}", self.port, self.log());
        }
    }
}

/// One master named `otp`, one replica, and the three sentinels that watch them.
pub struct Sentinels {
    pub master: Server,
    pub replica: Server,
    sentinels: Vec<Server>,
}

impl Sentinels {
    /// Returns when all three sentinels agree and would accept the replica as the next master.
    pub async fn start(extra: &[&str]) -> Sentinels {
        let extra = [extra, &["--repl-diskless-sync-delay", "0"]].concat();
        let (master, replica) = (Server::start(&extra).await, Server::start(&extra).await);
        replica.command(&["REPLICAOF", "127.0.0.1", &master.port.to_string()]);
        replica.command(&["CONFIG", "REWRITE"]);
        replica.in_step().await;
        let file = format!(
            "sentinel monitor otp 127.0.0.1 {} 2\nsentinel down-after-milliseconds otp 1000\n\
             sentinel failover-timeout otp 5000\n",
            master.port
        );
        let mut sentinels = Vec::new();
        for _ in 0..3 {
            sentinels.push(Server::launch(&file, &["--sentinel"]).await);
        }
        // A link is `ok` only when the sentinel has read the replica's own INFO.
        let name = format!("127.0.0.1:{}\n", replica.port);
        let signs = [name.as_str(), "flags\nslave\n", "master-link-status\nok\n"];
        for sentinel in &sentinels {
            until(ASSEMBLY, "three sentinels that agree", || {
                let quorum = ask(sentinel.port, &["SENTINEL", "CKQUORUM", "otp"]);
                let replicas = sentinel.command(&["SENTINEL", "REPLICAS", "otp"]);
                let agree = quorum.is_ok_and(|answer| answer.starts_with("OK 3 usable"));
                ready((agree && signs.iter().all(|sign| replicas.contains(sign))).then_some(()))
            })
            .await;
        }
        Sentinels { master, replica, sentinels }
    }

    pub fn url(&self) -> String {
        format!("redis-sentinel://{}/otp", addresses(&self.sentinels))
    }
}

/// Three masters that share the slots, with a replica each or with none.
pub struct Cluster {
    pub masters: Vec<Server>,
    pub replicas: Vec<Server>,
}

impl Cluster {
    /// Returns when every node knows every other and the part it plays.
    pub async fn start(with_replicas: bool) -> Cluster {
        let extra = "--cluster-enabled yes --cluster-config-file nodes.conf --cluster-node-timeout 1000 \
                     --cluster-announce-ip 127.0.0.1 --cluster-replica-validity-factor 0 \
                     --repl-diskless-sync-delay 0 --appendonly yes --appendfsync always";
        let extra: Vec<&str> = extra.split_whitespace().collect();
        let mut cluster = Cluster { masters: Vec::new(), replicas: Vec::new() };
        for (n, (first, last)) in SLOTS.into_iter().enumerate() {
            let master = Server::start(&extra).await;
            master.command(&["CLUSTER", "ADDSLOTSRANGE", first, last]);
            master.command(&["CLUSTER", "SET-CONFIG-EPOCH", &(n + 1).to_string()]);
            cluster.masters.push(master);
            if with_replicas {
                cluster.replicas.push(Server::start(&extra).await);
            }
        }
        for (n, node) in cluster.nodes().enumerate() {
            for other in cluster.nodes().skip(n + 1) {
                node.command(&["CLUSTER", "MEET", "127.0.0.1", &other.port.to_string(), &other.bus.to_string()]);
            }
        }
        let count = cluster.nodes().count();
        let met = |_: &str, nodes: &str| nodes.matches(" connected").count() == count && !nodes.contains("handshake");
        cluster.all("nodes that know each other", met).await;
        for (replica, master) in cluster.replicas.iter().zip(&cluster.masters) {
            replica.command(&["CLUSTER", "REPLICATE", &master.command(&["CLUSTER", "MYID"])]);
            replica.in_step().await;
        }
        let replicas = cluster.replicas.len();
        // Every master must know every replica: in a failover it votes only for one that it knows.
        let whole = |info: &str, nodes: &str| info.contains("state:ok") && nodes.matches("slave ").count() == replicas;
        cluster.all("a whole cluster", whole).await;
        cluster
    }

    pub fn url(&self) -> String {
        format!("redis-cluster://{}", addresses(&self.masters))
    }

    fn nodes(&self) -> impl Iterator<Item = &Server> {
        self.masters.iter().chain(&self.replicas)
    }

    /// Waits until something is true of what every node says in CLUSTER INFO and NODES.
    async fn all(&self, what: &str, is: impl Fn(&str, &str) -> bool) {
        for node in self.nodes() {
            let says = |about| node.command(&["CLUSTER", about]);
            until(ASSEMBLY, what, || ready(is(&says("INFO"), &says("NODES")).then_some(()))).await;
        }
    }
}

fn addresses(servers: &[Server]) -> String {
    servers.iter().map(|server| format!("127.0.0.1:{}", server.port)).collect::<Vec<_>>().join(",")
}

fn spawn(folder: &tempfile::TempDir, arguments: &[String]) -> Child {
    let log = File::options().create(true).append(true).open(folder.path().join("log")).expect("a log");
    let errors = log.try_clone().expect("a log");
    let mut command = Command::new("redis-server");
    command.args(arguments).current_dir(folder.path()).stdin(Stdio::null()).stdout(log).stderr(errors);
    command.spawn().unwrap_or_else(|error| panic!("no redis-server ({error}): install Debian's package redis-server"))
}

/// One command over a connection of its own.
fn ask(port: u16, words: &[&str]) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, port).into(), SOON)?;
    stream.set_read_timeout(Some(SOON))?;
    let mut request = format!("*{}\r\n", words.len());
    for word in words {
        request += &format!("${}\r\n{word}\r\n", word.len());
    }
    stream.write_all(request.as_bytes())?;
    read(&mut BufReader::new(stream))
}

/// One answer as text; an error is an error.
fn read(from: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    from.read_line(&mut line)?;
    let (kind, rest) = line.trim_end().split_at_checked(1).ok_or(io::ErrorKind::UnexpectedEof)?;
    let length = || rest.parse::<usize>().map_err(io::Error::other);
    match kind {
        "+" | ":" => Ok(rest.to_owned()),
        "-" => Err(io::Error::other(rest)),
        "$" | "*" if rest == "-1" => Ok("(nil)".to_owned()),
        "$" => {
            let mut text = vec![0; length()? + 2];
            from.read_exact(&mut text)?;
            Ok(String::from_utf8_lossy(&text[..text.len() - 2]).into_owned())
        }
        "*" => Ok((0..length()?).map(|_| read(from)).collect::<io::Result<Vec<_>>>()?.join("\n")),
        _ => Err(io::Error::other(format!("not an answer: {line:?}"))),
    }
}
