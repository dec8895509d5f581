//! The child of `exec`: started as we were started ourselves, in our process group, and waited for; signals sent to us are
//! passed on to it. Never touches its input, its output or the terminal. Called by `cli/exec.rs` alone.
//!
//! The terminal's own signals (Ctrl-C, Ctrl-\, Ctrl-Z) reach the child without us, since it shares our group. So while a
//! terminal is attached, INT and QUIT are ignored here: what ends is the child's to decide.

use std::ffi::OsString;
use std::io;
use std::process::Command;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, WaitIdStatus};
use thiserror::Error;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::Environment;
use super::system::{self, ChildStart, Group, Signals};
use super::terminal;

/// What to start.
#[derive(Clone, Debug)]
pub struct Start {
    /// The program, looked for in `PATH` as a shell does.
    pub program: OsString,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Its whole environment.
    pub environment: Environment,
}

/// Why it did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// There is no such program.
    #[error("command not found")]
    NotFound,
    /// It is there but cannot be run: not executable, a folder, a wrong format.
    #[error("{0}")]
    CannotRun(io::Error),
    /// There are no resources for another process, or for listening to signals.
    #[error("no process could be started: {0}")]
    System(io::Error),
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With this exit code.
    Code(u8),
    /// By this signal, such as 15.
    Signal(i32),
}

/// A running child.
#[derive(Debug)]
pub struct Child {
    pid: Pid,
    /// Signals that came for us, to be passed on; and SIGCHLD.
    signals: mpsc::UnboundedReceiver<Signal>,
}

/// Starts the child. From here on signals that are sent to us are its own.
///
/// Must be called within a runtime: signals come in through it.
pub fn start(start: Start) -> Result<Child, StartError> {
    let signals = listen().map_err(StartError::System)?;
    #[allow(clippy::disallowed_methods)] // this is the place
    let mut command = Command::new(&start.program);
    command.args(&start.arguments).env_clear().envs(start.environment.all());
    let as_we_were =
        ChildStart { signals: Signals::AsInherited, group: Group::Ours, only_standard_descriptors: false, umask: None };
    as_we_were.apply(&mut command);
    let child = command.spawn().map_err(|error| match Errno::from_io_error(&error) {
        Some(Errno::NOENT) => StartError::NotFound,
        Some(Errno::AGAIN | Errno::NOMEM | Errno::MFILE | Errno::NFILE) => StartError::System(error),
        _ => StartError::CannotRun(error),
    })?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    Ok(Child { pid: pid.ok_or_else(|| StartError::System(io::Error::other("no process id")))?, signals })
}

/// Takes over the signals that concern the child. What was ignored when we were started stays ignored (`nohup`, a shell's
/// `trap ''`): it is neither heard nor passed on.
fn listen() -> io::Result<mpsc::UnboundedReceiver<Signal>> {
    let (sender, receiver) = mpsc::unbounded_channel();
    let terminal = terminal::open().is_some();
    for (kind, sent) in [
        (SignalKind::child(), Signal::CHILD),
        (SignalKind::terminate(), Signal::TERM),
        (SignalKind::hangup(), Signal::HUP),
        (SignalKind::user_defined1(), Signal::USR1),
        (SignalKind::user_defined2(), Signal::USR2),
        (SignalKind::interrupt(), Signal::INT),
        (SignalKind::quit(), Signal::QUIT),
    ] {
        if sent != Signal::CHILD && system::was_ignored(sent.as_raw()) {
            continue;
        }
        let mut stream = signal(kind)?;
        let from_terminal = terminal && [Signal::INT, Signal::QUIT].contains(&sent);
        let sender = sender.clone();
        tokio::spawn(async move {
            while stream.recv().await.is_some() {
                if !from_terminal && sender.send(sent).is_err() {
                    break;
                }
            }
        });
    }
    Ok(receiver)
}

impl Child {
    /// Its process number.
    pub fn id(&self) -> u32 {
        self.pid.as_raw_pid().unsigned_abs()
    }

    /// Waits for its end, passing on what is sent to us meanwhile.
    pub async fn ended(mut self) -> io::Result<Ended> {
        loop {
            if let Some(ended) = self.look()? {
                return Ok(ended);
            }
            match self.signals.recv().await {
                Some(Signal::CHILD) | None => {}
                // It is not yet waited for, so its process id is still its own.
                Some(signal) => {
                    let _ = rustix::process::kill_process(self.pid, signal);
                }
            }
        }
    }

    fn look(&self) -> io::Result<Option<Ended>> {
        let ended = self.status(WaitIdOptions::EXITED)?.as_ref().and_then(ended);
        if ended.is_none() && self.stopped(WaitIdOptions::NOWAIT)? && self.shell_waits() {
            self.stop_with_it()?;
        }
        Ok(ended)
    }

    /// Whether it is stopped. One that has ended just now is not: it can be waited for, but not by who asks for stopped
    /// children alone, which the system answers with `ECHILD` (Linux, `kernel/exit.c`, `wait_consider_task`). The signal of
    /// its end is on its way then.
    fn stopped(&self, options: WaitIdOptions) -> io::Result<bool> {
        match self.status(WaitIdOptions::STOPPED | options) {
            Err(error) if Errno::from_io_error(&error) == Some(Errno::CHILD) => Ok(false),
            status => Ok(status?.is_some()),
        }
    }

