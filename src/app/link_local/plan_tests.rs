//! The plan by tables: what is done, what is there already, and what is refused.

use super::*;
use crate::world::capability::FileCapabilities;

/// A laptop with an ordinary user, and our program where root finds it.
pub(in crate::app::link_local) fn machine() -> Machine {
    Machine {
        addresses: vec![assigned("127.0.0.1", 8, "lo"), assigned("192.0.2.7", 24, "wlan0")],
        first_free_port: 1024,
        program: "/usr/local/bin/credenza".into(),
        capabilities: FileCapabilities::default(),
        in_vain: false,
        open_to_others: None,
        may_listen: false,
        is_root: false,
        cloud: None,
        routes: Vec::new(),
    }
}

pub(in crate::app::link_local) fn assigned(address: &str, prefix: u8, interface: &str) -> Assigned {
    Assigned { address: address.parse().unwrap(), prefix, interface: interface.into() }
}

fn wanted(words: &[&str]) -> Vec<SocketAddr> {
    words.iter().map(|word| super::super::read(word).unwrap()).collect()
}

fn commands(plan: &Plan) -> Vec<String> {
    plan.steps.iter().map(Step::command).collect()
}

fn apply(machine: &Machine, words: &[&str]) -> Result<Plan, Refusal> {
    Plan::to_apply(machine, &wanted(words), Wishes::default())
}

#[test]
fn all_of_it_on_a_fresh_machine() {
    let plan = apply(&machine(), &["169.254.169.254", "fd00:ec2::254", "169.254.169.254"]).unwrap();
    assert_eq!(
        commands(&plan),
        [
            "ip address add 169.254.169.254/32 dev lo scope host",
            "ip -6 address add fd00:ec2::254/128 dev lo nodad",
            "setcap cap_net_bind_service=+ep /usr/local/bin/credenza",
        ]
    );
    assert!(plan.notes.is_empty());
}

#[test]
fn what_is_there_already_is_said_and_not_repeated() {
    let mut machine = machine();
    machine.addresses.push(assigned("169.254.169.254", 32, "lo"));
    machine.addresses.push(assigned("169.254.170.23", 32, "pod-id-link0"));
    machine.capabilities = FileCapabilities::OF_LOW_PORTS;
    // no reason to refuse what is not done
    machine.cloud = Some("Amazon EC2");
    machine.open_to_others = Some("/tmp".into());
    let plan = apply(&machine, &["169.254.169.254", "169.254.170.23"]).unwrap();
    assert!(plan.steps.is_empty());
    assert_eq!(
        plan.notes,
        [
            "169.254.169.254 is already there, on lo",
            "169.254.170.23 is already there, on pod-id-link0",
            "/usr/local/bin/credenza may already listen on port 80",
        ]
    );
}

#[test]
fn a_capability_is_given_only_where_it_is_needed() {
    let address = "ip address add 169.254.169.254/32 dev lo scope host";
    assert_eq!(commands(&apply(&machine(), &["169.254.169.254:8080"]).unwrap()), [address]);
    let plan = apply(&Machine { first_free_port: 0, ..machine() }, &["169.254.169.254"]).unwrap();
    assert_eq!((commands(&plan), plan.notes.len()), (vec![address.to_owned()], 0));
    for is_root in [false, true] {
        let plan = apply(&Machine { may_listen: true, is_root, ..machine() }, &["169.254.169.254"]).unwrap();
        assert_eq!(commands(&plan), [address]);
        assert!(plan.notes[0].starts_with("this user may listen on port 80 as it is"), "{plan:?}");
        assert_eq!(plan.notes[0].contains("sudo"), is_root, "{plan:?}");
    }
    let without = Wishes { without_capability: true, ..Wishes::default() };
    let open = Machine { open_to_others: Some("/tmp".into()), ..machine() };
    let plan = Plan::to_apply(&open, &wanted(&["169.254.169.254"]), without).unwrap();
    assert_eq!(commands(&plan), [address]);
    assert!(plan.notes[0].contains("systemd"), "{plan:?}");
}

#[test]
fn a_machine_is_not_cut_off_from_its_own_metadata() {
    let on_ec2 = Machine { cloud: Some("Amazon EC2"), ..machine() };
    let routed = Machine { routes: vec![("169.254.169.254".parse().unwrap(), "eth0".into())], ..machine() };
    assert_eq!(apply(&on_ec2, &["169.254.169.254"]).unwrap_err(), Refusal::Cloud { cloud: "Amazon EC2" });
    assert!(apply(&on_ec2, &["fd00:ec2::23"]).is_err());
    let said = apply(&routed, &["169.254.169.254"]).unwrap_err().to_string();
    assert!(said.contains("169.254.169.254 over eth0"), "{said}");
    assert!(apply(&routed, &["169.254.170.2"]).is_ok());
    let forced = Wishes { force: true, ..Wishes::default() };
    for machine in [on_ec2, routed] {
        assert_eq!(Plan::to_apply(&machine, &wanted(&["169.254.169.254"]), forced).unwrap().steps.len(), 2);
    }
}

