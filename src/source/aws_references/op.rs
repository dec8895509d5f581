//! Keys of an item of 1Password, by its `op` (1Password Developer, "1Password CLI reference: item").
//!
//! One call for both fields. The JSON form holds concealed fields whole (release notes of 2.30: what is concealed is the form
//! for people). `op` has no codes for its failures and no way to forbid a dialog: its words are read, and its time is limited.

use std::ffi::OsString;

use serde::Deserialize;
use zeroize::Zeroizing;

use super::{At, OUTPUT_LIMIT, UNATTENDED, WITH_A_PERSON, run, seat};
use crate::credential::{AwsKeys, Failure, FailureClass};
use crate::secret::Secret;
use crate::source::op_words::{Meaning, REFERENCE, meaning};
use crate::source::said;
use crate::source::surroundings::surroundings;
use crate::world::World;
use crate::world::process::{Run, RunError};

/// The keys of `op://vault/item`.
pub(super) async fn keys(
    at: &At,
    reference: &str,
    account: Option<&str>,
    unattended: bool,
    world: &World,
) -> Result<AwsKeys, Failure> {
    let (vault, item) = reference
        .strip_prefix(REFERENCE)
        .and_then(|rest| rest.split_once('/'))
        .filter(|(vault, item)| !vault.is_empty() && !item.is_empty() && !item.starts_with('-'))
        .ok_or_else(|| at.unusable("write op://VAULT/ITEM; what has a name with other characters goes by its id"))?;
    let mut argv = ["op", "item", "get", item, "--vault", vault, "--format", "json"].map(OsString::from).to_vec();
    argv.extend(account.into_iter().flat_map(|account| ["--account", account]).map(OsString::from));
    let wanted = Run {
        argv,
        environment: surroundings(&world.environment, "OP_"),
        input: None,
        time_limit: if unattended { UNATTENDED } else { WITH_A_PERSON },
        output_limit: OUTPUT_LIMIT,
        seat: seat(unattended),
    };
    let ran = run(wanted, world).await.map_err(|error| not_run(at, &error))?;
    if ran.code != Some(0) {
        let stderr = Zeroizing::new(String::from_utf8_lossy(&ran.stderr).into_owned());
        let names: Vec<&str> = [reference, vault, item].into_iter().chain(account).collect();
        let (class, code, why) = told(meaning(&stderr, &names, unattended), reference);
        let failure = at.failure(class, code, &why);
        let private = format!("{} ({})", failure.public, said::by_a_program(&ran.stderr, &ran.stdout));
        return Err(failure.because(private));
    }
    read(&ran.stdout).map_err(|why| at.unusable(&why))
}

fn not_run(at: &At, error: &RunError) -> Failure {
    let failure = match error {
        RunError::Start { .. } => at.withheld("1Password's `op` could not be started; install 1Password CLI"),
        RunError::NoRoom { .. } => {
            let why = "1Password's `op` could not be started now; it is run again soon";
            at.failure(FailureClass::TryLater, "KeysWithheld", why)
        }
        RunError::TimedOut { .. } => {
            at.withheld("1Password's `op` took too long and was ended; unlock 1Password, and allow it when it asks")
        }
        RunError::NoTerminal { .. } | RunError::Interrupted { .. } => {
            at.withheld("1Password's `op` was ended at the terminal; run the command again")
        }
        RunError::TooMuch { .. } => at.unusable("1Password's `op` printed too much; name an item of keys alone"),
    };
    let private = format!("{} ({error})", failure.public);
    failure.because(private)
}

