//! What people do not want: STOP and START, sent from their phones. It holds for one
//! channel and for every tenant that the sender was used for.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::clock::Clock;
use crate::model::{Channel, DAY, Ms, NumberHash, Partition, TenantId};
use crate::number::Numbers;
use crate::seal::Keys;
use crate::store::{Archive, Consents, Logged, StoreError};

/// A shared sender speaks for every tenant that used it for the number in this time.
const SHARED_MS: Ms = 30 * DAY;
/// Most attempts that are looked through for that.
const MOST_ATTEMPTS: usize = 1_000;

/// Keeps opt-outs.
pub struct OptOuts {
    /// Where they are kept.
    pub consents: Arc<dyn Consents>,
    /// Who used a sender.
    pub archive: Arc<dyn Archive>,
    /// Reads numbers.
    pub numbers: Arc<Numbers>,
    /// Finds them.
    pub keys: Arc<Keys>,
    /// The clock.
    pub clock: Clock,
}

/// What a message from a phone asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keyword {
    /// No more messages.
    Stop,
    /// Messages again.
    Start,
    /// Help, which the carrier answers.
    Help,
}

/// Words that carriers treat as opt-outs (CTIA Messaging Principles, 5.1.3; Twilio,
/// "Support for opt-out keywords"), and the same in the languages of our texts.
const STOP: &[&str] = &[
    "stop",
    "stopall",
    "stop all",
    "unsubscribe",
    "cancel",
    "end",
    "quit",
    "revoke",
    "optout",
    "opt out",
    "opt-out",
    "arret",
    "arrêt",
    "baja",
    "alto",
    "parar",
    "sair",
    "stopp",
    "стоп",
    "停止",
    "退订",
    "td",
    "t",
    "बंद",
    "إلغاء",
    "ايقاف",
];
const START: &[&str] = &["start", "unstop", "yes", "subscribe", "alta", "старт", "開始", "订阅"];
const HELP: &[&str] = &["help", "info", "aide", "ayuda", "hilfe", "помощь", "ヘルプ", "帮助"];

/// The keyword that a text is, if it is one and nothing else.
pub fn keyword(text: &str) -> Option<Keyword> {
    let word = text.trim().trim_matches(['.', '!', '"', '\'', '。', '！']).to_lowercase();
    let is_in = |words: &[&str]| words.contains(&word.as_str());
    match () {
        () if is_in(STOP) => Some(Keyword::Stop),
        () if is_in(START) => Some(Keyword::Start),
        () if is_in(HELP) => Some(Keyword::Help),
        () => None,
    }
}

impl OptOuts {
    /// A message from a phone to a sender of a carrier. What is no keyword is let go.
    pub async fn mail(&self, carrier: &str, from: &str, to: &str, text: &str) -> Result<Option<Keyword>, StoreError> {
        let Some(keyword) = keyword(text) else { return Ok(None) };
        // Some carriers write numbers without the plus.
        let from = if from.starts_with(|c: char| c.is_ascii_digit()) { format!("+{from}") } else { from.to_owned() };
        let Ok(parsed) = self.numbers.parse(&from, None) else { return Ok(None) };
        let (partition, hash) = (self.keys.partition(&parsed.e164), self.keys.number(&parsed.e164));
        if keyword == Keyword::Help {
            tracing::info!(carrier, to = %parsed.e164.masked(), "A person asked for help.");
            return Ok(Some(keyword));
        }
        let tenants = self.meant(keyword, carrier, to, partition, hash).await?;
        let count = tenants.len();
        match keyword {
            Keyword::Stop => self.consents.opt_out(partition, hash, tenants, Channel::Sms).await?,
            Keyword::Start => drop(self.consents.opt_in(partition, hash, Some(tenants), Channel::Sms).await?),
            Keyword::Help => {}
        }
        let to = parsed.e164.masked();
        if count == 0 && keyword == Keyword::Stop {
            tracing::warn!(carrier, %to, "A person wants no more messages, and no attempt over that sender is known.");
        } else {
            tracing::info!(carrier, %to, ?keyword, tenants = count, "A person's wish is kept.");
        }
        Ok(Some(keyword))
    }

    /// The tenants that a message to a sender is meant for: for STOP those who used it
    /// lately; for START those who were stopped, however long ago, unless they are known
    /// to have used other senders alone.
    async fn meant(
        &self,
        keyword: Keyword,
        carrier: &str,
        to: &str,
        partition: Partition,
        hash: NumberHash,
    ) -> Result<Vec<TenantId>, StoreError> {
        let attempts = self.archive.attempts(partition, hash, MOST_ATTEMPTS).await?;
        // A pool's id says nothing about the number that the carrier took from it.
        let same =
            |sender: Option<&str>| sender.is_none_or(|sender| digits(sender).is_none() || digits(sender) == digits(to));
        let is_sms = |attempt: &Logged| attempt.channel == Channel::Sms;
        let used = |attempt: &Logged| attempt.carrier == carrier && same(attempt.sender.as_deref());
        let attempts: Vec<Logged> = attempts.into_iter().map(|attempt| attempt.submitted).filter(is_sms).collect();
        let tenants: BTreeSet<TenantId> = if keyword == Keyword::Stop {
            let since = self.clock.now().saturating_sub(SHARED_MS);
            let lately = attempts.into_iter().filter(|attempt| attempt.started >= since && used(attempt));
            lately.map(|attempt| attempt.tenant).collect()
        } else {
            let elsewhere = |tenant: &TenantId| {
                let mut own = attempts.iter().filter(|attempt| attempt.tenant == *tenant).peekable();
                own.peek().is_some() && !own.any(used)
            };
            let stopped = self.consents.opted_out(partition, hash).await?.into_iter();
            let stopped = stopped.filter(|opt_out| opt_out.channel == Channel::Sms).map(|opt_out| opt_out.tenant);
            stopped.filter(|tenant| !elsewhere(tenant)).collect()
        };
        Ok(tenants.into_iter().collect())
    }
}

/// The digits of a number or short code; `None` for a name or a pool's id.
fn digits(sender: &str) -> Option<&str> {
    let digits = sender.strip_prefix('+').unwrap_or(sender);
    (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyword_stands_alone() {
        for stop in ["STOP", " stop. ", "Arrêt", "СТОП", "退订", "\"STOP\"", "Unsubscribe!"] {
            assert_eq!(keyword(stop), Some(Keyword::Stop), "{stop}");
        }
        assert_eq!((keyword("Start"), keyword("HELP")), (Some(Keyword::Start), Some(Keyword::Help)));
        for other in ["", "please stop", "stop it", "123456", "stopp!nicht"] {
            assert_eq!(keyword(other), None, "{other}");
        }
    }
}
