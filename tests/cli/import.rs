//! `import`: accounts and roles become profiles of `~/.aws/config`, and nothing else changes.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::center::{CORP, Center, REGION, START};
use crate::home::{Home, mode, root};
use crate::seated::Seated;

/// What is written for the three pairs, after what stood there.
const WRITTEN: &str = "
# credenza import: corp 111122223333 Admin
[profile Prod-EU-Admin]
sso_session = corp
sso_account_id = 111122223333
sso_role_name = Admin

# credenza import: corp 111122223333 ReadOnly
[profile Prod-EU-ReadOnly]
sso_session = corp
sso_account_id = 111122223333
sso_role_name = ReadOnly

# credenza import: corp 444455556666 ReadOnly
[profile Test-ReadOnly]
sso_session = corp
sso_account_id = 444455556666
sso_role_name = ReadOnly
";

#[test]
fn every_role_becomes_a_profile_and_a_second_time_changes_nothing() {
    let center = Center::of_corp();
    let said = center.home.run(&["import", "corp"]);
    assert_eq!((said.code, said.out.as_str()), (Some(0), ""), "{said:?}");
    assert!(
        said.err.contains("3 added\n  try: credenza exec Prod-EU-Admin -- aws sts get-caller-identity\n"),
        "{said:?}"
    );
    assert_eq!(center.config(), format!("{CORP}{WRITTEN}"));
    let listed = center.home.json(&["list", "--json"]);
    let usable = |identity: &serde_json::Value| identity["kind"] == "sso" && identity["usable"] == true;
    assert_eq!(listed["identities"].as_array().unwrap().iter().filter(|identity| usable(identity)).count(), 3);

    let path = center.home.path(".aws/config");
    let before = fs::metadata(&path).unwrap().modified().unwrap();
    let said = center.home.run(&["import", "corp"]);
    assert!(said.code == Some(0) && said.err.contains("3 as they were\n"), "{said:?}");
    assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), before, "it was not written again");
}

#[test]
fn from_nothing_the_session_is_written_first_and_the_profiles_after_the_login() {
    let center = Center::with(None);
    let words = ["import", "--start-url", START, "--sso-region", REGION];
    let said = center.home.run(&[&words[..], &["--dry-run"]].concat());
    said.failed(4, &["a dry run writes nothing", "--session d-1234567890"]);
    assert!(!center.home.path(".aws").exists());

    center.home.run(&words).failed(4, &["credenza login d-1234567890"]);
    let session = "[sso-session d-1234567890]\nsso_start_url = https://d-1234567890.awsapps.com/start\n\
                   sso_region = eu-central-1\nsso_registration_scopes = sso:account:access\n";
    assert_eq!(center.config(), session);
    assert_eq!(mode(&center.home.path(".aws/config")), 0o600);

    center.sign_in("d-1234567890");
    let said = center.home.run(&words);
    assert!(said.code == Some(0) && said.err.contains("3 added\n"), "{said:?}");
    assert_eq!(center.config(), format!("{session}{}", WRITTEN.replace("corp", "d-1234567890")));
    // by its name it is the same
    assert!(center.home.run(&["import", "d-1234567890"]).err.contains("3 as they were\n"));
}

#[test]
fn a_session_that_is_there_is_found_by_its_start_url() {
    let center = Center::of_corp();
    for url in [START.to_owned(), format!("{START}/#/")] {
        center.home.good(&["import", "--start-url", &url, "--sso-region", REGION]);
        assert_eq!(center.config(), format!("{CORP}{WRITTEN}"));
    }
}

#[test]
fn a_session_of_that_name_that_is_another_is_left_alone() {
    let other = CORP.replace("d-1234567890", "other");
    let center = Center::with(Some(&other));
    let words = ["import", "--start-url", START, "--sso-region", REGION, "--session", "corp"];
    center.home.run(&words).failed(3, &["config:2", "give another --session"]);
    assert_eq!(center.config(), other);
}

#[test]
fn what_is_no_start_url_is_a_mistake_of_the_command_line() {
    let center = Center::with(None);
    center.home.run(&["import", "--start-url", "acme", "--sso-region", REGION]).failed(2, &["acme is no start URL"]);
    center.home.run(&["import", "--start-url", START]).failed(2, &["--sso-region"]);
    center.home.run(&["import", "corp", "--name", "x"]).failed(2, &["{account_name}"]);
    assert!(!center.home.path(".aws").exists());
}

