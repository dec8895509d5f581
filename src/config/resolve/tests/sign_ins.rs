//! Which sign-in an identity rests on, what our TOML says of it, and what its digest follows.

use std::collections::BTreeSet;
use std::time::Duration;

use super::sso::{OLDER, ROLE_OF_ACCOUNT, SESSION, given, sso};
use super::*;
use crate::config::SsoCache;

#[test]
fn who_is_asked_elsewhere_signs_in_elsewhere() {
    let config = format!(
        "[profile a]\nsso_session = corp\n{ROLE_OF_ACCOUNT}[profile b]\nsso_session = corp\n{ROLE_OF_ACCOUNT}\
         [profile c]\nsso_session = corp\n{ROLE_OF_ACCOUNT}services = local\n\
         [services local]\nsso =\n  endpoint_url = http://127.0.0.1:1\n{SESSION}\
         [profile d]\n{OLDER}{ROLE_OF_ACCOUNT}[profile e]\n{OLDER}{ROLE_OF_ACCOUNT}\
         [profile f]\n{}{ROLE_OF_ACCOUNT}",
        OLDER.replace("us-east-1", "us-east-2")
    );
    let config = Given { config: &config, ..Given::default() }.config();
    let of = |name| config.sso_session_of(name).unwrap();
    for (one, other, same) in
        [("a", "b", true), ("a", "c", false), ("d", "e", true), ("d", "f", false), ("a", "d", false)]
    {
        assert_eq!(Arc::ptr_eq(of(one), of(other)), same, "{one} {other}");
        assert_eq!(of(one).key() == of(other).key(), same, "{one} {other}");
        let together = config.identities_of(of(one)).iter().any(|name| **name == *other);
        assert_eq!(together, same, "{one} {other}");
    }
    assert_eq!(config.sso_sessions().len(), 4);
}

#[test]
fn what_our_toml_says_of_a_start_url_that_no_profile_has_is_a_complaint() {
    let toml = "[sso.\"https://odl.awsapps.com/start\"]\nannounce = \"0s\"\n";
    let config = given(&format!("{OLDER}{ROLE_OF_ACCOUNT}"), "", toml, &[]);
    let complaints: Vec<String> = config.complaints.iter().map(ToString::to_string).collect();
    let expected = "/h/.config/credenza/config.toml:1: there is no profile whose sso_start_url is \
                    `https://odl.awsapps.com/start`: did you mean `https://old.awsapps.com/start`?";
    assert_eq!(complaints, [expected]);
}

