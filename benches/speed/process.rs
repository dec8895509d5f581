//! What the system knows of a process: memory and wake-ups; and how long one takes.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

/// Resident memory in MiB.
pub fn resident_mib(id: u32) -> f64 {
    status_mib(id, "VmRSS:")
}

/// What it has of memory for itself, without the pages of the file that it is.
pub fn own_mib(id: u32) -> f64 {
    status_mib(id, "RssAnon:")
}

fn status_mib(id: u32, what: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(what)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}

/// How often its threads were woken, a second, over a span.
pub fn wakes_per_second(id: u32, span: Duration) -> f64 {
    std::thread::sleep(Duration::from_secs(1));
    let before = wakes(id);
    std::thread::sleep(span);
    (wakes(id) - before) as f64 / span.as_secs_f64()
}

fn wakes(id: u32) -> u64 {
    let threads = std::fs::read_dir(format!("/proc/{id}/task")).unwrap();
    threads
        .map(|thread| std::fs::read_to_string(thread.unwrap().path().join("status")).unwrap())
        .map(|status| {
            let line = status.lines().find(|line| line.starts_with("voluntary_ctxt_switches:")).unwrap();
            line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
        })
        .sum()
}

/// How long a program takes, in milliseconds.
pub fn time_ms(program: &str, arguments: &[&str]) -> f64 {
    time_command(Command::new(program).args(arguments))
}

/// How long a command takes, in milliseconds; it must succeed.
pub fn time_command(command: &mut Command) -> f64 {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let begun = Instant::now();
    let status = command.status().unwrap();
    let taken = begun.elapsed();
    assert!(status.success(), "{command:?}: {status}");
    taken.as_secs_f64() * 1e3
}

/// The argument that makes this program say what time it is, and end.
pub const SAY_WHEN: &str = "say-when";

/// A child that says when it ran: this program.
pub fn child() -> [String; 2] {
    [std::env::current_exe().unwrap().to_str().unwrap().to_owned(), SAY_WHEN.to_owned()]
}

/// What that child does.
pub fn say_when() {
    println!("{}", SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos());
}

/// How long it takes from the start of a command until the child that it starts [says when](say_when), in milliseconds.
pub fn until_said_ms(command: &mut Command) -> f64 {
    let begun = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", output.status);
    let said: u64 = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
    (Duration::from_nanos(said) - begun).as_secs_f64() * 1e3
}
