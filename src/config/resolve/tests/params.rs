//! What STS is asked for.

use std::time::Duration;

use super::*;

const HOUR: Duration = Duration::from_secs(3600);

/// A role `a` from keys, with more lines.
fn from_keys(lines: &str) -> Config {
    with_keys(&format!("[profile a]\n{ROLE}source_profile = base\n{lines}"))
}

/// A role `a` from keys, with our TOML about it.
fn said(toml: &str) -> Config {
    let config = format!("[profile a]\n{ROLE}source_profile = base\n");
    Given { config: &config, credentials: KEYS, toml: &format!("[identity.a]\n{toml}"), ..Given::default() }.config()
}

#[test]
fn durations_are_clamped_to_what_sts_grants() {
    for (written, secs, warned) in [
        ("", 3600, false),
        ("duration_seconds = 7200", 7200, false),
        ("duration_seconds = 900", 900, false),
        ("duration_seconds = 10", 900, true),
        ("duration_seconds = 99999", 43_200, true),
    ] {
        let config = from_keys(written);
        assert_eq!(role(&config, "a").duration.as_secs(), secs, "{written}");
        assert_eq!(role(&config, "a").duration_written, !written.is_empty());
        assert_eq!(config.identities["a"].warnings.len(), usize::from(warned), "{written}");
        assert!(config.complaints.is_empty());
    }
}

#[test]
fn a_duration_that_is_no_number_is_a_complaint_and_the_default() {
    let config = from_keys("duration_seconds = 1h");
    assert_eq!((role(&config, "a").duration, role(&config, "a").duration_written), (HOUR, false));
    let complaint = config.complaints[0].to_string();
    assert!(complaint.starts_with("/h/.aws/config:4: duration_seconds is no number"), "{complaint}");
}

#[test]
fn a_chained_role_has_one_hour_at_most_and_one_warning_where_more_was_written() {
    let config = with_keys(&format!(
        "[profile one]\n{ROLE}source_profile = base\nduration_seconds = 43200\n\
         [profile two]\n{ROLE}source_profile = one\nduration_seconds = 43200\n\
         [profile three]\n{ROLE}source_profile = two\n\
         [profile ec2]\n{ROLE}credential_source = Ec2InstanceMetadata\nduration_seconds = 43200\n"
    ));
    assert_eq!(role(&config, "one").duration, 12 * HOUR);
    assert_eq!(role(&config, "two").duration, HOUR);
    assert_eq!(role(&config, "three").duration, HOUR);
    // the keys of an instance are those of a role
    assert_eq!(role(&config, "ec2").duration, HOUR);
    let warnings = |name: &str| config.identities[name].warnings.clone();
    assert_eq!(
        warnings("two"),
        ["its sessions last 1 h instead of 12 h: AWS grants no more to a role that is assumed with temporary keys"]
    );
    assert_eq!(warnings("ec2"), warnings("two"));
    assert!(warnings("one").is_empty() && warnings("three").is_empty());
}

#[test]
fn the_session_name_is_sanitised() {
    assert_eq!(role(&from_keys(""), "a").session_name, "ada-lovelace@laptop");
    assert_eq!(role(&from_keys("role_session_name = ci"), "a").session_name, "ci");
    let config = from_keys("role_session_name = build 7/x");
    assert_eq!(role(&config, "a").session_name, "build-7-x");
    assert_eq!(config.identities["a"].warnings.len(), 1);
}

#[test]
fn the_keys_of_aws_vault_are_understood() {
    let config = from_keys(
        "external_id = ext-1\nsession_tags = team=a b, env = dev\ntransitive_session_tags = team, env\nsource_identity = ada\n",
    );
    let a = role(&config, "a");
    let tag = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    assert_eq!(a.external_id.as_deref(), Some("ext-1"));
    assert_eq!(a.tags, [tag("team", "a b"), tag("env", "dev")]);
    assert_eq!(a.transitive_tag_keys, ["team", "env"]);
    assert_eq!(a.source_identity.as_deref(), Some("ada"));
}

#[test]
fn our_toml_says_more_and_wins() {
    let config = said(
        "duration = \"2h\"\nsession_name = \"job\"\ntags = { team = \"x\" }\ntransitive_tags = [\"team\"]\n\
         source_identity = \"ada\"\npolicy = '{\"Version\": \"2012-10-17\"}'\nexternal_id = \"ext\"\n",
    );
    let a = role(&config, "a");
    assert_eq!((a.duration, a.duration_written, a.session_name.as_str()), (2 * HOUR, true, "job"));
    assert_eq!(a.tags, [("team".to_owned(), "x".to_owned())]);
    assert_eq!(a.transitive_tag_keys, ["team"]);
    assert_eq!((a.source_identity.as_deref(), a.external_id.as_deref()), (Some("ada"), Some("ext")));
    assert_eq!(a.policy.as_deref(), Some("{\"Version\": \"2012-10-17\"}"));
}

#[test]
fn what_would_change_what_is_granted_is_never_left_out_in_silence() {
    for (lines, complaint) in [
        ("session_tags = nonsense", "`nonsense` has no `=`"),
        ("external_id = x", "an external id has 2 to 1224"),
        ("source_identity = aws:x", "does not begin with `aws:`"),
    ] {
        let reason = reason(&from_keys(lines), "a");
        assert!(reason.starts_with("/h/.aws/config:4: ") && reason.contains(complaint), "{reason}");
    }
    let arns = "policy_arns = [\"ReadOnlyAccess\"]\n";
    assert!(
        reason(&said(arns), "a").starts_with("/h/.config/credenza/config.toml:2: `ReadOnlyAccess` is no policy's ARN")
    );
}

#[test]
fn what_a_shared_profile_says_and_a_token_cannot_carry_is_told() {
    let config = format!(
        "[profile web]\n{ROLE}web_identity_token_file = /run/token\nexternal_id = ext-1\nsession_tags = a=b\n\
         transitive_session_tags = a\nsource_identity = ada\n"
    );
    let config = with_keys(&config);
    assert!(config.identities["web"].definition.is_ok());
    let warnings = &config.identities["web"].warnings;
    for (warning, key) in
        warnings.iter().zip(["external_id", "session_tags", "transitive_session_tags", "source_identity"])
    {
        assert!(warning.starts_with(&format!("{key} is not sent")), "{warnings:?}");
    }
    assert_eq!(warnings.len(), 4);
}

#[test]
fn a_policy_for_what_is_no_role_makes_it_unusable() {
    let toml = "[identity.base]\npolicy = \"{}\"\n[identity.web]\ntags = { a = \"b\" }\n";
    let config = format!("[profile web]\n{ROLE}web_identity_token_file = /run/token\n");
    let config = Given { config: &config, credentials: KEYS, toml, ..Given::default() }.config();
    assert_eq!(
        reason(&config, "base"),
        "/h/.config/credenza/config.toml:2: `policy` cannot be had for `base`, whose kind is keys: take it out"
    );
    assert!(reason(&config, "web").contains("`tags` cannot be had for `web`, whose kind is web-identity"));
}
