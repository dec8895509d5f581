//! How far answers travel from an address that others could reach: seen on the wire, in a network of our own.

#![allow(clippy::disallowed_methods)] // programs, in a network of their own
#![allow(clippy::print_stdout)] // "skipped: why", and what one side hears of the other

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use credenza::server::listener::{Listener, Reach};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::watch;

const ADDRESSES: [&str; 2] = ["169.254.169.254:80", "[fd00:ec2::254]:80"];

/// Both sides: without a variable it starts itself in a network of its own, with one it is there.
#[tokio::test(flavor = "multi_thread")]
async fn answers_from_the_fixed_addresses_pass_one_machine_at_most() {
    if std::env::var_os("CREDENZA_TEST_NETWORK").is_some() {
        for address in ADDRESSES {
            println!("seen at {address}: {:?}", seen_of_one_answer(address).await);
        }
        return;
    }
    if !rustix::process::geteuid().is_root() {
        println!("skipped: only root can have a network of its own");
        return;
    }
    let script = "ip link set lo up && ip address add 169.254.169.254/32 dev lo && \
        ip -6 address add fd00:ec2::254/128 dev lo && exec \"$0\" \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--net", "sh", "-c", script]).arg(std::env::current_exe().unwrap());
    command.args(["hops::answers_from_the_fixed_addresses_pass_one_machine_at_most", "--exact", "--nocapture"]);
    let said = command.env("CREDENZA_TEST_NETWORK", "ours").output().unwrap();
    let (told, wrong) = (String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
    if !told.contains("running 1 test") {
        println!("skipped: no networks of our own here: {wrong}");
        return;
    }
    assert!(said.status.success(), "{told} {wrong}");
    for address in ADDRESSES {
        let line =
            told.lines().find_map(|line| line.split_once(&format!("seen at {address}: "))).expect("both were tried");
        let packets: Vec<&str> = line.1.split(['[', ',', ']']).map(str::trim).filter(|ttl| !ttl.is_empty()).collect();
        // to open, to answer, to close
        assert!(packets.len() >= 3 && packets.iter().all(|ttl| *ttl == "1"), "{address}: {packets:?}");
    }
}

/// The TTL of every packet that leaves a listener while it answers one client.
async fn seen_of_one_answer(address: &str) -> Vec<u32> {
    let listener = Listener::bind_named(address.parse().unwrap(), Reach::Machine).unwrap();
    let (_stop, told) = watch::channel(false);
    tokio::spawn(listener.run(told, |mut stream, _, _, _| async move { stream.write_all(b"x").await.unwrap() }));
    let sniffer = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/py/sniff_ttl.py");
    let mut sniffer = Command::new("python3").args([sniffer, "lo", "80"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(sniffer.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(lines.next().as_deref(), Some("ready"));
    let mut heard = Vec::new();
    TcpStream::connect(address).unwrap().read_to_end(&mut heard).unwrap();
    assert_eq!(heard, b"x");
    let seen = lines.map(|line| line.rsplit(' ').next().unwrap().parse().unwrap()).collect();
    sniffer.wait().unwrap();
    seen
}