/// What a failure is called, and what mends it.
fn told(meaning: Option<Meaning>, reference: &str) -> (FailureClass, &'static str, String) {
    use FailureClass::{NeedsPerson, Refused, TryLater};
    let withheld = |why: &str| (NeedsPerson, "KeysWithheld", why.to_owned());
    match meaning {
        Some(Meaning::NoAccount) => withheld(
            "no account is set up for 1Password's `op`; run `op account add`, or turn on the integration in the app's settings",
        ),
        Some(Meaning::AppClosed) => {
            withheld("the 1Password app does not answer; open it, with the integration with 1Password CLI turned on")
        }
        Some(Meaning::NotApproved) => {
            withheld("1Password asked for an approval that was not given; run the command again, and approve it")
        }
        Some(Meaning::SessionOver | Meaning::SignedOut) => {
            withheld("1Password's `op` is not signed in, or locked; unlock the app, or run `op signin`")
        }
        Some(Meaning::TokenRefused) => withheld(
            "1Password does not take the token in OP_SERVICE_ACCOUNT_TOKEN or OP_CONNECT_TOKEN; set one that is good \
             (`op service-account create` makes one), and start again",
        ),
        Some(Meaning::NotFound) => {
            let why = format!(
                "1Password has no such item there, or does not show it; run `op item list`, and correct {reference}"
            );
            (Refused, "KeysUnusable", why)
        }
        Some(Meaning::Ambiguous) => {
            (Refused, "KeysUnusable", "several items have this name; write the item's id".to_owned())
        }
        Some(Meaning::TooOften) => {
            (TryLater, "KeysWithheld", "1Password is asked too often; it is asked again soon".to_owned())
        }
        // no code was asked for
        Some(Meaning::NoCodes) | None => {
            withheld("1Password's `op` failed; run `op item get` by hand, and correct what it says")
        }
    }
}

/// An item as `--format json` prints it.
#[derive(Deserialize)]
struct Item {
    #[serde(default)]
    fields: Vec<Field>,
}

#[derive(Deserialize)]
struct Field {
    #[serde(default)]
    id: String,
    #[serde(default)]
    label: String,
    value: Option<Secret>,
}

/// The keys of an item; the error says what it lacks.
fn read(stdout: &[u8]) -> Result<AwsKeys, String> {
    let item: Item =
        serde_json::from_slice(stdout).map_err(|_| "1Password's `op` printed no item that is known".to_owned())?;
    let found = |names: &[&str]| {
        let called = |field: &&Field| {
            names.contains(&plain(&field.label).as_str()) || names.contains(&plain(&field.id).as_str())
        };
        item.fields.iter().filter(called).find_map(|field| field.value.clone().filter(|value| !value.is_empty()))
    };
    let id = found(&["access key id"]).or_else(|| found(&["username"]));
    let secret = found(&["secret access key"]).or_else(|| found(&["password", "credential"]));
    let lacks = |field: &str| format!("the item has no field `{field}`; add it in 1Password");
    Ok(AwsKeys {
        access_key_id: id.ok_or_else(|| lacks("access key id"))?.expose().trim().to_owned(),
        secret_access_key: Secret::new(secret.ok_or_else(|| lacks("secret access key"))?.expose().trim()),
        session_token: None,
    })
}

/// `aws_access_key_id` and `Access Key ID` are the same field: `access key id`.
fn plain(label: &str) -> String {
    let label = label.trim().to_lowercase().replace(['_', '-'], " ");
    label.strip_prefix("aws ").map(str::to_owned).unwrap_or(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_their_labels() {
        let field =
            |label: &str, value: &str| format!(r#"{{"id":"x","type":"STRING","label":"{label}","value":"{value}"}}"#);
        let item = |fields: &[String]| format!(r#"{{"id":"i","title":"aws","fields":[{}]}}"#, fields.join(","));
        for (id, secret) in [
            ("access key id", "secret access key"),
            ("Access Key ID", "Secret Access Key"),
            ("aws_access_key_id", "aws_secret_access_key"),
            ("AWS-ACCESS-KEY-ID", "AWS Secret Access Key"),
            ("username", "password"),
            ("username", "credential"),
        ] {
            let printed = item(&[field("default region", "x"), field(id, "AKIA1"), field(secret, " s ")]);
            let keys = read(printed.as_bytes()).unwrap();
            assert_eq!((keys.access_key_id.as_str(), keys.secret_access_key.expose()), ("AKIA1", "s"), "{id}");
        }
        let both = item(&[
            field("username", "ada"),
            field("access key id", "AKIA1"),
            field("password", "p"),
            field("secret access key", "s"),
        ]);
        let keys = read(both.as_bytes()).unwrap();
        assert_eq!(
            (keys.access_key_id.as_str(), keys.secret_access_key.expose()),
            ("AKIA1", "s"),
            "the plain names count first"
        );
        for (printed, lacks) in [
            (item(&[field("access key id", "AKIA1")]), "`secret access key`"),
            (item(&[field("secret access key", "s"), field("access key id", "")]), "`access key id`"),
            ("{}".to_owned(), "`access key id`"),
            ("[7]".to_owned(), "no item"),
        ] {
            assert!(read(printed.as_bytes()).unwrap_err().contains(lacks), "{printed}");
        }
    }
}
