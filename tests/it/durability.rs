//! On disk before the answer, seen from outside: strace lists the system calls of
//! a running gateway. Between the one that received a start and the one that sent
//! its 201, the record went into the store's log and the log was synced.

use std::collections::HashMap;
use std::path::Path;
use std::process::{Child, Command};

use reqwest::{Method, RequestBuilder};
use serde_json::json;

use crate::gateway::{Gateway, SOON, until};

const REPEATS: usize = 3;
/// Everything that brings a request, writes a file, syncs it, or sends an answer.
const CALLS: &str = "trace=fdatasync,fsync,read,write,pwrite64,recvfrom,recvmsg,sendto,sendmsg,writev";
const LOG: &str = "gateway.db-wal";

#[tokio::test(flavor = "multi_thread")]
async fn a_start_is_on_disk_before_it_is_answered() {
    let gateway = Gateway::demo();
    let trace = Trace::attach(gateway.pid()).await;
    let mut ids = Vec::new();
    for n in 0..REPEATS {
        let start = gateway.request(Method::POST, "/v1/verifications").json(&json!({ "to": gateway.number() }));
        let answer = gateway.send(marked(start, n)).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        ids.push(answer.id());
    }
    // What the trace has of the last answer is whole once the next request is answered.
    gateway.get("/healthz").await;
    let calls = trace.detach();
    for (n, id) in ids.iter().enumerate() {
        let (received, sent) = exchange(&calls, "POST /v1/verifications", n, "HTTP/1.1 201");
        assert!(
            calls.iter().any(|write| {
                write.is("write") && write.file().contains(LOG) && write.text.contains(id) && {
                    let synced = |sync: &Call| {
                        sync.is("sync")
                            && sync.file() == write.file()
                            && sync.began > write.ended
                            && sync.text.ends_with("= 0")
                    };
                    between(&calls, received, sent).any(synced)
                }
            }),
            "start {n}: no write of {id} to {LOG} and no sync after it came between request and answer:\n{}",
            between(&calls, received, sent).map(Call::to_string).collect::<String>()
        );
    }
}

/// So that the test above is known to see the start's own sync: a read has none.
#[tokio::test(flavor = "multi_thread")]
async fn a_read_waits_for_no_disk() {
    let gateway = Gateway::demo();
    let id = gateway.start(&gateway.number()).await;
    gateway.delivery(&id, 1, "delivered").await;
    let trace = Trace::attach(gateway.pid()).await;
    for n in 0..REPEATS {
        let read = gateway.request(Method::GET, &format!("/v1/verifications/{id}"));
        assert_eq!(gateway.send(marked(read, n)).await.status, 200);
    }
    let calls = trace.detach();
    let syncs = |n| {
        let (received, sent) = exchange(&calls, "GET /v1/verifications/ver_", n, "HTTP/1.1 200");
        between(&calls, received, sent).filter(|call| call.is("sync")).count()
    };
    let syncs: Vec<usize> = (0..REPEATS).map(syncs).collect();
    // The end of the delivery may still be written beside one of them. If a read
    // waited for the disk, all of them would.
    assert!(syncs.contains(&0), "syncs during each read: {syncs:?}");
}

fn marked(request: RequestBuilder, n: usize) -> RequestBuilder {
    request.header("x-mark", format!("{n};"))
}

/// strace on a running program.
struct Trace {
    strace: Child,
    file: tempfile::NamedTempFile,
}

impl Trace {
    /// Attaches to all threads of a process and waits until it holds them.
    async fn attach(pid: u32) -> Self {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut strace = Command::new("strace")
            .args(["-f", "-qq", "-y", "-s", "8192", "-e", "signal=none", "-e", CALLS, "-p", &pid.to_string(), "-o"])
            .arg(file.path())
            .spawn()
            .expect("the tests need Debian's package strace; ./test installs it");
        until(SOON, "strace's hold on the gateway", || {
            let ended = strace.try_wait().unwrap();
            assert!(ended.is_none(), "strace ended: it needs root, or kernel.yama.ptrace_scope = 0");
            let held = is_held(pid);
            async move { held.then_some(()) }
        })
        .await;
        Trace { strace, file }
    }

