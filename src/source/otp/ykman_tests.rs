//! What `ykman` is asked, and what its words are taken for.

use super::super::contract_tests::{Stage, ykman};
use crate::config::Otp;

#[tokio::test]
async fn its_states_are_told_apart() {
    let stage = Stage::new(ykman, &[]);
    for (state, code, part) in [
        ("no-key", "OtpLocked", "plug it in, then run `credenza login prod`"),
        ("other-key", "OtpLocked", "plug it in"),
        ("two-keys", "OtpItemUnknown", "`ykman list --serials`"),
        ("no-answer", "OtpLocked", "`ykman info`"),
        ("unknown-account", "OtpItemUnknown", "`ykman oath accounts list`"),
        ("two-accounts", "OtpItemUnknown", "`ykman oath accounts list`"),
        ("not-touched", "OtpTimedOut", "not touched in time; run `credenza login prod`"),
        ("wrong-password", "OtpRefused", "`credenza login prod`"),
    ] {
        let failure = stage.says("state", state).failure().await;
        assert_eq!(failure.code, code, "{state}: {failure:?}");
        assert!(failure.public.contains(part), "{state}: {failure}");
    }
}

#[tokio::test]
async fn a_key_is_named_before_the_command() {
    let otp = |_: &_| Otp::Ykman { name: "AWS:ada".to_owned(), device: Some("1234".to_owned()) };
    let stage = Stage::new(otp, &[]);
    assert!(stage.says("code", "123456\n").code().await.is_ok());
    assert_eq!(stage.noted("calls"), "ykman|--device|1234|oath|accounts|code|--single|AWS:ada\n");
}
