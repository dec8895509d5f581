//! What we are ourselves while a command runs: dumped nowhere, read by no other process, with files enough for every
//! client; and its child as we were started.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::{Home, Said, a_port_of_our_own, until};
use crate::waiting::Waiting;

/// A shell's words before a command: it is started with these limits.
fn limited(limits: &str) -> String {
    format!("ulimit -Sc unlimited && {limits}; exec credenza \"$@\"")
}

/// What a process may: `Max core file size` and `Max open files`, the soft limits.
fn limits(of: &str) -> [String; 2] {
    let soft = |name: &str| {
        let line = of.lines().find(|line| line.starts_with(name)).unwrap();
        line[name.len()..].split_whitespace().next().unwrap().to_owned()
    };
    [soft("Max core file size"), soft("Max open files")]
}

/// `None`, and says so, where our own limit of core dumps is 0 and nobody could have a higher one.
fn cores() -> Option<()> {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    let unlimited = line.split_whitespace().filter(|word| *word == "unlimited").count() > 0;
    if !unlimited || line.split_whitespace().nth(5) != Some("unlimited") {
        println!("skipped: core dumps are limited here already");
        return None;
    }
    Some(())
}

#[test]
fn limits_are_changed_for_exec_and_restored_in_its_child() {
    let home = Home::new();
    if cores().is_none() {
        return;
    }
    let probe = "cat /proc/$PPID/limits > ~/ours; cat /proc/self/limits > ~/childs";
    let words = ["-c", &limited("ulimit -Sn 256"), "bash", "exec", "my-role", "--", "sh", "-c", probe];
    Said::of(home.command("bash", &words).output().unwrap()).good();
    let read = |name: &str| limits(&std::fs::read_to_string(home.path(name)).unwrap());
    assert_eq!(read("childs"), ["unlimited", "256"]);
    let [core, files] = read("ours");
    assert_eq!(core, "0");
    assert!(files.parse::<u64>().unwrap() > 256, "{files}");
}

#[test]
fn a_daemon_that_up_starts_leaves_no_core_either() {
    let home = Home::new();
    if cores().is_none() {
        return;
    }
    let words = ["-c", &limited("ulimit -Sn 256"), "bash", "up"];
    Said::of(home.command("bash", &words).output().unwrap()).good();
    let status: serde_json::Value = serde_json::from_str(&home.run(&["status", "--json"]).good()).unwrap();
    let [core, files] = limits(&std::fs::read_to_string(format!("/proc/{}/limits", status["pid"])).unwrap());
    assert_eq!(core, "0");
    assert!(files.parse::<u64>().unwrap() > 256, "{files}");
}

#[test]
fn execs_endpoint_answers_a_thousand_connections_whatever_limit_it_was_started_with() {
    const CONNECTIONS: usize = 1000;
    let ours = credenza::world::system::raise_file_limit(4096).unwrap();
    if ours < 2 * CONNECTIONS as u64 {
        println!("skipped: the hard limit of open files is {ours}");
        return;
    }
    let home = Home::new();
    let script = "ulimit -Sn 256; exec credenza \"$@\"";
    let by = |words: &[&str]| home.command("bash", &[&["-c", script, "bash"], words].concat());
    let job = Waiting::start_by(by, &["my-role"]);
    let (address, path) = job.url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let request = format!("GET /{path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: {}\r\n\r\n", job.token);
    let mut streams: Vec<TcpStream> = Vec::new();
    for number in 0..CONNECTIONS {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap_or_else(|error| panic!("connection {number}: {error}"));
        assert_eq!(&answer, b"HTTP/1.1 200", "connection {number}");
        streams.push(stream); // all stay open
    }
}

/// A home of a user without rights: the files of a process that is not dumpable belong to root (proc(5)), and root
/// itself cannot see the difference.
struct Plain(Home);

const NOBODY: u32 = 65_534;

impl Plain {
    fn new() -> Self {
        let home = Home::new();
        if root() {
            for path in ["", ".aws", ".aws/config", ".aws/credentials"] {
                chown(home.path(path), Some(NOBODY), Some(NOBODY)).unwrap();
            }
        }
        std::fs::create_dir_all(home.path(".config/credenza")).unwrap();
        home.write(".config/credenza/config.toml", &format!("[server]\nlisten = \"{}\"\n", a_port_of_our_own()));
        Self(home)
    }

    fn credenza(&self, words: &[&str]) -> Command {
        let mut command = self.0.credenza(words);
        if root() {
            command.uid(NOBODY).gid(NOBODY).current_dir("/");
        }
        command
    }

    fn run(&self, words: &[&str]) -> String {
        Said::of(self.credenza(words).output().unwrap()).good()
    }
}

impl Drop for Plain {
    fn drop(&mut self) {
        let _ = self.credenza(&["down"]).output();
    }
}

fn root() -> bool {
    credenza::world::ourselves::uid() == 0
}

/// Whether other processes of its user are kept from reading it.
fn is_closed(pid: &str) -> bool {
    std::fs::metadata(format!("/proc/{pid}/environ")).is_ok_and(|data| data.uid() == 0)
}

/// A command that cannot end: its output goes into a pipe that is full already.
struct Stuck {
    child: Child,
    _reader: OwnedFd,
}

impl Stuck {
    fn start(mut command: Command) -> Self {
        use rustix::fs::{OFlags, fcntl_setfl};
        let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
        fcntl_setfl(&writer, OFlags::NONBLOCK).unwrap();
        let mut filled = File::from(writer.try_clone().unwrap());
        while filled.write(&[b'x'; 4096]).is_ok() {}
        fcntl_setfl(&writer, OFlags::empty()).unwrap();
        Self { child: command.stdout(Stdio::from(writer)).spawn().unwrap(), _reader: reader }
    }
}

impl Drop for Stuck {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn no_other_process_reads_the_memory_of_any_command() {
    let home = Plain::new();
    home.run(&["up"]);
    let status: serde_json::Value = serde_json::from_str(&home.run(&["status", "--json"])).unwrap();
    assert!(is_closed(&status["pid"].to_string()), "serve");
    for words in [
        &["list"][..],
        &["status"],
        &["up"],
        &["grant", "list"],
        &["grant", "new", "--name", "job", "--token-file", &home.0.path("token").display().to_string(), "my-role"],
        &["credential", "my-role"],
        &["env", "my-role", "--format", "bash"],
    ] {
        let stuck = Stuck::start(home.credenza(words));
        let pid = stuck.child.id().to_string();
        until(&format!("{words:?} is closed to others"), || is_closed(&pid));
    }
}

#[test]
fn no_other_process_reads_execs_memory_and_its_child_is_as_any_other() {
    let home = Plain::new();
    let user = if root() { NOBODY } else { credenza::world::ourselves::uid() };
    if user == 0 {
        println!("skipped: root cannot see the difference");
        return;
    }
    let said = home.run(&["exec", "my-role", "--", "sh", "-c", "stat -c %u /proc/$PPID/environ /proc/$$/environ"]);
    assert_eq!(said, format!("0\n{user}\n"));
}
