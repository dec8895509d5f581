//! Assumed roles: what is sent, chains, and durations that AWS does not allow.

use credenza::credential::FailureClass;
use simcloud::{Fault, Keys, Trust};

use crate::stage::*;

/// A base, and a role with these lines more.
fn stage_with(lines: &str) -> Stage {
    let stage = Stage::new();
    let (keys, role) = stage.user_and_role("deploy");
    let config = format!(
        "[profile base]\n{}\n[profile role]\nrole_arn = {role}\nsource_profile = base\n{lines}",
        key_lines(&keys)
    );
    stage.config(&config)
}

#[tokio::test(start_paused = true)]
async fn a_role_is_assumed_from_its_source_profile() {
    let stage = stage_with("region = eu-central-1\n");
    let issued = stage.fetch("role").await.unwrap();
    assert_eq!(issued.expiration, Some(start() + HOUR));
    assert_eq!(issued.account_id.as_deref(), Some(ACCOUNT));
    assert_eq!(issued.role_arn, Some(role_arn("deploy")));
    assert_eq!(issued.warnings, Vec::<String>::new());
    let judged = stage.good(&issued);
    let session = judged.principal.arn.strip_prefix(&format!("arn:aws:sts::{ACCOUNT}:assumed-role/deploy/")).unwrap();
    assert!(session.contains('@'), "USER@HOST: {session}");
    assert_eq!(*stage.hosts.lock().unwrap(), ["sts.eu-central-1.amazonaws.com"]);
    assert_eq!(stage.cloud.count("AssumeRole"), 1);
}

