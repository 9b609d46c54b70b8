//! Starts and resends.

use super::{Repeatable, ResendRequest, SendError, StartAnswer, StartRequest, Verifications};
use crate::admission::{Admitted, Closed, Target, Wanted};
use crate::config::{OnResend, TTL_SECONDS, VerificationOptions};
use crate::delivery::{Accepted, Payload};
use crate::model::{AskedBy, Digest, NumberLimits, RecordId, RecordKind, SECOND, Status, TenantId};
use crate::seal::{draw_code, random};
use crate::store::{Destination, Lease, Memo, NewCode, Recall, Record, Resend, Resent, Start, Started, View};
use crate::telemetry::Outcome;

impl Verifications {
    /// A new verification, or one more delivery of the open one with the same
    /// subject.
    pub async fn start(&self, tenant: &TenantId, request: StartRequest<'_>) -> Result<StartAnswer, SendError> {
        let options = self.tenant(tenant);
        let to = self.admission.destination(request.to);
        let memo = request.repeatable.map(|Repeatable { key, body }| {
            self.admission.memo(tenant, "verifications", request.to.e164.reveal(), key, body)
        });
        if let Some(answer) = self.recalled_start(&to, memo.as_ref()).await? {
            return Ok(answer);
        }
        let subject =
            request.subject.map(|subject| self.keys.digest("subject", &[tenant.0.as_bytes(), subject.as_bytes()]));
        let (code_length, ttl_seconds) = lengths(&options.verification, &request)?;
        if let Some(id) = self.rejoins_with_new_code(tenant, &to, subject, &options.verification).await? {
            return self.rejoin(tenant, id, &request, memo).await;
        }
        let target = Target { number: &request.to.e164, at: &to };
        let admitted =
            self.admission.admit(tenant, target, request.wanted, request.address).await.map_err(SendError::Denied)?;
        let record = self.record(tenant, to, &request, subject, code_length, ttl_seconds);
        let lease = self.deliveries.lease();
        let op = Start {
            record,
            channel: admitted.channel,
            asked_by: request.asked_by,
            limits: options.limits.number.limits(),
            lease,
            memo,
        };
        let (closed, accepted) = (admitted.closed.clone(), admitted.accepted());
        let started = self.store.numbers.start(op).await;
        let sent =
            |started: &Started| matches!(started, Started::Created(view) | Started::Joined(view) if !view.replayed);
        self.admission.conclude(admitted, &started, sent).await;
        match started? {
            Started::Created(view) => {
                self.run(&view, lease, Outcome::Created, accepted);
                Ok(StartAnswer::Created(view, closed))
            }
            Started::Joined(view) => {
                self.run(&view, lease, Outcome::Joined, accepted);
                Ok(StartAnswer::Joined(view))
            }
            Started::JoinedWaiting(view, refusal) => {
                self.metrics.refusal(refusal.limit);
                Ok(StartAnswer::Waiting(view, refusal))
            }
            Started::Refused(refusal, now) => {
                self.metrics.refusal(refusal.limit);
                Err(SendError::Limit(refusal, now))
            }
            Started::OtherBody => Err(SendError::OtherBody),
        }
    }

    /// The "Didn't receive a code?" action.
    pub async fn resend(&self, tenant: &TenantId, request: ResendRequest<'_>) -> Result<View, SendError> {
        let memo = request.repeatable.map(|Repeatable { key, body }| {
            self.admission.memo(tenant, "deliveries", &request.id.to_string(), key, body)
        });
        self.resend_once(tenant, request, memo).await
    }

