//! `cache = "private"`: the tokens lie in the keyring, and nowhere in the AWS CLI's folder.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::stage::{ADA, Stage};

/// `secret-tool` as libsecret has it, with a folder for a keyring: a file for the attributes of each entry.
const SECRET_TOOL: &str = r#"#!/bin/bash
keyring=FOLDER
command=$1; shift
[[ $1 == --label=* ]] && shift
name=$(printf '%s_' "$@" | tr / -)
case $command in
    store) cat >"$keyring/.$name" && mv "$keyring/.$name" "$keyring/$name" ;;
    lookup) [ -e "$keyring/$name" ] && cat "$keyring/$name" ;;
    clear) rm -f "$keyring/$name"* ;;
esac
"#;

#[test]
fn a_sign_in_that_is_kept_private_lies_in_the_keyring_alone() {
    let mut stage = Stage::new();
    let (tools, keyring) = (stage.home.path("tools"), stage.home.path("keyring"));
    for folder in [&tools, &keyring] {
        fs::create_dir(folder).unwrap();
    }
    let tool = tools.join("secret-tool");
    fs::write(&tool, SECRET_TOOL.replace("FOLDER", &keyring.display().to_string())).unwrap();
    fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).unwrap();
    stage.put_first(&tools);
    fs::create_dir_all(stage.home.path(".config/credenza")).unwrap();
    stage.home.write(".config/credenza/config.toml", "[sso.corp]\ncache = \"private\"\n");
    let entries = || fs::read_dir(&keyring).unwrap().count();

    stage.run(&["up"]).good();
    stage.run(&["credential", "my-dev"]).failed(4, &["credenza login my-dev"]);
    let said = stage.run(&["login", "my-dev"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.err.contains(&format!("signed in to corp as {ADA}")), "{said:?}");
    assert!(!stage.home.path(".aws/sso").exists());
    assert!(entries() > 0);
    stage.credential(&["my-dev"]);
    let sign_in = stage.status_of("corp");
    assert_eq!((&sign_in["state"], &sign_in["private"]), (&"signed-in".into(), &true.into()), "{sign_in}");
    stage.run(&["down"]).good();
    stage.credential(&["my-ops"]);
    stage.run(&["up"]).good();
    stage.credential(&["my-dev"]);
    assert_eq!(stage.home.cloud.sign_ins().len(), 1);

    let said = stage.run(&["logout", "my-dev"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(stage.home.cloud.count("Logout"), 1);
    stage.run(&["credential", "my-dev"]).failed(4, &["credenza login my-dev"]);
    let tokens: Vec<_> =
        fs::read_dir(&keyring).unwrap().map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap()).collect();
    assert!(!tokens.iter().any(|text| text.contains("accessToken")), "{} are left", tokens.len());
    assert!(!stage.home.path(".aws/sso").exists());
}
