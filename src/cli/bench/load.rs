//! The load: people who begin at a given rate, whatever the answers. Owns the way
//! of one person (start, wait for the message, check) and what of it is timed.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::body::Bytes;
use serde::Deserialize;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::connection::{Kind, Pool, Target, read};
use super::measure::{Step, Tally};
use super::numbers::Numbers;
use super::phone::{Phone, Reader};
use super::progress::Progress;
use crate::model::{RecordId, Status};

/// Where a person begins.
pub const START: &str = "/v1/verifications";
/// A message that does not come in this time counts as `not_delivered`.
const DELIVERED_WITHIN: Duration = Duration::from_secs(30);

/// The body of a start over SMS.
pub fn start_body(to: &str) -> Bytes {
    format!(r#"{{"to":"{to}","channel":"sms"}}"#).into()
}

/// How many people come, how fast, over how many connections.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// People who begin in a second.
    pub rate: u32,
    /// For how many seconds people begin.
    pub seconds: u32,
    /// Connections that they share.
    pub connections: usize,
}

impl Pace {
    fn people(self) -> u64 {
        u64::from(self.rate) * u64::from(self.seconds)
    }

    /// When the k-th person is to begin, from 0.
    fn due(self, k: u64) -> Duration {
        Duration::from_secs_f64(k as f64 / f64::from(self.rate))
    }
}

#[derive(Deserialize)]
struct Started {
    id: RecordId,
}

#[derive(Deserialize)]
struct Checked {
    status: Status,
}

/// The people, and what they share.
struct Crowd {
    pool: Pool,
    numbers: Arc<Numbers>,
    /// `None`: they only start.
    phone: Option<Phone>,
    tally: Mutex<Tally>,
}

/// Runs a load to its end. Without a reader people only start.
pub async fn run(
    target: Arc<Target>,
    numbers: Arc<Numbers>,
    reader: Option<Reader>,
    pace: Pace,
    progress: Progress,
) -> Tally {
    let crowd = Arc::new(Crowd {
        pool: Pool::new(target, pace.connections),
        numbers,
        phone: reader.is_some().then(Phone::default),
        tally: Mutex::default(),
    });
    let read = async {
        match (reader, &crowd.phone) {
            (Some(mut reader), Some(phone)) => {
                reader.hand_to(phone, |kind| crowd.tally().errors.add(format!("list_{kind}").into())).await;
            }
            _ => std::future::pending().await,
        }
    };
    tokio::select! {
        () = crowd.clone().all_come(pace) => {}
        () = read => {}
        () = progress.show(|| crowd.tally().line()) => {}
    }
    progress.end();
    crowd.tally().clone()
}

impl Crowd {
    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().expect("no panic while held")
    }

    async fn all_come(self: Arc<Self>, pace: Pace) {
        let begin = Instant::now();
        let mut people = JoinSet::new();
        for k in 0..pace.people() {
            let intended = begin + pace.due(k);
            tokio::time::sleep_until(intended).await;
            self.tally().begun += 1;
            let crowd = self.clone();
            people.spawn(async move {
                if let Err(kind) = crowd.person(intended).await {
                    crowd.tally().errors.add(kind);
                }
            });
            // Who is done need not be kept.
            while people.try_join_next().is_some() {}
        }
        while people.join_next().await.is_some() {}
    }

    /// One person's way. Time counts from the intended begin: a gateway that stalls
    /// does not hide those who could not even ask.
    async fn person(&self, intended: Instant) -> Result<(), Kind> {
        let to = self.numbers.next();
        let mut message = self.phone.as_ref().map(|phone| phone.expect(&to));
        let started = self.pool.post(START, start_body(&to)).await?.success()?;
        let accepted = Instant::now();
        self.tally().took(Step::Start, accepted - intended);
        let Some(message) = &mut message else { return Ok(()) };

        let message = message.within(DELIVERED_WITHIN).await.ok_or("not_delivered")?;
        // A message may be there before the start is answered.
        self.tally().took(Step::Delivered, message.seen.saturating_duration_since(accepted));
        let code = message.code.ok_or("no_code")?;

        let Started { id } = read(&started)?;
        let body = json!({ "code": code }).to_string().into();
        let checked = self.pool.post(&format!("{START}/{id}/check"), body).await?.success()?;
        if read::<Checked>(&checked)?.status != Status::Approved {
            return Err("wrong_code".into());
        }
        let mut tally = self.tally();
        tally.took(Step::Check, message.seen.max(accepted).elapsed());
        tally.took(Step::Whole, intended.elapsed());
        Ok(())
    }
}

