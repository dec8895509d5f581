//! Children started in every way, and what they found: each asks its own `/proc/self/status` or shell.

#![allow(clippy::disallowed_methods)]

use std::process::{Command, Stdio};

use super::*;

fn start() -> ChildStart {
    ChildStart { signals: Signals::AsInherited, group: Group::Ours, only_standard_descriptors: false, umask: None }
}

fn shell(script: &str, start: ChildStart) -> String {
    said_by(&["/bin/sh", "-c", script], start)
}

fn said_by(argv: &[&str], start: ChildStart) -> String {
    let mut command = Command::new(argv[0]);
    command.args(&argv[1..]).stdin(Stdio::null());
    start.apply(&mut command);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Runs one of these tests in a process of its own, which `starter` starts; `None` in that process.
fn in_a_process_of_its_own(test: &str, starter: &[&str]) -> Option<()> {
    const INSIDE: &str = "CREDENZA_TEST_INSIDE";
    if crate::world::Environment::system().text(INSIDE) == Some(test) {
        return None;
    }
    let mut command = Command::new(starter[0]);
    command.args(&starter[1..]).arg(crate::world::ourselves::executable().unwrap());
    command.args(["--exact", &format!("world::system::tests::{test}"), "--nocapture"]).env(INSIDE, test);
    let output = command.output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    Some(())
}

/// What a child started so blocks and ignores, one bit a signal, but for the two that the C library keeps to itself.
#[cfg(target_os = "linux")]
fn blocked_and_ignored(start: ChildStart) -> [u64; 2] {
    let said = said_by(&["cat", "/proc/self/status"], start); // no shell: some clear the mask before they run a program
    ["SigBlk:", "SigIgn:"].map(|name| {
        let bits = said.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        u64::from_str_radix(bits.trim(), 16).unwrap() & !bits_of(&[32, 33])
    })
}

#[cfg(target_os = "linux")]
fn bits_of(signals: &[i32]) -> u64 {
    signals.iter().fold(0, |bits, signal| bits | 1 << (signal - 1))
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_child_finds_the_signals_that_we_were_started_with() {
    let name = "a_child_finds_the_signals_that_we_were_started_with";
    // as nohup or Python's subprocess start us
    let starter = ["env", "--default-signal", "--ignore-signal=PIPE,HUP", "--block-signal=USR2"];
    if in_a_process_of_its_own(name, &starter).is_some() {
        return;
    }
    // what we do with signals since changes nothing
    use tokio::signal::unix::{SignalKind, signal};
    let _handled = (signal(SignalKind::hangup()).unwrap(), signal(SignalKind::interrupt()).unwrap());
    let expected = [bits_of(&[libc::SIGUSR2]), bits_of(&[libc::SIGPIPE, libc::SIGHUP])];
    assert_eq!(blocked_and_ignored(start()), expected);
    assert_eq!(blocked_and_ignored(ChildStart { signals: Signals::Default, ..start() }), [0, 0]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_child_of_a_plain_start_has_sigpipe_as_every_program_expects_it() {
    let name = "a_child_of_a_plain_start_has_sigpipe_as_every_program_expects_it";
    if in_a_process_of_its_own(name, &["env", "--default-signal"]).is_some() {
        return;
    }
    assert_eq!(blocked_and_ignored(start()), [0, 0]);
}

#[test]
fn limits_are_changed_for_us_and_restored_in_children() {
    let name = "limits_are_changed_for_us_and_restored_in_children";
    // the shell counts core limits in blocks of 512 bytes
    let starter = ["/bin/sh", "-c", "ulimit -c 2048; ulimit -Sn 300; ulimit -Hn 900; exec \"$@\"", "sh"];
    if in_a_process_of_its_own(name, &starter).is_some() {
        return;
    }
    forbid_dumps().unwrap();
    assert_eq!(raise_file_limit(200).unwrap(), 300);
    assert_eq!(raise_file_limit(800).unwrap(), 800);
    assert_eq!(crate::world::ourselves::file_limit(), Some(800));
    assert_eq!(raise_file_limit(100_000).unwrap(), 900);
    assert_eq!(getrlimit(Resource::Nofile).current, Some(900));
    assert_eq!(getrlimit(Resource::Core).current, Some(0));
    #[cfg(target_os = "linux")]
    assert_eq!(rustix::process::dumpable_behavior().unwrap(), rustix::process::DumpableBehavior::NotDumpable);
    assert_eq!(shell("ulimit -n; ulimit -c", start()), "300\n2048");
}

#[cfg(target_os = "linux")]
#[test]
fn a_child_is_dumpable_again() {
    let name = "a_child_is_dumpable_again";
    let us = crate::world::ourselves::uid;
    // the files of a process that is not dumpable belong to root (proc(5)); root cannot see the difference
    let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    let starter = if us() == 0 { &nobody[..] } else { &["env"] };
    if in_a_process_of_its_own(name, starter).is_some() {
        return;
    }
    forbid_dumps().unwrap();
    let owners = shell("stat -c %u /proc/$PPID/environ /proc/$$/environ", start());
    assert_eq!(owners, format!("0\n{}", us()));
}

#[cfg(target_os = "linux")]
#[test]
fn a_daemon_has_its_own_session_umask_and_no_descriptor_of_ours() {
    let file = tempfile::tempfile().unwrap();
    let leaky = rustix::io::dup(&file).unwrap();
    rustix::io::fcntl_setfd(&leaky, rustix::io::FdFlags::empty()).unwrap();
    let number = std::os::fd::AsRawFd::as_raw_fd(&leaky);
    let script =
        format!("test -e /proc/self/fd/{number} && echo open; umask; cut -d' ' -f5,6 /proc/self/stat; echo $$");

    let with = shell(&script, start());
    assert!(with.starts_with("open"), "{with}");
    let daemon =
        ChildStart { group: Group::NewSession, only_standard_descriptors: true, umask: Some(0o077), ..start() };
    let without = shell(&script, daemon);
    let lines: Vec<&str> = without.lines().collect();
    assert_eq!((lines[0], lines[1]), ("0077", format!("{0} {0}", lines[2]).as_str()), "{without}");
}

#[test]
fn a_program_that_cannot_be_started_is_an_error_with_all_descriptors_closed() {
    let mut command = Command::new("/no/such/program");
    ChildStart { only_standard_descriptors: true, ..start() }.apply(&mut command);
    assert_eq!(command.spawn().unwrap_err().kind(), io::ErrorKind::NotFound);
}

#[test]
fn an_unknown_user_has_no_name() {
    assert_eq!(user_name(0).and_then(|name| name.into_string().ok()).as_deref(), Some("root"));
    assert_eq!(user_name(3_999_999_999), None);
}

#[cfg(target_os = "linux")]
#[test]
fn only_what_nobody_writes_to_of_our_own_program_is_given_back() {
    let own = "/usr/bin/our own credenza";
    let mapping = |range: &str, permissions: &str, offset: &str, path: &str| {
        format!("{range} {permissions} {offset} 08:01 42                 {path}\nSize: 4 kB\nAnonymous: 0 kB\n")
    };
    let smaps: String = [
        mapping("1000-3000", "r--p", "00000000", own),
        mapping("3000-7000", "r-xp", "00002000", own),
        mapping("7000-8000", "r--p", "00006000", own), // relocated
        mapping("8000-9000", "rw-p", "00007000", own),
        mapping("9000-a000", "r-xp", "00000000", "/usr/lib/libc.so.6"),
        mapping("a000-b000", "r--p", "00000000", "/usr/lib/libc.so.6"),
        mapping("b000-c000", "r-xp", "00000000", "[vdso]"),
        mapping("c000-d000", "r-xp", "00000000", ""),
        "nonsense\n".to_owned(),
    ]
    .concat();
    assert_eq!(never_changed(&smaps, own), [(0x1000, 0x2000), (0x3000, 0x4000)]);
}

#[cfg(target_os = "linux")]
#[test]
fn what_was_given_back_is_there_when_it_is_needed() {
    let resident = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("RssFile:")).unwrap().to_owned();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    let before = resident();
    assert!(give_back_file_pages().unwrap() > 1 << 20);
    let after = resident();
    assert!(after < before, "{before} kB, then {after} kB");
    assert_eq!(shell("echo still here", start()), "still here");
}

/// In a process of its own: other tests would make the heap larger and smaller meanwhile.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[test]
fn what_a_burst_had_of_the_heap_is_given_back() {
    if in_a_process_of_its_own("what_a_burst_had_of_the_heap_is_given_back", &["env"]).is_some() {
        return;
    }
    let resident = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap().to_owned();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    let mut burst: Vec<Vec<u8>> = (0..16_000).map(|_| vec![1; 4096]).collect();
    let last = burst.pop();
    drop(burst);
    let kept = resident();
    assert!(kept > 60_000, "what lives after it keeps it: {kept} kB");
    give_back_heap();
    let given = resident();
    assert!(given < 20_000, "{kept} kB, then {given} kB");
    drop(last);
}
