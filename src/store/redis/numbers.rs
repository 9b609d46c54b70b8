//! The operations on one number: which keys and arguments each script gets, and what
//! its answer means.

use async_trait::async_trait;

use super::Redis;
use super::answer::{Answer, bytes};
use super::args;
use super::states::Numbered;
use super::wire;
use crate::model::{
    Cause, Digest, LimitName, Ms, NumberHash, Partition, Progress, RecordId, Refusal, Status, TenantId,
};
use crate::store::*;

type Result<T> = std::result::Result<T, StoreError>;

/// How often a start is called again with the open records that it asks for. They
/// change only while other starts of the same number run.
const START_CALLS: usize = 8;

fn id(text: &str) -> Result<RecordId> {
    text.parse().map_err(StoreError::unreadable)
}

fn status(answer: &Answer) -> Result<Status> {
    Status::from_number(answer.int(5)?)
}

fn refusal(answer: &Answer) -> Result<Refusal> {
    let limit: LimitName = serde_json::from_value(answer.text(5)?.into()).map_err(StoreError::unreadable)?;
    Ok(Refusal { limit, until: answer.int(6)? })
}

fn view(answer: &Answer) -> Result<View> {
    let record = wire::unpack(id(answer.text(2)?)?, answer.bytes(3))?;
    let (usage, _) = wire::number(answer.bytes(4), &record.tenant)?;
    Ok(View { record, usage, now: answer.now()?, replayed: answer.word().1 })
}

fn started(answer: &Answer) -> Result<Started> {
    Ok(match answer.word().0 {
        "created" => Started::Created(view(answer)?),
        "joined" => Started::Joined(view(answer)?),
        "waiting" => Started::JoinedWaiting(view(answer)?, refusal(answer)?),
        "refused" => Started::Refused(refusal(answer)?, answer.now()?),
        "other_body" => Started::OtherBody,
        _ => return Err(answer.unexpected()),
    })
}

fn resent(answer: &Answer) -> Result<Resent> {
    Ok(match answer.word().0 {
        "queued" => Resent::Queued(view(answer)?),
        "refused" => Resent::Refused(view(answer)?, refusal(answer)?),
        "ended" => Resent::Ended(status(answer)?),
        "not_found" => Resent::NotFound,
        "other_body" => Resent::OtherBody,
        _ => return Err(answer.unexpected()),
    })
}

fn checked(answer: &Answer) -> Result<Checked> {
    Ok(match answer.word().0 {
        "approved" => Checked::Approved(view(answer)?),
        "wrong" => Checked::Wrong(view(answer)?),
        "superseded" => Checked::Superseded(view(answer)?),
        "ended" => Checked::Ended(status(answer)?),
        "not_found" => Checked::NotFound,
        "other_body" => Checked::OtherBody,
        _ => return Err(answer.unexpected()),
    })
}

#[async_trait]
impl Numbers for Redis {
    async fn recall(&self, partition: Partition, memo: &Memo) -> Result<Recall> {
        let kept = self.kept(partition, memo).await?;
        let json = match kept.word().0 {
            "nothing" => return Ok(Recall::Nothing),
            "other_body" => return Ok(Recall::OtherBody),
            "created" | "joined" => serde_json::to_string(&started(&kept)?),
            "queued" => serde_json::to_string(&resent(&kept)?),
            _ => serde_json::to_string(&checked(&kept)?),
        };
        json.map(Recall::Kept).map_err(StoreError::unreadable)
    }

    async fn start(&self, op: Start) -> Result<Started> {
        let (record, partition) = (&op.record, op.record.to.partition);
        let mut open: Vec<RecordId> = Vec::new();
        for _ in 0..START_CALLS {
            let own =
                [self.keys.number(partition, record.to.hash), self.keys.record(record.id), self.keys.jobs(partition)];
            let others = open.iter().map(|id| self.keys.record(*id));
            let memo = op.memo.as_ref().map(|memo| self.keys.memo(partition, memo));
            let call = self.scripts.start.on(own.into_iter().chain(others).chain(memo)).arg(args::start(&op, &open));
            let answer = self.change(&call, partition).await?;
            if answer.word().0 == "more" {
                for place in 1..answer.len() {
                    open.push(id(answer.text(place)?)?);
                }
                continue;
            }
            let started = started(&answer)?;
            if let Started::Created(view) | Started::Joined(view) = &started {
                self.note(&view.record);
            }
            return Ok(started);
        }
        Err(StoreError::Away("too many starts of one number at the same time".into()))
    }

