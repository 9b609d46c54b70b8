//! Block detection, pure: from what happened to what is believed about a
//! carrier on a network. Until evidence is gathered it believes the best.

/// What is believed about a carrier on a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Messages get through.
    Healthy,
}

/// The belief about one carrier.
pub fn health(_carrier: &str) -> Health {
    Health::Healthy
}
