//! Real helper programs, run by Debian's and macOS's own `/bin/sh`.

use std::ffi::OsString;

use super::*;
use crate::world::Environment;

fn shell(script: &str) -> Run {
    Run {
        argv: ["/bin/sh", "-c", script].map(OsString::from).to_vec(),
        environment: Environment::from_iter([("PATH", "/usr/bin:/bin")]),
        input: None,
        time_limit: Duration::from_secs(20),
        output_limit: 1 << 10,
        seat: Seat::Background,
    }
}

async fn run(script: &str) -> Result<Ran, RunError> {
    SystemProcesses.run(shell(script)).await
}

fn text(ran: &Ran) -> &str {
    std::str::from_utf8(&ran.stdout).unwrap()
}

#[tokio::test]
async fn what_a_program_writes_and_how_it_ends_is_told() {
    let ran = run("echo out; echo problem >&2; exit 3").await.unwrap();
    assert_eq!((text(&ran), ran.stderr.as_slice(), ran.code), ("out\n", b"problem\n".as_slice(), Some(3)));
    assert_eq!(run("kill -9 $$").await.unwrap().code, None);
}

#[tokio::test]
async fn its_environment_is_what_was_named_and_its_input_is_empty() {
    let mut run = shell("cat; echo \"<$ONE><$HOME>\"");
    run.environment = run.environment.with("ONE", "1");
    let ran = SystemProcesses.run(run).await.unwrap();
    assert_eq!(text(&ran), "<1><>\n");
}

#[tokio::test]
async fn it_reads_what_it_is_given_and_the_end_of_it() {
    let given = "x".repeat(200_000);
    let with_input =
        |script: &str| Run { input: Some(Secret::new(given.clone())), output_limit: 1 << 20, ..shell(script) };
    let ran = SystemProcesses.run(with_input("cat")).await.unwrap();
    assert!(text(&ran) == given, "a pipe holds less than that");
    let ran = SystemProcesses.run(with_input("head -c 1; exec <&-; echo")).await.unwrap();
    assert_eq!((text(&ran), ran.code), ("x\n", Some(0)), "it need not read all of it");
}

#[tokio::test]
async fn the_program_is_looked_for_in_its_own_path() {
    let folder = tempfile::tempdir().unwrap();
    let helper = folder.path().join("my-helper");
    std::fs::write(&helper, "#!/bin/sh\necho found\n").unwrap();
    std::fs::set_permissions(&helper, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let mut run = shell("");
    run.argv = vec!["my-helper".into()];
    run.environment = run.environment.with("PATH", folder.path());
    assert_eq!(text(&SystemProcesses.run(run).await.unwrap()), "found\n");
}

#[tokio::test]
async fn a_program_runs_in_our_folder_unless_it_is_to_run_apart() {
    let here = std::env::current_dir().unwrap().canonicalize().unwrap();
    for (seat, folder) in [(Seat::Background, here.to_str().unwrap()), (Seat::Apart, "/")] {
        let ran = SystemProcesses.run(Run { seat, ..shell("pwd -P") }).await.unwrap();
        assert_eq!(text(&ran).trim_end(), folder, "{seat:?}");
    }
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let mut run = shell("");
    run.argv = vec!["/no/such/helper".into(), "--secret".into()];
    let error = SystemProcesses.run(run).await.unwrap_err();
    assert!(matches!(&error, RunError::Start { program, .. } if program == "/no/such/helper"), "{error}");
    assert!(!error.to_string().contains("--secret"));
}

#[tokio::test]
async fn a_program_that_takes_too_long_is_ended_with_its_children() {
    let folder = tempfile::tempdir().unwrap();
    let note = folder.path().join("pids");
    let mut run = shell(&format!("sleep 600 & echo $$ $! > {0}.new; mv {0}.new {0}; sleep 600", note.display()));
    run.time_limit = Duration::from_secs(2);
    let error = SystemProcesses.run(run).await.unwrap_err();
    assert!(matches!(&error, RunError::TimedOut { program, .. } if program == "/bin/sh"), "{error}");
    all_end(&std::fs::read_to_string(note).unwrap()).await;
}

#[tokio::test]
async fn a_run_that_is_given_up_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let note = folder.path().join("pids");
    let run = shell(&format!("sleep 600 & echo $$ $! > {0}.new; mv {0}.new {0}; sleep 600", note.display()));
    let running = tokio::spawn(SystemProcesses.run(run));
    while !note.exists() {
        tokio::task::yield_now().await;
    }
    running.abort();
    all_end(&std::fs::read_to_string(note).unwrap()).await;
}

