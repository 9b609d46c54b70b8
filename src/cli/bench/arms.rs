//! The servers that are compared: the running gateway and the ceilings, which are
//! started here as child processes of the same program.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use super::connection::Target;
use super::{CeilingKind, STORE_VARIABLE};
use crate::cli::Failure;

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arm {
    /// The gateway.
    Gateway,
    /// A server that makes the gateway's store calls and nothing else.
    SameCalls,
    /// A server that makes one of them.
    OneCall,
    /// A server that parses the request.
    Parse,
}

impl Arm {
    pub const ALL: [Arm; 4] = [Arm::Gateway, Arm::SameCalls, Arm::OneCall, Arm::Parse];

    pub fn as_str(self) -> &'static str {
        match self {
            Arm::Gateway => "gateway",
            Arm::SameCalls => CeilingKind::SameCalls.as_str(),
            Arm::OneCall => CeilingKind::OneCall.as_str(),
            Arm::Parse => CeilingKind::Parse.as_str(),
        }
    }
}

/// All of them, reachable.
pub struct Arms {
    targets: [Arc<Target>; Arm::ALL.len()],
    /// Held for as long as they are asked.
    _ceilings: Vec<Ceiling>,
}

impl Arms {
    /// The gateway and, started now, the ceilings over the same store.
    pub async fn start(gateway: Arc<Target>, store: &str, relaxed: bool) -> Result<Self, Failure> {
        let same = Ceiling::start(CeilingKind::SameCalls, store, relaxed).await?;
        let one = Ceiling::start(CeilingKind::OneCall, store, relaxed).await?;
        let parse = Ceiling::start(CeilingKind::Parse, store, relaxed).await?;
        let targets = [gateway, same.target()?, one.target()?, parse.target()?];
        Ok(Arms { targets, _ceilings: vec![same, one, parse] })
    }

    pub fn target(&self, arm: Arm) -> &Arc<Target> {
        &self.targets[arm as usize]
    }
}

/// A ceiling that runs. Its standard input is open for as long as we live, so that
/// it ends with us however we end.
struct Ceiling {
    _process: Process,
    address: SocketAddr,
}

/// Ended when dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; it holds nothing that could be lost.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Ceiling {
    async fn start(kind: CeilingKind, store: &str, relaxed: bool) -> Result<Self, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["bench-ceiling", "--listen", "127.0.0.1:0", "--kind", kind.as_str()]);
        if relaxed {
            command.arg("--relaxed-limits");
        }
        // Not as an argument: a store's URL may hold a password.
        command.env(STORE_VARIABLE, store).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Process(command.spawn()?);
        let out = process.0.stdout.take();
        let line = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            out.map(|out| BufReader::new(out).read_line(&mut line)).transpose().map(|_| line)
        });
        let address = line.await??.trim().parse::<SocketAddr>();
        // Its own line on standard error says why.
        let address = address.map_err(|_| format!("the ceiling {} did not start", kind.as_str()))?;
        Ok(Ceiling { _process: process, address })
    }

    fn target(&self) -> Result<Arc<Target>, Failure> {
        Target::new(&format!("http://{}", self.address), "").map(Arc::new)
    }
}
