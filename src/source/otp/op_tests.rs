//! What `op` is asked, and what its words are taken for.

use super::super::contract_tests::{Stage, one_password};
use super::*;

#[test]
fn a_reference_is_completed_to_that_of_a_code() {
    for (item, expected) in [
        ("op://Private/ada", "op://Private/ada/one-time password?attribute=otp"),
        ("op://Private/ada/", "op://Private/ada/one-time password?attribute=otp"),
        ("op://Private/ada/code", "op://Private/ada/code?attribute=otp"),
        ("op://Private/ada/AWS/code", "op://Private/ada/AWS/code?attribute=otp"),
        ("op://Private/ada/code?attribute=otp", "op://Private/ada/code?attribute=otp"),
        ("op://Private/ada?attribute=otp", "op://Private/ada/one-time password?attribute=otp"),
    ] {
        assert_eq!(arguments(item, Some("ignored"), None), ["op", "read", expected, "--no-newline"], "{item}");
    }
    assert_eq!(arguments("op://a/b/c", None, Some("x"))[4..], ["--account", "x"]);
    assert_eq!(
        arguments("my item", Some("Private"), Some("my.1password.com")),
        ["op", "item", "get", "my item", "--otp", "--vault", "Private", "--account", "my.1password.com"]
    );
    assert_eq!(arguments("x", None, None), ["op", "item", "get", "x", "--otp"]);
}

/// (its state, the code of the failure, a part of what is said)
const STATES: &[(&str, &str, &str)] = &[
    ("no-account", "OtpLocked", "`op account add`"),
    ("signed-out", "OtpLocked", "`op signin`"),
    ("locked", "OtpLocked", "`op signin`"),
    ("dismissed", "OtpLocked", "`credenza login prod` and approve it"),
    ("timeout", "OtpLocked", "`credenza login prod` and approve it"),
    ("closed", "OtpLocked", "open it and unlock it, then run `credenza login prod`"),
    ("reset", "OtpLocked", "open it and unlock it"),
    ("expired", "OtpLocked", "has expired; run `op signin`"),
    ("unknown-item", "OtpItemUnknown", "`op item get ada --vault Private`"),
    ("unknown-vault", "OtpItemUnknown", "`op item get ada --vault Private`"),
    ("two-items", "OtpItemUnknown", "`op item list`"),
    ("no-otp", "OtpItemUnknown", "has no one-time password"),
    ("too-often", "OtpFailed", "a little later"),
];

#[tokio::test]
async fn its_states_are_told_apart() {
    let stage = Stage::new(one_password, &[]);
    for (state, code, part) in STATES {
        let failure = stage.says("state", state).failure().await;
        assert_eq!(failure.code, *code, "{state}: {failure:?}");
        assert!(failure.public.contains(part), "{state}: {failure}");
        assert!(failure.private.contains("it said: "), "{state}: {failure:?}");
    }
    let stage = Stage::new(one_password, &[("OP_SERVICE_ACCOUNT_TOKEN", "ops_hunter2")]);
    let failure = stage.says("state", "bad-token").failure().await;
    assert_eq!(failure.code, "OtpRefused", "{failure:?}");
    assert!(failure.public.contains("`op service-account create`"), "{failure}");
    assert_eq!(stage.says("state", "unknown-item").failure().await.code, "OtpItemUnknown");
}

#[tokio::test]
async fn it_gets_its_own_variables_and_no_others() {
    let variables = [("OP_ACCOUNT", "work"), ("OP_SESSION_x", "session"), ("AWS_SECRET_ACCESS_KEY", "hunter2")];
    let stage = Stage::new(one_password, &[&variables[..], &[("LC_ALL", "C"), ("XDG_RUNTIME_DIR", "/run/x")]].concat());
    stage.says("code-command", "env >\"$(dirname \"$0\")/env\"\necho 123456\n");
    assert!(stage.code().await.is_ok());
    let got = stage.noted("env");
    for wanted in ["OP_ACCOUNT=work", "OP_SESSION_x=session", "HOME=/nowhere", "LC_ALL=C", "XDG_RUNTIME_DIR=/run/x"] {
        assert!(got.lines().any(|line| line == wanted), "{wanted}: {got}");
    }
    assert!(!got.contains("hunter2"), "{got}");
    assert_eq!(stage.noted("calls"), "op|read|op://Private/ada/one-time password?attribute=otp|--no-newline\n");
}
