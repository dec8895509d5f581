//! The child's environment, name by name.

use super::*;
use crate::cli::child::original::{original, undoing};

fn wiring(name: &str, region: Option<&str>) -> Wiring {
    Wiring {
        default: name.into(),
        base: BASE.into(),
        dialects: Dialects::default(),
        token: Token::Value(Secret::new(format!("token-of-{name}"))),
        region: None,
        identity_region: region.map(str::to_owned),
        config_file: format!("/state/run/wired-{name}.config").into(),
        credentials_file: format!("/state/run/wired-{name}.credentials").into(),
        static_keys: None,
    }
}

fn wired(wiring: &Wiring, environment: &Environment) -> Environment {
    wiring.changes(environment).applied_to(environment)
}

fn shown(environment: &Environment) -> Vec<String> {
    let line = |(name, value): (&OsStr, &OsStr)| format!("{}={}", name.to_string_lossy(), value.to_string_lossy());
    environment.all().map(line).collect()
}

const NO_PROXY: &str = "127.0.0.1,localhost,169.254.169.254,169.254.170.2,169.254.170.23";

#[test]
fn c34_a_bare_environment_gets_exactly_these() {
    let outer = Environment::from_iter([("HOME", "/home/ada")]);
    let expected = [
        "AWS_CONFIG_FILE=/state/run/wired-prod.config".to_owned(),
        "AWS_CONTAINER_AUTHORIZATION_TOKEN=token-of-prod".to_owned(),
        "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:40123/creds/prod".to_owned(),
        "AWS_CREDENTIAL_PROFILES_FILE=/state/run/wired-prod.credentials".to_owned(),
        "AWS_DEFAULT_REGION=eu-west-1".to_owned(),
        "AWS_REGION=eu-west-1".to_owned(),
        "AWS_SDK_LOAD_CONFIG=1".to_owned(),
        "AWS_SHARED_CREDENTIALS_FILE=/state/run/wired-prod.credentials".to_owned(),
        "CREDENZA_IDENTITY=prod".to_owned(),
        "CREDENZA_REGION=eu-west-1".to_owned(),
        "HOME=/home/ada".to_owned(),
        format!("NO_PROXY={NO_PROXY}"),
        format!("no_proxy={NO_PROXY}"),
    ];
    assert_eq!(shown(&wired(&wiring("prod", Some("eu-west-1")), &outer)), expected);
}

#[test]
fn c34_exactly_one_uri_and_one_token_and_nothing_that_shadows_them() {
    let everything = SET.into_iter().chain(REMOVED).map(|name| (name, "outer"));
    let outer: Environment =
        everything.chain([("AWS_CA_BUNDLE", "ca"), ("AWS_EC2_METADATA_DISABLED", "true")]).collect();
    for token in [Token::Value(Secret::new("t")), Token::File("/state/run/wired-prod.token".into())] {
        let is_file = matches!(token, Token::File(_));
        let child = wired(&Wiring { token, ..wiring("prod", None) }, &outer);
        for name in REMOVED {
            assert_eq!(child.raw(name), None, "{name}");
        }
        assert_eq!(child.raw(TOKEN).is_some(), !is_file);
        assert_eq!(child.raw(TOKEN_FILE).is_some(), is_file);
        assert_eq!(child.text(FULL_URI), Some("http://127.0.0.1:40123/creds/prod"));
        // not ours to touch
        assert_eq!(child.text("AWS_CA_BUNDLE"), Some("ca"));
        assert_eq!(child.text("AWS_EC2_METADATA_DISABLED"), Some("true"));
        // no key and no token of somebody else's goes down under another name
        for name in SECRET {
            assert_eq!(child.raw(&outer_name(name)), None, "{name}");
        }
        assert_eq!(child.text("CREDENZA_OUTER_AWS_CONFIG_FILE"), Some("outer"));
        assert_eq!(child.text("CREDENZA_OUTER_AWS_PROFILE"), Some("outer"));
    }
}

