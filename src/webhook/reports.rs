//! Receipts. A signed one about an attempt that nobody knows is counted and answered
//! 200: the carrier can do nothing about it.

use axum::extract::State;
use axum::response::Response;

use super::{Came, Webhooks, noted};
use crate::carrier::http::profile::Word;
use crate::carrier::http::{HttpCarrier, Told};
use crate::carrier::{Details, News, Report, Unstored};
use crate::http::{InPath, Problem, fallback};
use crate::model::{AttemptId, Channel, Progress};

pub async fn reports(
    State(webhooks): State<Webhooks>,
    InPath((name, channel, reference)): InPath<(String, String, String)>,
    came: Came,
) -> Result<Response, Problem> {
    match channel.parse() {
        Ok(channel) => webhooks.reports(&name, channel, &reference, &came).await,
        Err(_) => Err(fallback().await),
    }
}

/// Whom a report is about.
enum About {
    Attempt(AttemptId),
    /// The attempt that the carrier's own id names.
    ByItsId,
}

impl Webhooks {
    async fn reports(&self, name: &str, channel: Channel, reference: &str, came: &Came) -> Result<Response, Problem> {
        let carrier = self.carrier(name)?;
        let about = match carrier.links().open(channel.into(), reference) {
            Some(attempt) => About::Attempt(attempt),
            None if carrier.links().is_key(reference) => About::ByItsId,
            None => return Err(self.forged(name)),
        };
        self.genuine(name, carrier, came)?;
        let told = carrier.reports(channel, &came.body, came.query()).ok_or_else(|| self.unreadable(name))?;
        self.metrics.webhook(name, "report");
        for told in told {
            if let Some(unlisted) = &told.unlisted {
                self.metrics.unlisted_code(name);
                tracing::warn!(
                    carrier = name,
                    code = unlisted,
                    "Carrier told a status or code that its profile does not list."
                );
            }
            self.tell(name, carrier, channel, &about, told).await.map_err(|Unstored| self.again())?;
        }
        Ok(noted())
    }

    async fn tell(
        &self,
        name: &str,
        carrier: &HttpCarrier,
        channel: Channel,
        about: &About,
        told: Told,
    ) -> Result<(), Unstored> {
        let Told { id, word, code, price, network, .. } = told;
        let details = Details { network, reference: id.clone(), price, code };
        let report = |progress| News::Report(Report { progress, details: details.clone() });
        let news = match word {
            Word::Wait => return Ok(()),
            Word::Ringing => report(Progress::Ringing),
            Word::Answered => report(Progress::Answered),
            Word::Delivered => report(Progress::Delivered),
            Word::Failed(cause) => report(Progress::Failed(cause)),
            // A call without documents has said all that it had to say.
            Word::Ended if channel == Channel::Voice && !carrier.fetches_documents() => report(Progress::Delivered),
            Word::Ended => News::Over(details.clone()),
        };
        match (about, id) {
            (About::Attempt(attempt), _) => self.events.news(*attempt, news).await,
            (About::ByItsId, Some(id)) => self.events.news_by_id(name, &id, news).await,
            (About::ByItsId, None) => {
                self.metrics.unknown_receipt();
                Ok(())
            }
        }
    }
}
