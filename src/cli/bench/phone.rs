//! The sandbox phone of the gateway under load: one reader looks at its list and
//! hands each new message to the person who waits for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::Method;
use serde::Deserialize;
use tokio::sync::oneshot;
use tokio::time::{Instant, MissedTickBehavior};

use super::connection::{Connection, Kind, Target, read};

/// How often the list is read: how exactly `delivered` can be told.
const LOOK_EVERY: Duration = Duration::from_millis(25);
/// Most messages that the gateway gives at once.
const MOST: usize = 10_000;
/// Messages that are asked for beyond those that are likely new.
const SPARE: usize = 32;

/// A message as it was seen on the phone.
pub struct Message {
    /// The code in it, if there is one.
    pub code: Option<String>,
    /// When it was seen.
    pub seen: Instant,
}

/// Those who wait for a message, by number.
#[derive(Default)]
pub struct Phone {
    waiting: Mutex<HashMap<String, oneshot::Sender<Message>>>,
}

/// A message that somebody waits for. Dropped, it is waited for no more.
pub struct Expected<'a> {
    phone: &'a Phone,
    to: &'a str,
    message: oneshot::Receiver<Message>,
}

impl Phone {
    fn waiting(&self) -> MutexGuard<'_, HashMap<String, oneshot::Sender<Message>>> {
        self.waiting.lock().expect("no panic while held")
    }

    /// Waits for the message to a number, from before it can have been sent.
    pub fn expect<'a>(&'a self, to: &'a str) -> Expected<'a> {
        let (sender, message) = oneshot::channel();
        self.waiting().insert(to.to_owned(), sender);
        Expected { phone: self, to, message }
    }

    fn hand_out(&self, items: &[Item]) {
        let seen = Instant::now();
        let mut waiting = self.waiting();
        for item in items {
            if let Some(person) = waiting.remove(&item.to) {
                // Whoever waited may have given up.
                let _ = person.send(Message { code: code_in(&item.body), seen });
            }
        }
    }
}

impl Expected<'_> {
    /// The message, if it comes within this time.
    pub async fn within(&mut self, wait: Duration) -> Option<Message> {
        tokio::time::timeout(wait, &mut self.message).await.ok()?.ok()
    }
}

impl Drop for Expected<'_> {
    fn drop(&mut self) {
        self.phone.waiting().remove(self.to);
    }
}

#[derive(Deserialize)]
struct Item {
    id: String,
    to: String,
    body: String,
}

/// Reads what is new on the list. The list only grows, at its end.
pub struct Reader {
    connection: Connection,
    /// The newest message that was read.
    last: Option<String>,
    /// How many are asked for: about twice as many as were new the last time.
    ask: usize,
}

impl Reader {
    /// A reader for whom all that is on the list now is old.
    pub async fn open(target: Arc<Target>) -> Result<Self, Kind> {
        let mut reader = Reader { connection: Connection::new(target), last: None, ask: SPARE };
        reader.last = reader.newest(1).await?.pop().map(|item| item.id);
        Ok(reader)
    }

    /// Hands out what is new, for as long as it is polled; tells of reads that failed.
    pub async fn hand_to(&mut self, phone: &Phone, failed: impl Fn(Kind)) {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            match self.news().await {
                Ok(items) => phone.hand_out(&items),
                Err(kind) => failed(kind),
            }
        }
    }

    async fn newest(&mut self, most: usize) -> Result<Vec<Item>, Kind> {
        let path = format!("/sandbox/messages?limit={most}");
        read(&self.connection.exchange(Method::GET, &path, Bytes::new()).await?.success()?)
    }

    async fn news(&mut self) -> Result<Vec<Item>, Kind> {
        loop {
            let mut items = self.newest(self.ask).await?;
            let read = items.iter().rposition(|item| self.last.as_ref() == Some(&item.id));
            // None of them was read before, and there may be more: the answer has a gap.
            if read.is_none() && items.len() >= self.ask && self.ask < MOST {
                self.ask = (self.ask * 4).min(MOST);
                continue;
            }
            let new = items.split_off(read.map_or(0, |read| read + 1));
            self.ask = (2 * new.len() + SPARE).min(MOST);
            if let Some(newest) = new.last() {
                self.last = Some(newest.id.clone());
            }
            return Ok(new);
        }
    }
}

/// The first run of 4 to 10 figures: our own words hold no other, and come after it.
fn code_in(body: &str) -> Option<String> {
    body.split(|c: char| !c.is_ascii_digit()).find(|run| (4..=10).contains(&run.len())).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_found_in_the_words() {
        let text = "482917 is your otp-gateway code. It is valid for 10 min. Do not share it with anyone.";
        assert_eq!(code_in(text).as_deref(), Some("482917"));
        assert_eq!(code_in("Shop 24: 0471, valid for 10 min").as_deref(), Some("0471"));
        assert_eq!(code_in("Hello"), None);
    }

    #[tokio::test]
    async fn each_message_reaches_whoever_waits_for_it() {
        let phone = Phone::default();
        let (mut mine, mut other) = (phone.expect("+819012345678"), phone.expect("+819087654321"));
        let item = |to: &str, body: &str| Item { id: "sbx_1".into(), to: to.into(), body: body.into() };
        phone.hand_out(&[item("+819012345678", "482917 is your code"), item("+819011111111", "nobody's")]);
        assert_eq!(mine.within(Duration::from_secs(1)).await.unwrap().code.as_deref(), Some("482917"));
        assert!(other.within(Duration::from_millis(1)).await.is_none());
        drop((mine, other));
        assert!(phone.waiting().is_empty());
    }
}
