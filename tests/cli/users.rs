//! Another user of the machine: at the control socket, and at the port.

use std::fs;
use std::io::Read as _;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use crate::home::{Granted, Home, root, until};
use crate::wire::{control, get};

/// `nobody`: no user of this machine that owns anything.
const OTHER: u32 = 65_534;

/// This test, once more, as another user. What it is to do is in its environment.
fn as_another(test: &str, what: &str, value: &str) -> Command {
    as_another_in(&format!("users::{test}"), what, value)
}

/// The same for a test of another module, by its whole name.
pub(crate) fn as_another_in(test: &str, what: &str, value: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]).env(what, value);
    command.uid(OTHER).gid(OTHER).current_dir("/").stdin(Stdio::null()).stdout(Stdio::piped());
    command
}

/// Another user's process that listens; ended when dropped.
pub(crate) struct Squatter(Child);

impl Drop for Squatter {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Has another user listen on an address. Only root can.
pub(crate) fn listener(address: SocketAddr) -> Squatter {
    let mut command = as_another("another_user_squats", "CREDENZA_TEST_SQUAT", &address.to_string());
    let squatter = Squatter(command.spawn().unwrap());
    until("the other user listens", || std::net::TcpStream::connect(address).is_ok());
    squatter
}

/// Does nothing by itself: it is what [`listener`] runs.
#[test]
fn another_user_squats() {
    let Ok(address) = std::env::var("CREDENZA_TEST_SQUAT") else { return };
    let listener = TcpListener::bind(address.parse::<SocketAddr>().unwrap()).unwrap();
    listener.incoming().for_each(drop);
}

/// Both sides: without a variable it starts itself as another user, with one it is that user.
#[test]
fn a_second_uid_gets_nothing_from_the_control_socket() {
    if let Ok(socket) = std::env::var("CREDENZA_TEST_SOCKET") {
        let said = match control(socket.as_ref(), Some(1), "GET", "/v1/status", "") {
            Ok(answer) => format!("answered {answer:?}"),
            Err(error) => format!("refused {:?}", error.kind()),
        };
        println!("{said}");
        return;
    }
    if !root() {
        println!("skipped: only root can be another user");
        return;
    }
    let home = Home::new();
    let _daemon = home.serve();
    let ask = || {
        let socket = home.socket().display().to_string();
        let said = as_another("a_second_uid_gets_nothing_from_the_control_socket", "CREDENZA_TEST_SOCKET", &socket);
        String::from_utf8({ said }.output().unwrap().stdout).unwrap()
    };
    assert!(ask().contains("refused PermissionDenied"), "{}", ask());
    // should all the doors before it be open, the daemon still looks who comes
    for folder in [".local", ".local/state", ".local/state/credenza", ".local/state/credenza/run"] {
        fs::set_permissions(home.path(folder), fs::Permissions::from_mode(0o755)).unwrap();
    }
    fs::set_permissions(home.socket(), fs::Permissions::from_mode(0o666)).unwrap();
    let said = ask();
    assert!(said.contains("refused") && !said.contains("PermissionDenied") && !said.contains("answered"), "{said}");
    fs::set_permissions(home.state("run"), fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(
        control(&home.socket(), Some(1), "GET", "/v1/status", "").unwrap().status,
        200,
        "its own user still gets in"
    );
}

/// Both sides again: with the variable it is the other user, who holds the socket and tells what it hears.
#[test]
fn a_second_uid_that_holds_the_control_socket_is_told_nothing() {
    if let Ok(socket) = std::env::var("CREDENZA_TEST_HOLD") {
        let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        fs::set_permissions(&socket, fs::Permissions::from_mode(0o666)).unwrap();
        fs::rename(&socket, socket.replace("holding", "control.sock")).unwrap();
        for stream in listener.incoming() {
            let mut heard = [0; 64];
            println!("heard {} bytes", stream.unwrap().read(&mut heard).unwrap());
        }
        return;
    }
    if !root() {
        println!("skipped: only root can be another user");
        return;
    }
    let home = Home::new();
    crate::stand_in::make_run_folder(&home);
    let mode = |mode| {
        for folder in [".local", ".local/state", ".local/state/credenza", ".local/state/credenza/run"] {
            fs::set_permissions(home.path(folder), fs::Permissions::from_mode(mode)).unwrap();
        }
    };
    mode(0o777);
    let holding = home.state("run/holding").display().to_string();
    let test = "a_second_uid_that_holds_the_control_socket_is_told_nothing";
    let mut holder = as_another(test, "CREDENZA_TEST_HOLD", &holding).spawn().unwrap();
    until("the other user holds it", || home.socket().exists());
    mode(0o700);
    let held = format!("it is held by user {OTHER}, not by us");
    home.run(&["status"]).failed(3, &[&held]);
    let served = home.run(&["credential", "prod"]);
    let under_exec = home.run(&["exec", "prod", "--", "true"]);
    holder.kill().unwrap();
    let mut said = String::new();
    holder.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    holder.wait().unwrap();
    fs::remove_file(home.socket()).unwrap();
    assert!(served.code == Some(0) && served.out.contains("ASIAPROD"), "{served:?}");
    assert!(under_exec.code == Some(0) && under_exec.err.contains(&held), "{under_exec:?}");
    let heard: Vec<&str> = said.lines().filter(|line| line.contains("heard")).collect();
    assert!(!heard.is_empty() && heard.iter().all(|line| line.contains("heard 0 bytes")), "{said}");
}

#[test]
fn a_second_uid_at_the_port_needs_the_token_as_everyone_does() {
    if let Ok(url) = std::env::var("CREDENZA_TEST_URL") {
        let (address, path) = url.split_once('/').unwrap();
        for token in ["", "guess"] {
            let granted = Granted { address: address.parse().unwrap(), path: format!("/{path}"), token: token.into() };
            println!("status {}", get(&granted).unwrap().status);
        }
        return;
    }
    if !root() {
        println!("skipped: only root can be another user");
        return;
    }
    let home = Home::new();
    let _daemon = home.serve();
    let granted = home.grant(&["prod"]);
    let url = format!("{}{}", granted.address, granted.path);
    let test = "a_second_uid_at_the_port_needs_the_token_as_everyone_does";
    let mut child = as_another(test, "CREDENZA_TEST_URL", &url).spawn().unwrap();
    let mut said = String::new();
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(said.matches("status 403").count(), 2, "{said}");
    // and it cannot read what would tell it the token, or anything else of ours
    for file in ["grants.json", "audit.jsonl", "address.json"] {
        assert_eq!(crate::home::mode(&home.state(file)), 0o600, "{file}");
    }
}
