//! System calls that no safe library offers: with `system/`, the only `unsafe` code of the project.
//!
//! What a child process must find as we found it (signal dispositions and mask, core and file limits), what it must not
//! find (our descriptors), what a supervisor passed to us, and two look-ups that only libc has. Called by `world/process.rs`,
//! `world/running.rs`, `world/ourselves.rs`, `world/activation.rs`, and by whoever starts a child: `exec` and the daemon's start.

#![allow(unsafe_code)]

use std::ffi::{CStr, OsString};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{FromRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::sync::OnceLock;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

#[cfg(any(target_vendor = "apple", test))]
pub(super) mod apple_sockets;

/// What this process was started with, and what its children are to have again.
#[derive(Clone, Copy)]
struct Inherited {
    /// One bit a signal: set where it was ignored.
    ignored: u128,
    mask: libc::sigset_t,
    core: Rlimit,
    files: Rlimit,
    /// How many descriptors in a row were open from 3 on, where somebody says to have passed some; else 0.
    passed: u32,
}

static INHERITED: OnceLock<Inherited> = OnceLock::new();

/// Runs before `main`: the standard library ignores SIGPIPE before `main` begins, and who started us may have ignored it
/// or not (sigaction(2); `std::process` docs, "SIGPIPE").
#[used]
#[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__mod_init_func"))]
#[cfg_attr(not(target_vendor = "apple"), unsafe(link_section = ".init_array"))]
static AT_LOAD: extern "C" fn() = {
    extern "C" fn record() {
        inherited();
    }
    record
};

fn inherited() -> &'static Inherited {
    INHERITED.get_or_init(|| {
        let mut ignored = 0;
        for signal in 1..SIGNALS {
            let mut action = MaybeUninit::<libc::sigaction>::zeroed();
            // SAFETY: a null new action only asks; `action` is room for the answer, and zeroes are a valid one.
            let action = unsafe {
                libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr());
                action.assume_init()
            };
            if action.sa_sigaction == libc::SIG_IGN {
                ignored |= 1 << signal;
            }
        }
        let mut mask = MaybeUninit::<libc::sigset_t>::zeroed();
        // SAFETY: a null new set only asks; `mask` is room for the answer, and zeroes are a valid one.
        let mask = unsafe {
            libc::pthread_sigmask(libc::SIG_SETMASK, std::ptr::null(), mask.as_mut_ptr());
            mask.assume_init()
        };
        let (core, files) = (getrlimit(Resource::Core), getrlimit(Resource::Nofile));
        Inherited { ignored, mask, core, files, passed: count_passed() }
    })
}

/// Counted before anything of ours is opened: a wrong `LISTEN_FDS` must not have us take our own descriptors for others.
fn count_passed() -> u32 {
    // SAFETY: a C string; nothing has another thread yet that could change the environment meanwhile.
    if unsafe { libc::getenv(c"LISTEN_FDS".as_ptr()) }.is_null() {
        return 0;
    }
    // SAFETY: fcntl with a number that is no descriptor fails and does nothing.
    let is_open = |number: &u32| unsafe { libc::fcntl(*number as libc::c_int, libc::F_GETFD) } != -1;
    let open = (FIRST_PASSED..FIRST_PASSED + MOST_PASSED).take_while(is_open);
    open.count() as u32
}

/// sd_listen_fds(3), `SD_LISTEN_FDS_START`.
const FIRST_PASSED: u32 = 3;

/// More sockets than anybody has use for.
const MOST_PASSED: u32 = 64;

