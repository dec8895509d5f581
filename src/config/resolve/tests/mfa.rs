//! What rests on an IAM user's keys: sessions, devices, where codes come from, and `[identity.X]` without a profile.

use std::time::Duration;

use super::*;
use crate::config::{Device, KeysReference, Otp, UserSession};

const MFA: &str = "mfa_serial = arn:aws:iam::123456789012:mfa/ada\n";
const SERIAL: &str = "arn:aws:iam::123456789012:mfa/ada";
const BASE: &str = "source_profile = base\n";

/// Roles from `base` with the device, each with more lines; and our TOML.
#[track_caller]
fn roles(roles: &[(&str, &str)], toml: &str) -> Config {
    let profile = |(name, lines): &(&str, &str)| format!("[profile {name}]\n{ROLE}{BASE}{lines}");
    let config: String = roles.iter().map(profile).collect();
    Given { config: &config, credentials: KEYS, toml, ..Given::default() }.config()
}

#[track_caller]
fn session<'a>(config: &'a Config, name: &str) -> &'a UserSession {
    config.identities[name]
        .user_session()
        .unwrap_or_else(|| panic!("{name}: {:?}", config.identities[name].definition))
        .1
}

#[track_caller]
fn device<'a>(config: &'a Config, name: &str) -> &'a Device {
    session(config, name).device.as_ref().unwrap()
}

