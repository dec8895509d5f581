//! Helper programs run for real: each in a session of its own, with nothing of ours but three descriptors. Without our
//! terminal, too: one that asked its person there would be stopped, or draw into the screen of `exec`'s child. One that is to
//! ask its person has the terminal lent ([`Seat::Terminal`]).
//!
//! A `credential_process` may start others (a shell, an agent). When its time or its room is used up, or when it ends, the
//! whole group is ended with it, before its number can belong to somebody else.

use std::future::pending;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, Command};
use tokio::signal::unix::{Signal as SignalStream, SignalKind, signal};
use tokio::sync::Mutex;
use tokio::time::{Duration, Instant, sleep, timeout, timeout_at};
use zeroize::Zeroizing;

use super::{Processes, Ran, Run, RunError, Seat};
use crate::secret::Secret;
use crate::world::BoxFuture;
use crate::world::running::{self, Watch};
use crate::world::system::{ChildStart, Group, Signals};
use crate::world::terminal::Lent;

/// Starts programs on this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemProcesses;

impl Processes for SystemProcesses {
    fn run(&self, run: Run) -> BoxFuture<'static, Result<Ran, RunError>> {
        Box::pin(run_to_its_end(run))
    }
}

/// How long what a program wrote is still read for after it ended: a helper that left a process of another session behind,
/// which holds the pipe open, must not keep its answer from us.
const AFTER_THE_END: Duration = Duration::from_millis(500);

async fn run_to_its_end(run: Run) -> Result<Ran, RunError> {
    let program = run.argv.first().map(|program| program.to_string_lossy().into_owned()).unwrap_or_default();
    let deadline = Instant::now() + run.time_limit;
    let lent = match run.seat {
        Seat::Background | Seat::Apart => None,
        Seat::Terminal | Seat::Overheard => {
            Some(Lent::new().ok_or_else(|| RunError::NoTerminal { program: program.clone() })?)
        }
    };
    let mut group = ChildGroup::start(&run, lent).map_err(|error| not_started(program.clone(), &error))?;
    let (stdout, stderr) = (group.child.stdout.take(), group.child.stderr.take());
    let input = feed(group.child.stdin.take(), run.input.clone());
    let mut out = Output::of(stdout, run.output_limit);
    let mut err = Output::of(stderr, run.output_limit);
    err.shown = group.lent.clone();

    let reading = async {
        tokio::select! {
            all = async { tokio::try_join!(input, out.read(), err.read()) } => all.map(|_| ()),
            () = group.leader_ended() => Ok(()),
            () = group.follow_stops() => Ok(()),
        }
    };
    let in_time = timeout_at(deadline, async {
        reading.await?;
        tokio::select! {
            () = group.leader_ended() => {}
            () = group.follow_stops() => {}
        }
        Ok::<(), TooMuch>(())
    });
    let in_time = in_time.await;
    group.end();
    // what is left in the pipes; who still holds them is not waited for
    let _ = timeout(AFTER_THE_END, async { tokio::join!(out.read(), err.read()) }).await;
    let stderr = err.bytes.to_vec();
    if in_time.is_err() {
        return Err(RunError::TimedOut { program, after: run.time_limit, stderr });
    }
    if out.is_too_much() || err.is_too_much() {
        return Err(RunError::TooMuch { program, limit: run.output_limit, stderr });
    }
    let status = group.wait().await;
    let status = status.map_err(|error| RunError::Start { program: program.clone(), reason: error.to_string() })?;
    if group.lent.is_some() && by_ctrl_c(status) {
        return Err(RunError::Interrupted { program });
    }
    Ok(Ran { code: status.code(), stdout: out.bytes, stderr })
}

/// By its signal, or with the code by which a shell tells that its command was ended so.
fn by_ctrl_c(status: ExitStatus) -> bool {
    [status.signal(), status.code().map(|code| code - 128)].contains(&Some(Signal::INT.as_raw()))
}

/// Gives a program its input, and the end of it. Who does not read it to its end is no worse for it.
async fn feed(to: Option<ChildStdin>, input: Option<Secret>) -> Result<(), TooMuch> {
    if let (Some(mut to), Some(input)) = (to, input) {
        let _ = to.write_all(input.expose().as_bytes()).await;
    }
    Ok(())
}

fn not_started(program: String, error: &io::Error) -> RunError {
    let reason = error.to_string();
    // TXTBSY: its file is being written
    let passing = [Errno::AGAIN, Errno::NOMEM, Errno::MFILE, Errno::NFILE, Errno::TXTBSY];
    match passing.iter().any(|passing| error.raw_os_error() == Some(passing.raw_os_error())) {
        true => RunError::NoRoom { program, reason },
        false => RunError::Start { program, reason },
    }
}