/// The first `count` descriptors that we were started with beside the standard three, or as many as there were; from now on
/// no child gets them. Whoever asks first has them, and later ones nothing.
pub(super) fn passed_descriptors(count: u32) -> Vec<OwnedFd> {
    static TAKEN: OnceLock<()> = OnceLock::new();
    if TAKEN.set(()).is_err() {
        return Vec::new();
    }
    let passed = FIRST_PASSED..FIRST_PASSED + count.min(inherited().passed);
    // SAFETY: each was open before anything of ours ran, so nothing here owns it; nobody got it before, because this is done
    // once; and nothing else of this process takes descriptors by their numbers.
    let owned = passed.map(|number| unsafe { OwnedFd::from_raw_fd(number as libc::c_int) });
    let closed_at_exec = |fd: &OwnedFd| rustix::io::fcntl_setfd(fd, rustix::io::FdFlags::CLOEXEC).is_ok();
    owned.filter(closed_at_exec).collect()
}

/// One past the highest signal: 64 on Linux (signal(7), real-time signals), 31 on macOS.
const SIGNALS: i32 = if cfg!(target_vendor = "apple") { 32 } else { 65 };

/// Leaves no core dump of us and lets no other process of our user read our memory (prctl(2), `PR_SET_DUMPABLE`; Linux
/// only). Children get their core limit back from [`ChildStart`], and are dumpable again from their own `execve`.
pub fn forbid_dumps() -> io::Result<()> {
    let core = inherited().core;
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: core.maximum })?;
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}

/// Lets us open up to `wanted` files, or as many as the hard limit allows; tells how many that is. Children get the
/// limit back that we were started with: programs that use `select` break above 1024.
pub fn raise_file_limit(wanted: u64) -> io::Result<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    inherited();
    let (Some(current), wanted) = (current, maximum.map_or(wanted, |most| most.min(wanted))) else {
        return Ok(wanted);
    };
    if current >= wanted {
        return Ok(current);
    }
    setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum })?;
    Ok(wanted)
}

/// Gives back the memory of our program file's pages that were used once and are not used now: what a start, a reading of
/// the configuration or a refresh needs is several times what answering needs. A page that is used again is there again at
/// the cost of a page fault: the system keeps the file in its cache (madvise(2), `MADV_DONTNEED` on a file mapping).
/// Tells how many bytes are mapped so. Linux only; elsewhere it does nothing.
pub fn give_back_file_pages() -> io::Result<u64> {
    #[cfg(not(target_os = "linux"))]
    return Ok(0);
    #[cfg(target_os = "linux")]
    {
        let own = std::fs::read_link("/proc/self/exe")?;
        let mut given = 0;
        for (start, length) in never_changed(&std::fs::read_to_string("/proc/self/smaps")?, &own.to_string_lossy()) {
            // SAFETY: the range is a whole mapping of our own program, which stays mapped as long as we run, and holds what
            // is never written to: its code, or the read-only data before it. What the loader relocates lies in another
            // segment (elf(5), `PT_GNU_RELRO`). So each page is read from the file again as it was.
            unsafe { rustix::mm::madvise(start as *mut _, length, rustix::mm::Advice::LinuxDontNeed)? };
            given += length as u64;
        }
        Ok(given)
    }
}

/// The mappings of the program `own` that nobody ever writes to, by `/proc/PID/smaps` (proc_pid_smaps(5)): its code, and
/// the read-only data at the beginning of its file. Address and length of each.
#[cfg(target_os = "linux")]
fn never_changed(smaps: &str, own: &str) -> Vec<(usize, usize)> {
    let mapping = |line: &str| {
        let mut words = line.splitn(6, ' ');
        let (start, end) = words.next()?.split_once('-')?;
        let (permissions, offset, path) = (words.next()?, words.next()?, words.nth(2)?);
        let (start, end) = (usize::from_str_radix(start, 16).ok()?, usize::from_str_radix(end, 16).ok()?);
        let at_the_beginning = offset.bytes().all(|digit| digit == b'0');
        let unwritten = permissions == "r-xp" || permissions == "r--p" && at_the_beginning;
        (unwritten && path.trim_start() == own).then_some((start, end.checked_sub(start)?))
    };
    smaps.lines().filter_map(mapping).collect()
}

