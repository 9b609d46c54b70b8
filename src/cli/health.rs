//! `health`: for health checks where no other HTTP client is at hand.

use std::time::Duration;

use super::client::why;
use super::{Failure, runtime};

/// Longest wait for the whole answer.
const PATIENCE: Duration = Duration::from_secs(3);

pub fn ask(url: &str) -> Result<bool, Failure> {
    let address = format!("{}/readyz", url.trim_end_matches('/'));
    runtime()?.block_on(async {
        let http = reqwest::Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none()).build()?;
        let response = http.get(&address).send().await.map_err(|error| {
            let why = why(&error);
            Failure(format!("{url} {why}; is the gateway running?"))
        })?;
        match response.status().is_success() {
            true => Ok(true),
            false => Err(Failure(format!("{url} is not ready ({}); its log says why", response.status()))),
        }
    })
}
