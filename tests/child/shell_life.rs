//! Shells that take `credenza env`, from the wiring to the end.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use crate::support::{Home, Said, a_port_of_our_own, ask, until};

const SHELLS: [&str; 4] = ["bash", "dash", "zsh", "fish"];

/// How each shell takes what a command prints.
fn take(shell: &str, command: &str) -> String {
    if shell == "fish" { format!("{command} | source") } else { format!("eval \"$({command})\"") }
}

/// Runs a script in a shell without start-up files, with more variables than [`Home::variables`].
fn run(home: &Home, shell: &str, script: &str, more: &[(&str, &str)]) -> Said {
    let plain: &[&str] = match shell {
        "bash" => &["--norc", "--noprofile", "-c"],
        "zsh" => &["-f", "-c"],
        "fish" => &["--no-config", "-c"],
        _ => &["-c"],
    };
    let mut command = home.command(shell, &[plain, &[script]].concat());
    Said::of(command.envs(more.iter().copied()).output().unwrap())
}

#[test]
fn every_shell_is_wired_and_restored() {
    let home = Home::new();
    let before = [
        ("AWS_PROFILE", "sandbox"),
        ("AWS_ACCESS_KEY_ID", "AKIAOUTER"),
        ("AWS_SECRET_ACCESS_KEY", "it's $ecret \\ \""),
        ("AWS_REGION", "us-east-1"),
        ("NO_PROXY", "corp.example"),
    ];
    for shell in SHELLS {
        let (wire, unwire) = (take(shell, "credenza env my-role"), take(shell, "credenza env --unset"));
        let shown = "env | grep -v -E '^(_|SHLVL|PWD|OLDPWD)=' | sort";
        let ask = "credenza credential my-role --from-endpoint >/dev/null && echo taken";
        let script = format!("{shown} > ~/before\n{wire}\n{ask}\n{shown} > ~/wired\n{unwire}\n{shown} > ~/after");
        let said = run(&home, shell, &script, &before);
        assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (Some(0), "taken\n", ""), "{shell}");
        let read = |name: &str| std::fs::read_to_string(home.path(name)).unwrap();
        assert_eq!(read("after"), read("before"), "{shell}");
        let wired = read("wired");
        for expected in ["CREDENZA_IDENTITY=my-role\n", "AWS_REGION=us-east-1\n", "NO_PROXY=corp.example,127.0.0.1"] {
            assert!(wired.contains(expected), "{shell}: {expected}");
        }
        for unwanted in ["AWS_PROFILE=", "AWS_ACCESS_KEY_ID=", "$ecret", "AKIAOUTER"] {
            assert!(!wired.lines().any(|line| line.starts_with(unwanted)), "{shell}: {unwanted}");
        }
        assert!(!wired.contains("$ecret"), "{shell}");
    }
}

#[test]
fn a_shell_that_is_wired_anew_has_the_new_alone_and_goes_back_to_the_first() {
    let home = Home::new();
    let wire = |name: &str| take("bash", &format!("credenza env {name}"));
    let script = format!(
        "{}\n{}\necho $CREDENZA_IDENTITY $AWS_REGION\n{}\necho \"[$CREDENZA_IDENTITY$AWS_REGION$AWS_CONFIG_FILE]\"",
        wire("my-role"),
        wire("my-dev"),
        take("bash", "credenza env --unset"),
    );
    assert_eq!(run(&home, "bash", &script, &[]).good(), "my-dev eu-north-1\n[]\n");
}

#[test]
fn taking_it_returns_though_it_starts_a_daemon() {
    let home = Home::new();
    // a daemon that held the pipe open would keep the shell waiting for ever
    let script = "x=$(credenza env my-role 2>&1); echo returned; $(credenza env my-role) 2>/dev/null; echo again";
    assert_eq!(run(&home, "bash", script, &[]).good(), "returned\nagain\n");
    assert!(home.run(&["status"]).out.contains("my-role"));
}

