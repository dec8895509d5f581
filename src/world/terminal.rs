//! Our controlling terminal: lent to a helper program for as long as it runs, and asked for a line that is not shown.
//!
//! A helper has a process group of its own, so that it can be ended as a whole, and a group reads from a terminal only while it
//! is the terminal's foreground group (POSIX.1-2024, "General Terminal Interface", 11.1.4). So the terminal is lent to it, and
//! is ours again, in the modes that it had, when the program has ended in whatever way. Called by `world/process.rs` and
//! `world/person.rs`.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::{Pid, Signal, getpgrp, kill_process_group, test_kill_process_group};
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios};
use rustix::termios::{tcgetattr, tcgetpgrp, tcsetattr, tcsetpgrp};
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use super::system::without_terminal_stops;
use crate::secret::Secret;

/// The controlling terminal, which may be attached even when input and output are redirected.
pub(super) fn open() -> Option<OwnedFd> {
    use rustix::fs::{Mode, OFlags};
    rustix::fs::open("/dev/tty", OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).ok()
}

/// The path of the terminal at one of our standard descriptors, such as `/dev/pts/3`: for a program of another session.
pub fn path() -> Option<PathBuf> {
    use std::os::unix::ffi::OsStringExt as _;
    let name = |end: Result<std::ffi::CString, rustix::io::Errno>| Some(end.ok()?.into_bytes());
    let name = name(rustix::termios::ttyname(io::stdin(), Vec::new()))
        .or_else(|| name(rustix::termios::ttyname(io::stderr(), Vec::new())))
        .or_else(|| name(rustix::termios::ttyname(io::stdout(), Vec::new())))?;
    Some(PathBuf::from(std::ffi::OsString::from_vec(name)))
}

/// Our terminal, while it is lent to the process group of a helper program.
pub(super) struct Lent {
    terminal: OwnedFd,
    modes: Termios,
    to: Option<Pid>,
}

impl Lent {
    /// Makes ready to lend it. `None`: there is none, or we are not at it ourselves (a shell's background job).
    pub(super) fn new() -> Option<Self> {
        let terminal = open()?;
        let modes = tcgetattr(&terminal).ok()?;
        let lent = Self { terminal, modes, to: None };
        lent.ours().then_some(lent)
    }

    /// The terminal, for one end of the program.
    pub(super) fn end(&self) -> io::Result<OwnedFd> {
        self.terminal.try_clone()
    }

    /// The program took it, before it began: its group.
    pub(super) fn to(&mut self, group: Option<Pid>) {
        self.to = group;
    }

    /// Shows what a program says, at once and as it is.
    pub(super) fn show(&self, bytes: &[u8]) {
        let mut rest = bytes;
        without_terminal_stops(|| {
            while let Ok(written @ 1..) = rustix::io::write(&self.terminal, rest) {
                rest = &rest[written..];
            }
        });
    }

    /// The program is stopped. By Ctrl-Z: we stop with it, as the shell that waits for us expects, and go on with it. Because
    /// it read from a terminal that a shell gave back to us and not to it: it gets it.
    pub(super) fn stopped(&self) {
        let Some(group) = self.to else { return };
        if !self.ours() {
            self.take_back();
            // returns when we are continued; at once where no shell does so (POSIX.1-2024, "Orphaned Process Group")
            let _ = kill_process_group(getpgrp(), Signal::TSTP);
        }
        if self.ours() {
            self.foreground(group);
        }
        let _ = kill_process_group(group, Signal::CONT);
    }

    fn ours(&self) -> bool {
        tcgetpgrp(&self.terminal) == Ok(getpgrp())
    }

    /// Not from a shell, which has taken it back meanwhile: from the program, or from one that is no more.
    fn take_back(&self) {
        let Ok(holder) = tcgetpgrp(&self.terminal) else { return };
        if Some(holder) == self.to || test_kill_process_group(holder).is_err() {
            self.foreground(getpgrp());
        }
    }

    fn foreground(&self, group: Pid) {
        without_terminal_stops(|| {
            let _ = tcsetpgrp(&self.terminal, group);
        });
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.take_back();
        if self.ours() {
            // a program that was ended at a question left it without echo
            let _ = tcsetattr(&self.terminal, OptionalActions::Now, &self.modes);
        }
    }
}

