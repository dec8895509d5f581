//! The child's environment and files, seen from inside.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::support::{Home, Said};

fn variables(said: &str) -> BTreeMap<String, String> {
    said.lines().filter_map(|line| line.split_once('=')).map(|(name, value)| (name.into(), value.into())).collect()
}

#[test]
fn c34_the_child_has_its_callers_environment_and_exactly_ours() {
    let home = Home::new();
    let mut child = variables(&home.exec(&["my-role", "--", "env"]).good());
    for (name, value) in home.variables() {
        assert_eq!(child.remove(&name), Some(value), "{name}");
    }
    let url = child.remove("AWS_CONTAINER_CREDENTIALS_FULL_URI").unwrap();
    let port = url.strip_prefix("http://127.0.0.1:").and_then(|rest| rest.strip_suffix("/creds/my-role"));
    assert!(port.is_some_and(|port| port.parse::<u16>().is_ok_and(|port| port != 0)), "{url}");
    let token = child.remove("AWS_CONTAINER_AUTHORIZATION_TOKEN").unwrap();
    assert_eq!(token.len(), 43, "256 bits");
    for (name, end) in [
        ("AWS_CONFIG_FILE", ".config"),
        ("AWS_SHARED_CREDENTIALS_FILE", ".credentials"),
        ("AWS_CREDENTIAL_PROFILES_FILE", ".credentials"),
    ] {
        let file = child.remove(name).unwrap();
        let beginning = home.run_folder().join("wired-").display().to_string();
        assert!(file.starts_with(&beginning) && file.ends_with(end), "{file}");
    }
    let direct = "127.0.0.1,localhost,169.254.169.254,169.254.170.2,169.254.170.23";
    let expected = [
        ("AWS_DEFAULT_REGION", "eu-west-1"),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_SDK_LOAD_CONFIG", "1"),
        ("CREDENZA_IDENTITY", "my-role"),
        ("CREDENZA_REGION", "eu-west-1"),
        ("NO_PROXY", direct),
        ("no_proxy", direct),
    ];
    assert_eq!(child, BTreeMap::from(expected.map(|(name, value)| (name.into(), value.into()))));
}

#[test]
fn c34_nothing_that_shadows_the_endpoint_comes_through() {
    let home = Home::new();
    let mut exec = home.credenza(&["exec", "my-role", "--", "env"]);
    for name in [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_SECURITY_TOKEN",
        "AMAZON_ACCESS_KEY_ID",
        "AMAZON_SECRET_ACCESS_KEY",
        "AMAZON_SESSION_TOKEN",
        "AWS_PROFILE",
        "AWS_DEFAULT_PROFILE",
        "AWS_ROLE_ARN",
        "AWS_ROLE_SESSION_NAME",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        "AWS_CREDENTIAL_EXPIRATION",
    ] {
        exec.env(name, "outer");
    }
    let child = variables(&Said::of(exec.env("AWS_CA_BUNDLE", "/kept").output().unwrap()).good());
    let uris = child.keys().filter(|name| name.starts_with("AWS_CONTAINER_CREDENTIALS_")).count();
    let tokens = child.keys().filter(|name| name.starts_with("AWS_CONTAINER_AUTHORIZATION_")).count();
    assert_eq!((uris, tokens), (1, 1), "{:?}", child.keys());
    let outer: Vec<&String> = child.iter().filter(|(_, value)| *value == "outer").map(|(name, _)| name).collect();
    assert!(outer.iter().all(|name| name.starts_with("CREDENZA_OUTER_AWS_")), "{outer:?}");
    assert!(!outer.iter().any(|name| name.contains("SECRET") || name.contains("SESSION_TOKEN")), "{outer:?}");
    assert_eq!(child.get("AWS_CA_BUNDLE").map(String::as_str), Some("/kept"));
}

#[test]
fn a_variable_that_is_no_text_comes_through_as_it_is() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    let home = Home::new();
    let mut exec = home.credenza(&["exec", "my-role", "--", "printenv", "BYTES"]);
    let output = exec.env("BYTES", OsStr::from_bytes(b"\xff\xfe")).output().unwrap();
    assert_eq!(output.stdout, b"\xff\xfe\n");
}

#[test]
fn the_region_that_is_asked_for_goes_before_the_profiles() {
    let home = Home::new();
    let script = "echo $AWS_REGION $AWS_DEFAULT_REGION";
    let said = home.exec(&["my-role", "--region", "ap-south-1", "--", "sh", "-c", script]).good();
    assert_eq!(said, "ap-south-1 ap-south-1\n");
}

