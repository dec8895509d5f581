//! A real terminal with an interactive bash on it, and `credenza exec` as one of its jobs.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Child, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use crate::pty;
use crate::support::{Home, ask, until};

/// A terminal that a person sits at.
pub(crate) struct Terminal {
    keyboard: File,
    screen: Arc<(Mutex<String>, Condvar)>,
    shell: Child,
}

impl Terminal {
    pub(crate) fn new(home: &Home) -> Self {
        let mut terminal = Self::running(home, &["bash", "--norc", "--noprofile", "-i"]);
        terminal.enter("stty -echo; bind 'set enable-bracketed-paste off'; echo prepared-$((6 * 7))");
        terminal.expect("prepared-42");
        terminal
    }

    /// One with a program on it in place of a shell.
    pub(crate) fn running(home: &Home, program: &[&str]) -> Self {
        let (ours, theirs) = pty::open();
        let end = || Stdio::from(theirs.try_clone().unwrap());
        let mut shell = home.command("setsid", &[&["--ctty"], program].concat());
        shell.env("PS1", "").env("TERM", "dumb").stdin(end()).stdout(end()).stderr(end());
        let shell = shell.spawn().unwrap();
        drop(theirs);
        let mut reader = ours.try_clone().unwrap();
        let screen = Arc::new((Mutex::new(String::new()), Condvar::new()));
        let shown = screen.clone();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length @ 1..) = reader.read(&mut bytes) {
                shown.0.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..length]));
                shown.1.notify_all();
            }
        });
        Self { keyboard: ours, screen, shell }
    }

    pub(crate) fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    pub(crate) fn enter(&mut self, line: &str) {
        self.press(&format!("{line}\n"));
    }

    /// Waits until this is shown, and wipes the screen up to it.
    pub(crate) fn expect(&mut self, text: &str) -> String {
        self.expect_one_of(&[text])
    }

    /// The same with the first of these that is shown.
    pub(crate) fn expect_one_of(&mut self, texts: &[&str]) -> String {
        let (screen, changed) = &*self.screen;
        let end = |shown: &str| {
            let ends = texts.iter().filter_map(|text| Some(shown.find(text)? + text.len()));
            ends.min()
        };
        let shown = screen.lock().unwrap();
        let (mut shown, waited) =
            changed.wait_timeout_while(shown, Duration::from_secs(20), |shown| end(shown).is_none()).unwrap();
        assert!(!waited.timed_out(), "not shown: {texts:?}, but {:?}", *shown);
        let end = end(&shown).unwrap();
        shown.drain(..end).collect()
    }
}

/// A command that is ended by a signal while it asks `question`: its exit code as a shell has it, and the terminal's modes after.
pub(crate) fn ended_at_a_question(home: &Home, words: &[&str], question: &str, signal: &str) -> (String, Vec<String>) {
    home.write("asks", "echo $$ > ~/pid; exec credenza \"$@\"\n");
    home.write("around", "sh ~/asks \"$@\"; echo code-$?.; stty -a > ~/modes; echo wri''tten; read -r end\n");
    let around = home.path("around").display().to_string();
    let mut terminal = Terminal::running(home, &[&["sh", &around], words].concat());
    terminal.expect(question);
    let pid = std::fs::read_to_string(home.path("pid")).unwrap();
    assert!(std::process::Command::new("kill").args([signal, pid.trim()]).status().unwrap().success());
    let shown = terminal.expect("written");
    let code = shown.rsplit_once("code-").unwrap().1.split('.').next().unwrap().to_owned();
    let modes = std::fs::read_to_string(home.path("modes")).unwrap();
    (code, modes.split_whitespace().map(|word| word.trim_end_matches(';').to_owned()).collect())
}