    async fn resend(&self, op: Resend) -> Result<Resent> {
        let Some(keys) = self.keys_of(op.id, op.memo.as_ref()).await? else {
            return self.outlived(op.id, op.memo.as_ref()).await?.map_or(Ok(Resent::NotFound), |kept| resent(&kept));
        };
        let call = self.scripts.resend.on(keys).arg(args::resend(&op));
        let answer = self.change(&call, op.id.partition()).await?;
        let resent = resent(&answer)?;
        if let Resent::Queued(view) = &resent {
            self.note(&view.record);
        }
        Ok(resent)
    }

    async fn check(&self, op: Check) -> Result<Checked> {
        let Some(keys) = self.keys_of(op.id, op.memo.as_ref()).await? else {
            return self.outlived(op.id, op.memo.as_ref()).await?.map_or(Ok(Checked::NotFound), |kept| checked(&kept));
        };
        let call = self.scripts.check.on(keys).arg(args::check(&op, self.operation()));
        checked(&self.change(&call, op.id.partition()).await?)
    }

    async fn cancel(&self, op: Cancel) -> Result<Canceled> {
        let Some(keys) = self.keys_of(op.id, None).await? else { return Ok(Canceled::NotFound) };
        let call = self.scripts.cancel.on(keys).arg(op.id.to_string()).arg(&op.tenant.0);
        let answer = self.change(&call, op.id.partition()).await?;
        Ok(match answer.word().0 {
            "done" => Canceled::Done(view(&answer)?),
            "ended" => Canceled::Ended(status(&answer)?),
            "not_found" => Canceled::NotFound,
            _ => return Err(answer.unexpected()),
        })
    }

    async fn get(&self, id: RecordId, tenant: &TenantId) -> Result<Option<View>> {
        let Some(record) = self.read(id).await? else { return Ok(None) };
        let keys = [self.keys.number(id.partition(), record.to.hash), self.keys.record(id)];
        let answer = self.call(&self.scripts.view.on(keys).arg(id.to_string())).await?;
        let view = if answer.bytes(3).is_empty() { None } else { Some(view(&answer)?) };
        Ok(view.filter(|view| view.record.tenant == *tenant))
    }

    async fn read(&self, id: RecordId) -> Result<Option<Record>> {
        let mut get = ::redis::cmd("GET");
        get.arg(self.keys.record(id));
        let answer = self.link.send(get).await?;
        bytes(&answer).map(|raw| wire::unpack(id, raw)).transpose()
    }

    async fn find_open(&self, tenant: &TenantId, number: &Destination, subject: Digest) -> Result<Option<RecordId>> {
        let key = self.keys.number(number.partition, number.hash);
        let answer = self.call(&self.scripts.view.on([key])).await?;
        let (now, (_, open)) = (answer.now()?, wire::number(answer.bytes(4), tenant)?);
        Ok(open.into_iter().find(|(_, expires, of)| of[..] == subject.0 && *expires > now).map(|(id, ..)| id))
    }

    async fn claim(&self, op: Claim) -> Result<Vec<Claimed>> {
        self.sweep(op).await
    }

    async fn renew(&self, op: Renew) -> Result<Renewed> {
        let answer = self.lease(op.id, "renew", &op.lease).await?;
        Ok(match answer.word().0 {
            "held" => {
                self.sweep.note(op.id.record.partition(), answer.now()? + op.lease.ms);
                Renewed::Held
            }
            "lost" => Renewed::Lost,
            "ended" => Renewed::Ended,
            _ => return Err(answer.unexpected()),
        })
    }

