//! The audit trail, in simulated time and a real file.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

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
        let file = CappedFile::open(folder, "audit.jsonl", 1 << 20).unwrap();
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

fn issued(identity: &str) -> Deed {
    Deed {
        grant: Some("shell-7".into()),
        identity: Some(identity.into()),
        dialect: "ecs",
        outcome: "issued",
        issued: Some(Handed {
            access_key_id: "ASIAEXAMPLEEXAMPLE".into(),
            account_id: Some("123456789012".into()),
            role_arn: Some("arn:aws:iam::123456789012:role/deploy".into()),
        }),
    }
}

fn refused(outcome: &'static str) -> Deed {
    Deed { grant: None, identity: None, dialect: "ecs", outcome, issued: None }
}

#[tokio::test(start_paused = true)]
async fn the_first_is_written_at_once_and_repeats_as_one_counted_line() {
    let desk = Desk::new();
    desk.note(issued("prod"), 3);
    desk.after(10).await;
    let first = json!({
        "schema": 1, "time": "2026-11-21T22:04:16.000Z", "identity": "prod", "account": "123456789012",
        "role": "arn:aws:iam::123456789012:role/deploy", "dialect": "ecs", "grant": "shell-7",
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
        issued: Some(Handed { access_key_id: "ASIAOTHER".into(), account_id: None, role_arn: None }),
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
}

#[tokio::test(start_paused = true)]
async fn what_is_counted_is_written_at_the_end() {
    let desk = Desk::new();
    for _ in 0..5 {
        desk.note(issued("prod"), 0);
    }
    let lines = desk.end().await;
    assert_eq!(lines.iter().map(|line| line["count"].as_u64().unwrap()).sum::<u64>(), 5);
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
async fn names_that_clients_choose_are_bounded() {
    let desk = Desk::new();
    for number in 0..3 * MOST_ENTRIES {
        desk.note(issued(&format!("{number}")), 0);
    }
    desk.audit.entries.run_pending_tasks();
    assert!(desk.audit.entries.entry_count() <= MOST_ENTRIES);
    let desk = Desk::new();
    desk.note(issued(&"ü".repeat(5000)), 0);
    assert_eq!(desk.end().await[0]["identity"].as_str().unwrap().chars().count(), 128);
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
