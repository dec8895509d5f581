//! `--env-file`: what of a file reaches the command, and what an identity's settings take from it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use simcloud::{Cloud, Keys, Trust};

use crate::support::{ACCOUNT, Home, Said, role, until};
use crate::terminal::Terminal;

/// A home whose `boot` is `my-dev`'s role of whichever account a file names.
fn with_boot() -> Home {
    let home = Home::new();
    configure(&home, "[identity.boot]\nprofile = \"my-role\"\nrole_arn = \"arn:aws:iam::${ACCOUNT}:role/my-dev\"\n");
    home.write(".env.prod", &format!("ACCOUNT={ACCOUNT}\nSTAGE=prod\nDB=op://Production/db/password\n"));
    home
}

fn configure(home: &Home, text: &str) {
    std::fs::create_dir_all(home.path(".config/credenza")).unwrap();
    home.write(".config/credenza/config.toml", text);
}

/// In the home, where the files are.
fn at_home(home: &Home, words: &[&str]) -> Command {
    let mut command = home.credenza(words);
    command.current_dir(home.path(""));
    command
}

fn run(home: &Home, words: &[&str]) -> Said {
    Said::of(at_home(home, words).output().unwrap())
}

const ARN: &str = "credenza credential boot --from-endpoint > printed; echo $STAGE $DB";

#[test]
fn a_files_variables_reach_the_command_and_the_identitys_settings() {
    let home = with_boot();
    for daemon in [false, true] {
        if daemon {
            home.run(&["up"]).good();
        }
        let said = run(&home, &["exec", "--env-file", ".env.prod", "boot", "--", "sh", "-c", ARN]);
        // a reference is for whoever resolves it, and a daemon that knows no ${ACCOUNT} is nothing to talk about
        assert_eq!((said.err.as_str(), said.code), ("", Some(0)), "{said:?}");
        assert_eq!(said.out, "prod op://Production/db/password\n");
        let printed = std::fs::read_to_string(home.path("printed")).unwrap();
        assert!(printed.contains("SessionToken"), "{printed}");
        let assumed = home.cloud.calls().into_iter().rfind(|call| call.action == "AssumeRole").unwrap();
        assert_eq!(assumed.role, Some(role("my-dev")));
        home.cloud.forget_calls();
    }
}

#[test]
fn the_later_file_goes_before_and_both_before_the_shell() {
    let home = with_boot();
    home.write(".env.more", "STAGE=more\nREGION_OF=more\n");
    let words = [
        "exec",
        "--env-file",
        ".env.prod",
        "--env-file=.env.more",
        "boot",
        "--",
        "printenv",
        "STAGE",
        "REGION_OF",
        "KEPT",
    ];
    let mut exec = at_home(&home, &words);
    exec.env("STAGE", "shell").env("ACCOUNT", "999999999999").env("KEPT", "shell");
    assert_eq!(Said::of(exec.output().unwrap()).good(), "more\nmore\nshell\n");
}

#[test]
fn what_nobody_set_is_named_with_the_command() {
    let home = with_boot();
    let said = run(&home, &["exec", "boot", "--", "true"]);
    assert_eq!(said.code, Some(125), "{said:?}");
    assert!(said.err.contains("${ACCOUNT}") && said.err.contains("credenza exec --env-file FILE boot"), "{said:?}");
}

#[test]
fn a_file_that_cannot_be_used_is_named_with_its_line() {
    let home = with_boot();
    home.write(".env.bad", "A=1\nno variable\n");
    for (file, says) in [(".env.bad", ".env.bad:2: there is no `=`"), (".env.none", ".env.none cannot be read: ")] {
        let said = run(&home, &["exec", "--env-file", file, "boot", "--", "echo", "started"]);
        assert_eq!((said.code, said.out.as_str()), (Some(125), ""), "{said:?}");
        assert!(said.err.starts_with(&format!("credenza: cannot run echo: {says}")), "{said:?}");
        let said = run(&home, &["credential", "boot", "--env-file", file]);
        assert!(said.code == Some(3) && said.err.contains(says), "{said:?}");
    }
}

