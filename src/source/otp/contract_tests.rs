//! What every source of one-time codes keeps to, with real programs: the scripts of `tests/otp/programs`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use tokio::time::timeout;

use super::*;
use crate::credential::FailureClass;
use crate::world::process::{Ran, Run, RunError, Seat, SystemProcesses};
use crate::world::running::{self, Watch};
use crate::world::simulated::MemoryKeyring;
use crate::world::simulated_person::SimulatedPerson;
use crate::world::{BoxFuture, Processes};

/// Runs what is to run at the terminal where there is none, and notes how it was to run.
#[derive(Default)]
struct Here {
    asked: Mutex<Vec<(Seat, Duration)>>,
    /// A shorter limit than the source's own.
    limit: Mutex<Option<Duration>>,
    /// There is no terminal.
    nowhere: bool,
}

impl Processes for Here {
    fn run(&self, mut run: Run) -> BoxFuture<'static, Result<Ran, RunError>> {
        self.asked.lock().unwrap().push((run.seat, run.time_limit));
        if self.nowhere && run.seat != Seat::Background {
            return Box::pin(async { Err(RunError::NoTerminal { program: "it".to_owned() }) });
        }
        run.seat = Seat::Background;
        run.time_limit = self.limit.lock().unwrap().unwrap_or(run.time_limit);
        SystemProcesses.run(run)
    }
}

/// A folder with the scripts, and a source that uses them.
pub(super) struct Stage {
    folder: TempDir,
    processes: Arc<Here>,
    pub(super) world: World,
    pub(super) otp: Otp,
}

impl Stage {
    pub(super) fn new(otp: impl FnOnce(&Path) -> Otp, variables: &[(&str, &str)]) -> Self {
        Self::at(otp, variables, Here::default())
    }

    fn at(otp: impl FnOnce(&Path) -> Otp, variables: &[(&str, &str)], processes: Here) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/otp/programs");
        for script in fs::read_dir(scripts).unwrap() {
            let script = script.unwrap();
            // not copied: a file that is being written cannot be run, and a child of another test may hold it
            std::os::unix::fs::symlink(script.path(), folder.path().join(script.file_name())).unwrap();
        }
        let path = format!("{}:/usr/bin:/bin", folder.path().display());
        let variables = [("PATH", path.as_str()), ("HOME", "/nowhere")].into_iter().chain(variables.iter().copied());
        let processes = Arc::new(processes);
        let world = World {
            environment: Arc::new(Environment::from_iter(variables)),
            processes: processes.clone(),
            keyring: Arc::new(MemoryKeyring::default()),
            ..World::system()
        };
        let otp = otp(folder.path());
        Self { folder, processes, world, otp }
    }

    pub(super) fn says(&self, file: &str, content: impl AsRef<[u8]>) -> &Self {
        fs::write(self.folder.path().join(file), content).unwrap();
        self
    }

    pub(super) fn noted(&self, file: &str) -> String {
        fs::read_to_string(self.folder.path().join(file)).unwrap()
    }

    pub(super) async fn code(&self) -> Result<Secret, Failure> {
        let serial = "arn:aws:iam::111122223333:mfa/ada";
        code(&Asked { serial, identity: "prod", otp: &self.otp, offset: ClockOffset::None }, &self.world).await
    }

    pub(super) async fn failure(&self) -> Failure {
        self.code().await.expect_err("no code")
    }

    fn last_run(&self) -> (Seat, Duration) {
        *self.processes.asked.lock().unwrap().last().unwrap()
    }
}

/// The command's arguments, and the line, hold something that is never to be said.
const HIDDEN: &str = "hunter2";

fn generator(folder: &Path) -> String {
    folder.join("generator").display().to_string()
}

pub(super) fn command(folder: &Path, unattended: bool, time_limit: Option<Duration>) -> Otp {
    Otp::Command { argv: vec![generator(folder), HIDDEN.to_owned()], unattended, time_limit }
}

pub(super) fn one_password(_: &Path) -> Otp {
    Otp::OnePassword { item: "op://Private/ada".to_owned(), vault: None, account: None }
}

