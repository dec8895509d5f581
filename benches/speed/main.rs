//! Speed and memory, beside a floor: `cargo bench --bench speed`.
//!
//! The floor is a bare hyper server in a process of its own, on the same runtime, with the same headers and bytes.
//! Floor and Credenza are measured in interleaved pairs, nine of them, and the medians are printed side by side. Every
//! run is bounded; nothing but loopback is touched.
//!
//! `--quick` makes one short pair, to see that it works. A word such as `throughput` measures that part alone.

#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::unwrap_used, unreachable_pub)]

mod figures;
mod floor;
mod load;
mod process;
mod relayed;
mod sign_in;
mod subject;

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use figures::{Table, median};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|word| word == floor::WORD) {
        return floor::serve();
    }
    if arguments.first().is_some_and(|word| word == process::SAY_WHEN) {
        return process::say_when();
    }
    let quick = arguments.iter().any(|word| word == "--quick");
    let (pairs, span) = if quick { (1, Duration::from_millis(500)) } else { (9, Duration::from_secs(2)) };

    let wanted: Vec<&String> = arguments.iter().filter(|word| !word.starts_with("--")).collect();
    let parts: [(&str, Part); 10] = [
        ("start", &|table| start_up(table, if quick { 3 } else { 15 })),
        ("throughput", &|table| throughput(table, pairs, span)),
        ("instance", &|table| instance(table, pairs, span)),
        ("azure", &|table| azure(table, pairs, span)),
        ("idle", &|table| idle(table, if quick { Duration::from_secs(2) } else { Duration::from_secs(30) })),
        ("identities", &|table| many_identities(table, if quick { 50 } else { 1000 })),
        ("commands", &|table| commands(table, if quick { 3 } else { 15 })),
        ("sign-in", &|table| sign_in(table, if quick { 3 } else { 25 })),
        ("relay", &|table| relayed::relayed(table, pairs, if quick { 50 } else { 1000 })),
        ("binary", &binary),
    ];
    let mut table = Table::new();
    for (name, part) in parts {
        if wanted.is_empty() || wanted.iter().any(|word| *word == name) {
            part(&mut table);
        }
    }
    println!("{table}");
}

/// Measures something and adds its rows.
type Part<'a> = &'a dyn Fn(&mut Table);

/// From spawn to the line that says `ready`.
fn start_up(table: &mut Table, runs: usize) {
    let floor = median((0..runs).map(|_| floor::Floor::start(floor::SAMPLE).until_ready.as_secs_f64() * 1e3));
    let ours = median((0..runs).map(|_| subject::Subject::start(1).until_ready.as_secs_f64() * 1e3));
    table.row("spawn to listening", Some(floor), ours, "ms", "below 10 ms");
}

/// Requests a second on 64 connections, the slowest of a hundred at a fixed rate, and memory meanwhile.
fn throughput(table: &mut Table, pairs: usize, span: Duration) {
    let ours = subject::Subject::start(1);
    let request = ours.request(0);
    let floor = floor::Floor::start(&load::one_answer(ours.address, &request));
    let (mut rates, mut tails) = (Vec::new(), Vec::new());
    let mut resident = (0.0, 0.0);
    for _ in 0..pairs {
        let pair = [floor.address, ours.address].map(|address| load::saturate(address, &request, span));
        rates.push((pair[0].per_second, pair[1].per_second));
        resident = (process::resident_mib(floor.id()), process::resident_mib(ours.id()));
        let pair = [floor.address, ours.address].map(|address| load::steady(address, &request, 20_000, span));
        tails.push((pair[0], pair[1]));
    }
    println!("requests/s in pairs: {}", figures::pairs(&rates));
    println!("p99 in pairs, µs: {}", figures::pairs(&tails));
    let (floor_rate, our_rate) = (median(rates.iter().map(|pair| pair.0)), median(rates.iter().map(|pair| pair.1)));
    table.row("requests/s, 64 connections", Some(floor_rate), our_rate, "/s", "at least 0.9 of the floor");
    let ratio = median(rates.iter().map(|pair| pair.1 / pair.0));
    table.row("ratio, median of the pairs", Some(1.0), ratio, "", "at least 0.9");
    let (floor_tail, our_tail) = (median(tails.iter().map(|pair| pair.0)), median(tails.iter().map(|pair| pair.1)));
    table.row("p99 at 20,000/s", Some(floor_tail), our_tail, "µs", "at most 1.5 times the floor");
    let ratio = median(tails.iter().map(|pair| pair.1 / pair.0));
    table.row("p99 ratio, median of the pairs", Some(1.0), ratio, "", "at most 1.5");
    table.row("resident, 64 connections", Some(resident.0), resident.1, "MiB", "below 10 MiB");
}