    async fn begin(&self, op: Begin) -> Result<Begun> {
        let call = self.scripts.begin.on([self.keys.record(op.id.record)]).arg(op.id.n);
        let call = call.arg(&op.token.0[..]).arg(&op.carrier).arg(wire::short(&op.reason)).arg(&self.operation()[..]);
        let call = call.arg(op.sender.as_deref().unwrap_or_default());
        let answer = self.call(&call).await?;
        Ok(match answer.word().0 {
            "attempt" => Begun::Attempt(op.id.attempt(answer.int(2)?.try_into().map_err(StoreError::unreadable)?)),
            "lost" => Begun::Lost,
            "ended" => Begun::Ended,
            _ => return Err(answer.unexpected()),
        })
    }

    async fn settle(&self, op: Settle) -> Result<Settled> {
        let record = op.id.delivery.record;
        let call = self.scripts.settle.on(self.job_keys(record)).arg(args::settle(&op, self.operation()));
        let answer = self.call(&call).await?;
        if answer.word().0 == "lost" {
            return Ok(Settled::Lost);
        }
        let settled = wire::unpack(record, answer.bytes(2))?;
        self.note(&settled);
        Ok(Settled::Done(settled))
    }

    async fn receive(&self, op: Receive) -> Result<Received> {
        let id = op.id.delivery.record;
        let mut keys = self.job_keys(id).to_vec();
        if op.progress == Progress::Failed(Cause::DeclinedByPerson) {
            let Some(record) = self.read(id).await? else { return Ok(Received::Unknown) };
            keys.push(self.keys.number(id.partition(), record.to.hash));
        }
        let call = self.scripts.receive.on(keys).arg(args::receive(&op, self.operation()));
        let answer = self.call(&call).await?;
        Ok(match answer.word().0 {
            "moved" => {
                let record = wire::unpack(id, answer.bytes(2))?;
                if op.then == Then::Another {
                    // Its delivery may be due at once.
                    self.note(&record);
                }
                Received::Moved(record)
            }
            "same" => Received::Same,
            "unknown" => Received::Unknown,
            _ => return Err(answer.unexpected()),
        })
    }

    async fn release(&self, op: Release) -> Result<()> {
        let answer = self.lease(op.id, "release", &Lease { token: op.token, ms: 0 }).await?;
        if answer.word().0 == "held" {
            self.sweep.note(op.id.record.partition(), answer.now()?);
        }
        Ok(())
    }

    async fn next_wake(&self) -> Result<Option<Ms>> {
        self.first_wake().await
    }
}

impl Redis {
    /// The keys of an operation on a record and its number; `None` if there is no such
    /// record.
    async fn keys_of(&self, id: RecordId, memo: Option<&Memo>) -> Result<Option<Vec<String>>> {
        let Some(record) = self.read(id).await? else { return Ok(None) };
        let number: NumberHash = record.to.hash;
        let mut keys = vec![self.keys.number(id.partition(), number)];
        keys.extend(self.job_keys(id));
        keys.extend(memo.map(|memo| self.keys.memo(id.partition(), memo)));
        Ok(Some(keys))
    }

    /// What is kept under a memo; the word `nothing` if nothing is.
    async fn kept(&self, partition: Partition, memo: &Memo) -> Result<Answer> {
        let key = self.keys.memo(partition, memo);
        self.call(&self.scripts.recall.on([key]).arg(&memo.fingerprint.0[..])).await
    }

    /// A kept answer may outlive its record.
    async fn outlived(&self, id: RecordId, memo: Option<&Memo>) -> Result<Option<Answer>> {
        let Some(memo) = memo else { return Ok(None) };
        Ok(Some(self.kept(id.partition(), memo).await?).filter(|kept| kept.word().0 != "nothing"))
    }

    fn job_keys(&self, id: RecordId) -> [String; 2] {
        [self.keys.record(id), self.keys.jobs(id.partition())]
    }

    async fn lease(&self, id: crate::model::DeliveryId, what: &str, lease: &Lease) -> Result<Answer> {
        let call = self.scripts.lease.on(self.job_keys(id.record)).arg(id.record.to_string()).arg(what).arg(id.n);
        self.call(&call.arg(&lease.token.0[..]).arg(lease.ms)).await
    }
}