    /// Lets the process go: what it called meanwhile, in order.
    fn detach(mut self) -> Vec<Call> {
        assert!(Command::new("kill").args(["-INT", &self.strace.id().to_string()]).status().unwrap().success());
        self.strace.wait().unwrap();
        calls(&String::from_utf8_lossy(&std::fs::read(self.file.path()).unwrap()))
    }
}

fn is_held(pid: u32) -> bool {
    let threads = std::fs::read_dir(Path::new("/proc").join(pid.to_string()).join("task")).expect("the gateway runs");
    threads.flatten().all(|thread| {
        // It may have ended since.
        std::fs::read_to_string(thread.path().join("status")).is_ok_and(|status| !status.contains("TracerPid:\t0\n"))
    })
}

/// A system call as strace printed it, and the lines where it began and ended.
#[derive(Debug, PartialEq)]
struct Call {
    text: String,
    began: usize,
    ended: usize,
}

impl Call {
    /// Whether the call's name contains a word.
    fn is(&self, word: &str) -> bool {
        self.text.split('(').next().is_some_and(|name| name.contains(word))
    }

    /// The first argument: `9</folder/gateway.db-wal>`.
    fn file(&self) -> &str {
        let arguments = self.text.split_once('(').map_or("", |(_, arguments)| arguments);
        arguments.split([',', ')']).next().unwrap_or_default()
    }
}

impl std::fmt::Display for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{:6}-{}: {:.160}", self.began, self.ended, self.text)
    }
}

/// Reads strace's output. A call that another thread's call interrupts is printed in two lines.
fn calls(printed: &str) -> Vec<Call> {
    let mut calls = Vec::new();
    let mut unfinished = HashMap::new();
    for (line, text) in printed.lines().enumerate() {
        let Some((thread, text)) = text.split_once(' ').map(|(thread, text)| (thread, text.trim_start())) else {
            continue;
        };
        if let Some(first) = text.strip_suffix(" <unfinished ...>") {
            unfinished.insert(thread, (line, first));
        } else if let Some((_, rest)) = text.strip_prefix("<... ").and_then(|text| text.split_once(" resumed>")) {
            if let Some((began, first)) = unfinished.remove(thread) {
                calls.push(Call { text: format!("{first}{rest}"), began, ended: line });
            }
        } else {
            calls.push(Call { text: text.to_owned(), began: line, ended: line });
        }
    }
    calls.sort_by_key(|call| call.began);
    calls
}

/// The call that received the n-th marked request, and the one that sent its answer.
fn exchange<'a>(calls: &'a [Call], request: &str, n: usize, answer: &str) -> (&'a Call, &'a Call) {
    let mark = format!("x-mark: {n};");
    let is_request = |call: &&Call| call.text.contains(request) && call.text.contains(&mark);
    let received = calls.iter().find(is_request).unwrap_or_else(|| panic!("{request} {n} is not in the trace"));
    let is_answer = |call: &&Call| {
        call.began > received.ended && call.file() == received.file() && call.text.contains(&format!("\"{answer}"))
    };
    let sent =
        calls.iter().find(is_answer).unwrap_or_else(|| panic!("the answer to {request} {n} is not in the trace"));
    (received, sent)
}

/// What began after the request was there and ended before the answer went out.
fn between<'a>(calls: &'a [Call], received: &'a Call, sent: &'a Call) -> impl Iterator<Item = &'a Call> {
    calls.iter().filter(|call| call.began > received.ended && call.ended < sent.began)
}

#[test]
fn calls_in_two_lines_are_put_together() {
    let printed = "7  recvfrom(5<socket:[1]>, \"POST\", 9, 0, NULL, NULL) = 4\n\
                   8  fdatasync(3</x/gateway.db-wal> <unfinished ...>\n\
                   7  read(4, \"\", 1) = 0\n\
                   8  <... fdatasync resumed>) = 0\n";
    let calls = calls(printed);
    assert_eq!(calls.len(), 3);
    assert_eq!(calls[1], Call { text: "fdatasync(3</x/gateway.db-wal>) = 0".into(), began: 1, ended: 3 });
    assert!(calls[1].is("sync") && calls[1].file() == "3</x/gateway.db-wal>");
    assert_eq!(calls[0].file(), "5<socket:[1]>");
}
