//! `credenza setup link-local`: what it takes to listen where SDKs ask of themselves.
//!
//! Commands go to standard output, one a line, so that they can be given to a shell as they are; everything else to standard
//! error. What is to be done is decided in `app/link_local`. Run by `sudo`, it reads no configuration: root's is another than
//! that of the user who called, so the command that is printed for `sudo` names the addresses.

use std::net::{IpAddr, SocketAddr};

use clap::Args;

use crate::app::AppError;
use crate::app::link_local::{self, Machine, Plan, Refusal, Step, SystemHands, Unfinished, plan};
use crate::cli::{Context, Trouble, runtime, say};
use crate::config::Config;
use crate::world::interfaces;

/// What `setup link-local` takes.
#[derive(Debug, Args)]
pub struct LinkLocalArgs {
    /// 169.254.169.254, fd00:ec2::254, 169.254.170.2, 169.254.170.23 or fd00:ec2::23, with a port where it is not 80 [default:
    /// those of the listeners that are configured, else 169.254.169.254]
    #[arg(value_name = "ADDRESS")]
    pub addresses: Vec<String>,
    /// Perform the commands, as root
    #[arg(long, conflicts_with = "undo")]
    pub apply: bool,
    /// Take the addresses off loopback again, as root, and the capability with the last of them [default: all of them]
    #[arg(long)]
    pub undo: bool,
    /// Even where a metadata service answers already, which this machine loses then
    #[arg(long, conflicts_with = "undo")]
    pub force: bool,
    /// Leave the program file alone: somebody else opens low ports, such as systemd
    #[arg(long, conflicts_with = "undo")]
    pub without_capability: bool,
}

/// Prints it, or does it.
pub(super) fn run(arguments: LinkLocalArgs, context: Context) -> Result<u8, Trouble> {
    runtime::begin(&context)?;
    let read = arguments.addresses.iter().map(|word| link_local::read(word));
    let named: Vec<SocketAddr> =
        read.collect::<Result<_, _>>().map_err(|refusal| Trouble::usage(WHAT, refusal.to_string()))?;
    if !interfaces::CAN_ASSIGN {
        return elsewhere(&arguments, &named);
    }
    let machine = Machine::look(&context.world).map_err(|error| unseen(&error))?;
    if arguments.undo {
        return undo(&named, &machine, &context);
    }
    let wanted = if named.is_empty() { meant(&context)? } else { named };
    let wishes = plan::Wishes { force: arguments.force, without_capability: arguments.without_capability };
    let plan = Plan::to_apply(&machine, &wanted, wishes).map_err(|refusal| refused(&refusal, &machine, &wanted))?;
    tell(&plan);
    let mut flags = vec!["--apply"];
    flags.extend(arguments.force.then_some("--force"));
    flags.extend(arguments.without_capability.then_some("--without-capability"));
    let by_sudo = plan::sudo(&machine.program, &wanted, &flags);
    if plan.steps.is_empty() {
        say::err("credenza: nothing is left to do\n");
        if machine.capabilities.allow_low_ports() {
            say::err(WITH_THE_NEXT_START);
        }
        return Ok(0);
    }
    if !arguments.apply {
        plan.steps.iter().for_each(|step| say::out(&format!("{}\n", step.command())));
        say::err(&format!("credenza: these commands need root; all of them are performed by: {by_sudo}\n"));
        if plan.steps.iter().any(|step| matches!(step, Step::Allow(_))) {
            say::err(INSTEAD);
        }
        return Ok(0);
    }
    needs_root(&machine, &by_sudo)?;
    let hands = SystemHands { world: &context.world };
    runtime::wait_for(async { link_local::apply(&plan.steps, &hands).await.map_err(|error| unfinished(&error)) })?;
    plan.steps.iter().for_each(|step| say::out(&format!("{}\n", step.command())));
    let undone_by = plan::sudo(&machine.program, &[], &["--undo"]);
    say::err(&format!("credenza: done; the addresses go when this machine starts anew; undone by: {undone_by}\n"));
    if plan.steps.iter().any(|step| matches!(step, Step::Allow(_))) {
        say::err(WITH_THE_NEXT_START);
    }
    Ok(0)
}

const WHAT: &str = "cannot prepare the fixed addresses";

/// A process has the capabilities that its program file had when it was started.
const WITH_THE_NEXT_START: &str =
    "credenza: a daemon that runs may listen there from its next start on: credenza down, and credenza up\n";

const INSTEAD: &str = "credenza: instead of the capability, systemd can open the port: --without-capability, and the units of \
                       config/systemd\n";