#[test]
fn what_would_stand_above_the_endpoint_is_kept_back_and_told() {
    let home = with_boot();
    home.write(".env.keys", "AWS_ACCESS_KEY_ID=AKIA\nAWS_CONFIG_FILE=/x\nAWS_REGION=sa-east-1\n");
    let words = ["exec", "--env-file", ".env.prod", "--env-file", ".env.keys", "boot", "--", "env"];
    let said = run(&home, &words);
    let lines: Vec<&str> = said.err.lines().collect();
    let expected = [
        "credenza: AWS_ACCESS_KEY_ID of .env.keys is not given to the command: it would stand above the endpoint",
        "credenza: AWS_CONFIG_FILE of .env.keys is not given to the command: credenza itself sets it",
    ];
    assert_eq!(lines, expected);
    let has = |line: &str| said.out.lines().any(|found| found == line);
    assert!(!said.out.contains("AKIA") && !has("AWS_CONFIG_FILE=/x"), "{said:?}");
    assert!(has("AWS_REGION=sa-east-1") && has("AWS_DEFAULT_REGION=sa-east-1"), "{said:?}");
}

#[test]
fn a_files_profile_is_who_is_meant_where_nobody_is_named() {
    let home = with_boot();
    home.write(".env.who", "AWS_PROFILE=boot\n");
    let words = ["exec", "--env-file", ".env.prod", "--env-file", ".env.who", "--", "printenv", "CREDENZA_IDENTITY"];
    let mut exec = at_home(&home, &words);
    let said = Said::of(exec.env("AWS_PROFILE", "my-role").output().unwrap());
    assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (Some(0), "boot\n", ""));
}

#[test]
fn the_variables_still_count_when_the_configuration_is_read_again() {
    let home = with_boot();
    let script = "echo ready; read line; credenza credential boot --from-endpoint > /dev/null; echo $?";
    let mut exec = at_home(&home, &["exec", "--env-file", ".env.prod", "boot", "--", "sh", "-c", script]);
    let mut child = exec.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let config = || home.generated().into_iter().find(|name| name.ends_with(".config"));
    until("the files are there", || config().is_some());
    let file = home.run_folder().join(config().unwrap());
    let before = std::fs::read_to_string(home.path(".aws/config")).unwrap();
    home.write(".aws/config", &before.replace("eu-north-1", "sa-east-1"));
    until("they follow", || std::fs::read_to_string(&file).unwrap().contains("sa-east-1"));
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"go\n").unwrap();
    assert_eq!(Said::of(child.wait_with_output().unwrap()).good(), "ready\n0\n");
}

#[test]
fn other_commands_that_need_such_an_identity_take_files_too() {
    let home = with_boot();
    let said = run(&home, &["credential", "boot", "--env-file", ".env.prod"]).good();
    assert!(said.contains("SessionToken"), "{said}");
    run(&home, &["wait", "boot", "--timeout", "20s", "--env-file", ".env.prod"]).good();
}

/// The two accounts of `config/accounts`, each with a user, a device and an item of 1Password that a played `op` reads out.
struct Accounts {
    home: Home,
    over: Arc<AtomicBool>,
    showing: Option<std::thread::JoinHandle<()>>,
}

const VAULTS: [(&str, &str); 2] = [("Test", ACCOUNT), ("Production", "444455556666")];

