//! The line that shows how a load stands while it runs, on standard error: one
//! that rewrites itself each second on a terminal, one every five seconds elsewhere.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use tokio::time::Instant;

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Not at all.
    Silent,
    /// One line that is written over.
    OneLine,
    /// A new line each time.
    Lines,
}

impl Progress {
    /// What suits standard error; nothing for scripts.
    pub fn suited(json: bool) -> Self {
        match (json, std::io::stderr().is_terminal()) {
            (true, _) => Progress::Silent,
            (false, true) => Progress::OneLine,
            (false, false) => Progress::Lines,
        }
    }

    /// Shows `line` again and again, for as long as it is polled.
    pub async fn show(self, line: impl Fn() -> String) {
        let every = match self {
            Progress::Silent => return std::future::pending().await,
            Progress::OneLine => Duration::from_secs(1),
            Progress::Lines => Duration::from_secs(5),
        };
        let begin = Instant::now();
        loop {
            tokio::time::sleep(every).await;
            self.write(&format!("{:>4} s  {}", begin.elapsed().as_secs(), line()));
        }
    }

    /// Shows one step of something longer.
    pub fn step(self, line: &str) {
        if self != Progress::Silent {
            self.write(line);
        }
    }

    fn write(self, line: &str) {
        let (before, after) = if self == Progress::OneLine { ("\r", "\x1b[K") } else { ("", "\n") };
        // A closed standard error does not end a load.
        let _ = write!(std::io::stderr(), "{before}{line}{after}");
    }

    /// Leaves the terminal as it was.
    pub fn end(self) {
        if self == Progress::OneLine {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
