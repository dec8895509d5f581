//! EKS Pod Identity at the addresses that pods of EKS ask (checklist 39), in networks of its own: this machine has no such
//! addresses, and no such port that is ours.

use std::fs;
use std::process::Stdio;
use std::time::SystemTime;

use credenza::dialect::service_account::KeySet;

use self::signing::{ISSUER, Signer, claims, jwks};
use crate::home::{Home, Said, root};

/// The issuer that the tests of the library have.
#[allow(dead_code)] // it has more than is needed here
#[path = "../../src/dialect/service_account/signing.rs"]
mod signing;

/// `serve` has the daemon serve; `ask ADDRESS HOST` asks with the token, from where `prefix` leads, and prints the status and
/// the key that came, or that nothing did.
const PRELUDE: &str = r#"
ip link set lo up || exit 99
serve() { "$0" serve > said 2> log & serving=$!; for turn in $(seq 200); do grep -q ready said && break; sleep 0.05; done; }
cat > ask << 'ASK'
exec 3<> "/dev/tcp/$1/80" || exit
printf 'GET /v1/credentials HTTP/1.1\r\nHost: %s\r\nAuthorization: %s\r\nConnection: close\r\n\r\n' "$2" "$(cat token)" >&3
sed -nE '1s/^HTTP.1.1 ([0-9]+).*/\1/p; s/.*"(AccessKeyId|code)":"([^"]*)".*/\2/p' <&3
ASK
ask() { said=$(timeout 4 "${prefix[@]}" bash ask "$@" 2> /dev/null | tr '\n' ' '); echo "${said:-nothing}"; }
"#;

/// Runs a script where nobody else is, in a home whose listeners are at these addresses, with this hop limit; `None`, which is told, where that
/// cannot be.
fn alone(addresses: &[&str], hops: u8, script: &str) -> Option<Said> {
    if !root() {
        println!("skipped: only root has a network of its own");
        return None;
    }
    let home = Home::new();
    let signer = Signer::es256("p256");
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    fs::write(home.path("token"), signer.token(&claims(now))).unwrap();
    let published = jwks(&[signer.jwk()]);
    assert!(KeySet::parse(&published).is_ok());
    fs::write(home.path("keys.json"), published).unwrap();
    let listener = |address: &&str| {
        format!(
            "[[listener]]\ndialects = [\"pod-identity\"]\naddress = \"{address}\"\nidentities = [\"prod\"]\n\
             hop_limit = {hops}\n[listener.kubernetes]\nissuer = \"{ISSUER}\"\njwks = \"~/keys.json\"\n\
             identities = {{ \"jobs/nightly-sync\" = \"prod\" }}\n"
        )
    };
    home.configure(&addresses.iter().map(listener).collect::<String>());
    let script = format!("{PRELUDE}{script}\nkill $serving; wait $serving; cat log >&2");
    let mut command = std::process::Command::new("unshare");
    command
        .args(["-n", "-m", "/bin/bash", "-c", &script, env!("CARGO_BIN_EXE_credenza")])
        .stdin(Stdio::null())
        .env_clear();
    command.env("HOME", home.path("")).env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    let said = Said::of(command.current_dir(home.path("")).output().unwrap());
    if said.code == Some(99) || said.err.contains("unshare:") || said.err.contains("ip: command not found") {
        println!("skipped: no network of its own can be had here: {}", said.err.replace('\n', " "));
        return None;
    }
    Some(said)
}

const AGENTS: [&str; 2] = ["169.254.170.23:80", "[fd00:ec2::23]:80"];

#[test]
fn c39_pods_find_it_at_the_agents_addresses_whatever_host_they_write() {
    let script = r#"
        ip address add 169.254.170.23/32 dev lo || exit 99
        ip -6 address add fd00:ec2::23/128 dev lo nodad || exit 99
        serve
        ask fd00:ec2::23 fd00:ec2::23
        ask fd00:ec2::23 '[fd00:ec2::23]'
        ask fd00:ec2::23 '[fd00:ec2::23]:80'
        ask 169.254.170.23 169.254.170.23
        ask 169.254.170.23 169.254.170.23:80
        ask 169.254.170.23 '[fd00:ec2::23]'
        ask 169.254.170.23 evil.example"#;
    let Some(said) = alone(&AGENTS, 1, script) else { return };
    assert_eq!(said.out, "200 ASIAPROD\n".repeat(5) + &"403 HostNotAllowed\n".repeat(2), "{said:?}");
}

/// As kind has it: a pod in a network of its own, a node that passes its packets on, and this machine, whose bridge is the
/// node's way out. The address lies on `lo`, where `setup link-local` puts it. Who is one machine further than the hop limit
/// says hears nothing.
#[test]
fn pods_behind_a_node_reach_an_address_that_lies_on_lo_as_far_as_the_hop_limit_says() {
    let script = r#"
        alive=(); trap 'kill "${alive[@]}"' EXIT
        another() {
            unshare -n sleep 60 & made=$!; alive+=($made)
            for turn in $(seq 100); do [ "$(readlink /proc/$made/ns/net)" != "$(readlink /proc/self/ns/net)" ] && break; sleep 0.05; done
        }
        forward() { nsenter -t $1 -n sh -c 'ip link set lo up; echo 1 > /proc/sys/net/ipv4/ip_forward'; }
        # cable UPPER NAME ADDRESS LOWER NAME ADDRESS: both ends, and the lower one's way out
        cable() {
            nsenter -t $1 -n ip link add name $2 type veth peer name $5 netns $4 || return
            nsenter -t $1 -n sh -c "ip address add $3/24 dev $2; ip link set $2 up"
            nsenter -t $4 -n sh -c "ip address add $6/24 dev $5; ip link set $5 up; ip route add default via $3"
        }
        another; node=$made; another; pod=$made; another; beyond=$made
        cable $$ bridge 172.18.0.1 $node eth0 172.18.0.2 || exit 99
        cable $node pod 10.244.0.1 $pod eth0 10.244.0.2 || exit 99
        cable $pod next 10.9.0.1 $beyond eth0 10.9.0.2 || exit 99
        forward $node && forward $pod || exit 99
        ip route add 10.244.0.0/24 via 172.18.0.2; ip route add 10.9.0.0/24 via 172.18.0.2
        nsenter -t $node -n ip route add 10.9.0.0/24 via 10.244.0.2
        mount -t tmpfs none /sys/class || exit 99
        "$0" setup link-local 169.254.170.23 --apply --without-capability > /dev/null 2>&1 || exit 98
        serve
        for there in $node $pod $beyond; do prefix=(nsenter -t $there -n); ask 169.254.170.23 169.254.170.23; done
        prefix=(); ask 169.254.170.23 169.254.170.23"#;
    let (good, nothing) = ("200 ASIAPROD\n", "nothing\n");
    for (hops, heard) in [(1, [good, nothing, nothing, good]), (2, [good, good, nothing, good])] {
        let Some(said) = alone(&AGENTS[..1], hops, script) else { return };
        assert_eq!(said.out, heard.concat(), "{hops}: {said:?}");
    }
}
