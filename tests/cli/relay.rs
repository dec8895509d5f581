//! `credenza relay` and what goes with it: a daemon in one home, a relay in another as it would be in a container. Who is told apart by
//! address is in `tests/docker`, where there are containers.

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::process::{Child, Stdio};

use crate::home::{Home, a_port_of_our_own, mode, root, until};
use crate::users::as_another_in;
use crate::wire::{Answer, ask};

/// A home without profiles, which is told of a daemon's data socket and of a grant.
fn container(daemon: &Home, grant: &str, listeners: &str) -> Home {
    let home = Home::new();
    home.write(".aws/config", "");
    let (grant, socket) = (daemon.path(grant), daemon.state("data/data.sock"));
    home.configure(&format!(
        "[relay]\ngrant = \"{}\"\nupstream = \"{}\"\n{listeners}",
        grant.display(),
        socket.display()
    ));
    home
}

fn listener(dialects: &str, address: SocketAddr, more: &str) -> String {
    format!("[[listener]]\ndialects = [{dialects}]\naddress = \"{address}\"\n{more}\n")
}

/// An address of loopback that is not the one that connections to it come from.
fn an_address() -> SocketAddr {
    let port = a_port_of_our_own().port();
    SocketAddr::from(([127, 0, 0, 2], port))
}

/// Whoever comes gets `prod`.
fn open_to_all(address: SocketAddr) -> String {
    listener("\"ecs\"", address, "identities = [\"prod\"]\npeers = \"any\"")
}

struct Relay(Child);

