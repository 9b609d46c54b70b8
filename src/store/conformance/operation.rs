//! Every operation of a store as a value, and its answer as one: what a history
//! is made of.

use crate::model::{DeliveryId, Digest, Ms, Partition, RecordId, TenantId};
use crate::store::{
    Begin, Begun, Cancel, Canceled, Check, Checked, Claim, Claimed, Destination, Memo, Recall, Receive, Received,
    Release, Renew, Renewed, Resend, Resent, Settle, Settled, Start, Started, Store, StoreError, Take, Taken, Taking,
    View,
};

/// Something to ask a store.
#[derive(Debug, Clone)]
pub enum Operation {
    Start(Box<Start>),
    Resend(Box<Resend>),
    Check(Check),
    Cancel(Cancel),
    Get(RecordId, TenantId),
    FindOpen(TenantId, Box<Destination>, Digest),
    Recall(Partition, Memo, Keeps),
    Claim(Claim),
    Renew(Renew),
    Begin(Begin),
    Settle(Settle),
    Receive(Receive),
    Release(Release),
    NextWake,
    Take(Vec<Take>),
    GiveBack(Vec<Taken>),
}

/// Which operation's answer stands under an idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeps {
    Start,
    Resend,
    Check,
}

/// What a store said.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    Started(Started),
    Resent(Resent),
    Checked(Checked),
    Canceled(Canceled),
    Got(Option<View>),
    Found(Option<RecordId>),
    Recalled(Recalled),
    Claimed(Vec<Claimed>),
    Renewed(Renewed),
    Begun(Begun),
    Settled(Settled),
    Received(Received),
    Released,
    Wakes(Option<Ms>),
    Taking(Taking),
    GivenBack,
}

/// A recalled answer, read.
#[derive(Debug, Clone, PartialEq)]
pub enum Recalled {
    Nothing,
    OtherBody,
    Kept(Box<Answer>),
    Unreadable(String),
}

fn read(recall: Recall, keeps: Keeps) -> Recalled {
    let json = match recall {
        Recall::Nothing => return Recalled::Nothing,
        Recall::OtherBody => return Recalled::OtherBody,
        Recall::Kept(json) => json,
    };
    let answer = match keeps {
        Keeps::Start => serde_json::from_str(&json).map(Answer::Started),
        Keeps::Resend => serde_json::from_str(&json).map(Answer::Resent),
        Keeps::Check => serde_json::from_str(&json).map(Answer::Checked),
    };
    answer.map_or(Recalled::Unreadable(json), |answer| Recalled::Kept(Box::new(answer)))
}

impl Operation {
    /// Asks the store.
    pub async fn run(self, store: &Store) -> Result<Answer, StoreError> {
        let (numbers, limits) = (&store.numbers, &store.limits);
        Ok(match self {
            Operation::Start(op) => Answer::Started(numbers.start(*op).await?),
            Operation::Resend(op) => Answer::Resent(numbers.resend(*op).await?),
            Operation::Check(op) => Answer::Checked(numbers.check(op).await?),
            Operation::Cancel(op) => Answer::Canceled(numbers.cancel(op).await?),
            Operation::Get(id, tenant) => Answer::Got(numbers.get(id, &tenant).await?),
            Operation::FindOpen(tenant, to, subject) => Answer::Found(numbers.find_open(&tenant, &to, subject).await?),
            Operation::Recall(partition, memo, keeps) => {
                Answer::Recalled(read(numbers.recall(partition, &memo).await?, keeps))
            }
            Operation::Claim(op) => Answer::Claimed(numbers.claim(op).await?),
            Operation::Renew(op) => Answer::Renewed(numbers.renew(op).await?),
            Operation::Begin(op) => Answer::Begun(numbers.begin(op).await?),
            Operation::Settle(op) => Answer::Settled(numbers.settle(op).await?),
            Operation::Receive(op) => Answer::Received(numbers.receive(op).await?),
            Operation::Release(op) => {
                numbers.release(op).await?;
                Answer::Released
            }
            Operation::NextWake => Answer::Wakes(numbers.next_wake().await?),
            Operation::Take(takes) => Answer::Taking(limits.take(takes).await?),
            Operation::GiveBack(taken) => {
                limits.give_back(taken).await?;
                Answer::GivenBack
            }
        })
    }

