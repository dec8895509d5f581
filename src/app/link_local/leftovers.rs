//! What an earlier `setup link-local` left behind that nothing uses any more: for the status.

use std::net::SocketAddr;

use super::machine::Machine;
use super::plan::{is_ours, sudo};
use crate::config::ListenerDefinition;
use crate::world::World;

/// One sentence each, with the command that mends it: an address of a metadata service on `lo` that no listener serves,
/// and a capability of our program file that no listener needs. `main`: where the main listener is. Nothing where the
/// system does not tell.
pub fn leftovers(world: &World, main: SocketAddr, listeners: &[ListenerDefinition]) -> Vec<String> {
    let served: Vec<SocketAddr> = listeners.iter().map(|listener| listener.address).chain([main]).collect();
    Machine::look(world).map(|machine| of(&machine, &served)).unwrap_or_default()
}

fn of(machine: &Machine, served: &[SocketAddr]) -> Vec<String> {
    let ours = machine.addresses.iter().filter(|it| is_ours(it)).map(|it| it.address);
    let (used, unused): (Vec<_>, Vec<_>) = ours.partition(|ip| served.iter().any(|address| address.ip() == *ip));
    let unserved = unused.into_iter().map(|ip| {
        let mend = sudo(&machine.program, &[SocketAddr::new(ip, 80)], &["--undo"]);
        format!("{ip} is on lo of this machine, and no [[listener]] serves it: {mend}")
    });
    let low = |address: &SocketAddr| address.port() < machine.first_free_port;
    let needless = machine.capabilities.allow_low_ports() && !served.iter().any(low);
    let needless = needless.then(|| {
        let program = machine.program.display();
        // without names it would take the addresses in use along
        let mend = match used.is_empty() && !machine.capabilities.hold_others() {
            true => sudo(&machine.program, &[], &["--undo"]),
            false => format!("sudo setcap -r {program}"),
        };
        format!("{program} may listen on ports below {}, and no listener needs one: {mend}", machine.first_free_port)
    });
    unserved.chain(needless).collect()
}

#[cfg(test)]
mod tests {
    use super::super::plan::tests::{assigned, machine};
    use super::*;
    use crate::world::capability::FileCapabilities;

    #[test]
    fn only_what_nothing_uses_is_left_over() {
        let mut machine = machine();
        machine.addresses = vec![
            assigned("127.0.0.1", 8, "lo"),
            assigned("169.254.169.254", 32, "lo"),
            assigned("fd00:ec2::254", 128, "lo"),
            assigned("169.254.170.23", 32, "pod-id-link0"),
            assigned("10.0.0.1", 32, "lo"),
        ];
        machine.capabilities = FileCapabilities::OF_LOW_PORTS;
        let served = |words: &[&str]| words.iter().map(|word| word.parse().unwrap()).collect::<Vec<SocketAddr>>();
        let undo = "sudo credenza setup link-local";
        let v4 = format!(
            "169.254.169.254 is on lo of this machine, and no [[listener]] serves it: {undo} 169.254.169.254 --undo"
        );
        let v6 = format!(
            "fd00:ec2::254 is on lo of this machine, and no [[listener]] serves it: {undo} fd00:ec2::254 --undo"
        );
        let port = |mend: &str| {
            format!("/usr/local/bin/credenza may listen on ports below 1024, and no listener needs one: {mend}")
        };
        let whole = port(&format!("{undo} --undo"));
        assert_eq!(of(&machine, &served(&["127.0.0.1:9711"])), [v4.clone(), v6.clone(), whole]);
        assert_eq!(of(&machine, &served(&["127.0.0.1:9711", "169.254.169.254:80"])), std::slice::from_ref(&v6));
        assert_eq!(of(&machine, &served(&["127.0.0.1:80"])), [v4.clone(), v6]);
        let high = served(&["169.254.169.254:8080", "[fd00:ec2::254]:8080"]);
        assert_eq!(of(&machine, &high), [port("sudo setcap -r /usr/local/bin/credenza")]);
        machine.capabilities = FileCapabilities::default();
        assert_eq!(of(&machine, &high), Vec::<String>::new());
        machine.addresses.clear();
        assert_eq!(of(&machine, &served(&["127.0.0.1:9711"])), Vec::<String>::new());
    }
}
