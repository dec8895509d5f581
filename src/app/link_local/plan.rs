//! What is to be done, and why it may not be: pure.
//!
//! A [`Plan`] is what `setup link-local` prints, and exactly what it does with `--apply`.

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::address::{KNOWN, written};
use super::machine::Machine;
use crate::world::interfaces::{Assigned, LOOPBACK};
use crate::world::programs;

/// Steps in their order, and what a person is told besides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// What is left to do; empty: nothing is.
    pub steps: Vec<Step>,
    /// What is as it should be already, or stays as it is, and why.
    pub notes: Vec<String>,
}

/// One command that needs root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Has an address on `lo`.
    Add(IpAddr),
    /// Has it there no more.
    Remove(IpAddr),
    /// Lets whoever runs a program file listen on low ports.
    Allow(PathBuf),
    /// No more.
    Forbid(PathBuf),
}

/// Why nothing is done.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Refusal {
    /// No client asks there of itself.
    #[error("`{word}` is no address of a metadata service: those are {known}")]
    Unknown {
        /// What was typed.
        word: String,
        /// All of them.
        known: String,
    },
    /// It would answer in the place of the cloud's own service.
    #[error("this seems to be a virtual machine of {cloud}, which would lose its own metadata service")]
    Cloud {
        /// Such as `Amazon EC2`.
        cloud: &'static str,
    },
    /// The same, where only the network shows it.
    #[error(
        "a route of its own leads to {address} over {interface}: somebody answers there, whom this machine would lose"
    )]
    Routed {
        /// The address.
        address: IpAddr,
        /// Such as `eth0`.
        interface: String,
    },
    /// Whoever can write the file decides what runs with the capability.
    #[error("{} must be writable by root or by you alone before {} is given a capability", open.display(), program.display())]
    Open {
        /// Our program file.
        program: PathBuf,
        /// What is open to others: the file or a folder above it.
        open: PathBuf,
    },
    /// `setcap` would take away what somebody else gave.
    #[error("{} has other capabilities, which `setcap` would take away", program.display())]
    Others {
        /// Our program file.
        program: PathBuf,
    },
    /// The capability would mean nothing.
    #[error("{} lies on a file system that is mounted `nosuid`: a capability there means nothing", program.display())]
    InVain {
        /// Our program file.
        program: PathBuf,
    },
}

/// What was said on the command line beside the addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Even where a metadata service answers already.
    pub force: bool,
    /// The program file is left alone: somebody else opens low ports, such as systemd.
    pub without_capability: bool,
}

impl Plan {
    /// What it takes to listen on these addresses.
    pub fn to_apply(machine: &Machine, wanted: &[SocketAddr], wishes: Wishes) -> Result<Self, Refusal> {
        let mut plan = Self::default();
        for address in unique(wanted.iter().map(SocketAddr::ip)) {
            match machine.addresses.iter().find(|it| it.address == address) {
                Some(it) => plan.notes.push(format!("{address} is already there, on {}", it.interface)),
                None => {
                    if !wishes.force {
                        refuse_to_cut_off(machine, address)?;
                    }
                    plan.steps.push(Step::Add(address));
                }
            }
        }
        let low = unique(wanted.iter().map(SocketAddr::port).filter(|port| *port < machine.first_free_port));
        if let Some(port) = low.first() {
            plan.allow(machine, *port, wishes)?;
        }
        Ok(plan)
    }

    fn allow(&mut self, machine: &Machine, port: u16, wishes: Wishes) -> Result<(), Refusal> {
        let program = machine.program.clone();
        if wishes.without_capability {
            self.notes.push(format!("somebody else must open port {port}, such as systemd"));
        } else if machine.capabilities.allow_low_ports() {
            self.notes.push(format!("{} may already listen on port {port}", program.display()));
        } else if machine.may_listen {
            let call = "; where another user is to serve, call this by `sudo` as that user";
            let root = if machine.is_root { call } else { "" };
            self.notes.push(format!("this user may listen on port {port} as it is{root}"));
        } else if let Some(open) = machine.open_to_others.clone() {
            return Err(Refusal::Open { program, open });
        } else if machine.capabilities.hold_others() {
            return Err(Refusal::Others { program });
        } else if machine.in_vain {
            return Err(Refusal::InVain { program });
        } else {
            self.steps.push(Step::Allow(program));
        }
        Ok(())
    }