impl Accounts {
    fn new() -> Self {
        let mut home = Home::new();
        fs::create_dir(home.path("programs")).unwrap();
        for (vault, account) in VAULTS {
            let user = format!("boot-{vault}");
            let keys = home.cloud.add_user(&user, account);
            home.cloud.add_device(&user, &serial(account));
            let trust = Trust::of([format!("arn:aws:iam::{account}:user/{user}")]).require_mfa();
            home.cloud.add_role(&format!("arn:aws:iam::{account}:role/boot"), trust, Duration::from_secs(3600));
            let field = |label: &str, value: &str| serde_json::json!({ "id": label, "label": label, "value": value });
            let fields =
                [field("access key id", &keys.access_key_id), field("secret access key", &keys.secret_access_key)];
            home.write(&format!("{vault}.json"), &serde_json::json!({ "fields": fields }).to_string());
        }
        let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/accounts");
        configure(&home, &fs::read_to_string(ours.join("config.toml")).unwrap());
        for name in [".env.test", ".env.prod"] {
            fs::copy(ours.join(name), home.path(name)).unwrap();
        }
        // `op item get ITEM --vault VAULT --format json`, `op read op://VAULT/ITEM/one-time password?attribute=otp`
        let op = "#!/bin/sh\necho \"$*\" >> \"$HOME/op.calls\"\n\
                  case \"$*\" in *Production*) vault=Production ;; *) vault=Test ;; esac\n\
                  case \"$*\" in *otp*) cat \"$HOME/$vault.code\" ;; *) cat \"$HOME/$vault.json\" ;; esac\n";
        home.write("programs/op", op);
        fs::set_permissions(home.path("programs/op"), fs::Permissions::from_mode(0o755)).unwrap();
        let path = home.variables().into_iter().rfind(|(name, _)| name == "PATH").unwrap().1;
        home.more.push(("PATH", format!("{}:{path}", home.path("programs").display())));
        let (cloud, folder, over) = (home.cloud.clone(), home.path(""), Arc::<AtomicBool>::default());
        write_codes(&cloud, &folder);
        let is_over = Arc::clone(&over);
        let showing = std::thread::spawn(move || {
            while !is_over.load(Ordering::Relaxed) {
                write_codes(&cloud, &folder);
                std::thread::park_timeout(Duration::from_millis(100));
            }
        });
        Self { home, over, showing: Some(showing) }
    }
}

impl Drop for Accounts {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(showing) = self.showing.take() {
            showing.thread().unpark();
            let _ = showing.join();
        }
    }
}

fn serial(account: &str) -> String {
    format!("arn:aws:iam::{account}:mfa/base")
}

/// What the devices show now.
fn write_codes(cloud: &Cloud, folder: &Path) {
    for (vault, account) in VAULTS {
        let next = folder.join(format!("{vault}.next"));
        // the folder goes with the test
        let _ = fs::write(&next, format!("{}\n", cloud.code_of(&serial(account))));
        let _ = fs::rename(&next, folder.join(format!("{vault}.code")));
    }
}

#[test]
fn one_setup_serves_two_accounts_told_apart_by_their_files_with_a_code_each() {
    let accounts = Accounts::new();
    let home = &accounts.home;
    let mut terminal = Terminal::new(home);
    terminal.enter("cd");
    for round in [1, 2] {
        for (file, account, stage) in [(".env.prod", "444455556666", "prod"), (".env.test", ACCOUNT, "test")] {
            let command = "sh -c 'credenza credential boot --from-endpoint > printed; echo stage-$TF_VAR_stage'";
            terminal.enter(&format!("credenza exec --env-file {file} boot -- {command}; echo code-$?."));
            let shown = terminal.expect_one_of(&["code-0.", "code-1"]);
            assert!(shown.contains(&format!("stage-{stage}")), "{file}, round {round}: {shown}");
            let printed: serde_json::Value =
                serde_json::from_str(&fs::read_to_string(home.path("printed")).unwrap()).unwrap();
            let text = |name: &str| printed[name].as_str().unwrap().to_owned();
            let keys = Keys {
                access_key_id: text("AccessKeyId"),
                secret_access_key: text("SecretAccessKey"),
                session_token: Some(text("SessionToken")),
            };
            let arn = home.cloud.judge(&keys).unwrap().principal.arn;
            assert!(arn.starts_with(&format!("arn:aws:sts::{account}:assumed-role/boot/")), "{arn}");
            assert_eq!(home.cloud.codes_sent(&serial(account)).len(), 1, "{file}, round {round}");
        }
    }
    let calls = fs::read_to_string(home.path("op.calls")).unwrap();
    assert!(calls.lines().all(|call| call.contains("AWS boot")), "{calls}");
}