#[test]
fn a_dry_run_shows_and_writes_nothing() {
    let center = Center::of_corp();
    assert_eq!(
        center.home.good(&["import", "corp", "--dry-run"]),
        "+ Prod-EU-Admin     Prod EU (111122223333)  Admin\n\
         + Prod-EU-ReadOnly  Prod EU (111122223333)  ReadOnly\n\
         + Test-ReadOnly     Test (444455556666)     ReadOnly\n"
    );
    assert_eq!(center.config(), CORP);
}

#[test]
fn patterns_choose_and_those_that_fit_nothing_are_told() {
    let center = Center::of_corp();
    let said = center.home.run(&["import", "corp", "--accounts", "prod*", "--accounts", "nome", "--roles", "admin"]);
    assert!(
        said.code == Some(0) && said.err.contains("nothing fits nome\n") && said.err.contains("1 added"),
        "{said:?}"
    );
    assert!(center.config().contains("[profile Prod-EU-Admin]") && !center.config().contains("ReadOnly"));
    center
        .home
        .run(&["import", "corp", "--roles", "Nobody"])
        .failed(1, &["nothing fits Nobody", "list --accounts corp"]);
}

#[test]
fn names_and_regions_are_as_asked_for() {
    let center = Center::of_corp();
    center.home.good(&["import", "corp", "--name", "{session}.{account_id}.{role}", "--region", "eu-west-1", "--yes"]);
    assert!(center.config().contains("[profile corp.444455556666.ReadOnly]\n"), "{}", center.config());
    assert_eq!(center.config().matches("region = eu-west-1\n").count(), 3);
}

#[test]
fn what_is_gone_stays_until_it_is_pruned() {
    let center = Center::of_corp();
    center.home.good(&["import", "corp"]);
    center.take_away("444455556666", "ReadOnly");
    let said = center.home.run(&["import", "corp"]);
    assert!(said.err.contains("it stays, unless --prune is given"), "{said:?}");
    assert_eq!(center.config(), format!("{CORP}{WRITTEN}"));
    let said = center.home.run(&["import", "corp", "--prune"]);
    assert!(said.code == Some(0) && said.err.contains("1 removed"), "{said:?}");
    let (kept, _) = WRITTEN.split_once("\n# credenza import: corp 444455556666").unwrap();
    assert_eq!(center.config(), format!("{CORP}{kept}"));
}

#[test]
fn what_somebody_wrote_is_left_alone() {
    let theirs = format!("# mine\n{CORP}[profile Test-ReadOnly]\nregion = x # note\n\n[default]\n  output=json\n");
    let center = Center::with(Some(&theirs));
    center.home.write(".aws/credentials", "[Prod-EU-Admin]\naws_access_key_id = x\n");
    center.sign_in("corp");
    let path = center.home.path(".aws/config");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let said = center.home.run(&["import", "corp"]);
    assert_eq!(said.err.matches("left: a profile of this name is there").count(), 2, "{said:?}");
    assert!(said.err.contains("1 added, 2 left alone\n"), "{said:?}");
    let config = center.config();
    assert!(config.starts_with(&theirs) && config.matches("[profile Prod-EU-ReadOnly]").count() == 1, "{config}");
    assert_eq!(mode(&path), 0o640, "its mode is its owner's affair");
}

#[test]
fn a_file_of_windows_stays_one() {
    let center = Center::with(Some(&CORP.replace('\n', "\r\n")));
    center.sign_in("corp");
    center.home.good(&["import", "corp"]);
    assert_eq!(center.config(), format!("{CORP}{WRITTEN}").replace('\n', "\r\n"));
}

#[test]
fn a_file_behind_a_link_is_written_and_the_link_stays() {
    let center = Center::of_corp();
    let [path, target] = [".aws/config", "dotfiles"].map(|name| center.home.path(name));
    fs::rename(&path, &target).unwrap();
    std::os::unix::fs::symlink("../dotfiles", &path).unwrap();
    center.home.good(&["import", "corp"]);
    assert!(path.is_symlink());
    assert_eq!(fs::read_to_string(target).unwrap(), format!("{CORP}{WRITTEN}"));
}

