//! What a gateway makes before it speaks to the store: numbers, verifications with
//! sealed codes, limits and leases. For tests that speak to the store themselves.

use std::sync::atomic::{AtomicU32, Ordering};

use otp_gateway::admission::destination;
use otp_gateway::clock::Clock;
use otp_gateway::delivery::Payload;
use otp_gateway::model::{
    AskedBy, AttemptState, Channel, Currency, Digest, Locale, Money, Ms, Network, NumberLimits, RecordId, RecordKind,
    TenantId,
};
use otp_gateway::number::Numbers;
use otp_gateway::seal::{Keys, MasterKey, draw_code, random, token};
use otp_gateway::store::conformance;
use otp_gateway::store::redis::Redis;
use otp_gateway::store::{Claim, Claimed, Destination, Lease, Logged, Record, Reported, Start, Store};

use super::options;

/// A gateway's keys and its one tenant.
pub struct Maker {
    numbers: Numbers,
    keys: Keys,
    pub tenant: TenantId,
    made: AtomicU32,
}

impl Maker {
    pub fn new() -> Maker {
        let master = MasterKey::from_base64(MasterKey::generate().reveal()).expect("a key that was just made");
        let keys = Keys::wrap_new(std::slice::from_ref(&master));
        let keys = Keys::unwrap(vec![master], &keys, 128).expect("wrapped by this key");
        Maker { numbers: Numbers::new(), keys, tenant: TenantId("demo".into()), made: AtomicU32::new(0) }
    }

    /// A mobile number of Japan that this maker has not given before.
    pub fn number(&self) -> Destination {
        let text = format!("+8190{:08}", 10_000_000 + self.made.fetch_add(1, Ordering::Relaxed));
        let parsed = self.numbers.parse(&text, None).expect("a mobile number of Japan");
        destination(&self.keys, &parsed)
    }

    /// A verification of six digits. Its right code is known by the hash in it.
    pub fn verification(&self, to: &Destination, life_ms: Ms) -> Record {
        let id = RecordId::new(RecordKind::Verification, to.partition, random());
        let code = draw_code(6);
        let locale = Locale::new("en").expect("a tag");
        Record {
            code_hash: Some(self.keys.code(id, &code)),
            secret: Some(Payload { code: Some(code), text: None }.seal(&self.keys, id)),
            max_wrong: 5,
            ..Record::pending(id, &self.tenant, to.clone(), locale, Clock::System.now(), life_ms)
        }
    }

    /// Its start over SMS, held for so long.
    pub fn start(&self, record: Record, limits: NumberLimits, lease_ms: Ms) -> Start {
        let (channel, asked_by) = (Channel::Sms, AskedBy::Person);
        Start { record, channel, asked_by, limits, lease: lease(lease_ms), memo: None }
    }
}

impl Maker {
    /// The log's entry of an SMS that a carrier took for that record.
    pub fn logged(&self, id: RecordId, to: &Destination, started: Ms) -> Logged {
        let nth = self.made.fetch_add(1, Ordering::Relaxed);
        Logged {
            id: id.delivery(1).attempt(1),
            partition: to.partition,
            number: to.hash,
            tenant: self.tenant.clone(),
            channel: Channel::Sms,
            country: to.country,
            network: to.network.clone(),
            carrier: "twilio-main".into(),
            sender: Some("+15005550006".into()),
            reason: "drawn by weight, weight 100, of 2".into(),
            state: AttemptState::Submitted,
            code: None,
            cause: None,
            reference: Some(format!("SM{nth:032x}")),
            price: None,
            accepted: started - 12,
            started,
            submitted: Some(started + 180),
        }
    }

    /// The report that it arrived, with its price.
    pub fn reported(&self, of: &Logged) -> Reported {
        let price = Money::new("-0.0075", Currency::new("USD").expect("three letters"));
        let network = Some(Network::Known("440-10".into()));
        let (id, number, state) = (of.id, of.number, AttemptState::Delivered);
        Reported { id, number, state, cause: None, code: None, reference: None, network, price, at: of.started + 4_200 }
    }
}

/// A lease with a token of its own.
pub fn lease(ms: Ms) -> Lease {
    Lease { token: token(), ms }
}

/// The limits of a number as the program ships with them.
pub fn usual_limits() -> NumberLimits {
    let shipped = otp_gateway::config::load(None, &|_| None, &[]).expect("the defaults can be read");
    shipped.config.limits.number.limits()
}

/// Limits that stop nobody, but for the verifications that may be open.
pub fn open_limits() -> NumberLimits {
    NumberLimits { open_verifications: 3, ..conformance::open_limits() }
}

/// A handle on the store at `url` under the prefix `otp:`, as one more gateway has it.
pub async fn open(url: &str) -> Store {
    Redis::open(&options(url, "otp:"), &Clock::followed()).await.expect("Redis is there")
}

/// What is due now, taken under a token for so long.
pub async fn claim(store: &Store, token: Digest, ms: Ms) -> Vec<Claimed> {
    store.numbers.claim(Claim { lease: Lease { token, ms }, limit: 64 }).await.expect("Redis is there")
}

/// The key of a record under the prefix `otp:`.
pub fn record_key(id: RecordId) -> String {
    format!("otp:{{p{}}}:{id}", id.partition().0)
}

/// The key of a record's schedule.
pub fn jobs_key(id: RecordId) -> String {
    format!("otp:{{p{}}}:jobs", id.partition().0)
}

/// A connection of the test's own, for what is stored byte for byte.
pub async fn raw(url: &str) -> ::redis::aio::MultiplexedConnection {
    let client = ::redis::Client::open(url).expect("a URL");
    client.get_multiplexed_async_connection().await.expect("Redis is there")
}

/// What stands under a key, with its place in the schedule and when it goes.
pub async fn stored(raw: &mut ::redis::aio::MultiplexedConnection, id: RecordId) -> (Vec<u8>, Option<f64>, i64) {
    let mut pipe = ::redis::pipe();
    pipe.cmd("GET").arg(record_key(id)).cmd("ZSCORE").arg(jobs_key(id)).arg(id.to_string());
    pipe.cmd("PEXPIRETIME").arg(record_key(id));
    pipe.query_async(raw).await.expect("Redis is there")
}
