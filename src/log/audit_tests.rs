//! The audit trail, in simulated time and a real file.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::super::strangers::{LONGEST_NAME, MOST_NAMES};
use super::*;
use crate::world::folder::Folder;
use crate::world::simulated::SimulatedClock;

struct Desk {
    root: tempfile::TempDir,
    clock: Arc<SimulatedClock>,
    audit: Audit,
    peer: Arc<Peer>,
}

impl Desk {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let folder = Arc::new(Folder::open_or_make(&root.path().join("state")).unwrap());
        let file = CappedFile::open(folder, "audit.jsonl", 16 << 20).unwrap();
        let clock = Arc::new(SimulatedClock::new(SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_298_656_000)));
        let audit = Audit::start(file, "daemon", clock.clone());
        let peer = Arc::new(Peer::known(Some(PeerProcess { pid: 77, exe: Some("/usr/bin/python3".into()) })));
        Self { root, clock, audit, peer }
    }

    fn note(&self, deed: Deed, ms: u32) {
        self.audit.note(&self.audit.entry(deed), &self.peer, self.clock.now(), ms);
    }

    async fn after(&self, ms: u64) {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }

    fn lines(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.root.path().join("state/audit.jsonl")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    async fn end(self) -> Vec<Value> {
        self.audit.close().await;
        self.lines()
    }
}

fn counts(lines: &[Value]) -> u64 {
    lines.iter().map(|line| line["count"].as_u64().unwrap()).sum()
}

fn issued(identity: &str) -> Deed {
    Deed {
        container: None,
        grant: Some("shell-7".into()),
        identity: Some(identity.into()),
        dialect: "ecs",
        outcome: "issued",
        known: Known::default(),
        issued: Some(Handed {
            access_key_id: Some("ASIAEXAMPLEEXAMPLE".into()),
            audience: None,
            account_id: Some("123456789012".into()),
            role_arn: Some("arn:aws:iam::123456789012:role/deploy".into()),
        }),
    }
}

fn refused(outcome: &'static str) -> Deed {
    let known = Known { account: None, role: Some("arn:aws:iam::123456789012:role/refused".into()) };
    Deed { grant: None, container: None, identity: None, dialect: "ecs", outcome, known, issued: None }
}

#[tokio::test(start_paused = true)]
async fn the_first_is_written_at_once_and_repeats_as_one_counted_line() {
    let desk = Desk::new();
    desk.note(issued("prod"), 3);
    desk.after(10).await;
    let first = json!({
        "schema": 1, "time": "2026-11-21T22:04:16.000Z", "identity": "prod", "account": "123456789012",
        "role": "arn:aws:iam::123456789012:role/deploy", "dialect": "ecs", "grant": "shell-7", "container": null,
        "pid": 77, "exe": "/usr/bin/python3", "access_key_id": "ASIAEXAMPLEEXAMPLE", "outcome": "issued",
        "ms": 3, "count": 1, "served_by": "daemon",
    });
    assert_eq!(desk.lines(), [first]);
    for ms in [5, 9, 1] {
        desk.note(issued("prod"), ms);
        desk.after(100).await;
    }
    assert_eq!(desk.lines().len(), 1, "the second is not over");
    desk.after(1000).await;
    let lines = desk.lines();
    assert_eq!(lines.len(), 2);
    let expected = [
        ("count", json!(3)),
        ("first_time", json!("2026-11-21T22:04:16.010Z")),
        ("time", json!("2026-11-21T22:04:16.210Z")),
        ("ms", json!(9)),
        ("pid", json!(null)),
    ];
    for (key, value) in expected {
        assert_eq!(lines[1][key], value, "{key}");
    }
    desk.after(5000).await;
    desk.note(issued("prod"), 1);
    assert_eq!(desk.end().await.len(), 3, "a new second, a new line");
}

#[tokio::test(start_paused = true)]
async fn what_differs_has_a_line_of_its_own() {
    let desk = Desk::new();
    let other_key = Deed {
        issued: Some(Handed {
            access_key_id: Some("ASIAOTHER".into()),
            audience: None,
            account_id: None,
            role_arn: None,
        }),
        ..issued("prod")
    };
    let other_grant = Deed { grant: Some("job".into()), ..issued("prod") };
    let deeds =
        [issued("prod"), issued("dev"), other_key, other_grant, refused("token-missing"), refused("host-refused")];
    for deed in &deeds {
        desk.note(deed.clone(), 0);
    }
    let lines = desk.end().await;
    assert_eq!(lines.len(), deeds.len());
    assert_eq!(lines[4]["identity"], Value::Null);
    assert_eq!(lines[4]["outcome"], "token-missing");
    assert_eq!(lines[4]["role"], "arn:aws:iam::123456789012:role/refused", "the configuration knows it");
}

#[tokio::test(start_paused = true)]
async fn what_is_counted_is_written_at_the_end() {
    let desk = Desk::new();
    for _ in 0..5 {
        desk.note(issued("prod"), 0);
    }
    let lines = desk.end().await;
    assert_eq!(counts(&lines), 5);
}

