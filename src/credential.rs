//! What moves through the house: an [`Ask`], the [`Session`] behind it, the [`Credential`] that answers it, and the
//! [`Failure`] that does so when nothing can.
//!
//! Nothing here acts; every rule takes the time as an argument. Called by the engine, the sources and the dialects.

pub mod claims;
pub mod codes;
pub mod handover;
pub mod millis;
pub mod token;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::secret::Secret;

pub use token::{IssuedToken, Token};

/// The name of a thing that can be served: a profile of `~/.aws/config`, such as `prod`, or an Azure identity, such as `graph`.
pub type IdentityName = Arc<str>;

/// What an Azure token is for, exactly as a client wrote it, such as `https://graph.microsoft.com`: with a slash at its end it
/// is another one.
pub type Resource = Arc<str>;

/// What is wanted of the engine: the key of its table of credentials.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ask {
    /// The identity, by its name.
    pub identity: IdentityName,
    /// What is wanted of it.
    pub want: Want,
}

/// What is wanted of an identity.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Want {
    /// The keys of an AWS identity.
    Keys,
    /// A token of an Azure identity, for this.
    Token(Resource),
    /// The signed statement that a federated Azure identity shows to Entra ID in place of a secret: for clients that show it
    /// themselves (`AZURE_FEDERATED_TOKEN_FILE`).
    Assertion,
}

impl Ask {
    /// The ask for an identity's AWS keys.
    pub fn aws(identity: impl Into<IdentityName>) -> Self {
        Self { identity: identity.into(), want: Want::Keys }
    }

    /// The ask for a token of an Azure identity.
    pub fn token(identity: impl Into<IdentityName>, resource: impl Into<Resource>) -> Self {
        Self { identity: identity.into(), want: Want::Token(resource.into()) }
    }

    /// The ask for what a federated Azure identity shows in place of a secret.
    pub fn assertion(identity: impl Into<IdentityName>) -> Self {
        Self { identity: identity.into(), want: Want::Assertion }
    }
}

impl fmt::Display for Ask {
    /// `prod`, `graph (https://graph.microsoft.com)`, `sync (assertion)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.want {
            Want::Keys => f.write_str(&self.identity),
            Want::Token(resource) => write!(f, "{} ({resource})", self.identity),
            Want::Assertion => write!(f, "{} (assertion)", self.identity),
        }
    }
}

/// The key of the engine's table of sessions, such as `keys:prod` or `process:legacy`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionKey(pub Arc<str>);

impl SessionKey {
    /// The name in it: `ada` of `user:ada:0f3a11c2`.
    pub fn name(&self) -> &str {
        let (_, rest) = self.0.split_once(':').unwrap_or(("", &self.0));
        rest.rsplit_once(':').map_or(rest, |(name, _)| name)
    }
}

impl fmt::Display for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// AWS access keys, long-term (no session token) or temporary.
#[derive(Clone, Debug)]
pub struct AwsKeys {
    /// `AKIA...` for long-term keys, `ASIA...` for temporary ones. Not a secret: CloudTrail shows it.
    pub access_key_id: String,
    /// The secret half.
    pub secret_access_key: Secret,
    /// The session token; `None` for long-term keys.
    pub session_token: Option<Secret>,
}

impl AwsKeys {
    /// The longest that a key id may be (API_Credentials: 128 characters).
    pub const LONGEST_ID: usize = 128;

    /// The longest that the secret and the token may be together, as JSON has them: a quotation mark and a backslash
    /// count for two. AWS names no limit for tokens, known ones stay below 4 KiB. A document with these, a role's ARN
    /// of 2,048 characters and the rest stays below 8 KiB; aws-c-auth reads no answer over 10,000 bytes
    /// (`credentials_provider_ecs.c`), and its clients are ours.
    pub const LONGEST_SECRETS: usize = 5000;

    /// Long-term keys of a user: they have no end, and never leave through an endpoint.
    pub fn long_term(&self) -> bool {
        self.session_token.is_none()
    }
}

