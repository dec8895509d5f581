//! Processes that run already: who one is, whether it is still the same one, and when it ends.
//!
//! A process number is used again after its process ended, so a [`Running`] carries its start time, and a [`Watch`] holds
//! the process itself (pidfd on Linux, kqueue on macOS), not its number. Called by grants that end with a shell, by the
//! helper programs, and for the shell that `env` prints for.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::process::Pid;
use tokio::io::unix::AsyncFd;

use super::system;

/// A process that runs, or ran a moment ago.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// Its number.
    pub pid: u32,
    /// Its parent's number.
    pub parent: u32,
    /// Its user.
    pub uid: u32,
    /// When it started, in words that only this system understands and that no other process with the same number shares,
    /// not even after a restart of the machine: to be kept and compared as they are.
    pub started: String,
    /// The file name of its executable, such as `bash`; what it calls itself where that may not be read.
    pub program: String,
}

/// Looks a process up by its number; an error of kind `NotFound` when there is none.
pub fn find(pid: u32) -> io::Result<Running> {
    system_find(pid)
}

/// A process that is waited for without being its parent.
pub struct Watch(Watching);

enum Watching {
    /// A descriptor that becomes readable when the process ends.
    Descriptor(AsyncFd<OwnedFd>),
    /// We were given none: its start time is looked at now and again.
    Looked(Running),
}

/// How often a process is looked at where it cannot be waited for.
const LOOK_EVERY: Duration = Duration::from_millis(250);

impl Watch {
    /// Watches a process that [`find`] found; an error of kind `NotFound` when it has ended since. To be called inside a
    /// tokio runtime.
    pub fn new(process: &Running) -> io::Result<Self> {
        let pid = i32::try_from(process.pid).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::NotFound)?;
        let watching = match exit_descriptor(pid).and_then(system::readable) {
            Ok(descriptor) => Watching::Descriptor(descriptor),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(error),
            // an old kernel, a sandbox, no descriptor left: no sign that it has ended
            Err(_) => Watching::Looked(process.clone()),
        };
        // only now is it certain that the watched process is the one that was found
        match runs(process) {
            Some(true) => Ok(Self(watching)),
            Some(false) => Err(io::ErrorKind::NotFound.into()),
            None => Ok(Self(Watching::Looked(process.clone()))),
        }
    }

    /// Returns when the process has ended, whether or not anybody has waited for it.
    pub async fn ended(&self) {
        match &self.0 {
            Watching::Descriptor(descriptor) => {
                // an error here can only mean that the runtime is going away
                let _ = descriptor.readable().await;
            }
            Watching::Looked(process) => {
                while runs(process) != Some(false) {
                    tokio::time::sleep(LOOK_EVERY).await;
                }
            }
        }
    }
}

/// Tells a process to end (TERM), and to go on if it was stopped: it ends only then. Another process with the same number
/// is left alone.
pub fn tell_to_end(process: &Running) -> io::Result<()> {
    use rustix::process::{Signal, kill_process};
    if runs(process) != Some(true) {
        return Err(io::ErrorKind::NotFound.into());
    }
    let pid = i32::try_from(process.pid).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::NotFound)?;
    kill_process(pid, Signal::TERM)?;
    Ok(kill_process(pid, Signal::CONT)?)
}

/// Whether it still runs; `None` where that cannot be told now, as when no descriptor is left to look with.
pub fn runs(process: &Running) -> Option<bool> {
    told(find(process.pid), &process.started)
}

fn told(found: io::Result<Running>, started: &str) -> Option<bool> {
    match found {
        Ok(now) => Some(now.started == started),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Some(false),
        Err(_) => None,
    }
}

#[cfg(target_os = "linux")]
fn exit_descriptor(pid: Pid) -> io::Result<OwnedFd> {
    use rustix::process::{PidfdFlags, pidfd_open};
    pidfd_open(pid, PidfdFlags::NONBLOCK)
        .or_else(|_| pidfd_open(pid, PidfdFlags::empty()))
        .map_err(|error| if error == rustix::io::Errno::SRCH { io::ErrorKind::NotFound.into() } else { error.into() })
}

#[cfg(target_vendor = "apple")]
fn exit_descriptor(pid: Pid) -> io::Result<OwnedFd> {
    system::apple::exit_queue(pid).map_err(|error| {
        if error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error()) {
            io::ErrorKind::NotFound.into()
        } else {
            error
        }
    })
}

/// What tells this start of the machine from any other one (random(4), `boot_id`); `None` where the system does not say.
pub fn this_boot() -> Option<String> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let said = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(said.trim().to_owned()).filter(|said| !said.is_empty())
}

