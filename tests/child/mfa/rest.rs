//! Sessions at rest: a daemon that starts anew serves what a code began before it, where one says so, and from no file that
//! shows anything.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::stage::Stage;
use crate::support::{played_keyring, until};
use crate::terminal::Terminal;

#[allow(dead_code)] // the search is shared with who searches more
#[path = "../../leak/needles.rs"]
mod needles;

const PASSPHRASE: &str = "correct horse bättery staple";

fn stage(sessions: &str) -> Stage {
    let stage = Stage::new();
    stage.configure(&format!(
        "[server]\nsessions = \"{sessions}\"\n[identity.base]\notp = {{ preset = \"op\", item = \"op://Private/AWS\" }}\n"
    ));
    stage
}

/// With a played keyring, which waits as long as the file `locked` is there; and the folder of its entries.
fn with_keyring() -> (Stage, PathBuf) {
    let stage = stage("keyring");
    let (tools, entries) = played_keyring(&stage.home);
    let locked = stage.home.path("locked");
    let waits = format!("while [ -e {} ]; do sleep 0.05; done", locked.display());
    stage.program("secret-tool", &format!("{waits}\nexec {}/secret-tool \"$@\"", tools.display()));
    (stage, entries)
}

/// A passphrase in a file that the daemon is told of.
pub(super) fn with_passphrase_file() -> Stage {
    let mut stage = stage("passphrase");
    put_passphrase(&mut stage);
    stage
}