impl Relay {
    fn start(home: &Home, words: &[&str]) -> (Self, String) {
        let mut command = home.credenza(&[&["relay"], words].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("ready http://"), "{line:?}");
        (Self(child), line.trim_end().rsplit_once("http://").unwrap().1.to_owned())
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn bare(address: SocketAddr, path: &str) -> Answer {
    ask(address, "GET", path, "").unwrap()
}

fn code(answer: &Answer) -> (u16, String) {
    (answer.status, answer.json()["code"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn a_relay_passes_on_and_the_daemon_is_the_one_who_decides() {
    let home = Home::new().with_its_own_port();
    let daemon = home.serve();
    home.good(&["relay", "invite", "--name", "compose", "--out", home.path("invite").to_str().unwrap(), "prod"]);
    let address = an_address();
    let inside = container(&home, "invite", &open_to_all(address));
    let (_relay, _) = Relay::start(&inside, &[]);
    let answer = bare(address, "/v2/credentials/prod");
    assert_eq!((answer.status, &answer.json()["AccessKeyId"]), (200, &"ASIAPROD".into()));
    assert_eq!(code(&bare(address, "/v2/credentials/dev")).0, 400);
    let status = home.json(&["grant", "list", "--json"]);
    assert_eq!((&status["grants"][0]["name"], &status["grants"][0]["holder"]), (&"compose".into(), &"relay".into()));
    assert!(!status["grants"][0]["last_used"].is_null());

    // the daemon is started anew: nobody need start anything else anew
    drop(daemon);
    assert_eq!(code(&bare(address, "/v2/credentials/prod")), (503, "NoDaemon".to_owned()));
    let _daemon = home.serve();
    assert_eq!(bare(address, "/v2/credentials/prod").status, 200);
    home.good(&["grant", "revoke", "compose"]);
    assert_eq!(code(&bare(address, "/v2/credentials/prod")), (403, "RelayEnded".to_owned()));
}

#[test]
fn it_fails_closed() {
    let home = Home::new().with_its_own_port();
    let _daemon = home.serve();
    let address = an_address();
    let refused = |inside: &Home, expected: &str| {
        let said = inside.run(&["relay"]);
        assert!(said.code == Some(1) && said.err.contains(expected), "{said:?}");
        assert!(TcpStream::connect(address).is_err(), "it listens");
    };
    let inside = container(&home, "missing", &open_to_all(address));
    refused(&inside, "credenza relay invite");
    home.write("garbage", "two words\n");
    refused(&container(&home, "garbage", &open_to_all(address)), "neither a grant's token nor an invitation");
    home.write("wrong", "no-such-token\n");
    refused(
        &container(&home, "wrong", &open_to_all(address)),
        "the daemon refuses the grant: the grant of the relay has ended",
    );
    home.good(&["relay", "invite", "--out", home.path("invite").to_str().unwrap(), "prod"]);
    refused(&container(&home, "invite", ""), "no [[listener]] says where containers ask");
    let nobody = listener("\"ecs\"", address, "identities = [\"prod\"]");
    refused(&container(&home, "invite", &nobody), "nobody is served at");
}

#[test]
fn an_invitation_is_for_its_owner_alone_and_never_takes_another_files_place() {
    let home = Home::new().with_its_own_port();
    let _daemon = home.serve();
    let file = home.path("invite");
    let words = ["relay", "invite", "--out", file.to_str().unwrap(), "prod"];
    home.good(&words);
    assert_eq!(mode(&file), 0o600);
    let said = home.run(&words);
    assert!(said.code == Some(1) && said.err.contains("is there already"), "{said:?}");
    let said = home.run(&["relay", "invite", "--out", home.path("x").to_str().unwrap(), "--tls=nowhere", "prod"]);
    assert!(said.code == Some(2) && said.err.contains("HOST:PORT"), "{said:?}");
    let said = home.run(&["relay", "invite", "--out", home.path("x").to_str().unwrap(), "prodd"]);
    assert!(said.code == Some(3) && said.err.contains("prodd"), "{said:?}");
    assert!(!home.path("x").exists());
}

#[test]
fn over_tls_both_sides_know_each_other_or_nothing_is_had() {
    let home = Home::new().with_its_own_port();
    let entrance = a_port_of_our_own();
    home.configure(&format!("[server]\nrelay_listen = \"{entrance}\"\n"));
    let daemon = home.serve();
    assert!(TcpStream::connect(entrance).is_err(), "nobody was invited");
    let tls = format!("--tls={entrance}");
    let invite = |name: &str| {
        home.good(&["relay", "invite", "--name", name, &tls, "--out", home.path(name).to_str().unwrap(), "prod"]);
        std::fs::read_to_string(home.path(name)).unwrap()
    };
    let text = invite("mac");
    let address = an_address();
    let inside = container(&home, "mac", &open_to_all(address));
    let (relay, _) = Relay::start(&inside, &[]);
    let answer = bare(address, "/v2/credentials/prod");
    assert_eq!((answer.status, &answer.json()["AccessKeyId"]), (200, &"ASIAPROD".into()));
    let said = inside.run(&["health"]);
    assert_eq!((said.code, said.out.as_str()), (Some(0), "ready\n"));

    // the token is worth nothing without the certificate
    let token = text.lines().find_map(|line| line.strip_prefix("token = \"")).unwrap().trim_end_matches('"');
    let shown = format!("Authorization: {token}\r\n");
    assert_eq!(code(&ask(daemon.address, "GET", "/creds/prod", &shown).unwrap()), (403, "TokenRefused".to_owned()));
    home.write("token", token);
    let said = container(&home, "token", &open_to_all(an_address())).run(&["relay"]);
    assert!(said.err.contains("the daemon refuses the grant"), "{said:?}");
    // nor with that of another invitation
    let other = invite("other");
    let of = |text: &str, key: &str| text.lines().find(|line| line.starts_with(key)).unwrap().to_owned();
    home.write("mixed", &other.replace(&of(&other, "token"), &of(&text, "token")));
    let said = container(&home, "mixed", &open_to_all(an_address())).run(&["relay"]);
    assert!(said.err.contains("the daemon refuses the grant"), "{said:?}");
    // and another daemon than the one that invited is not taken for it
    home.write("stranger", &other.replace(&of(&other, "daemon"), &format!("daemon = \"{}\"", "0".repeat(64))));
    let said = container(&home, "stranger", &open_to_all(an_address())).run(&["relay"]);
    assert!(said.err.contains("the daemon does not let us in"), "{said:?}");

    drop(daemon);
    let daemon = home.serve();
    assert_eq!(bare(address, "/v2/credentials/prod").status, 200, "who was invited still is after a restart");
    home.good(&["grant", "revoke", "mac"]);
    assert_eq!(code(&bare(address, "/v2/credentials/prod")), (403, "RelayEnded".to_owned()));
    drop(relay);
    let said = inside.run(&["relay"]);
    assert!(said.code == Some(1) && said.err.contains("the daemon does not let us in"), "{said:?}");
    home.good(&["grant", "revoke", "other"]);
    drop(daemon);
    let _daemon = home.serve();
    assert!(TcpStream::connect(entrance).is_err(), "nobody is invited any more");
}

#[test]
fn what_is_forwarded_shows_a_token_of_its_own() {
    let home = Home::new().with_its_own_port();
    let daemon = home.serve();
    let granted = home.grant(&["--name", "dev", "prod"]);
    let inside = container(&home, "none", "");
    let (_relay, address) = Relay::start(&inside, &["--forward", "127.0.0.1:0"]);
    let address: SocketAddr = address.parse().unwrap();
    let shown = format!("Authorization: {}\r\n", granted.token);
    let answer = ask(address, "GET", "/creds/prod", &shown).unwrap();
    assert_eq!((answer.status, &answer.json()["AccessKeyId"]), (200, &"ASIAPROD".into()));
    assert_eq!(code(&bare(address, "/creds/prod")), (403, "TokenMissing".to_owned()));
    assert_eq!(code(&ask(address, "GET", "/creds/prod", "Origin: https://evil.example\r\n").unwrap()).0, 403);
    drop(daemon);
    assert_eq!(code(&ask(address, "GET", "/creds/prod", &shown).unwrap()), (503, "NoDaemon".to_owned()));
    let _daemon = home.serve();
    assert_eq!(ask(address, "GET", "/creds/prod", &shown).unwrap().status, 200);
    let said = inside.run(&["relay", "--forward", "0.0.0.0:9711"]);
    assert!(said.code == Some(2) && said.err.contains("0.0.0.0:9711 is no address of loopback"), "{said:?}");
}

#[test]
fn the_data_socket_is_for_who_is_given_its_folder_and_nobody_else_on_this_machine() {
    if let Ok(socket) = std::env::var("CREDENZA_TEST_DATA_SOCKET") {
        println!("said: {:?}", UnixStream::connect(socket).unwrap_err().kind());
        return;
    }
    let home = Home::new().with_its_own_port();
    let _daemon = home.serve();
    let modes = ["", "data", "data/data.sock"].map(|name| mode(&home.state(name)));
    assert_eq!(modes, [0o700, 0o755, 0o666]);
    if !root() {
        println!("skipped: only root can be another user");
        return;
    }
    let test = "relay::the_data_socket_is_for_who_is_given_its_folder_and_nobody_else_on_this_machine";
    let socket = home.state("data/data.sock");
    let mut command = as_another_in(test, "CREDENZA_TEST_DATA_SOCKET", socket.to_str().unwrap());
    let said = String::from_utf8(command.output().unwrap().stdout).unwrap();
    assert!(said.contains("said: PermissionDenied"), "{said}");
}

const NEEDS_LOGIN: &str = "[profile sso]\nsso_session = corp\nsso_account_id = 111122223333\nsso_role_name = Dev\n\
                           [sso-session corp]\nsso_start_url = https://corp.awsapps.com/start\nsso_region = eu-central-1\n\
                           [profile broken]\naws_access_key_id = AKIAEXAMPLEEXAMPLE12\naws_secret_access_key = x\nregion = eu-central-1\n";

/// Has STS where nothing listens.
fn nobody_answers() -> (&'static str, String) {
    ("AWS_ENDPOINT_URL_STS", format!("http://{}", a_port_of_our_own()))
}

#[test]
fn health_says_who_has_to_do_what() {
    let mut home = Home::new().with_its_own_port();
    let said = home.run(&["health"]);
    assert!(said.code == Some(1) && said.err.contains("no daemon runs"), "{said:?}");
    home.variables.push(nobody_answers());
    home.write(".aws/config", &format!("{}{NEEDS_LOGIN}", home.profiles(&["prod"])));
    let served = |names: &str| listener("\"ecs\"", a_port_of_our_own(), &format!("identities = [{names}]"));
    home.configure(&served("\"prod\""));
    let _daemon = home.serve();
    assert_eq!(home.good(&["health"]), "ready\n");
    for (names, code, word, more) in [
        ("\"prod\", \"sso\"", 4, "login needed: sso: ", "credenza login sso"),
        ("\"prod\", \"broken\"", 5, "broken: broken: ", ""),
        ("\"broken\", \"sso\"", 4, "login needed: sso: ", "credenza login sso"),
    ] {
        home.configure(&served(names));
        until("the configuration is read again", || home.run(&["health"]).code == Some(code));
        let said = home.run(&["health"]);
        assert!(said.out.starts_with(word) && said.out.contains(more), "{names}: {said:?}");
    }
    let json: serde_json::Value = serde_json::from_str(&home.run(&["health", "--json"]).out).unwrap();
    assert_eq!((&json["schema"], &json["status"]), (&1.into(), &"login-needed".into()));
    assert_eq!(json["identities"].as_array().unwrap().len(), 2);
}

#[test]
fn health_in_a_relay_is_that_of_its_grant() {
    let mut home = Home::new().with_its_own_port();
    home.variables.push(nobody_answers());
    home.write(".aws/config", &format!("{}{NEEDS_LOGIN}", home.profiles(&["prod"])));
    let daemon = home.serve();
    let address = an_address();
    for (name, identities, code, word) in [
        ("well", vec!["prod"], 0, "ready"),
        ("ill", vec!["prod", "sso"], 4, "login needed"),
        ("bad", vec!["broken"], 5, "broken"),
    ] {
        let out = home.path(name);
        home.good(&[&["relay", "invite", "--out", out.to_str().unwrap()], identities.as_slice()].concat());
        let inside = container(&home, name, &open_to_all(address));
        let said = inside.run(&["health"]);
        assert!(said.code == Some(1) && said.err.contains("does not answer"), "{said:?}");
        let (_relay, _) = Relay::start(&inside, &[]);
        let said = inside.run(&["health"]);
        assert!(said.code == Some(code) && said.out.starts_with(word), "{name}: {said:?}");
        // a container that asks hears no name
        let answer = bare(address, "/healthz");
        assert!(!answer.body.contains("sso") && !answer.body.contains("broken\",\""), "{answer:?}");
    }
    let inside = container(&home, "well", &open_to_all(address));
    let (_relay, _) = Relay::start(&inside, &[]);
    drop(daemon);
    let said = inside.run(&["health"]);
    assert!(said.code == Some(1) && said.err.contains("credenza up"), "{said:?}");
}