pub(super) fn ykman(_: &Path) -> Otp {
    Otp::Ykman { name: "AWS:ada".to_owned(), device: None }
}

pub(super) fn pinentry(_: &Path) -> Otp {
    Otp::Prompt { pinentry: true }
}

fn line(folder: &Path) -> Otp {
    Otp::MfaProcess { line: format!("{} {HIDDEN}", generator(folder)) }
}

const TOKEN: (&str, &str) = ("OP_SERVICE_ACCOUNT_TOKEN", "ops_hunter2");

/// Every source that runs a program, with where and how long it runs it.
fn programs() -> Vec<(&'static str, Stage, Seat, u64)> {
    let limit = Some(Duration::from_secs(7));
    vec![
        ("op", Stage::new(one_password, &[]), Seat::Overheard, 90),
        ("op, service account", Stage::new(one_password, &[TOKEN]), Seat::Background, 15),
        ("ykman", Stage::new(ykman, &[]), Seat::Overheard, 90),
        ("command", Stage::new(|folder| command(folder, false, None), &[]), Seat::Terminal, 90),
        ("command, unattended", Stage::new(|folder| command(folder, true, None), &[]), Seat::Background, 15),
        ("command, its own limit", Stage::new(|folder| command(folder, true, limit), &[]), Seat::Background, 7),
        ("mfa_process", Stage::new(line, &[]), Seat::Terminal, 90),
        ("pinentry", Stage::new(pinentry, &[]), Seat::Background, 180),
    ]
}

const GOOD: &[&str] = &["123456", "123456\n", " \t123456 \r\n", "\n\n000000\n\n"];

const BAD: &[&str] = &[
    "",
    " \n",
    "12345",
    "1234567",
    "12345a",
    "abcdef",
    "123 456",
    "123456 654321",
    "123456\n654321\n",
    "-12345",
    "+12345",
    "12345\u{661}",
    "\u{661}\u{662}\u{663}\u{664}\u{665}\u{666}",
    "PIN=123456",
    "123456\0",
];

#[tokio::test]
async fn six_digits_are_a_code_and_nothing_else_is() {
    for (name, stage, seat, limit) in programs() {
        // pinentry's answer is one line of text
        let one_line = |printed: &&&str| name != "pinentry" || !printed.starts_with('\n') && !printed.contains('\0');
        for printed in GOOD.iter().filter(one_line) {
            let code = stage.says("code", printed).code().await.unwrap_or_else(|failure| panic!("{name}: {failure}"));
            assert!(code.same_as(printed.trim().as_bytes()), "{name}");
            assert_eq!(format!("{code:?}"), "Secret(..)");
        }
        assert_eq!(stage.last_run(), (seat, Duration::from_secs(limit)), "{name}");
        stage.says("tell", "");
        let much = "123456\n".repeat(10_000);
        for printed in BAD.iter().filter(one_line).copied().chain([much.as_str()]) {
            let failure = stage.says("code", printed).failure().await;
            // an empty entry of pinentry is one that was not made
            assert!(["OtpUnusable", "OtpNotGiven"].contains(&failure.code), "{name}: {failure:?}");
            says_nothing_of(printed, name, &failure);
        }
    }
}

#[tokio::test]
async fn what_a_person_types_is_read_as_strictly() {
    let person = Arc::new(SimulatedPerson::without_browser());
    let mut stage = Stage::new(|_| Otp::Prompt { pinentry: false }, &[]);
    stage.world.person = person.clone();
    for typed in GOOD {
        person.will_type(typed);
        assert!(stage.code().await.unwrap().same_as(typed.trim().as_bytes()));
    }
    for typed in BAD {
        person.will_type(typed);
        let failure = stage.failure().await;
        assert_eq!(failure.code, "OtpUnusable");
        says_nothing_of(typed, "prompt", &failure);
    }
    assert_eq!(person.told()[0], "One-time code of ada (for prod): ");
    let failure = stage.failure().await;
    assert_eq!(failure.code, "OtpNotGiven", "nothing is typed");
    stage.world.person = Arc::new(crate::world::person::Nobody);
    assert_eq!(stage.failure().await, failure, "nobody is there");
    assert!(failure.public.contains("`credenza login prod`"), "{failure}");
}

