//! `credential_process`: keys that a program prints (AWS SDKs and Tools Reference Guide, "Process credential provider").
//!
//! Run without a shell, as botocore does, with limits. A program that fails may have wanted its person: it is run again
//! when a client asks, never by ourselves over and over, since some open a browser each time.

use std::ffi::OsString;
use std::time::{Duration, SystemTime};

use serde::Deserialize;

use super::{said, shape};
use crate::config::asked;
use crate::credential::{AwsKeys, ClockOffset, Failure, FailureClass, Issued};
use crate::secret::Secret;
use crate::world::World;
use crate::world::process::{Run, RunError, Seat};

/// How long a program may take: time enough for a keychain that asks its person.
const TIME_LIMIT: Duration = Duration::from_secs(55);

/// How much it may print.
const OUTPUT_LIMIT: usize = 64 << 10;

/// Runs the program of `profile`. `account_id`: the profile's own, where the program names none.
pub(super) async fn keys(
    world: &World,
    profile: &str,
    argv: &[String],
    account_id: Option<&str>,
) -> Result<Issued, Failure> {
    if asked::by(&world.environment, profile) {
        let text = format!(
            "the credential_process of profile `{profile}` asks for itself: have it get its keys from elsewhere"
        );
        return Err(Failure::new(FailureClass::Refused, "ProcessAsksItself", text));
    }
    let run = Run {
        argv: argv.iter().map(OsString::from).collect(),
        environment: asked::told(&world.environment, profile),
        input: None,
        time_limit: TIME_LIMIT,
        output_limit: OUTPUT_LIMIT,
        seat: Seat::Background,
    };
    let ran = world.processes.run(run).await.map_err(|error| could_not_run(profile, &error))?;
    let saying = |failure: Failure| {
        let private = format!("{} ({})", failure.public, said::by_a_program(&ran.stderr, &ran.stdout));
        failure.because(private)
    };
    if ran.code != Some(0) {
        let how = ran.code.map_or_else(|| "was ended by a signal".to_owned(), |code| format!("ended with code {code}"));
        return Err(saying(failed(profile, &how, BY_HAND)));
    }
    let now = world.clock.now().wall;
    read(&ran.stdout, now)
        .map(|issued| with_account(issued, account_id))
        .map_err(|why| saying(failed(profile, &format!("printed no usable credentials: {why}"), BY_HAND)))
}

/// What it said goes to the person who runs us, never to a client.
fn could_not_run(profile: &str, error: &RunError) -> Failure {
    let (failure, stderr) = match error {
        RunError::Start { .. } | RunError::NoTerminal { .. } | RunError::Interrupted { .. } => {
            (failed(profile, "could not be started", "check the path of its command"), None)
        }
        RunError::NoRoom { .. } => {
            let text =
                format!("the credential_process of profile `{profile}` could not be started now; it is run again soon");
            (Failure::new(FailureClass::TryLater, "ProcessFailed", text), None)
        }
        RunError::TimedOut { stderr, .. } => (failed(profile, "took too long and was ended", BY_HAND), Some(stderr)),
        RunError::TooMuch { stderr, .. } => (failed(profile, "printed too much and was ended", BY_HAND), Some(stderr)),
    };
    let said = stderr.map(|stderr| format!("; {}", said::by_a_program(stderr, &[]))).unwrap_or_default();
    let private = format!("{} ({error}{said})", failure.public);
    failure.because(private)
}

fn failed(profile: &str, why: &str, remedy: &str) -> Failure {
    let text = format!("the credential_process of profile `{profile}` {why}; {remedy}, and correct what it says");
    Failure::new(FailureClass::NeedsPerson, "ProcessFailed", text)
}

const BY_HAND: &str = "run its command by hand";

/// The output, Version 1. Names are case-sensitive, as in botocore (`botocore/credentials.py`, `ProcessProvider`).
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Printed {
    version: Option<serde_json::Number>,
    access_key_id: Option<String>,
    secret_access_key: Option<Secret>,
    session_token: Option<Secret>,
    expiration: Option<String>,
    account_id: Option<String>,
}

/// Reads what was printed; the error says what is wrong with it, in words that hold nothing of it.
pub(super) fn read(stdout: &[u8], now: SystemTime) -> Result<Issued, String> {
    let printed: Printed = serde_json::from_slice(stdout).map_err(|error| {
        // the library's own words may quote the value that it did not expect
        let what = if error.is_data() { "a field is not of its type" } else { "it is not JSON" };
        format!("{what} (line {}, column {})", error.line(), error.column())
    })?;
    match printed.version.as_ref().and_then(serde_json::Number::as_u64) {
        Some(1) => {}
        Some(other) => return Err(format!("its Version is {other}, not 1")),
        None => return Err("it has no Version".to_owned()),
    }
    let keys = AwsKeys {
        access_key_id: printed.access_key_id.ok_or("it has no AccessKeyId")?,
        secret_access_key: printed.secret_access_key.ok_or("it has no SecretAccessKey")?,
        session_token: printed.session_token,
    };
    shape::check(&keys)?;
    let expiration = match printed.expiration {
        None => None,
        Some(text) => {
            let end: jiff::Timestamp =
                text.parse().map_err(|_| "its Expiration is no time such as 2026-11-21T22:04:16Z")?;
            let end = SystemTime::from(end);
            if end <= now {
                return Err("they ended before they were printed".to_owned());
            }
            Some(end)
        }
    };
    Ok(Issued {
        keys,
        expiration,
        server_offset: ClockOffset::None,
        account_id: shape::account(printed.account_id),
        role_arn: None,
        warnings: Vec::new(),
        received: None,
    })
}

fn with_account(mut issued: Issued, account_id: Option<&str>) -> Issued {
    issued.account_id = issued.account_id.or_else(|| account_id.map(str::to_owned));
    issued
}

#[cfg(test)]
#[path = "aws_process_tests.rs"]
mod tests;
