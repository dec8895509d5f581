//! One-time codes: whose, when, once; and what a session that came from one may do.

#![allow(clippy::unwrap_used)] // a test that cannot go on says so by ending

mod support;

use std::time::Duration;

use serde_json::{Value, json};
use simcloud::{Cloud, Fault, Keys, Trouble, Trust, Verdict};
use support::{
    ACCOUNT, BASE, NEXT_ROLE, ROLE, START, World, at,
    client::{Answer, Request, Signing, call},
    process::Process,
};

const SERIAL: &str = "arn:aws:iam::111122223333:mfa/base";
const WRONG: (u16, &str, &str) =
    (403, "AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code. ");
const NOT_THEIRS: (u16, &str, &str) = (
    403,
    "AccessDenied",
    "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user.",
);
const BOTH: (u16, &str, &str) = (
    403,
    "AccessDenied",
    "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code.",
);
const SEED: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const STEP: Duration = Duration::from_secs(30);

/// A user with a device, and a role that wants a second factor.
fn world() -> World {
    let world = World::new();
    world.cloud.add_device(BASE, SERIAL);
    world.cloud.add_role(ROLE, Trust::of([BASE]).require_mfa(), Duration::from_secs(4 * 3600));
    world
}

fn with_code<'a>(serial: &'a str, code: &'a str) -> [(&'a str, &'a str); 2] {
    [("SerialNumber", serial), ("TokenCode", code)]
}

async fn session(cloud: &Cloud, keys: &Keys, code: &str) -> Answer {
    call(cloud, keys, "GetSessionToken", &with_code(SERIAL, code)).await
}

async fn assume(world: &World, keys: &Keys, role: &str, more: &[(&str, &str)]) -> Answer {
    let parameters = [&[("RoleArn", role), ("RoleSessionName", "one")], more].concat();
    call(&world.cloud, keys, "AssumeRole", &parameters).await
}

fn verdicts(cloud: &Cloud) -> Vec<Verdict> {
    cloud.codes_sent(SERIAL).into_iter().map(|sent| sent.verdict).collect()
}

#[tokio::test]
async fn codes_of_the_step_before_and_after_are_right_and_no_others() {
    // 10 seconds into a step
    for (off, right) in
        [(-41, false), (-40, true), (-10, true), (0, true), (19, true), (20, true), (49, true), (50, false)]
    {
        let world = world();
        world.pass(Duration::from_secs(10));
        let code = world.cloud.code_at(SERIAL, at((START + 10).checked_add_signed(off).unwrap()));
        let answer = session(&world.cloud, &world.base, &code).await;
        if right {
            assert_eq!(answer.status(), 200, "{off}: {answer:?}");
        } else {
            assert_eq!(answer.error(), WRONG, "{off}");
        }
        let sent = &world.cloud.codes_sent(SERIAL)[0];
        assert_eq!(sent.step, Some((START + 10).checked_add_signed(off).unwrap() / 30), "{off}");
        assert_eq!(sent.verdict, if right { Verdict::Accepted } else { Verdict::Wrong }, "{off}");
    }
}

#[tokio::test]
async fn the_clouds_own_clock_says_which_step_it_is() {
    let world = world();
    world.cloud.set_offset(simcloud::SignedDuration::from_mins(5));
    let by_the_machine = world.cloud.code_at(SERIAL, world.now());
    assert_eq!(session(&world.cloud, &world.base, &by_the_machine).await.error(), WRONG);
    let code = world.cloud.code_of(SERIAL);
    assert_eq!(session(&world.cloud, &world.base, &code).await.status(), 200);
}

#[tokio::test]
async fn a_code_opens_once_whoever_sends_it_and_for_whatever() {
    let world = world();
    let code = world.cloud.code_of(SERIAL);
    assert_eq!(session(&world.cloud, &world.base, &code).await.status(), 200);
    assert_eq!(session(&world.cloud, &world.base, &code).await.error(), WRONG);
    assert_eq!(assume(&world, &world.base, ROLE, &with_code(SERIAL, &code)).await.error(), WRONG);
    // Another key of the same user has the same device.
    let second = Keys::long_term();
    world.cloud.add_user_with_keys("base", ACCOUNT, second.clone());
    assert_eq!(session(&world.cloud, &second, &code).await.error(), WRONG);
    assert_eq!(verdicts(&world.cloud), [Verdict::Accepted, Verdict::Spent, Verdict::Spent, Verdict::Spent]);

    world.pass(STEP);
    let next = world.cloud.code_of(SERIAL);
    assert_eq!(assume(&world, &second, ROLE, &with_code(SERIAL, &next)).await.status(), 200);
    let digests: Vec<String> = world.cloud.codes_sent(SERIAL).into_iter().map(|sent| sent.digest).collect();
    assert!(digests[0] == digests[3] && digests[3] != digests[4], "{digests:?}");
    assert!(!format!("{digests:?}").contains(&code));
}

