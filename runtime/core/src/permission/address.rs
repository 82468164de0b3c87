//! Which addresses are inside: loopback, private networks, link-local, a cloud's metadata service.
//!
//! A granted name can lead anywhere its owner likes, so what counts is the address that is about to
//! be connected to. Inside addresses are reached only where IT named them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// The inside addresses that a target's plugin may reach. Nothing by default.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PrivateAccess(Vec<PrivateGrant>);

/// One line of that permission.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PrivateGrant {
    /// Exactly this address. The only way to a cloud's metadata service.
    Address(IpAddr),
    /// Every address that begins with these bits.
    Network(IpAddr, u8),
    /// Whatever this name leads to.
    Name(String),
    /// Every inside address but metadata services.
    Everything,
}

/// A text that names no address, network or host.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is neither an address (`10.0.0.7`), a network (`10.0.0.0/8`) nor a host name")]
pub struct InvalidPrivateGrant(pub String);

impl PrivateAccess {
    /// Nothing inside.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// Everything inside but metadata services.
    pub fn everything() -> Self {
        Self(vec![PrivateGrant::Everything])
    }

    /// These addresses, networks and names.
    pub fn only(grants: Vec<PrivateGrant>) -> Self {
        Self(grants)
    }

    /// The grants as they are written.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(ToString::to_string)
    }

    /// Why this address must not be connected to under this name; `None` if it may.
    pub fn refusal(&self, name: &str, address: IpAddr) -> Option<&'static str> {
        let address = plain(address);
        let inside = inside(address)?;
        let is_metadata = is_metadata(address);
        let granted = self.0.iter().any(|grant| match grant {
            PrivateGrant::Address(granted) => plain(*granted) == address,
            PrivateGrant::Network(network, bits) => {
                !is_metadata && within(address, *network, *bits)
            }
            PrivateGrant::Name(granted) => !is_metadata && granted.eq_ignore_ascii_case(name),
            PrivateGrant::Everything => !is_metadata,
        });
        (!granted).then_some(inside)
    }
}

impl FromStr for PrivateGrant {
    type Err = InvalidPrivateGrant;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || InvalidPrivateGrant(text.to_owned());
        if let Ok(address) = text.parse() {
            return Ok(Self::Address(address));
        }
        if let Some((network, bits)) = text.split_once('/') {
            let network: IpAddr = network.parse().map_err(|_| refuse())?;
            let bits: u8 = bits.parse().map_err(|_| refuse())?;
            let bits_max = if network.is_ipv4() { 32 } else { 128 };
            return if bits <= bits_max {
                Ok(Self::Network(network, bits))
            } else {
                Err(refuse())
            };
        }
        match url::Host::parse(text) {
            Ok(url::Host::Domain(name)) if !text.contains(':') => Ok(Self::Name(name)),
            _ => Err(refuse()),
        }
    }
}

impl fmt::Display for PrivateGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PrivateGrant::Address(address) => write!(f, "{address}"),
            PrivateGrant::Network(network, bits) => write!(f, "{network}/{bits}"),
            PrivateGrant::Name(name) => f.write_str(name),
            PrivateGrant::Everything => f.write_str("everything"),
        }
    }
}

/// The IPv4 address that an IPv6 one stands for, where it does: the kernel or a gateway on the way
/// would connect to that one.
fn plain(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else {
        return address;
    };
    let (high, low) = match v6.segments() {
        // Mapped, translated by a gateway, or tunnelled: all end at the IPv4 address within.
        [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => (high, low),
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => (high, low),
        _ => return address,
    };
    IpAddr::V4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
}

fn inside(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(v4) => inside_v4(v4),
        IpAddr::V6(v6) => inside_v6(v6),
    }
}

fn inside_v4(v4: Ipv4Addr) -> Option<&'static str> {
    let [a, b, c, _] = v4.octets();
    if is_metadata(IpAddr::V4(v4)) {
        return Some("a cloud's metadata service");
    }
    match (a, b, c) {
        (127, ..) => Some("this machine itself"),
        (0, ..) => Some("this network"),
        (10, ..) | (172, 16..=31, _) | (192, 168, _) => Some("a private network"),
        (100, 64..=127, _) => Some("a provider's internal network"),
        (169, 254, _) => Some("a link-local address"),
        (192, 0, 0 | 2) | (198, 18 | 19, _) | (198, 51, 100) | (203, 0, 113) => {
            Some("an address for special purposes")
        }
        (224..=239, ..) => Some("a multicast address"),
        (240..=255, ..) => Some("a reserved address"),
        _ => None,
    }
}

