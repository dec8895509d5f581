//! Our controlling terminal: lent to a helper program for as long as it runs, and asked for a line that is not shown
//! ([`unseen`]).
//!
//! A helper has a process group of its own, so that it can be ended as a whole, and a group reads from a terminal only while it
//! is the terminal's foreground group (POSIX.1-2024, "General Terminal Interface", 11.1.4). So the terminal is lent to it, and
//! is ours again, in the modes that it had, when the program has ended in whatever way. Called by `world/process.rs` and
//! `world/person.rs`.

mod unseen;

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use rustix::process::{Pid, Signal, getpgrp, kill_process_group, test_kill_process_group};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr, tcsetpgrp};

use super::system::without_terminal_stops;
pub(super) use unseen::ask_unseen;

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
        is_ours(&self.terminal)
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

/// Whether we are at it: the terminal's foreground group is ours. A shell's background job that reads it, or sets its modes,
/// is stopped.
fn is_ours(terminal: impl AsFd) -> bool {
    tcgetpgrp(terminal) == Ok(getpgrp())
}

#[cfg(test)]
#[cfg(target_os = "linux")]
#[path = "terminal_tests.rs"]
mod tests;
