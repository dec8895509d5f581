//! Who and what there is in IAM Identity Center: instances, people, accounts, assignments; and what was given out.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

/// One Identity Center: a start URL, its region, and its habits.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Instance {
    /// `https://d-1234567890.awsapps.com/start`.
    pub start_url: String,
    /// `eu-central-1`: the only region whose endpoints know it.
    pub region: String,
    /// How long a sign-in lasts: 15 minutes to 90 days, 8 hours by default.
    /// (IAM Identity Center User Guide, "Configure the session duration".)
    #[serde(rename = "session_secs", with = "secs", default = "eight_hours")]
    pub session: Duration,
    /// How long an access token lives, 1 hour by default.
    #[serde(rename = "access_token_secs", with = "secs", default = "one_hour")]
    pub access_token: Duration,
    /// Whether an access token ends with the sign-in at the latest, and says so. Otherwise `expiresIn` promises more.
    #[serde(default = "yes")]
    pub clip_tokens: bool,
    /// Whether every refresh gives a new refresh token and spends the old one.
    #[serde(default)]
    pub rotate_refresh_tokens: bool,
    /// Whether the answer to a refresh leaves `refreshToken` out, the old one staying good. Rotation wins over it.
    #[serde(default)]
    pub omit_refresh_token: bool,
    /// Seconds between two polls of a device login, 1 to 5.
    #[serde(default = "one")]
    pub interval_secs: u64,
    /// Who sits at the browser.
    #[serde(default)]
    pub visitor: Option<Visitor>,
}

impl Instance {
    /// An instance with the habits that AWS has by default, polled every second, and nobody at the browser.
    pub fn new(start_url: &str, region: &str) -> Self {
        Self {
            start_url: start_url.to_owned(),
            region: region.to_owned(),
            session: eight_hours(),
            access_token: one_hour(),
            clip_tokens: true,
            rotate_refresh_tokens: false,
            omit_refresh_token: false,
            interval_secs: 1,
            visitor: None,
        }
    }
}

/// The person who opens the pages of an instance, and what that person does there.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Visitor {
    /// `ada@example.com`.
    pub person: String,
    /// What the person does.
    #[serde(default)]
    pub manner: Manner,
    /// How long that takes, by the cloud's clock.
    #[serde(rename = "after_secs", with = "secs", default)]
    pub after: Duration,
    /// The person types the code of a device login on a device of their own: no page needs to be opened here, and the time
    /// counts from the start of the login.
    #[serde(default)]
    pub elsewhere: bool,
}

impl Visitor {
    /// A person who approves at once whatever page is opened.
    pub fn approves(person: &str) -> Self {
        Self { person: person.to_owned(), manner: Manner::Approve, after: Duration::ZERO, elsewhere: false }
    }

    /// A person who denies it at once.
    pub fn denies(person: &str) -> Self {
        Self { manner: Manner::Deny, ..Self::approves(person) }
    }

    /// A person who looks at the page until told what to do.
    pub fn waits(person: &str) -> Self {
        Self { manner: Manner::Wait, ..Self::approves(person) }
    }

    /// The same, this much later.
    pub fn after(self, after: Duration) -> Self {
        Self { after, ..self }
    }

    /// The same, on a device of their own.
    pub fn elsewhere(self) -> Self {
        Self { elsewhere: true, ..self }
    }
}

/// What a visitor does with a login.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Manner {
    /// Allows it.
    #[default]
    Approve,
    /// Refuses it.
    Deny,
    /// Nothing, until told.
    Wait,
}

/// An AWS account.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// Twelve digits.
    pub id: String,
    /// `production`.
    pub name: String,
    /// `production@example.com`.
    pub email: String,
    /// The start URL of the only instance that knows it; all do when absent.
    #[serde(default)]
    pub start_url: Option<String>,
}

/// A role (a permission set) that a person has in an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// How long a session of the role lasts.
    pub session: Duration,
    /// Taken away, until it is given back.
    pub removed: bool,
}

/// A public client that was registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// `clientName`.
    pub name: String,
    pub(crate) secret: String,
    /// When the secret ends.
    pub expires: SystemTime,
    /// Empty: a registration of the old kind, whose tokens live for 8 hours and cannot be refreshed.
    pub scopes: Vec<String>,
    /// The grant types it may use.
    pub grants: Vec<String>,
    /// As registered.
    pub redirect_uris: Vec<String>,
    /// The start URL that its sign-ins with a browser are for.
    pub issuer_url: Option<String>,
}

/// A sign-in of a person: what all its tokens hang on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignIn {
    /// Who.
    pub person: String,
    /// Where.
    pub start_url: String,
    /// Since when.
    pub started: SystemTime,
    /// When it is over by itself.
    pub ends: SystemTime,
    /// Ended before that: by the person, or by an administrator.
    pub ended: bool,
}

impl SignIn {
    /// Whether its tokens can still be good.
    pub fn lives(&self, now: SystemTime) -> bool {
        !self.ended && now < self.ends
    }
}

/// A token for the portal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessToken {
    pub(crate) sign_in: u64,
    pub(crate) scopes: Vec<String>,
    pub(crate) expires: SystemTime,
    pub(crate) revoked: bool,
}

/// A token for more access tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshToken {
    pub(crate) sign_in: u64,
    pub(crate) client_id: String,
    pub(crate) revoked: bool,
}

/// A company's own address that leads to a start URL.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vanity {
    /// `sso.example.com`; a port is not looked at.
    pub host: String,
    /// Where it leads.
    pub start_url: String,
    /// What HEAD gets: 302 like GET, or 405 or 501.
    #[serde(default = "found")]
    pub head_status: u16,
}

/// How many calls the portal takes.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Calls in a second, and how many may come at once.
    pub calls_per_sec: f64,
    /// The refusal has no body at all, in place of one that says why.
    #[serde(default)]
    pub empty_body: bool,
}

/// Durations as whole seconds.
mod secs {
    use std::time::Duration;

    use serde::{Deserialize as _, Deserializer};

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_secs)
    }
}

fn eight_hours() -> Duration {
    Duration::from_secs(8 * 3600)
}

fn one_hour() -> Duration {
    Duration::from_secs(3600)
}

fn one() -> u64 {
    1
}

fn yes() -> bool {
    true
}

fn found() -> u16 {
    302
}
