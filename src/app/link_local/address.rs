//! Which addresses there are, how they are written, and which of them a configuration has.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::Refusal;
use crate::config::ListenerDefinition;

/// What is meant where nothing is configured: the instance metadata service of EC2.
pub const DEFAULT: SocketAddr = SocketAddr::new(EC2, PORT);

const EC2: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254));
/// Where every client asks.
const PORT: u16 = 80;

/// Each address, and the dialect that its clients speak: Amazon EC2 User Guide, "Access instance metadata"; Amazon ECS
/// Developer Guide, "Task IAM role"; Amazon EKS User Guide, "Pod Identity Agent".
pub(super) const KNOWN: [(IpAddr, &str); 5] = [
    (EC2, "ec2"),
    (IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)), "ec2"),
    (IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)), "ecs"),
    (IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)), "pod-identity"),
    (IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)), "pod-identity"),
];

/// Whether clients ask this address of themselves, and nobody has it for anything else.
pub fn is_known(address: IpAddr) -> bool {
    KNOWN.iter().any(|(known, _)| *known == address)
}

/// `169.254.169.254`, `169.254.169.254:8080`, `fd00:ec2::254` or `[fd00:ec2::254]:80`; port 80 where none is written.
pub fn read(word: &str) -> Result<SocketAddr, Refusal> {
    let bare = word.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(word);
    let alone = bare.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, PORT));
    let address = alone.or_else(|_| word.parse::<SocketAddr>()).ok();
    let known = address.filter(|address| is_known(address.ip()) && address.port() != 0);
    known.ok_or_else(|| Refusal::Unknown { word: word.to_owned(), known: all_known() })
}

fn all_known() -> String {
    KNOWN.map(|(address, _)| address.to_string()).join(", ")
}

/// The same as it is typed: without the port that is meant anyway.
pub(super) fn written(address: SocketAddr) -> String {
    if address.port() == PORT { address.ip().to_string() } else { address.to_string() }
}

/// Those among the listeners.
pub fn configured(listeners: &[ListenerDefinition]) -> Vec<SocketAddr> {
    listeners.iter().map(|listener| listener.address).filter(|address| is_known(address.ip())).collect()
}

/// What to write into `config.toml` to have an address served.
pub fn section(address: SocketAddr, identity: &str) -> String {
    let (_, dialect) = KNOWN.into_iter().find(|(known, _)| *known == address.ip()).unwrap_or(KNOWN[0]);
    let quoted = |text: &str| toml::Value::from(text).to_string();
    format!("[[listener]]\ndialects = [\"{dialect}\"]\naddress = \"{address}\"\nidentities = [{}]\n", quoted(identity))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_addresses_are_read_and_others_refused() {
        for (word, expected) in [
            ("169.254.169.254", "169.254.169.254:80"),
            ("169.254.169.254:8080", "169.254.169.254:8080"),
            ("fd00:ec2::254", "[fd00:ec2::254]:80"),
            ("[fd00:ec2::254]", "[fd00:ec2::254]:80"),
            ("[fd00:ec2:0::254]:81", "[fd00:ec2::254]:81"),
            ("169.254.170.2", "169.254.170.2:80"),
            ("169.254.170.23", "169.254.170.23:80"),
            ("fd00:ec2::23", "[fd00:ec2::23]:80"),
        ] {
            let address = read(word).unwrap();
            assert_eq!(address.to_string(), expected, "{word}");
            assert_eq!(read(&written(address)).unwrap(), address, "{word}");
        }
        for word in ["10.0.0.1", "127.0.0.1", "169.254.1.1", "0.0.0.0", "::", "x", "", "169.254.169.254:0", "-h", "lo"]
        {
            let said = read(word).unwrap_err().to_string();
            assert!(said.contains(&format!("`{word}`")) && said.contains("169.254.169.254, fd00:ec2::254"), "{said}");
        }
    }

    #[test]
    fn what_is_to_be_written_names_the_dialect_of_the_address() {
        for (word, dialect) in [("169.254.169.254", "ec2"), ("169.254.170.2", "ecs"), ("fd00:ec2::23", "pod-identity")]
        {
            let text = section(read(word).unwrap(), "a \"b\"");
            let read: toml::Table = text.parse().unwrap();
            let listener = &read["listener"][0];
            assert_eq!(listener["dialects"][0].as_str(), Some(dialect), "{text}");
            assert_eq!(listener["identities"][0].as_str(), Some("a \"b\""), "{text}");
        }
    }
}
