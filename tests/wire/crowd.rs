//! Many at once on a cold cache, and one that asks again and again: one upstream call, everyone answered (checklist 21
//! and 24, and ten thousand).
//!
//! How long an answer takes is not judged here: other tests run at the same time. That is for `benches/`.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use crate::client::{exchange, read_answer, send};
use crate::stage::{Does, MINUTE, Stage};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c21_two_hundred_at_once_cost_one_call() {
    let (stage, address) = Stage::listening(Does::Lasts(50 * MINUTE));
    stage.source.now_takes(Duration::from_millis(300));
    let mut crowd = JoinSet::new();
    for _ in 0..200 {
        let request = stage.get("/creds/default");
        crowd.spawn(async move { send(address, request).await.status });
    }
    let statuses = crowd.join_all().await;
    assert_eq!(statuses, [200; 200]);
    assert_eq!(stage.source.calls(), 1);
}

#[tokio::test]
async fn c24_a_thousand_gets_for_a_fifteen_minute_role_cost_one_call() {
    let (stage, address) = Stage::listening(Does::Lasts(15 * MINUTE));
    let mut pooled = TcpStream::connect(address).await.unwrap();
    for _ in 0..500 {
        assert_eq!(exchange(&mut pooled, stage.get("/creds/default")).await.status, 200);
        assert_eq!(send(address, stage.get("/creds/default")).await.status, 200);
    }
    assert_eq!(stage.source.calls(), 1);
}

const CROWD: usize = 10_000;
const MOST_TRIES: u32 = 60;

/// Two such crowds on the same processors would hold up each other's only fetch for longer than the product lets clients wait.
static ONE_CROWD: Mutex<()> = Mutex::const_new(());

/// Both ends in one process would need more descriptors than many machines allow one: the clients have their own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_at_once_cost_one_call() {
    let _alone = ONE_CROWD.lock().await;
    if !raise_file_limit() {
        return no_room();
    }
    // a slow upstream, and time enough for a slow machine: nobody is told to come again
    let (stage, address) = Stage::listening_patiently(Does::Lasts(50 * MINUTE));
    stage.source.now_takes(Duration::from_millis(500));
    all_are_answered(address, &stage.token).await;
    assert_eq!(stage.source.calls(), 1);
    assert_eq!(stage.engine.snapshot().asks[0].uses, CROWD as u64);

    // the patience of the product, in which all are answered by simulated time too: tests/sim/cold.rs
    let (stage, address) = Stage::listening(Does::Lasts(50 * MINUTE));
    all_are_answered(address, &stage.token).await;
    assert_eq!(stage.source.calls(), 1);
}

