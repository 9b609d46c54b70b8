//! What carriers report, and what a call is told to say.

use async_trait::async_trait;

use super::{Deliveries, speech};
use crate::carrier::{CallEvent, CarrierEvents, Phase, Step, Unstored};
use crate::model::{AttemptId, Network, Progress};

#[async_trait]
impl CarrierEvents for Deliveries {
    async fn receipt(&self, attempt: AttemptId, progress: Progress, network: Option<Network>) -> Result<(), Unstored> {
        self.receive_with(attempt, progress, network).await.map_err(|error| {
            self.parts.metrics.store_error();
            tracing::warn!(%attempt, %error, "A report waits for the store.");
            Unstored
        })
    }

    async fn call(&self, attempt: AttemptId, phase: Phase, event: CallEvent) -> Result<Option<Step>, Unstored> {
        let record = self.parts.store.numbers.read(attempt.delivery.record).await.map_err(|error| {
            self.parts.metrics.store_error();
            tracing::warn!(%attempt, %error, "A call waits for the store.");
            Unstored
        })?;
        let Some(record) = record else { return Ok(None) };
        // Approved, canceled or expired meanwhile: the code is gone, and not needed.
        let code = self.payload(&record).and_then(|payload| payload.code);
        let (step, progress) = match code {
            Some(code) => {
                let script = self.parts.templates.script(&record.locale, &code, self.parts.gate);
                speech::next(&script, phase, event)
            }
            None if phase == Phase::Code && event == CallEvent::Ended => (None, Some(Progress::Delivered)),
            None => (None, None),
        };
        if let Some(progress) = progress {
            self.receipt(attempt, progress, None).await?;
        }
        Ok(step)
    }
}
