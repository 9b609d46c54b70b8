//! Which rules make sense.

use serde_json::Value;

use super::Rules;

/// Larger than any time, count or score that a rule could mean.
const LARGEST: f64 = 1e13;

impl Rules {
    /// Why these rules cannot be used, in a few words with the rule's name; `None` if they
    /// can.
    pub fn problem(&self) -> Option<String> {
        let (own, usual) = (serde_json::to_value(self).ok()?, serde_json::to_value(Rules::default()).ok()?);
        let states = &self.states;
        let order = [states.clear_below, states.suspect_at, states.block_at];
        odd("", &own, &usual).or_else(|| {
            let checkpoints = &self.curve.checkpoints;
            let inside = checkpoints.iter().all(|share| (0.01..=0.999).contains(share));
            if !(inside && checkpoints.is_sorted_by(|a, b| a < b)) {
                Some("curve.checkpoints must rise, between 0.01 and 0.999".into())
            } else if !order.is_sorted_by(|a, b| a < b) {
                Some("states.clear_below, suspect_at and block_at must rise in this order".into())
            } else if self.keep.changes_max == 0 || self.keep.cells_max == 0 || self.keep.pending_max == 0 {
                Some("keep.cells_max, pending_max and changes_max must be 1 at least".into())
            } else {
                None
            }
        })
    }
}

/// A number that no rule can be: it has the sign of the usual one, and is no larger than
/// anything that it could mean.
fn odd(name: &str, own: &Value, usual: &Value) -> Option<String> {
    let inner = |key: &str| if name.is_empty() { key.to_owned() } else { format!("{name}.{key}") };
    match (own, usual) {
        (Value::Object(own), Value::Object(usual)) => {
            own.iter().find_map(|(key, value)| odd(&inner(key), value, usual.get(key)?))
        }
        (Value::Array(own), Value::Array(usual)) => {
            own.iter().zip(usual).find_map(|(own, usual)| odd(name, own, usual))
        }
        // JSON has no word for what is not finite.
        (Value::Null, _) => Some(format!("{name} must be a number")),
        (own, usual) => {
            let (own, usual) = (own.as_f64()?, usual.as_f64()?);
            let (low, high) = if usual < 0.0 { (-LARGEST, 0.0) } else { (0.0, LARGEST) };
            (!(low..=high).contains(&own))
                .then(|| format!("{name} is {own}, and must lie between {low:e} and {high:e}"))
        }
    }
}