/// What is configured, else the usual one; says which.
fn meant(context: &Context) -> Result<Vec<SocketAddr>, Trouble> {
    let list = |addresses: &[SocketAddr]| addresses.iter().map(SocketAddr::to_string).collect::<Vec<_>>().join(", ");
    if link_local::caller_by_sudo(&context.world).is_some() {
        let meant = vec![link_local::DEFAULT];
        let why = "root does not read your configuration, and no address was named";
        say::err(&format!("credenza: {why}: {} is meant\n", list(&meant)));
        return Ok(meant);
    }
    let config = Config::load(&context.world).map_err(AppError::from);
    let config = config.map_err(|error| Trouble::of_app(WHAT, &error))?;
    let configured = link_local::configured(&config.listeners);
    if !configured.is_empty() {
        say::err(&format!("credenza: {} is meant, by {}\n", list(&configured), config.places.config.display()));
        return Ok(configured);
    }
    let usable = config.identities.values().find(|identity| identity.definition.is_ok());
    let identity = usable.map_or("NAME", |identity| &*identity.name);
    let section = link_local::section(link_local::DEFAULT, identity);
    let place = config.places.config.display();
    say::err(&format!(
        "credenza: no listener has a fixed address, so {} is meant; to have it served, write into {place}:\n\n{section}\n",
        link_local::DEFAULT
    ));
    Ok(vec![link_local::DEFAULT])
}

fn undo(named: &[SocketAddr], machine: &Machine, context: &Context) -> Result<u8, Trouble> {
    let addresses: Vec<IpAddr> = named.iter().map(SocketAddr::ip).collect();
    let plan = Plan::to_undo(machine, &addresses);
    tell(&plan);
    if plan.steps.is_empty() {
        say::err("credenza: nothing is left to undo\n");
        return Ok(0);
    }
    needs_root(machine, &plan::sudo(&machine.program, named, &["--undo"]))?;
    let hands = SystemHands { world: &context.world };
    runtime::wait_for(async { link_local::undo(&plan.steps, &hands).await.map_err(|error| unfinished(&error)) })?;
    plan.steps.iter().for_each(|step| say::out(&format!("{}\n", step.command())));
    Ok(0)
}

fn tell(plan: &Plan) {
    plan.notes.iter().for_each(|note| say::err(&format!("credenza: {note}\n")));
}

fn needs_root(machine: &Machine, by_sudo: &str) -> Result<(), Trouble> {
    if machine.is_root {
        return Ok(());
    }
    Err(Trouble::failed("cannot change this machine's addresses", "only root may").mend(by_sudo))
}

fn refused(refusal: &Refusal, machine: &Machine, wanted: &[SocketAddr]) -> Trouble {
    let trouble = Trouble::failed(WHAT, refusal.to_string());
    match refusal {
        Refusal::Unknown { .. } => trouble,
        Refusal::Cloud { .. } | Refusal::Routed { .. } => trouble.mend("credenza exec NAME --ec2 -- CMD"),
        Refusal::Open { open, .. } => {
            let path = open.to_string_lossy();
            trouble.mend(format!("chmod go-w {}", shlex::try_quote(&path).unwrap_or((&*path).into())))
        }
        Refusal::Others { .. } | Refusal::InVain { .. } => {
            trouble.mend(plan::sudo(&machine.program, wanted, &["--apply", "--without-capability"]))
        }
    }
}

fn unseen(error: &std::io::Error) -> Trouble {
    Trouble::failed(WHAT, format!("the state of this machine cannot be seen: {error}"))
}

fn unfinished(error: &Unfinished) -> Trouble {
    let trouble = Trouble::failed("cannot change this machine's addresses", error.to_string());
    let is_ipv6 = error.failed.iter().any(|(command, _)| command.starts_with("ip -6 address add"));
    if is_ipv6 { trouble.mend("sysctl net.ipv6.conf.lo.disable_ipv6=0") } else { trouble }
}

/// macOS and others: commands to be given by hand, and what needs none.
fn elsewhere(arguments: &LinkLocalArgs, named: &[SocketAddr]) -> Result<u8, Trouble> {
    const WITHOUT: &str = "credenza exec NAME --ec2 -- CMD";
    if arguments.apply || arguments.undo {
        let why = "on this system credenza does not do that by itself; without the flag the commands are printed";
        return Err(Trouble::failed("cannot change this machine's addresses", why).mend(WITHOUT));
    }
    let wanted = if named.is_empty() { vec![link_local::DEFAULT] } else { named.to_vec() };
    for address in wanted.iter().map(SocketAddr::ip) {
        let (family, mask) = if address.is_ipv4() { ("", " 255.255.255.255") } else { ("inet6 ", "/128") };
        say::out(&format!("sudo ifconfig lo0 {family}alias {address}{mask}\n"));
    }
    say::err(&format!(
        "credenza: this is to be done by hand here, and undone by `-alias`; nothing of it is needed for: {WITHOUT}\n"
    ));
    Ok(0)
}
