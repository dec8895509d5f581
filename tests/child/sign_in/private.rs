//! `cache = "private"`: the tokens lie in the keyring, and nowhere in the AWS CLI's folder.

use std::fs;

use super::stage::{ADA, Stage};
use crate::support::played_keyring;

#[test]
fn a_sign_in_that_is_kept_private_lies_in_the_keyring_alone() {
    let mut stage = Stage::new();
    let (tools, keyring) = played_keyring(&stage.home);
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