/// Gives back what the heap has and does not use. Left alone, the C library keeps the room of a burst for ever where
/// anything that came after it still lives (malloc_trim(3); GNU only). It takes milliseconds for hundreds of megabytes, in
/// which others who need memory may wait.
pub fn give_back_heap() {
    // SAFETY: it takes the allocator's own locks and touches only memory that the allocator has handed to nobody.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Whether a signal was ignored when we were started: by `nohup`, or a shell's `trap ''`.
pub fn was_ignored(signal: i32) -> bool {
    (1..SIGNALS).contains(&signal) && inherited().ignored & (1 << signal) != 0
}

/// Has us hear every signal, whatever we were started with: nothing is blocked, and children that end are waited for
/// rather than gone (an ignored SIGCHLD; wait(2), "NOTES"). To be called before other threads start. Children get back
/// what we were started with.
pub fn hear_signals() {
    inherited();
    let mut nothing = MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: sigemptyset writes a whole set; null old values are allowed; SIG_DFL is a valid disposition.
    unsafe {
        libc::sigemptyset(nothing.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, nothing.as_ptr(), std::ptr::null_mut());
        libc::signal(libc::SIGCHLD, libc::SIG_DFL);
    }
}

/// Has all threads share two heaps. The C library's default is one for each thread up to eight for each processor, each with
/// room that only it can use: several megabytes on a machine of many processors, for a speed that is not measurable here
/// (mallopt(3), `M_ARENA_MAX`; GNU only). To be called before other threads start. Not worth not starting for.
pub fn share_the_heap() {
    // SAFETY: sets a number of the allocator's, which refuses values that it cannot use.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, HEAPS);
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
const HEAPS: i32 = 2;

/// Ends this process by a signal, as if nobody had ever caught it. Returns where the signal does not end us: process 1
/// of a container, or a signal that ends nobody.
pub fn die_by(signal: i32) {
    let mut only = MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: sigemptyset writes a whole set; a null old set is allowed; SIG_DFL is a valid disposition; the calls refuse
    // numbers that are no signals.
    unsafe {
        libc::sigemptyset(only.as_mut_ptr());
        libc::sigaddset(only.as_mut_ptr(), signal);
        libc::signal(signal, libc::SIG_DFL);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, only.as_ptr(), std::ptr::null_mut());
        libc::raise(signal);
    }
}

/// How a child process starts. The core and file limits are always those that we were started with.
#[derive(Clone, Copy, Debug)]
pub struct ChildStart {
    /// Its signals.
    pub signals: Signals,
    /// Its process group.
    pub group: Group,
    /// Whether it gets no descriptor but its standard three: everything from 3 on is closed at its `execve`.
    pub only_standard_descriptors: bool,
    /// Its umask, such as `0o077`; `None`: ours.
    pub umask: Option<u32>,
}

/// The signal mask and dispositions of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signals {
    /// As this process found them when it was started: an ignored SIGHUP (nohup) or SIGPIPE stays ignored.
    AsInherited,
    /// Nothing blocked, nothing ignored: for a daemon, which is nobody's child.
    Default,
}

/// The process group of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Ours: the terminal's Ctrl-C reaches both.
    Ours,
    /// That of a new session: no terminal at all (setsid(2)), and it can be ended as a whole.
    NewSession,
    /// One of its own, which takes the terminal at its standard input (tcsetpgrp(3)): Ctrl-C reaches it and not us.
    Foreground,
}