fn put_passphrase(stage: &mut Stage) {
    let path = stage.home.path("passphrase");
    fs::write(&path, format!("{PASSPHRASE}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    stage.home.more.push(("CREDENZA_PASSPHRASE_FILE", path.display().to_string()));
}

impl Stage {
    fn start_anew(&self) -> String {
        self.run(&["down"]).good();
        let said = self.run(&["up"]);
        assert_eq!(said.code, Some(0), "{said:?}");
        said.err
    }

    fn at_rest(&self) -> String {
        self.whole_status()["sessions_at_rest"].as_str().unwrap().to_owned()
    }

    fn warnings(&self) -> String {
        self.whole_status()["warnings"].to_string()
    }

    fn file_at_rest(&self) -> bool {
        self.home.path(".local/state/credenza/sessions.sealed").exists()
    }

    /// No key that AWS gave, and nothing of `more`, stands in any file of the state folder, in whatever form.
    fn shows_nothing(&self, more: &[(&str, &str)]) {
        let mut needles = needles::Needles::default();
        for key in self.home.cloud.all_issued() {
            needles.add(&format!("the secret of {}", key.keys.access_key_id), &key.keys.secret_access_key);
            if let Some(token) = &key.keys.session_token {
                needles.add(&format!("the token of {}", key.keys.access_key_id), token);
            }
        }
        for (name, secret) in more {
            needles.add(name, secret);
        }
        assert!(needles.assert_not_below(&self.home.path(".local/state/credenza"), &[]) > 2);
    }
}

#[test]
fn what_a_code_began_outlives_the_daemon_in_the_keyring_or_under_a_passphrase() {
    let (keyring_stage, entries) = with_keyring();
    for (stage, entries) in [(keyring_stage, Some(entries)), (with_passphrase_file(), None)] {
        stage.login("one");
        stage.is_good(&stage.run(&["credential", "one"]).good());
        assert!(stage.file_at_rest());
        let entries = entries.iter().flat_map(|folder| fs::read_dir(folder).unwrap());
        let entries = entries.map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
        let secrets: Vec<String> = entries.chain([PASSPHRASE.to_owned()]).collect();
        stage.shows_nothing(&secrets.iter().map(|secret| ("what opens it", secret.trim())).collect::<Vec<_>>());

        assert_eq!(stage.start_anew(), "");
        assert_eq!((stage.at_rest(), stage.status()["state"].clone()), ("open".to_owned(), "begun".into()));
        stage.is_good(&stage.run(&["credential", "two"]).good());
        assert_eq!((stage.codes(), stage.op_calls(), stage.home.cloud.count("GetSessionToken")), (1, 0, 1));
        stage.shows_nothing(&[]);

        stage.run(&["logout", "one"]).good();
        assert!(!stage.file_at_rest());
        stage.start_anew();
        stage.run(&["credential", "two"]).failed(4, &["credenza login two"]);
    }
}

#[test]
fn in_memory_it_ends_with_the_daemon() {
    let stage = stage("memory");
    stage.login("one");
    assert_eq!((stage.start_anew(), stage.at_rest()), (String::new(), "memory".to_owned()));
    stage.run(&["credential", "one"]).failed(4, &["credenza login one"]);
    assert!(!stage.file_at_rest());
    stage.shows_nothing(&[]);
}

#[test]
fn a_passphrase_is_asked_at_the_terminal_and_opens_what_lies_there() {
    let mut stage = stage("passphrase");
    let mut terminal = Terminal::new(&stage.home);
    terminal.enter("credenza up; echo code-$?.");
    terminal.expect("A new passphrase, for sessions at rest: ");
    terminal.enter(PASSPHRASE);
    terminal.expect("Once more: ");
    terminal.enter("correct horse battery");
    terminal.expect("these are not the same");
    for question in ["A new passphrase", "Once more: "] {
        terminal.expect(question);
        terminal.enter(PASSPHRASE);
    }
    terminal.expect("code-0.");
    stage.login("one");
    assert_eq!(stage.at_rest(), "open");

    // where nobody can be asked, the daemon says what to do
    let said = stage.start_anew();
    assert!(said.contains("locked; run `credenza up` at a terminal"), "{said}");
    assert_eq!(stage.at_rest(), "locked");
    assert!(stage.warnings().contains("locked; run `credenza up`"), "{}", stage.warnings());
    assert!(stage.run(&["status"]).good().contains("run `credenza up`"));
    stage.run(&["credential", "one"]).failed(4, &["credenza login one"]);

    terminal.enter("credenza exec one -- echo ran-$((40 + 2)); echo code-$?.");
    terminal.expect("Passphrase of the sessions at rest: ");
    terminal.enter("correct horse battery");
    terminal.expect("does not open with this passphrase");
    terminal.expect("Passphrase of the sessions at rest: ");
    terminal.enter(PASSPHRASE);
    terminal.expect("ran-42");
    let shown = terminal.expect("code-0.");
    assert!(!shown.contains("has begun"), "{shown}");
    stage.is_good(&stage.run(&["credential", "two"]).good());
    assert_eq!((stage.codes(), stage.op_calls(), stage.at_rest()), (1, 0, "open".to_owned()));
    stage.shows_nothing(&[("the passphrase", PASSPHRASE)]);

    // typed or in a file, it is the same
    put_passphrase(&mut stage);
    assert_eq!((stage.start_anew(), stage.at_rest()), (String::new(), "open".to_owned()));
}

#[test]
fn who_has_forgotten_the_passphrase_gives_a_code() {
    let stage = with_passphrase_file();
    stage.login("one");
    stage.next_code();
    fs::write(stage.home.path("passphrase"), "another passphrase\n").unwrap();
    assert!(stage.start_anew().contains("does not open with this passphrase"));
    let mut terminal = Terminal::new(&stage.home);
    terminal.enter("credenza exec one -- echo ran-$((40 + 2)); echo code-$?.");
    terminal.expect("Passphrase of the sessions at rest: ");
    terminal.enter("");
    let shown = terminal.expect("code-0.");
    assert!(shown.contains("a session of base has begun") && shown.contains("ran-42"), "{shown}");
    assert_eq!((stage.codes(), stage.at_rest()), (2, "locked".to_owned()));
}

#[test]
fn a_passphrase_file_that_others_may_read_is_refused() {
    let stage = with_passphrase_file();
    fs::set_permissions(stage.home.path("passphrase"), fs::Permissions::from_mode(0o644)).unwrap();
    let said = stage.run(&["up"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.err.contains("chmod 600") && !said.err.contains(PASSPHRASE), "{said:?}");
    stage.login("one");
    assert!(!stage.file_at_rest());
    assert!(stage.warnings().contains("chmod 600"), "{}", stage.warnings());
}

#[test]
fn a_keyring_that_waits_for_its_person_holds_up_no_daemon_for_long() {
    let (stage, _) = with_keyring();
    stage.login("one");
    stage.run(&["down"]).good();
    stage.home.write("locked", "");
    let begun = Instant::now();
    let said = stage.run(&["status"]);
    assert_ne!(said.code, Some(0), "none runs: {said:?}");
    // `env` starts one, and does not wait for the keyring as `up` does
    stage.run(&["env", "one", "--format", "json"]).failed(4, &["credenza login one"]);
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    assert_eq!(stage.at_rest(), "out-of-reach");
    assert!(stage.warnings().contains("not open yet"), "{}", stage.warnings());
    fs::remove_file(stage.home.path("locked")).unwrap();
    until("the keyring has answered", || stage.at_rest() == "open");
    stage.is_good(&stage.run(&["credential", "one"]).good());
    assert_eq!(stage.codes(), 1);
}

#[test]
fn logout_takes_from_rest_what_no_daemon_has_opened() {
    for (words, locked) in [(["logout", "one"], false), (["logout", "one"], true), (["logout", "--all"], true)] {
        let mut stage = with_passphrase_file();
        stage.login("one");
        stage.run(&["down"]).good();
        assert!(stage.file_at_rest());
        if locked {
            stage.home.more.retain(|(name, _)| *name != "CREDENZA_PASSPHRASE_FILE");
        }
        let said = stage.run(&words);
        assert!(said.code == Some(0) && said.err.contains("the session of base is forgotten"), "{words:?} {said:?}");
        assert!(!stage.file_at_rest(), "{words:?}");
    }
    let stage = stage("memory");
    let said = stage.run(&["logout", "one"]);
    assert!(said.code == Some(0) && said.err.contains("no session of base was kept"), "no daemon runs: {said:?}");
}