    /// A resend whose answer is kept under a key that may be a start's.
    async fn resend_once(
        &self,
        tenant: &TenantId,
        request: ResendRequest<'_>,
        memo: Option<Memo>,
    ) -> Result<View, SendError> {
        let options = self.tenant(tenant);
        let id = request.id;
        if let Some(memo) = &memo {
            match self.store.numbers.recall(id.partition(), memo).await? {
                Recall::Nothing => {}
                Recall::OtherBody => return Err(SendError::OtherBody),
                Recall::Kept(answer) => return self.resent(decode(&answer)?, None),
            }
        }
        let view = self.store.numbers.get(id, tenant).await?.ok_or(SendError::NotFound)?;
        match view.record.status_at(view.now) {
            Status::Pending => {}
            ended => return Err(SendError::Ended(ended)),
        }
        let admitted = self.admit_again(tenant, &view.record, &request).await?;
        let new_code = (options.verification.on_resend == OnResend::New).then(|| self.new_code(&view.record));
        let lease = self.deliveries.lease();
        let op = Resend {
            id,
            tenant: tenant.clone(),
            channel: admitted.channel,
            asked_by: request.asked_by,
            limits: options.limits.number.limits(),
            lease,
            new_code,
            memo,
        };
        let accepted = admitted.accepted();
        let resent = self.store.numbers.resend(op).await;
        let sent = |resent: &Resent| matches!(resent, Resent::Queued(view) if !view.replayed);
        if matches!(&resent, Ok(resent) if sent(resent)) && request.asked_by == AskedBy::Person {
            self.deliveries.was_asked_again(&view.record);
        }
        self.admission.conclude(admitted, &resent, sent).await;
        self.resent(resent?, Some((lease, accepted)))
    }

    fn resent(&self, resent: Resent, run: Option<(Lease, Accepted)>) -> Result<View, SendError> {
        match resent {
            Resent::Queued(view) => {
                if let Some((lease, accepted)) = run {
                    self.deliveries.accept(&view, lease, accepted);
                }
                Ok(view)
            }
            Resent::Refused(view, refusal) => {
                self.metrics.refusal(refusal.limit);
                Err(SendError::Limit(refusal, view.now))
            }
            Resent::Ended(status) => Err(SendError::Ended(status)),
            Resent::NotFound => Err(SendError::NotFound),
            Resent::OtherBody => Err(SendError::OtherBody),
        }
    }

    fn run(&self, view: &View, lease: Lease, outcome: Outcome, accepted: Accepted) {
        if !view.replayed {
            self.metrics.verification(outcome);
        }
        self.deliveries.accept(view, lease, accepted);
    }

    async fn recalled_start(&self, to: &Destination, memo: Option<&Memo>) -> Result<Option<StartAnswer>, SendError> {
        let Some(memo) = memo else { return Ok(None) };
        match self.store.numbers.recall(to.partition, memo).await? {
            Recall::Nothing => Ok(None),
            Recall::OtherBody => Err(SendError::OtherBody),
            Recall::Kept(answer) => match decode_start(&answer)? {
                Started::Created(view) => Ok(Some(StartAnswer::Created(view, Closed::default()))),
                Started::Joined(view) => Ok(Some(StartAnswer::Joined(view))),
                // Refusals are not kept; asked again they get today's answer.
                Started::JoinedWaiting(..) | Started::Refused(..) | Started::OtherBody => Ok(None),
            },
        }
    }

    /// With a new code on each resend, a start that joins must know its record
    /// beforehand: the new code's hash is bound to it.
    async fn rejoins_with_new_code(
        &self,
        tenant: &TenantId,
        to: &Destination,
        subject: Option<Digest>,
        options: &VerificationOptions,
    ) -> Result<Option<RecordId>, SendError> {
        match subject {
            Some(subject) if options.on_resend == OnResend::New => {
                Ok(self.store.numbers.find_open(tenant, to, subject).await?)
            }
            _ => Ok(None),
        }
    }

    async fn rejoin(
        &self,
        tenant: &TenantId,
        id: RecordId,
        request: &StartRequest<'_>,
        memo: Option<Memo>,
    ) -> Result<StartAnswer, SendError> {
        let channel =
            self.admission.choose(request.to.country, request.to.kind, request.wanted).map_err(SendError::Denied)?;
        let resend =
            ResendRequest { id, channel, address: request.address, asked_by: request.asked_by, repeatable: None };
        match self.resend_once(tenant, resend, memo).await {
            Ok(view) => Ok(StartAnswer::Joined(view)),
            Err(SendError::Limit(refusal, _)) => {
                let view = self.store.numbers.get(id, tenant).await?.ok_or(SendError::NotFound)?;
                Ok(StartAnswer::Waiting(view, refusal))
            }
            Err(error) => Err(error),
        }
    }

