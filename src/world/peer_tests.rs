//! Whose a connection is, in each state that the other end can be in.

#![allow(clippy::disallowed_methods)] // this test, once more, as another user and in other namespaces
#![allow(clippy::unwrap_used)] // tests, helpers included

use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use super::*;
use crate::world::ourselves::uid;
use crate::world::sockets;

#[test]
fn we_find_ourselves_at_the_other_end() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = listener.local_addr().unwrap();
    let client = TcpStream::connect(to).unwrap();
    let from = client.local_addr().unwrap();
    let me = std::process::id();
    for likely in [[].as_slice(), &[1], &[me], &[u32::MAX, me]] {
        let found = connected(from, to, likely).unwrap();
        assert_eq!(found.pid, me);
        assert_eq!(found.exe.as_deref(), std::env::current_exe().unwrap().to_str());
    }
    drop((client, listener));
    // a child that another test starts meanwhile has it too, up to its execve
    let gone = (0..10_000).any(|_| {
        std::thread::yield_now();
        connected(from, to, &[me]).is_none()
    });
    assert!(gone);
}

#[test]
fn a_socket_of_both_families_is_found_too() {
    let Ok(listener) = TcpListener::bind("[::]:0") else { return }; // a machine without IPv6
    let port = listener.local_addr().unwrap().port();
    let client = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let (_accepted, theirs) = listener.accept().unwrap();
    let mine = client.local_addr().unwrap();
    assert!(theirs.is_ipv6());
    // seen from the listener's side, whose socket shows the mapped form
    assert_eq!(connected(([127, 0, 0, 1], port).into(), mine, &[]).unwrap().pid, std::process::id());
}

#[test]
fn our_own_user_and_root_are_admitted_and_nobody_else() {
    for (owner, ours, expected) in [
        (Some(1000), 1000, true),
        (Some(0), 1000, true),
        (Some(0), 0, true),
        (Some(1001), 1000, false),
        (Some(1000), 0, false),
        (Some(u32::MAX), 1000, false),
        (None, 1000, false),
        (None, 0, false),
    ] {
        assert_eq!(admitted(owner, ours), expected, "{owner:?} {ours}");
    }
}

/// A connection: the client's end, the end that was accepted, and the addresses of both.
struct Connection {
    client: TcpStream,
    accepted: TcpStream,
    from: SocketAddr,
    to: SocketAddr,
}

fn connection(address: &str) -> Option<Connection> {
    let listener = TcpListener::bind(address).ok()?;
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (accepted, from) = listener.accept().unwrap();
    let to = accepted.local_addr().unwrap();
    Some(Connection { client, accepted, from, to })
}

#[test]
fn an_owner_is_known_as_long_as_the_other_end_is_open() {
    for address in ["127.0.0.1:0", "127.0.0.2:0", "[::1]:0"] {
        let Some(Connection { client, accepted, from, to }) = connection(address) else { continue }; // no IPv6 here
        assert_eq!(owner(from, to), Some(uid()), "{address}");
        assert_eq!(owner(to, from), Some(uid()), "{address}: each end has one");
        client.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(owner(from, to), Some(uid()), "{address}: it has said all and waits for the answer");
        assert_eq!(owner(from, SocketAddr::new(to.ip(), 1)), None, "{address}: no such connection");
        drop(accepted);
    }
}

/// What the kernel says of a socket that no process has: for its user, before Linux 6.17, 0.
#[test]
fn a_client_that_has_gone_is_not_taken_for_root() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let Some(Connection { client, accepted, from, to }) = connection(address) else { continue };
        drop(client);
        let orphan = sockets::connected(from, to).expect("the kernel waits for the accepted end");
        assert_eq!((orphan.inode, owner(from, to)), (0, None), "{address}: FIN_WAIT2");
        drop(accepted);
        let left = sockets::connected(from, to).expect("the kernel keeps it for a minute");
        assert_eq!((left.uid, left.inode, owner(from, to)), (0, 0, None), "{address}: TIME_WAIT");
        // cut off: the kernel forgets it at once
        let Some(Connection { client, accepted, from, to }) = connection(address) else { continue };
        rustix::net::sockopt::set_socket_linger(&client, Some(std::time::Duration::ZERO)).unwrap();
        drop(client);
        assert_eq!(owner(from, to), None, "{address}: reset");
        drop(accepted);
    }
}

#[test]
fn a_client_of_a_listener_for_both_families_has_an_owner() {
    let Ok(listener) = TcpListener::bind("[::]:0") else { return }; // a machine without IPv6
    let port = listener.local_addr().unwrap().port();
    let _client = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let (accepted, from) = listener.accept().unwrap();
    let to = accepted.local_addr().unwrap();
    assert!(from.is_ipv6() && to.is_ipv6());
    assert_eq!(owner(from, to), Some(uid()));
    let plain = |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
    assert_eq!(owner(plain(from), plain(to)), Some(uid()));
    assert_eq!(owner(plain(to), plain(from)), Some(uid()), "its own end shows the mapped form");
}

#[test]
fn a_number_that_may_stand_for_anybody_is_believed_only_where_everybody_has_one() {
    let whole = "         0          0 4294967295\n";
    for (map, expected) in [
        (whole, true),
        ("         0       1000          1\n", false),
        ("         0       1000          1\n         1     100000      65536\n", false),
        ("", false),
    ] {
        assert_eq!(names_everybody(map), expected, "{map}");
    }
    for (uid, overflow, expected) in [
        (65_534, Some("65534\n"), true),
        (65_534, Some("65533\n"), false),
        (65_533, Some("65533\n"), true),
        (65_534, None, true),
        (1000, Some("65534\n"), false),
        (0, Some("0\n"), true),
    ] {
        assert_eq!(stands_in(uid, overflow), expected, "{uid} {overflow:?}");
    }
}