fn says_nothing_of(printed: &str, name: &str, failure: &Failure) {
    let said = format!("{} {} {failure:?}", failure.public, failure.private);
    for part in printed.split_whitespace().filter(|part| part.len() >= 3).chain([HIDDEN]) {
        assert!(!said.contains(part), "{name}: {printed:?}: {said}");
    }
    assert_eq!(failure.class, FailureClass::NeedsPerson, "{name}");
}

#[tokio::test]
async fn one_that_hangs_ends_at_its_limit_with_all_that_it_started() {
    let all = programs().into_iter().map(|(name, stage, _, _)| {
        *stage.processes.limit.lock().unwrap() = Some(Duration::from_secs(5));
        tokio::spawn(async move {
            let failure = stage.says("hang", "").failure().await;
            assert_eq!(failure.code, "OtpTimedOut", "{name}: {failure:?}");
            names_a_command(name, &failure);
            for pid in stage.noted("pids").split_whitespace() {
                let Ok(found) = running::find(pid.parse().unwrap()) else { continue };
                let Ok(watch) = Watch::new(&found) else { continue };
                let ended = timeout(Duration::from_secs(10), watch.ended()).await;
                ended.unwrap_or_else(|_| panic!("{name}: {found:?} goes on"));
            }
        })
    });
    for one in all.collect::<Vec<_>>() {
        one.await.unwrap();
    }
}

#[tokio::test]
async fn one_that_fails_names_what_mends_it() {
    for (name, stage, _, _) in programs() {
        let failure = stage.says("state", "3").failure().await;
        names_a_command(name, &failure);
        // pinentry's end without an answer is said in its own words
        assert!(name == "pinentry" || failure.public.contains("ended with code 3"), "{name}: {failure:?}");
        let said = format!("{failure:?}");
        assert!(!said.contains("987654") && !said.contains("123 456"), "{name}: {said}");
        assert!(!failure.public.contains("odd"), "{name}: {failure}");
        assert!(name == "pinentry" || failure.private.contains("something is odd about [hidden]"), "{name}: {said}");
    }
}

fn names_a_command(name: &str, failure: &Failure) {
    assert_eq!(failure.class, FailureClass::NeedsPerson, "{name}");
    let names =
        ["run `", "run the command", "run the line", "GPG_TTY=$(tty)"].iter().any(|part| failure.public.contains(part));
    assert!(names, "{name}: {failure}");
    assert!(failure.public.contains("ada") && failure.public.contains("prod"), "{name}: {failure}");
    assert!(!format!("{failure:?}").contains(HIDDEN), "{name}: {failure:?}");
}

#[tokio::test]
async fn one_that_needs_nobody_has_no_terminal() {
    for (name, stage, seat, _) in programs() {
        if seat == Seat::Background && name != "pinentry" {
            let failure = stage.says("ask", "Password: ").failure().await;
            assert!(failure.private.contains("there is no terminal here"), "{name}: {failure:?}");
        }
    }
}

#[tokio::test]
async fn one_that_is_not_installed_says_how_it_comes_there() {
    for (name, mut stage, _, _) in programs() {
        for program in ["op", "ykman", "generator", "pinentry"] {
            fs::remove_file(stage.folder.path().join(program)).unwrap();
        }
        let environment = stage.world.environment.as_ref().clone().with("PATH", stage.folder.path());
        stage.world.environment = Arc::new(environment);
        let failure = stage.failure().await;
        let (code, words) =
            if name == "mfa_process" { ("OtpFailed", "code 127") } else { ("OtpMissing", "install it") };
        assert!(failure.code == code && failure.public.contains(words), "{name}: {failure:?}");
        assert!(!format!("{failure:?}").contains(HIDDEN), "{name}: {failure:?}");
    }
}