impl ChildStart {
    /// Has the command start so. Overrides what the standard library does by itself: it clears the mask and sets SIGPIPE
    /// to its default in every child.
    pub fn apply(self, command: &mut Command) {
        let inherited = *inherited();
        let highest = getrlimit(Resource::Nofile).current;
        // SAFETY: the closure runs between fork and exec and calls only async-signal-safe functions (signal-safety(7)):
        // sigaction, pthread_sigmask, setrlimit, setsid, setpgid, tcsetpgrp, umask, close_range, fcntl. It allocates nothing and takes no lock.
        unsafe {
            command.pre_exec(move || {
                if self.group == Group::Foreground {
                    rustix::process::setpgid(None, None)?;
                    without_terminal_stops(|| {
                        rustix::termios::tcsetpgrp(rustix::stdio::stdin(), rustix::process::getpid())
                    })?;
                }
                self.restore_signals(&inherited);
                setrlimit(Resource::Core, inherited.core)?;
                setrlimit(Resource::Nofile, inherited.files)?;
                if self.group == Group::NewSession {
                    rustix::process::setsid()?;
                }
                if let Some(umask) = self.umask {
                    libc::umask(umask as libc::mode_t);
                }
                if self.only_standard_descriptors {
                    close_at_exec_from_3(highest);
                }
                Ok(())
            });
        }
    }

    /// Must stay async-signal-safe.
    fn restore_signals(self, inherited: &Inherited) {
        let (ignored, mask) = match self.signals {
            Signals::AsInherited => (inherited.ignored, inherited.mask),
            Signals::Default => {
                let mut empty = MaybeUninit::<libc::sigset_t>::zeroed();
                // SAFETY: sigemptyset writes a whole set.
                (0, unsafe {
                    libc::sigemptyset(empty.as_mut_ptr());
                    empty.assume_init()
                })
            }
        };
        for signal in (1..SIGNALS).filter(|signal| ![libc::SIGKILL, libc::SIGSTOP].contains(signal)) {
            let mut action = MaybeUninit::<libc::sigaction>::zeroed();
            // SAFETY: zeroes are a valid action (the default one, no flags, an empty mask); a null old action is allowed.
            // The C library refuses its own two real-time signals, which nobody ignores.
            unsafe {
                (*action.as_mut_ptr()).sa_sigaction =
                    if ignored & (1 << signal) == 0 { libc::SIG_DFL } else { libc::SIG_IGN };
                libc::sigaction(signal, action.as_ptr(), std::ptr::null_mut());
            }
        }
        // SAFETY: `mask` is a whole set; a null old set is allowed.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &mask, std::ptr::null_mut()) };
    }
}

/// Does what a background process is otherwise stopped for: it takes the terminal, or writes to it (POSIX.1-2024, "General
/// Terminal Interface", 11.1.4: not while the calling thread blocks SIGTTOU). Is async-signal-safe if `act` is.
pub(super) fn without_terminal_stops<T>(act: impl FnOnce() -> T) -> T {
    let mut stops = MaybeUninit::<libc::sigset_t>::zeroed();
    let mut before = MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: sigemptyset writes a whole set; `before` is room for the old one.
    unsafe {
        libc::sigemptyset(stops.as_mut_ptr());
        libc::sigaddset(stops.as_mut_ptr(), libc::SIGTTOU);
        libc::pthread_sigmask(libc::SIG_BLOCK, stops.as_ptr(), before.as_mut_ptr());
    }
    let done = act();
    // SAFETY: the call above wrote the old set; a null old set is allowed.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), std::ptr::null_mut()) };
    done
}

