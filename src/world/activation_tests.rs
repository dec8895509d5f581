//! Socket activation as a supervisor does it: this test program once more, with sockets from descriptor 3 on.

#![allow(clippy::disallowed_methods)] // programs to look at

use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use super::*;
use crate::world::Environment;

#[test]
fn only_what_is_meant_for_this_process_is_taken() {
    let said = |word: &str| (!word.is_empty()).then(|| word.to_owned());
    for (pid, count, expected) in [
        ("7", "1", Some(1)),
        ("7", "3", Some(3)),
        ("8", "1", None),
        ("", "1", None),
        ("7", "", None),
        ("7", "0", None),
        ("7", "-1", None),
        ("seven", "1", None),
    ] {
        assert_eq!(meant_for(7, said(pid), said(count)), expected, "{pid} {count}");
    }
}

/// Runs this module's test `name` in a process that was started with `first` at descriptor 3, by this script; what it said.
fn activated(name: &str, first: OwnedFd, script: &str) -> String {
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(script).arg(std::env::current_exe().unwrap());
    command.args([&format!("world::activation::tests::{name}"), "--exact", "--nocapture", "--test-threads=1"]);
    command.env("CREDENZA_TEST_ACTIVATED", "1").stdin(Stdio::from(first)).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut said = String::new();
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(child.wait().unwrap().success(), "{said}");
    said
}

/// Both sides: without the variable it is the supervisor, with it the program that was given sockets.
#[test]
#[allow(clippy::print_stdout)] // what the supervisor hears
fn a_socket_that_was_passed_is_served_and_reaches_no_child() {
    if std::env::var_os("CREDENZA_TEST_ACTIVATED").is_some() {
        let taken = taken();
        let environment = Environment::system();
        let variables = VARIABLES.iter().filter(|name| environment.raw(name).is_some()).count();
        let child = Command::new("/bin/sh").args(["-c", "ls /dev/fd/3 /dev/fd/4 2>/dev/null"]).output().unwrap();
        let seen = String::from_utf8(child.stdout).unwrap();
        for (address, socket) in &taken {
            assert_eq!(socket.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
            println!("took {address}");
        }
        println!(
            "{} taken, {variables} variables, child sees [{}], then {}",
            taken.len(),
            seen.trim(),
            super::taken().len()
        );
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let name = "a_socket_that_was_passed_is_served_and_reaches_no_child";
    let pass = |variables: &str| {
        let script = format!(r#"{variables} exec "$0" "$@" 3<&0 4</dev/null </dev/null"#);
        activated(name, listener.try_clone().unwrap().into(), &script)
    };
    let took = format!("took {address}\n");
    // the second one is no socket: it is closed
    let said = pass("LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=a:b");
    assert!(said.contains(&took) && said.contains("1 taken, 0 variables, child sees [], then 0"), "{said}");
    // more is said to be there than is: nothing that is ours is taken for it
    let said = pass("LISTEN_PID=$$ LISTEN_FDS=40");
    assert!(said.contains(&took) && said.contains("1 taken, 0 variables, child sees [], then 0"), "{said}");
    // meant for somebody else: left as it is
    let said = pass("LISTEN_PID=1 LISTEN_FDS=1");
    assert!(said.contains("0 taken, 0 variables, child sees [/dev/fd/3"), "{said}");
}

#[test]
#[allow(clippy::print_stdout)] // what the supervisor hears
fn what_does_not_listen_is_not_taken() {
    if std::env::var_os("CREDENZA_TEST_ACTIVATED").is_some() {
        println!("{} taken", taken().len());
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let connected = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let datagrams = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let unix = std::os::unix::net::UnixListener::bind(folder.path().join("socket")).unwrap();
    for passed in [OwnedFd::from(connected), datagrams.into(), unix.into()] {
        let script = r#"LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" "$@" 3<&0 </dev/null"#;
        let said = activated("what_does_not_listen_is_not_taken", passed, script);
        assert!(said.contains("0 taken"), "{said}");
    }
}