/// How often a program is looked at that cannot be watched.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A child and its process group, which is ended when this is dropped: a run that is given up leaves nothing behind.
struct ChildGroup {
    child: Child,
    leader: Option<Pid>,
    watch: Option<Watch>,
    /// The terminal, ours again when this is dropped.
    lent: Option<Arc<Lent>>,
    /// When children of ours stop or end.
    changes: Option<Mutex<SignalStream>>,
}

impl ChildGroup {
    #[allow(clippy::disallowed_methods)] // this is the place
    fn start(run: &Run, mut lent: Option<Lent>) -> io::Result<Self> {
        let (program, arguments) = run.argv.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let mut command = Command::new(program);
        command.args(arguments).env_clear().envs(run.environment.all());
        command.stdin(if run.input.is_some() { Stdio::piped() } else { Stdio::null() });
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        if run.seat == Seat::Apart {
            command.current_dir("/");
        }
        if let Some(lent) = &lent {
            command.stdin(lent.end()?);
            if run.seat == Seat::Terminal {
                command.stderr(lent.end()?);
            }
        }
        // before it is started: what happens at once is not missed
        let changes = lent.is_some().then(|| signal(SignalKind::child())).transpose()?.map(Mutex::new);
        let start = ChildStart {
            signals: Signals::AsInherited,
            group: if lent.is_some() { Group::Foreground } else { Group::NewSession },
            only_standard_descriptors: true,
            umask: None,
        };
        start.apply(command.as_std_mut());
        let child = command.spawn()?;
        let leader = child.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
        // none where it has ended already, or where the machine has no descriptor left for one
        let watch = child.id().and_then(|pid| Watch::new(&running::find(pid).ok()?).ok());
        if let Some(lent) = &mut lent {
            lent.to(leader);
        }
        Ok(Self { child, leader, watch, lent: lent.map(Arc::new), changes })
    }

    /// Never returns. Goes along when the program at the terminal is stopped.
    async fn follow_stops(&self) {
        let (Some(leader), Some(lent), Some(changes)) = (self.leader, &self.lent, &self.changes) else {
            return pending().await;
        };
        let options = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG;
        let mut changes = changes.lock().await;
        loop {
            if matches!(waitid(WaitId::Pid(leader), options), Ok(Some(_))) {
                lent.stopped();
                sleep(LOOK_EVERY).await;
                continue;
            }
            if changes.recv().await.is_none() {
                return pending().await;
            }
        }
    }

    /// Returns when the leader has ended. It is not waited for yet, so its number, which is the group's, is still its own.
    async fn leader_ended(&self) {
        if let Some(watch) = &self.watch {
            return watch.ended().await;
        }
        let Some(leader) = self.leader else { return };
        // an error: it is no child of ours any more
        let look =
            || waitid(WaitId::Pid(leader), WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT);
        while matches!(look(), Ok(None) | Err(Errno::INTR)) {
            sleep(LOOK_EVERY).await;
        }
    }

    /// Ends whatever is left of the group. Once: afterwards the number may be somebody else's.
    fn end(&mut self) {
        if let Some(leader) = self.leader.take() {
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }

    async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }
}

impl Drop for ChildGroup {
    fn drop(&mut self) {
        self.end();
    }
}

/// What one of its descriptors wrote so far.
struct Output<R> {
    from: Option<R>,
    /// Where it is shown at once.
    shown: Option<Arc<Lent>>,
    limit: usize,
    bytes: Zeroizing<Vec<u8>>,
}

struct TooMuch;

impl<R: AsyncRead + Unpin> Output<R> {
    fn of(from: Option<R>, limit: usize) -> Self {
        // whole from the start: a vector that grows would leave copies of a secret behind in freed memory
        Self { from, shown: None, limit, bytes: Zeroizing::new(Vec::with_capacity(limit + 1)) }
    }

    /// Reads on to its end. What was read stays when this is given up and called again.
    async fn read(&mut self) -> Result<(), TooMuch> {
        while let Some(from) = &mut self.from {
            let room = (self.limit + 1).saturating_sub(self.bytes.len());
            let seen = self.bytes.len();
            let mut bounded = (&mut *from).take(room as u64);
            match bounded.read_buf(&mut *self.bytes).await {
                Ok(0) | Err(_) => self.from = None,
                Ok(_) => {
                    if let Some(lent) = &self.shown {
                        lent.show(&self.bytes[seen..]);
                    }
                    if self.is_too_much() {
                        return Err(TooMuch);
                    }
                }
            }
        }
        Ok(())
    }

    fn is_too_much(&self) -> bool {
        self.bytes.len() > self.limit
    }
}

#[cfg(test)]
#[path = "system_tests.rs"]
mod tests;
