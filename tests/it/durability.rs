//! A start is answered 201 only after its data is on disk: seen from outside, in
//! the system calls.

use std::process::{Child, Command};
use std::time::Duration;

use crate::gateway::{Gateway, SOON, until};

/// A trace of a running program.
struct Trace {
    strace: Child,
    file: tempfile::NamedTempFile,
}

impl Trace {
    async fn of(pid: u32) -> Trace {
        let file = tempfile::NamedTempFile::new().unwrap();
        let strace = Command::new("strace")
            .args(["-f", "-qq", "-s", "80", "-e", "signal=none"])
            .args(["-e", "trace=fdatasync,fsync,read,recvfrom,write,writev,sendto,sendmsg"])
            .arg("-o")
            .arg(file.path())
            .args(["-p", &pid.to_string()])
            .spawn()
            .expect("strace starts; ./test installs it");
        until(SOON, "strace's attachment", || async {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
            let tracer = status.lines().find_map(|line| line.strip_prefix("TracerPid:"))?.trim();
            (tracer != "0").then_some(())
        })
        .await;
        Trace { strace, file }
    }

    /// Ends the trace and gives its lines.
    fn end(mut self) -> Vec<String> {
        Command::new("kill").args(["-INT", &self.strace.id().to_string()]).status().unwrap();
        self.strace.wait().unwrap();
        std::fs::read_to_string(self.file.path()).unwrap().lines().map(str::to_owned).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_is_on_disk_before_it_is_answered() {
    let gateway = Gateway::demo();
    gateway.start(&gateway.number()).await;
    let trace = Trace::of(gateway.pid()).await;
    for _ in 0..3 {
        gateway.start(&gateway.number()).await;
        // Each alone: no sync of one start's delivery falls into the next one's.
        tokio::time::sleep(Duration::from_millis(600)).await;
    }
    let lines = trace.end();
    let place = |from: usize, text: &str| lines[from..].iter().position(|line| line.contains(text)).map(|i| i + from);
    let (mut from, mut starts) = (0, 0);
    while let Some(asked) = place(from, "POST /v1/verifications") {
        let answered = place(asked, "HTTP/1.1 201").expect("the start was answered");
        let synced = |line: &&String| line.contains("fdatasync") && line.trim_end().ends_with("= 0");
        let syncs = lines[asked..answered].iter().filter(synced).count();
        assert!(syncs >= 1, "nothing was synced between:\n{}", lines[asked..=answered].join("\n"));
        (from, starts) = (answered, starts + 1);
    }
    assert_eq!(starts, 3, "{}", lines.join("\n"));
}