#[tokio::test(start_paused = true)]
async fn everything_that_a_profile_and_our_file_say_of_a_role_is_sent() {
    let stage = stage_with("external_id = shared-secret-17\nduration_seconds = 1800\nrole_session_name = nightly\n")
        .file(
            "/home/ada/.config/credenza/config.toml",
            r#"
            [identity.role]
            profile = "role"
            tags = { team = "data", cost = "17" }
            transitive_tags = ["team"]
            source_identity = "ada"
            policy = '{"Version":"2012-10-17","Statement":[]}'
            policy_arns = ["arn:aws:iam::aws:policy/ReadOnlyAccess"]
        "#,
        );
    let issued = stage.fetch("role").await.unwrap();
    assert_eq!(issued.expiration, Some(start() + HOUR / 2));
    let sent = stage.sent("AssumeRole");
    let expected = [
        ("DurationSeconds", "1800"),
        ("RoleSessionName", "nightly"),
        ("ExternalId", "shared-secret-17"),
        ("Policy", r#"{"Version":"2012-10-17","Statement":[]}"#),
        ("SourceIdentity", "ada"),
        ("PolicyArns.member.1.arn", "arn:aws:iam::aws:policy/ReadOnlyAccess"),
        ("TransitiveTagKeys.member.1", "team"),
    ];
    for (name, value) in expected {
        assert_eq!(sent.get(name).map(String::as_str), Some(value), "{name} in {sent:?}");
    }
    let judged = stage.good(&issued);
    let tags: Vec<(&str, &str)> = judged.tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(tags, [("cost", "17"), ("team", "data")]);
    assert_eq!(judged.source_identity.as_deref(), Some("ada"));
}

#[tokio::test(start_paused = true)]
async fn an_external_id_is_the_proof_that_the_role_wants() {
    let stage = Stage::new();
    let keys = stage.cloud.add_user("ada", ACCOUNT);
    let trust = Trust::of([format!("arn:aws:iam::{ACCOUNT}:user/ada")]).external_id("shared-secret-17");
    stage.cloud.add_role(&role_arn("partner"), trust, HOUR);
    let role = |name: &str, more: &str| {
        format!("[profile {name}]\nrole_arn = {}\nsource_profile = base\n{more}", role_arn("partner"))
    };
    let config = format!(
        "[profile base]\n{}\n{}{}",
        key_lines(&keys),
        role("with", "external_id = shared-secret-17\n"),
        role("without", "")
    );
    let stage = stage.config(&config);
    assert!(stage.fetch("with").await.is_ok());
    let failure = stage.fetch("without").await.unwrap_err();
    assert_eq!((failure.class, failure.code), (FailureClass::Refused, "AccessDenied"));
    assert!(failure.public.contains(&role_arn("partner")), "{}", failure.public);
}

#[tokio::test(start_paused = true)]
async fn a_chain_of_roles_is_assumed_link_by_link() {
    let stage = Stage::new();
    let (keys, first) = stage.user_and_role("first");
    let mut config =
        format!("[profile base]\n{}[profile p1]\nrole_arn = {first}\nsource_profile = base\n", key_lines(&keys));
    for (number, before) in [(2, first.clone()), (3, role_arn("r2")), (4, role_arn("r3"))] {
        stage.cloud.add_role(&role_arn(&format!("r{number}")), Trust::of([before]), HOUR);
        config += &format!(
            "[profile p{number}]\nrole_arn = {}\nsource_profile = p{}\n",
            role_arn(&format!("r{number}")),
            number - 1
        );
    }
    let stage = stage.config(&config);
    let issued = stage.fetch("p4").await.unwrap();
    assert!(stage.good(&issued).chained);
    assert_eq!(stage.cloud.count("AssumeRole"), 4);
}

#[tokio::test(start_paused = true)]
async fn long_term_keys_may_assume_a_role_for_twelve_hours() {
    let stage = stage_with("duration_seconds = 43200\n");
    assert_eq!(stage.fetch("role").await.unwrap().expiration, Some(start() + 12 * HOUR));
}

#[tokio::test(start_paused = true)]
async fn what_temporary_keys_assume_is_asked_for_an_hour_at_once_with_a_warning() {
    let stage = Stage::new();
    let (_, role) = stage.user_and_role("deploy");
    let keys = Keys::temporary();
    stage.cloud.add_user_with_keys("ada", ACCOUNT, keys.clone());
    let role = format!("role_arn = {role}\nduration_seconds = 7200\n");
    let stage = stage
        .config(&format!(
            "[profile base]\n{}\n[profile program]\ncredential_process = printing\n\
             [profile from-keys]\n{role}source_profile = base\n[profile from-program]\n{role}source_profile = program\n",
            key_lines(&keys)
        ))
        .program("printing", &printed(&keys, None));
    // of the one the files tell, of the other what it printed
    for (name, why) in [("from-keys", "1 h instead of 2 h"), ("from-program", "7200 s")] {
        stage.cloud.forget_calls();
        let issued = stage.fetch(name).await.unwrap();
        assert_eq!(issued.expiration, Some(start() + HOUR), "{name}");
        assert!(issued.warnings.len() == 1 && issued.warnings[0].contains(why), "{:?}", issued.warnings);
        assert_eq!(stage.cloud.count("AssumeRole"), 1, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_configuration_mended_is_told_once_with_what_is_issued() {
    let stage = Stage::new();
    let (keys, first) = stage.user_and_role("first");
    stage.cloud.add_role(&role_arn("second"), Trust::of([first.clone()]), HOUR);
    let second = role_arn("second");
    let stage = stage.config(&format!(
        "[profile base]\n{}[profile one]\nrole_arn = {first}\nsource_profile = base\nduration_seconds = 43200\n\
         [profile chained]\nrole_arn = {second}\nsource_profile = one\nduration_seconds = 43200\n\
         [profile clamped]\nrole_arn = {first}\nsource_profile = base\nduration_seconds = 60\n\
         [profile named]\nrole_arn = {first}\nsource_profile = base\nrole_session_name = build 7\n",
        key_lines(&keys)
    ));
    for (name, why) in [("chained", "1 h instead of 12 h"), ("clamped", "15 min"), ("named", "`build-7` is sent")] {
        let warnings = stage.fetch(name).await.unwrap().warnings;
        assert!(warnings.len() == 1 && warnings[0].contains(why), "{name}: {warnings:?}");
    }
    assert!(stage.fetch("one").await.unwrap().warnings.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_duration_over_the_roles_own_limit_is_clamped_to_an_hour_once() {
    let stage = Stage::new();
    let keys = stage.cloud.add_user("ada", ACCOUNT);
    stage.cloud.add_role(&role_arn("short"), Trust::of([format!("arn:aws:iam::{ACCOUNT}:user/ada")]), 2 * HOUR);
    let stage = stage.config(&format!(
        "[profile base]\n{}\n[profile role]\nrole_arn = {}\nsource_profile = base\nduration_seconds = 43200\n",
        key_lines(&keys),
        role_arn("short")
    ));
    let issued = stage.fetch("role").await.unwrap();
    assert_eq!((issued.expiration, issued.warnings.len()), (Some(start() + HOUR), 1));
    let asked: Vec<String> = stage.cloud.calls().iter().map(|call| call.outcome.clone()).collect();
    assert_eq!(asked, ["ValidationError", "ok"]);

    // and if an hour is refused as well, that is that
    let message = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.".to_owned();
    let trouble = simcloud::Trouble::Error { status: None, code: "ValidationError".to_owned(), message: Some(message) };
    stage.cloud.add_fault(Fault::new(trouble));
    stage.cloud.forget_calls();
    let failure = stage.fetch("role").await.unwrap_err();
    assert_eq!((failure.class, failure.code), (FailureClass::Refused, "DurationRefused"));
    assert_eq!(stage.cloud.count("AssumeRole"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_was_learnt_costs_no_second_call_for_a_day() {
    let stage = Stage::new();
    let keys = stage.cloud.add_user("ada", ACCOUNT);
    stage.cloud.add_role(&role_arn("short"), Trust::of([format!("arn:aws:iam::{ACCOUNT}:user/ada")]), HOUR);
    let stage = stage.config(&format!(
        "[profile base]\n{}\n[profile role]\nrole_arn = {}\nsource_profile = base\nduration_seconds = 7200\n",
        key_lines(&keys),
        role_arn("short")
    ));
    let source = stage.source("role");
    for (later, calls) in [(0, 2), (1, 1), (22, 1), (2, 2), (1, 1)] {
        stage.clock.suspend(later * HOUR);
        stage.cloud.forget_calls();
        let ingredient = stage.ingredient(&*source).await.unwrap();
        let issued = source.issue(ingredient).await.unwrap().keys().unwrap();
        assert_eq!((stage.cloud.calls().len(), issued.warnings.len()), (calls, 1), "{later} h later");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_not_whole_or_about_another_role_is_not_believed() {
    const KEYS: &str = "<AccessKeyId>ASIAEXAMPLE</AccessKeyId><SecretAccessKey>s</SecretAccessKey>\
                        <SessionToken>t</SessionToken><Expiration>2027-01-15T09:00:00Z</Expiration>";
    const USER: &str = "arn:aws:sts::111122223333:assumed-role/deploy/ada";
    let good = KEYS.to_owned();
    let stage = stage_with("");
    for (user, keys, why) in [
        (USER, good.clone(), None),
        ("arn:aws:sts::111122223333:assumed-role/other/ada", good.clone(), Some("another role")),
        ("arn:aws:sts::444455556666:assumed-role/deploy/ada", good.clone(), Some("another role")),
        (USER, good.replace("ASIAEXAMPLE", ""), Some("id is empty")),
        (USER, good.replace(">s<", "><"), Some("secret access key is empty")),
        (USER, good.replace(">t<", "><"), Some("token is empty")),
        (USER, good.replace(">t<", ">t&#10;X-Injected: 1<"), Some("characters")),
        (USER, good.replace(">t<", &format!(">{}<", "t".repeat(9001))), Some("too long")),
    ] {
        stage.cloud.clear_faults();
        let body = format!(
            "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>\
             <AssumedRoleUser><AssumedRoleId>AROA:ada</AssumedRoleId><Arn>{user}</Arn></AssumedRoleUser>\
             <Credentials>{keys}</Credentials></AssumeRoleResult></AssumeRoleResponse>"
        );
        stage.cloud.add_fault(Fault::new(simcloud::Trouble::Page { status: 200, headers: Vec::new(), body }));
        match (stage.fetch("role").await, why) {
            (Ok(issued), None) => assert_eq!(issued.keys.access_key_id, "ASIAEXAMPLE"),
            (Err(failure), Some(why)) => {
                assert_eq!(
                    (failure.class, failure.code),
                    (FailureClass::TryLater, "UnusableCredential"),
                    "{failure:?}"
                );
                assert!(failure.public.contains(why), "{why}: {failure}");
            }
            (outcome, why) => panic!("{why:?}: {outcome:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_revoked_role_is_refused_and_a_restored_one_comes_back() {
    let stage = stage_with("");
    stage.cloud.revoke_role(&role_arn("deploy"));
    let failure = stage.fetch("role").await.unwrap_err();
    assert_eq!((failure.class, failure.code), (FailureClass::Refused, "AccessDenied"));
    assert!(failure.public.contains("trust policy"), "{}", failure.public);
    stage.cloud.restore_role(&role_arn("deploy"));
    assert!(stage.fetch("role").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_endpoint_of_the_region_is_asked_and_of_the_kind_that_was_wished() {
    for (lines, host) in [
        ("", "sts.us-east-1.amazonaws.com"),
        ("region = eu-west-3\n", "sts.eu-west-3.amazonaws.com"),
        ("region = us-west-2\nuse_fips_endpoint = true\n", "sts-fips.us-west-2.amazonaws.com"),
        ("region = eu-west-3\nuse_dualstack_endpoint = true\n", "sts.eu-west-3.api.aws"),
        ("region = cn-north-1\n", "sts.cn-north-1.amazonaws.com.cn"),
        (
            "region = eu-west-3\nservices = own\n[services own]\nsts =\n  endpoint_url = https://sts.company.test\n",
            "sts.company.test",
        ),
    ] {
        let stage = stage_with(lines);
        let _ = stage.fetch("role").await;
        assert_eq!(*stage.hosts.lock().unwrap(), [host], "{lines}");
    }
}

#[tokio::test(start_paused = true)]
async fn settings_that_contradict_each_other_are_told_and_nothing_is_sent() {
    let stage = stage_with("use_fips_endpoint = true\n").variable("AWS_ENDPOINT_URL_STS", "https://sts.company.test");
    let failure = stage.fetch("role").await.unwrap_err();
    assert_eq!((failure.class, failure.code), (FailureClass::Refused, "SettingsContradict"));
    assert!(failure.private.contains("FIPS"), "{}", failure.private);
    assert_eq!(stage.hosts.lock().unwrap().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_general_endpoint_does_not_divert_keys() {
    let stage = stage_with("endpoint_url = https://everything.test\n").variable("AWS_ENDPOINT_URL", "https://all.test");
    stage.fetch("role").await.unwrap();
    assert_eq!(*stage.hosts.lock().unwrap(), ["sts.us-east-1.amazonaws.com"]);
}
