//! Who we are: our user, our machine, our own executable. Asked once, by whoever names a session or starts a daemon.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use super::running::{self, Running};
use super::{Environment, system};

/// Our user's number, by which files and sockets are ours or not: the effective one.
pub fn uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Our user's name, such as `ada`: the user database's, else `USER` or `LOGNAME`, else the number.
pub fn user_name(environment: &Environment) -> String {
    system::user_name(uid())
        .and_then(|name| name.into_string().ok())
        .or_else(|| environment.text("USER").or_else(|| environment.text("LOGNAME")).map(str::to_owned))
        .unwrap_or_else(|| uid().to_string())
}

/// The machine's name, such as `work-laptop`: what uname(2) calls the node, up to the first dot.
pub fn host_name() -> String {
    let uname = rustix::system::uname();
    let node = uname.nodename().to_string_lossy();
    node.split('.').next().filter(|name| !name.is_empty()).unwrap_or("localhost").to_owned()
}

/// Our own executable, absolute: what a generated file or a daemon's start names. Where it was replaced since we were
/// started, it is what stands in its place now: Linux marks the path of the old one (proc(5), `/proc/PID/exe`).
#[allow(clippy::disallowed_methods)] // this is the place
pub fn executable() -> io::Result<PathBuf> {
    use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
    let path = std::env::current_exe()?;
    let replaced = path.as_os_str().as_bytes().strip_suffix(b" (deleted)").filter(|_| !path.exists());
    Ok(replaced.map_or_else(|| path.clone(), |before| PathBuf::from(OsString::from_vec(before.to_vec()))))
}

/// How many files we may have open, sockets among them; `None`: as many as the system can.
pub fn file_limit() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current
}

/// The process that started us, such as the shell.
pub fn parent() -> io::Result<Running> {
    let parent = rustix::process::getppid().ok_or(io::ErrorKind::NotFound)?;
    running::find(parent.as_raw_pid().unsigned_abs())
}

/// Our own arguments as they were typed, the program's name first.
#[allow(clippy::disallowed_methods)] // this is the place
pub fn arguments() -> Vec<OsString> {
    std::env::args_os().collect()
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)] // programs to look at
mod tests {
    use super::*;

    #[test]
    fn the_user_database_names_us_whatever_the_environment_says() {
        let environment = Environment::from_iter([("USER", "somebody-else")]);
        let named = std::process::Command::new("id").arg("-un").output().unwrap();
        assert_eq!(user_name(&environment), String::from_utf8_lossy(&named.stdout).trim());
    }

    #[test]
    fn the_host_name_has_no_domain() {
        assert!(!host_name().is_empty() && !host_name().contains('.'));
    }

    #[test]
    fn our_parent_is_a_process_with_a_name() {
        let parent = parent().unwrap();
        assert_eq!(Some(parent.pid), rustix::process::getppid().map(|pid| pid.as_raw_pid().unsigned_abs()));
        assert!(!parent.program.is_empty());
    }
}