/// Marks every descriptor from 3 on to be closed at `execve`; not closed at once, because the standard library tells its
/// parent of a failed `execve` over one of them. `highest`: the limit below which descriptors lie.
fn close_at_exec_from_3(highest: Option<u64>) {
    #[cfg(target_os = "linux")]
    {
        const CLOSE_RANGE_CLOEXEC: libc::c_uint = 4; // linux/close_range.h; Linux 5.11
        // SAFETY: the system call takes three numbers and touches no memory.
        if unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, CLOSE_RANGE_CLOEXEC) } == 0 {
            return;
        }
    }
    let highest = highest.unwrap_or(u64::MAX).min(65_536) as libc::c_int;
    for descriptor in 3..highest {
        // SAFETY: fcntl with a number that is no descriptor fails and does nothing.
        unsafe { libc::fcntl(descriptor, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
}

/// A descriptor of ours whose readability can be waited for, inside a tokio runtime.
pub(super) fn readable(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` is open as long as it lives, `as_raw_fd` always names the same descriptor, and it moves in.
    Ok(unsafe { AsyncFd::register_with_interest(descriptor, Interest::READABLE) }?)
}

/// The name of a user, such as `ada`; `None` when the user database has none (a container started with a bare number).
pub(super) fn user_name(uid: u32) -> Option<OsString> {
    let mut buffer = vec![0_u8; 16 << 10];
    let mut entry = MaybeUninit::<libc::passwd>::zeroed();
    let mut found = std::ptr::null_mut();
    // SAFETY: the buffer's length is passed with it; `entry` and `found` are room for the answer.
    let failed =
        unsafe { libc::getpwuid_r(uid, entry.as_mut_ptr(), buffer.as_mut_ptr().cast(), buffer.len(), &mut found) };
    if failed != 0 || found.is_null() {
        return None;
    }
    // SAFETY: getpwuid_r succeeded and found an entry, so the name is a C string inside `buffer`, which still lives.
    let name = unsafe { CStr::from_ptr((*found).pw_name) };
    Some(OsString::from_vec(name.to_bytes().to_vec())).filter(|name| !name.is_empty())
}

/// What macOS tells of a running process (`libproc.h`).
#[cfg(target_vendor = "apple")]
pub(super) mod apple {
    use super::*;

    /// `proc_pidinfo` with `PROC_PIDTBSDINFO`; an error of kind `NotFound` when there is no such process.
    pub(in super::super) fn info(pid: i32) -> io::Result<libc::proc_bsdinfo> {
        let mut info = MaybeUninit::<libc::proc_bsdinfo>::zeroed();
        let size = size_of::<libc::proc_bsdinfo>() as libc::c_int;
        // SAFETY: the size of the room is passed with it.
        let filled = unsafe { libc::proc_pidinfo(pid, libc::PROC_PIDTBSDINFO, 0, info.as_mut_ptr().cast(), size) };
        if filled != size {
            return Err(io::Error::from(io::ErrorKind::NotFound));
        }
        // SAFETY: the whole structure was filled in.
        Ok(unsafe { info.assume_init() })
    }

    /// The path of its executable.
    pub(in super::super) fn path(pid: i32) -> io::Result<OsString> {
        let mut buffer = vec![0_u8; libc::PROC_PIDPATHINFO_MAXSIZE as usize];
        // SAFETY: the buffer's length is passed with it.
        let length = unsafe { libc::proc_pidpath(pid, buffer.as_mut_ptr().cast(), buffer.len() as u32) };
        if length <= 0 {
            return Err(io::Error::last_os_error());
        }
        buffer.truncate(length as usize);
        Ok(OsString::from_vec(buffer))
    }

    /// A kqueue that becomes readable when the process ends (kqueue(2), `EVFILT_PROC`, `NOTE_EXIT`).
    pub(in super::super) fn exit_queue(pid: rustix::process::Pid) -> io::Result<OwnedFd> {
        use rustix::event::kqueue::{Event, EventFilter, EventFlags, ProcessEvents, kevent, kqueue};
        let queue = kqueue()?;
        let filter = EventFilter::Proc { pid, flags: ProcessEvents::EXIT };
        let event = Event::new(filter, EventFlags::ADD | EventFlags::ONESHOT, std::ptr::null_mut());
        // SAFETY: the event names no descriptor that could be closed meanwhile, and its user data is never read.
        unsafe { kevent(&queue, &[event], &mut Vec::<Event>::new(), None)? };
        Ok(queue)
    }
}

#[cfg(test)]
#[path = "system_tests.rs"]
mod tests;