/// How an identity rests on what: `session`, `code`, `own session`, `keys`, `identity`.
fn rests(config: &Config, name: &str) -> &'static str {
    match &config.identities[name].definition {
        Ok(Definition::Role(role)) => match &role.base {
            RoleBase::Session(_) => "session",
            RoleBase::Code(_) => "code",
            RoleBase::Keys(_) => "keys",
            RoleBase::Identity(_) => "identity",
        },
        Ok(Definition::Session(_)) => "own session",
        Ok(Definition::Keys { .. }) => "own keys",
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn a_role_with_a_device_rests_on_the_users_session() {
    let config = roles(&[("a", MFA), ("b", MFA), ("c", "")], "");
    assert_eq!(kinds(&config), ["a mfa", "b mfa", "base keys", "c role"]);
    assert_eq!((rests(&config, "a"), rests(&config, "b"), rests(&config, "c")), ("session", "session", "keys"));
    assert_eq!(
        (device(&config, "a").serial.as_str(), &device(&config, "a").otp),
        (SERIAL, &Otp::Prompt { pinentry: false })
    );
    assert_eq!(session(&config, "a").duration, UserSession::DURATION);
    assert!(matches!(&session(&config, "a").keys, KeysOrigin::Static { profile, .. } if **profile == *"base"));
    assert_eq!(session(&config, "a").key(), session(&config, "b").key());
}

#[test]
fn keys_with_a_device_and_no_role_hand_out_the_session() {
    let credentials = format!(
        "{KEYS}{MFA}[temporary]\naws_access_key_id = ASIA1\naws_secret_access_key = x\n{MFA}\
                               aws_session_token = y\n"
    );
    let config = format!("[profile role]\n{ROLE}{BASE}[profile p]\ncredential_process = /bin/x\n{MFA}");
    let config = Given { config: &config, credentials: &credentials, ..Given::default() }.config();
    assert_eq!(kinds(&config), ["base mfa", "p process", "role role", "temporary keys"]);
    assert_eq!((rests(&config, "base"), rests(&config, "temporary")), ("own session", "own keys"));
    assert!(config.identities["temporary"].warnings[0].starts_with("mfa_serial is left out: "));
    assert_eq!(rests(&config, "role"), "keys", "the source's device says nothing, as in AWS tools");
    assert_eq!(config.identities["base"].account.as_deref(), Some("123456789012"));
}

#[test]
fn a_device_is_left_out_where_the_keys_are_temporary() {
    let sso = "sso_start_url = https://x.awsapps.com/start\nsso_region = eu-west-1\nsso_account_id = 111122223333\nsso_role_name = A\n";
    let config = format!(
        "[profile of-role]\n{ROLE}source_profile = role\n{MFA}[profile role]\n{ROLE}{BASE}{MFA}\
         [profile sso]\n{sso}[profile of-sso]\n{ROLE}source_profile = sso\n{MFA}\
         [profile of-instance]\n{ROLE}credential_source = Ec2InstanceMetadata\n{MFA}\
         [profile of-token]\n{ROLE}source_profile = token\n{MFA}[profile of-env]\n{ROLE}credential_source = Environment\n{MFA}"
    );
    let credentials =
        format!("{KEYS}[token]\naws_access_key_id = ASIA1\naws_secret_access_key = x\naws_session_token = y\n");
    let long = [("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "hunter2")];
    let temporary = [long[0], long[1], ("AWS_SESSION_TOKEN", "x")];
    let read = |variables| Given { config: &config, credentials: &credentials, variables, ..Given::default() }.config();
    let config = read(&temporary);
    for (name, expected) in [
        ("of-role", "identity"),
        ("of-sso", "identity"),
        ("of-instance", "keys"),
        ("of-token", "keys"),
        ("of-env", "keys"),
    ] {
        assert_eq!(rests(&config, name), expected, "{name}");
        let warnings = &config.identities[name].warnings;
        assert!(warnings.iter().any(|text| text.starts_with("mfa_serial is left out: ")), "{name}: {warnings:?}");
        assert_eq!(config.identities[name].kind, Kind::Role, "{name}");
    }
    assert_eq!(rests(&read(&long), "of-env"), "session");
}

#[test]
fn a_role_alone_on_its_device_that_wants_more_than_an_hour_is_assumed_directly() {
    const LONG: &str = "mfa_serial = arn:aws:iam::123456789012:mfa/ada\nduration_seconds = 14400\n";
    let strategy = |word: &str| format!("[identity.a]\nstrategy = \"{word}\"\n");
    // (profiles, our TOML, what `a` rests on, its hours, whether it is told)
    for (profiles, toml, expected, hours, told) in [
        (&[("a", LONG)][..], String::new(), "code", 4, false),
        (&[("a", MFA)], String::new(), "session", 1, false),
        (&[("a", LONG), ("b", MFA)], String::new(), "session", 1, true),
        (&[("a", LONG), ("b", MFA)], strategy("direct"), "code", 4, false),
        (&[("a", LONG)], strategy("session"), "session", 1, true),
        (&[("a", LONG)], strategy("auto"), "code", 4, false),
        (&[("a", MFA)], strategy("direct"), "code", 1, false),
        (&[("a", LONG)], "[identity.base]\nstrategy = \"session\"\n".to_owned(), "session", 1, true),
        (&[("a", LONG)], "[identity.other]\nprofile = \"a\"\n".to_owned(), "session", 1, true),
    ] {
        let config = roles(profiles, &toml);
        assert_eq!(rests(&config, "a"), expected, "{profiles:?} {toml}");
        assert_eq!(role(&config, "a").duration, Duration::from_secs(hours * 3600), "{profiles:?} {toml}");
        let warnings = &config.identities["a"].warnings;
        let expected = "its sessions last 1 h instead of 4 h: AWS grants no more to a role that is assumed with a user's \
                        session. With `strategy = \"direct\"` in [identity.a] it is assumed without one";
        assert_eq!(warnings, &[expected].into_iter().filter(|_| told).collect::<Vec<_>>(), "{profiles:?} {toml}");
    }
}

#[test]
fn a_users_session_lasts_15_minutes_to_36_hours() {
    for (written, secs, told) in
        [("36h", 129_600, false), ("15m", 900, false), ("2d", 129_600, true), ("1s", 900, true)]
    {
        for of in ["a", "base"] {
            let config = roles(&[("a", MFA)], &format!("[identity.{of}]\nsession_duration = \"{written}\"\n"));
            assert_eq!(session(&config, "a").duration.as_secs(), secs, "{written}");
            assert_eq!(config.identities["a"].warnings.len(), usize::from(told), "{written}");
        }
    }
    let config = roles(&[("a", MFA)], "[identity.a]\nsession_duration = \"2d\"\n");
    let expected = "session_duration is 48 h, but STS grants a user's session 15 min to 36 h: 36 h is asked for";
    assert_eq!(config.identities["a"].warnings, [expected]);
}

#[test]
fn where_codes_come_from() {
    let ykman = |name: &str| Otp::Ykman { name: name.to_owned(), device: None };
    let otp = |identity: &str, name: &str| {
        format!("[identity.{identity}]\notp = {{ preset = \"ykman\", name = \"{name}\" }}\n")
    };
    let process = format!("{MFA}mfa_process = pass otp aws\n");
    let profiles = [("a", process.as_str()), ("b", MFA), ("c", "mfa_serial = GAHT12345678\n")];
    let line = || Otp::MfaProcess { line: "pass otp aws".to_owned() };
    let prompt = || Otp::Prompt { pinentry: false };
    for (toml, a, b) in [
        (String::new(), line(), prompt()),
        (otp("a", "own"), ykman("own"), ykman("own")),
        (otp("base", "source"), ykman("source"), ykman("source")),
        (otp("a", "own") + &otp("base", "source"), ykman("own"), ykman("source")),
        (otp("c", "other device"), line(), prompt()),
    ] {
        let config = roles(&profiles, &toml);
        assert_eq!((&device(&config, "a").otp, &device(&config, "b").otp), (&a, &b), "{toml}");
        assert!(config.complaints.is_empty(), "{toml}: {:?}", config.complaints);
    }
    let toml = otp("a", "one") + &otp("b", "two") + "[identity.d]\nprofile = \"b\"\n";
    let config = roles(&profiles, &toml);
    let complaints: Vec<String> = config.complaints.iter().map(ToString::to_string).collect();
    let ours = "/h/.config/credenza/config.toml";
    let text = |here, there| {
        format!(
            "{ours}:{here}: the codes of {SERIAL} come from another place at {ours}:{there}: write the same `otp` at both"
        )
    };
    assert_eq!(complaints, [text(2, 4), text(4, 2)]);
    assert_eq!(device(&config, "d").otp, ykman("one"));
}

#[test]
fn our_toml_may_say_the_device_of_the_role_or_of_its_source() {
    for of in ["a", "base"] {
        let toml = format!("[identity.{of}]\nmfa_serial = \"{SERIAL}\"\n");
        let config = roles(&[("a", "")], &toml);
        assert_eq!((rests(&config, "a"), device(&config, "a").serial.as_str()), ("session", SERIAL), "{of}");
    }
    let config = roles(&[("a", "mfa_serial = short\n")], "");
    let device = "mfa_serial is no device, such as arn:aws:iam::123456789012:mfa/ada or GAHT12345678";
    assert_eq!(reason(&config, "a"), format!("/h/.aws/config:4: {device}"));
}

#[test]
fn keys_by_reference_are_used_as_they_are_or_by_a_session() {
    let file = KeysReference::File { path: "/h/keys".into(), profile: "x".to_owned() };
    let op = |account: Option<&str>| KeysReference::OnePassword {
        reference: "op://Private/aws".to_owned(),
        account: account.map(str::to_owned),
    };
    let command = |unattended| KeysReference::Command {
        argv: vec!["/projects/bin/keys".to_owned(), "aws".to_owned()],
        unattended,
    };
    let absolute = KeysReference::File { path: "/keys".into(), profile: "default".to_owned() };
    for (keys, reference, kept) in [
        ("\"keyring:ada\"", KeysReference::Keyring("ada".to_owned()), false),
        ("\"env:BOOT\"", KeysReference::Environment("BOOT".to_owned()), false),
        ("\"file:~/keys#x\"", file, false),
        ("\"file:/keys\"", absolute, false),
        ("\"op://Private/aws\"", op(None), true),
        ("{ reference = \"op://Private/aws\", account = \"my\" }", op(Some("my")), true),
        ("{ command = [\"bin/keys\", \"aws\"] }", command(false), true),
        ("{ command = [\"bin/keys\", \"aws\"], unattended = true }", command(true), true),
    ] {
        let config =
            format!("[profile base]\nregion = eu-west-1\n[profile a]\n{ROLE}{BASE}[profile b]\n{ROLE}{BASE}{MFA}");
        let toml = format!("[identity.base]\nkeys = {keys}\n");
        let config = Given { config: &config, toml: &toml, ..Given::default() }.config();
        let (own, role) = if kept { ("own session", "session") } else { ("own keys", "keys") };
        assert_eq!(
            (rests(&config, "base"), rests(&config, "a"), rests(&config, "b")),
            (own, role, "session"),
            "{keys}"
        );
        assert_eq!(kinds(&config), ["a role", "b mfa", "base keys"], "{keys}");
        let found = &session(&config, "b").keys;
        assert!(matches!(found, KeysOrigin::Reference { reference: found, .. } if *found == reference), "{found:?}");
        assert_eq!(session(&config, "b").sts.region, "eu-west-1");
    }
}

#[test]
fn keys_of_our_toml_come_before_any_that_the_files_name() {
    let toml = "[identity.a]\nkeys = \"keyring:a\"\n[identity.base]\nkeys = \"keyring:base\"\n[identity.web]\nkeys = \"keyring:web\"\n";
    let config = format!(
        "[profile a]\n{ROLE}{BASE}[profile b]\n{ROLE}{BASE}[profile of-a]\n{ROLE}source_profile = a\n\
                          [profile web]\n{ROLE}web_identity_token_file = /run/token\n"
    );
    let config = Given { config: &config, credentials: KEYS, toml, ..Given::default() }.config();
    for (name, expected) in
        [("a", "keyring:a"), ("b", "keyring:base"), ("base", "keyring:base"), ("web", "keyring:web")]
    {
        assert_eq!(origin(&config, name).label(), expected, "{name}");
    }
    assert_eq!(rests(&config, "of-a"), "identity", "a role with keys by reference stays the role to others");
}

#[test]
fn an_identity_may_stand_alone() {
    let toml = format!(
        "[identity.boot]\nrole_arn = \"arn:aws:iam::210987654321:role/boot\"\nkeys = \"op://Private/aws\"\nmfa_serial = \"{SERIAL}\"\n\
         region = \"eu-west-1\"\n[identity.user]\nkeys = \"keyring:ada\"\n[identity.halb]\nrole_arn = \"{}\"\n[identity.ghost]\n\
         region = \"x\"\n",
        "arn:aws:iam::210987654321:role/x"
    );
    let config =
        format!("[profile of-boot]\n{ROLE}source_profile = boot\n[profile of-user]\n{ROLE}source_profile = user\n");
    let config = Given { config: &config, toml: &toml, ..Given::default() }.config();
    assert_eq!(
        kinds(&config),
        ["boot mfa", "ghost settings", "halb role", "of-boot role", "of-user role", "user keys"]
    );
    let boot = &config.identities["boot"];
    assert_eq!((boot.account.as_deref(), boot.region.as_deref()), (Some("210987654321"), Some("eu-west-1")));
    assert_eq!((rests(&config, "of-boot"), rests(&config, "of-user")), ("identity", "keys"));
    assert_eq!(config.complaints.len(), 1, "{:?}", config.complaints);
    let ours = "/h/.config/credenza/config.toml";
    let expected = format!("{ours}:9: role_arn needs keys or web_identity, which say what it is assumed with");
    assert_eq!(reason(&config, "halb"), expected);
    let (directly, session) = config.user_session_of("of-boot").unwrap();
    assert_eq!(&*directly.name, "boot");
    let resting: Vec<_> = config.identities_resting_on(&session.key()).iter().map(ToString::to_string).collect();
    assert_eq!(resting, ["boot", "of-boot"]);
    let sessions: Vec<_> = config.user_sessions().into_iter().map(|(key, _)| key).collect();
    assert_eq!(sessions, [session.key()]);
    assert!(config.user_session_of("of-user").is_none() && config.user_session_of("nobody").is_none());
}

#[test]
fn a_session_of_a_role_alone_has_a_key_of_its_own() {
    let config = roles(&[("a", MFA), ("b", MFA)], "[identity.a]\nstrategy = \"direct\"\n");
    let sessions = config.user_sessions();
    let (key, of_a) = config.identities["a"].user_session().unwrap();
    assert_eq!(key, of_a.key_of_role(role(&config, "a")));
    assert_eq!(sessions.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>(), [key.clone(), of_a.key()]);
    assert_eq!(config.identities_resting_on(&key).len(), 1);
}

#[test]
fn what_decides_what_is_served_is_in_the_digest() {
    let read = |lines: &str, toml: &str| roles(&[("a", lines)], toml).identities["a"].digest;
    let plain = read(MFA, "");
    for (lines, toml) in [
        ("", ""),
        ("mfa_serial = GAHT12345678\n", ""),
        (MFA, "[identity.a]\nstrategy = \"direct\"\n"),
        (MFA, "[identity.a]\nsession_duration = \"1h\"\n"),
        (MFA, "[identity.a]\nkeys = \"keyring:x\"\n"),
        (MFA, "[identity.base]\nkeys = \"keyring:x\"\n"),
        (MFA, "[identity.a]\nrole_arn = \"arn:aws:iam::123456789012:role/other\"\n"),
    ] {
        assert_ne!(read(lines, toml), plain, "{lines}{toml}");
    }
    assert_eq!(
        read(MFA, "[identity.a]\notp = { preset = \"pinentry\" }\n"),
        plain,
        "it decides who is asked, not what is served"
    );
}