/// Not root's number, not ours, not `nobody`'s.
const OTHER: u32 = 64_321;

/// Does nothing by itself: as another user, or in other namespaces, it does as its environment says.
#[test]
#[allow(clippy::print_stdout)] // what the other side hears
fn another_side() {
    let asked = |name: &str| std::env::var(name).ok();
    if let Some(address) = asked("CREDENZA_TEST_CONNECT") {
        let _client = TcpStream::connect(address).unwrap();
        std::io::stdin().read_line(&mut String::new()).unwrap();
    }
    if let (Some(from), Some(to)) = (asked("CREDENZA_TEST_FROM"), asked("CREDENZA_TEST_TO")) {
        println!("owner {:?}", owner(from.parse().unwrap(), to.parse().unwrap()));
    }
    if asked("CREDENZA_TEST_LINK_LOCAL").is_some() {
        for address in ["169.254.169.254:80", "[fd00:ec2::254]:80", "[fe80::c:1%1]:80"] {
            let connection = connection(address);
            let told = connection.map(|ends| (owner(ends.from, ends.to), owner(ends.to, ends.from)));
            println!("owners at {address} {told:?}");
        }
    }
}

/// [`another_side`] behind words that run it elsewhere, such as `unshare --net`.
fn another_side_by(words: &[&str]) -> Command {
    let itself = std::env::current_exe().unwrap();
    let mut command = match words {
        [] => Command::new(&itself),
        [program, words @ ..] => {
            let mut command = Command::new(program);
            command.args(words).arg(&itself);
            command
        }
    };
    command.args(["world::peer::tests::another_side", "--exact", "--nocapture", "--test-threads=1"]);
    command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::piped());
    command
}

/// What [`another_side`] says of the owner of a connection.
fn owner_told(words: &[&str], Connection { from, to, .. }: &Connection) -> String {
    let mut command = another_side_by(words);
    command.env("CREDENZA_TEST_FROM", from.to_string()).env("CREDENZA_TEST_TO", to.to_string());
    let said = String::from_utf8(command.output().unwrap().stdout).unwrap();
    said.lines().filter_map(|line| line.split_once("owner ")).map(|(_, owner)| owner.to_owned()).collect()
}

#[test]
#[allow(clippy::print_stdout)] // tests/run counts these lines
fn another_user_is_told_from_us() {
    if uid() != 0 {
        println!("skipped: another_user_is_told_from_us: only root can be another user");
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = listener.local_addr().unwrap();
    let mut command = another_side_by(&[]);
    command.env("CREDENZA_TEST_CONNECT", to.to_string()).uid(OTHER).gid(OTHER).stdin(Stdio::piped());
    let mut other = command.spawn().unwrap();
    let (_accepted, from) = listener.accept().unwrap();
    let told = (owner(from, to), sockets::read(from, to).map(|socket| socket.uid));
    drop(other.stdin.take());
    other.wait().unwrap();
    assert_eq!(told, (Some(OTHER), Some(OTHER)));
    assert!(!admitted(told.0, uid()));
}

/// Seen from a user namespace that knows only root, every other user is `overflowuid`: as whom we may well run there.
#[test]
#[allow(clippy::print_stdout)] // tests/run counts these lines
fn a_user_without_a_number_here_is_unknown() {
    if uid() != 0 {
        println!("skipped: a_user_without_a_number_here_is_unknown: only root can give a socket away");
        return;
    }
    let connection = connection("127.0.0.1:0").unwrap();
    let within = ["unshare", "--user", "--map-root-user"];
    if owner_told(&within, &connection) != "Some(0)" {
        println!("skipped: a_user_without_a_number_here_is_unknown: no user namespaces here");
        return;
    }
    std::os::unix::fs::fchown(&connection.client, Some(OTHER), None).unwrap();
    assert_eq!(owner(connection.from, connection.to), Some(OTHER));
    assert_eq!(owner_told(&within, &connection), "None");
    // here, everybody has a number, and this one is `nobody`'s
    std::os::unix::fs::fchown(&connection.client, Some(NOBODY), None).unwrap();
    assert_eq!(owner(connection.from, connection.to), Some(NOBODY));
}

#[test]
#[allow(clippy::print_stdout)] // tests/run counts these lines
fn the_fixed_addresses_and_other_network_namespaces() {
    if uid() != 0 {
        println!("skipped: the_fixed_addresses_and_other_network_namespaces: only root can have a network of its own");
        return;
    }
    let script = "ip link set lo up && ip address add 169.254.169.254/32 dev lo && \
        ip -6 address add fd00:ec2::254/128 dev lo && ip -6 address add fe80::c:1/64 dev lo && exec \"$0\" \"$@\"";
    let mut command = another_side_by(&["unshare", "--net", "sh", "-c", script]);
    let said = command.env("CREDENZA_TEST_LINK_LOCAL", "yes").stderr(Stdio::piped()).output().unwrap();
    let (told, wrong) = (String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
    if !said.status.success() && !told.contains("owners") {
        println!("skipped: the_fixed_addresses_and_other_network_namespaces: no networks of our own here: {wrong}");
        return;
    }
    for address in ["169.254.169.254:80", "[fd00:ec2::254]:80", "[fe80::c:1%1]:80"] {
        assert!(told.contains(&format!("owners at {address} Some((Some(0), Some(0)))")), "{address}: {told}");
    }
    // what is a connection here is none in another network
    let ours = connection("127.0.0.1:0").unwrap();
    assert_eq!(owner_told(&[], &ours), "Some(0)");
    assert_eq!(owner_told(&["unshare", "--net"], &ours), "None");
}