    /// The record that it names, if it names one.
    pub fn names(&self) -> Option<RecordId> {
        let of = |id: DeliveryId| Some(id.record);
        match self {
            Operation::Start(op) => Some(op.record.id),
            Operation::Resend(op) => Some(op.id),
            Operation::Check(op) => Some(op.id),
            Operation::Cancel(op) => Some(op.id),
            Operation::Get(id, _) => Some(*id),
            Operation::Renew(op) => of(op.id),
            Operation::Begin(op) => of(op.id),
            Operation::Settle(op) => of(op.id.delivery),
            Operation::Receive(op) => of(op.id.delivery),
            Operation::Release(op) => of(op.id),
            Operation::FindOpen(..)
            | Operation::Recall(..)
            | Operation::Claim(_)
            | Operation::NextWake
            | Operation::Take(_)
            | Operation::GiveBack(_) => None,
        }
    }

    /// The key under which it is repeated, if it has one.
    pub fn memo(&self) -> Option<&Memo> {
        match self {
            Operation::Start(op) => op.memo.as_ref(),
            Operation::Resend(op) => op.memo.as_ref(),
            Operation::Check(op) => op.memo.as_ref(),
            Operation::Recall(_, memo, _) => Some(memo),
            _ => None,
        }
    }

    /// The spans that it adds to the instant at which it happens.
    pub fn spans(&self) -> Vec<Ms> {
        match self {
            Operation::Start(op) => vec![op.lease.ms],
            Operation::Resend(op) => vec![op.lease.ms],
            Operation::Claim(op) => vec![op.lease.ms],
            Operation::Renew(op) => vec![op.lease.ms],
            Operation::Receive(op) => vec![op.pause_ms],
            Operation::Settle(op) => match op.moved {
                crate::store::Moved::Failed(_, crate::store::Next::Later(ms))
                | crate::store::Moved::Unknown(crate::store::Next::Later(ms))
                | crate::store::Moved::Covered { again_ms: ms, .. } => vec![ms],
                _ => Vec::new(),
            },
            _ => Vec::new(),
        }
    }
}

impl Answer {
    /// The view that it shows, if it shows one.
    pub fn view(&self) -> Option<&View> {
        match self {
            Answer::Started(Started::Created(view) | Started::Joined(view) | Started::JoinedWaiting(view, _))
            | Answer::Resent(Resent::Queued(view) | Resent::Refused(view, _))
            | Answer::Checked(Checked::Approved(view) | Checked::Wrong(view) | Checked::Superseded(view))
            | Answer::Canceled(Canceled::Done(view))
            | Answer::Got(Some(view)) => Some(view),
            _ => None,
        }
    }

    /// The same, to be changed.
    pub fn view_mut(&mut self) -> Option<&mut View> {
        match self {
            Answer::Started(Started::Created(view) | Started::Joined(view) | Started::JoinedWaiting(view, _))
            | Answer::Resent(Resent::Queued(view) | Resent::Refused(view, _))
            | Answer::Checked(Checked::Approved(view) | Checked::Wrong(view) | Checked::Superseded(view))
            | Answer::Canceled(Canceled::Done(view))
            | Answer::Got(Some(view)) => Some(view),
            _ => None,
        }
    }

    /// The instant at which it says that the operation happened.
    pub fn instant(&self) -> Option<Ms> {
        match self {
            Answer::Started(Started::Refused(_, now)) => Some(*now),
            // A replay tells the first answer's instant.
            answer => answer.view().filter(|view| !view.replayed).map(|view| view.now),
        }
    }

    /// Whether an idempotency key keeps it.
    pub fn is_kept(&self) -> bool {
        match self {
            Answer::Started(started) => matches!(started, Started::Created(_) | Started::Joined(_)),
            Answer::Resent(resent) => matches!(resent, Resent::Queued(_)),
            Answer::Checked(checked) => !matches!(checked, Checked::NotFound | Checked::OtherBody),
            _ => false,
        }
    }
}
