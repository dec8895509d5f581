//! Why an address could not be had, and what mends it. Made by [`super::listener`], shown by the commands.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use thiserror::Error;

use crate::world::port::PortHolder;
use crate::world::{ourselves, programs};

/// Why an address could not be had.
#[derive(Debug, Error)]
pub enum BindError {
    /// Somebody else has it.
    #[error("{address} is taken{}: end that program, or set `listen` in `[server]` to another port", by(.holder))]
    InUse {
        /// The address.
        address: SocketAddr,
        /// Who has it, where that can be known.
        holder: Option<PortHolder>,
    },
    /// Somebody else has it, and it is one of `[[listener]]`.
    #[error("{address} is taken{}: end that program, or set `address` in `[[listener]]` to another port", by(.holder))]
    NamedInUse {
        /// The address.
        address: SocketAddr,
        /// Who has it, where that can be known.
        holder: Option<PortHolder>,
    },
    /// It is not an address of loopback: other machines could reach it.
    #[error("{0} is not an address of loopback: set `listen` in `[server]` to 127.0.0.1 and a port")]
    NotLoopback(SocketAddr),
    /// It stands for several: all of this machine, or a group of machines.
    #[error("{0} is not one address of this machine: set `address` in `[[listener]]` to one, such as 127.0.0.1:9712")]
    NotOne(SocketAddr),
    /// This machine does not have it.
    #[error("this machine does not have the address {}: {}", .0.ip(), give(.0.ip()))]
    NotHere(SocketAddr),
    /// Its port is for root, or for whoever was given the right to it when it was started.
    #[error("port {} is not for every user: {}", .0.port(), open(*.0))]
    LowPort(SocketAddr),
    /// The system refused.
    #[error("cannot listen on {address}: {reason}")]
    Refused {
        /// The address.
        address: SocketAddr,
        /// The system's words.
        reason: io::Error,
    },
}

fn by(holder: &Option<PortHolder>) -> String {
    holder.as_ref().map(|holder| format!(" by {holder}")).unwrap_or_default()
}

fn give(ip: IpAddr) -> String {
    if METADATA.contains(&ip) {
        format!("run `{}`", set_up(ip))
    } else {
        "set `address` in `[[listener]]` to one that it has, such as 127.0.0.1:9712".to_owned()
    }
}

fn open(address: SocketAddr) -> String {
    let run = if METADATA.contains(&address.ip()) {
        // a capability of the program file comes with the next start
        format!("`{}`, and then `credenza down` and `credenza up`", set_up(address.ip()))
    } else {
        format!("`sudo sysctl net.ipv4.ip_unprivileged_port_start={}`", address.port())
    };
    format!("run {run}, or set `address` in `[[listener]]` to a port from 1024 on")
}

fn set_up(ip: IpAddr) -> String {
    let program = ourselves::executable().unwrap_or_else(|_| "credenza".into());
    format!("sudo {} setup link-local {ip} --apply", programs::as_root_calls(&program))
}

/// Where clients look without being told: instance metadata, container credentials and task metadata, Pod Identity (Amazon
/// EC2 User Guide, "Access instance metadata"; Amazon ECS Developer Guide, "Task IAM role"; Amazon EKS User Guide, "EKS Pod
/// Identity agent").
const METADATA: [IpAddr; 5] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said_with_what_mends_it() {
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        let taken = BindError::NamedInUse { address: at("[fd00:ec2::254]:80"), holder: None };
        let cases = [
            (BindError::NotHere(at("169.254.169.254:80")), " setup link-local 169.254.169.254 --apply`"),
            (BindError::NotHere(at("[fd00:ec2::23]:80")), " setup link-local fd00:ec2::23 --apply`"),
            (BindError::NotHere(at("192.0.2.1:80")), "192.0.2.1: set `address` in `[[listener]]` to one that it has"),
            (
                BindError::LowPort(at("127.0.0.1:80")),
                "port 80 is not for every user: run `sudo sysctl net.ipv4.ip_unprivileged_port_start=80`, or set `address`",
            ),
            (
                BindError::LowPort(at("169.254.169.254:80")),
                "254 --apply`, and then `credenza down` and `credenza up`, or",
            ),
            (BindError::NotOne(at("[::]:80")), "[::]:80 is not one address of this machine: set `address`"),
            (taken, "[fd00:ec2::254]:80 is taken: end that program, or set `address` in `[[listener]]`"),
        ];
        for (error, expected) in cases {
            assert!(error.to_string().contains(expected), "{error}");
        }
        assert!(!BindError::NotHere(at("192.0.2.1:80")).to_string().contains("sudo"));
    }
}