/// What a source made for clients.
#[derive(Clone, Debug)]
pub enum Made {
    /// AWS keys.
    Keys(Issued),
    /// A token.
    Token(IssuedToken),
}

impl Made {
    /// The keys that it is, if it is such.
    pub fn keys(self) -> Option<Issued> {
        match self {
            Self::Keys(issued) => Some(issued),
            Self::Token(_) => None,
        }
    }

    /// What a person should be told about it, once each.
    pub fn warnings_mut(&mut self) -> &mut Vec<String> {
        match self {
            Self::Keys(issued) => &mut issued.warnings,
            Self::Token(issued) => &mut issued.warnings,
        }
    }
}

impl From<Issued> for Made {
    fn from(issued: Issued) -> Self {
        Self::Keys(issued)
    }
}

impl From<IssuedToken> for Made {
    fn from(issued: IssuedToken) -> Self {
        Self::Token(issued)
    }
}

/// AWS keys as they were made, and until when they work, by whose clock.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The keys. What leaves through an endpoint always has a session token.
    pub keys: AwsKeys,
    /// When the upstream ends them, by the upstream's clock. `None`: the upstream named no end (long-term keys).
    pub expiration: Option<SystemTime>,
    /// The upstream's clock less ours, as its `Date` header showed.
    pub server_offset: ClockOffset,
    /// The twelve digits of the account, where they are known.
    pub account_id: Option<String>,
    /// The ARN of the assumed role, such as `arn:aws:iam::123456789012:role/deploy`, where there is one.
    pub role_arn: Option<String>,
    /// What a person should be told about it, once each: `session is 15 min: ...`.
    pub warnings: Vec<String>,
    /// When it came from the upstream, where it came before: to another process of this machine, or as a session that is
    /// handed on as it is. `None`: it comes now.
    pub received: Option<Now>,
}

/// A server's clock less ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClockOffset {
    /// Never seen, or the same.
    #[default]
    None,
    /// The server is ahead of us.
    Ahead(Duration),
    /// The server is behind us.
    Behind(Duration),
}

impl ClockOffset {
    /// The offset that a server's time shows, taken at our time `now`.
    pub fn between(server: SystemTime, now: SystemTime) -> Self {
        match server.duration_since(now) {
            Ok(ahead) if ahead.is_zero() => Self::None,
            Ok(ahead) => Self::Ahead(ahead),
            Err(behind) => Self::Behind(behind.duration()),
        }
    }

    /// What the server's clock shows when ours shows `now`.
    pub fn server_time(self, now: SystemTime) -> SystemTime {
        match self {
            Self::None => now,
            Self::Ahead(ahead) => now.checked_add(ahead).unwrap_or(now),
            Self::Behind(behind) => now.checked_sub(behind).unwrap_or(now),
        }
    }
}

/// One reading of both clocks, taken together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// The wall clock: what a person and the cloud mean by the time. It can be set back.
    pub wall: SystemTime,
    /// Time since the machine started, sleep included. It never goes back.
    pub boot: Duration,
}

/// What lives long and may need a person to renew.
#[derive(Clone, Debug)]
pub struct Session {
    /// What the source made.
    pub renewed: Renewed,
    /// When it came, by both clocks.
    pub received: Now,
}

/// What a source makes of a session.
#[derive(Clone, Debug)]
pub enum Renewed {
    /// Base keys.
    Keys(Issued),
    /// The access token of a sign-in.
    SignIn(SignIn),
    /// The login of an Entra ID account.
    Account(Account),
}

/// The login of an Entra ID account. Its refresh token stays in the store, because each use of it may bring another one; it
/// has no end that anybody names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Which login: whoever logs in again makes another one of it.
    pub login: Arc<str>,
    /// Whose, such as `ada@contoso.com`, where it is known.
    pub name: Option<Arc<str>>,
}

