//! One daemon a user: started by many at once, found by its socket, ended with it.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use crate::home::{Granted, Home, Said, mode, until};
use crate::wire::key;

#[test]
fn fifty_starts_at_once_give_one_daemon() {
    let home = Home::new();
    let start = |_| home.credenza(&["up"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let starts: Vec<_> = (0..50).map(start).collect();
    let said: Vec<Said> = starts.into_iter().map(|start| Said::of(start.wait_with_output().unwrap())).collect();
    for said in &said {
        assert_eq!(said.code, Some(0), "{said:?}");
    }
    let addresses: BTreeSet<&str> = said.iter().map(|said| said.out.trim()).collect();
    assert_eq!(addresses.len(), 1, "{addresses:?}");
    let log = fs::read_to_string(home.state("daemon.log")).unwrap();
    assert_eq!(log.matches("serving").count(), 1, "{log}");
}

#[test]
fn up_and_down_can_be_said_twice() {
    let home = Home::new();
    let first = home.good(&["up"]);
    assert!(first.starts_with("ready http://127.0.0.1:"), "{first}");
    let pid = home.json(&["status", "--json"])["pid"].clone();
    assert_eq!(home.good(&["up"]), first);
    assert_eq!(home.json(&["status", "--json"])["pid"], pid);
    home.good(&["down"]);
    assert!(!home.socket().exists());
    let second = home.run(&["down"]);
    assert_eq!((second.code, second.err.as_str()), (Some(0), "no daemon runs\n"));
}

#[test]
fn serve_says_one_line_and_a_second_one_is_refused() {
    let home = Home::new();
    let mut daemon = home.serve();
    let refused = home.run(&["serve"]);
    refused.failed(1, &["a daemon runs already", &format!("process {}", daemon.pid()), "credenza down"]);
    assert_eq!(refused.out, "");
    daemon.signal("TERM");
    assert_eq!(daemon.ended(), Some(0));
    assert_eq!(daemon.rest(), "");
    assert!(!home.socket().exists());
}

#[test]
fn int_and_hup_end_it_in_good_order_too() {
    for signal in ["INT", "HUP"] {
        let home = Home::new();
        let mut daemon = home.serve();
        daemon.signal(signal);
        assert_eq!(daemon.ended(), Some(0), "{signal}");
    }
}

#[test]
fn a_daemon_of_another_runtime_folder_is_named() {
    let mut home = Home::new();
    let daemon = home.serve();
    fs::create_dir(home.path("xdg")).unwrap();
    let xdg = home.path("xdg").display().to_string();
    home.variables.push(("XDG_RUNTIME_DIR", xdg));
    let folder = home.state("run").display().to_string();
    home.run(&["serve"]).failed(1, &["a daemon runs already", &format!("process {}", daemon.pid()), &folder]);
}

#[test]
fn a_daemon_whose_socket_file_vanished_ends() {
    let home = Home::new();
    let mut daemon = home.serve();
    fs::remove_file(home.socket()).unwrap();
    assert_eq!(daemon.ended(), Some(0));
}

#[test]
fn a_daemon_whose_socket_file_is_anothers_ends_and_leaves_it() {
    let home = Home::new();
    let mut daemon = home.serve();
    fs::remove_file(home.socket()).unwrap();
    fs::write(home.socket(), "another's").unwrap();
    assert_eq!(daemon.ended(), Some(0));
    assert_eq!(fs::read_to_string(home.socket()).unwrap(), "another's");
    fs::remove_file(home.socket()).unwrap();
}

#[test]
fn after_its_runtime_folder_was_deleted_the_next_daemon_has_the_same_address_and_grants() {
    let mut home = Home::new().with_its_own_port();
    fs::create_dir(home.path("xdg")).unwrap();
    let xdg = home.path("xdg").display().to_string();
    home.variables.push(("XDG_RUNTIME_DIR", xdg));
    let mut daemon = home.serve();
    let granted = home.grant(&["prod"]);
    assert_eq!(key(&granted), "ASIAPROD");
    fs::remove_dir_all(home.path("xdg")).unwrap();
    // at once, while the old one may not have noticed yet
    let address = home.good(&["up"]);
    assert_eq!(address.trim(), format!("ready http://{}", daemon.address));
    assert_eq!(key(&granted), "ASIAPROD");
    assert_eq!(daemon.ended(), Some(0));
    home.good(&["down"]);
}

#[test]
fn a_job_goes_on_when_the_runtime_folder_is_deleted_and_the_next_daemon_lists_it() {
    let mut home = Home::new();
    fs::create_dir(home.path("xdg")).unwrap();
    let xdg = home.path("xdg").display().to_string();
    home.variables.push(("XDG_RUNTIME_DIR", xdg));
    let mut daemon = home.serve();
    let words = "echo $AWS_CONTAINER_CREDENTIALS_FULL_URI; echo $AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE
        echo $AWS_CONFIG_FILE; echo $AWS_SHARED_CREDENTIALS_FILE; read end";
    let mut exec = home.credenza(&["exec", "prod", "--token-file", "--", "sh", "-c", words]);
    let mut exec = exec.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(exec.stdout.take().unwrap()).lines().map(Result::unwrap);
    let [url, token_file, config, credentials] = std::array::from_fn(|_| said.next().unwrap());
    let key_now = || key(&Granted::of(&url, fs::read_to_string(&token_file).unwrap()));
    let listed = || {
        let status = home.run(&["status", "--json"]);
        status.code == Some(0) && status.out.contains(r#""command": "sh""#)
    };
    assert_eq!(key_now(), "ASIAPROD");
    until("the job is listed", listed);
    fs::remove_dir_all(home.path("xdg")).unwrap();
    assert_eq!(daemon.ended(), Some(0));
    assert_eq!(key_now(), "ASIAPROD");
    for file in [&token_file, &config, &credentials] {
        assert!(std::path::Path::new(file).exists(), "{file}");
    }
    home.good(&["up"]);
    until("the job is listed again", listed);
    assert_eq!(key_now(), "ASIAPROD");
    drop(exec.stdin.take());
    exec.wait().unwrap();
    assert!(!std::path::Path::new(&token_file).exists());
    home.good(&["down"]);
}

#[test]
fn what_was_left_behind_by_a_kill_is_swept_by_the_next_start() {
    let home = Home::new().with_its_own_port();
    fs::create_dir(home.state("run")).unwrap();
    fs::set_permissions(home.state("run"), fs::Permissions::from_mode(0o700)).unwrap();
    let script = "echo started; exec sleep 600";
    let mut exec = home.credenza(&["exec", "prod", "--token-file", "--", "sh", "-c", script]);
    let mut exec = exec.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(exec.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let child = fs::read_to_string(format!("/proc/{0}/task/{0}/children", exec.id())).unwrap_or_default();
    exec.kill().unwrap();
    exec.wait().unwrap();
    for pid in child.split_whitespace() {
        Command::new("kill").arg(pid).status().unwrap();
    }
    for left in [".grants.json.0123456789abcdef", "run/.wired-shells.config.0123456789abcdef"] {
        fs::write(home.state(left), "half").unwrap();
    }
    let names = |folder: &str| -> Vec<String> {
        let entries = fs::read_dir(home.state(folder)).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    assert!(names("run").iter().any(|name| name.ends_with(".token")), "{:?}", names("run"));
    let _daemon = home.serve();
    let wired: Vec<String> = names("run").into_iter().filter(|name| name.contains("wired-")).collect();
    assert_eq!(
        BTreeSet::from_iter(wired),
        BTreeSet::from(["wired-shells.config", "wired-shells.credentials"].map(Into::into))
    );
    assert!(!names("").iter().any(|name| name.starts_with('.')), "{:?}", names(""));
}

#[test]
fn a_socket_that_a_dead_daemon_left_is_replaced() {
    let home = Home::new();
    let mut daemon = home.serve();
    daemon.signal("KILL");
    daemon.ended();
    assert!(home.socket().exists());
    assert!(home.good(&["up"]).starts_with("ready "));
}

#[cfg(target_os = "linux")]
#[test]
fn in_the_background_it_has_nothing_of_its_starter() {
    let mut home = Home::new();
    home.variables.extend([
        ("AWS_SECRET_ACCESS_KEY", "of-the-shell".to_owned()),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "of-the-shell".to_owned()),
        ("LC_ALL", "C".to_owned()),
    ]);
    home.good(&["up"]);
    let pid = home.json(&["status", "--json"])["pid"].to_string();
    let proc = |name: &str| fs::read(format!("/proc/{pid}/{name}")).map(|bytes| String::from_utf8(bytes).unwrap());
    let status = proc("status").unwrap();
    let line = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
    assert_eq!(line("Umask:"), "0077");
    let stat = proc("stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    assert_eq!((fields[2], fields[3], fields[4]), (&*pid, &*pid, "0"), "group, session, no terminal");
    let limits = proc("limits").unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    if crate::home::root() {
        assert_eq!(fs::read_link(format!("/proc/{pid}/cwd")).unwrap().to_str(), Some("/"));
        let environment = proc("environ").unwrap();
        assert!(environment.contains("LC_ALL=C") && !environment.contains("of-the-shell"), "{environment}");
        let descriptor = |number: u32| fs::read_link(format!("/proc/{pid}/fd/{number}")).unwrap();
        assert_eq!(descriptor(0).to_str(), Some("/dev/null"));
        assert_eq!(descriptor(1).to_str(), Some("/dev/null"));
        assert_eq!(descriptor(2), home.state("daemon.log"));
    } else {
        println!("skipped: only root may look at a process that is not dumpable");
    }
    assert_eq!(mode(&home.state("daemon.log")), 0o600);
    assert_eq!(mode(&home.socket()), 0o600);
    assert_eq!(mode(&home.state("run")), 0o700);
}

#[test]
fn a_start_that_fails_says_why_in_the_starters_words() {
    let home = Home::new().with_its_own_port();
    fs::write(home.state("grants.json"), "{").unwrap();
    let said = home.run(&["up"]);
    said.failed(3, &["cannot start the daemon: ", "grants.json is not a list of grants", "remove it"]);
    assert!(!home.socket().exists());
    until("nothing is left of it", || fs::read_dir(home.state("run")).unwrap().count() <= 2);
}
