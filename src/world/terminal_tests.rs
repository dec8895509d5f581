//! Real terminals: each test that is ignored runs in a process of its own, which another test starts at a terminal.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::LocalModes;

use super::*;
use crate::world::process::{Ran, Run, RunError, Seat, SystemProcesses};
use crate::world::running::{self, Watch};
use crate::world::{Environment, Processes as _};

/// A terminal with a program on it.
struct Seated {
    keyboard: File,
    screen: Arc<(Mutex<String>, Condvar)>,
    child: Child,
}

impl Seated {
    /// With one of the tests below.
    fn at(test: &str) -> Self {
        let name = format!("world::terminal::tests::{test}");
        let exe = std::env::current_exe().unwrap().display().to_string();
        Self::before(&[&exe, "--exact", &name, "--ignored", "--nocapture", "--test-threads=1"])
    }

    #[allow(clippy::disallowed_methods)] // a test of processes
    fn before(program: &[&str]) -> Self {
        let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&keyboard).unwrap();
        unlockpt(&keyboard).unwrap();
        let name = ptsname(&keyboard, Vec::new()).unwrap();
        let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY | rustix::fs::OFlags::CLOEXEC;
        let theirs = rustix::fs::open(name, flags, rustix::fs::Mode::empty()).unwrap();
        let end = || Stdio::from(theirs.try_clone().unwrap());
        let mut command = Command::new("setsid");
        let child = command.arg("--ctty").args(program).stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        drop((command, theirs));
        let keyboard = File::from(keyboard);
        let mut reader = keyboard.try_clone().unwrap();
        let screen = Arc::new((Mutex::new(String::new()), Condvar::new()));
        let shown = screen.clone();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length @ 1..) = reader.read(&mut bytes) {
                shown.0.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..length]));
                shown.1.notify_all();
            }
        });
        Self { keyboard, screen, child }
    }

    /// Waits until this is shown, and wipes the screen up to it: what was wiped.
    fn sees(&self, text: &str) -> String {
        let (screen, changed) = &*self.screen;
        let shown = screen.lock().unwrap();
        let missing = |shown: &mut String| !shown.contains(text);
        let (mut shown, waited) = changed.wait_timeout_while(shown, Duration::from_secs(60), missing).unwrap();
        assert!(!waited.timed_out(), "not shown: {text:?}, but {:?}", *shown);
        let end = shown.find(text).unwrap() + text.len();
        shown.drain(..end).collect()
    }

    fn types(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    fn echoes(&self) -> bool {
        tcgetattr(&self.keyboard)
            .unwrap()
            .local_modes
            .contains(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG)
    }

    fn ends(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Seated {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a process at a terminal tells the test that started it.
fn tell(text: &str) {
    let terminal = open().unwrap();
    let ours = tcgetpgrp(&terminal) == Ok(getpgrp());
    let _ = rustix::io::write(&terminal, format!("<{text}, terminal ours: {ours}>\n").as_bytes());
}

async fn run(script: &str, seat: Seat) -> Result<Ran, RunError> {
    let run = Run {
        argv: ["/bin/sh", "-c", script].map(Into::into).to_vec(),
        environment: Environment::from_iter([("PATH", "/usr/bin:/bin")]),
        input: None,
        time_limit: Duration::from_secs(30),
        output_limit: 1 << 10,
        seat,
    };
    SystemProcesses.run(run).await
}

fn text(ran: Result<Ran, RunError>) -> String {
    match ran {
        Ok(ran) => {
            let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
            format!("code {:?} out {:?} err {:?}", ran.code, out.trim(), err.trim())
        }
        Err(error) => error.to_string(),
    }
}

#[test]
fn what_is_typed_is_not_shown() {
    let mut seated = Seated::at("asks");
    seated.sees("Code of [31mada: ");
    assert!(!seated.echoes());
    seated.types("99\u{7f}\u{7f}\u{7f}888\u{15}12x\u{8}3456\r");
    let shown = seated.sees("<typed 654321, terminal ours: true>");
    assert!(!shown.contains("123"), "{shown}");
    seated.sees("Again: ");
    seated.types("\u{4}");
    seated.sees("<nothing, terminal ours: true>");
    // a seed is longer than a code, and what is longer than any is not cut
    let seed = "GEZDGNBV".repeat(128);
    seated.sees("Seed: ");
    seated.types(&format!("{seed}\r"));
    let shown = seated.sees("<1024 bytes, terminal ours: true>");
    assert!(!shown.contains("GEZD"), "{shown}");
    seated.sees("Seed: ");
    seated.types(&format!("{seed}xx\u{7f}\u{7f}\r"));
    seated.sees("<1024 bytes, terminal ours: true>");
    seated.sees("Seed: ");
    seated.types(&format!("{seed}x\r"));
    seated.sees("That was longer than 1024 bytes, and was not taken.");
    seated.sees("<nothing, terminal ours: true>");
    seated.sees("Given up: ");
    seated.sees("<gave up, terminal as it was: true, terminal ours: true>");
    assert!(seated.ends().success() && seated.echoes());
}

#[tokio::test]
#[ignore = "started by what_is_typed_is_not_shown"]
async fn asks() {
    if open().is_none() {
        return;
    }
    let typed = ask_unseen("Code of \u{1b}[31mada: \n".to_owned()).await.unwrap();
    tell(&format!("typed {}", typed.expose().chars().rev().collect::<String>()));
    assert!(ask_unseen("Again: ".to_owned()).await.is_none());
    tell("nothing");
    for _ in 0..3 {
        match ask_unseen("Seed: ".to_owned()).await {
            Some(typed) => tell(&format!("{} bytes", typed.expose().len())),
            None => tell("nothing"),
        }
    }
    let asking = ask_unseen("Given up: ".to_owned());
    assert!(tokio::time::timeout(Duration::from_secs(1), asking).await.is_err());
    // at once: who was told to end is gone in a moment
    let modes = tcgetattr(open().unwrap()).unwrap().local_modes;
    tell(&format!("gave up, terminal as it was: {}", modes.contains(LocalModes::ECHO)));
}

#[test]
fn ctrl_c_at_a_question_ends_us_and_leaves_the_terminal_as_it_was() {
    let mut seated = Seated::at("asks");
    seated.sees("Code of [31mada: ");
    seated.types("12\u{3}");
    assert_eq!(seated.ends().signal(), Some(2));
    assert!(seated.echoes());
}

#[test]
fn a_program_asks_its_person_and_the_terminal_is_ours_again() {
    let mut seated = Seated::at("runs");
    seated.sees("PIN? ");
    seated.types("123456\n");
    seated.sees("<code Some(3) out \"123456\" err \"\", terminal ours: true>");
    // what is overheard is shown too
    seated.sees("touch it");
    seated.sees("<code Some(0) out \"654321\" err \"touch it\", terminal ours: true>");
    seated.sees("<code Some(0) out \"no terminal\" err \"\", terminal ours: true>");
    seated.sees("<cannot run /no/such/program: No such file or directory (os error 2), terminal ours: true>");
    assert!(seated.ends().success());
}

#[tokio::test]
#[ignore = "started by a_program_asks_its_person_and_the_terminal_is_ours_again"]
async fn runs() {
    if open().is_none() {
        return;
    }
    let asks = "test -t 0 && test -t 2 || exit 9; printf 'PIN? ' >&2; read -r typed; echo $typed; exit 3";
    tell(&text(run(asks, Seat::Terminal).await));
    tell(&text(run("echo 'touch it' >&2; echo 654321", Seat::Overheard).await));
    tell(&text(run("(: </dev/tty) 2>/dev/null || echo no terminal", Seat::Background).await));
    let missing = Run {
        argv: vec!["/no/such/program".into()],
        environment: Environment::default(),
        input: None,
        time_limit: Duration::from_secs(30),
        output_limit: 1,
        seat: Seat::Terminal,
    };
    tell(&text(SystemProcesses.run(missing).await));
}

#[test]
fn ctrl_c_ends_the_program_and_not_us() {
    let mut seated = Seated::at("is_interrupted");
    for _ in 0..2 {
        seated.sees("waiting");
        seated.types("\u{3}");
        seated.sees("</bin/sh was ended by Ctrl-C, terminal ours: true>");
    }
    assert!(seated.ends().success());
}

#[tokio::test]
#[ignore = "started by ctrl_c_ends_the_program_and_not_us"]
async fn is_interrupted() {
    if open().is_none() {
        return;
    }
    tell(&text(run("sleep 600 & echo waiting >&2; wait", Seat::Terminal).await));
    tell(&text(run("trap 'exit 130' INT; sleep 600 & echo waiting >&2; wait", Seat::Overheard).await));
}

#[test]
fn a_program_that_takes_too_long_leaves_neither_children_nor_a_silent_terminal() {
    let mut seated = Seated::at("takes_too_long");
    seated.sees("took longer than 2s and was ended, terminal ours: true>");
    seated.sees("<all gone");
    assert!(seated.echoes());
    assert!(seated.ends().success());
}

#[tokio::test]
#[ignore = "started by a_program_that_takes_too_long_leaves_neither_children_nor_a_silent_terminal"]
async fn takes_too_long() {
    if open().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let note = folder.path().join("pids");
    let script = format!("stty -echo; sleep 600 & echo $$ $! >{}; sleep 600", note.display());
    let run = Run {
        argv: ["/bin/sh", "-c", &script].map(Into::into).to_vec(),
        environment: Environment::from_iter([("PATH", "/usr/bin:/bin")]),
        input: None,
        time_limit: Duration::from_secs(2),
        output_limit: 1 << 10,
        seat: Seat::Terminal,
    };
    tell(&text(SystemProcesses.run(run).await));
    for pid in std::fs::read_to_string(note).unwrap().split_whitespace() {
        let Ok(found) = running::find(pid.parse().unwrap()) else { continue };
        let Ok(watch) = Watch::new(&found) else { continue };
        tokio::time::timeout(Duration::from_secs(10), watch.ended()).await.unwrap();
    }
    tell("all gone");
}

#[test]
fn ctrl_z_at_a_programs_question_stops_us_with_it() {
    let exe = std::env::current_exe().unwrap().display().to_string();
    let mut seated = Seated::before(&["bash", "--norc", "--noprofile", "-i"]);
    seated.types("PS1=; stty -echo; bind 'set enable-bracketed-paste off'; echo prepared-$((6 * 7))\n");
    seated.sees("prepared-42");
    seated.types(&format!("{exe} --exact world::terminal::tests::asks_a_shells_user --ignored --nocapture\n"));
    seated.sees("PIN? ");
    seated.types("\u{1a}");
    seated.sees("Stopped");
    seated.types("echo the-shell-$((6 * 7))\n");
    seated.sees("the-shell-42");
    seated.types("fg\n");
    seated.sees("asks_a_shells_user");
    seated.types("123456\n");
    seated.sees("<code Some(0) out \"123456\" err \"\", terminal ours: true>");
    seated.types("echo code-$?\n");
    seated.sees("code-0");
    // a background job has no terminal to lend
    seated.types(&format!("{exe} --exact world::terminal::tests::asks_a_shells_user --ignored --nocapture &\n"));
    seated.sees("and there is none here, terminal ours: false>");
}

#[test]
fn a_background_job_is_not_stopped_at_a_question() {
    let exe = std::env::current_exe().unwrap().display().to_string();
    let mut seated = Seated::before(&["bash", "--norc", "--noprofile", "-i"]);
    seated.types(&format!("{exe} --exact world::terminal::tests::asks_in_the_background --ignored --nocapture &\n"));
    seated.sees("<nobody was asked, terminal ours: false>");
}

#[tokio::test]
#[ignore = "started by a_background_job_is_not_stopped_at_a_question"]
async fn asks_in_the_background() {
    let is_ours = |terminal| tcgetpgrp(&terminal) == Ok(getpgrp());
    if open().is_none_or(is_ours) {
        return;
    }
    assert!(ask_unseen("Code: ".to_owned()).await.is_none());
    tell("nobody was asked");
}

#[tokio::test]
#[ignore = "started by ctrl_z_at_a_programs_question_stops_us_with_it"]
async fn asks_a_shells_user() {
    if open().is_none() {
        return;
    }
    tell(&text(run("printf 'PIN? ' >&2; read -r typed; echo $typed", Seat::Terminal).await));
}
