//! One-time codes, the keys behind them and the sessions that they begin: a person's command hands keys and code to the
//! daemon, sources fail in their own words, and nothing of it shows.

use std::fs;
use std::process::Output;
use std::time::Duration;

use simcloud::Trust;

use crate::binary::{House, end};

const SERIAL: &str = "arn:aws:iam::111122223333:mfa/base";
const SAID: &str = "sAiDbYaSoUrCeOfCoDeS/+0123456789abcdef01";
const ARGUMENT: &str = "aRgUmEnTOfASourceOfCodes0123456789";

/// A house with a role that wants a code, one whose code comes from a program that talks, and one whose keys do.
fn furnished(house: &mut House) {
    let arn = "arn:aws:iam::111122223333:role/coded";
    house.cloud.add_device("base", SERIAL);
    let trust = Trust::of(["arn:aws:iam::111122223333:user/base"]).require_mfa();
    house.cloud.add_role(arn, trust, Duration::from_secs(3600));
    house
        .add_profiles(&format!("[profile coded]\nrole_arn = {arn}\nsource_profile = default\nmfa_serial = {SERIAL}\n"));
    let babbles = format!("[\"sh\", \"-c\", \"echo {SAID}; echo {SAID} >&2; exit $0\", \"0\", \"{ARGUMENT}\"]");
    let fails = babbles.replace("\"0\"", "\"3\"");
    let device = |name: &str| format!("mfa_serial = \"arn:aws:iam::111122223333:mfa/{name}\"");
    let config = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n\
         [identity.babbles-codes]\nrole_arn = \"{arn}\"\nkeys = \"env:AWS\"\n{}\notp = {{ command = {babbles}, unattended = true }}\n\
         [identity.fails-codes]\nrole_arn = \"{arn}\"\nkeys = \"env:AWS\"\n{}\notp = {{ command = {fails}, unattended = true }}\n\
         [identity.babbles-keys]\nrole_arn = \"{arn}\"\nkeys = {{ command = {babbles}, unattended = true }}\n",
        device("b"),
        device("c"),
    );
    fs::write(house.path("config.toml"), config).unwrap();
    house.needles.add("what a source of codes said", SAID);
    house.needles.add("an argument of a source of codes", ARGUMENT);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_codes_and_sessions_stay_where_they_belong() {
    let mut house = House::build().await;
    furnished(&mut house);
    let (mut daemon, _) = house.serve().await;
    let code = house.cloud.code_of(SERIAL);
    let wrong = if code == "918273" { "918274" } else { "918273" };
    let mut said: Vec<(String, Output)> = Vec::new();
    for (command, good) in [
        (&["credential", "coded"][..], false),
        (&["login", "coded", "--code", wrong], false),
        (&["login", "coded", "--code", &code], true),
        (&["login", "coded", "--code", &code], false),
        (&["login", "coded", "--code", "12345"], false),
        (&["login", "babbles-codes"], false),
        (&["login", "fails-codes"], false),
        (&["credential", "babbles-codes"], false),
        (&["credential", "fails-codes"], false),
        (&["credential", "babbles-keys"], false),
        (&["exec", "coded", "--", "sh", "-c", "env; tr '\\0' ' ' < /proc/$PPID/cmdline"], true),
        (&["status"], true),
        (&["status", "--json"], true),
        (&["list"], true),
        (&["keys", "list"], true),
        (&["logout", "coded", "--yes"], true),
    ] {
        let output = house.run(command).await;
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.success(), good, "{command:?}: {words}");
        said.push((command.join(" "), output));
    }
    end(&mut daemon).await;
    house.learn();
    for (command, output) in &said {
        // a code that is no code is a mistake of typing, and clap shows it
        house.search(command, output);
        for shown in [&code, wrong] {
            let text = [&output.stdout[..], &output.stderr].concat();
            assert!(!holds(&text, shown), "a code in what {command:?} says");
        }
    }
    let log = fs::read(house.path("said")).unwrap();
    house.needles.assert_not_in("what the daemon said", &log);
    let mut searched = 0;
    for file in files_below(&house.path("state")) {
        let text = fs::read(&file).unwrap();
        assert!(!holds(&text, &code) && !holds(&text, wrong), "a code in {}", file.display());
        searched += 1;
    }
    assert!(searched >= 3, "the trail, the grants and the record of codes at the least");
    assert!(!holds(&log, &code) && !holds(&log, wrong), "a code in the log");
    house.needles.assert_not_below(&house.path("state"), &[]);
    assert_eq!(house.cloud.codes_sent(SERIAL).len(), 2, "the search was of what really went out");
    assert!(holds(format!("x {code}.").as_bytes(), &code), "a planted code is found");
}

/// Whether a text holds these six digits, not as a part of a longer number.
fn holds(text: &[u8], code: &str) -> bool {
    text.windows(code.len()).enumerate().any(|(at, window)| {
        let digit = |at: Option<usize>| at.and_then(|at| text.get(at)).is_some_and(u8::is_ascii_digit);
        window == code.as_bytes() && !digit(at.checked_sub(1)) && !digit(Some(at + code.len()))
    })
}

fn files_below(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files_below(&path)),
            false if path.is_file() => found.push(path),
            false => {}
        }
    }
    found
}