fn inside_v6(v6: Ipv6Addr) -> Option<&'static str> {
    if is_metadata(IpAddr::V6(v6)) {
        return Some("a cloud's metadata service");
    }
    match v6.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Some("this machine itself"),
        [0, 0, 0, 0, 0, 0, 0, 0] => Some("no address"),
        [0xfc00..=0xfdff, ..] => Some("a private network"),
        [0xfe80..=0xfebf, ..] => Some("a link-local address"),
        [0xfec0..=0xfeff, ..] => Some("a site-local address"),
        [0xff00..=0xffff, ..] => Some("a multicast address"),
        [0x2001, 0xdb8 | 0, ..] | [0x100, 0, 0, 0, ..] | [0x64, 0xff9b, 1, ..] => {
            Some("an address for special purposes")
        }
        _ => None,
    }
}

/// Addresses at which clouds hand out the machine's own credentials.
fn is_metadata(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => matches!(
            v4.octets(),
            [169, 254, 169, 253 | 254]
                | [169, 254, 170, 2]
                | [100, 100, 100, 200]
                | [168, 63, 129, 16]
                | [192, 0, 0, 192]
        ),
        IpAddr::V6(v6) => matches!(
            v6.segments(),
            [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254 | 0x23] | [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254]
        ),
    }
}

fn within(address: IpAddr, network: IpAddr, bits: u8) -> bool {
    let (address, network, width) = match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(n)) => (u128::from(a.to_bits()), u128::from(n.to_bits()), 32),
        (IpAddr::V6(a), IpAddr::V6(n)) => (a.to_bits(), n.to_bits(), 128),
        _ => return false,
    };
    let shift = u32::from(width - bits.min(width));
    address.checked_shr(shift).unwrap_or(0) == network.checked_shr(shift).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(access: &PrivateAccess, address: &str, may: bool) {
        let refusal = access.refusal("app.example", address.parse().unwrap());
        assert_eq!(refusal.is_none(), may, "{address}: {refusal:?}");
    }

    #[test]
    fn nothing_inside_is_reached_unless_granted() {
        let nothing = PrivateAccess::nothing();
        for address in [
            "127.0.0.1",
            "127.9.9.9",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "168.63.129.16",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "fd00::1",
            "fe80::1",
            "ff02::1",
            "fd00:ec2::254",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::127.0.0.1",
            "2002:7f00:1::",
            "::127.0.0.1",
        ] {
            check(&nothing, address, false);
        }
        for address in ["8.8.8.8", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8"] {
            check(&nothing, address, true);
        }
    }

    #[test]
    fn a_grant_reaches_what_it_names_and_no_more() {
        let access = |text: &str| PrivateAccess::only(vec![text.parse().unwrap()]);
        check(&access("10.0.0.0/8"), "10.200.0.1", true);
        check(&access("10.0.0.0/8"), "11.0.0.1", true);
        check(&access("10.0.0.0/8"), "192.168.0.1", false);
        check(&access("fd00::/16"), "fd00::7", true);
        check(&access("127.0.0.1"), "::ffff:127.0.0.1", true);
        check(&access("127.0.0.1"), "127.0.0.2", false);
        check(&access("app.example"), "10.0.0.1", true);
        check(&access("other.example"), "10.0.0.1", false);
    }

    #[test]
    fn a_metadata_service_is_reached_by_its_exact_address_only() {
        for access in [
            PrivateAccess::everything(),
            PrivateAccess::only(vec!["169.254.0.0/16".parse().unwrap()]),
            PrivateAccess::only(vec!["app.example".parse().unwrap()]),
        ] {
            check(&access, "169.254.169.254", false);
        }
        check(
            &PrivateAccess::only(vec!["169.254.169.254".parse().unwrap()]),
            "169.254.169.254",
            true,
        );
    }

    #[test]
    fn what_names_nothing_is_refused() {
        for text in [
            "",
            "10.0.0.0/33",
            "10.0.0/8",
            "a b",
            "http://a.example",
            "a.example:80",
        ] {
            assert!(text.parse::<PrivateGrant>().is_err(), "{text:?}");
        }
    }
}