#[tokio::test]
async fn who_may_ask_at_a_terminal_says_so_where_there_is_none() {
    let nowhere = || Here { nowhere: true, ..Here::default() };
    for otp in [ykman, line] {
        let stage = Stage::at(otp, &[], nowhere());
        let failure = stage.says("code", "123456").failure().await;
        assert!(failure.code == "OtpNotGiven" && failure.public.contains("`credenza login prod`"), "{failure:?}");
    }
    // the desktop app shows a window
    let stage = Stage::at(one_password, &[], nowhere());
    assert!(stage.says("code", "123456").code().await.is_ok());
    assert_eq!(stage.last_run(), (Seat::Background, Duration::from_secs(90)));
}

#[tokio::test]
async fn a_seed_in_the_keyring_gives_the_code_of_awss_time() {
    let stage = Stage::new(|_| Otp::Totp { name: "ada".to_owned() }, &[]);
    let failure = stage.failure().await;
    assert!(
        failure.code == "OtpItemUnknown" && failure.public.contains("`credenza keys add --totp ada`"),
        "{failure:?}"
    );
    let seed = Secret::new("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    stage.world.keyring.write("totp/ada", "Credenza: seed of ada", seed).await.unwrap();
    let mut stage = stage;
    let clock =
        crate::world::simulated::SimulatedClock::new(std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(59));
    stage.world.clock = Arc::new(clock);
    assert!(stage.code().await.unwrap().same_as(b"287082"), "RFC 6238 appendix B");
    let asked = Asked {
        serial: "GAHT12345678",
        identity: "prod",
        otp: &stage.otp,
        offset: ClockOffset::Ahead(Duration::from_secs(1_111_111_050)),
    };
    assert!(code(&asked, &stage.world).await.unwrap().same_as(b"081804"));
    stage.world.keyring.write("totp/ada", "", Secret::new("hunter2 hunter1")).await.unwrap();
    let failure = stage.failure().await;
    assert_eq!(failure.code, "OtpRefused");
    says_nothing_of("hunter2 hunter1", "totp", &failure);
    stage.world.keyring = Arc::new(crate::world::keyring::NoKeyring);
    let failure = stage.failure().await;
    assert!(failure.code == "KeyringMissing" && failure.public.contains("`credenza login prod`"), "{failure:?}");
}

#[tokio::test]
async fn a_command_is_told_for_whom_it_runs_and_is_not_run_for_itself() {
    let asked = crate::config::asked::ASKED;
    for (variables, refused) in [(&[][..], false), (&[(asked, "other")], false), (&[(asked, "other\nprod")], true)] {
        for otp in [line, |folder: &Path| command(folder, true, None)] {
            let stage = Stage::new(otp, variables);
            stage.says("code-command", format!("test \"${{{asked}##*other?}}\" = prod && echo 123456"));
            match refused {
                true => assert_eq!(stage.failure().await.code, "ProcessAsksItself"),
                false => assert!(stage.code().await.is_ok(), "{variables:?}"),
            }
        }
    }
}

#[test]
fn a_person_is_needed_but_for_what_says_otherwise() {
    let folder = PathBuf::from("/x");
    let plain = Environment::from_iter([("OP_CONNECT_HOST", "http://localhost:8080")]);
    let connected = plain.clone().with("OP_CONNECT_TOKEN", "x");
    let account = Environment::from_iter([TOKEN]);
    for (otp, environment, needed) in [
        (one_password(&folder), &plain, true),
        (one_password(&folder), &connected, false),
        (one_password(&folder), &account, false),
        (ykman(&folder), &account, true),
        (pinentry(&folder), &account, true),
        (Otp::Prompt { pinentry: false }, &account, true),
        (command(&folder, false, None), &account, true),
        (command(&folder, true, None), &plain, false),
        (line(&folder), &account, true),
        (Otp::Totp { name: String::new() }, &plain, false),
    ] {
        assert_eq!(needs_person(&otp, environment), needed, "{otp:?}");
    }
}