/// A sign-in to IAM Identity Center, by the access token that it has now.
#[derive(Clone, Debug)]
pub struct SignIn {
    /// What the access portal takes.
    pub access_token: Secret,
    /// When that ends, by the upstream's clock. The sign-in may last longer.
    pub expiration: SystemTime,
    /// The upstream's clock less ours.
    pub server_offset: ClockOffset,
    /// Another one can be had without a person.
    pub renewable: bool,
    /// It lay there: somebody else had it made, or we did in an earlier life. How long it lives as a whole is unknown.
    pub adopted: bool,
    /// The region of IAM Identity Center, where signing in showed another one than is written.
    pub region: Option<String>,
}

impl Session {
    /// The base keys that it is, if it is such.
    pub fn keys(&self) -> Option<&Issued> {
        match &self.renewed {
            Renewed::Keys(issued) => Some(issued),
            Renewed::SignIn(_) | Renewed::Account(_) => None,
        }
    }

    /// The sign-in that it is, if it is such.
    pub fn sign_in(&self) -> Option<&SignIn> {
        match &self.renewed {
            Renewed::SignIn(sign_in) => Some(sign_in),
            Renewed::Keys(_) | Renewed::Account(_) => None,
        }
    }

    /// The login that it is, if it is such.
    pub fn account(&self) -> Option<&Account> {
        match &self.renewed {
            Renewed::Account(account) => Some(account),
            Renewed::Keys(_) | Renewed::SignIn(_) => None,
        }
    }

    /// When it ends, by the upstream's clock; `None`: without an end.
    pub fn expiration(&self) -> Option<SystemTime> {
        self.end().map(|(expiration, _)| expiration)
    }

    /// How long it lives from its receipt; `None`: without an end.
    pub fn lifetime(&self) -> Option<Duration> {
        let (expiration, offset) = self.end()?;
        Some(life_at(expiration, offset, self.received.wall))
    }

    /// What is left of it, by both clocks (see [`remaining`]); `None`: it has no end.
    pub fn remaining(&self, now: Now) -> Option<Duration> {
        let (expiration, offset) = self.end()?;
        Some(remaining(expiration, offset, self.received, now))
    }

    fn end(&self) -> Option<(SystemTime, ClockOffset)> {
        match &self.renewed {
            Renewed::Keys(issued) => Some((issued.expiration?, issued.server_offset)),
            Renewed::SignIn(sign_in) => Some((sign_in.expiration, sign_in.server_offset)),
            Renewed::Account(_) => None,
        }
    }
}

/// What clients get, with its end.
#[derive(Clone, Debug)]
pub struct Credential {
    /// What it is.
    pub content: Content,
    /// The upstream's own end, never later: what clients are told.
    pub expiration: SystemTime,
    /// The upstream's clock less ours.
    pub server_offset: ClockOffset,
    /// When it came, by both clocks.
    pub received: Now,
}

/// What a credential is.
#[derive(Clone, Debug)]
pub enum Content {
    /// Temporary AWS keys.
    Aws(AwsCredential),
    /// A bearer token.
    Token(Token),
}

/// Temporary AWS keys, and whose they are.
#[derive(Clone, Debug)]
pub struct AwsCredential {
    /// The keys; `session_token` is always there.
    pub keys: AwsKeys,
    /// The account, twelve digits, where it is known.
    pub account_id: Option<String>,
    /// The role's ARN, where there is one.
    pub role_arn: Option<String>,
}

impl Content {
    /// Whether it is the same one again.
    pub fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Aws(one), Self::Aws(other)) => one.keys.access_key_id == other.keys.access_key_id,
            (Self::Token(one), Self::Token(other)) => one.access_token.same_as(other.access_token.expose().as_bytes()),
            (Self::Aws(_), Self::Token(_)) | (Self::Token(_), Self::Aws(_)) => false,
        }
    }
}

impl Credential {
    /// The AWS keys that it is, if it is such.
    pub fn aws(&self) -> Option<&AwsCredential> {
        match &self.content {
            Content::Aws(aws) => Some(aws),
            Content::Token(_) => None,
        }
    }

    /// The token that it is, if it is such.
    pub fn token(&self) -> Option<&Token> {
        match &self.content {
            Content::Token(token) => Some(token),
            Content::Aws(_) => None,
        }
    }

