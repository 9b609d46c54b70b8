//! Runs commands of the program to their end.

use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::gateway::{collect, program, until};

/// What a command of the program printed, and its exit code.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// Runs a command of the program to its end.
pub async fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
    run_within(Duration::from_secs(30), arguments, variables).await
}

/// The same for one that may take its time.
pub async fn run_within(limit: Duration, arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
    let mut child = Command::new(program())
        .args(arguments)
        .env_remove("OTP_API_KEY")
        .env_remove("OTP_URL")
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program was built for this test");
    let [out, err] = [(); 2].map(|()| Arc::new(Mutex::new(String::new())));
    let readers =
        [collect(child.stdout.take().unwrap(), out.clone()), collect(child.stderr.take().unwrap(), err.clone())];
    let ended = until(limit, "the end of a command", || {
        let ended = child.try_wait().unwrap();
        async move { ended }
    })
    .await;
    for reader in readers {
        reader.join().expect("reading does not panic");
    }
    let text = |of: Arc<Mutex<String>>| of.lock().unwrap().clone();
    Ran { code: ended.code(), out: text(out), err: text(err) }
}
