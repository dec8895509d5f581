//! Profiles of IAM Identity Center: both forms, and what they may not say.

use super::*;
use crate::config::{SsoCache, SsoDefinition};

pub(super) const SESSION: &str =
    "[sso-session corp]\nsso_start_url = https://corp.awsapps.com/start\nsso_region = eu-central-1\n";
pub(super) const ROLE_OF_ACCOUNT: &str = "sso_account_id = 111122223333\nsso_role_name = Admin\n";
pub(super) const OLDER: &str = "sso_start_url = https://old.awsapps.com/start\nsso_region = us-east-1\n";

/// A profile `a` with these lines, and the session `corp`.
pub(super) fn given(lines: &str, session: &str, toml: &str, variables: &[(&str, &str)]) -> Config {
    let config = format!("[profile a]\n{lines}{session}");
    Given { config: &config, toml, variables, ..Given::default() }.config()
}

#[track_caller]
pub(super) fn sso<'a>(config: &'a Config, name: &str) -> &'a SsoDefinition {
    match &config.identities[name].definition {
        Ok(Definition::Sso(sso)) => sso,
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn both_forms_say_where_one_signs_in_and_which_role_is_wanted() {
    let config = given(&format!("sso_session = corp\n{ROLE_OF_ACCOUNT}"), SESSION, "", &[]);
    let found = sso(&config, "a");
    assert_eq!((found.account_id.as_str(), found.role_name.as_str()), ("111122223333", "Admin"));
    let session = &found.session;
    assert_eq!((session.name.as_deref(), session.region.as_str()), (Some("corp"), "eu-central-1"));
    assert_eq!(session.start_url, "https://corp.awsapps.com/start");
    assert_eq!(session.scopes, ["sso:account:access"]);
    assert_eq!((session.cache, session.announce), (SsoCache::Shared, SsoSession::ANNOUNCE));
    assert_eq!(
        (config.identities["a"].kind, config.identities["a"].account.as_deref()),
        (Kind::Sso, Some("111122223333"))
    );
    let config = given(&format!("{OLDER}{ROLE_OF_ACCOUNT}"), "", "", &[]);
    let session = &sso(&config, "a").session;
    assert_eq!((session.name.as_deref(), session.label()), (None, "https://old.awsapps.com/start"));
    assert_eq!(
        (session.region.as_str(), session.scopes.as_slice()),
        ("us-east-1", &["sso:account:access".to_owned()][..])
    );
}

#[test]
fn the_portals_scope_is_always_asked_for_and_each_once() {
    for (written, expected) in [
        ("sso:account:access", &["sso:account:access"][..]),
        (" a:b , a:b,, c:d", &["a:b", "c:d", "sso:account:access"]),
        ("sso:account:access, a:b", &["sso:account:access", "a:b"]),
    ] {
        let session = format!("{SESSION}sso_registration_scopes = {written}\n");
        let config = given(&format!("sso_session = corp\n{ROLE_OF_ACCOUNT}"), &session, "", &[]);
        assert_eq!(sso(&config, "a").session.scopes, expected, "{written}");
    }
}

#[test]
fn what_is_missing_or_contradictory_is_named_with_its_line() {
    let of_session = |lines: &str| format!("sso_session = corp\n{lines}");
    let whole = of_session(ROLE_OF_ACCOUNT);
    for (lines, session, expected) in [
        (whole.replace("corp", "crop"), SESSION, "2: there is no [sso-session crop]: did you mean `corp`?"),
        (whole.clone(), "", "2: there is no [sso-session corp]: write it into the shared config file"),
        (
            format!("{whole}sso_region = us-east-1\n"),
            SESSION,
            "5: sso_region = us-east-1, but [sso-session corp] says eu-central-1: take it out of the profile",
        ),
        (
            format!("{whole}sso_start_url = https://x.example\n"),
            SESSION,
            "5: sso_start_url = https://x.example, but [sso-session corp] says https://corp.awsapps.com/start: take it out of \
             the profile",
        ),
        (
            whole.clone(),
            "[sso-session corp]\nsso_region = x\n",
            "5: [sso-session corp] has no sso_start_url: write it there",
        ),
        (
            whole.clone(),
            "[sso-session corp]\nsso_start_url = https://x.example\n",
            "5: [sso-session corp] has no sso_region: write it there",
        ),
        (of_session("sso_role_name = x\n"), SESSION, "3: sso_role_name has no sso_account_id beside it: write both"),
        (
            of_session("sso_account_id = 111122223333\n"),
            SESSION,
            "3: sso_account_id has no sso_role_name beside it: write both",
        ),
        (
            of_session("sso_account_id = 1234\nsso_role_name = x\n"),
            SESSION,
            "3: sso_account_id: 1234 is no account, which has twelve digits, zeros in front among them",
        ),
        (
            of_session("sso_account_id = 111122223333\nsso_role_name = a b\n"),
            SESSION,
            "4: sso_role_name: a role of IAM Identity Center has 1 to 32 letters, digits and `_+=,.@-`",
        ),
        (
            format!("{ROLE_OF_ACCOUNT}sso_start_url = http://x.example\nsso_region = eu-west-1\n"),
            "",
            "4: sso_start_url: http://x.example is in clear text to another machine: write https://",
        ),
        (
            format!("{ROLE_OF_ACCOUNT}sso_start_url = x\nsso_region = eu-west-1\n"),
            "",
            "4: sso_start_url: x is no start URL, such as https://d-1234567890.awsapps.com/start",
        ),
        (
            format!("{ROLE_OF_ACCOUNT}sso_start_url = https://x\nsso_region = evil.example/\n"),
            "",
            "5: sso_region: evil.example/ is no region, such as eu-central-1",
        ),
        (
            format!("{ROLE_OF_ACCOUNT}sso_start_url = https://x\n"),
            "",
            "4: sso_start_url has no sso_region beside it: write both",
        ),
        (format!("{ROLE_OF_ACCOUNT}sso_region = x\n"), "", "4: sso_region has no sso_start_url beside it: write both"),
        (
            ROLE_OF_ACCOUNT.to_owned(),
            "",
            "2: nothing says where one signs in: write sso_session, the name of an [sso-session X] with sso_start_url and \
             sso_region",
        ),
        (
            of_session(""),
            SESSION,
            "2: the profile signs in and says no role: add sso_account_id and sso_role_name, or let `credenza import corp` \
             write a profile for each",
        ),
    ] {
        let config = given(&lines, session, "", &[]);
        assert_eq!(reason(&config, "a"), format!("/h/.aws/config:{expected}"), "{lines}{session}");
        assert_eq!(config.identities["a"].kind, Kind::Sso);
    }
}

#[test]
fn what_the_profile_repeats_and_what_the_session_leaves_to_it_counts() {
    for (lines, session) in [
        ("sso_region = eu-central-1\nsso_start_url = https://corp.awsapps.com/start\n", SESSION),
        ("sso_region = eu-central-1\n", "[sso-session corp]\nsso_start_url = https://corp.awsapps.com/start\n"),
    ] {
        let config = given(&format!("sso_session = corp\n{ROLE_OF_ACCOUNT}{lines}"), session, "", &[]);
        assert_eq!(sso(&config, "a").session.region, "eu-central-1", "{lines}");
    }
    for url in ["http://127.0.0.1:4566/start", "https://corp.awsapps.com/start/#/", "https://sso.example.com"] {
        let config = given(&format!("{ROLE_OF_ACCOUNT}sso_region = x\nsso_start_url = {url}\n"), "", "", &[]);
        assert_eq!(sso(&config, "a").session.start_url, url);
    }
}

#[test]
fn endpoints_come_from_what_is_named_for_each_service() {
    let services = "services = local\n[services local]\nsso =\n  endpoint_url = http://127.0.0.1:1\nsso_oidc =\n  endpoint_url = https://o.example\n";
    let urls = |lines: &str, variables: &[(&str, &str)]| {
        let config = given(&format!("sso_session = corp\n{ROLE_OF_ACCOUNT}{lines}"), SESSION, "", variables);
        let found = config.identities["a"].definition.as_ref().map_err(ToString::to_string);
        found
            .map(|_| sso(&config, "a").session.clone())
            .map(|session| (session.oidc_url.clone(), session.portal_url.clone()))
    };
    let both = |oidc: &str, portal: &str| Ok((Some(oidc.to_owned()), Some(portal.to_owned())));
    assert_eq!(urls("", &[("AWS_ENDPOINT_URL", "https://all.example")]), Ok((None, None)));
    assert_eq!(urls(services, &[]), both("https://o.example", "http://127.0.0.1:1"));
    let variables = [("AWS_ENDPOINT_URL_SSO", "https://p"), ("AWS_ENDPOINT_URL_SSO_OIDC", "https://o")];
    assert_eq!(urls(services, &variables), both("https://o", "https://p"));
    assert_eq!(urls(services, &[("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")]), Ok((None, None)));
    assert_eq!(urls(&format!("ignore_configured_endpoint_urls = true\n{services}"), &[]), Ok((None, None)));
    assert_eq!(
        urls("", &[("AWS_ENDPOINT_URL_SSO", "http://10.0.0.1")]),
        Err("AWS_ENDPOINT_URL_SSO sends tokens in clear text to another machine: write https://".to_owned())
    );
}

#[test]
fn an_endpoint_that_is_none_is_named_with_its_line() {
    for (url, why) in [
        ("http://10.0.0.1", "sends tokens in clear text to another machine: write https://"),
        ("nowhere", "is no address such as https://sso-oidc.example.com"),
    ] {
        let services = format!("services = local\n[services local]\nsso_oidc =\n  endpoint_url = {url}\n");
        let config = given(&format!("sso_session = corp\n{ROLE_OF_ACCOUNT}{services}"), SESSION, "", &[]);
        assert_eq!(reason(&config, "a"), format!("/h/.aws/config:8: endpoint_url of sso_oidc {why}"));
    }
}

#[test]
fn a_profile_for_bearer_tokens_alone_is_told_how_to_have_roles() {
    let import = "let `credenza import --start-url https://old.awsapps.com/start` write a profile for each";
    let config = given(OLDER, "", "", &[]);
    assert!(reason(&config, "a").starts_with("/h/.aws/config:2: the profile signs in and says no role: "));
    assert!(reason(&config, "a").contains(import), "{}", reason(&config, "a"));
    // keys of its own come first, as in botocore
    let keys = "aws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = hunter2\n";
    assert_eq!(given(&format!("sso_session = corp\n{keys}"), SESSION, "", &[]).identities["a"].kind, Kind::Keys);
}

#[test]
fn a_role_whose_own_sign_in_would_be_its_source_is_told_to_split_the_profile() {
    let config = given(&format!("{ROLE}source_profile = a\nsso_session = corp\n{ROLE_OF_ACCOUNT}"), SESSION, "", &[]);
    assert!(reason(&config, "a").contains("give the sso_ keys a profile of their own"), "{}", reason(&config, "a"));
    assert_eq!(config.identities["a"].kind, Kind::Role);
}

#[test]
fn a_policy_of_our_toml_is_refused_rather_than_left_out() {
    let toml = "[identity.a]\npolicy = '{}'\n";
    let config = given(&format!("sso_session = corp\n{ROLE_OF_ACCOUNT}"), SESSION, toml, &[]);
    assert!(reason(&config, "a").contains("`policy` cannot be had for `a`, whose kind is sso"));
}
