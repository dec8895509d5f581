//! [`Machine`]: what it is like now, as far as that matters here.

use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use crate::world::capability::{self, FileCapabilities};
use crate::world::interfaces::{self, Assigned};
use crate::world::{World, ourselves, programs};

/// What a plan is made from.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Every address that it has.
    pub addresses: Vec<Assigned>,
    /// The first port that everybody may listen on, such as 1024.
    pub first_free_port: u16,
    /// Our own program file, absolute.
    pub program: PathBuf,
    /// What that gives to whoever runs it.
    pub capabilities: FileCapabilities,
    /// Its capabilities would mean nothing: its file system says so.
    pub in_vain: bool,
    /// What lets others than root and whoever called us change the program file.
    pub open_to_others: Option<PathBuf>,
    /// Whoever is to serve may listen on low ports, whatever the program file has: root, where nobody became root for this.
    pub may_listen: bool,
    /// We may change the machine.
    pub is_root: bool,
    /// The cloud whose virtual machine this seems to be, such as `Amazon EC2`.
    pub cloud: Option<&'static str>,
    /// Single addresses that a route of their own leads to, and over which interface: somebody answers there.
    pub routes: Vec<(Ipv4Addr, String)>,
}

impl Machine {
    /// Looks.
    pub fn look(world: &World) -> io::Result<Self> {
        let program = ourselves::executable()?;
        let caller = caller_by_sudo(world);
        let text = |path: &Path| {
            let read = world.files.read(path);
            read.ok().map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned()).unwrap_or_default()
        };
        Ok(Self {
            addresses: interfaces::addresses()?,
            first_free_port: capability::first_free_port(),
            capabilities: capability::of_file(&program)?,
            in_vain: capability::is_in_vain(&program),
            open_to_others: programs::open_to_others(&program, caller.unwrap_or_else(ourselves::uid))?,
            may_listen: caller.is_none() && capability::is_ours(),
            is_root: ourselves::uid() == 0,
            cloud: cloud(|name| text(&Path::new(DMI).join(name))),
            routes: routes(&text(Path::new("/proc/net/route"))),
            program,
        })
    }
}

/// The user who became root by `sudo` or `pkexec` to call us; their files are not root's, and their daemon is not root.
pub fn caller_by_sudo(world: &World) -> Option<u32> {
    if ourselves::uid() != 0 {
        return None;
    }
    let said = ["SUDO_UID", "PKEXEC_UID"].into_iter().find_map(|name| world.environment.text(name));
    said.and_then(|uid| uid.parse().ok()).filter(|uid| *uid != 0)
}

/// What the firmware says of the machine (`/sys/class/dmi/id`; sysfs-firmware-dmi).
const DMI: &str = "/sys/class/dmi/id";

/// Which cloud's virtual machine this is, by the words that each documents: Amazon EC2 User Guide, "Identify EC2 instances";
/// Google Compute Engine, "Detect if a VM is running in Compute Engine"; for Azure, the chassis' asset tag, which cloud-init
/// goes by (`DataSourceAzure.py`): a virtual machine of a Hyper-V of one's own has another.
fn cloud(said: impl Fn(&str) -> String) -> Option<&'static str> {
    let any = |names: &[&str], word: &str| names.iter().any(|name| said(name).to_ascii_lowercase().contains(word));
    if any(&["sys_vendor", "board_vendor", "bios_vendor", "bios_version", "product_version"], "amazon") {
        return Some("Amazon EC2");
    }
    if ["Google", "Google Compute Engine"].contains(&&*said("product_name")) {
        return Some("Google Compute Engine");
    }
    let is_hyper_v = said("sys_vendor") == "Microsoft Corporation" && said("product_name") == "Virtual Machine";
    let tag = said("chassis_asset_tag");
    (is_hyper_v && (tag.is_empty() || tag == "7783-7084-3265-9085-8269-3286-77")).then_some("Azure")
}

/// The single addresses that `/proc/net/route` has routes to (proc_pid_net(5)), but for those of loopback. Numbers there are
/// addresses in the machine's own order.
fn routes(table: &str) -> Vec<(Ipv4Addr, String)> {
    let route = |line: &str| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let (interface, to, mask) = (*fields.first()?, *fields.get(1)?, *fields.get(7)?);
        let to = Ipv4Addr::from(u32::from_str_radix(to, 16).ok()?.to_ne_bytes());
        (mask == "FFFFFFFF" && interface != interfaces::LOOPBACK).then(|| (to, interface.to_owned()))
    };
    table.lines().skip(1).filter_map(route).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clouds_are_told_by_their_firmware() {
        type Firmware = &'static [(&'static str, &'static str)];
        let cases: [(Firmware, Option<&str>); 9] = [
            (&[], None),
            (&[("sys_vendor", "Amazon EC2"), ("product_name", "m7g.large")], Some("Amazon EC2")),
            (&[("sys_vendor", "Xen"), ("bios_version", "4.11.amazon")], Some("Amazon EC2")),
            (&[("sys_vendor", "Google"), ("product_name", "Google Compute Engine")], Some("Google Compute Engine")),
            (&[("sys_vendor", "Google"), ("product_name", "Eve")], None), // a Chromebook
            (
                &[
                    ("sys_vendor", "Microsoft Corporation"),
                    ("product_name", "Virtual Machine"),
                    ("chassis_asset_tag", "7783-7084-3265-9085-8269-3286-77"),
                ],
                Some("Azure"),
            ),
            (&[("sys_vendor", "Microsoft Corporation"), ("product_name", "Virtual Machine")], Some("Azure")),
            (
                &[
                    ("sys_vendor", "Microsoft Corporation"),
                    ("product_name", "Virtual Machine"),
                    ("chassis_asset_tag", "1234-5678"),
                ],
                None,
            ),
            (&[("sys_vendor", "LENOVO"), ("product_name", "20XW")], None),
        ];
        for (said, expected) in cases {
            let value = |name: &str| {
                let found = said.iter().find(|(named, _)| *named == name);
                found.map(|(_, value)| (*value).to_owned()).unwrap_or_default()
            };
            assert_eq!(cloud(value), expected, "{said:?}");
        }
    }

    #[test]
    fn only_a_route_to_the_very_address_says_that_somebody_answers_there() {
        let table = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
                     eth0\t00000000\t010010AC\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
                     eth0\t0000FEA9\t00000000\t0001\t0\t0\t1000\t0000FFFF\t0\t0\t0\n\
                     eth0\tFEA9FEA9\t010010AC\t0007\t0\t0\t100\tFFFFFFFF\t0\t0\t0\n\
                     lo\t02AAFEA9\t00000000\t0005\t0\t0\t0\tFFFFFFFF\t0\t0\t0\n\
                     torn\n";
        if cfg!(target_endian = "little") {
            assert_eq!(routes(table), [("169.254.169.254".parse().unwrap(), "eth0".to_owned())]);
        }
        assert!(routes("").is_empty());
    }
}