#[test]
fn a_shell_may_run_us_from_another_process_of_its_own() {
    let home = Home::new();
    for (shell, taking) in [
        ("bash", "eval \"$(credenza env my-role | cat)\""),
        ("bash", "source <(credenza env my-role)"),
        ("bash", "eval \"$( (true; credenza env my-role; true) )\""),
        ("zsh", "eval \"$(credenza env my-role | cat)\""),
        ("fish", "credenza env my-role | cat | source"),
    ] {
        // by then whatever ran us in between is long gone, and the grant still lives
        let script =
            format!("{taking}\nsleep 0.3\ncredenza credential my-role --from-endpoint >/dev/null && echo lives");
        assert_eq!(run(&home, shell, &script, &[]).good(), "lives\n", "{shell}: {taking}");
    }
}

/// A bash that reads its lines from us.
struct Shell {
    child: Child,
    keyboard: ChildStdin,
    screen: BufReader<ChildStdout>,
}

impl Shell {
    fn start(home: &Home) -> Self {
        let mut command = home.command("bash", &["--norc", "--noprofile"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (keyboard, screen) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, keyboard, screen }
    }

    fn says(&mut self, line: &str) -> String {
        writeln!(self.keyboard, "{line}").unwrap();
        let mut said = String::new();
        self.screen.read_line(&mut said).unwrap();
        said.trim_end().to_owned()
    }
}

#[test]
fn the_right_ends_with_the_shell() {
    let home = Home::new();
    let mut shell = Shell::start(&home);
    let said = shell.says(
        "eval \"$(credenza env my-role)\"; echo $AWS_CONTAINER_CREDENTIALS_FULL_URI $AWS_CONTAINER_AUTHORIZATION_TOKEN",
    );
    let (url, token) = said.split_once(' ').unwrap();
    assert_eq!(ask(url, token).unwrap().0, 200);
    shell.child.kill().unwrap();
    shell.child.wait().unwrap();
    until("the token opens nothing any more", || ask(url, token).unwrap().0 == 403);
}

#[test]
fn c70_a_shell_goes_on_with_the_same_address_and_token_after_the_daemon_was_killed() {
    let home = Home::new();
    // while it is dead, another test's daemon could take the usual port
    std::fs::create_dir_all(home.path(".config/credenza")).unwrap();
    home.write(".config/credenza/config.toml", &format!("[server]\nlisten = \"{}\"\n", a_port_of_our_own()));
    let mut shell = Shell::start(&home);
    let said = shell.says(
        "eval \"$(credenza env my-role)\"; echo $AWS_CONTAINER_CREDENTIALS_FULL_URI $AWS_CONTAINER_AUTHORIZATION_TOKEN",
    );
    let (url, token) = said.split_once(' ').unwrap();
    let status: serde_json::Value = serde_json::from_str(&home.run(&["status", "--json"]).good()).unwrap();
    let pid = status["pid"].to_string();
    assert!(std::process::Command::new("kill").args(["-KILL", &pid]).status().unwrap().success());
    until("it is gone", || !std::path::Path::new(&format!("/proc/{pid}")).exists());
    home.run(&["up"]).good();
    assert_eq!(ask(url, token).unwrap().0, 200);
    assert_eq!(shell.says("credenza credential my-role --from-endpoint >/dev/null && echo taken"), "taken");
    shell.child.kill().unwrap();
    shell.child.wait().unwrap();
}

#[test]
fn for_says_how_long_it_lasts_at_most() {
    let home = Home::new();
    let script = format!("{}\ncredenza grant list --json", take("bash", "credenza env my-role --for 8h"));
    let said = run(&home, "bash", &script, &[]).good();
    let grants: serde_json::Value = serde_json::from_str(&said).unwrap();
    let grant = &grants["grants"][0];
    let ends: jiff::Timestamp = grant["ends"].as_str().unwrap().parse().unwrap();
    let made: jiff::Timestamp = grant["made"].as_str().unwrap().parse().unwrap();
    let hours = (ends - made).total(jiff::Unit::Hour).unwrap();
    assert!((7.9..8.1).contains(&hours), "{grant}");
    assert_eq!(home.run(&["env", "my-role", "--for", "soon"]).code, Some(2));
}

#[test]
fn json_and_dotenv_are_for_the_program_that_asks() {
    let home = Home::new();
    let script = "credenza env my-role --format json > ~/json; credenza env my-role --format dotenv > ~/dotenv; \
                  set -a; . ~/dotenv; credenza credential my-role --from-endpoint >/dev/null && echo taken; \
                  credenza grant list --json";
    let said = run(&home, "bash", script, &[("AWS_PROFILE", "sandbox")]).good();
    let (taken, grants) = said.split_once('\n').unwrap();
    assert_eq!(taken, "taken");
    let grants: serde_json::Value = serde_json::from_str(grants).unwrap();
    assert!(grants["grants"].as_array().unwrap().iter().all(|grant| grant["pid"].is_u64()), "{grants}");
    let json: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(home.path("json")).unwrap()).unwrap();
    assert_eq!(json["set"]["CREDENZA_IDENTITY"], "my-role");
    assert_eq!(json["unset"], serde_json::json!(["AWS_PROFILE"]));
}

