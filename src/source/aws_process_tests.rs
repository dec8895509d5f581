//! Real programs of `/bin/sh`, and what is made of what they print.

use std::sync::Arc;

use super::*;
use crate::world::Environment;
use crate::world::simulated::SimulatedClock;

const NOW: SystemTime = SystemTime::UNIX_EPOCH;

/// The machine, at a time of our own, with an environment of our own.
fn world() -> World {
    World {
        clock: Arc::new(SimulatedClock::new(NOW)),
        environment: Arc::new(Environment::from_iter([("PATH", "/usr/bin:/bin"), ("GREETING", "hello")])),
        ..World::system()
    }
}

async fn run(argv: &[&str]) -> Result<Issued, Failure> {
    let argv: Vec<String> = argv.iter().map(|word| (*word).to_owned()).collect();
    keys(&world(), "legacy", &argv, Some("111122223333")).await
}

async fn shell(script: &str) -> Result<Issued, Failure> {
    run(&["/bin/sh", "-c", script]).await
}

#[tokio::test]
async fn a_program_gets_its_words_as_they_are_and_our_environment() {
    // no shell of ours in between: the words arrive one by one, quotes and dollars included
    let script = r#"printf '{"Version":1,"AccessKeyId":"AKIA%s","SecretAccessKey":"%s%s"}' "$GREETING" "$1" "$2""#;
    let issued = run(&["/bin/sh", "-c", script, "sh", "$HOME", "a'b"]).await.unwrap();
    assert_eq!(issued.keys.access_key_id, "AKIAhello");
    assert_eq!(issued.keys.secret_access_key.expose(), "$HOMEa'b");
    assert!(issued.keys.long_term() && issued.expiration.is_none());
    assert_eq!(issued.account_id.as_deref(), Some("111122223333"), "the profile's, where it prints none");
}

#[tokio::test]
async fn what_a_program_said_is_told_to_its_owner_and_never_to_a_client() {
    let failure =
        shell("printf 'warming up\\n\\033[31mError:\\033[0m run login\\a first\\n' >&2; exit 3").await.unwrap_err();
    assert_eq!((failure.class, failure.code), (FailureClass::NeedsPerson, "ProcessFailed"));
    assert!(failure.public.contains("profile `legacy` ended with code 3"), "{}", failure.public);
    assert!(!failure.public.contains("login"), "{}", failure.public);
    assert!(failure.private.ends_with("(it said: warming up Error: run login first)"), "{}", failure.private);
}

#[tokio::test]
async fn a_program_that_cannot_be_run_is_named_without_its_arguments() {
    let failure = run(&["/no/such/helper", "--password=hunter2"]).await.unwrap_err();
    assert_eq!(failure.class, FailureClass::NeedsPerson);
    assert!(failure.private.contains("/no/such/helper") && !failure.private.contains("hunter2"), "{}", failure.private);
}

#[tokio::test]
async fn a_program_that_is_killed_or_prints_too_much_fails() {
    let failure = shell("kill -9 $$").await.unwrap_err();
    assert!(failure.public.contains("ended by a signal"), "{}", failure.public);
    let failure = shell("yes").await.unwrap_err();
    assert!(failure.public.contains("printed too much"), "{}", failure.public);
}

#[tokio::test]
async fn what_a_program_prints_never_shows_up_in_a_message() {
    let failure = shell(r#"echo '{"Version":1,"AccessKeyId":"AKIA","SecretAccessKey":17,"X":"hunter2"}'"#).await;
    let failure = failure.unwrap_err();
    assert!(failure.public.contains("a field is not of its type"), "{}", failure.public);
    for output in [r#"echo '{"Version":1,"AccessKeyId":"hunter2"'"#, "echo hunter2", r#"echo '"hunter2"'"#] {
        let failure = shell(output).await.unwrap_err();
        assert!(!format!("{failure:?}").contains("hunter2"), "{failure:?}");
    }
}

#[test]
fn output_is_read_strictly() {
    const END: &str = r#""Version":1,"AccessKeyId":"ASIA","SecretAccessKey":"s","SessionToken":"t","Expiration":"#;
    let read = |body: &str| super::read(format!("{{{body}}}").as_bytes(), NOW);
    let issued = read(&format!("{END}\"1970-01-01T00:15:00Z\",\"AccountId\":\"111122223333\",\"More\":[]")).unwrap();
    assert_eq!(issued.expiration, Some(NOW + Duration::from_secs(900)));
    assert_eq!(issued.account_id.as_deref(), Some("111122223333"));
    for (wrong, why) in [
        (r#""AccessKeyId":"A","SecretAccessKey":"s""#, "no Version"),
        (r#""Version":2,"AccessKeyId":"A","SecretAccessKey":"s""#, "Version is 2"),
        (r#""Version":"1","AccessKeyId":"A","SecretAccessKey":"s""#, "not of its type"),
        (r#""Version":1.5,"AccessKeyId":"A","SecretAccessKey":"s""#, "no Version"),
        (r#""Version":1,"SecretAccessKey":"s""#, "no AccessKeyId"),
        (r#""Version":1,"AccessKeyId":"A""#, "no SecretAccessKey"),
        (r#""Version":1,"AccessKeyId":"","SecretAccessKey":"s""#, "id is empty"),
        (r#""Version":1,"AccessKeyId":"A","SecretAccessKey":"""#, "secret access key is empty"),
        (r#""Version":1,"AccessKeyId":"A","SecretAccessKey":"s","SessionToken":"""#, "token is empty"),
        (&format!("{END}\"1970-01-01T00:00:00Z\""), "ended before"),
        (&format!("{END}\"tomorrow\""), "no time"),
        (&format!("{END}\"1970-01-01T00:15:00\""), "no time"),
        (&format!("{END}17"), "not of its type"),
    ] {
        let error = read(wrong).unwrap_err();
        assert!(error.contains(why), "{wrong}: {error}");
    }
    assert!(super::read(b"", NOW).unwrap_err().contains("not JSON"));
}

#[tokio::test]
async fn keys_that_a_program_says_instead_of_printing_them_are_hidden() {
    let (key, printed) = ("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "a-short-token");
    let json = format!(r#"{{"Version":1,"AccessKeyId":"AKIA","SecretAccessKey":"{key}","SessionToken":"{printed}"}}"#);
    for script in [
        format!("echo '{json}' >&2; exit 3"),
        format!("echo '{json}'; echo 'got {key} and {printed}' >&2; exit 3"),
        format!("echo '{json}' >&2; yes"),
    ] {
        let failure = shell(&script).await.unwrap_err();
        assert!(failure.private.contains("it said: ") && failure.private.contains("[hidden]"), "{}", failure.private);
        assert!(!failure.private.contains(key) && !failure.private.contains(printed), "{}", failure.private);
    }
}

#[tokio::test]
async fn what_a_program_said_before_it_was_ended_is_told_to_its_owner() {
    let failure = shell("echo 'open the browser' >&2; yes").await.unwrap_err();
    assert!(failure.private.ends_with("bytes and was ended; it said: open the browser)"), "{}", failure.private);
    assert!(!failure.public.contains("browser"), "{}", failure.public);
}

#[test]
fn a_machine_without_room_for_a_program_is_tried_again() {
    let failure =
        could_not_run("legacy", &RunError::NoRoom { program: "x".into(), reason: "Too many open files".into() });
    assert_eq!(failure.class, FailureClass::TryLater);
}
