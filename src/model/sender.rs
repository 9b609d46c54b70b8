//! What a person sees as the sender of a message or call.

use serde::{Deserialize, Deserializer, Serialize};

/// A sender of the operator's at one carrier: a number, a short code, a name, or a
/// pool from which the carrier picks one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Sender {
    /// The number or name; for a pool its id at the carrier.
    pub id: String,
    /// Whether `id` names a pool (Twilio: Messaging Service, Plivo: Powerpack).
    pub pool: bool,
    /// India's DLT entity id, where the country asks for one.
    pub dlt_entity: Option<String>,
    /// India's DLT template id.
    pub dlt_template: Option<String>,
}

/// Most characters of a sender's id.
const LONGEST_ID: usize = 40;

#[derive(Deserialize)]
#[serde(untagged, expecting = "a sender is \"+14155550100\", \"ACME\", { id = \"…\" } or { pool = \"…\" }")]
enum Written {
    Text(String),
    Table(Table),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    id: Option<String>,
    pool: Option<String>,
    dlt_entity: Option<String>,
    dlt_template: Option<String>,
}

impl<'de> Deserialize<'de> for Sender {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let (id, pool, dlt_entity, dlt_template) = match Written::deserialize(d)? {
            Written::Text(id) => (id, false, None, None),
            Written::Table(Table { id: Some(id), pool: None, dlt_entity, dlt_template }) => {
                (id, false, dlt_entity, dlt_template)
            }
            Written::Table(Table { id: None, pool: Some(id), dlt_entity, dlt_template }) => {
                (id, true, dlt_entity, dlt_template)
            }
            Written::Table(_) => return Err(serde::de::Error::custom("a sender has either id or pool")),
        };
        if id.is_empty() || id.len() > LONGEST_ID || id.chars().any(char::is_control) {
            let problem = format!("a sender has 1 to {LONGEST_ID} characters, none of them control characters");
            return Err(serde::de::Error::custom(problem));
        }
        Ok(Sender { id, pool, dlt_entity, dlt_template })
    }
}
