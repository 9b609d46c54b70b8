//! Checks and cancels.

use super::{Repeatable, SendError, Verifications};
use crate::model::{Code, RecordId, Status, TenantId};
use crate::store::{Cancel, Canceled, Check, Checked, StoreError, View};
use crate::telemetry::Outcome;

/// Why a check has no verdict.
#[derive(Debug)]
pub enum CheckError {
    /// Not 4 to 10 digits; nothing was counted.
    NotACode,
    /// The verification has ended like this, now or before.
    Ended(Status),
    /// No such verification of this tenant.
    NotFound,
    /// The idempotency key belongs to another body.
    OtherBody,
    /// The store is away.
    Store(StoreError),
}

/// What a check found.
#[derive(Debug)]
pub enum Verdict {
    /// The right code, for the first time.
    Approved(View),
    /// A wrong code, counted.
    Wrong(View),
    /// A code that a newer one replaced, not counted.
    Superseded(View),
}

impl Verifications {
    /// Compares a code. Spaces and hyphens in it, and digits of other scripts,
    /// are read as people mean them.
    pub async fn check(
        &self,
        tenant: &TenantId,
        id: RecordId,
        typed: &str,
        repeatable: Option<Repeatable<'_>>,
    ) -> Result<Verdict, CheckError> {
        let code = read_code(typed).ok_or(CheckError::NotACode)?;
        let memo =
            repeatable.map(|Repeatable { key, body }| self.admission.memo(tenant, "check", &id.to_string(), key, body));
        let op = Check { id, tenant: tenant.clone(), code_hash: self.keys.code(id, &code), memo };
        let (outcome, replayed, verdict) = match self.store.numbers.check(op).await.map_err(CheckError::Store)? {
            Checked::Approved(view) => (Outcome::Approved, view.replayed, Ok(Verdict::Approved(view))),
            Checked::Wrong(view) => (Outcome::WrongCode, view.replayed, Ok(Verdict::Wrong(view))),
            Checked::Superseded(view) => (Outcome::Superseded, view.replayed, Ok(Verdict::Superseded(view))),
            Checked::Ended(Status::MaxAttemptsReached) => {
                (Outcome::MaxAttempts, false, Err(CheckError::Ended(Status::MaxAttemptsReached)))
            }
            Checked::Ended(status) => return Err(CheckError::Ended(status)),
            Checked::NotFound => return Err(CheckError::NotFound),
            Checked::OtherBody => return Err(CheckError::OtherBody),
        };
        if !replayed {
            if let Ok(Verdict::Approved(view)) = &verdict {
                self.deliveries.was_approved(&view.record);
            }
            self.metrics.verification(outcome);
        }
        verdict
    }

    /// Ends an open verification.
    pub async fn cancel(&self, tenant: &TenantId, id: RecordId) -> Result<View, SendError> {
        match self.store.numbers.cancel(Cancel { id, tenant: tenant.clone() }).await? {
            Canceled::Done(view) => {
                self.deliveries.was_canceled(&view.record);
                self.metrics.verification(Outcome::Canceled);
                Ok(view)
            }
            Canceled::Ended(status) => Err(SendError::Ended(status)),
            Canceled::NotFound => Err(SendError::NotFound),
        }
    }
}

/// The digits that a person typed.
fn read_code(typed: &str) -> Option<Code> {
    // First digits of ASCII, Arabic-Indic, Persian, Devanagari and full-width.
    const ZEROS: [char; 5] = ['0', '\u{660}', '\u{6f0}', '\u{966}', '\u{ff10}'];
    if typed.len() > 64 {
        return None;
    }
    let digit = |c: char| ZEROS.iter().map(|zero| (c as u32).wrapping_sub(*zero as u32)).find(|value| *value < 10);
    let shown = typed.chars().filter(|c| !matches!(c, ' ' | '-' | '\u{a0}' | '\u{202f}'));
    let digits: Option<String> = shown.map(|c| digit(c).and_then(|value| char::from_digit(value, 10))).collect();
    Code::new(&digits?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_as_people_type_them() {
        for typed in ["482917", " 482 917", "482-917", "４８２９１７", "٤٨٢٩١٧", "४८२९१७"] {
            assert_eq!(read_code(typed).unwrap().reveal(), "482917", "{typed}");
        }
        for typed in ["", "48291a", "4", "12345678901", "482\u{0}917", "four", "482917; DROP"] {
            assert!(read_code(typed).is_none(), "{typed}");
        }
    }
}
