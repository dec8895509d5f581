//! Many at once on a cold cache: one upstream call, everyone answered (checklist 21, and ten thousand).

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::task::JoinSet;

use crate::client::{read_answer, send};
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

const CROWD: usize = 10_000;

/// Both ends in one process would need more descriptors than many machines allow one: the clients have their own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_at_once_cost_one_call() {
    raise_file_limit();
    let (stage, address) = Stage::listening_patiently(Does::Lasts(50 * MINUTE));
    stage.source.now_takes(Duration::from_millis(500));
    let clients = clients(address, &stage.token).await;
    let [said, complained] = [&clients.stdout, &clients.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    assert!(clients.status.success(), "{said}{complained}");
    assert_eq!(stage.source.calls(), 1);
    let uses = stage.engine.snapshot().asks[0].uses;
    assert_eq!(uses, CROWD as u64);
}

async fn clients(address: SocketAddr, token: &str) -> std::process::Output {
    ourselves("crowd::the_crowd").env(ADDRESS, address.to_string()).env(TOKEN, token).output().await.unwrap()
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
    raise_file_limit();
    let address: SocketAddr = std::env::var(ADDRESS).unwrap().parse().unwrap();
    let token = std::env::var(TOKEN).unwrap();
    let request = format!("GET /creds/default HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {token}\r\n\r\n");
    // everyone is there before anyone asks
    let mut arriving = JoinSet::new();
    for _ in 0..CROWD {
        arriving.spawn(async move { TcpStream::connect(address).await.unwrap() });
    }
    let mut crowd = JoinSet::new();
    for mut stream in arriving.join_all().await {
        let request = request.clone();
        crowd.spawn(async move {
            stream.write_all(request.as_bytes()).await.unwrap();
            read_answer(&mut stream, false).await.expect("an answer").status
        });
    }
    let statuses = crowd.join_all().await;
    let others: Vec<u16> = statuses.iter().copied().filter(|status| *status != 200).collect();
    assert!(others.is_empty(), "{} of {CROWD} got others, such as {}", others.len(), others[0]);
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

fn raise_file_limit() {
    let wanted = CROWD as u64 + 500;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_some_and(|current| current < wanted) {
        setrlimit(Resource::Nofile, Rlimit { current: Some(maximum.map_or(wanted, |most| most.min(wanted))), maximum })
            .unwrap();
    }
}
