//! Keys of an item of 1Password, by its `op` (1Password Developer, "1Password CLI reference: item").
//!
//! One call for both fields. The JSON form holds concealed fields whole (release notes of 2.30: what is concealed is the form
//! for people). `op` has no codes for its failures and no way to forbid a dialog: its words are read, and its time is limited.

use std::ffi::OsString;

use serde::Deserialize;

use super::{At, OUTPUT_LIMIT, UNATTENDED, WITH_A_PERSON, run, seat};
use crate::credential::{AwsKeys, Failure, FailureClass};
use crate::secret::Secret;
use crate::source::said;
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
        .strip_prefix("op://")
        .and_then(|rest| rest.split_once('/'))
        .filter(|(vault, item)| !vault.is_empty() && !item.is_empty() && !item.starts_with('-'))
        .ok_or_else(|| at.unusable("write op://VAULT/ITEM; what has a name with other characters goes by its id"))?;
    let mut argv = ["op", "item", "get", item, "--vault", vault, "--format", "json"].map(OsString::from).to_vec();
    argv.extend(account.into_iter().flat_map(|account| ["--account", account]).map(OsString::from));
    let wanted = Run {
        argv,
        environment: (*world.environment).clone(),
        input: None,
        time_limit: if unattended { UNATTENDED } else { WITH_A_PERSON },
        output_limit: OUTPUT_LIMIT,
        seat: seat(unattended),
    };
    let ran = run(wanted, world).await.map_err(|error| not_run(at, &error))?;
    if ran.code != Some(0) {
        let (class, code, why) = meaning(&String::from_utf8_lossy(&ran.stderr)).told(reference);
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

/// Why `op` gave nothing, as far as its words tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// No account is set up.
    NoAccount,
    /// The desktop app does not run, or is not integrated.
    AppClosed,
    /// Nobody is signed in, or the session is over, or it is locked.
    SignedOut,
    /// No such item or vault, or it may not be seen: `op` does not tell these apart.
    NotFound,
    /// Several items have the name.
    Ambiguous,
    /// Too many reads.
    Throttled,
    /// Something else.
    Unknown,
}

/// What its standard error means; upper and lower case are the same.
fn meaning(stderr: &str) -> Meaning {
    let said = stderr.to_lowercase();
    let says = |clues: &[&str]| clues.iter().any(|clue| said.contains(clue));
    if says(&["no accounts configured"]) {
        Meaning::NoAccount
    } else if says(&[
        "connect to the 1password desktop app",
        "connecting to desktop app",
        "1password app is not running",
    ]) {
        Meaning::AppClosed
    } else if says(&["too many requests", "rate limit"]) {
        Meaning::Throttled
    } else if says(&[
        "not signed in",
        "not currently signed in",
        "signed in to an account",
        "session expired",
        "invalid session",
        "authorization prompt dismissed",
        "authorization timeout",
        "authenticat",
        "unauthorized",
        "locked",
    ]) {
        Meaning::SignedOut
    } else if says(&["more than one item", "multiple items"]) {
        Meaning::Ambiguous
    } else if says(&["isn't an item", "isn't a vault", "not found", "doesn't exist", "no item", "not a vault"]) {
        Meaning::NotFound
    } else {
        Meaning::Unknown
    }
}

impl Meaning {
    fn told(self, reference: &str) -> (FailureClass, &'static str, String) {
        use FailureClass::{NeedsPerson, Refused, TryLater};
        let (class, code, why) = match self {
            Self::NoAccount => (
                NeedsPerson,
                "KeysWithheld",
                "no account is set up for 1Password's `op`; run `op account add`, or turn on \
                 the integration in the app's settings",
            ),
            Self::AppClosed => (
                NeedsPerson,
                "KeysWithheld",
                "the 1Password app does not answer; open it, with the integration with 1Password \
                 CLI turned on",
            ),
            Self::SignedOut => (
                NeedsPerson,
                "KeysWithheld",
                "1Password's `op` is not signed in, or locked; unlock the app, or run `op signin`",
            ),
            Self::NotFound => {
                let why = format!(
                    "1Password has no such item there, or does not show it; run `op item list`, and correct {reference}"
                );
                return (Refused, "KeysUnusable", why);
            }
            Self::Ambiguous => (Refused, "KeysUnusable", "several items have this name; write the item's id"),
            Self::Throttled => (TryLater, "KeysWithheld", "1Password is asked too often; it is asked again soon"),
            Self::Unknown => (
                NeedsPerson,
                "KeysWithheld",
                "1Password's `op` failed; run `op item get` by hand, and correct what it says",
            ),
        };
        (class, code, why.to_owned())
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
    fn the_words_of_op_mean_something() {
        for (said, expected) in [
            (
                "[ERROR] 2026/11/26 13:00:00 You are not currently signed in. Please run `op signin --help`",
                Meaning::SignedOut,
            ),
            ("[ERROR] 2026/11/26 13:00:00 account is not signed in", Meaning::SignedOut),
            (
                "[ERROR] 2026/11/26 13:00:00 error initializing client: authorization prompt dismissed, please try again",
                Meaning::SignedOut,
            ),
            ("[ERROR] session expired, sign in to create a new session", Meaning::SignedOut),
            ("[ERROR] No accounts configured for use with 1Password CLI.", Meaning::NoAccount),
            ("[ERROR] couldn't connect to the 1Password desktop app", Meaning::AppClosed),
            ("[ERROR] \"aws\" isn't an item. Specify the item with its UUID, name, or domain.", Meaning::NotFound),
            ("[ERROR] \"Work\" isn't a vault in this account.", Meaning::NotFound),
            ("[ERROR] More than one item matches \"aws\".", Meaning::Ambiguous),
            ("[ERROR] (429) Too Many Requests", Meaning::Throttled),
            ("panic: nil", Meaning::Unknown),
            ("", Meaning::Unknown),
        ] {
            assert_eq!(meaning(said), expected, "{said}");
        }
    }

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
