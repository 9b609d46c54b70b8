//! Messages from phones.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::{Came, Webhooks, noted};
use crate::http::{InPath, Kind, Problem};

pub async fn mail(
    State(webhooks): State<Webhooks>,
    InPath((name, key)): InPath<(String, String)>,
    came: Came,
) -> Result<Response, Problem> {
    let carrier = webhooks.carrier(&name)?;
    if !carrier.links().is_key(&key) {
        return Err(webhooks.forged(&name));
    }
    webhooks.genuine(&name, carrier, &came)?;
    let Some(inbound) = &carrier.profile().upstream.inbound else {
        return Err(Problem::new(Kind::NotFound, "this carrier's profile reads no messages from phones"));
    };
    let mails = carrier.mails(&came.body, came.query()).ok_or_else(|| webhooks.unreadable(&name))?;
    webhooks.metrics.webhook(&name, "mail");
    for mail in mails {
        let kept = webhooks.opt_outs.mail(&name, &mail.from, &mail.to, &mail.text).await;
        kept.map_err(|error| {
            webhooks.metrics.store_error();
            tracing::warn!(carrier = name, %error, "A message from a phone waits for the store.");
            webhooks.again()
        })?;
    }
    Ok(match &inbound.answer {
        Some(answer) => ([(header::CONTENT_TYPE, answer.content_type.clone())], answer.body.clone()).into_response(),
        None => noted(),
    })
}