    /// A child that stopped itself (a shell's `suspend`) leaves the person with a terminal that nobody reads: the outer
    /// shell waits for us. So we stop as well, and when that shell continues us, we continue the child; `su` does the
    /// same (util-linux, `login-utils/su-common.c`). Ctrl-Z needs none of this: it stops and continues the whole group,
    /// and when we look, the child runs again.
    fn stop_with_it(&self) -> io::Result<()> {
        if self.stopped(WaitIdOptions::empty())? {
            rustix::process::kill_process(rustix::process::getpid(), Signal::STOP)?;
            let leads_group = rustix::process::getpgid(Some(self.pid)) == Ok(self.pid);
            let continued =
                if leads_group { rustix::process::kill_process_group } else { rustix::process::kill_process };
            let _ = continued(self.pid, Signal::CONT); // it may have ended meanwhile, which we see next
        }
        Ok(())
    }

    /// Whether a shell with job control waits for us, and so would continue us: it is our parent, in our session and in
    /// another group; and it has lent its terminal to us, or to a child that has taken it for a group of its own.
    fn shell_waits(&self) -> bool {
        use rustix::process::{getpgid, getpgrp, getppid, getsid};
        let (ours, parent) = (getpgrp(), getppid());
        let foreground = terminal::open().and_then(|terminal| rustix::termios::tcgetpgrp(terminal).ok());
        let lent = foreground.is_some_and(|group| group == ours || getpgid(Some(self.pid)) == Ok(group));
        let shell = |parent| getsid(Some(parent)) == getsid(None) && getpgid(Some(parent)).is_ok_and(|it| it != ours);
        lent && parent.is_some_and(shell)
    }

    fn status(&self, options: WaitIdOptions) -> io::Result<Option<WaitIdStatus>> {
        let options = options | WaitIdOptions::NOHANG;
        Ok(rustix::io::retry_on_intr(|| rustix::process::waitid(WaitId::Pid(self.pid), options))?)
    }
}

fn ended(status: &WaitIdStatus) -> Option<Ended> {
    let code = status.exit_status().map(|code| Ended::Code(u8::try_from(code & 0xff).unwrap_or(u8::MAX)));
    code.or_else(|| status.terminating_signal().map(Ended::Signal))
}

/// Ends this process as the child ended: with its code, or by its signal, so that a shell's loop stops at Ctrl-C.
/// Returns the exit code to end with: 128 and the signal's number where the signal does not end us (process 1 of a
/// container).
pub fn end_like(ended: Ended) -> u8 {
    match ended {
        Ended::Code(code) => code,
        Ended::Signal(signal) => {
            system::die_by(signal);
            u8::try_from(signal).map_or(u8::MAX, |signal| signal.saturating_add(128))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Start {
        let environment = Environment::from_iter([("PATH", "/usr/bin:/bin"), ("WIRED", "yes")]);
        Start { program: "sh".into(), arguments: vec!["-c".into(), script.into()], environment }
    }

    async fn ended_as(script: &str) -> Ended {
        start(shell(script)).unwrap().ended().await.unwrap()
    }

    #[tokio::test]
    async fn its_end_is_told_by_code_or_signal() {
        assert_eq!(ended_as("exit 0").await, Ended::Code(0));
        assert_eq!(ended_as("exit 43").await, Ended::Code(43));
        assert_eq!(ended_as("exit 255").await, Ended::Code(255));
        assert_eq!(ended_as("kill -TERM $$").await, Ended::Signal(15));
        assert_eq!(ended_as("kill -KILL $$").await, Ended::Signal(9));
    }

    #[tokio::test]
    async fn one_that_ends_while_it_is_looked_at_is_not_lost() {
        let child = start(shell("exit 43")).unwrap();
        // it has ended, and nobody has waited for it yet
        let over = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        rustix::process::waitid(WaitId::Pid(child.pid), over).unwrap();
        assert!(!child.stopped(WaitIdOptions::NOWAIT).unwrap());
        assert_eq!(child.ended().await.unwrap(), Ended::Code(43));
    }

    #[tokio::test]
    async fn its_environment_is_the_given_one_alone() {
        assert_eq!(ended_as("test \"$WIRED\" = yes && test -z \"$HOME\" && exit 7").await, Ended::Code(7));
    }

    #[tokio::test]
    async fn what_cannot_be_started_is_told_apart_as_a_shell_does() {
        let missing = Start { program: "no-such-program-at-all".into(), ..shell("") };
        assert!(matches!(start(missing), Err(StartError::NotFound)));
        let missing = Start { program: "/no/such/path".into(), ..shell("") };
        assert!(matches!(start(missing), Err(StartError::NotFound)));
        for found in ["/", "/etc/passwd"] {
            let error = start(Start { program: found.into(), ..shell("") }).unwrap_err();
            assert!(matches!(error, StartError::CannotRun(_)), "{found}: {error:?}");
        }
    }

    #[test]
    fn an_exit_code_is_passed_on() {
        assert_eq!(end_like(Ended::Code(43)), 43);
        const URGENT: i32 = Signal::URG.as_raw(); // a signal that ends nobody
        assert_eq!(end_like(Ended::Signal(URGENT)), 128 + u8::try_from(URGENT).unwrap());
    }
}