#[tokio::test]
async fn what_a_program_leaves_running_in_its_group_ends_with_it() {
    let ran = run("sleep 600 >/dev/null 2>&1 & echo $!").await.unwrap();
    all_end(text(&ran)).await;
}

/// Every process that these numbers name ends, and soon.
async fn all_end(pids: &str) {
    for pid in pids.split_whitespace() {
        let Ok(found) = running::find(pid.parse().unwrap()) else { continue };
        let Ok(watch) = Watch::new(&found) else { continue };
        timeout(Duration::from_secs(10), watch.ended()).await.unwrap_or_else(|_| panic!("{found:?} goes on"));
    }
}

#[tokio::test]
async fn a_descendant_of_another_session_that_holds_the_pipe_does_not_keep_the_answer() {
    let begun = Instant::now();
    let ran = run("setsid sleep 600 & echo $!; echo answer").await.unwrap();
    assert!(text(&ran).ends_with("answer\n") && begun.elapsed() < Duration::from_secs(10));
    let left = text(&ran).lines().next().unwrap().parse().unwrap();
    rustix::process::kill_process(Pid::from_raw(left).unwrap(), Signal::KILL).unwrap();
}

#[tokio::test]
async fn a_program_that_writes_too_much_is_ended() {
    for (script, fits) in [
        ("head -c 1024 /dev/zero", true),
        ("head -c 1025 /dev/zero; sleep 600", false),
        ("yes >&2", false),
        ("head -c 1024 /dev/zero >&2; head -c 1024 /dev/zero", true),
    ] {
        let ran = run(script).await;
        assert_eq!(ran.is_ok(), fits, "{script}");
        assert!(fits || matches!(ran, Err(RunError::TooMuch { limit: 1024, .. })), "{script}");
    }
}

#[tokio::test]
async fn what_a_program_said_before_it_was_ended_is_told() {
    let mut run = shell("echo 'please touch your key' >&2; sleep 600");
    run.time_limit = Duration::from_secs(5);
    let error = SystemProcesses.run(run).await.unwrap_err();
    assert!(matches!(&error, RunError::TimedOut { stderr, .. } if stderr == b"please touch your key\n"), "{error:?}");
    // it overflows before the other pipe was looked at
    let error = super::tests::run("echo 'no such page' >&2; yes").await.unwrap_err();
    assert!(matches!(&error, RunError::TooMuch { stderr, .. } if stderr == b"no such page\n"), "{error:?}");
}

#[tokio::test]
async fn a_program_that_cannot_be_watched_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let go = folder.path().join("go");
    let mut group =
        ChildGroup::start(&shell(&format!("until [ -e {} ]; do sleep 0.01; done", go.display())), None).unwrap();
    group.watch = None;
    let mut ended = Box::pin(group.leader_ended());
    assert!(timeout(Duration::from_millis(50), &mut ended).await.is_err(), "it still runs");
    std::fs::write(&go, "").unwrap();
    timeout(Duration::from_secs(10), ended).await.unwrap();
    assert_eq!(group.wait().await.unwrap().code(), Some(0), "it was not killed");
}

#[test]
fn a_machine_without_room_is_no_fault_of_the_program() {
    for (errno, passing) in [
        (Errno::AGAIN, true),
        (Errno::MFILE, true),
        (Errno::TXTBSY, true),
        (Errno::NOENT, false),
        (Errno::ACCESS, false),
    ] {
        let error = not_started("helper".into(), &errno.into());
        assert_eq!(matches!(error, RunError::NoRoom { .. }), passing, "{errno}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn it_gets_three_descriptors_and_the_limits_and_signals_that_we_were_started_with() {
    // a descriptor that was inherited and is not close-on-exec: what a sloppy starter of ours leaves
    let file = tempfile::tempfile().unwrap();
    let leaky = rustix::io::dup(&file).unwrap();
    rustix::io::fcntl_setfd(&leaky, rustix::io::FdFlags::empty()).unwrap();
    let ran = run("ls /proc/self/fd; grep -E 'SigIgn|SigBlk' /proc/self/status; ulimit -n; ulimit -c").await.unwrap();
    let ours = std::fs::read_to_string("/proc/self/limits").unwrap();
    let limit = |name: &str| {
        ours.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()).unwrap().to_owned()
    };
    let lines: Vec<&str> = text(&ran).lines().collect();
    // 3 is the listing's own
    assert_eq!(lines[..4], ["0", "1", "2", "3"]);
    assert!(lines[4].starts_with("SigBlk") && lines[4].ends_with("0000000000000000"), "{}", lines[4]);
    assert_eq!(lines[6], limit("Max open files"));
    drop(leaky);
}
