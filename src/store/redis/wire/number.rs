//! What a number has had, as the scripts keep it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_bytes::ByteBuf;

use super::super::states::Numbered;
use super::{After, decode};
use crate::model::{Channel, Ms, RecordId, Sent, TenantId, Usage};
use crate::store::{Record, StoreError};

#[derive(Deserialize)]
struct NumberWire {
    v: u16,
    b: Ms,
    a: Vec<After>,
    t: BTreeMap<String, TenantWire>,
}

#[derive(Deserialize)]
struct TenantWire {
    s: Vec<(After, u64)>,
    #[serde(default)]
    f: Vec<After>,
    #[serde(default)]
    p: Option<After>,
    #[serde(default)]
    o: Vec<OpenWire>,
}

type OpenWire = (String, After, ByteBuf);

/// An open record in its number's list: id, expiry, subject (empty if none).
pub type Open = (RecordId, Ms, ByteBuf);

/// What a number has had, and a tenant's open records.
pub fn number(bytes: &[u8], tenant: &TenantId) -> Result<(Usage, Vec<Open>), StoreError> {
    if bytes.is_empty() {
        return Ok(Default::default());
    }
    let NumberWire { v, b, a, mut t } = decode(bytes)?;
    if v > Record::VERSION {
        return Err(StoreError::Newer);
    }
    let at = |after: After| b.saturating_add_signed(after);
    let sent_all_tenants = a.into_iter().map(at).collect();
    let Some(own) = t.remove(&tenant.0) else {
        return Ok((Usage { sent_all_tenants, ..Usage::default() }, Vec::new()));
    };
    let sent =
        own.s.iter().map(|(after, channel)| Ok(Sent { at: at(*after), channel: Channel::from_number(*channel)? }));
    let usage = Usage {
        sent: sent.collect::<Result<_, StoreError>>()?,
        failures: own.f.into_iter().map(at).collect(),
        sent_all_tenants,
        paused_until: own.p.map_or(0, at),
    };
    let open = own.o.into_iter().map(|(id, expires, subject)| {
        let id = format!("ver_{id}").parse().map_err(StoreError::unreadable)?;
        Ok((id, at(expires), subject))
    });
    Ok((usage, open.collect::<Result<_, StoreError>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_before_the_first_one_are_read() {
        // {v: 1, b: 1000, a: [-5], t: {x: {s: [[-5, 1]]}}}: written after a fail-over to a slower clock.
        let bytes = b"\x84\xa1v\x01\xa1b\xcd\x03\xe8\xa1a\x91\xfb\xa1t\x81\xa1x\x81\xa1s\x91\x92\xfb\x01";
        let (usage, open) = number(bytes, &TenantId("x".into())).unwrap();
        assert_eq!((usage.sent_all_tenants, open.len()), (vec![995], 0));
        assert_eq!(usage.sent, [Sent { at: 995, channel: Channel::Voice }]);
    }
}
