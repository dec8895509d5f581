//! Status as data: what `credenza status --json` prints, and what the table of `credenza status` is made from.
//!
//! The shape is documented in `docs/json.md` and stable: members are added, never renamed. Nothing in it is secret; a
//! key appears by its whole AccessKeyId, which CloudTrail shows too.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::credential::handover::word;

/// The version of the shapes in this file.
pub const SCHEMA: u32 = 1;

/// What a daemon serves, how fresh it is and who uses it. Times are RFC 3339 in UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The daemon's version, such as `0.1.0`.
    pub version: String,
    /// The version of the control protocol that it speaks.
    pub protocol: u32,
    /// Its process id.
    pub pid: u32,
    /// When it started.
    pub started: String,
    /// Where it serves, such as `http://127.0.0.1:9711`.
    pub address: String,
    /// What `[[listener]]` says, in the order of addresses.
    #[serde(default)]
    pub listeners: Vec<Listener>,
    /// The sign-ins of IAM Identity Center, in the order of names.
    #[serde(default)]
    pub sign_ins: Vec<SignIn>,
    /// The sessions of IAM users that were begun, in the order of names.
    #[serde(default)]
    pub user_sessions: Vec<UserSession>,
    /// How it stands with sessions at rest: [`IN_MEMORY`], [`OPEN`], [`LOCKED`], [`WITHOUT_PASSPHRASE`] or [`OUT_OF_REACH`].
    #[serde(default)]
    pub sessions_at_rest: String,
    /// What is held or being fetched, in the order of names.
    pub asks: Vec<Ask>,
    /// The rights that live, in the order of names.
    pub grants: Vec<Grant>,
    /// The commands that are connected, oldest first.
    pub jobs: Vec<Job>,
    /// What is wrong with the configuration or with sessions at rest, one sentence each.
    pub warnings: Vec<String>,
}

/// Sessions end with the daemon, as they were to.
pub const IN_MEMORY: &str = "memory";

/// Sessions lie at rest as soon as they begin.
pub const OPEN: &str = "open";

/// What lies at rest opens with a passphrase, which nobody has said: `credenza up`.
pub const LOCKED: &str = "locked";

/// Nothing lies at rest, and nobody has chosen the passphrase yet: `credenza up`.
pub const WITHOUT_PASSPHRASE: &str = "no-passphrase";

/// The keyring, or the file, cannot be used: [`Status::warnings`] says why.
pub const OUT_OF_REACH: &str = "out-of-reach";

/// [`Listener::state`]: its clients are answered.
pub const SERVING: &str = "serving";

/// [`Listener::state`]: [`Listener::reason`] says why.
pub const NOT_SERVED: &str = "not-served";

/// One `[[listener]]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// Such as `169.254.169.254:80`.
    pub address: String,
    /// How its clients speak: `ecs`, `pod-identity`, `ecs-task`, `ec2`.
    pub dialects: Vec<String>,
    /// What it serves; the first is the default.
    pub identities: Vec<String>,
    /// Whoever can reach it is served, whatever user they are.
    #[serde(default)]
    pub anyone: bool,
    /// [`SERVING`] or [`NOT_SERVED`].
    pub state: String,
    /// Why it is not served, or what is wrong with it although it is.
    #[serde(default)]
    pub reason: Option<String>,
}

/// [`Ask::want`]: keys of AWS.
pub const KEYS: &str = "keys";

/// [`Ask::want`]: a token of an Azure identity.
pub const TOKEN: &str = "token";

/// [`Ask::want`]: what a federated Azure identity shows in place of a secret.
pub const ASSERTION: &str = "assertion";

/// One sign-in of IAM Identity Center.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignIn {
    /// The name of its `[sso-session X]`, or its start URL.
    pub session: String,
    /// `signed-in`; `ending` (soon over: time to log in again); `login-needed` (over); `signed-out`.
    pub state: String,
    /// Who signed in, as AWS names them, where that is known.
    #[serde(default)]
    pub person: Option<String>,
    /// When it ends and somebody must log in again, as far as that is known: AWS does not tell.
    #[serde(default)]
    pub ends: Option<String>,
    /// When its access token ends, which is renewed before.
    #[serde(default)]
    pub token_ends: Option<String>,
    /// When that is renewed next; only while something that is in use rests on it.
    #[serde(default)]
    pub next_refresh: Option<String>,
    /// How many identities rest on it.
    #[serde(default)]
    pub identities: usize,
    /// Its tokens lie in the system's keyring instead of the AWS CLI's folder.
    #[serde(default)]
    pub private: bool,
    /// The last failure to renew it, also where it was mended since.
    #[serde(default)]
    pub last_failure: Option<Failure>,
}