#[test]
fn what_cannot_be_read_as_text_is_refused_and_stays() {
    let center = Center::of_corp();
    let path = center.home.path(".aws/config");
    let bytes = [CORP.as_bytes(), b"# caf\xe9\n"].concat();
    fs::write(&path, &bytes).unwrap();
    center.home.run(&["import", "corp"]).failed(3, &["config:4: this is not UTF-8"]);
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[test]
fn a_file_that_may_not_be_read_or_written_is_refused_and_stays() {
    let start = ["import", "--start-url", START, "--sso-region", REGION];
    let center = Center::with(Some(CORP));
    let path = center.home.path(".aws/config");
    let allow = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    center.sign_in("corp");
    allow(0o444);
    center.home.run(&["import", "corp"]).failed(3, &["cannot be written: it is read-only"]);
    // root reads everything
    if !root() {
        allow(0o000);
        center.home.run(&start).failed(3, &["cannot be read"]);
    }
    allow(0o600);
    assert_eq!(center.config(), CORP);
    let home = Home::new();
    fs::remove_file(home.path(".aws/config")).unwrap();
    fs::create_dir(home.path(".aws/config")).unwrap();
    home.run(&start).failed(3, &["cannot be read"]);
}

#[test]
fn a_new_colleague_has_a_working_exec_after_two_commands_and_one_login() {
    let mut center = Center::with(None);
    center.seat();
    let words = ["import", "--start-url", START, "--sso-region", REGION, "--session", "corp"];
    let mut seated = Seated::before(center.home.credenza(&words));
    let shown = seated.sees("Write 3 profiles to");
    assert!(shown.contains("corp needs a login") && shown.contains("signed in to corp"), "{shown}");
    assert!(shown.contains("\n2 + Prod-EU-ReadOnly  Prod EU (111122223333)  ReadOnly\n"), "{shown}");
    assert!(!center.config().contains("[profile"), "nothing is written before the answer");
    seated.types("4");
    seated.sees("numbers from 1 to 3");
    seated.types("1,3");
    assert_eq!(seated.ends(), Some(0));
    let config = center.config();
    assert!(config.contains("[profile Prod-EU-Admin]") && config.contains("[profile Test-ReadOnly]"), "{config}");
    assert!(!config.contains("[profile Prod-EU-ReadOnly]"), "{config}");
    let words = ["exec", "--static-env", "Prod-EU-Admin", "--", "sh", "-c", "echo $AWS_ACCESS_KEY_ID"];
    let key = center.home.good(&words);
    assert!(key.starts_with("ASIA"), "{key}");
    assert_eq!(center.cloud.logins().len(), 1, "one login is enough");
}

#[test]
fn who_says_no_has_nothing_written_and_who_says_yes_before_is_not_asked() {
    let center = Center::of_corp();
    let mut seated = Seated::before(center.home.credenza(&["import", "corp"]));
    seated.sees("[Y/n, or numbers such as 1,3-5] ");
    seated.types("n");
    assert_eq!(seated.ends(), Some(1));
    seated.sees("nothing was written");
    assert_eq!(center.config(), CORP);
    for words in [&["import", "corp", "--roles", "Admin"][..], &["import", "corp", "--yes"]] {
        let mut seated = Seated::before(center.home.credenza(words));
        assert_eq!(seated.ends(), Some(0), "{words:?}");
        assert!(!seated.sees("sts get-caller-identity").contains("[Y/n"), "{words:?}");
    }
    assert_eq!(center.config(), format!("{CORP}{WRITTEN}"));
}

#[test]
fn a_file_that_somebody_changes_while_the_question_stands_is_not_written_over() {
    let center = Center::of_corp();
    let mut seated = Seated::before(center.home.credenza(&["import", "corp"]));
    seated.sees("[Y/n");
    let theirs = format!("{CORP}# mine\n");
    center.home.write(".aws/config", &theirs);
    seated.types("y");
    assert_eq!(seated.ends(), Some(1));
    seated.sees("changed while we worked; run it again");
    assert_eq!(center.config(), theirs);
}

#[test]
fn nobody_is_asked_to_sign_in_who_does_not_want_to_be() {
    let mut center = Center::with(Some(CORP));
    center.seat();
    for words in [&["import", "corp", "--no-login"][..], &["list", "--accounts", "corp", "--no-login"]] {
        let mut seated = Seated::before(center.home.credenza(words));
        assert_eq!(seated.ends(), Some(4), "{words:?}");
    }
    assert_eq!(center.cloud.logins().len(), 0);
}

#[test]
fn how_far_it_is_shows_at_a_terminal_and_is_wiped() {
    let center = Center::of_corp();
    let mut seated = Seated::before(center.home.credenza(&["list", "--accounts", "corp"]));
    assert_eq!(seated.ends(), Some(0));
    let shown = seated.sees("444455556666@example.com  ReadOnly");
    assert!(shown.contains("2 of 2 accounts"), "{shown}");
}