    async fn admit_again(
        &self,
        tenant: &TenantId,
        record: &Record,
        request: &ResendRequest<'_>,
    ) -> Result<Admitted, SendError> {
        let number = self.keys.open_number(&record.to.sealed).map_err(|error| {
            tracing::error!(record = %record.id, %error, "A record's number cannot be opened; check the master keys.");
            SendError::NotFound
        })?;
        let target = Target { number: &number, at: &record.to };
        let wanted = Wanted::Exactly(request.channel);
        self.admission.admit(tenant, target, wanted, request.address).await.map_err(SendError::Denied)
    }

    fn record(
        &self,
        tenant: &TenantId,
        to: Destination,
        request: &StartRequest<'_>,
        subject: Option<Digest>,
        code_length: u8,
        ttl_seconds: u64,
    ) -> Record {
        let options = &self.tenant(tenant).verification;
        let id = RecordId::new(RecordKind::Verification, to.partition, random());
        let code = draw_code(code_length);
        let locale = request.locale.clone().unwrap_or_else(|| options.locale.clone());
        Record {
            code_hash: Some(self.keys.code(id, &code)),
            secret: Some(Payload { code: Some(code), text: None }.seal(&self.keys, id)),
            max_wrong: options.max_wrong_codes,
            subject,
            metadata: request.metadata.clone(),
            ..Record::pending(id, tenant, to, locale, self.clock.now(), ttl_seconds * SECOND)
        }
    }

    /// A code that replaces the record's, of the same length.
    fn new_code(&self, record: &Record) -> NewCode {
        let old = record.secret.as_ref().and_then(|sealed| Payload::open(&self.keys, record.id, sealed).ok());
        let length = old.and_then(|payload| payload.code).map_or(6, |code| code.reveal().len() as u8);
        let code = draw_code(length);
        let hash = self.keys.code(record.id, &code);
        NewCode { sealed: Payload { code: Some(code), text: None }.seal(&self.keys, record.id), hash }
    }

    /// The limits of a tenant's numbers.
    pub fn limits(&self, tenant: &TenantId) -> NumberLimits {
        self.tenant(tenant).limits.number.limits()
    }

    /// Which channels a first send to a number would be allowed over.
    pub fn may_reach(&self, to: &crate::number::Parsed) -> crate::admission::Channels {
        self.admission.reachable(to.country, to.kind)
    }
}

fn decode<T: serde::de::DeserializeOwned>(answer: &str) -> Result<T, SendError> {
    serde_json::from_str(answer).map_err(|error| SendError::Store(crate::store::StoreError::unreadable(error)))
}

/// A start's kept answer: its own, or that of the resend it became by joining.
fn decode_start(answer: &str) -> Result<Started, SendError> {
    match serde_json::from_str(answer) {
        Ok(Resent::Queued(view)) => Ok(Started::Joined(view)),
        _ => decode(answer),
    }
}

/// The code's length and life, within what the tenant allows.
fn lengths(options: &VerificationOptions, request: &StartRequest<'_>) -> Result<(u8, u64), SendError> {
    let shortest = if options.short_codes { 4 } else { 6 };
    let code_length = request.code_length.unwrap_or(options.code_length);
    if !(shortest..=10).contains(&code_length) {
        return Err(SendError::Option("code_length", format!("must lie between {shortest} and 10")));
    }
    Ok((code_length, life_seconds(options, request.ttl_seconds)?))
}

/// How long a code or message lives: what was asked for, or the tenant's own.
pub fn life_seconds(options: &VerificationOptions, asked: Option<u64>) -> Result<u64, SendError> {
    let ttl_seconds = asked.unwrap_or(options.ttl_seconds);
    if !TTL_SECONDS.contains(&ttl_seconds) {
        return Err(SendError::Option("ttl_seconds", "must lie between 60 and 3600".into()));
    }
    Ok(ttl_seconds)
}