    /// How long it lives from its receipt: the upstream's lifetime L.
    pub fn lifetime(&self) -> Duration {
        life_at(self.expiration, self.server_offset, self.received.wall)
    }

    /// What is left of it: the lesser of what the wall clock says and what the boot clock says, so that a clock set
    /// back never brings dead keys to life, and a sleeping laptop does not stop time.
    pub fn remaining(&self, now: Now) -> Duration {
        remaining(self.expiration, self.server_offset, self.received, now)
    }
}

/// What is left at `now` of something that ends at `expiration` and came at `received`. Zero when it is over.
pub fn remaining(expiration: SystemTime, offset: ClockOffset, received: Now, now: Now) -> Duration {
    let by_wall = life_at(expiration, offset, now.wall);
    let by_boot = life_at(expiration, offset, received.wall).saturating_sub(now.boot.saturating_sub(received.boot));
    by_wall.min(by_boot)
}

fn life_at(expiration: SystemTime, offset: ClockOffset, wall: SystemTime) -> Duration {
    expiration.duration_since(offset.server_time(wall)).unwrap_or_default()
}

/// How an ask can fail, by what comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureClass {
    /// Only a person can mend it (a login, a code): say so; ask again when a client does, after a wait.
    NeedsPerson,
    /// The network, a throttle, a fault upstream: keep what is held, try again by ourselves.
    TryLater,
    /// The cloud said no: drop what is held, ask again when a client does, after a longer wait.
    Refused,
}

/// Why an ask failed. Two texts: `public` for the client, `private` for the log of the person who runs us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What comes next.
    pub class: FailureClass,
    /// One word for machines, such as `LoginRequired`, `AccessDenied`, `UpstreamUnavailable`.
    pub code: &'static str,
    /// One line for the client, with the command that mends it: no secrets, nothing that an upstream chose.
    pub public: String,
    /// One line for the log and for `credenza status`: what the upstream said. No secrets.
    pub private: String,
}

impl Failure {
    /// A failure whose texts are the same for both.
    pub fn new(class: FailureClass, code: &'static str, text: impl Into<String>) -> Self {
        let public = text.into();
        Self { class, code, private: public.clone(), public }
    }

    /// The same with a text of its own for the log.
    pub fn because(mut self, private: impl Into<String>) -> Self {
        self.private = private.into();
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.public)
    }
}

impl std::error::Error for Failure {}

/// What the engine answers to an ask.
pub type Outcome = Result<Arc<Credential>, Failure>;

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn at(wall_secs: u64, boot_secs: u64) -> Now {
        Now {
            wall: SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + wall_secs),
            boot: Duration::from_secs(boot_secs),
        }
    }

    fn left(offset: ClockOffset, now: Now) -> u64 {
        let received = at(0, 100);
        let expiration = offset.server_time(received.wall) + HOUR;
        remaining(expiration, offset, received, now).as_secs()
    }

    #[test]
    fn what_is_left_is_the_lesser_of_both_clocks() {
        // (wall, boot since receipt, left)
        for (wall, boot, expected) in [
            (0, 0, 3600),
            (1800, 1800, 1800),
            (3600, 3600, 0),
            (9000, 9000, 0),
            // the clock was set forward by half an hour: the wall clock decides
            (3000, 1200, 600),
        ] {
            assert_eq!(left(ClockOffset::None, at(wall, 100 + boot)), expected, "{wall} {boot}");
        }
    }

    #[test]
    fn a_clock_set_back_brings_nothing_to_life() {
        let received = at(7200, 0);
        let expiration = received.wall + HOUR;
        let set_back = Now { wall: at(0, 0).wall, boot: HOUR + Duration::from_secs(1) };
        assert_eq!(remaining(expiration, ClockOffset::None, received, set_back), Duration::ZERO);
    }

    #[test]
    fn the_servers_clock_decides() {
        let five = Duration::from_secs(300);
        assert_eq!(left(ClockOffset::Ahead(five), at(600, 700)), 3000);
        assert_eq!(left(ClockOffset::Behind(five), at(600, 700)), 3000);
    }
}
