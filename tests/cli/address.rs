//! The address: kept, left to others, and named when it cannot be had.

use std::io::{BufRead as _, BufReader};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::Stdio;

use crate::home::{Home, a_port_of_our_own};
use crate::wire::{get, key};

#[test]
fn an_address_that_is_taken_is_left_to_its_holder_and_the_new_one_is_kept() {
    // Between two daemons of this home, one of another test's may take the port that both look at: then once more.
    let kept = (0..10).any(|_| {
        let home = Home::new().with_its_own_port();
        let holder = TcpListener::bind(a_port_of_our_own()).unwrap();
        home.keep_address(holder.local_addr().unwrap());
        let daemon = home.serve();
        let address = daemon.address;
        assert_ne!(address, holder.local_addr().unwrap());
        drop((daemon, holder));
        home.serve().address == address
    });
    assert!(kept);
}

#[test]
fn a_written_address_is_taken_or_its_holder_named() {
    let home = Home::new();
    let address = a_port_of_our_own();
    home.configure(&format!("[server]\nlisten = \"{address}\"\n"));
    assert_eq!(home.serve().address, address);
    let _holder = TcpListener::bind(address).unwrap();
    let words = [format!("{address} is taken by"), format!("process {}", std::process::id()), "`[server]`".to_owned()];
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    for command in ["serve", "up"] {
        let said = home.run(&[command]);
        said.failed(1, if cfg!(target_os = "linux") { &words } else { &words[2..] });
    }
}

#[test]
fn an_address_that_clients_are_not_sent_to_is_refused() {
    for listen in ["0.0.0.0:0", "127.0.0.2:0", "[::1]:0"] {
        let home = Home::new();
        home.configure(&format!("[server]\nlisten = \"{listen}\"\n"));
        for command in [&["serve"][..], &["up"], &["env", "prod"], &["list"]] {
            home.run(command).failed(3, &["config.toml:2", listen, "is not 127.0.0.1"]);
        }
    }
}

#[test]
fn c32_neither_the_daemon_nor_exec_can_be_reached_at_another_address_of_the_machine() {
    let home = Home::new();
    let daemon = home.serve();
    only_there(daemon.address);

    let script = "echo $AWS_CONTAINER_CREDENTIALS_FULL_URI; read until_told";
    let mut exec = home.credenza(&["exec", "prod", "--", "sh", "-c", script]);
    let mut child = exec.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut url = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
    let address = url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).unwrap().0;
    only_there(address.parse().unwrap());
    drop(child.stdin.take());
    child.wait().unwrap();
}

fn only_there(address: SocketAddr) {
    assert_eq!(address.ip(), Ipv4Addr::LOCALHOST);
    TcpStream::connect(address).unwrap();
    let refuses = |other: IpAddr| {
        let error = TcpStream::connect((other, address.port())).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused, "{other}");
    };
    refuses(Ipv4Addr::new(127, 0, 0, 2).into());
    match an_address_of_this_machine() {
        Some(other) => refuses(other),
        None => println!("skipped: an address that others could reach: this machine has none but loopback"),
    }
}

/// The address that the machine would send from; nothing is sent.
fn an_address_of_this_machine() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    socket.local_addr().ok().map(|address| address.ip()).filter(|ip| !ip.is_loopback() && !ip.is_unspecified())
}

#[test]
fn grants_for_an_address_that_our_own_user_holds_live_on() {
    let home = Home::new().with_its_own_port();
    let mut daemon = home.serve();
    let granted = home.grant(&["prod"]);
    daemon.signal("KILL");
    daemon.ended();
    let _holder = TcpListener::bind(granted.address).unwrap();
    let daemon = home.serve();
    assert_ne!(daemon.address, granted.address);
    assert_eq!(key(&crate::home::Granted { address: daemon.address, ..granted }), "ASIAPROD");
}

/// Another user's listener on the port of a daemon that was killed.
#[test]
fn grants_for_an_address_that_another_user_was_seen_to_hold_are_revoked() {
    if !crate::home::root() {
        println!("skipped: only root can be another user");
        return;
    }
    let home = Home::new().with_its_own_port();
    let mut daemon = home.serve();
    let granted = home.grant(&["prod"]);
    daemon.signal("KILL");
    daemon.ended();
    let _squatter = crate::users::listener(granted.address);
    let daemon = home.serve();
    let here = crate::home::Granted { address: daemon.address, ..granted };
    assert_eq!(get(&here).unwrap().status, 403);
    assert_eq!(home.json(&["grant", "list", "--json"])["grants"], serde_json::json!([]));
}
