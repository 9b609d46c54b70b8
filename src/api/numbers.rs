//! `/v1/numbers`.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Api, error};
use crate::admission::Channels;
use crate::clock::rfc3339;
use crate::config::Scope;
use crate::http::{Body, Caller, Problem, check_text};
use crate::model::{Channel, Network, NumberKind};
use crate::number::Parsed;

/// A number to look up.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Lookup {
    /// The number, in E.164 or, with a default region, in national format.
    #[schema(example = "+819012345678")]
    to: String,
}

/// How well the network is known.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Knowledge {
    /// Told by a receipt or a look-up.
    Known,
    /// Guessed from the prefix; numbers move between networks.
    Guessed,
    /// Not known.
    Unknown,
}

/// What the digits tell.
#[derive(Serialize, ToSchema)]
pub struct Number {
    to_masked: String,
    /// ISO 3166-1; null for numbers of no country.
    country: Option<String>,
    r#type: NumberKind,
    /// MCC-MNC if known, `CC/Name` if guessed.
    #[schema(example = "JP/KDDI")]
    network: Option<String>,
    network_is: Knowledge,
    /// IANA names; several where the digits do not tell.
    time_zones: Vec<String>,
    /// Whether it could be sent to at all.
    channels: Channels,
    /// What arrived there last; null if nothing is remembered.
    last_worked: Option<LastWorked>,
}

/// What arrived last.
#[derive(Serialize, ToSchema)]
pub struct LastWorked {
    channel: Channel,
    /// RFC 3339.
    at: String,
}

impl Api {
    /// Reads a number with the tenant's default region.
    pub(super) fn read_number(&self, caller: &Caller, text: &str) -> Result<Parsed, Problem> {
        let region = self.verifications.default_region(caller.tenant());
        self.numbers.parse(text, region).map_err(error::number)
    }
}

/// Look a number up
///
/// From the digits alone; nothing is sent and nobody is asked.
#[utoipa::path(post, operation_id = "lookUpNumber", path = "/v1/numbers/lookup", tag = "numbers", request_body = Lookup,
    responses(
        (status = 200, description = "What the digits tell", body = Number),
        (status = "4XX", description = "A problem document", content_type = "application/problem+json")))]
pub async fn lookup(
    State(api): State<Api>,
    caller: Caller,
    Body { value: body, .. }: Body<Lookup>,
) -> Result<Json<Number>, Problem> {
    caller.may(Scope::Verify)?;
    check_text("to", &body.to, 200, false)?;
    let parsed = api.read_number(&caller, &body.to)?;
    let channels = api.verifications.may_reach(&parsed);
    let admission = &api.verifications.admission;
    let memory = admission.memory_of(caller.tenant(), &admission.destination(&parsed)).await;
    let (network, network_is) = match parsed.network {
        Network::Known(name) => (Some(name), Knowledge::Known),
        Network::Guessed(name) => (Some(name), Knowledge::Guessed),
        Network::Unknown => (None, Knowledge::Unknown),
    };
    Ok(Json(Number {
        to_masked: parsed.e164.masked(),
        country: Some(parsed.country).filter(|c| *c != crate::model::Country::NONE).map(|c| c.to_string()),
        r#type: parsed.kind,
        network,
        network_is,
        time_zones: parsed.zones,
        channels,
        last_worked: memory.worked.map(|(channel, at)| LastWorked { channel, at: rfc3339(at) }),
    }))
}