#[test]
fn the_shells_files_are_0400_and_follow_the_users() {
    let home = Home::new();
    let script =
        format!("{}\nstat -c %a $AWS_CONFIG_FILE $AWS_SHARED_CREDENTIALS_FILE", take("bash", "credenza env my-role"));
    assert_eq!(run(&home, "bash", &script, &[]).good(), "400\n400\n");
    let text = std::fs::read_to_string(home.path(".aws/config")).unwrap();
    let added = "[profile added]\nrole_arn = arn:aws:iam::111122223333:role/x\nsource_profile = base\n";
    home.write(".aws/config", &format!("{text}{added}"));
    let file = home.run_folder().join("wired-shells.config");
    until("it follows", || std::fs::read_to_string(&file).unwrap().contains("[profile added]"));
}

#[test]
fn fish_takes_it_by_eval_too() {
    let home = Home::new();
    let script = "eval (credenza env my-role); echo $CREDENZA_IDENTITY; \
                  credenza credential my-role --from-endpoint >/dev/null; and echo taken; \
                  eval (credenza env --unset); echo \"[$CREDENZA_IDENTITY]\"";
    assert_eq!(run(&home, "fish", script, &[]).good(), "my-role\ntaken\n[]\n");
}

#[test]
fn a_shell_that_ends_at_a_failure_ends_where_it_cannot_be_wired() {
    let home = Home::new();
    let said = run(&home, "bash", "set -e; eval \"$(credenza env nope)\"; echo went on", &[]);
    assert_eq!((said.code, said.out.as_str()), (Some(1), ""), "{said:?}");
    assert!(said.err.contains("no identity nope"), "{said:?}");
    let json = home.run(&["env", "nope", "--format", "json"]);
    assert_eq!((json.code, json.out.as_str()), (Some(3), ""), "{json:?}");
}

#[test]
fn what_cannot_be_wired_is_said_and_nothing_else_printed() {
    let home = Home::new();
    for (words, code) in [(&["env", "my-rol"][..], 3), (&["env", "broken"], 3)] {
        let said = home.run(words);
        assert_eq!((said.code, said.out.as_str()), (Some(code), "false\n"), "{said:?}");
    }
}

#[test]
fn unset_where_nothing_is_wired_does_nothing() {
    let home = Home::new();
    for shell in SHELLS {
        let script = format!("{}\nprintenv AWS_PROFILE", take(shell, "credenza env --unset"));
        assert_eq!(run(&home, shell, &script, &[("AWS_PROFILE", "mine")]).good(), "mine\n", "{shell}");
    }
}
