//! Structured logs on standard error.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

/// Starts logging for this process: `level` is a level or a filter such as
/// `otp_gateway=debug`. A second call changes nothing, so tests may share a process.
pub fn start_logs(json: bool, level: &str) -> Result<(), String> {
    let filter = EnvFilter::try_new(level).map_err(|error| format!("log.level {level:?} cannot be read: {error}"))?;
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_span_events(FmtSpan::NONE)
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let _ = if json { logs.json().flatten_event(true).try_init() } else { logs.compact().try_init() };
    Ok(())
}