#[test]
fn the_region_is_what_was_asked_for_then_the_environments_then_the_profiles() {
    // (--region, AWS_REGION, AWS_DEFAULT_REGION, the profile's) -> (AWS_REGION, AWS_DEFAULT_REGION)
    for (asked, first, second, profile, expected) in [
        (Some("r"), Some("a"), Some("b"), Some("p"), (Some("r"), Some("r"))),
        (None, Some("a"), Some("b"), Some("p"), (Some("a"), Some("b"))),
        (None, Some("a"), None, Some("p"), (Some("a"), Some("a"))),
        (None, None, Some("b"), Some("p"), (Some("b"), Some("b"))),
        (None, Some(""), None, Some("p"), (Some("p"), Some("p"))),
        (None, None, None, None, (None, None)),
    ] {
        let written = [("AWS_REGION", first), ("AWS_DEFAULT_REGION", second)];
        let outer: Environment = written.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        let child = wired(&Wiring { region: asked.map(str::to_owned), ..wiring("prod", profile) }, &outer);
        assert_eq!((child.text("AWS_REGION"), child.text("AWS_DEFAULT_REGION")), expected, "{written:?} {asked:?}");
    }
}

#[test]
fn static_keys_come_with_their_end() {
    let keys = StaticKeys {
        access_key_id: "ASIAEXAMPLE".into(),
        secret_access_key: Secret::new("secret"),
        session_token: Secret::new("session"),
        expiration: "2026-11-22T13:00:00Z".into(),
    };
    let outer = Environment::from_iter([("AWS_ACCESS_KEY_ID", "AKIAOUTER"), ("AWS_SECURITY_TOKEN", "outer")]);
    let child = wired(&Wiring { static_keys: Some(keys), ..wiring("prod", None) }, &outer);
    assert_eq!(child.text("AWS_ACCESS_KEY_ID"), Some("ASIAEXAMPLE"));
    assert_eq!(child.text("AWS_SECRET_ACCESS_KEY"), Some("secret"));
    assert_eq!(child.text("AWS_SESSION_TOKEN"), Some("session"));
    assert_eq!(child.text("AWS_CREDENTIAL_EXPIRATION"), Some("2026-11-22T13:00:00Z"));
    assert_eq!(child.raw("AWS_SECURITY_TOKEN"), None);

    let shown = |environment: &Environment| STATIC_KEYS.map(|name| environment.text(name).map(str::to_owned));
    assert_eq!(shown(&original(&child)), [const { None }; 4], "they are undone");
    let written = child.with("AWS_ACCESS_KEY_ID", "AKIAMINE").with("AWS_SECRET_ACCESS_KEY", "mine");
    assert_eq!(shown(&original(&written)), shown(&written), "keys that somebody wrote over them are not ours to undo");
}

#[test]
fn a_nested_child_has_the_inner_alone() {
    let outer = Environment::from_iter([
        ("AWS_CONFIG_FILE", "/home/ada/config"),
        ("AWS_PROFILE", "sandbox"),
        ("no_proxy", "corp.example"),
        ("HOME", "/home/ada"),
    ]);
    let a = wired(&wiring("a", Some("eu-west-1")), &outer);
    let both = wired(&wiring("b", None), &a);
    assert_eq!(shown(&both), shown(&wired(&wiring("b", None), &outer)));
    assert_eq!(both.raw("AWS_REGION"), None);
    assert!(!shown(&both).iter().any(|line| line.contains("token-of-a") || line.contains("wired-a")));
}

