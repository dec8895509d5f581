//! What 1Password's `op` means by its words (1Password CLI, version 2): it ends with zero or not and has no codes for its failures,
//! and nobody documents its words. One function for all that run it; each says it in its own sentences.
//!
//! Called by `source/otp/op.rs` and `source/aws_references/op.rs`.

use crate::world::Environment;

/// How a reference to something in 1Password begins (1Password CLI, "Secret reference syntax").
pub(super) const REFERENCE: &str = "op://";

/// Whether `op` needs no person: what it takes before the desktop app (1Password Developer, "Use service accounts with 1Password
/// CLI"; "Use 1Password CLI with a Connect server").
pub(super) fn is_unattended(environment: &Environment) -> bool {
    let is_set = |name: &str| environment.text(name).is_some();
    is_set("OP_SERVICE_ACCOUNT_TOKEN") || is_set("OP_CONNECT_HOST") && is_set("OP_CONNECT_TOKEN")
}

/// Why `op` gave nothing, as far as its words tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Too many reads.
    TooOften,
    /// Several items have the name.
    Ambiguous,
    /// No such item or vault, or it may not be seen: `op` does not tell these apart.
    NotFound,
    /// It does not take the token of a service account or of a Connect server.
    TokenRefused,
    /// No account is set up.
    NoAccount,
    /// The person was asked to approve, and did not.
    NotApproved,
    /// The desktop app does not run, or is not integrated.
    AppClosed,
    /// The session is over.
    SessionOver,
    /// Nobody is signed in, or it is locked.
    SignedOut,
    /// The item has no one-time password.
    NoCodes,
}

/// What it said; upper and lower case are the same. `names`: what it was given to look for, which an item may be called like an
/// error. `None`: something that nobody knows.
///
/// The order tells: "could not get item" also begins what is said of a session.
pub(super) fn meaning(said: &str, names: &[&str], unattended: bool) -> Option<Meaning> {
    let words = without_names(said, names);
    let says = |clues: &[&str]| clues.iter().any(|clue| words.contains(clue));
    let meanings = [
        (Meaning::TooOften, TOO_OFTEN),
        (Meaning::Ambiguous, AMBIGUOUS),
        (Meaning::NotFound, SURELY_NOT_FOUND),
        (Meaning::TokenRefused, if unattended { REFUSES_TOKEN } else { &[] }),
        (Meaning::NoAccount, NO_ACCOUNT),
        (Meaning::NotApproved, NOT_APPROVED),
        (Meaning::AppClosed, APP_CLOSED),
        (Meaning::SessionOver, SESSION_OVER),
        (Meaning::SignedOut, SIGNED_OUT),
        (Meaning::NoCodes, NO_CODES),
        (Meaning::NotFound, NOT_FOUND),
    ];
    meanings.into_iter().find(|(_, clues)| says(clues)).map(|(meaning, _)| meaning)
}

const TOO_OFTEN: &[&str] = &["too many requests", "rate limit"];

const AMBIGUOUS: &[&str] = &["more than one item", "multiple items"];

const SURELY_NOT_FOUND: &[&str] = &["isn't an item", "isn't a vault", "not a vault"];

const REFUSES_TOKEN: &[&str] = &[
    "service account",
    "service-account",
    "unauthorized",
    "forbidden",
    "(401)",
    "(403)",
    "invalid token",
    "bearer token",
];

const NO_ACCOUNT: &[&str] = &["no accounts configured", "no account configured", "no accounts are configured"];

const NOT_APPROVED: &[&str] =
    &["prompt dismissed", "authorization timeout", "authorization was denied", "authorization denied"];

const APP_CLOSED: &[&str] = &["desktop app", "1password app"];

const SESSION_OVER: &[&str] = &["session expired", "session has expired", "invalid session"];

const SIGNED_OUT: &[&str] =
    &["signed in", "signin", "sign in", "authenticat", "authorization", "unauthorized", "locked"];

const NO_CODES: &[&str] = &[
    "one-time password",
    "one time password",
    "otp",
    "does not have a field",
    "doesn't have a field",
    "no such field",
];

const NOT_FOUND: &[&str] = &["not found", "no item", "not find", "doesn't exist", "could not get item"];

/// Its words in small letters, without the names that we gave it: an item may be called `signed in`.
fn without_names(said: &str, names: &[&str]) -> String {
    let mut words = said.to_lowercase();
    for name in names.iter().map(|name| name.to_lowercase()) {
        let path = name.strip_prefix(REFERENCE);
        if path.is_some() {
            words = words.replace(&name, "");
        }
        let parts = path.unwrap_or(&name).split(['/', '?']);
        for part in parts.chain([name.as_str()]).filter(|part| !part.is_empty()) {
            words = words.replace(&format!("\"{part}\""), "").replace(&format!("'{part}'"), "");
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_op_mean_something() {
        for (said, expected) in [
            ("You are not currently signed in. Please run `op signin --help`", Some(Meaning::SignedOut)),
            ("account is not signed in", Some(Meaning::SignedOut)),
            ("(401) Unauthorized", Some(Meaning::SignedOut)),
            ("error initializing client: authorization prompt dismissed, please try again", Some(Meaning::NotApproved)),
            ("error initializing client: authorization timeout", Some(Meaning::NotApproved)),
            ("session expired, sign in to create a new session", Some(Meaning::SessionOver)),
            ("No accounts configured for use with 1Password CLI.", Some(Meaning::NoAccount)),
            ("couldn't connect to the 1Password desktop app", Some(Meaning::AppClosed)),
            ("connecting to desktop app: read: connection reset", Some(Meaning::AppClosed)),
            ("\"aws\" isn't an item. Specify the item with its UUID, name, or domain.", Some(Meaning::NotFound)),
            ("\"Work\" isn't a vault in this account.", Some(Meaning::NotFound)),
            ("the item doesn't exist", Some(Meaning::NotFound)),
            ("More than one item matches \"aws\".", Some(Meaning::Ambiguous)),
            ("multiple items found", Some(Meaning::Ambiguous)),
            ("(429) Too Many Requests", Some(Meaning::TooOften)),
            ("item \"aws\" does not have a field otp", Some(Meaning::NoCodes)),
            ("panic: nil", None),
            ("", None),
        ] {
            let said = if said.is_empty() { String::new() } else { format!("[ERROR] 2026/11/26 13:00:00 {said}") };
            assert_eq!(meaning(&said, &["op://Work/aws"], false), expected, "{said}");
        }
        assert_eq!(meaning("(401) Unauthorized", &[], true), Some(Meaning::TokenRefused));
    }

    #[test]
    fn names_are_not_taken_for_what_it_says() {
        let names = ["signed in", "otp"];
        let said = "[ERROR] \"signed in\" isn't an item in the \"otp\" vault";
        assert_eq!(meaning(said, &names, false), Some(Meaning::NotFound));
        assert_eq!(meaning("[ERROR] item \"signed in\" is odd", &names, false), None);
        assert_eq!(meaning("[ERROR] op://a/locked is odd", &["op://a/Locked"], false), None);
    }
}
