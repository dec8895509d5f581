//! Every reason for which a profile cannot be served, with its file and line.

use super::*;

#[track_caller]
fn fails(lines: &str, expected: &str) {
    let config = with_keys(&format!("[profile a]\n{lines}"));
    assert_eq!(reason(&config, "a"), format!("/h/.aws/config:{expected}"), "{lines}");
}

#[test]
fn kinds_of_later_versions_say_so() {
    let later = "which this version of Credenza does not serve yet";
    fails("x = 1\nlogin_session = x\n", &format!("3: the profile uses `aws login` (login_session), {later}"));
}

#[test]
fn a_role_needs_exactly_one_source() {
    let both = format!("{ROLE}source_profile = base\ncredential_source = Environment\n");
    fails(&both, "4: role_arn has both source_profile and credential_source: take one of them out");
    fails(ROLE, "2: role_arn needs source_profile or credential_source, which say what it is assumed with");
    fails(&format!("{ROLE}source_profile = gone\n"), "3: source_profile = gone, but there is no such profile");
    fails(
        &format!("{ROLE}source_profile = a\n"),
        "3: source_profile names the profile itself, which has no keys of its own",
    );
    fails(
        &format!("{ROLE}credential_source = Magic\n"),
        "3: credential_source = Magic means nothing: write Environment, EcsContainer or Ec2InstanceMetadata",
    );
    fails(
        "credential_source = Environment\n",
        "2: credential_source is for roles: write the role_arn that is assumed with it",
    );
    fails("source_profile = base\n", "2: source_profile is for roles: write the role_arn that is assumed with it");
}

#[test]
fn half_keys_and_no_keys() {
    fails(
        "aws_access_key_id = x\n",
        "2: aws_access_key_id has no aws_secret_access_key beside it: write both, or neither",
    );
    fails("aws_secret_access_key = x\n", "2: aws_secret_access_key has no aws_access_key_id beside it: write both");
    fails("region = x\n", "1: the profile has settings only: nothing in it says where credentials come from");
}

#[test]
fn processes_that_cannot_be_run() {
    fails("credential_process = 'open\n", "2: a quote in credential_process is not closed");
    fails("credential_process = ''\n", "2: credential_process has no command");
}

#[test]
fn a_process_that_would_ask_us_is_refused() {
    for command in [
        "credenza credential x",
        "/usr/bin/credenza credential x --from-endpoint",
        "/opt/bin/cz credential x",
        "env A=1 credenza credential x",
        "sh -c 'credenza credential x'",
        "sh -c '\"/opt/bin/credenza\" credential x'",
        "/usr/local/bin/cz credential x",
        "sh -c 'cz credential x'",
        "credenza --log-level debug credential x",
        "sh -c 'credenza --log-format=json --log-level debug credential x'",
    ] {
        let config = with_keys(&format!("[profile a]\ncredential_process = {command}\n"));
        assert!(reason(&config, "a").contains("calls credenza, which would ask itself"), "{command}");
    }
    for command in [
        "op read op://Private/credenza",
        "/opt/bin/my-credenza credential",
        "cat /srv/credenza credentials",
        "cat /srv/credenza and credential",
    ] {
        let config = with_keys(&format!("[profile a]\ncredential_process = {command}\n"));
        assert!(config.identities["a"].definition.is_ok(), "{command}");
    }
}

#[test]
fn arns_and_files_that_are_none() {
    fails(
        "role_arn = deploy\nsource_profile = base\n",
        "2: role_arn is no role's ARN, such as arn:aws:iam::123456789012:role/deploy",
    );
    fails(
        "web_identity_token_file = /run/token\n",
        "2: web_identity_token_file needs a role_arn, which says what is assumed with the token",
    );
    fails(
        &format!("{ROLE}web_identity_token_file = token\n"),
        "3: web_identity_token_file is no absolute path: write it from / on",
    );
    fails(
        "web_identity_token_process = /bin/token\n",
        "2: web_identity_token_process needs a role_arn, which says what is assumed with the token",
    );
    for (line, reason) in [
        ("token 'x", "a quote in web_identity_token_process is not closed"),
        ("''", "web_identity_token_process has no command"),
        ("/opt/bin/cz x", "web_identity_token_process calls credenza, which gives no such token: write what does"),
    ] {
        fails(&format!("{ROLE}web_identity_token_process = {line}\n"), &format!("3: {reason}"));
    }
}

