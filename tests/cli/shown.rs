//! What `list`, `status`, `grant list` and `logs` show; the members of their JSON are those of `docs/json.md`.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use serde_json::Value;

use crate::home::Home;
use crate::wire::key;

/// Every member of a JSON text, as `asks.identity`.
fn members(value: &Value, at: &str, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                let at = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
                members(value, &at, into);
                into.insert(at);
            }
        }
        Value::Array(array) => array.iter().for_each(|value| members(value, at, into)),
        _ => {}
    }
}

/// The members that a section of `docs/json.md` names: the first cell of each row of its table.
pub(crate) fn documented(section: &str) -> BTreeSet<String> {
    let text = include_str!("../../docs/json.md");
    let (_, rest) = text.split_once(&format!("\n## `{section}`")).unwrap_or_else(|| panic!("no section {section}"));
    let section = rest.split("\n## ").next().unwrap();
    let row = |line: &str| Some(line.strip_prefix("| `")?.split('`').next()?.to_owned());
    section.lines().filter_map(row).collect()
}

fn same_as_documented(value: &Value, section: &str) {
    let mut found = BTreeSet::new();
    members(value, "", &mut found);
    assert_eq!(found, documented(section), "{section}: {value:#}");
}

#[test]
fn the_table_of_list_is_as_the_readme_shows_it() {
    let home = Home::new();
    let config = "[profile base]\nregion = eu-central-1\n\n[profile my-role]\nrole_arn = arn:aws:iam::111122223333:role/deploy\n\
                  source_profile = base\nregion = eu-west-1\n\n[sso-session corp]\nsso_start_url = https://corp.awsapps.com/start\nsso_region = eu-west-1\n\n\
                  [profile my-dev]\nsso_session = corp\nsso_account_id = 111122223333\nsso_role_name = dev\n\
                  region = eu-central-1\n";
    home.write(".aws/config", config);
    home.write(".aws/credentials", "[base]\naws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = not-so-secret\n");
    let readme = include_str!("../../README.md");
    let (_, shown) = readme.split_once("$ credenza list\n").unwrap();
    let (shown, _) = shown.split_once("```").unwrap();
    let file = home.path(".aws/config").display().to_string();
    assert_eq!(home.good(&["list"]), shown.replace("/home/ada/.aws/config", &file));
    let list = home.json(&["list", "--json"]);
    let row =
        |name: &str| list["identities"].as_array().unwrap().iter().find(|row| row["name"] == name).unwrap().clone();
    let (role, sso) = (row("my-role"), row("my-dev"));
    assert_eq!((&role["account"], &role["region"]), (&"111122223333".into(), &"eu-west-1".into()));
    assert_eq!((&role["usable"], &role["reason"]), (&true.into(), &Value::Null));
    assert_eq!((&role["file"], &role["line"]), (&file.as_str().into(), &4.into()));
    assert_eq!((&sso["usable"], &sso["line"]), (&true.into(), &13.into()));
    assert_eq!((&sso["kind"], &sso["account"]), (&"sso".into(), &"111122223333".into()));
    assert_eq!(row("base")["account"], Value::Null);
    home.write(".aws/config", &config.replace("sso_session = corp", "sso_session = crop"));
    let list = home.json(&["list", "--json"]);
    let sso = list["identities"].as_array().unwrap().iter().find(|row| row["name"] == "my-dev").unwrap();
    assert_eq!((&sso["usable"], &sso["account"]), (&false.into(), &"111122223333".into()));
    assert_eq!(sso["reason"], format!("{file}:14: there is no [sso-session crop]: did you mean `corp`?"));
}

#[test]
fn the_json_of_list_is_as_documented() {
    same_as_documented(&Home::new().json(&["list", "--json"]), "credenza list --json");
}

/// A session of IAM Identity Center, and a profile that rests on it.
const SIGN_IN: &str = "[sso-session corp]\nsso_start_url = https://corp.awsapps.com/start\nsso_region = eu-west-1\n\
                       [profile sso-dev]\nsso_session = corp\nsso_account_id = 111122223333\nsso_role_name = dev\n";

/// A user whose keys do nothing without a code.
const CODED: &str = "[profile coded]\naws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = not-so-secret\n\
                     mfa_serial = arn:aws:iam::111122223333:mfa/ada\n";

