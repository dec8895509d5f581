//! Credenza beside fnox and 1Password's `op run`: below them and above them, played by scripts, and fnox itself where it is
//! installed.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::support::{Home, Said};

/// A home where these programs come before all others, and we are started in `work`.
fn with_programs(programs: &[(&str, &str)]) -> Home {
    let mut home = Home::new();
    for folder in ["programs", "work"] {
        fs::create_dir(home.path(folder)).unwrap();
    }
    for (name, script) in programs {
        let name = format!("programs/{name}");
        home.write(&name, &format!("#!/bin/sh\n{script}\n"));
        fs::set_permissions(home.path(&name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = home.variables().into_iter().rfind(|(name, _)| name == "PATH").unwrap().1;
    home.more.push(("PATH", format!("{}:{path}", home.path("programs").display())));
    home
}

fn at_work(home: &Home, line: &str) -> Command {
    let mut command = home.command("sh", &["-c", line]);
    command.current_dir(home.path("work"));
    command
}

fn run(home: &Home, line: &str) -> Said {
    Said::of(at_work(home, line).output().unwrap())
}

/// `fnox exec -- CMD`: sets what it was told to, and becomes its command as with `--replace`.
const FNOX: &str = "[ \"$1\" = exec ] || exit 9; shift; [ \"$1\" = -- ] && shift; . ../fnox.variables; exec \"$@\"";

/// `op run [--env-file FILE] -- CMD`: resolves what begins with `op://`, waits for its command and passes signals on.
const OP: &str = "[ \"$1\" = run ] || exit 9; shift
while [ \"$1\" != -- ]; do [ \"$1\" = --env-file ] && { set -a; . \"./$2\"; set +a; shift; }; shift; done; shift
for name in $(env | sed -n 's/^\\([A-Z_]*\\)=op:.*/\\1/p'); do export \"$name=resolved-$name\"; done
\"$@\" & pid=$!; trap 'kill -TERM $pid' TERM
wait $pid; code=$?; [ $code -gt 128 ] && { wait $pid; code=$?; }; exit $code";

/// An identity whose keys fnox, or whatever else starts us, sets as `BOOT_...`.
fn with_boot(programs: &[(&str, &str)]) -> Home {
    let home = with_programs(programs);
    fs::create_dir_all(home.path(".config/credenza")).unwrap();
    let role = crate::support::role("my-role");
    home.write(
        ".config/credenza/config.toml",
        &format!("[identity.boot]\nkeys = \"env:BOOT\"\nrole_arn = \"{role}\"\nregion = \"eu-west-1\"\n"),
    );
    let keys = &home.keys;
    home.write(
        "fnox.variables",
        &format!(
            "export BOOT_ACCESS_KEY_ID={} BOOT_SECRET_ACCESS_KEY={} FNOX_OTHER=1\n",
            keys.access_key_id, keys.secret_access_key
        ),
    );
    home
}

const WHO: &str = "sh -c 'credenza credential boot --from-endpoint > ../printed; env > ../env'";

fn shows_a_session_and_no_long_term_key(home: &Home) {
    let printed = fs::read_to_string(home.path("printed")).unwrap();
    assert!(printed.contains("SessionToken"), "{printed}");
    let env = fs::read_to_string(home.path("env")).unwrap();
    assert!(env.contains("FNOX_OTHER=1") && env.contains("AWS_CONTAINER_CREDENTIALS_FULL_URI="), "{env}");
    for unwanted in ["BOOT_", &home.keys.access_key_id, &home.keys.secret_access_key] {
        assert!(!env.contains(unwanted), "{unwanted}: {env}");
    }
}

#[test]
fn keys_that_fnox_sets_are_used_and_go_no_further_than_us() {
    let home = with_boot(&[("fnox", FNOX)]);
    let said = run(&home, &format!("fnox exec -- credenza exec boot -- {WHO}"));
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said:?}");
    shows_a_session_and_no_long_term_key(&home);
}

#[test]
fn a_daemon_below_fnox_has_the_keys_and_its_helper_programs_have_not() {
    let home = with_boot(&[("fnox", FNOX), ("helper", "env >> ../helper.env; exit 1")]);
    home.write(
        ".aws/config",
        &format!("[profile helped]\ncredential_process = {}\n", home.path("programs/helper").display()),
    );
    let mut serve = at_work(&home, "exec fnox exec -- credenza serve").stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(serve.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("ready "), "{line}");
    let said = run(&home, &format!("fnox exec -- credenza exec boot -- {WHO}"));
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said:?}");
    shows_a_session_and_no_long_term_key(&home);
    // a plain shell has no keys of its own for it, and one with others means others
    let said = run(&home, "credenza exec boot -- echo started");
    assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (Some(0), "started\n", ""), "{said:?}");
    assert_eq!(run(&home, "credenza env boot --format json").code, Some(0));
    let others = "BOOT_ACCESS_KEY_ID=AKIAANOTHERUSERSKEY0 BOOT_SECRET_ACCESS_KEY=another";
    let said = run(&home, &format!("{others} credenza exec boot -- echo started"));
    assert_eq!((said.code, said.out.as_str()), (Some(125), ""), "{said:?}");
    assert!(said.err.contains("boot means something else to the daemon"), "{said:?}");
    assert_ne!(run(&home, "credenza credential helped").code, Some(0));
    let helper = fs::read_to_string(home.path("helper.env")).unwrap();
    assert!(helper.contains("FNOX_OTHER=1") && !helper.contains("BOOT_"), "{helper}");
    run(&home, "credenza down").good();
    serve.wait().unwrap();
}

#[test]
fn a_key_that_fnox_could_not_set_is_named() {
    let home = with_boot(&[("fnox", FNOX)]);
    home.write("fnox.variables", "export BOOT_ACCESS_KEY_ID=AKIAEXAMPLE\n");
    let said = run(&home, "fnox exec -- credenza exec boot -- echo started");
    assert_eq!((said.code, said.out.as_str()), (Some(125), ""), "{said:?}");
    assert!(said.err.contains("env:BOOT") && said.err.contains("BOOT_SECRET_ACCESS_KEY is not set"), "{said:?}");
}

#[test]
fn what_fnox_puts_above_the_endpoint_is_said_before_it_starts() {
    let home = with_programs(&[("fnox", FNOX)]);
    home.write("fnox.variables", "");
    let work = home.path("work").canonicalize().unwrap();
    home.write("work/fnox.toml", "[secrets]\nOTHER = { default = \"x\" }\n");
    let said = run(&home, "credenza exec my-role -- fnox exec -- echo started");
    assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (Some(0), "started\n", ""));
    home.write(
        "work/fnox.toml",
        "[secrets]\nAWS_ACCESS_KEY_ID = { default = \"x\" }\nAWS_SESSION_TOKEN = { default = \"x\", env = false }\n\
         [profiles.sts.leases.aws]\ntype = \"aws-sts\"\n",
    );
    let note = |line: u32, by: &str, names: &str, mend: &str| {
        format!(
            "credenza: {}/fnox.toml:{line}: {by} puts {names} above the endpoint, so its command does not use my-role: {mend}\n",
            work.display()
        )
    };
    let secret = note(2, "fnox", "AWS_ACCESS_KEY_ID", "write env = false there, or take it out");
    let said = run(&home, "credenza exec my-role -- fnox exec -- echo started");
    assert_eq!((said.code, said.out.as_str()), (Some(0), "started\n"));
    assert_eq!(said.err, secret);
    let names = "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN";
    let said = run(&home, "FNOX_PROFILE=sts credenza exec my-role -- fnox exec -- echo started");
    assert_eq!(said.err, note(4, "the lease aws of fnox", names, "take it out"));
    let said = run(&home, "credenza exec my-role -- sh -c 'fnox exec -- echo started'");
    assert_eq!(said.err, "", "what a script does is its own affair");
}