/// The same, and the terminal is as it was.
pub(crate) fn ends_well_at_a_question(home: &Home, words: &[&str], question: &str) {
    for (signal, code) in [("-TERM", "143"), ("-HUP", "129")] {
        let (ended, modes) = ended_at_a_question(home, words, question, signal);
        assert_eq!(ended, code, "{words:?}");
        for mode in ["echo", "icanon", "isig", "iexten"] {
            assert!(modes.iter().any(|word| word == mode), "{words:?} {signal}: {mode} of {modes:?}");
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}

const CTRL_C: &str = "\x03";
const CTRL_BACKSLASH: &str = "\x1c";
const CTRL_Z: &str = "\x1a";
const CTRL_D: &str = "\x04";

#[test]
fn ctrl_c_is_the_childs_to_decide() {
    let home = Home::new();
    let mut terminal = Terminal::new(&home);
    // a signal that comes just before bash begins to read waits for its end
    terminal.enter("credenza exec my-role -- bash -c 'trap \"echo caught-INT\" INT; trap \"echo caught-QUIT\" QUIT; echo rea''dy; while ! read -r -t 0.2 line; do :; done; exit 7'");
    terminal.expect("ready");
    for (key, caught) in [(CTRL_C, "caught-INT"), (CTRL_BACKSLASH, "caught-QUIT"), (CTRL_C, "caught-INT")] {
        terminal.press(key);
        terminal.expect(caught);
    }
    terminal.enter("");
    terminal.enter("echo code-$?");
    terminal.expect("code-7");
}

#[test]
fn ctrl_c_ends_a_plain_child_and_the_shells_loop_around_us() {
    let home = Home::new();
    let mut terminal = Terminal::new(&home);
    terminal.enter(
        "for n in 1 2 3; do credenza exec my-role -- sh -c \"echo round-$n; exec sleep 600\"; done; echo not-reached",
    );
    terminal.expect("round-1");
    terminal.press(CTRL_C);
    terminal.enter("echo code-$?");
    let shown = terminal.expect("code-130");
    assert!(!shown.contains("round-2") && !shown.contains("not-reached"), "{shown}");
    until("the files are gone", || home.generated().is_empty());
}

/// Whether a process is stopped: `T` in `/proc/PID/stat`.
fn stopped(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit_once(") ").unwrap().1.starts_with('T')
}

#[test]
fn ctrl_z_stops_both_and_fg_continues_both() {
    let home = Home::new();
    let mut terminal = Terminal::new(&home);
    terminal.enter("credenza exec my-role -- sh -c 'echo pids-$PPID-$$-rea''dy; exec cat'");
    let shown = terminal.expect("-ready");
    let pids = shown.rsplit_once("pids-").unwrap().1.trim_end_matches("-ready").to_owned();
    let (exec, child) = pids.split_once('-').unwrap();
    for _ in 0..2 {
        terminal.press(CTRL_Z);
        // a program that waits for input and is only signalled as yet would still take what is typed next
        until("both are stopped", || stopped(exec) && stopped(child));
        terminal.expect("Stopped");
        terminal.enter("jobs -l; echo shell-$((40 + 2))");
        terminal.expect("shell-42");
        assert!(stopped(exec) && stopped(child), "what the shell was told continued them");
        terminal.enter("fg");
        until("both go on", || !stopped(exec) && !stopped(child));
        terminal.enter("to the child");
        terminal.expect("to the child");
    }
    terminal.press(CTRL_D);
    terminal.enter("echo code-$?");
    terminal.expect("code-0");
}

#[test]
fn a_stop_that_is_sent_to_us_alone_is_not_passed_on() {
    let home = Home::new();
    let mut terminal = Terminal::new(&home);
    // it leaves the terminal alone: in the background, reading would stop it
    let script = "trap 'echo got-TSTP' TSTP\ntrap 'echo got-USR1' USR1\necho pids-$PPID-$$-ready\n\
                  while [ -e ~ -a ! -e ~/go ]; do sleep 0.02; done\n";
    home.write("traps", script);
    terminal.enter("credenza exec my-role -- bash ~/traps");
    let shown = terminal.expect("-ready");
    let pids = shown.rsplit_once("pids-").unwrap().1.trim_end_matches("-ready").to_owned();
    let (exec, child) = pids.split_once('-').unwrap();
    let send = |signal: &str| {
        assert!(std::process::Command::new("kill").args([signal, exec]).status().unwrap().success());
    };
    send("-TSTP");
    until("we are stopped", || stopped(exec));
    assert!(!stopped(child));
    send("-CONT");
    until("we go on", || !stopped(exec));
    // what is passed on shows that whatever came before it would have been
    send("-USR1");
    let shown = terminal.expect("got-USR1");
    assert!(!shown.contains("got-TSTP") && !stopped(child), "{shown}");
    home.write("go", "");
    until("all have ended", || home.generated().is_empty());
}

#[test]
fn a_stopped_job_serves_again_after_bg() {
    let home = Home::new();
    let mut terminal = Terminal::new(&home);
    let script = "echo $AWS_CONTAINER_CREDENTIALS_FULL_URI $AWS_CONTAINER_AUTHORIZATION_TOKEN > ~/endpoint\n\
                  echo ready\nwhile [ -e ~ -a ! -e ~/go ]; do sleep 0.02; done\necho went-on\n";
    home.write("tell", script);
    terminal.enter("credenza exec my-role -- sh ~/tell");
    terminal.expect("ready");
    terminal.press(CTRL_Z);
    terminal.expect("Stopped");
    terminal.enter("bg; touch ~/go");
    let endpoint = std::fs::read_to_string(home.path("endpoint")).unwrap();
    let (url, token) = endpoint.trim_end().split_once(' ').unwrap();
    // stopped, it would not answer at all
    assert_eq!(ask(url, token).unwrap().0, 200);
    terminal.expect("went-on");
}

#[test]
fn a_shell_inside_has_job_control_and_can_suspend_itself() {
    let home = Home::new();
    let mut terminal = Terminal::new(&home);
    terminal.enter("SHELL=/bin/bash credenza exec my-role");
    terminal.enter("echo inside-$CREDENZA_IDENTITY");
    terminal.expect("inside-my-role");
    terminal.enter("sh -c 'echo slee''ping; exec sleep 600'");
    terminal.expect("sleeping");
    terminal.press(CTRL_Z);
    terminal.expect("Stopped");
    // a job that is not gone yet would keep the shell from its first `exit`
    terminal.enter("kill %1; while jobs %1 > /dev/null 2>&1; do :; done; suspend");
    terminal.expect("Stopped");
    terminal.enter("echo outside-[$CREDENZA_IDENTITY]");
    terminal.expect("outside-[]");
    terminal.enter("fg");
    terminal.enter("echo inside-again-$CREDENZA_IDENTITY");
    terminal.expect("inside-again-my-role");
    terminal.enter("exit 3");
    terminal.enter("echo code-$?");
    terminal.expect("code-3");
}

#[test]
fn the_child_has_the_terminal() {
    let home = Home::new();
    let mut terminal = Terminal::new(&home);
    terminal.enter("credenza exec my-role -- sh -c 'test -t 0 && test -t 1 && test -t 2 && echo termi''nal'");
    terminal.expect("terminal");
    terminal
        .enter("stty -g > ~/before; credenza exec my-role -- stty -g > ~/inside; stty -g > ~/after; echo wri''tten");
    terminal.expect("written");
    let settings = |name: &str| std::fs::read_to_string(home.path(name)).unwrap();
    assert_eq!([settings("inside"), settings("after")], [settings("before"), settings("before")]);
}

#[test]
fn int_sent_to_us_at_a_terminal_is_ignored_and_term_is_passed_on() {
    let home = Home::new();
    let mut terminal = Terminal::new(&home);
    terminal.enter("credenza exec my-role -- bash -c 'trap \"echo caught-INT\" INT; trap \"echo caught-TERM; exit 7\" TERM; echo pid-$PPID-rea''dy; while :; do sleep 0.05; done'");
    let shown = terminal.expect("-ready");
    let pid = shown.rsplit_once("pid-").unwrap().1.trim_end_matches("-ready").to_owned();
    for signal in ["-INT", "-QUIT", "-TERM"] {
        assert!(std::process::Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }
    let shown = terminal.expect("caught-TERM");
    assert!(!shown.contains("caught-INT"), "{shown}");
    terminal.enter("echo code-$?");
    terminal.expect("code-7");
}

#[test]
fn a_terminal_that_goes_away_takes_everything_along() {
    let home = Home::new();
    let mut terminal = Terminal::new(&home);
    terminal.enter("credenza exec my-role -- sh -c 'echo pid-$$-rea''dy; exec sleep 600'");
    let shown = terminal.expect("-ready");
    let pid = shown.rsplit_once("pid-").unwrap().1.trim_end_matches("-ready").to_owned();
    terminal.shell.kill().unwrap(); // the leader of the session: its end hangs the terminal up
    until("the child is gone", || !std::path::Path::new(&format!("/proc/{pid}")).exists());
    until("the files are gone", || home.generated().is_empty());
}

#[test]
fn a_helper_that_asks_at_the_terminal_is_told_at_once_that_there_is_none() {
    let home = Home::new();
    let text = std::fs::read_to_string(home.path(".aws/config")).unwrap();
    let process = "sh -c 'read -r code </dev/tty || { echo sees no terminal >&2; exit 9; }'";
    home.write(".aws/config", &format!("{text}[profile asks]\ncredential_process = {process}\n"));
    let mut terminal = Terminal::new(&home);
    terminal.enter("credenza exec asks -- echo started; echo code-$?");
    let shown = terminal.expect("code-125");
    assert!(shown.contains("ended with code 9") && shown.contains("sees no terminal"), "{shown}");
}
