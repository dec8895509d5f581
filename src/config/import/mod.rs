//! Accounts and roles of IAM Identity Center as profiles of `~/.aws/config`: the text of the file in, its new text out.
//!
//! Pure: `credenza import` asks the portal, reads and writes the file, and shows [`preview`]. Never touched is what was
//! not written here. What was is known by a comment directly above its header:
//!
//! ```text
//! # credenza import: corp 111122223333 Admin
//! [profile Prod-Admin]
//! sso_session = corp
//! sso_account_id = 111122223333
//! sso_role_name = Admin
//! ```
//!
//! - The comment decides whose profile it is: who renames the profile keeps the new name, and `sso_session`,
//!   `sso_account_id`, `sso_role_name` (and `region`, where the comment ends with that word) are set right again. Other keys
//!   and comments stay. Who removes the comment has made the profile their own.
//! - A pair that has a profile of the same session already, whatever it is called, gets no second one.
//! - A name that is in use, in whatever form some reader may take for it, is left alone.
//! - What we wrote for pairs that are not listed any more stays, and is told; it goes with [`Wanted::prune`].
//! - `[sso-session NAME]` is written where there is none; after that it is the user's.

mod edit;
mod filter;
mod marker;
mod names;
mod own;
mod preview;
mod scan;
mod session;
mod template;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

pub use edit::edit;
pub use filter::Filter;
pub use preview::preview;
pub use scan::taken_in_credentials;
pub use template::Template;

/// An account and a role in it that a person may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Twelve digits.
    pub account_id: String,
    /// As it is called in AWS Organizations: `Prod EU`. May be empty.
    pub account_name: String,
    /// Of the account's root user.
    pub email: Option<String>,
    /// `AdministratorAccess`
    pub role_name: String,
}

impl Pair {
    /// A pair without an address.
    pub fn new(account_id: &str, account_name: &str, role_name: &str) -> Self {
        let [account_id, account_name, role_name] = [account_id, account_name, role_name].map(str::to_owned);
        Self { account_id, account_name, email: None, role_name }
    }
}

/// What the file should say.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The file's name, for complaints.
    pub file: &'a Arc<Path>,
    /// `[sso-session NAME]`
    pub session: &'a str,
    /// `sso_start_url`
    pub start_url: &'a str,
    /// `sso_region`
    pub region: &'a str,
    /// `sso_registration_scopes`: `sso:account:access`. None leaves the key out.
    pub scopes: &'a [String],
    /// Everything that the portal lists: what is ours and not among it is gone.
    pub listed: &'a [Pair],
    /// Those of `listed` that should be profiles: what [`Filter::admits`], or what a person chose.
    pub chosen: &'a [Pair],
    /// How profiles are called.
    pub template: &'a Template,
    /// `region` of each profile. `None` leaves what stands there.
    pub profile_region: Option<&'a str>,
    /// Names that are in use elsewhere: those of the credentials file, by [`taken_in_credentials`].
    pub taken: &'a BTreeSet<String>,
    /// Whether profiles of ours are removed whose pairs are not listed any more.
    pub prune: bool,
}

/// The new text, and what came of each pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The whole file's.
    pub text: String,
    /// Whether `[sso-session NAME]` was written.
    pub session_added: bool,
    /// One for each chosen pair, and one for each profile of ours whose pair is gone, by the profiles' names.
    pub profiles: Vec<Profile>,
}

impl Edit {
    /// The names of the profiles of which something holds.
    ///
    /// ```text
    /// edit.names(|outcome| *outcome == Outcome::Unchanged)
    /// ```
    pub fn names(&self, holds: impl Fn(&Outcome) -> bool) -> Vec<&str> {
        self.profiles.iter().filter(|profile| holds(&profile.outcome)).map(|profile| profile.name.as_str()).collect()
    }
}

/// One profile of an [`Edit`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Its name in the file; where the pair was left, the one that it would have got.
    pub name: String,
    /// The account and the role; where they are gone, without the account's name.
    pub pair: Pair,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was written; with the name that it would have got, had no other pair got the same.
    Added(Option<String>),
    /// It is ours and was set right: these keys.
    Changed(Vec<&'static str>),
    /// It is ours and as it should be.
    Unchanged,
    /// The pair was not written.
    Left(Why),
    /// It is ours and its pair is not listed any more: it stays.
    Gone,
    /// The same, and it was removed.
    Removed,
}

/// Why a pair was not written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The user has a profile for the same session, account and role: its name.
    SamePair(String),
    /// The name is in use for something else.
    Taken,
    /// The account or the role holds a character that cannot be written.
    Unwritable,
}