#[test]
fn a_program_that_others_can_change_is_given_nothing() {
    let cases = [
        (Machine { open_to_others: Some("/opt/shared".into()), ..machine() }, "/opt/shared must be writable by root"),
        (Machine { in_vain: true, ..machine() }, "nosuid"),
        (Machine { capabilities: FileCapabilities::OF_RAW_SOCKETS, ..machine() }, "has other capabilities"),
    ];
    for (machine, said) in cases {
        let forced = Wishes { force: true, ..Wishes::default() };
        let refusal = Plan::to_apply(&machine, &wanted(&["169.254.169.254"]), forced).unwrap_err().to_string();
        assert!(refusal.contains(said) && refusal.contains("/usr/local/bin/credenza"), "{refusal}");
        assert!(apply(&machine, &["169.254.169.254:8080"]).is_ok());
    }
}

#[test]
fn undoing_takes_what_is_ours_and_nothing_else() {
    let mut machine = machine();
    machine.capabilities = FileCapabilities::OF_LOW_PORTS;
    machine.addresses.extend([
        assigned("169.254.169.254", 32, "lo"),
        assigned("fd00:ec2::254", 128, "lo"),
        assigned("169.254.170.2", 16, "lo"),
        assigned("169.254.170.23", 32, "pod-id-link0"),
        assigned("10.1.1.1", 32, "lo"),
    ]);
    let (v4, v6) = ("ip address del 169.254.169.254/32 dev lo", "ip -6 address del fd00:ec2::254/128 dev lo");
    let capability = "setcap -r /usr/local/bin/credenza";
    let all = Plan::to_undo(&machine, &[]);
    assert_eq!(commands(&all), [v4, v6, capability]);
    let stay = [
        "169.254.170.2/16 on lo is none of ours: it stays",
        "169.254.170.23/32 on pod-id-link0 is none of ours: it stays",
    ];
    assert_eq!(all.notes, stay);
    let one = Plan::to_undo(&machine, &["169.254.169.254".parse().unwrap()]);
    assert_eq!(commands(&one), [v4]);
    assert_eq!(one.notes, ["the capability stays, for fd00:ec2::254"]);
    machine.addresses.truncate(2);
    assert_eq!(commands(&Plan::to_undo(&machine, &[])), [capability]);
    machine.capabilities = FileCapabilities::default();
    assert_eq!(Plan::to_undo(&machine, &[]), Plan::default());
    let named = Plan::to_undo(&machine, &["169.254.170.2".parse().unwrap()]);
    assert_eq!((named.steps.len(), &*named.notes[0]), (0, "169.254.170.2 is not there"));
}

#[test]
fn each_step_knows_its_end_and_its_reverse() {
    let before = machine();
    let mut after = machine();
    after.addresses.extend([assigned("169.254.169.254", 32, "lo"), assigned("fd00:ec2::254", 128, "lo")]);
    after.capabilities = FileCapabilities::OF_LOW_PORTS;
    for step in apply(&before, &["169.254.169.254", "fd00:ec2::254"]).unwrap().steps {
        let back = step.reverse();
        assert_eq!(back.reverse(), step);
        assert_eq!((step.is_done(&before), step.is_done(&after)), (false, true), "{step:?}");
        assert_eq!((back.is_done(&before), back.is_done(&after)), (true, false), "{back:?}");
    }
    let elsewhere = Machine { addresses: vec![assigned("169.254.169.254", 32, "eth1")], ..machine() };
    assert!(!Step::Add("169.254.169.254".parse().unwrap()).is_done(&elsewhere));
}

#[test]
fn a_command_for_root_names_a_program_that_root_finds() {
    let addresses = wanted(&["169.254.169.254", "[fd00:ec2::254]:8080"]);
    assert_eq!(
        sudo(Path::new("/usr/local/bin/credenza"), &addresses, &["--apply"]),
        "sudo credenza setup link-local 169.254.169.254 '[fd00:ec2::254]:8080' --apply"
    );
    assert_eq!(
        sudo(Path::new("/home/ada l/.cargo/bin/credenza"), &[], &["--undo"]),
        "sudo '/home/ada l/.cargo/bin/credenza' setup link-local --undo"
    );
    assert_eq!(sudo(Path::new("/usr/bin/cz"), &[], &["--undo"]), "sudo /usr/bin/cz setup link-local --undo");
    let step = Step::Allow("/home/ada l/credenza".into());
    assert_eq!(step.command(), "setcap cap_net_bind_service=+ep '/home/ada l/credenza'");
}

#[test]
fn the_units_for_systemd_have_the_same_commands() {
    let unit = include_str!("../../../config/systemd/credenza-link-local.socket");
    for step in apply(&machine(), &["169.254.169.254:8080"]).unwrap().steps {
        assert!(unit.contains(&format!("ExecStartPre=-/usr/sbin/{}\n", step.command())), "{unit}");
        assert!(unit.contains(&format!("ExecStopPost=-/usr/sbin/{}\n", step.reverse().command())), "{unit}");
    }
}
