//! `setup link-local`, as root in a network of its own: this machine's addresses stay as they are.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use crate::home::{Said, root};

/// What every script finds: `c` calls our program, a copy that only root can write; `nobody` does so as another user;
/// `state` shows what is to be changed. `sudo` says that user 1000 became root.
const PRELUDE: &str = r#"
mount -t tmpfs none /sys/class || exit 99
ip link set lo up || exit 99
export SUDO_UID=1000
c() { "$0" setup link-local "$@"; }
nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups "$0" setup link-local "$@"; }
state() { ip -o address show dev lo | grep -oE '(169\.254|fd00)[^ ]*' || echo no address; getcap "$0" | grep -oE '[^ ]*$' || echo no capability; }
"#;

/// Runs a script in namespaces of its own; `None`, which is told, where that cannot be.
fn alone(script: &str) -> Option<Said> {
    if !root() {
        println!("skipped: only root has a network of its own");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("credenza");
    fs::copy(env!("CARGO_BIN_EXE_credenza"), &program).unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new("unshare");
    command.args(["-n", "-m", "/bin/bash", "-c", &format!("{PRELUDE}{script}")]).arg(&program).stdin(Stdio::null());
    command
        .env_clear()
        .env("HOME", folder.path())
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    let said = Said::of(command.current_dir(folder.path()).output().unwrap());
    let missing =
        ["setcap", "getcap", "ip"].into_iter().find(|name| said.err.contains(&format!("{name}: command not found")));
    if said.code == Some(99) || said.err.contains("unshare:") || missing.is_some() {
        println!("skipped: no network of its own can be had here: {}", said.err.replace('\n', " "));
        return None;
    }
    Some(said)
}

const UNTOUCHED: &str = "no address\nno capability\n";
const BOTH: &str = "169.254.169.254/32\nfd00:ec2::254/128\ncap_net_bind_service=ep\n";

#[test]
fn what_is_printed_is_performed_once_and_undone_once() {
    let script = r#"
        both="169.254.169.254 fd00:ec2::254"
        c $both > printed 2> told; echo "printed $?"; state
        c $both --apply > performed; echo "performed $?"; state
        cmp printed performed && wc -l < printed
        c $both --apply > again; echo "again $?"; state; cat again
        nobody $both --apply; echo "by nobody $?"
        c --undo; echo "undone $?"; state
        c --undo; echo "undone again $?"; state
        cat told >&2"#;
    let Some(said) = alone(script) else { return };
    let down = "ip address del 169.254.169.254/32 dev lo\nip -6 address del fd00:ec2::254/128 dev lo\nsetcap -r ";
    let (before, after) = said.out.split_once(down).unwrap_or_else(|| panic!("{said:?}"));
    assert_eq!(before, format!("printed 0\n{UNTOUCHED}performed 0\n{BOTH}3\nagain 0\n{BOTH}by nobody 0\n"), "{said:?}");
    let (_, after) = after.split_once('\n').unwrap();
    assert_eq!(after, format!("undone 0\n{UNTOUCHED}undone again 0\n{UNTOUCHED}"), "{said:?}");
    for word in ["169.254.169.254 is already there, on lo", "may already listen on port 80", "nothing is left to undo"]
    {
        assert!(said.err.contains(word), "{word}: {said:?}");
    }
    assert!(said.err.contains(" setup link-local 169.254.169.254 fd00:ec2::254 --apply"), "{said:?}");
    assert!(said.err.contains("systemd"), "{said:?}");
}

#[test]
fn the_printed_commands_do_it_in_a_shell() {
    let script = "c 169.254.170.2 fd00:ec2::23 2> /dev/null | sh -e; state; c 169.254.170.2 fd00:ec2::23; echo $?";
    let Some(said) = alone(script) else { return };
    assert_eq!(said.out, "169.254.170.2/32\nfd00:ec2::23/128\ncap_net_bind_service=ep\n0\n", "{said:?}");
    assert!(said.err.contains("nothing is left to do"), "{said:?}");
}

#[test]
fn who_is_not_root_is_told_the_command() {
    let script =
        "nobody 169.254.169.254 --apply; echo $?; state; c 169.254.169.254 --apply > /dev/null; nobody --undo; echo $?";
    let Some(said) = alone(script) else { return };
    assert_eq!(said.out, format!("1\n{UNTOUCHED}1\n"), "{said:?}");
    for word in ["only root may", "try: sudo /", "setup link-local 169.254.169.254 --apply", "setup link-local --undo"]
    {
        assert!(said.err.contains(word), "{word}: {said:?}");
    }
}

#[test]
fn a_failure_half_way_leaves_nothing_behind() {
    let script = r#"
        echo 1 > /proc/sys/net/ipv6/conf/lo/disable_ipv6 || exit 99
        c 169.254.169.254 fd00:ec2::254 --apply; echo $?; state"#;
    let Some(said) = alone(script) else { return };
    assert_eq!(said.out, format!("1\n{UNTOUCHED}"), "{said:?}");
    for word in
        ["`ip -6 address add fd00:ec2::254", "undone by `ip address del 169.254.169.254/32 dev lo`", "disable_ipv6=0"]
    {
        assert!(said.err.contains(word), "{word}: {said:?}");
    }
}

#[test]
fn a_virtual_machine_of_a_cloud_keeps_its_own_metadata() {
    let script = r#"
        mkdir -p /sys/class/dmi/id; echo "Amazon EC2" > /sys/class/dmi/id/sys_vendor
        c 169.254.169.254 --apply; echo $?; state
        c 169.254.169.254 --apply --force > /dev/null; echo $?; state"#;
    let Some(said) = alone(script) else { return };
    let forced = "0\n169.254.169.254/32\ncap_net_bind_service=ep\n";
    assert_eq!(said.out, format!("1\n{UNTOUCHED}{forced}"), "{said:?}");
    assert!(said.err.contains("virtual machine of Amazon EC2"), "{said:?}");
}

#[test]
fn a_program_that_others_can_write_gets_no_capability() {
    let script = r#"
        chmod g+w "$0"; c 169.254.169.254 --apply; echo $?; state
        c 169.254.169.254 --apply --without-capability; echo $?; state
        c 169.254.169.254:8080 --apply; echo $?"#;
    let Some(said) = alone(script) else { return };
    let address = "ip address add 169.254.169.254/32 dev lo scope host\n";
    assert_eq!(said.out, format!("1\n{UNTOUCHED}{address}0\n169.254.169.254/32\nno capability\n0\n"), "{said:?}");
    assert!(said.err.contains("must be writable by root or by you alone") && said.err.contains("try: chmod go-w /"));
}

#[test]
fn with_the_capability_another_user_serves_a_low_port() {
    let script = r#"
        mkdir -m 700 home; mkdir -p home/.config/credenza home/.aws
        printf '[server]\nlisten = "127.0.0.1:80"\n' > home/.config/credenza/config.toml
        chown -R 65534:65534 home
        as() { HOME=$PWD/home timeout 20 setpriv --reuid=65534 --regid=65534 --clear-groups "$0" "$@"; }
        as serve; echo "without $?"
        c 169.254.169.254 --apply > /dev/null
        as serve > said & serving=$!
        for turn in $(seq 200); do grep -q ready said && break; sleep 0.05; done
        cat said; kill $serving; wait $serving"#;
    let Some(said) = alone(script) else { return };
    assert!(said.out.starts_with("without "), "{said:?}");
    assert!(!said.out.starts_with("without 0") && said.out.ends_with("ready http://127.0.0.1:80\n"), "{said:?}");
}

#[test]
fn an_address_that_no_client_asks_is_refused() {
    let home = crate::home::Home::new();
    for word in ["10.0.0.1", "127.0.0.1", "0.0.0.0"] {
        home.run(&["setup", "link-local", word]).failed(2, &[&format!("`{word}`"), "169.254.170.23"]);
    }
}

#[test]
fn without_a_listener_the_usual_address_is_meant_and_said() {
    let script =
        r#"unset SUDO_UID; mkdir .aws; printf '[profile prod]\ncredential_process = true\n' > .aws/config; c; echo $?"#;
    let Some(said) = alone(script) else { return };
    assert_eq!(said.out, "ip address add 169.254.169.254/32 dev lo scope host\n0\n", "{said:?}");
    for word in [
        "169.254.169.254:80 is meant",
        "[[listener]]",
        "dialects = [\"ec2\"]",
        "identities = [\"prod\"]",
        "config.toml",
    ] {
        assert!(said.err.contains(word), "{word}: {said:?}");
    }
    let Some(said) = alone("c; echo $?") else { return };
    assert!(said.out.ends_with("\n0\n") && said.err.contains("root does not read your configuration"), "{said:?}");
}

#[test]
fn status_shows_an_address_that_nobody_serves_until_a_listener_does() {
    let script = r#"
        c 169.254.169.254 --apply --without-capability > /dev/null
        mkdir -p "$HOME/.aws" "$HOME/.config/credenza"
        printf '[profile prod]\ncredential_process = cat /nothing\n' > "$HOME/.aws/config"
        "$0" serve > "$HOME/ready" 2> "$HOME/log" & server=$!
        trap 'kill $server' EXIT
        until grep -q ready "$HOME/ready" || ! kill -0 $server; do sleep 0.05; done
        echo "== before"; "$0" status
        printf '[[listener]]\ndialects = ["ec2"]\naddress = "169.254.169.254:80"\nidentities = ["prod"]\n' \
            > "$HOME/.config/credenza/config.toml"
        for attempt in $(seq 200); do "$0" status | grep -q '169.254.169.254:80 .*serving' && break; sleep 0.05; done
        echo "== after"; "$0" status"#;
    let Some(said) = alone(script) else { return };
    let (before, after) = said.out.split_once("== after").unwrap_or_else(|| panic!("{said:?}"));
    let left = "169.254.169.254 is on lo of this machine, and no [[listener]] serves it";
    assert!(before.contains(left) && before.contains("setup link-local 169.254.169.254 --undo"), "{said:?}");
    assert!(after.contains("169.254.169.254:80") && !after.contains(left), "{said:?}");
}
