//! [`Neighbour`]: a container on the network of a listener, and what it may have. Read by `config/own/listener/neighbours.rs`.

use std::net::IpAddr;
use std::str::FromStr;

use crate::credential::IdentityName;

/// A container on the network of a listener, and what it may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// How it is known.
    pub who: Who,
    /// What it may have; the first of each cloud is its default.
    pub identities: Vec<IdentityName>,
}

/// How a neighbour is known.
///
/// ```
/// use credenza::config::Who;
/// let who: Who = "169.254.170.64/28".parse().unwrap();
/// assert!(who.has("169.254.170.79".parse().unwrap()) && !who.has("169.254.170.80".parse().unwrap()));
/// assert!(matches!("worker".parse(), Ok(Who::Name(name)) if name == "worker"));
/// assert!("my worker".parse::<Who>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Who {
    /// By a name that the network's own resolver knows, such as a service of a compose file: whoever has one of its addresses.
    Name(String),
    /// By its address, or by that of the network that it is in: so many bits of it count.
    Network(IpAddr, u8),
}

impl Who {
    /// Whether an address says it by itself; a name has to be looked up.
    pub fn has(&self, address: IpAddr) -> bool {
        match self {
            Self::Name(_) => false,
            Self::Network(network, bits) => masked(address.to_canonical(), *bits) == Some(*network),
        }
    }
}

/// As it is written.
impl std::fmt::Display for Who {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Network(address, bits) if *bits == all_bits(*address) => address.fmt(f),
            Self::Network(network, bits) => write!(f, "{network}/{bits}"),
        }
    }
}

/// The error is a whole sentence.
impl FromStr for Who {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(address) = text.parse::<IpAddr>() {
            let address = address.to_canonical();
            return Ok(Self::Network(address, all_bits(address)));
        }
        if let Some((network, bits)) = text.split_once('/') {
            return network_of(text, network, bits);
        }
        // what Docker takes for a service or a container (Docker CLI reference, "docker container run", `--name`), and dots
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let begins = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        if begins && text.len() <= MOST_BYTES_OF_A_NAME && text.bytes().all(plain) {
            return Ok(Self::Name(text.to_owned()));
        }
        Err(format!(
            "`{text}` is no neighbour: write a service's name, such as app, an address or a network, such as 10.0.0.0/28"
        ))
    }
}

fn network_of(text: &str, network: &str, bits: &str) -> Result<Who, String> {
    let parsed: Option<(IpAddr, u8)> = network.parse().ok().zip(bits.parse().ok());
    // addresses are compared without their mapping to IPv6
    let parsed = parsed.filter(|(network, _)| network.to_canonical() == *network);
    let Some((network, bits)) = parsed.filter(|(network, bits)| (1..=all_bits(*network)).contains(bits)) else {
        return Err(format!("`{text}` is no network: write one like 169.254.170.64/28"));
    };
    match masked(network, bits) {
        Some(first) if first == network => Ok(Who::Network(network, bits)),
        first => {
            let mend = first.map_or_else(|| text.to_owned(), |first| format!("{first}/{bits}"));
            Err(format!("`{text}` has bits behind its {bits}: write `{mend}`, or `{network}` for the one address"))
        }
    }
}

fn all_bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// The first address of the network of so many bits that an address is in; `None`: it has not so many.
fn masked(address: IpAddr, bits: u8) -> Option<IpAddr> {
    let bits = u32::from(bits);
    match address {
        IpAddr::V4(ip) => {
            let mask = u32::MAX.checked_shl(32_u32.checked_sub(bits)?).unwrap_or(0);
            Some(IpAddr::V4((ip.to_bits() & mask).into()))
        }
        IpAddr::V6(ip) => {
            let mask = u128::MAX.checked_shl(128_u32.checked_sub(bits)?).unwrap_or(0);
            Some(IpAddr::V6((ip.to_bits() & mask).into()))
        }
    }
}

/// A DNS name's (RFC 1035, 2.3.4).
const MOST_BYTES_OF_A_NAME: usize = 253;

#[cfg(test)]
mod tests {
    use super::*;

    fn who(text: &str) -> Who {
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn who_is_in_a_network_and_who_is_not() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("169.254.170.64/28", "169.254.170.64", "169.254.170.63"),
            ("169.254.170.7", "169.254.170.7", "169.254.170.8"),
            ("169.254.170.7/32", "::ffff:169.254.170.7", "169.254.170.6"),
            ("fd00:ec2::/32", "fd00:ec2:1::9", "fd00:ec3::"),
            ("fd00::1", "fd00::1", "fd00::2"),
            ("0.0.0.0/1", "127.0.0.1", "128.0.0.1"),
            ("10.0.0.0/24", "10.0.0.9", "fd00::1"),
        ] {
            let found = who(network);
            assert!(found.has(inside.parse().unwrap()), "{network} {inside}");
            assert!(!found.has(outside.parse().unwrap()), "{network} {outside}");
        }
        assert!(!who("app").has("10.0.0.1".parse().unwrap()), "a name is looked up");
    }

    #[test]
    fn it_is_shown_as_it_is_written() {
        for text in ["app", "my-app_1.net", "10.0.0.1", "10.0.0.0/28", "fd00::/64", "fd00::1"] {
            assert_eq!(who(text).to_string(), text);
        }
        assert_eq!(who("10.0.0.1/32").to_string(), "10.0.0.1");
    }

    #[test]
    fn what_is_no_neighbour_is_said() {
        for (text, expected) in [
            (
                "10.0.0.1/28",
                "`10.0.0.1/28` has bits behind its 28: write `10.0.0.0/28`, or `10.0.0.1` for the one address",
            ),
            ("10.0.0.0/33", "`10.0.0.0/33` is no network: write one like 169.254.170.64/28"),
            ("::ffff:10.0.0.0/120", "`::ffff:10.0.0.0/120` is no network: write one like 169.254.170.64/28"),
            // everybody is nobody's neighbour
            ("0.0.0.0/0", "`0.0.0.0/0` is no network: write one like 169.254.170.64/28"),
            ("app/1", "`app/1` is no network: write one like 169.254.170.64/28"),
            (
                "my app",
                "`my app` is no neighbour: write a service's name, such as app, an address or a network, such as 10.0.0.0/28",
            ),
            (
                "-app",
                "`-app` is no neighbour: write a service's name, such as app, an address or a network, such as 10.0.0.0/28",
            ),
            (
                "*",
                "`*` is no neighbour: write a service's name, such as app, an address or a network, such as 10.0.0.0/28",
            ),
            (
                "",
                "`` is no neighbour: write a service's name, such as app, an address or a network, such as 10.0.0.0/28",
            ),
        ] {
            assert_eq!(text.parse::<Who>(), Err(expected.to_owned()), "{text}");
        }
    }
}
