//! Another machine beside ours: an address of a metadata service that lies on `lo` is none of its, although Linux answers
//! for it on every interface; but where pods and containers are to come from their networks. In networks of our own.

#![allow(clippy::disallowed_methods)] // programs, in a network of their own
#![allow(clippy::print_stdout)] // "skipped: why", and what one side hears of the other

use std::process::Command;

use credenza::server::listener::{Listener, Reach};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::watch;

const FIXED: &str = "169.254.169.254:80";
const FOR_PODS: &str = "169.254.169.254:81";
const OTHER: &str = "10.99.0.1:80";

/// The neighbour is at the other end of a cable, and sends what is for the fixed address to us.
const NETWORK: &str = "\
ip link set lo up && ip address add 169.254.169.254/32 dev lo && \
unshare --net sleep 60 & neighbour=$!; trap 'kill $neighbour' EXIT; \
for attempt in 1 2 3 4 5 6 7 8 9; do \
[ \"$(readlink /proc/$neighbour/ns/net)\" != \"$(readlink /proc/self/ns/net)\" ] && break; sleep 0.1; done; \
ip link add name ours type veth peer name theirs netns $neighbour && \
ip address add 10.99.0.1/24 dev ours && ip link set ours up && \
nsenter -t $neighbour -n sh -c 'ip address add 10.99.0.2/24 dev theirs && ip link set theirs up && \
ip route add 169.254.169.254/32 via 10.99.0.1' && \
CREDENZA_TEST_NEIGHBOUR=$neighbour \"$0\" \"$@\"";

/// Both sides: without a variable it starts itself in a network of its own, with one it is there.
#[tokio::test(flavor = "multi_thread")]
async fn a_neighbour_reaches_no_address_that_lies_on_lo() {
    if let Ok(neighbour) = std::env::var("CREDENZA_TEST_NEIGHBOUR") {
        let (_stop, told) = watch::channel(false);
        for (address, reach) in [(FIXED, Reach::Machine), (FOR_PODS, Reach::Network), (OTHER, Reach::Machine)] {
            let listener = Listener::bind_named(address.parse().unwrap(), reach).unwrap();
            tokio::spawn(
                listener
                    .run(told.clone(), |mut stream, _, _, _| async move { stream.write_all(b"hello").await.unwrap() }),
            );
        }
        let hears = |prefix: &[&str], address: &str| {
            let (ip, port) = address.split_once(':').unwrap();
            let ask = format!("import socket; print(socket.create_connection(('{ip}', {port}), 3).recv(9))");
            let command = [prefix, &["python3", "-c", &ask]].concat();
            let said = Command::new(command[0]).args(&command[1..]).output().unwrap();
            String::from_utf8_lossy(&said.stdout).trim().to_owned()
        };
        let there = ["nsenter", "-t", neighbour.as_str(), "-n"];
        println!("we hear {}", hears(&[], FIXED));
        println!("it hears of the other {}", hears(&there, OTHER));
        println!("it hears of the fixed [{}]", hears(&there, FIXED));
        println!("it hears of the one for pods {}", hears(&there, FOR_PODS));
        return;
    }
    if !rustix::process::geteuid().is_root() {
        println!("skipped: only root can have a network of its own");
        return;
    }
    let mut command = Command::new("unshare");
    command.args(["--net", "sh", "-c", NETWORK]).arg(std::env::current_exe().unwrap());
    command.args(["neighbours::a_neighbour_reaches_no_address_that_lies_on_lo", "--exact", "--nocapture"]);
    let said = command.output().unwrap();
    let (told, wrong) = (String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
    if !told.contains("running 1 test") {
        println!("skipped: no networks of our own here: {wrong}");
        return;
    }
    let lines = [
        "we hear b'hello'",
        "it hears of the other b'hello'",
        "it hears of the fixed []",
        "it hears of the one for pods b'hello'",
    ];
    for line in lines {
        assert!(told.contains(line), "{line}: {told} {wrong}");
    }
}
