//! `/v1/carriers`.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use crate::config::Scope;
use crate::delivery::{CarrierStatus, CellFilter, CellStatus, StatusFilter};
use crate::http::{Caller, InQuery, Problem, check_text};
use crate::model::Country;

/// What to look at.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Filter {
    /// One country only, two letters.
    #[param(example = "JP")]
    country: Option<String>,
    /// `sms` or `voice` only.
    channel: Option<String>,
    /// How far back, 1 to 48; 24 by default.
    hours: Option<u64>,
    /// One network only for `cells`: `IN/Airtel`, or with `country` its MCC-MNC `404-45`.
    #[param(example = "IN/Airtel")]
    network: Option<String>,
    /// Show all `cells`, also those that are as usual. Without this and without `network`,
    /// only those that are not.
    #[param(example = false)]
    all: Option<bool>,
}

/// How the carriers do.
#[derive(Serialize, ToSchema)]
pub struct Carriers {
    /// How far back the figures go.
    hours: u64,
    /// Every configured carrier.
    carriers: Vec<CarrierStatus>,
    /// What is believed of carrier and sender on a network, and why; at most 1,000.
    cells: Vec<CellStatus>,
}

/// How the carriers do
///
/// Figures are over all gateways that share the store, in slices of ten minutes; breaker
/// and pace are as this gateway sees them.
#[utoipa::path(get, operation_id = "getCarriers", path = "/v1/carriers", tag = "carriers", params(Filter),
    responses(
        (status = 200, description = "Every configured carrier", body = Carriers),
        (status = "4XX", description = "A problem document", content_type = "application/problem+json")))]
pub async fn status(
    State(api): State<Api>,
    caller: Caller,
    InQuery(filter): InQuery<Filter>,
) -> Result<Json<Carriers>, Problem> {
    caller.may(Scope::Ops)?;
    let country = filter.country.map(|text| {
        let upper = text.to_uppercase();
        Country::new(&upper).ok_or_else(|| Problem::field("country", "must be a two-letter country such as JP"))
    });
    let channel =
        filter.channel.map(|text| text.parse().map_err(|_| Problem::field("channel", "must be sms or voice")));
    let hours = filter.hours.unwrap_or(24);
    if !(1..=48).contains(&hours) {
        return Err(Problem::field("hours", "must lie between 1 and 48"));
    }
    let (country, channel) = (country.transpose()?, channel.transpose()?);
    if let Some(network) = &filter.network {
        check_text("network", network, 64, false)?;
        match (country, network.split_once('/')) {
            (None, None) => {
                return Err(Problem::field(
                    "network",
                    "must name its country, such as IN/Airtel, or come with country",
                ));
            }
            (Some(country), Some((own, _))) if own != country.as_str() => {
                return Err(Problem::field("network", "must be one of the country, or come without country"));
            }
            _ => {}
        }
    }
    let cells = CellFilter { country, network: filter.network, channel, all: filter.all.unwrap_or(false) };
    let cells = api.deliveries.cells(&cells);
    let filter = StatusFilter { country, channel, hours };
    let carriers = api.deliveries.carrier_status(filter).await.map_err(|error| Problem::store(&error))?;
    Ok(Json(Carriers { hours, carriers, cells }))
}
