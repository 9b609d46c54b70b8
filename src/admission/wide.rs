//! What one send takes from the wide limits.

use std::net::IpAddr;

use super::Target;
use crate::config::WideLimitOptions;
use crate::model::{LimitName, TenantId};
use crate::seal::Keys;
use crate::store::Take;

/// One from each limit that applies. Counted things are keyed hashes: neither an
/// address nor a prefix can be read from the store.
pub fn takes(
    keys: &Keys,
    options: &WideLimitOptions,
    tenant: &TenantId,
    to: Target<'_>,
    address: Option<IpAddr>,
) -> Vec<Take> {
    let address = address.map(network_of);
    let counted = [
        (LimitName::Address, &options.address, address.as_deref()),
        (LimitName::Prefix, &options.prefix, Some(to.number.prefix_block())),
        (LimitName::Country, &options.country, Some(to.at.country.as_str())),
        (LimitName::Tenant, &options.tenant, Some("")),
    ];
    let takes = counted.into_iter().filter_map(|(limit, specs, of)| Some((limit, specs, of?)));
    takes
        .flat_map(|(limit, specs, of)| {
            // An address is the end user's, whoever the tenant is; the others are ceilings of one tenant.
            let whose = if limit == LimitName::Address { "" } else { &tenant.0 };
            let key = keys.digest("wide limit", &[limit.as_str().as_bytes(), whose.as_bytes(), of.as_bytes()]);
            specs.iter().map(move |spec| Take { limit, key, spec: *spec })
        })
        .collect()
}

/// The network that one subscriber has: an IPv4 address, or 64 bits of IPv6.
fn network_of(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_subscriber_is_one_network() {
        let network = |text: &str| network_of(text.parse().unwrap());
        assert_eq!(network("203.0.113.7"), network("::ffff:203.0.113.7"));
        assert_eq!(network("2001:db8:1:2:3::4"), network("2001:db8:1:2::1"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
    }
}