#[test]
fn what_was_there_before_comes_back() {
    for outer in [
        Environment::from_iter([("HOME", "/home/ada")]),
        Environment::from_iter([("AWS_REGION", "eu-west-1"), ("NO_PROXY", "*"), ("AWS_PROFILE", "")]),
        SET.into_iter().chain(REMOVED).filter(|name| !SECRET.contains(name)).map(|name| (name, "outer")).collect(),
    ] {
        let child = wired(&wiring("prod", Some("eu-west-1")), &outer);
        assert_eq!(shown(&original(&child)), shown(&outer));
        assert_eq!(shown(&undoing(&child).applied_to(&child)), shown(&outer));
    }
}

#[test]
fn what_was_written_inside_stays() {
    let child = wired(&wiring("prod", Some("eu-west-1")), &Environment::from_iter([("AWS_PROFILE", "sandbox")]));
    for (name, value) in [
        ("AWS_REGION", "us-east-1"),
        ("AWS_PROFILE", "other"),
        ("AWS_CONFIG_FILE", "/tmp/mine"),
        ("NO_PROXY", "mine"),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1/credentials"),
    ] {
        assert_eq!(original(&child.clone().with(name, value)).text(name), Some(value), "{name}");
    }
}

const BASE: &str = "http://127.0.0.1:40123";
const METADATA_BASE: &str = "http://127.0.0.1:40124";

fn by(ec2: bool, pod_identity: bool, task: bool) -> Wiring {
    let dialects = Dialects {
        ec2: ec2.then(|| METADATA_BASE.to_owned()),
        pod_identity,
        task: task.then(|| format!("{METADATA_BASE}/v4/0123456789abcdef")),
    };
    let plain = wiring("prod", None);
    let token = if pod_identity { Token::File("/state/run/wired-prod.token".into()) } else { plain.token.clone() };
    Wiring { dialects, token, ..plain }
}

fn every_dialect() -> impl Iterator<Item = Wiring> {
    (0..8).map(|flags| by(flags & 1 != 0, flags & 2 != 0, flags & 4 != 0))
}

#[test]
fn each_dialect_adds_and_takes_exactly_these() {
    let outer = Environment::from_iter([("HOME", "/home/ada")]);
    let plain = shown(&wired(&by(false, false, false), &outer));
    const CONTAINER: [&str; 2] = [
        "AWS_CONTAINER_AUTHORIZATION_TOKEN=token-of-prod",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:40123/creds/prod",
    ];
    const EC2: [&str; 5] = [
        "AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:40124/",
        "AWS_EC2_METADATA_V1_DISABLED=true",
        "AWS_METADATA_ENDPOINT=http://127.0.0.1:40124",
        "CREDENZA_ENDPOINT=http://127.0.0.1:40123",
        "CREDENZA_METADATA=http://127.0.0.1:40124",
    ];
    const POD_IDENTITY: [&str; 3] = [
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=/state/run/wired-prod.token",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:40123/v1/credentials",
        "CREDENZA_ENDPOINT=http://127.0.0.1:40123",
    ];
    const TASK: [&str; 3] = [
        "CREDENZA_METADATA=http://127.0.0.1:40124",
        "ECS_CONTAINER_METADATA_URI=http://127.0.0.1:40124/v3/0123456789abcdef",
        "ECS_CONTAINER_METADATA_URI_V4=http://127.0.0.1:40124/v4/0123456789abcdef",
    ];
    for (ec2, pod_identity, task) in (0..8).map(|flags| (flags & 1 != 0, flags & 2 != 0, flags & 4 != 0)) {
        let mut expected: Vec<&str> = plain.iter().map(String::as_str).collect();
        if ec2 || pod_identity {
            expected.retain(|line| !CONTAINER.contains(line));
        }
        expected.extend(EC2.iter().filter(|_| ec2));
        expected.extend(POD_IDENTITY.iter().filter(|_| pod_identity));
        expected.extend(TASK.iter().filter(|_| task));
        expected.extend((ec2 && !pod_identity).then_some("CREDENZA_TOKEN=token-of-prod"));
        expected.sort_unstable();
        expected.dedup();
        assert_eq!(shown(&wired(&by(ec2, pod_identity, task), &outer)), expected, "{ec2} {pod_identity} {task}");
    }
}