#[tokio::test]
async fn a_step_before_the_last_one_taken_is_spent_with_it() {
    let world = world();
    let (now, after) = (world.cloud.code_of(SERIAL), world.cloud.code_at(SERIAL, world.now() + STEP));
    assert_eq!(session(&world.cloud, &world.base, &after).await.status(), 200);
    assert_eq!(session(&world.cloud, &world.base, &now).await.error(), WRONG);
    assert_eq!(verdicts(&world.cloud), [Verdict::Accepted, Verdict::Spent]);
}

#[tokio::test]
async fn a_wrong_code_spends_nothing() {
    let world = world();
    let code = world.cloud.code_of(SERIAL);
    let wrong = if code == "000000" { "000001" } else { "000000" };
    assert_eq!(session(&world.cloud, &world.base, wrong).await.error(), WRONG);
    assert_eq!(session(&world.cloud, &world.base, &code).await.status(), 200);
}

#[tokio::test]
async fn a_right_code_is_spent_even_when_its_call_is_refused() {
    let world = world();
    let code = world.cloud.code_of(SERIAL);
    let code = with_code(SERIAL, &code);
    let refused = assume(&world, &world.base, NEXT_ROLE, &code).await;
    assert!(refused.error().2.contains("is not authorized to perform: sts:AssumeRole"), "{refused:?}");
    assert_eq!(assume(&world, &world.base, ROLE, &code).await.error(), WRONG);
    // What breaks a limit is not looked at any further.
    world.pass(STEP);
    let code = world.cloud.code_of(SERIAL);
    let too_short = [&with_code(SERIAL, &code)[..], &[("DurationSeconds", "1")]].concat();
    assert_eq!(assume(&world, &world.base, ROLE, &too_short).await.error().1, "ValidationError");
    assert_eq!(assume(&world, &world.base, ROLE, &with_code(SERIAL, &code)).await.status(), 200);
}

#[tokio::test]
async fn every_device_has_its_own_codes_and_its_own_user() {
    let world = world();
    let other = world.cloud.add_user("other", ACCOUNT);
    let (second, hardware) = ("arn:aws:iam::111122223333:mfa/second", "GAHT12345678");
    assert!(world.cloud.add_device_with_seed(BASE, second, SEED));
    world.cloud.add_device("other", hardware);
    assert!(!world.cloud.add_device_with_seed(BASE, SERIAL, "not base 32!"));
    let code = |serial| world.cloud.code_of(serial);
    assert_ne!(code(SERIAL), code(second));

    let (first, of_second) = (code(SERIAL), code(second));
    let crossed = call(&world.cloud, &world.base, "GetSessionToken", &with_code(second, &first)).await;
    assert_eq!(crossed.error(), WRONG);
    for (serial, code) in [(SERIAL, &first), (second, &of_second)] {
        let answer = call(&world.cloud, &world.base, "GetSessionToken", &with_code(serial, code)).await;
        assert_eq!(answer.status(), 200, "one device's spent step is not the other's");
    }
    let of_hardware = code(hardware);
    let foreign = call(&world.cloud, &world.base, "GetSessionToken", &with_code(hardware, &of_hardware)).await;
    assert_eq!(foreign.error(), NOT_THEIRS);
    let own = call(&world.cloud, &other, "GetSessionToken", &with_code(hardware, &of_hardware)).await;
    assert_eq!(own.status(), 200, "a code that a stranger sent is not spent");
    let sent: Vec<Verdict> = world.cloud.codes_sent(hardware).into_iter().map(|sent| sent.verdict).collect();
    assert_eq!(sent, [Verdict::NotTheirs, Verdict::Accepted]);
    assert!(world.cloud.remove_device(SERIAL) && !world.cloud.remove_device(SERIAL));
    assert_eq!(session(&world.cloud, &world.base, "123456").await.error(), NOT_THEIRS);
}

#[tokio::test]
async fn half_of_a_second_factor_is_none() {
    let world = world();
    let code = world.cloud.code_of(SERIAL);
    for half in [("SerialNumber", SERIAL), ("TokenCode", code.as_str())] {
        assert_eq!(call(&world.cloud, &world.base, "GetSessionToken", &[half]).await.error(), BOTH);
        assert_eq!(assume(&world, &world.base, ROLE, &[half]).await.error(), BOTH);
    }
    assert!(verdicts(&world.cloud).is_empty());
}