/// EC2's metadata service: a credential, and a session token, each beside a floor that answers the same bytes.
fn instance(table: &mut Table, pairs: usize, span: Duration) {
    let (_ours, address) = subject::Subject::start_instance();
    let put = format!(
        "PUT /latest/api/token HTTP/1.1\r\nHost: {address}\r\nX-aws-ec2-metadata-token-ttl-seconds: 21600\r\n\
         Content-Length: 0\r\n\r\n"
    );
    let token = load::body(address, put.as_bytes());
    let get = |path: &str| {
        format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nX-aws-ec2-metadata-token: {token}\r\nAccept: */*\r\n\r\n")
    };
    const ROLES: &str = "/latest/meta-data/iam/security-credentials/";
    let role = load::body(address, get(ROLES).as_bytes());
    let credential = get(&format!("{ROLES}{role}"));
    for (what, request) in [("EC2 credential", &credential), ("EC2 session token", &put)] {
        beside_its_floor(table, what, address, request.as_bytes(), pairs, span);
    }
}

/// A token of Azure that is at hand, by App Service's variables and by the metadata service.
fn azure(table: &mut Table, pairs: usize, span: Duration) {
    let (ours, imds) = subject::Subject::start_azure();
    let query = "api-version=2018-02-01&resource=https%3A%2F%2Fgraph.microsoft.com";
    let instance = format!(
        "GET /metadata/identity/oauth2/token?{query} HTTP/1.1\r\nHost: {imds}\r\nMetadata: true\r\nAccept: */*\r\n\r\n"
    );
    for (what, address, request) in
        [("App Service token", ours.address, ours.azure_request()), ("Azure IMDS token", imds, instance.into_bytes())]
    {
        // the first one is fetched
        load::one_answer(address, &request);
        beside_its_floor(table, what, address, &request, pairs, span);
    }
}

/// One request, beside a floor that answers the same bytes.
fn beside_its_floor(table: &mut Table, what: &str, address: SocketAddr, request: &[u8], pairs: usize, span: Duration) {
    let floor = floor::Floor::start(&load::one_answer(address, request));
    let rates: Vec<(f64, f64)> = (0..pairs)
        .map(|_| {
            let [floor, ours] = [floor.address, address].map(|address| load::saturate(address, request, span));
            (floor.per_second, ours.per_second)
        })
        .collect();
    println!("{what}, requests/s in pairs: {}", figures::pairs(&rates));
    let (floor, ours) = (median(rates.iter().map(|pair| pair.0)), median(rates.iter().map(|pair| pair.1)));
    table.row(&format!("{what}, requests/s"), Some(floor), ours, "/s", "");
    let ratio = median(rates.iter().map(|pair| pair.1 / pair.0));
    table.row(&format!("{what}, ratio, median of the pairs"), Some(1.0), ratio, "", "at least 0.9");
}

/// Memory and wake-ups with nobody asking.
fn idle(table: &mut Table, span: Duration) {
    let ours = subject::Subject::start(1);
    load::one_answer(ours.address, &ours.request(0));
    let wakes = process::wakes_per_second(ours.id(), span);
    table.row("resident, idle", None, process::resident_mib(ours.id()), "MiB", "below 10 MiB");
    table.row("wake-ups, idle", None, wakes, "/s", "fewer than 1/s");
}

/// Memory with many identities held.
fn many_identities(table: &mut Table, count: usize) {
    let ours = subject::Subject::start(count);
    for index in 0..count {
        load::one_answer(ours.address, &ours.request(index));
    }
    let name = format!("resident, {count} identities");
    table.row(&name, None, process::resident_mib(ours.id()), "MiB", "below 20 MiB");
}

/// What `exec` and `credential` cost.
fn commands(table: &mut Table, runs: usize) {
    let ours = subject::Subject::start(1);
    load::one_answer(ours.address, &ours.request(0));
    let warm = median((0..runs).map(|_| ours.time(&["credential", "bench-0", "--format", "process"])));
    table.row("credential, warm daemon", None, warm, "ms", "at most 10 ms");
    let child = process::child();
    let child: Vec<&str> = child.iter().map(String::as_str).collect();
    let exec: Vec<&str> = ["exec", "bench-0", "--"].into_iter().chain(child.iter().copied()).collect();
    let bare = median((0..runs).map(|_| process::until_said_ms(Command::new(child[0]).args(&child[1..]))));
    let until = median((0..runs).map(|_| ours.until_said(&exec)));
    table.row("exec until its child runs, warm daemon", Some(bare), until, "ms", "10 ms over the child alone");
    let alone = subject::Subject::files_only(1);
    let upstream = median((0..runs).map(|_| alone.time_upstream()));
    let until = median((0..runs).map(|_| alone.until_said(&exec)));
    table.row(
        "exec until its child runs, no daemon",
        Some(upstream + bare),
        until,
        "ms",
        "10 ms over upstream and child",
    );
    let bare = median((0..runs).map(|_| process::time_ms("/bin/true", &[])));
    let whole = median((0..runs).map(|_| ours.time(&["exec", "bench-0", "--", "/bin/true"])));
    table.row("exec of /bin/true, whole", Some(bare), whole, "ms", "");
}

/// What a sign-in whose token lies there already costs beside its upstream.
fn sign_in(table: &mut Table, runs: usize) {
    let begun = sign_in::SignIn::begin();
    let upstream = median((0..runs).map(|_| begun.time_upstream()));
    let whole = median((0..runs).map(|_| begun.time_credential()));
    table.row("credential of a sign-in, no daemon", Some(upstream), whole, "ms", "20 ms over the upstream");
}

fn binary(table: &mut Table) {
    let bytes = std::fs::metadata(env!("CARGO_BIN_EXE_credenza")).unwrap().len();
    table.row("release binary", None, bytes as f64 / f64::from(1 << 20), "MiB", "below 10 MiB");
}