/// `/proc/PID/stat` (proc(5)): the state, the parent and the start time in ticks since the boot that `boot_id` names.
#[cfg(target_os = "linux")]
fn system_find(pid: u32) -> io::Result<Running> {
    use std::path::Path;
    let folder = format!("/proc/{pid}");
    let gone = |error: io::Error| match error.raw_os_error() {
        Some(code) if code == rustix::io::Errno::SRCH.raw_os_error() => io::ErrorKind::NotFound.into(),
        _ => error,
    };
    let stat = std::fs::read(format!("{folder}/stat")).map_err(gone)?;
    let stat = String::from_utf8_lossy(&stat);
    let unreadable = || io::Error::new(io::ErrorKind::InvalidData, "/proc/PID/stat is not as proc(5) says");
    // the name may hold blanks and parentheses: it ends at the last one
    let (name, rest) = stat.split_once('(').and_then(|(_, rest)| rest.rsplit_once(')')).ok_or_else(unreadable)?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let (state, parent) = (fields.first().ok_or_else(unreadable)?, fields.get(1).ok_or_else(unreadable)?);
    let ticks = fields.get(19).ok_or_else(unreadable)?;
    if matches!(*state, "Z" | "X" | "x") {
        return Err(io::ErrorKind::NotFound.into()); // it has ended; only its parent has not looked yet
    }
    let status = std::fs::read_to_string(format!("{folder}/status")).map_err(gone)?;
    // the second number: the effective user
    let uid = status.lines().find_map(|line| line.strip_prefix("Uid:")?.split_ascii_whitespace().nth(1)?.parse().ok());
    let boot = this_boot().unwrap_or_default();
    let executable = std::fs::read_link(format!("{folder}/exe")).ok();
    let program = executable.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy());
    let program = program.map(|name| name.trim_end_matches(" (deleted)").to_owned());
    Ok(Running {
        pid,
        parent: parent.parse().map_err(|_| unreadable())?,
        uid: uid.ok_or_else(unreadable)?,
        started: format!("{boot}:{ticks}"),
        program: program.unwrap_or_else(|| name.to_owned()),
    })
}

/// libproc's answer, whose start time is by the wall clock at the start, to the microsecond.
#[cfg(target_vendor = "apple")]
fn system_find(pid: u32) -> io::Result<Running> {
    use std::path::{Path, PathBuf};

    use system::apple;
    const ZOMBIE: u32 = 5; // sys/proc.h: SZOMB
    let number = i32::try_from(pid).map_err(|_| io::ErrorKind::NotFound)?;
    let info = apple::info(number)?;
    if info.pbi_status == ZOMBIE {
        return Err(io::ErrorKind::NotFound.into());
    }
    let path = apple::path(number).map(PathBuf::from).ok();
    let program = path.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    let itself = info.pbi_comm.iter().take_while(|byte| **byte != 0).map(|byte| char::from(*byte as u8)).collect();
    Ok(Running {
        pid,
        parent: info.pbi_ppid,
        uid: info.pbi_uid,
        started: format!("{}.{:06}", info.pbi_start_tvsec, info.pbi_start_tvusec),
        program: program.unwrap_or(itself),
    })
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)] // programs to look at
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    fn sleeper() -> std::process::Child {
        Command::new("sleep").arg("600").stdin(Stdio::null()).spawn().unwrap()
    }

    #[test]
    fn a_child_of_ours_is_found_with_its_user_and_program() {
        let mut child = sleeper();
        let found = find(child.id()).unwrap();
        assert_eq!((found.pid, found.parent), (child.id(), std::process::id()));
        assert_eq!(found.uid, crate::world::ourselves::uid());
        assert_eq!(find(child.id()).unwrap(), found);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(find(child.id()).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn two_processes_have_different_start_marks() {
        let (ours, parent) = (find(std::process::id()).unwrap(), find(1).unwrap());
        assert_ne!(ours.started, parent.started);
    }

    #[tokio::test]
    async fn a_watch_ends_with_the_process_even_before_it_is_waited_for() {
        let mut child = sleeper();
        let watch = Watch::new(&find(child.id()).unwrap()).unwrap();
        let mut ended = std::pin::pin!(watch.ended());
        assert!(tokio::time::timeout(Duration::from_millis(20), &mut ended).await.is_err(), "it still runs");
        child.kill().unwrap();
        tokio::time::timeout(Duration::from_secs(10), ended).await.unwrap();
        child.wait().unwrap();
    }

    #[tokio::test]
    async fn where_there_is_no_pidfd_the_process_is_looked_at() {
        let mut child = sleeper();
        let watch = Watch(Watching::Looked(find(child.id()).unwrap()));
        let mut ended = std::pin::pin!(watch.ended());
        assert!(tokio::time::timeout(Duration::from_millis(20), &mut ended).await.is_err(), "it still runs");
        child.kill().unwrap();
        tokio::time::timeout(Duration::from_secs(10), ended).await.unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn only_a_process_that_is_not_there_has_ended() {
        let ours = find(std::process::id()).unwrap();
        assert_eq!(told(Ok(ours.clone()), &ours.started), Some(true));
        assert_eq!(told(Ok(ours), "another"), Some(false));
        assert_eq!(told(Err(io::ErrorKind::NotFound.into()), ""), Some(false));
        for errno in [rustix::io::Errno::MFILE, rustix::io::Errno::NOMEM, rustix::io::Errno::ACCESS] {
            assert_eq!(told(Err(errno.into()), ""), None, "{errno}");
        }
    }

    #[tokio::test]
    async fn another_process_with_the_same_number_is_not_watched() {
        let mut child = sleeper();
        let mut found = find(child.id()).unwrap();
        found.started.push('0');
        assert_eq!(Watch::new(&found).err().map(|error| error.kind()), Some(io::ErrorKind::NotFound));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