/// One session of an IAM user: what long-term keys were turned into, perhaps with a one-time code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserSession {
    /// What the daemon keeps it under, such as `user:ada:0f3a11c2`.
    #[serde(default)]
    pub key: String,
    /// The device's name, without its account; else what the keys are called.
    pub session: String,
    /// `begun`; `ending` (soon over: time for another code); `over`; `code-needed` (none was begun).
    pub state: String,
    /// `mfa_serial`, where it rests on a device.
    #[serde(default)]
    pub serial: Option<String>,
    /// When it began.
    #[serde(default)]
    pub began: Option<String>,
    /// When it ends.
    #[serde(default)]
    pub ends: Option<String>,
    /// It ends before the next working morning, and only a person can begin another one.
    #[serde(default)]
    pub ends_unattended: bool,
    /// Another one is begun without a person.
    #[serde(default)]
    pub unattended: bool,
    /// Until when no code of its device is sent, because AWS refused too many in a row.
    #[serde(default)]
    pub paused_until: Option<String>,
    /// The identity whose name begins another one: `credenza login NAME`. Empty where the files name none any more.
    #[serde(default)]
    pub login: String,
    /// How many identities rest on it.
    #[serde(default)]
    pub identities: usize,
}

/// One credential, or the want of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// The identity.
    pub identity: String,
    /// Its kind, as `credenza list` has it, such as `sso` or `azure-cli`.
    #[serde(default)]
    pub kind: Option<String>,
    /// What it is made of, from itself down: `sync`, `prod`, `the sign-in corp`.
    #[serde(default)]
    pub chain: Vec<String>,
    /// What is wanted of it: [`KEYS`], [`TOKEN`] or [`ASSERTION`].
    #[serde(default)]
    pub want: Option<String>,
    /// What a token of an Azure identity is for, as it was asked for.
    #[serde(default)]
    pub resource: Option<String>,
    /// `fresh`; `refreshing` (held, and being replaced); `fetching` (nothing is held yet); `trying-again` (the upstream
    /// fails; what is held is handed out to its end); `needs-person`; `refused`; `idle` (held, but no longer refreshed,
    /// since nobody asks); `empty`.
    pub state: String,
    /// The AccessKeyId of what is held.
    #[serde(default)]
    pub access_key_id: Option<String>,
    /// The account, where known; of a token the person that it says it is of, else the application.
    #[serde(default)]
    pub account: Option<String>,
    /// The Entra tenant that a token says it is of.
    #[serde(default)]
    pub tenant: Option<String>,
    /// What a token lets its application do for its person, as it says itself (`scp`).
    #[serde(default)]
    pub scopes: Vec<String>,
    /// What a token lets its application do by itself, as it says itself (`roles`).
    #[serde(default)]
    pub roles: Vec<String>,
    /// The role's ARN, where there is one.
    #[serde(default)]
    pub role: Option<String>,
    /// When what is held ends.
    #[serde(default)]
    pub expires: Option<String>,
    /// How much of it is left, by the stricter of two clocks.
    #[serde(default)]
    pub remaining_secs: Option<u64>,
    /// When it is refreshed or tried again next.
    #[serde(default)]
    pub next_refresh: Option<String>,
    /// The last failure, also where it was mended since.
    #[serde(default)]
    pub last_failure: Option<Failure>,
    /// What its owner should know, such as that its role allows 15 minutes only.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// When a client last asked.
    #[serde(default)]
    pub last_used: Option<String>,
    /// How often clients asked.
    #[serde(default)]
    pub uses: u64,
    /// How often it was fetched.
    #[serde(default)]
    pub fetched: u64,
    /// How often fetching it failed.
    #[serde(default)]
    pub failed: u64,
}

/// Why an ask failed last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// One word, such as `AccessDenied`.
    pub code: String,
    /// `needs-person`, `try-later` or `refused`.
    pub class: String,
    /// One line for a person.
    pub message: String,
    /// When.
    pub at: String,
}

/// A right that lives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Its name.
    pub name: String,
    /// What it is a right to; the first is the default.
    pub identities: Vec<String>,
    /// Who holds it: `shell`, `job`, or `shell-to-come`, which has a minute to say which shell it is.
    #[serde(default)]
    pub holder: String,
    /// When it was made.
    pub made: String,
    /// When it ends; none: with its process, or when it is revoked.
    #[serde(default)]
    pub ends: Option<String>,
    /// The process that it ends with.
    #[serde(default)]
    pub pid: Option<u32>,
    /// The file that holds its token; it is removed with the grant.
    #[serde(default)]
    pub token_file: Option<String>,
    /// Where its token is good for something, such as `http://127.0.0.1:9711`.
    #[serde(default)]
    pub address: Option<String>,
    /// When its token was last used, since the daemon started.
    #[serde(default)]
    pub last_used: Option<String>,
}

/// A command that is connected: an `exec`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// The command's name, without its arguments.
    pub command: String,
    /// What it was given.
    pub identities: Vec<String>,
    /// Its own endpoint.
    pub address: String,
    /// The process of `credenza exec`, where the system tells.
    #[serde(default)]
    pub pid: Option<u32>,
    /// Since when.
    pub since: String,
}

/// A time as it stands in these shapes: RFC 3339 in UTC, the second that has begun.
pub(crate) fn time(time: SystemTime) -> String {
    let whole = jiff::Timestamp::try_from(time).and_then(|time| jiff::Timestamp::from_second(time.as_second()));
    whole.map_or_else(|_| String::new(), |time| time.to_string())
}

/// A failure as it stands in these shapes.
pub(crate) fn failure(failure: &crate::credential::Failure, at: SystemTime) -> Failure {
    Failure {
        code: failure.code.to_owned(),
        class: word(failure.class).to_owned(),
        message: failure.private.clone(),
        at: time(at),
    }
}