#[tokio::test]
async fn serials_and_codes_have_their_limits() {
    let world = world();
    let long = "x".repeat(257);
    let cases = [
        ("GAHT1234", "123456", "Value 'GAHT1234' at 'serialNumber' failed to satisfy constraint: Member must have length greater than or equal to 9".to_owned()),
        (&long, "123456", format!("Value '{long}' at 'serialNumber' failed to satisfy constraint: Member must have length less than or equal to 256")),
        ("GAHT 12345", "123456", r"Value 'GAHT 12345' at 'serialNumber' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=/:,.@-]*".to_owned()),
        (SERIAL, "12345", "Value '12345' at 'tokenCode' failed to satisfy constraint: Member must have length greater than or equal to 6".to_owned()),
        (SERIAL, "1234567", "Value '1234567' at 'tokenCode' failed to satisfy constraint: Member must have length less than or equal to 6".to_owned()),
        (SERIAL, "12 456", r"Value '12 456' at 'tokenCode' failed to satisfy constraint: Member must satisfy regular expression pattern: [\d]*".to_owned()),
    ];
    for (serial, code, message) in cases {
        let message = format!("1 validation error detected: {message}");
        let parameters = with_code(serial, code);
        let session = call(&world.cloud, &world.base, "GetSessionToken", &parameters).await;
        assert_eq!(session.error(), (400, "ValidationError", message.as_str()));
        let role = assume(&world, &world.base, ROLE, &parameters).await;
        assert_eq!(role.error(), (400, "ValidationError", message.as_str()));
    }
}

#[tokio::test]
async fn a_trust_takes_a_code_or_a_session_that_came_from_one() {
    let world = world();
    let cloud = &world.cloud;
    let denied = format!("User: {BASE} is not authorized to perform: sts:AssumeRole on resource: {ROLE}");
    let denied = (403, "AccessDenied", denied.as_str());
    assert_eq!(assume(&world, &world.base, ROLE, &[]).await.error(), denied);
    let plain = call(cloud, &world.base, "GetSessionToken", &[]).await.keys();
    assert_eq!(assume(&world, &plain, ROLE, &[]).await.error(), denied);

    let code = cloud.code_of(SERIAL);
    let longest = [&with_code(SERIAL, &code)[..], &[("DurationSeconds", "14400")]].concat();
    let direct = assume(&world, &world.base, ROLE, &longest).await;
    assert_eq!(direct.element("Expiration"), Some("2026-01-31T16:00:00Z"));

    world.pass(STEP);
    let session = session(cloud, &world.base, &cloud.code_of(SERIAL)).await.keys();
    assert!(cloud.issued(&session.access_key_id).unwrap().mfa);
    for _ in 0..2 {
        assert_eq!(assume(&world, &session, ROLE, &[]).await.status(), 200, "one code serves every role");
    }
    let message = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.";
    let too_long = assume(&world, &session, ROLE, &[("DurationSeconds", "3601")]).await;
    assert_eq!(too_long.error(), (400, "ValidationError", message));
}

/// A role's session carries no second factor, however it was opened. (IAM User Guide, "Secure API access with MFA")
#[tokio::test]
async fn a_role_session_does_not_pass_the_factor_on() {
    let world = world();
    world.cloud.add_role(NEXT_ROLE, Trust::of([ROLE]).require_mfa(), Duration::from_secs(3600));
    let code = world.cloud.code_of(SERIAL);
    let role = assume(&world, &world.base, ROLE, &with_code(SERIAL, &code)).await.keys();
    assert_eq!(assume(&world, &role, NEXT_ROLE, &[]).await.error().1, "AccessDenied");
}

#[tokio::test]
async fn a_session_sends_no_code_of_its_own() {
    let world = world();
    let session = session(&world.cloud, &world.base, &world.cloud.code_of(SERIAL)).await.keys();
    world.pass(STEP);
    let code = world.cloud.code_of(SERIAL);
    assert_eq!(assume(&world, &session, ROLE, &with_code(SERIAL, &code)).await.error(), NOT_THEIRS);
    assert_eq!(assume(&world, &world.base, ROLE, &with_code(SERIAL, &code)).await.status(), 200);
}

#[tokio::test]
async fn a_user_may_have_to_send_a_code_always() {
    let world = world();
    assert!(world.cloud.set_code_required(BASE, true) && !world.cloud.set_code_required("nobody", true));
    world.cloud.add_role(ROLE, Trust::of([BASE]), Duration::from_secs(3600));
    assert_eq!(call(&world.cloud, &world.base, "GetSessionToken", &[]).await.error(), BOTH);
    assert_eq!(assume(&world, &world.base, ROLE, &[]).await.error(), BOTH);
    assert_eq!(call(&world.cloud, &world.base, "GetCallerIdentity", &[]).await.status(), 200);
    let session = session(&world.cloud, &world.base, &world.cloud.code_of(SERIAL)).await.keys();
    assert_eq!(assume(&world, &session, ROLE, &[]).await.status(), 200);
    assert!(world.cloud.set_code_required("base", false));
    assert_eq!(assume(&world, &world.base, ROLE, &[]).await.status(), 200);
}