#[test]
fn under_op_run_its_variables_and_ours_arrive() {
    let home = with_programs(&[("op", OP)]);
    home.write("work/.env", "DB_PASSWORD=op://Private/db/password\n");
    let print = "sh -c 'echo $DB_PASSWORD $OP_ACCOUNT ${AWS_CONTAINER_CREDENTIALS_FULL_URI%:*}; exit 7'";
    for line in [
        format!("op run --env-file .env -- credenza exec my-role -- {print}"),
        format!("credenza exec my-role -- op run --env-file .env -- {print}"),
        // ours leaves the reference as it is, for the `op run` within
        format!("credenza exec --env-file .env my-role -- op run -- {print}"),
    ] {
        let said = Said::of(at_work(&home, &line).env("OP_ACCOUNT", "ada").output().unwrap());
        assert_eq!((said.code, said.err.as_str()), (Some(7), ""), "{line}: {said:?}");
        assert_eq!(said.out, "resolved-DB_PASSWORD ada http://127.0.0.1\n", "{line}");
    }
}

#[test]
fn signals_go_through_op_run_and_us_to_the_command() {
    let home = with_programs(&[("op", OP)]);
    let command = "bash -c 'trap \"exit 7\" TERM; echo ready; for i in {1..1200}; do sleep 0.05; done'";
    for line in [
        format!("exec op run -- credenza exec my-role -- {command}"),
        format!("exec credenza exec my-role -- op run -- {command}"),
    ] {
        let mut running = at_work(&home, &line).stdout(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(running.stdout.take().unwrap());
        let mut ready = String::new();
        out.read_line(&mut ready).unwrap();
        assert_eq!(ready, "ready\n", "{line}");
        assert!(Command::new("kill").args(["-TERM", &running.id().to_string()]).status().unwrap().success());
        assert_eq!(running.wait().unwrap().code(), Some(7), "{line}");
    }
}

#[test]
fn the_real_fnox_above_us_and_below_us() {
    let Some(fnox) = installed("fnox") else {
        println!("skipped: fnox is not installed");
        return;
    };
    let home = with_boot(&[]);
    std::os::unix::fs::symlink(fnox, home.path("programs/fnox")).unwrap();
    let keys = &home.keys;
    home.write(
        "work/fnox.toml",
        &format!(
            "root = true\nif_missing = \"error\"\n[secrets]\nBOOT_ACCESS_KEY_ID = {{ default = \"{}\" }}\n\
             BOOT_SECRET_ACCESS_KEY = {{ default = \"{}\" }}\nFNOX_OTHER = {{ default = \"1\" }}\n",
            keys.access_key_id, keys.secret_access_key
        ),
    );
    let said = run(&home, &format!("fnox exec -- credenza exec boot -- {WHO}"));
    assert_eq!(said.code, Some(0), "{said:?}");
    shows_a_session_and_no_long_term_key(&home);
    home.write("work/fnox.toml", "root = true\n[secrets]\nAWS_PROFILE = { default = \"x\" }\n");
    let said = run(&home, "credenza exec my-role -- fnox exec -- sh -c 'echo $AWS_PROFILE; exit 7'");
    assert_eq!((said.code, said.out.as_str()), (Some(7), "x\n"), "{said:?}");
    assert!(said.err.contains("fnox.toml:3: fnox puts AWS_PROFILE above the endpoint"), "{said:?}");
    home.write("work/fnox.toml", "root = true\n[secrets]\nAWS_PROFILE = { default = \"x\", env = false }\n");
    let said = run(
        &home,
        "credenza exec my-role -- fnox exec -- sh -c 'echo ${AWS_PROFILE-none} ${AWS_CONTAINER_CREDENTIALS_FULL_URI%:*}'",
    );
    assert_eq!((said.out.as_str(), said.err.as_str()), ("none http://127.0.0.1\n", ""));
}

fn installed(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|path| path.is_file())
}
