//! Every key that the gateway has in Redis. `{pNN}` is the hash tag of a partition:
//! all keys of one operation lie in one slot.
//!
//! | key | type | lives until | written by |
//! | --- | --- | --- | --- |
//! | `{pNN}:ver_…`, `{pNN}:msg_…` | string: a record, MessagePack | a day after its expiry | start, resend, check, cancel, claim, lease, begin, settle, receive |
//! | `{pNN}:n:HASH` | string: what a number has had, MessagePack | a day (or the longest limit's span) after the last send or pause | start, resend, check, cancel, receive |
//! | `{pNN}:jobs` | sorted set: records by when each must be looked at | gone when empty | as for records, without begin |
//! | `{pNN}:m:KEY` | string: a kept answer, MessagePack | as the request's key says, an hour | start, resend, check |
//! | `{pNN}:a:HASH` | string: the log of a number's attempts, MessagePack | as the archive keeps its last entry | log |
//! | `{pNN}:o:HASH` | hash: since when, by channel and tenant that a number refuses | until it is lifted | opt_out, opt_in |
//! | `ref:{NAME}` | string: the attempt of a carrier's id | as the archive keeps it | index |
//! | `ref:{NAME}:p` | string: reports under a name that is not known yet, MessagePack | as the caller parks the last one, or 10 seconds after they were taken | find, index |
//! | `tally:{SLICE}` | hash: counters of ten minutes | 49 hours after these began | tally |
//! | `w:{KEY}:SPAN` | hash: sends per slice of a wide limit | its span and a sixth after the first send of its last slice | take, give_back |
//! | `w:{KEY}:g:OP` | string: that something was given back | 10 seconds | give_back |
//! | `{pNN}:ack` | string: a write whose replicas are counted | a second | with `store.min_replicas_acked` |
//! | `fleet` | sorted set: gateways by when each was heard of last | an entry: 4.5 seconds without a word | beat |
//! | `pace:CARRIER` | string: when a carrier's next turn is | a second after that | turn |
//! | `switches` | hash: until when a carrier's breaker is open, strikes, cause | a day after the last one ended | switch |
//! | `once:WHAT` | string: whose turn it was | as long as nobody else's may be | once |
//! | `{evidence}:log` | stream: batches of events, one JSON a line; an id is a place, `N-0` | its state is kept twice after it | witness, conclude |
//! | `{evidence}:marks` | hash: the last batch of each gateway, `epoch sequence when`, and the log's last `place` | a gateway's: a day after its last | witness, conclude |
//! | `{evidence}:state` | string: place and state of the radar, MessagePack | replaced by the next | conclude |
//! | `{evidence}:cells` | hash: the same to be read, JSON by cell | replaced by the next | conclude |
//! | `fact:NAME` | string: wrapped keys, partition count | for ever; a handful | facts |
//! | `ping` | string: the last look at the store's health | a minute | ping |
//!
//! All of them begin with `store.key_prefix`, so that several gateways' stores can
//! share a Redis.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::model::{Digest, NumberHash, Partition, RecordId};
use crate::store::{Memo, Take};

/// Makes keys.
pub struct Keys {
    prefix: String,
}

fn short(digest: &Digest) -> String {
    URL_SAFE_NO_PAD.encode(digest.0)
}

impl Keys {
    pub fn new(prefix: &str) -> Self {
        Keys { prefix: prefix.to_owned() }
    }

    fn of(&self, partition: Partition, rest: impl std::fmt::Display) -> String {
        format!("{}{{p{}}}:{rest}", self.prefix, partition.0)
    }

    pub fn record(&self, id: RecordId) -> String {
        self.of(id.partition(), id)
    }

    /// The same for what a schedule names, which another version may write otherwise.
    pub fn named(&self, partition: Partition, record: &str) -> String {
        self.of(partition, record)
    }

    pub fn number(&self, partition: Partition, hash: NumberHash) -> String {
        self.of(partition, format_args!("n:{}", short(&hash.0)))
    }

    pub fn log(&self, partition: Partition, hash: NumberHash) -> String {
        self.of(partition, format_args!("a:{}", short(&hash.0)))
    }

    pub fn opt_outs(&self, partition: Partition, hash: NumberHash) -> String {
        self.of(partition, format_args!("o:{}", short(&hash.0)))
    }

    /// An attempt by its name, and what is parked under that, in one slot.
    pub fn reference(&self, name: &Digest) -> [String; 2] {
        let key = format!("{}ref:{{{}}}", self.prefix, short(name));
        [key.clone(), key + ":p"]
    }

    pub fn tally(&self, slice: u64) -> String {
        format!("{}tally:{{{slice}}}", self.prefix)
    }

    /// All of evidence lies in one slot.
    pub fn evidence(&self, name: &str) -> String {
        format!("{}{{evidence}}:{name}", self.prefix)
    }

    pub fn switches(&self) -> String {
        format!("{}switches", self.prefix)
    }

    pub fn once(&self, what: &str) -> String {
        format!("{}once:{what}", self.prefix)
    }

    pub fn jobs(&self, partition: Partition) -> String {
        self.of(partition, "jobs")
    }

    pub fn memo(&self, partition: Partition, memo: &Memo) -> String {
        self.of(partition, format_args!("m:{}", short(&memo.key)))
    }

    pub fn ack(&self, partition: Partition) -> String {
        self.of(partition, "ack")
    }

    /// A wide limit lies in a slot of its own. One key may be counted by the hour and
    /// by the day.
    pub fn window(&self, take: &Take) -> String {
        format!("{}w:{{{}}}:{}", self.prefix, short(&take.key), take.spec.per_ms)
    }

    /// The mark of something given back, in the slot of its window.
    pub fn given(&self, take: &Take, op: &Digest) -> String {
        format!("{}w:{{{}}}:g:{}", self.prefix, short(&take.key), short(op))
    }

    pub fn pace(&self, carrier: &str) -> String {
        format!("{}pace:{carrier}", self.prefix)
    }

    pub fn fact(&self, name: &str) -> String {
        format!("{}fact:{name}", self.prefix)
    }

    pub fn fleet(&self) -> String {
        format!("{}fleet", self.prefix)
    }

    pub fn ping(&self) -> String {
        format!("{}ping", self.prefix)
    }
}