#[tokio::test]
async fn a_code_that_was_sent_is_on_record_though_its_call_was_not_looked_at() {
    let world = world();
    let code = world.cloud.code_of(SERIAL);
    world.cloud.add_fault(Fault::error("ServiceUnavailable").times(1));
    assert_eq!(session(&world.cloud, &world.base, &code).await.status(), 503);
    let forged = Keys { secret_access_key: "x".repeat(40), ..world.base.clone() };
    assert_eq!(session(&world.cloud, &forged, &code).await.error().1, "SignatureDoesNotMatch");
    assert_eq!(verdicts(&world.cloud), [Verdict::Unjudged, Verdict::Unjudged]);
    // The answer is lost, and the code with it.
    world.cloud.add_fault(Fault::new(Trouble::ResetAfter).times(1));
    let request = Request::new("GetSessionToken", &with_code(SERIAL, &code));
    request.signed(&Signing::new(&world.base, world.cloud.now())).send(&world.cloud).await;
    assert_eq!(session(&world.cloud, &world.base, &code).await.error(), WRONG);
    let sent = world.cloud.codes_sent(SERIAL);
    assert!(sent.iter().all(|code| code.digest == sent[0].digest && code.step == Some(START / 30)));
    let expected = [Verdict::Unjudged, Verdict::Unjudged, Verdict::Accepted, Verdict::Spent];
    assert_eq!(verdicts(&world.cloud), expected);
    let calls = world.cloud.calls();
    assert!(calls.iter().all(|call| call.parameters.contains(&("SerialNumber".to_owned(), SERIAL.to_owned()))));
    assert!(!format!("{calls:?} {sent:?}").contains(&code), "no code is ever shown");
}

#[test]
fn devices_are_steered_and_read_from_outside() {
    let seed = json!({ "users": [
        { "name": "base", "account": ACCOUNT, "code_required": true, "device": { "serial": SERIAL, "seed": SEED } },
        { "name": "plain", "account": ACCOUNT },
    ]});
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), seed.to_string()).unwrap();
    let process = Process::start(&["--until-stdin-closes", "--seed", file.path().to_str().unwrap()]);
    let device = json!({ "serial": SERIAL, "user": BASE, "seed": SEED });
    assert_eq!(process.line["users"]["base"]["device"], device);
    assert_eq!(process.line["users"]["plain"].get("device"), None);

    let post = |path: &str, body: Value| process.control("POST", path, &body);
    let get = |path: &str| process.control("GET", path, &Value::Null);
    // The clock is the machine's: both questions may fall on either side of a step.
    let (_, asked) = post("devices/code", json!({ "serial": SERIAL }));
    let (_, again) = get(&format!("devices/code?serial={}", SERIAL.replace(':', "%3A")));
    let same = asked["step"] == again["step"];
    assert_eq!(asked["code"] == again["code"], same, "{asked} {again}");
    assert_eq!(asked["code"].as_str().unwrap().len(), 6);
    assert!((1..=30).contains(&asked["left_secs"].as_u64().unwrap()));

    let (status, given) = post("devices", json!({ "user": "plain", "serial": "GAHT12345678" }));
    assert_eq!((status, given["seed"].as_str().unwrap().len()), (200, 64));
    assert_eq!(post("devices", json!({ "user": "plain", "serial": "GAHT12345678", "seed": "1" })).0, 400);
    assert_eq!(
        post("users", json!({ "name": "x", "account": ACCOUNT, "device": { "serial": "s", "seed": "1" } })).0,
        400
    );
    assert_eq!(get("devices").1.as_array().unwrap().len(), 2);
    assert_eq!(post("devices/remove", json!({ "serial": "GAHT12345678" })).0, 200);
    assert_eq!(post("devices/code", json!({ "serial": "GAHT12345678" })).0, 404);
    assert_eq!(post("users/code-required", json!({ "user": "base", "required": false })).0, 200);
    assert_eq!(post("users/code-required", json!({ "user": "nobody" })).0, 404);

    let form = format!("Action=GetSessionToken&Version=2011-06-15&TokenCode=123456&SerialNumber={SERIAL}");
    process.answer("sts", "POST", "", &form);
    let (_, codes) = get("codes");
    assert_eq!(codes[SERIAL][0]["verdict"], "unjudged", "it was not signed");
    assert!(!codes.to_string().contains("123456"), "{codes}");
}