impl Tally {
    /// How it stands, for the progress line.
    fn line(&self) -> String {
        let count = |step| self.of(step).count();
        format!(
            "begun {}, started {}, delivered {}, approved {}, errors {}, start p99 {:.2} ms",
            self.begun,
            count(Step::Start),
            count(Step::Delivered),
            count(Step::Whole),
            self.errors.total(),
            self.of(Step::Start).quantile_ms(0.99)
        )
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use axum::extract::Query;
    use axum::routing::{get, post};
    use axum::{Json, Router};
    use serde_json::Value;
    use tokio::net::TcpListener;

    use super::*;
    use crate::model::{Partition, RecordKind};

    const CODE: &str = "482917";

    /// A gateway of a few lines: a start puts its message on the list at once.
    async fn tiny_gateway() -> Arc<Target> {
        let list = Arc::new(Mutex::new(Vec::<Value>::new()));
        let phones = list.clone();
        let start = move |Json(asked): Json<Value>| {
            let mut list = phones.lock().unwrap();
            let id = format!("sbx_{}", list.len());
            list.push(json!({ "id": id, "to": asked["to"], "body": format!("{CODE} is your code") }));
            async { Json(json!({ "id": RecordId::new(RecordKind::Verification, Partition(1), [7; 14]) })) }
        };
        let messages = move |Query(asked): Query<HashMap<String, usize>>| {
            let list = list.lock().unwrap();
            let newest = list[list.len().saturating_sub(asked["limit"])..].to_vec();
            async move { Json(newest) }
        };
        let check = |Json(asked): Json<Value>| async move {
            Json(json!({ "status": if asked["code"] == CODE { "approved" } else { "pending" } }))
        };
        let router = Router::new()
            .route(START, post(start))
            .route("/sandbox/messages", get(messages))
            .route("/v1/verifications/{id}/check", post(check));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Target::new(&url, "demo-key").unwrap().into()
    }

    #[tokio::test]
    async fn everybody_gets_the_code_and_is_approved() {
        let target = tiny_gateway().await;
        let reader = Reader::open(target.clone()).await.unwrap();
        // More at once than one look asks for, and more people than connections.
        let pace = Pace { rate: 2_000, seconds: 1, connections: 4 };
        let numbers = Arc::new(Numbers::starting_at(0));
        let tally = run(target, numbers, Some(reader), pace, Progress::Silent).await;
        let counts = Step::ALL.map(|step| tally.of(step).count());
        assert_eq!((tally.begun, counts, tally.errors.total()), (2_000, [2_000; 4], 0), "{tally}");
    }

    #[tokio::test]
    async fn who_cannot_reach_the_gateway_is_counted() {
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let target = Target::new(&format!("http://{closed}"), "demo-key").unwrap().into();
        let pace = Pace { rate: 50, seconds: 1, connections: 4 };
        let tally = run(target, Arc::new(Numbers::starting_at(0)), None, pace, Progress::Silent).await;
        assert_eq!((tally.errors.total(), tally.errors.most_frequent()), (50, Some("connect")));
    }

    #[test]
    fn people_are_due_evenly_from_the_first_instant() {
        let pace = Pace { rate: 3, seconds: 2, connections: 1 };
        assert_eq!(pace.people(), 6);
        assert_eq!(pace.due(0), Duration::ZERO);
        assert_eq!(pace.due(3), Duration::from_secs(1));
    }

    #[test]
    fn a_start_is_what_the_interface_takes() {
        let body: serde_json::Value = serde_json::from_slice(&start_body("+819012345678")).unwrap();
        assert_eq!(body, json!({ "to": "+819012345678", "channel": "sms" }));
    }
}