#[tokio::test(start_paused = true)]
async fn a_second_without_repeats_ends_nothing() {
    let desk = Desk::new();
    for _ in 0..3 {
        desk.note(issued("prod"), 0);
        desk.after(1500).await;
    }
    assert_eq!(desk.end().await.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_finds_no_room_is_counted_and_nobody_waits() {
    let desk = Desk::new();
    // the writer cannot run meanwhile: this task does not wait
    for number in 0..QUEUE + 10 {
        desk.note(issued(&format!("identity-{number}")), 0);
    }
    let lines = desk.end().await;
    let dropped: Vec<_> = lines.iter().filter(|line| line["outcome"] == "dropped").collect();
    assert_eq!(dropped.len(), 1);
    assert_eq!((lines.len(), &dropped[0]["count"]), (QUEUE + 1, &json!(10)));
}

#[tokio::test(start_paused = true)]
async fn what_is_counted_at_once_is_bounded_and_adds_up() {
    let desk = Desk::new();
    let deeds = 3 * MOST_ENTRIES;
    for number in 0..deeds {
        desk.note(issued(&format!("{number}")), 0);
        desk.note(issued(&format!("{number}")), 0);
        while number % 500 == 499 && desk.audit.sender.capacity() < QUEUE {
            desk.after(1).await;
        }
    }
    desk.audit.entries.run_pending_tasks();
    assert!(desk.audit.entries.entry_count() <= MOST_ENTRIES);
    desk.after(10).await;
    let at_once = desk.lines().len() as u64;
    assert!(at_once >= deeds + deeds - MOST_ENTRIES - 500, "{at_once}: the oldest counts do not wait for their second");
    assert_eq!(counts(&desk.end().await), 2 * deeds);
}

#[tokio::test(start_paused = true)]
async fn names_that_a_client_makes_up_push_nothing_out_of_the_trail() {
    let desk = Desk::new();
    desk.note(issued("prod"), 0);
    let grant = Some(Arc::from("job"));
    for number in 0..10_000 {
        let name = format!("{number}-{}", "x".repeat(8 * 1024));
        let identity = desk.audit.stranger(grant.as_ref(), &name, desk.clock.now());
        assert!(identity.as_ref().is_none_or(|name| name.len() <= LONGEST_NAME));
        desk.note(Deed { grant: grant.clone(), identity, ..refused("unknown-identity") }, 0);
    }
    let lines = desk.end().await;
    assert_eq!(lines[0]["identity"], "prod");
    assert_eq!(lines.len(), 1 + MOST_NAMES + 2, "each of a few, the first without a name, and the count");
    assert_eq!(counts(&lines), 10_001);
}

#[tokio::test(start_paused = true)]
async fn what_repeats_one_that_found_no_room_is_counted_too() {
    let desk = Desk::new();
    for number in 0..QUEUE {
        desk.note(issued(&format!("identity-{number}")), 0);
    }
    for _ in 0..10 {
        desk.note(issued("prod"), 0);
    }
    assert_eq!(counts(&desk.end().await), QUEUE as u64 + 10);
}

#[tokio::test(start_paused = true)]
async fn one_line_that_cannot_be_made_ends_nothing() {
    let desk = Desk::new();
    let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
    let peer = Peer { look: |_, _, _| panic!("a fault of ours"), ..Peer::new(nowhere, nowhere) };
    desk.audit.note(&desk.audit.entry(issued("prod")), &Arc::new(peer), desk.clock.now(), 0);
    // simulated time stands still while the thread that writes is busy
    desk.after(1).await;
    desk.note(issued("dev"), 0);
    let lines = desk.end().await;
    assert_eq!((&lines[0]["identity"], counts(&lines)), (&json!("dev"), 2));
}

#[tokio::test(start_paused = true)]
async fn a_line_moves_no_cursor() {
    let desk = Desk::new();
    let name = "a\u{9b}2J\u{7f}\u{1b}[0m\u{202e}ü";
    desk.note(issued(name), 0);
    let text = {
        desk.audit.close().await;
        std::fs::read_to_string(desk.root.path().join("state/audit.jsonl")).unwrap()
    };
    assert!(text.contains("a\\u009b2J\\u007f\\u001b[0m\\u202eü"), "{text}");
    assert_eq!(desk.lines()[0]["identity"], name);
}

#[tokio::test(start_paused = true)]
async fn a_trail_that_could_not_be_written_says_what_is_missing() {
    let desk = Desk::new();
    let state = desk.root.path().join("state");
    // the file is gone and its folder takes no new one
    std::fs::rename(&state, desk.root.path().join("moved")).unwrap();
    std::fs::remove_file(desk.root.path().join("moved/audit.jsonl")).unwrap();
    std::fs::create_dir(desk.root.path().join("moved/audit.jsonl")).unwrap();
    desk.note(issued("prod"), 0);
    desk.after(10).await;
    std::fs::remove_dir(desk.root.path().join("moved/audit.jsonl")).unwrap();
    std::fs::rename(desk.root.path().join("moved"), &state).unwrap();
    desk.note(issued("dev"), 0);
    let lines = desk.end().await;
    let outcomes: Vec<_> = lines.iter().map(|line| (line["outcome"].clone(), line["count"].clone())).collect();
    assert_eq!(outcomes, [(json!("issued"), json!(1)), (json!("dropped"), json!(1))]);
}