/// Started under the soft limit of most systems, which it raises for itself.
#[tokio::test]
#[allow(clippy::disallowed_methods)] // a test runs the binary
async fn ten_thousand_at_once_cost_the_binary_one_call_under_a_soft_limit_of_1024() {
    let _alone = ONE_CROWD.lock().await;
    if getrlimit(Resource::Nofile).maximum.is_some_and(|most| most < WANTED) {
        return no_room();
    }
    let home = tempfile::tempdir().unwrap();
    let calls = home.path().join("calls");
    write_profile(home.path(), &calls);
    let credenza = env!("CARGO_BIN_EXE_credenza");
    let in_home = |program: &str, words: &[&str]| {
        let mut command = Command::new(program);
        command.args(words).env_clear().env("HOME", home.path()).env("PATH", "/usr/local/bin:/usr/bin:/bin");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        command
    };
    let limited = ["-c", r#"ulimit -Sn 1024 && exec "$0" serve"#, credenza];
    let mut daemon = in_home("sh", &limited).stderr(Stdio::null()).spawn().unwrap();
    let ready = BufReader::new(daemon.stdout.take().unwrap()).lines().next_line().await.unwrap().unwrap();
    let address = ready.strip_prefix("ready http://").unwrap().parse().unwrap();
    let granted = in_home(credenza, &["grant", "new", "default"]).output().await.unwrap();
    let granted = String::from_utf8(granted.stdout).unwrap();
    let token = granted.lines().find_map(|line| line.strip_prefix("AWS_CONTAINER_AUTHORIZATION_TOKEN="));
    assert!(!calls.exists(), "nobody has asked yet");

    all_are_answered(address, token.unwrap()).await;
    assert_eq!(std::fs::read_to_string(&calls).unwrap(), "called\n");
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    is_small_again(daemon.id().unwrap()).await;
}

/// What ten thousand connections needed, more than a hundred megabytes, is given back soon after they have gone.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
async fn is_small_again(pid: u32) {
    let resident_kb = || {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap()
    };
    let before = tokio::time::Instant::now();
    while resident_kb() > 40_000 {
        assert!(before.elapsed() < MINUTE, "{} kB are kept", resident_kb());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A profile `default` with a process that writes down each call.
#[allow(clippy::disallowed_methods)] // a test is the outside itself
fn write_profile(home: &Path, calls: &Path) {
    let process = home.join("issue");
    let end = jiff::Timestamp::try_from(std::time::SystemTime::now() + 50 * MINUTE).unwrap();
    let keys = serde_json::json!({
        "Version": 1, "AccessKeyId": "ASIAEXAMPLE00001", "SecretAccessKey": "not-so-secret", "SessionToken": "token",
        "Expiration": format!("{end:.0}"),
    });
    std::fs::write(&process, format!("#!/bin/sh\necho called >> '{}'\necho '{keys}'\n", calls.display())).unwrap();
    std::fs::set_permissions(&process, std::fs::Permissions::from_mode(0o700)).unwrap();
    std::fs::create_dir(home.join(".aws")).unwrap();
    let config = format!("[default]\ncredential_process = {}\n", process.display());
    std::fs::write(home.join(".aws/config"), config).unwrap();
}

async fn all_are_answered(address: SocketAddr, token: &str) {
    let mut clients = ourselves("crowd::the_crowd");
    let clients = clients.env(ADDRESS, address.to_string()).env(TOKEN, token).output().await.unwrap();
    let [said, complained] = [&clients.stdout, &clients.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    assert!(clients.status.success(), "{said}{complained}");
}

/// This test program, to run one part of it in a process of its own.
#[allow(clippy::disallowed_methods)] // a test runs itself
fn ourselves(part: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", part, "--ignored", "--nocapture"]).kill_on_drop(true);
    command
}

const ADDRESS: &str = "CREDENZA_TEST_CROWD_ADDRESS";
const TOKEN: &str = "CREDENZA_TEST_CROWD_TOKEN";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the clients' side of ten_thousand_at_once_cost_one_call, which runs it"]
#[allow(clippy::disallowed_methods)] // it is told by its environment whom to ask
async fn the_crowd() {
    assert!(raise_file_limit());
    let address: SocketAddr = std::env::var(ADDRESS).unwrap().parse().unwrap();
    let token = std::env::var(TOKEN).unwrap();
    let request = format!("GET /creds/default HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {token}\r\n\r\n");
    // everyone is there before anyone asks; who comes and says nothing at all is not waited for that long
    let mut arriving = JoinSet::new();
    for _ in 0..CROWD {
        arriving.spawn(async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let here = "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
            assert_eq!(exchange(&mut stream, here).await.status, 200);
            stream
        });
    }
    let mut crowd = JoinSet::new();
    for mut stream in arriving.join_all().await {
        let request = request.clone();
        crowd.spawn(async move {
            for _ in 0..MOST_TRIES {
                let answer = exchange(&mut stream, &request).await;
                if answer.status == 200 {
                    return;
                }
                // ten thousand answers may take a slow machine longer than the patience: told so, SDKs come again
                assert_eq!(answer.status, 503, "{}", answer.body);
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            panic!("told to come again {MOST_TRIES} times");
        });
    }
    // panics where one of them has
    crowd.join_all().await;
}

/// A limit of the process: so the server has one of its own.
#[tokio::test]
async fn with_no_descriptors_left_it_waits_and_goes_on() {
    let mut server = ourselves("crowd::a_server_with_few_descriptors").stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let (address, token) = loop {
        let line = lines.next_line().await.unwrap().expect("a line that says where");
        // the test program's own words may stand before it
        if let Some((_, told)) = line.split_once("serving ") {
            let (address, token) = told.split_once(' ').unwrap();
            break (address.parse::<SocketAddr>().unwrap(), token.to_owned());
        }
    };
    let request = format!("GET /creds/default HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {token}\r\n\r\n");
    assert_eq!(send(address, &request).await.status, 200);
    let mut held = Vec::new();
    for _ in 0..2 * FEW {
        held.push(TcpStream::connect(address).await.unwrap());
    }
    // those that were accepted are served, though the last of them could not be
    held[0].write_all(request.as_bytes()).await.unwrap();
    assert_eq!(read_answer(&mut held[0], false).await.unwrap().status, 200);
    let last = held.last_mut().unwrap();
    last.write_all(request.as_bytes()).await.unwrap();
    let early = tokio::time::timeout(Duration::from_millis(300), read_answer(last, false)).await;
    assert!(early.is_err(), "there was no descriptor for it");
    let mut last = held.pop().unwrap();
    held.clear();
    assert_eq!(read_answer(&mut last, false).await.unwrap().status, 200);
}

const FEW: u64 = 64;

#[tokio::test]
#[ignore = "the server's side of with_no_descriptors_left_it_waits_and_goes_on, which runs it"]
#[allow(clippy::print_stdout)] // it tells the other side where it is
async fn a_server_with_few_descriptors() {
    let (stage, address) = Stage::listening(Does::Lasts(50 * MINUTE));
    setrlimit(Resource::Nofile, Rlimit { current: Some(FEW), maximum: Some(FEW) }).unwrap();
    println!("serving {address} {}", stage.token);
    // until the other side has seen enough
    std::future::pending::<()>().await;
}

/// Room for the crowd in this process, where the system's hard limit leaves any.
fn raise_file_limit() -> bool {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_some_and(|current| current < WANTED) {
        if maximum.is_some_and(|most| most < WANTED) {
            return false;
        }
        setrlimit(Resource::Nofile, Rlimit { current: Some(WANTED), maximum }).unwrap();
    }
    true
}

const WANTED: u64 = CROWD as u64 + 500;

#[allow(clippy::print_stdout)] // what cannot be tested here is said
fn no_room() {
    println!("skipped: ten thousand connections: the hard limit of open files is below {WANTED}");
}
