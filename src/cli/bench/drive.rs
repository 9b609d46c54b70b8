//! Drives one server to its limit: every connection asks again as soon as it is
//! answered. Owns what such a round measured, with the deliveries that were left
//! undone, so that no throughput is bought by a backlog.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::Method;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::connection::{Connection, Target};
use super::load::{START, start_body};
use super::measure::Errors;
use super::numbers::Numbers;

/// The gauge of deliveries that were accepted and are not yet with a carrier.
pub const UNDONE: &str = "otp_deliveries_running";
/// How long deliveries may take to be done after a round.
const DRAINED_WITHIN: Duration = Duration::from_secs(60);
/// How often it is looked whether they are.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What one round of one server measured.
#[derive(Debug, Clone, Default)]
pub struct Driven {
    /// Starts that were answered well.
    pub starts: u64,
    /// How long that took.
    pub took: Duration,
    /// Deliveries undone when the last start was answered; `None` if the server does not tell.
    pub undone: Option<u64>,
    /// How long those took from then on.
    pub drained: Duration,
    /// What went wrong.
    pub errors: Errors,
}

impl Driven {
    /// Starts answered in a second.
    pub fn starts_per_second(&self) -> f64 {
        self.starts as f64 / self.took.as_secs_f64()
    }

    /// Starts answered and delivered in a second: the time until the last delivery
    /// was done counts too.
    pub fn delivered_per_second(&self) -> f64 {
        self.starts as f64 / (self.took + self.drained).as_secs_f64()
    }
}

/// Drives a server for so long, then waits until its deliveries are done.
pub async fn drive(target: &Arc<Target>, numbers: &Arc<Numbers>, connections: usize, length: Duration) -> Driven {
    let begin = Instant::now();
    let mut drivers = JoinSet::new();
    for _ in 0..connections {
        drivers.spawn(ask_until(begin + length, Connection::new(target.clone()), numbers.clone()));
    }
    let mut driven = Driven::default();
    while let Some(one) = drivers.join_next().await {
        let (starts, errors) = one.expect("a driver does not panic");
        driven.starts += starts;
        driven.errors.merge(errors);
    }
    driven.took = begin.elapsed();
    let mut connection = Connection::new(target.clone());
    let ended = Instant::now();
    driven.undone = undone(&mut connection).await;
    let mut left = driven.undone;
    while left.is_some_and(|left| left > 0) && ended.elapsed() < DRAINED_WITHIN {
        tokio::time::sleep(LOOK_EVERY).await;
        left = undone(&mut connection).await;
        driven.drained = ended.elapsed();
    }
    if left.is_some_and(|left| left > 0) {
        driven.errors.add("deliveries_left_undone".into());
    }
    driven
}

async fn ask_until(ends: Instant, mut connection: Connection, numbers: Arc<Numbers>) -> (u64, Errors) {
    let (mut starts, mut errors) = (0, Errors::default());
    while Instant::now() < ends {
        let answer = connection.exchange(Method::POST, START, start_body(&numbers.next())).await;
        match answer.and_then(|answer| answer.success()) {
            Ok(_) => starts += 1,
            Err(kind) => {
                errors.add(kind);
                // A server that refuses at once is not asked in a tight loop.
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
    (starts, errors)
}

async fn undone(connection: &mut Connection) -> Option<u64> {
    let answer = connection.exchange(Method::GET, "/metrics", Bytes::new()).await.ok()?;
    gauge(std::str::from_utf8(&answer.success().ok()?).ok()?)
}

fn gauge(metrics: &str) -> Option<u64> {
    metrics.lines().find_map(|line| line.strip_prefix(UNDONE)?.strip_prefix(' ')?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use axum::Router;
    use axum::http::StatusCode;
    use axum::routing::{get, post};
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn the_backlog_is_read_from_the_metrics() {
        let metrics = "# TYPE otp_deliveries_running gauge\notp_deliveries_running 17\n# EOF\n";
        assert_eq!(gauge(metrics), Some(17));
        assert_eq!(gauge(&crate::telemetry::Metrics::default().encode()), Some(0));
        assert_eq!(gauge("not found"), None);
    }

    #[tokio::test]
    async fn a_server_is_driven_and_its_backlog_waited_for() {
        let left = Arc::new(AtomicU64::new(3));
        let metrics = move || {
            let left = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).unwrap_or(0);
            async move { format!("{UNDONE} {left}\n") }
        };
        let router = Router::new().route(START, post(async || StatusCode::CREATED)).route("/metrics", get(metrics));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });

        let (target, numbers) = (Target::new(&url, "demo-key").unwrap().into(), Numbers::starting_at(0).into());
        let driven = drive(&target, &numbers, 2, Duration::from_millis(50)).await;
        assert!(driven.starts > 0 && driven.errors.total() == 0, "{driven:?}");
        assert_eq!(driven.undone, Some(3));
        assert!(driven.drained >= 3 * LOOK_EVERY, "{driven:?}");
    }

    #[test]
    fn a_backlog_counts_against_the_throughput() {
        let (took, drained) = (Duration::from_secs(5), Duration::from_secs(5));
        let driven = Driven { starts: 50_000, took, drained, ..Driven::default() };
        assert_eq!((driven.starts_per_second(), driven.delivered_per_second()), (10_000.0, 5_000.0));
    }
}