    /// What takes back these addresses; none named: all that are ours. The capability goes with the last of them.
    pub fn to_undo(machine: &Machine, named: &[IpAddr]) -> Self {
        let mut plan = Self::default();
        let known = KNOWN.map(|(known, _)| known);
        let meant = unique(if named.is_empty() { known.to_vec() } else { named.to_vec() }.into_iter());
        for address in &meant {
            match machine.addresses.iter().find(|it| it.address == *address) {
                Some(it) if is_ours(it) => plan.steps.push(Step::Remove(*address)),
                Some(it) => {
                    let Assigned { address, prefix, interface } = it;
                    plan.notes.push(format!("{address}/{prefix} on {interface} is none of ours: it stays"));
                }
                None if named.is_empty() => {}
                None => plan.notes.push(format!("{address} is not there")),
            }
        }
        let stays = machine.addresses.iter().find(|it| is_ours(it) && !meant.contains(&it.address));
        let held = machine.capabilities.allow_low_ports();
        match stays {
            Some(it) if held => plan.notes.push(format!("the capability stays, for {}", it.address)),
            None if held && machine.capabilities.hold_others() => {
                let program = machine.program.display();
                plan.notes.push(format!("{program} has capabilities that are none of ours: they stay"));
            }
            None if held => plan.steps.push(Step::Forbid(machine.program.clone())),
            _ => {}
        }
        plan
    }
}

/// An address of a metadata service on `lo`, alone in its network, is as we put it there.
pub(super) fn is_ours(it: &Assigned) -> bool {
    let whole = if it.address.is_ipv4() { 32 } else { 128 };
    it.interface == LOOPBACK && it.prefix == whole && super::is_known(it.address)
}

fn refuse_to_cut_off(machine: &Machine, address: IpAddr) -> Result<(), Refusal> {
    if let Some(cloud) = machine.cloud {
        return Err(Refusal::Cloud { cloud });
    }
    match machine.routes.iter().find(|(to, _)| *to == address) {
        Some((_, interface)) => Err(Refusal::Routed { address, interface: interface.clone() }),
        None => Ok(()),
    }
}

fn unique<T: PartialEq>(all: impl Iterator<Item = T>) -> Vec<T> {
    all.fold(Vec::new(), |mut found, it| {
        if !found.contains(&it) {
            found.push(it);
        }
        found
    })
}

impl Step {
    /// The program and its arguments, such as `ip address add 169.254.169.254/32 dev lo scope host`.
    pub fn words(&self) -> Vec<OsString> {
        let words = |line: String| line.split(' ').map(OsString::from).collect();
        match self {
            // not `scope global`: what has no address of its own for a destination must not take this one
            // (ip-address(8), `scope`)
            Self::Add(IpAddr::V4(it)) => words(format!("ip address add {it}/32 dev {LOOPBACK} scope host")),
            // nobody else can be asked on `lo`, and until that is over the address cannot be bound
            Self::Add(IpAddr::V6(it)) => words(format!("ip -6 address add {it}/128 dev {LOOPBACK} nodad")),
            Self::Remove(IpAddr::V4(it)) => words(format!("ip address del {it}/32 dev {LOOPBACK}")),
            Self::Remove(IpAddr::V6(it)) => words(format!("ip -6 address del {it}/128 dev {LOOPBACK}")),
            Self::Allow(program) => vec!["setcap".into(), "cap_net_bind_service=+ep".into(), program.into()],
            Self::Forbid(program) => vec!["setcap".into(), "-r".into(), program.into()],
        }
    }

    /// The same as one line for a shell.
    pub fn command(&self) -> String {
        let words = self.words();
        words.iter().map(|word| quoted(&word.to_string_lossy())).collect::<Vec<_>>().join(" ")
    }

    /// What takes it back.
    pub fn reverse(&self) -> Self {
        match self.clone() {
            Self::Add(address) => Self::Remove(address),
            Self::Remove(address) => Self::Add(address),
            Self::Allow(program) => Self::Forbid(program),
            Self::Forbid(program) => Self::Allow(program),
        }
    }

    /// Whether the machine is as it is after it.
    pub fn is_done(&self, machine: &Machine) -> bool {
        let is_there = |address: &IpAddr| machine.addresses.iter().any(|it| it.address == *address && is_ours(it));
        match self {
            Self::Add(address) => is_there(address),
            Self::Remove(address) => !is_there(address),
            Self::Allow(_) => machine.capabilities.allow_low_ports(),
            Self::Forbid(_) => !machine.capabilities.allow_low_ports(),
        }
    }
}

/// `sudo credenza setup link-local ADDRESSES FLAGS`, with our program's path where root would not find it by its name.
pub fn sudo(program: &Path, addresses: &[SocketAddr], flags: &[&str]) -> String {
    let program = programs::as_root_calls(program);
    let addresses = addresses.iter().map(|address| quoted(&written(*address)));
    let words: Vec<String> = addresses.chain(flags.iter().map(|flag| (*flag).to_owned())).collect();
    format!("sudo {program} setup link-local {}", words.join(" "))
}

/// As a shell needs it. Not `=`, which means something at the beginning of a command alone.
fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "_-+=./:".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    shlex::try_quote(word).map_or_else(|_| word.to_owned(), Into::into)
}

#[cfg(test)]
#[path = "plan_tests.rs"]
pub(super) mod tests;
