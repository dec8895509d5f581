//! `credenza login`: by browser, by code, by any name; and what is left of it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use simcloud::sso::Visitor;

use super::stage::{ADA, OLDER_URL, Stage};
use crate::support::Said;

/// The mode of a file, without its kind.
fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_login_is_kept_for_everybody_and_known_to_a_daemon_that_would_have_waited() {
    let stage = Stage::new();
    stage.run(&["up"]).good();
    stage.run(&["credential", "my-dev"]).failed(4, &["no credential for my-dev", "credenza login my-dev"]);
    let said = stage.run(&["login", "my-dev"]);
    assert_eq!((said.code, said.out.as_str()), (Some(0), ""), "{said:?}");
    assert!(said.err.contains("signed in to corp as ada@example.com"), "{said:?}");
    let folder = stage.home.path(".aws/sso/cache");
    assert_eq!(mode(&folder), 0o700);
    for file in fs::read_dir(&folder).unwrap() {
        assert_eq!(mode(&file.unwrap().path()), 0o600);
    }
    assert!(stage.token_file().exists());
    // no waiting: the daemon was told
    stage.credential(&["my-dev"]);
    stage.credential(&["my-ops"]);
    assert_eq!(stage.home.cloud.sign_ins().len(), 1);
    let sign_in = stage.status_of("corp");
    assert_eq!((&sign_in["state"], &sign_in["person"]), (&"signed-in".into(), &ADA.into()), "{sign_in}");
    let shown = stage.run(&["status"]).good();
    let row = shown.lines().find(|line| line.starts_with("corp ")).unwrap_or_else(|| panic!("{shown}"));
    assert!(row.contains("signed-in") && row.contains(ADA), "{row}");
}

#[test]
fn a_browser_is_opened_where_there_is_one() {
    let mut stage = Stage::new();
    if !stage.leave_container() {
        return;
    }
    stage.visited_by(Some(Visitor::approves(ADA)));
    let said = stage.run(&["login", "my-dev"]);
    assert_eq!((said.code, said.out.as_str()), (Some(0), ""), "{said:?}");
    let opened = stage.browser.opened();
    assert_eq!(opened.len(), 1, "{opened:?}");
    assert!(said.err.contains(&opened[0]), "{said:?}");
    assert!(said.err.contains("signed in to corp as ada@example.com"), "{said:?}");
    assert_eq!(stage.home.cloud.count_grants("authorization_code"), 1);
    stage.credential(&["my-dev"]);
}

#[test]
fn a_login_is_asked_for_by_any_name_of_it() {
    let mut stage = Stage::new();
    let begun = |stage: &Stage, words: &[&str], session: &str| {
        let before = stage.home.cloud.sign_ins().len();
        let said = stage.run(&[&["login"], words].concat());
        assert_eq!(said.code, Some(0), "{words:?}: {said:?}");
        assert!(said.err.contains(&format!("signed in to {session} as {ADA}")), "{words:?}: {said:?}");
        assert_eq!(stage.home.cloud.sign_ins().len(), before + 1);
    };
    begun(&stage, &[], "corp"); // there is only one
    stage.add_older();
    begun(&stage, &["corp"], "corp");
    begun(&stage, &["old"], OLDER_URL);
    begun(&stage, &[OLDER_URL], OLDER_URL);
    stage.run(&["login"]).failed(2, &["there are several", "corp", OLDER_URL, "try: credenza login "]);
    stage.home.more.push(("AWS_PROFILE", "old".to_owned()));
    begun(&stage, &[], OLDER_URL);
    stage.credential(&["old"]);
    let before = stage.home.cloud.sign_ins().len();
    stage.run(&["login", "my-dve"]).failed(3, &["there is no identity and no [sso-session] my-dve", "my-dev"]);
    stage.run(&["login", "my-role"]).failed(3, &["my-role needs no login: its keys come from role"]);
    assert_eq!(stage.home.cloud.sign_ins().len(), before);
}

#[test]
fn where_no_browser_is_to_be_opened_a_code_is_shown() {
    let mut stage = Stage::new();
    stage.leave_container(); // else no browser would be opened anyway
    for (words, browser) in [(&["login", "my-dev", "--no-browser"][..], true), (&["login", "my-dev"], false)] {
        let mut login = stage.command(words);
        if !browser {
            login.env_remove("BROWSER"); // and there is no desktop
        }
        let said = Said::of(login.output().unwrap());
        assert_eq!((said.code, said.out.as_str()), (Some(0), ""), "{said:?}");
        let (_, last) = stage.home.cloud.logins().pop().unwrap();
        let code = last.user_code().unwrap();
        assert!(said.err.contains(code) && said.err.contains("/device"), "{code}: {said:?}");
        assert!(said.err.contains("signed in to corp"), "{said:?}");
    }
    assert_eq!(stage.browser.opened(), [""; 0]);
    let said = stage.run(&["login", "my-dev", "--device-code"]);
    assert_eq!((said.code, said.out.as_str()), (Some(0), ""), "{said:?}");
    assert_eq!(stage.home.cloud.count_grants("authorization_code"), 0);
    stage.credential(&["my-dev"]);
}

#[test]
fn a_refusal_in_the_browser_ends_the_login_with_the_reason() {
    let mut stage = Stage::new();
    if !stage.leave_container() {
        return;
    }
    stage.visited_by(Some(Visitor::denies(ADA)));
    let said = stage.run(&["login", "my-dev"]);
    said.failed(4, &["cannot sign in to corp", "access_denied", "credenza login corp"]);
    assert!(!stage.token_file().exists());
    stage.run(&["credential", "my-dev"]).failed(4, &["credenza login my-dev"]);
}