#[test]
fn chains_rest_on_the_sign_in_at_their_end() {
    let config = with_keys(&format!(
        "[profile dev]\nregion = eu-west-3\nsso_session = corp\n{ROLE_OF_ACCOUNT}\
         [profile admin]\nsso_session = corp\nsso_account_id = 111122223333\nsso_role_name = Root\n\
         [profile one]\n{ROLE}source_profile = dev\n[profile two]\n{ROLE}source_profile = one\n\
         [profile plain]\n{ROLE}source_profile = base\n[profile old]\n{OLDER}{ROLE_OF_ACCOUNT}\n\
         [sso-session empty]\n[sso-session unused]\nsso_start_url = https://u.example\nsso_region = eu-west-1\n{SESSION}"
    ));
    let sessions = config.sso_sessions();
    let labels: Vec<&str> = sessions.iter().map(|session| session.label()).collect();
    assert_eq!(labels, ["corp", "https://old.awsapps.com/start", "unused"]);
    let names = |index: usize| {
        let names = config.identities_of(&sessions[index]);
        names.iter().map(|name| name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(
        (names(0), names(1)),
        (["admin", "dev", "one", "two"].map(str::to_owned).to_vec(), vec!["old".to_owned()])
    );
    assert!(names(2).is_empty());
    let of = |name| config.sso_session_of(name);
    assert!(Arc::ptr_eq(of("two").unwrap(), of("admin").unwrap()), "one Arc for one session");
    assert!(of("plain").is_none() && of("base").is_none() && of("nobody").is_none());
    assert!(matches!(base(&config, "one"), RoleBase::Identity(base) if **base == *"dev"));
    assert_eq!(role(&config, "two").sts.region, "eu-west-3");
    let complaints: Vec<String> = config.complaints.iter().map(ToString::to_string).collect();
    assert!(complaints.iter().any(|text| text.ends_with(": [sso-session empty] has no sso_start_url: write it there")));
    assert_eq!(complaints.len(), 1, "{complaints:?}");
}

#[test]
fn our_toml_says_more_about_a_session_by_its_name_or_start_url() {
    let said = "cache = \"private\"\nsession_length = \"12h\"\nannounce = \"0s\"\nmax_hold = \"30m\"\n";
    let mut toml = format!("[sso.corp]\n{said}");
    let config = given(&format!("sso_session = corp\n{ROLE_OF_ACCOUNT}"), SESSION, &toml, &[]);
    let session = &sso(&config, "a").session;
    assert_eq!((session.cache, session.announce), (SsoCache::Private, Duration::ZERO));
    assert_eq!(session.length, Some(Duration::from_secs(43_200)));
    assert_eq!(session.max_hold, Some(Duration::from_secs(1800)));
    toml = format!("[sso.\"https://old.awsapps.com/start\"]\n{said}[sso.crop]\n");
    let config = given(&format!("{OLDER}{ROLE_OF_ACCOUNT}"), SESSION, &toml, &[]);
    assert_eq!(sso(&config, "a").session.cache, SsoCache::Private);
    let complaints: Vec<String> = config.complaints.iter().map(ToString::to_string).collect();
    let expected = "/h/.config/credenza/config.toml:6: there is no sso-session `crop`: did you mean `corp`?";
    assert_eq!(complaints, [expected]);
}

#[test]
fn the_digest_changes_with_who_is_asked_for_what_and_with_nothing_else() {
    let lines = format!("sso_session = corp\n{ROLE_OF_ACCOUNT}");
    let digest = |lines: &str, session: &str, toml: &str, variables: &[(&str, &str)]| {
        let config = given(lines, session, toml, variables);
        assert!(config.identities["a"].definition.is_ok(), "{lines}{session}");
        config.identities["a"].digest
    };
    let first = digest(&lines, SESSION, "", &[]);
    let said =
        "[sso.corp]\nsession_length = \"8h\"\nannounce = \"1m\"\nmax_hold = \"1h\"\n[identity.a]\nkeep_warm = true\n";
    assert_eq!(first, digest(&lines, SESSION, said, &[]));
    let digests = [
        first,
        digest(&lines.replace("1111", "4444"), SESSION, "", &[]),
        digest(&lines.replace("Admin", "Reader"), SESSION, "", &[]),
        digest(&lines, &SESSION.replace("central", "west"), "", &[]),
        digest(&lines, &SESSION.replace("corp.aws", "other.aws"), "", &[]),
        digest(&lines, SESSION, "", &[("AWS_ENDPOINT_URL_SSO", "https://x")]),
        digest(&lines, SESSION, "", &[("AWS_ENDPOINT_URL_SSO_OIDC", "https://x")]),
        digest(&lines, SESSION, "", &[("AWS_USE_FIPS_ENDPOINT", "true")]),
        digest(&lines, SESSION, "[sso.corp]\ncache = \"private\"\n", &[]),
    ];
    assert_eq!(digests.iter().collect::<BTreeSet<_>>().len(), digests.len());
}

#[test]
fn a_sign_in_from_nothing_takes_the_environments_endpoints() {
    let environment = Environment::from_iter([("AWS_ENDPOINT_URL_SSO_OIDC", "http://127.0.0.1:1")]);
    let made = |url, region| SsoSession::of_start_url(url, region, Some("corp"), &environment);
    let session = made("https://corp.awsapps.com/start", "eu-central-1").unwrap();
    assert_eq!((session.label(), session.oidc_url.as_deref()), ("corp", Some("http://127.0.0.1:1")));
    assert!(made("http://corp.example", "eu-central-1").unwrap_err().contains("write https://"));
    assert!(made("https://corp.example", "a.b").unwrap_err().contains("no region"));
}