/// Asks for a line that is not shown while it is typed, of at most 512 bytes. `None`: there is no terminal, it was closed, or
/// nothing was typed; and after Ctrl-C, where that did not end us.
///
/// Ctrl-C comes as a character, so that the terminal's modes are restored before it ends us.
pub(super) async fn ask_unseen(question: String) -> Option<Secret> {
    let given_up = Arc::new(GivenUp::default());
    let _given_up = SetWhenDropped(given_up.clone());
    let (sender, answer) = oneshot::channel();
    // a thread of its own: a runtime that ends waits for its blocking threads, and this one may wait long
    let asking = std::thread::Builder::new().name("terminal".to_owned());
    asking.spawn(move || sender.send(asked(&question, &given_up))).ok()?;
    answer.await.ok().flatten()
}

#[derive(Default)]
struct GivenUp(AtomicBool);

struct SetWhenDropped(Arc<GivenUp>);

impl Drop for SetWhenDropped {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

fn asked(question: &str, given_up: &GivenUp) -> Option<Secret> {
    let terminal = open()?;
    let quiet = Unseen::new(&terminal)?;
    let shown: String = question.chars().filter(|letter| !letter.is_control()).collect();
    let _ = rustix::io::write(&terminal, shown.as_bytes());
    let line = quiet.line(given_up);
    drop(quiet);
    let _ = rustix::io::write(&terminal, b"\n");
    match line {
        Line::Typed(text) => Some(text).filter(|text| !text.is_empty()),
        Line::Interrupted => {
            let _ = kill_process_group(getpgrp(), Signal::INT);
            None
        }
        Line::None => None,
    }
}

enum Line {
    Typed(Secret),
    Interrupted,
    None,
}

/// A terminal that shows nothing of what is typed, until this is dropped.
struct Unseen<'a, T: AsFd> {
    terminal: &'a T,
    before: Termios,
}

impl<'a, T: AsFd> Unseen<'a, T> {
    fn new(terminal: &'a T) -> Option<Self> {
        let before = tcgetattr(terminal).ok()?;
        let mut modes = before.clone();
        modes.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG | LocalModes::IEXTEN);
        // a read returns after this many tenths of a second, so that one that is given up ends
        modes.special_codes[SpecialCodeIndex::VMIN] = 0;
        modes.special_codes[SpecialCodeIndex::VTIME] = 2;
        tcsetattr(terminal, OptionalActions::Now, &modes).ok()?;
        Some(Self { terminal, before })
    }

    fn line(&self, given_up: &GivenUp) -> Line {
        let mut typed = Zeroizing::new(Vec::with_capacity(LONGEST));
        loop {
            let mut byte = Zeroizing::new([0_u8]);
            match rustix::io::read(self.terminal, &mut *byte) {
                Err(rustix::io::Errno::INTR) => continue,
                Err(_) => return Line::None,
                // nothing yet; or the terminal is gone, which shows in that it has no modes any more
                Ok(0) if given_up.0.load(Ordering::Relaxed) || tcgetattr(self.terminal).is_err() => return Line::None,
                Ok(0) => continue,
                Ok(_) => {}
            }
            match byte[0] {
                b'\r' | b'\n' => return Line::Typed(text_of(&typed)),
                CTRL_C | CTRL_BACKSLASH => return Line::Interrupted,
                CTRL_D if typed.is_empty() => return Line::None,
                BACKSPACE | DELETE => take_letter(&mut typed),
                CTRL_U => typed.clear(),
                // no code and no passphrase is that long
                byte if typed.len() < LONGEST => typed.push(byte),
                _ => {}
            }
        }
    }
}

/// What was typed; nothing where it is no text.
fn text_of(typed: &[u8]) -> Secret {
    Secret::new(std::str::from_utf8(typed).unwrap_or_default())
}

/// Takes the last letter away, which may be of several bytes.
fn take_letter(typed: &mut Vec<u8>) {
    while typed.pop().is_some_and(|byte| byte & 0xC0 == 0x80) {}
}

impl<T: AsFd> Drop for Unseen<'_, T> {
    fn drop(&mut self) {
        let _ = tcsetattr(self.terminal, OptionalActions::Now, &self.before);
    }
}

const LONGEST: usize = 512;
const CTRL_C: u8 = 3;
const CTRL_D: u8 = 4;
const BACKSPACE: u8 = 8;
const CTRL_U: u8 = 21;
const CTRL_BACKSLASH: u8 = 28;
const DELETE: u8 = 127;

#[cfg(test)]
#[cfg(target_os = "linux")]
#[path = "terminal_tests.rs"]
mod tests;
