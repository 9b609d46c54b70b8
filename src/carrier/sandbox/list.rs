//! The append-only list: one JSON line each, synced to disk before `append`
//! answers. Lines that arrive together share one sync. A last line that a crash
//! cut off is dropped when the file is opened.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::outcome::Outcome;
use crate::model::{AttemptId, Cause, Channel, Locale, Ms, Part, Progress};

/// How many items are held in memory: the most that can be asked for.
pub const HELD: usize = 10_000;

/// An SMS that arrived, or a call that rang.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// `sbx_` and a number that grows.
    pub id: String,
    /// Our attempt.
    pub attempt: AttemptId,
    /// The carrier that brought it.
    pub carrier: String,
    /// The whole number.
    pub to: String,
    /// SMS or voice.
    pub channel: Channel,
    /// The text, or the words of the whole call.
    pub body: String,
    /// The language that a call speaks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<Locale>,
    /// What a call says, to compose its audio.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parts: Option<Vec<Part>>,
    /// When it arrived or first rang.
    pub at: Ms,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallOutcome {
    /// Somebody answered, whatever they pressed.
    Answered,
    /// It was declined.
    Declined,
    /// Nobody answered.
    NoAnswer,
    /// The line was busy.
    Busy,
    /// A machine answered.
    Machine,
    /// The gateway hung up: it was not needed any more.
    Canceled,
}

impl CallOutcome {
    /// The same as a carrier's report.
    pub fn progress(self) -> Progress {
        match self {
            CallOutcome::Answered => Progress::Failed(Cause::NotAcknowledged),
            CallOutcome::Declined => Progress::Failed(Cause::Declined),
            CallOutcome::NoAnswer | CallOutcome::Canceled => Progress::Failed(Cause::NoAnswer),
            CallOutcome::Busy => Progress::Failed(Cause::Busy),
            CallOutcome::Machine => Progress::Failed(Cause::AnsweredByMachine),
        }
    }
}

/// One line of the file.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// An item arrived.
    Item(Item),
    /// A call ended.
    Ended {
        /// Its item.
        id: String,
        /// How.
        outcome: CallOutcome,
    },
    /// An outcome was set.
    Outcome(Outcome),
    /// The outcomes of one number, or all of them, were forgotten.
    Cleared(Option<String>),
}

#[derive(Default)]
struct Held {
    items: Vec<Arc<Item>>,
    ended: HashMap<String, CallOutcome>,
}

impl Held {
    fn take(&mut self, line: Line) {
        match line {
            Line::Item(item) => {
                if self.items.len() >= HELD + HELD / 10 {
                    for old in self.items.drain(..HELD / 10) {
                        self.ended.remove(&old.id);
                    }
                }
                self.items.push(Arc::new(item));
            }
            Line::Ended { id, outcome } => {
                self.ended.insert(id, outcome);
            }
            Line::Outcome(_) | Line::Cleared(_) => {}
        }
    }
}

type Append = (Line, oneshot::Sender<io::Result<()>>);

/// The list, in memory and on disk.
pub struct List {
    held: Arc<Mutex<Held>>,
    /// `None`: what arrives is forgotten.
    queue: Option<mpsc::Sender<Append>>,
    next: AtomicU64,
}

impl List {
    /// A list that keeps nothing, for load tests: nothing waits for a disk.
    pub fn none() -> Self {
        List { held: Arc::default(), queue: None, next: AtomicU64::new(1) }
    }

    /// Opens the file and reads what it holds: the list and the outcomes in force.
    pub fn open(path: &Path) -> io::Result<(Self, Vec<Outcome>)> {
        let mut file = private_file(path)?;
        let text = std::fs::read(path)?;
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        if whole < text.len() {
            file.set_len(whole as u64)?;
        }
        let (mut held, mut outcomes, mut last) = (Held::default(), Vec::<Outcome>::new(), 0);
        for line in text[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let Ok(line) = serde_json::from_slice::<Line>(line) else { continue };
            match &line {
                Line::Item(item) => {
                    last = item.id.strip_prefix("sbx_").and_then(|n| n.parse().ok()).unwrap_or(last).max(last);
                }
                Line::Outcome(outcome) => {
                    outcomes.retain(|row| !row.same_place(outcome));
                    outcomes.push(outcome.clone());
                }
                Line::Cleared(to) => outcomes.retain(|row| to.is_some() && row.to != *to),
                Line::Ended { .. } => {}
            }
            held.take(line);
        }
        let held = Arc::new(Mutex::new(held));
        let (queue, lines) = mpsc::channel();
        let for_thread = held.clone();
        std::thread::Builder::new()
            .name("sandbox-list".into())
            .spawn(move || write(&mut file, &for_thread, &lines))
            .map_err(|error| io::Error::other(format!("cannot start the list's thread: {error}")))?;
        Ok((List { held, queue: Some(queue), next: AtomicU64::new(last + 1) }, outcomes))
    }

    /// An id for the next item.
    pub fn next_id(&self) -> String {
        format!("sbx_{}", self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// Appends a line; it is on disk when this answers.
    pub async fn append(&self, line: Line) -> io::Result<()> {
        let Some(queue) = &self.queue else { return Ok(()) };
        let (reply, answer) = oneshot::channel();
        let gone = || io::Error::other("the list's thread has ended");
        queue.send((line, reply)).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// All items held, oldest first.
    pub fn items(&self) -> Vec<Arc<Item>> {
        self.held.lock().expect("no panic while held").items.clone()
    }

    /// How a call ended, if it has.
    pub fn ended(&self, id: &str) -> Option<CallOutcome> {
        self.held.lock().expect("no panic while held").ended.get(id).copied()
    }
}

/// Readable by its owner only: the list holds whole numbers and codes.
fn private_file(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn write(file: &mut File, held: &Mutex<Held>, lines: &mpsc::Receiver<Append>) {
    while let Ok(first) = lines.recv() {
        let batch: Vec<Append> = std::iter::once(first).chain(lines.try_iter().take(255)).collect();
        let mut text = Vec::new();
        for (line, _) in &batch {
            serde_json::to_writer(&mut text, line).expect("a line is plain data");
            text.push(b'\n');
        }
        let length = file.metadata().map(|meta| meta.len());
        let written = file.write_all(&text).and_then(|()| file.sync_data());
        if let (Err(_), Ok(length)) = (&written, length) {
            // Half a line would spoil the next one.
            let _ = file.set_len(length);
        }
        for (line, reply) in batch {
            let result = match &written {
                Ok(()) => {
                    held.lock().expect("no panic while held").take(line);
                    Ok(())
                }
                Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
            };
            // Whoever asked may be gone; the line stands.
            let _ = reply.send(result);
        }
    }
}
