//! What the shell must know of each operation: which slot it touches, and which
//! of its answers are kept under an idempotency key.

use serde::{Serialize, de::DeserializeOwned};

use crate::model::{NumberHash, RecordId, TenantId};
use crate::store::ops::*;

/// The slot that an operation touches.
pub enum Target {
    /// A record and its number.
    Record(RecordId),
    /// A number of a tenant, and its open records.
    Number(TenantId, NumberHash),
}

/// One operation on one slot.
pub trait Operation: Send + 'static {
    /// Its answer.
    type Answer: Send + 'static;
    /// What it touches.
    fn target(&self) -> Target;
}

/// An operation whose answer may be kept, so that a repeat changes nothing.
pub trait Once: Operation<Answer: Serialize + DeserializeOwned + Clone> {
    /// Its idempotency key.
    fn memo(&self) -> Option<&Memo>;
    /// The answer when the key belongs to another body.
    fn other_body() -> Self::Answer;
    /// The view in an answer that is to be kept; `None` for an answer without one.
    fn view(answer: &mut Self::Answer) -> Option<&mut View>;
    /// Whether the answer is kept. A refusal is not: a repeat asks again.
    fn is_kept(answer: &Self::Answer) -> bool;
}

macro_rules! on_record {
    ($($op:ident -> $answer:ty, $id:ident $(. $more:ident)*;)*) => {$(
        impl Operation for $op {
            type Answer = $answer;
            fn target(&self) -> Target {
                Target::Record(self.$id $(.$more)*)
            }
        }
    )*};
}
on_record! {
    Resend -> Resent, id;
    Check -> Checked, id;
    Cancel -> Canceled, id;
    Renew -> Renewed, id.record;
    Begin -> Begun, id.record;
    Settle -> Settled, id.delivery.record;
    Receive -> Received, id.delivery.record;
    Release -> (), id.record;
}

impl Operation for Start {
    type Answer = Started;
    fn target(&self) -> Target {
        Target::Number(self.record.tenant.clone(), self.record.to.hash)
    }
}

impl Once for Start {
    fn memo(&self) -> Option<&Memo> {
        self.memo.as_ref()
    }
    fn other_body() -> Started {
        Started::OtherBody
    }
    fn view(answer: &mut Started) -> Option<&mut View> {
        match answer {
            Started::Created(view) | Started::Joined(view) | Started::JoinedWaiting(view, _) => Some(view),
            Started::Refused(..) | Started::OtherBody => None,
        }
    }
    fn is_kept(answer: &Started) -> bool {
        matches!(answer, Started::Created(_) | Started::Joined(_))
    }
}

impl Once for Resend {
    fn memo(&self) -> Option<&Memo> {
        self.memo.as_ref()
    }
    fn other_body() -> Resent {
        Resent::OtherBody
    }
    fn view(answer: &mut Resent) -> Option<&mut View> {
        match answer {
            Resent::Queued(view) | Resent::Refused(view, _) => Some(view),
            Resent::Ended(_) | Resent::NotFound | Resent::OtherBody => None,
        }
    }
    fn is_kept(answer: &Resent) -> bool {
        matches!(answer, Resent::Queued(_))
    }
}

impl Once for Check {
    fn memo(&self) -> Option<&Memo> {
        self.memo.as_ref()
    }
    fn other_body() -> Checked {
        Checked::OtherBody
    }
    fn view(answer: &mut Checked) -> Option<&mut View> {
        match answer {
            Checked::Approved(view) | Checked::Wrong(view) | Checked::Superseded(view) => Some(view),
            Checked::Ended(_) | Checked::NotFound | Checked::OtherBody => None,
        }
    }
    fn is_kept(answer: &Checked) -> bool {
        !matches!(answer, Checked::NotFound | Checked::OtherBody)
    }
}