#[test]
fn without_a_name_it_is_aws_profile_else_default() {
    let home = Home::new();
    let mut exec = home.credenza(&["exec", "--", "printenv", "CREDENZA_IDENTITY"]);
    assert_eq!(Said::of(exec.env("AWS_PROFILE", "my-dev").output().unwrap()).good(), "my-dev\n");
    let role = crate::support::role("my-role");
    home.write(".aws/config", &format!("[default]\nrole_arn = {role}\nsource_profile = base\n"));
    assert_eq!(home.exec(&["--", "printenv", "CREDENZA_IDENTITY"]).good(), "default\n");
}

#[test]
fn the_generated_files_are_0400_list_every_profile_and_hold_no_secret() {
    let home = Home::new();
    let script =
        "stat -c %a $AWS_CONFIG_FILE $AWS_SHARED_CREDENTIALS_FILE; cat $AWS_CONFIG_FILE $AWS_SHARED_CREDENTIALS_FILE";
    let said = home.exec(&["my-role", "--", "sh", "-c", script]).good();
    assert!(said.starts_with("400\n400\n"), "{said}");
    for expected in
        ["[profile my-role]", "[profile my-dev]", "region = eu-north-1", "credential my-role --from-endpoint"]
    {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    for unwanted in ["role_arn", "source_profile", &home.keys.access_key_id, &home.keys.secret_access_key] {
        assert!(!said.contains(unwanted), "{unwanted}: {said}");
    }
}

#[test]
fn nothing_is_left_behind() {
    let home = Home::new();
    home.exec(&["my-role", "--token-file", "--", "true"]).good();
    assert_eq!(home.generated(), [""; 0]);
    // what a killed one left goes with the next
    let mut killed = home.credenza(&["exec", "my-role", "--", "sleep", "600"]).spawn().unwrap();
    crate::support::until("the child runs", || home.generated().len() >= 3);
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert!(!home.generated().is_empty());
    home.exec(&["my-role", "--", "true"]).good();
    assert_eq!(home.generated(), [""; 0]);
}

#[test]
fn the_files_follow_the_originals_while_the_child_runs() {
    use std::io::Write as _;
    let home = Home::new();
    let mut exec = home.credenza(&["exec", "my-role", "--", "sh", "-c", "read line; cat $AWS_CONFIG_FILE"]);
    let mut child = exec.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let config = || home.generated().into_iter().find(|name| name.ends_with(".config"));
    crate::support::until("the files are there", || config().is_some());
    let file = home.run_folder().join(config().unwrap());
    let before = fs::read_to_string(home.path(".aws/config")).unwrap();
    home.write(
        ".aws/config",
        &format!("{before}[profile added]\nrole_arn = arn:aws:iam::111122223333:role/x\nsource_profile = base\n"),
    );
    crate::support::until("the new profile is listed", || {
        fs::read_to_string(&file).unwrap().contains("[profile added]")
    });
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o400);
    child.stdin.take().unwrap().write_all(b"go\n").unwrap();
    assert!(Said::of(child.wait_with_output().unwrap()).good().contains("[profile added]"));
}

#[test]
fn the_files_name_the_program_that_took_our_place() {
    use std::io::Write as _;
    let home = Home::new();
    let program = home.path("a b/credenza").display().to_string();
    fs::create_dir(home.path("a b")).unwrap();
    fs::copy(env!("CARGO_BIN_EXE_credenza"), &program).unwrap();
    let mut exec = home.command(&program, &["exec", "my-role", "--", "sh", "-c", "read line; cat $AWS_CONFIG_FILE"]);
    let mut child = exec.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let config = || home.generated().into_iter().find(|name| name.ends_with(".config"));
    crate::support::until("the files are there", || config().is_some());
    let file = home.run_folder().join(config().unwrap());
    fs::remove_file(&program).unwrap();
    fs::copy(env!("CARGO_BIN_EXE_credenza"), &program).unwrap();
    let before = fs::read_to_string(home.path(".aws/config")).unwrap();
    home.write(".aws/config", &before.replace("eu-north-1", "sa-east-1"));
    crate::support::until("they follow", || fs::read_to_string(&file).unwrap().contains("sa-east-1"));
    child.stdin.take().unwrap().write_all(b"go\n").unwrap();
    let said = Said::of(child.wait_with_output().unwrap()).good();
    let expected = format!("credential_process = {} credential my-dev --from-endpoint", program.replace(' ', "\\ "));
    assert!(said.contains(&expected), "{said}");
}

#[test]
fn the_state_folders_are_private() {
    let home = Home::new();
    home.exec(&["my-role", "--", "true"]).good();
    for folder in [".local/state/credenza", ".local/state/credenza/run"] {
        assert_eq!(fs::metadata(home.path(folder)).unwrap().permissions().mode() & 0o777, 0o700, "{folder}");
    }
}