#[test]
fn the_json_of_status_and_grants_is_as_documented() {
    let home = Home::new();
    let config = home.profiles(&["prod", "dev"]);
    home.write(".aws/config", &format!("{config}{SIGN_IN}{CODED}"));
    let listener = crate::home::a_port_of_our_own();
    home.configure(&format!("[[listener]]\ndialects = [\"ec2\"]\naddress = \"{listener}\"\nidentities = [\"prod\"]\n"));
    let _daemon = home.serve();
    let granted = home.grant(&["prod", "--name", "one", "--for", "1h"]);
    key(&granted);
    // one that nobody has signed in to, which is found without a network
    let unsigned = home.grant(&["sso-dev", "--name", "three"]);
    assert_eq!(crate::wire::get(&unsigned).unwrap().status, 403);
    // one that fails, and one that is connected
    home.write("dev.json", "{}");
    let dev = home.grant(&["dev", "--name", "two"]);
    assert_ne!(crate::wire::get(&dev).unwrap().status, 200);
    let _job = connected(&home);
    same_as_documented(&home.json(&["grant", "list", "--json"]), "credenza grant list --json");
    let status = home.json(&["status", "--json"]);
    same_as_documented(&status, "credenza status --json");
    let prod = &status["asks"].as_array().unwrap().iter().find(|ask| ask["identity"] == "prod").unwrap();
    assert_eq!((&prod["state"], &prod["access_key_id"]), (&"fresh".into(), &"ASIAPROD".into()));
    let sign_in = &status["sign_ins"][0];
    assert_eq!((&sign_in["session"], &sign_in["state"]), (&"corp".into(), &"signed-out".into()));
    assert_eq!(sign_in["last_failure"]["code"], "LoginRequired");
    let text = home.good(&["status"]);
    let head = "SESSION  STATE       PERSON  ENDS  TOKEN ENDS  NEXT REFRESH\n";
    let row = "corp     signed-out  -       -     -           -             try: credenza login corp\n";
    assert!(text.contains(&format!("\n{head}{row}\n")), "{text}");
    let session = &status["user_sessions"][0];
    assert_eq!(
        (&session["session"], &session["state"], &session["login"]),
        (&"ada".into(), &"code-needed".into(), &"coded".into())
    );
    let head = "USER SESSION  STATE        BEGAN  ENDS  IDENTITIES\n";
    let row = "ada           code-needed  -      -     1           try: credenza login coded\n";
    assert!(text.contains(&format!("\n{head}{row}\n")), "{text}");
    for word in ["prod", "fresh", "59m", "dev", "one", "two", "make", "127.0.0.1"] {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert!(!text.contains(&granted.token) && !status.to_string().contains(&granted.token));
}

#[test]
fn the_json_of_secrets_is_as_documented() {
    let home = Home::new();
    let members_of = |words: &[&str]| home.json(words).as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    let of_env = members_of(&["env", "prod", "--format", "json"]);
    assert_eq!(of_env, documented("credenza env --format json"));
    let mut of_credential = members_of(&["credential", "prod", "--format", "json"]);
    // this one comes from a process, which names neither
    of_credential.extend(["AccountId", "RoleArn"].map(str::to_owned));
    assert_eq!(of_credential, documented("credenza credential --format json"));
    let token = crate::azure::with_az(&crate::azure::signed_in()).json(&["credential", "graph"]);
    let of_token: BTreeSet<_> = token.as_object().unwrap().keys().cloned().collect();
    assert_eq!(of_token, documented("credenza credential IDENTITY --resource RESOURCE"));
}

#[test]
fn the_lines_of_the_audit_trail_are_as_documented() {
    let home = crate::azure::with_az(&crate::azure::signed_in());
    let _daemon = home.serve();
    home.good(&["credential", "graph"]);
    let granted = home.grant(&["prod", "--name", "one"]);
    // the first of a second, and those that are counted with it
    for _ in 0..3 {
        key(&granted);
    }
    let lines = || -> Vec<Value> {
        home.good(&["logs", "--audit"]).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    crate::home::until("repeats are written", || lines().iter().any(|line| line["first_time"].is_string()));
    let mut found = BTreeSet::new();
    for line in lines() {
        members(&line, "", &mut found);
        assert!(line["pid"].is_null() || line.get("first_time").is_none(), "{line}");
    }
    assert_eq!(found, documented("credenza logs --audit"));
}

/// A job that holds its connection, as `exec` does.
fn connected(home: &Home) -> std::os::unix::net::UnixStream {
    use std::io::{Read as _, Write as _};
    let mut stream = std::os::unix::net::UnixStream::connect(home.socket()).unwrap();
    let job = r#"{"command":"make","identities":[{"name":"prod"}],"address":"http://127.0.0.1:1"}"#;
    let length = job.len();
    write!(stream, "POST /v1/job HTTP/1.1\r\nHost: x\r\nCredenza-Protocol: 1\r\nContent-Length: {length}\r\n\r\n{job}")
        .unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    stream
}

#[test]
fn a_job_is_shown_as_long_as_it_is_connected() {
    let home = Home::new();
    let _daemon = home.serve();
    let jobs = || home.json(&["status", "--json"])["jobs"].clone();
    let job = connected(&home);
    let shown = jobs();
    assert_eq!((&shown[0]["command"], &shown[0]["pid"]), (&"make".into(), &std::process::id().into()));
    drop(job);
    crate::home::until("it is gone", || jobs() == serde_json::json!([]));
}

#[test]
fn without_a_daemon_there_is_no_status_and_the_command_is_named() {
    let home = Home::new();
    for words in [&["status"][..], &["status", "--json"], &["grant", "list"], &["grant", "revoke", "x"]] {
        home.run(words).failed(1, &["no daemon runs", "try: credenza up"]);
    }
}

#[test]
fn watching_shows_each_change_once() {
    let home = Home::new();
    let _daemon = home.serve();
    let granted = home.grant(&["prod"]);
    let mut watch = home.credenza(&["status", "--watch", "--json"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let mut next = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(next()["asks"], serde_json::json!([]));
    key(&granted);
    assert_eq!(next()["asks"][0]["identity"], "prod");
    watch.kill().unwrap();
    watch.wait().unwrap();
}

#[test]
fn the_log_and_the_audit_trail_are_shown_and_followed() {
    let home = Home::new();
    home.run(&["logs"]).failed(1, &["holds none yet", "credenza up"]);
    home.good(&["up"]);
    let granted = home.grant(&["prod", "--name", "sync"]);
    let mut follow = home.credenza(&["logs", "--audit", "--follow"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(follow.stdout.take().unwrap()).lines();
    key(&granted);
    let line: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!((&line["grant"], &line["outcome"]), (&"sync".into(), &"issued".into()));
    // a file that takes the place of the full one is followed too
    std::fs::rename(home.state("audit.jsonl"), home.state("audit.jsonl.1")).unwrap();
    home.run(&["grant", "revoke", "sync"]);
    assert_eq!(crate::wire::get(&granted).unwrap().status, 403);
    let line: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(line["outcome"], "token-unknown");
    follow.kill().unwrap();
    follow.wait().unwrap();
    let both = home.good(&["logs", "--audit"]);
    assert!(both.contains("ASIAPROD") && both.contains("token-unknown"), "{both}");
    let log = home.good(&["logs"]);
    assert!(log.contains("serving") && log.contains("grant ended"), "{log}");
}

/// Linux has a file that is always full.
#[cfg(target_os = "linux")]
#[test]
fn what_could_not_be_written_is_no_success_and_a_grant_that_nobody_saw_is_taken_back() {
    let home = Home::new();
    let _daemon = home.serve();
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let commands: [&[&str]; 6] = [
        &["credential", "prod"],
        &["list"],
        &["status"],
        &["logs", "--audit"],
        &["grant", "new", "prod"],
        &["env", "prod"],
    ];
    for words in commands {
        let ended = home.credenza(words).stdout(full()).stderr(Stdio::piped()).output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(1), "{words:?}: {said}");
        assert!(said.contains("cannot write to standard output: No space left"), "{words:?}: {said}");
    }
    let kept = home.json(&["grant", "list", "--json"]);
    let holders: Vec<&Value> = kept["grants"].as_array().unwrap().iter().map(|grant| &grant["holder"]).collect();
    assert!(!holders.contains(&&Value::from("job")), "{kept}");
    let mut gone = home.credenza(&["list"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(gone.stdout.take());
    assert_eq!(gone.wait().unwrap().code(), Some(0), "a reader that went away is no failure");
}