/// Whatever a user may have of all this.
fn everything() -> Environment {
    let names = SET.into_iter().chain(REMOVED).chain(dialects::metadata());
    names.filter(|name| !SECRET.contains(name)).map(|name| (name, "outer")).collect()
}

#[test]
fn c34_what_keeps_clients_from_the_instance_metadata_goes_and_is_never_false() {
    let child = wired(&by(true, false, false), &everything());
    let gone = dialects::EC2_REMOVED.into_iter().chain(REMOVED).chain([FULL_URI, TOKEN, TOKEN_FILE]);
    for name in gone {
        assert_eq!(child.raw(name), None, "{name}");
    }
    // not of this dialect, and so the user's
    assert_eq!(child.text("ECS_CONTAINER_METADATA_URI_V4"), Some("outer"));
    assert_eq!(child.raw("CREDENZA_OUTER_ECS_CONTAINER_METADATA_URI_V4"), None);
}

#[test]
fn without_a_flag_what_the_user_has_of_metadata_stays() {
    let child = wired(&by(false, false, false), &everything());
    for name in dialects::metadata() {
        assert_eq!((child.text(name), child.raw(&outer_name(name))), (Some("outer"), None), "{name}");
    }
}

#[test]
fn under_each_dialect_what_was_there_before_comes_back() {
    for wiring in every_dialect() {
        for outer in [Environment::from_iter([("HOME", "/home/ada")]), everything()] {
            let child = wired(&wiring, &outer);
            assert_eq!(shown(&original(&child)), shown(&outer), "{wiring:?}");
            assert_eq!(shown(&undoing(&child).applied_to(&child)), shown(&outer), "{wiring:?}");
        }
    }
}

#[test]
fn a_nested_child_has_the_inner_alone_whatever_the_dialects() {
    for outer in [Environment::from_iter([("HOME", "/home/ada")]), everything()] {
        for first in every_dialect() {
            let first = wired(&Wiring { base: "http://127.0.0.1:40001".into(), ..first }, &outer);
            for second in every_dialect() {
                let both = wired(&second, &first);
                assert_eq!(shown(&both), shown(&wired(&second, &outer)), "{second:?}");
                // as `exec` does, which begins with the original
                assert_eq!(shown(&wired(&second, &original(&first))), shown(&wired(&second, &outer)));
            }
        }
    }
}

#[test]
fn what_was_written_over_a_dialects_variables_stays() {
    let child = wired(&by(true, true, true), &everything());
    for (name, value) in [
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://169.254.169.254"),
        ("AWS_METADATA_ENDPOINT", "http://127.0.0.1:401240"),
        ("AWS_EC2_METADATA_V1_DISABLED", "false"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("ECS_CONTAINER_METADATA_URI_V4", "http://169.254.170.2/v4/mine"),
        ("ECS_CONTAINER_METADATA_URI", "http://169.254.170.2/v3/mine"),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1/credentials"),
    ] {
        assert_eq!(original(&child.clone().with(name, value)).text(name), Some(value), "{name}");
    }
    // another port that begins with the same digits is another's
    let longer = child.with("AWS_EC2_METADATA_SERVICE_ENDPOINT", format!("{METADATA_BASE}0/"));
    assert_eq!(original(&longer).text("AWS_EC2_METADATA_SERVICE_ENDPOINT"), Some("http://127.0.0.1:401240/"));
}

#[test]
fn no_dialect_invents_a_region() {
    for wiring in every_dialect() {
        let region = |wiring: &Wiring| wired(wiring, &Environment::default()).text("AWS_REGION").map(str::to_owned);
        assert_eq!(region(&wiring), None, "a client asks the instance metadata for it");
        assert_eq!(region(&Wiring { identity_region: Some("eu-west-1".into()), ..wiring }), Some("eu-west-1".into()));
    }
}