#[test]
fn a_web_identity_of_our_file_says_what_it_lacks() {
    let github = "web_identity = { github = true }";
    let config = format!("[profile a]\n{ROLE}[profile bare]\n");
    for (toml, name, expected) in [
        (github, "bare", ":2: web_identity needs a role_arn, which says what is assumed with the token"),
        ("web_identity = { file = \"token\" }", "a", ":2: web_identity is no absolute path: write it from / on"),
        (
            github,
            "a",
            ":2: web_identity asks GitHub Actions, but ACTIONS_ID_TOKEN_REQUEST_URL and ACTIONS_ID_TOKEN_REQUEST_TOKEN are \
             not both set: run it in a job whose workflow has `permissions: id-token: write`",
        ),
    ] {
        let toml = format!("[identity.{name}]\n{toml}\n");
        let config = Given { config: &config, toml: &toml, ..Given::default() }.config();
        let reason = reason(&config, name);
        assert_eq!(reason, format!("/h/.config/credenza/config.toml{expected}"), "{toml}");
    }
    // where no profile is, it is no profile that is missing
    let config = Given { toml: &format!("[identity.alone]\n{github}\n"), ..Given::default() }.config();
    assert!(config.complaints.is_empty(), "{:?}", config.complaints);
    assert!(reason(&config, "alone").contains("web_identity needs a role_arn"), "{}", reason(&config, "alone"));
}

#[test]
fn a_loop_names_its_chain() {
    let config = with_keys(&format!(
        "[profile a]\n{ROLE}source_profile = b\n[profile b]\n{ROLE}source_profile = c\n[profile c]\n{ROLE}source_profile = b\n"
    ));
    let circle = "source_profile goes round in a circle";
    let end = "one of them needs keys of its own";
    assert_eq!(reason(&config, "b"), format!("/h/.aws/config:6: {circle}: b -> c -> b; {end}"));
    assert_eq!(reason(&config, "c"), format!("/h/.aws/config:9: {circle}: c -> b -> c; {end}"));
    assert_eq!(
        reason(&config, "a"),
        format!(
            "/h/.aws/config:3: it is assumed from `b`, which cannot be used: /h/.aws/config:6: {circle}: b -> c -> b; {end}"
        )
    );
}

#[test]
fn a_circle_by_way_of_others_is_one_even_where_it_ends_in_keys() {
    let credentials = "[a]\naws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = hunter2\n";
    let config = format!(
        "[profile a]\n{ROLE}source_profile = b\n[profile b]\n{ROLE}source_profile = c\n[profile c]\n{ROLE}source_profile = a\n\
         [profile top]\n{ROLE}source_profile = a\n"
    );
    let config = Given { config: &config, credentials, ..Given::default() }.config();
    assert_eq!(
        reason(&config, "a"),
        "/h/.aws/config:3: source_profile goes round in a circle: a -> b -> c -> a; name the profile itself to use its keys"
    );
    for name in ["b", "c", "top"] {
        assert!(config.identities[name].definition.is_ok(), "{name}");
    }
}

#[test]
fn a_long_chain_names_the_one_at_fault_and_no_other() {
    let mut config = "[profile p0]\nsso_session = corp\n".to_owned();
    for index in 1..50 {
        config.push_str(&format!("[profile p{index}]\n{ROLE}source_profile = p{}\n", index - 1));
    }
    let config = with_keys(&config);
    let reason = reason(&config, "p49");
    assert!(
        reason.contains("it is assumed from `p0`, which cannot be used: /h/.aws/config:2: the profile signs in"),
        "{reason}"
    );
    assert_eq!(reason.matches("cannot be used").count(), 1);
    assert_eq!(config.identities["p49"].kind, Kind::Role);
}

#[test]
fn our_toml_about_a_profile_that_is_not_there_or_shadows_one() {
    let toml = "[identity.ghost]\nkeep_warm = true\n[identity.base]\nprofile = \"other\"\n[identity.role]\nprofile = \"base\"\n";
    let config = format!("[profile role]\n{ROLE}source_profile = base\n[profile top]\n{ROLE}source_profile = role\n");
    let config = Given { config: &config, credentials: KEYS, toml, ..Given::default() }.config();
    let ours = "/h/.config/credenza/config.toml";
    assert_eq!(
        reason(&config, "ghost"),
        format!("{ours}:1: there is no profile `ghost`: write it into the shared config file")
    );
    assert_eq!(
        reason(&config, "base"),
        format!("{ours}:4: profile = \"other\", but `base` is a profile itself: choose another name")
    );
    assert!(reason(&config, "top").contains("it is assumed from `role`, which cannot be used"));
    let complaints: Vec<String> = config.complaints.iter().map(ToString::to_string).collect();
    let expected = [
        format!("{ours}:4: there is no profile `other`: write it into the shared config file"),
        format!("{ours}:1: there is no profile `ghost`: write it into the shared config file"),
    ];
    assert_eq!(complaints, expected, "the policy that it was to have holds for nobody");
    let toml = "[identity.bsae]\npolicy = '{}'\n";
    let config = Given { credentials: KEYS, toml, ..Given::default() }.config();
    let complaint = config.complaints[0].to_string();
    assert_eq!(complaint, format!("{ours}:1: there is no profile `bsae`: did you mean `base`?"));
}
