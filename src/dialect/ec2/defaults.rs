//! What is said of a machine that is none, where the configuration says nothing: the table of `docs/dialects/ec2.md`.
//!
//! Constants, or what follows from the facts. Never what makes a program act (`spot`, `events`, `autoscaling`, `tags`, a
//! public address), and never a guess where a wrong one would send requests elsewhere: without a region there is no place.
//! Called by the tree.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::Facts;
use super::given::Given;
use super::partition::Partition;

/// The values by their path below `meta-data`. What is written has gone into what follows from it.
pub(super) fn values(facts: &Facts, given: &Given) -> Vec<(String, Option<String>)> {
    let text = |text: &str| Some(text.to_owned());
    let written_zone = given.or("placement/availability-zone", || None);
    let region = given.or("placement/region", || {
        written_zone.as_deref().and_then(region_of_zone).map(str::to_owned).or_else(|| facts.region.clone())
    });
    let region = region.as_deref();
    let partition = Partition::of(region);
    let address = given.or("local-ipv4", || Some(address(facts.address).to_string()));
    let hostname = given.or("hostname", || Some(hostname(address.as_deref()?, region)));
    let local_hostname = given.or("local-hostname", || hostname.clone());
    let groups = given.or("security-groups", || text("default"));
    let mac = given.or("mac", || text("02:00:00:00:00:01"));

    let mut values: Vec<(String, Option<String>)> = [
        ("ami-id", text("ami-0123456789abcdef0")),
        ("ami-launch-index", text("0")),
        ("ami-manifest-path", text("(unknown)")),
        ("block-device-mapping/ami", text("/dev/xvda")),
        ("block-device-mapping/root", text("/dev/xvda")),
        ("hostname", hostname),
        ("instance-action", text("none")),
        ("instance-id", text("i-0123456789abcdef0")),
        ("instance-life-cycle", text("on-demand")),
        ("instance-type", text(instance_type())),
        ("local-hostname", local_hostname.clone()),
        ("local-ipv4", address.clone()),
        ("mac", mac.clone()),
        // botocore cuts the last letter off to learn the region (`botocore/utils.py`, `IMDSRegionProvider`)
        ("placement/availability-zone", region.map(|region| format!("{region}a"))),
        ("placement/region", region.map(str::to_owned)),
        ("profile", text("default-hvm")),
        ("reservation-id", text("r-0123456789abcdef0")),
        ("security-groups", groups.clone()),
        ("services/domain", text(partition.domain)),
        ("services/partition", text(partition.name)),
    ]
    .map(|(path, value)| (path.to_owned(), value))
    .into();
    let Some(mac) = mac.filter(|mac| !mac.is_empty() && !mac.contains('/')) else { return values };
    let network = [
        ("device-number", text("0")),
        ("interface-id", text("eni-0123456789abcdef0")),
        ("local-hostname", local_hostname),
        ("local-ipv4s", address.clone()),
        ("mac", Some(mac.clone())),
        ("owner-id", facts.account.clone()),
        ("security-group-ids", text("sg-0123456789abcdef0")),
        ("security-groups", groups),
        ("subnet-id", text("subnet-0123456789abcdef0")),
        ("subnet-ipv4-cidr-block", block(address.as_deref(), 20)),
        ("vpc-id", text("vpc-0123456789abcdef0")),
        ("vpc-ipv4-cidr-block", block(address.as_deref(), 16)),
        ("vpc-ipv4-cidr-blocks", block(address.as_deref(), 16)),
    ];
    values.extend(network.map(|(name, value)| (format!("network/interfaces/macs/{mac}/{name}"), value)));
    values
}

/// What the identity document says the machine is: that of the machine that we run on, for scripts that fetch programs by it.
pub(super) fn architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" }
}

fn instance_type() -> &'static str {
    if cfg!(target_arch = "aarch64") { "t4g.micro" } else { "t3.micro" }
}

/// What programs bind to and tell others: the listener's own address, but for one that is the metadata service's alone.
fn address(listener: SocketAddr) -> Ipv4Addr {
    match listener.ip() {
        IpAddr::V4(address) if !address.is_link_local() => address,
        _ => Ipv4Addr::LOCALHOST,
    }
}

/// `ip-127-0-0-1.eu-west-1.compute.internal` (Amazon VPC User Guide, "DNS attributes for your VPC").
fn hostname(address: &str, region: Option<&str>) -> String {
    let name = format!("ip-{}", address.replace('.', "-"));
    match region {
        None => name,
        Some("us-east-1") => format!("{name}.ec2.internal"),
        Some(region) => format!("{name}.{region}.compute.internal"),
    }
}

/// The block of addresses that an address is in: `127.0.0.0/16`.
fn block(address: Option<&str>, bits: u32) -> Option<String> {
    let address: Ipv4Addr = address?.parse().ok()?;
    let mask = u32::MAX << (32 - bits);
    Some(format!("{}/{bits}", Ipv4Addr::from(u32::from(address) & mask)))
}

/// `us-west-2` of `us-west-2a` and of the local zone `us-west-2-lax-1a`; `None` of what is no zone.
fn region_of_zone(zone: &str) -> Option<&str> {
    let from = zone.find(|letter: char| letter.is_ascii_digit())?;
    let to = from + zone[from..].find(|letter: char| !letter.is_ascii_digit())?;
    zone[..from].ends_with('-').then_some(&zone[..to])
}
