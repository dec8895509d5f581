//! How a credential goes from the daemon to a command over the control socket: `POST /v1/credential`.
//!
//! Both ends are ours: the daemon writes ([`write`]), `exec`'s supplier and `credenza credential` read ([`read`]).
//! Readers ignore members that they do not know and members that came later have defaults, so that a command and a
//! daemon one version apart understand each other. Never a client's form of a credential: those are the dialects'.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{
    AwsKeys, ClockOffset, Content, Credential, Failure, FailureClass, Issued, IssuedToken, Made, Now, Token, Want,
};
use crate::secret::{Digest, Secret};

/// The version of the control protocol that this build speaks. It grows when a route or a member changes its meaning.
pub const PROTOCOL: u32 = 1;

/// The header that carries it, in every request and every answer.
pub const PROTOCOL_HEADER: &str = "credenza-protocol";

/// What mends a daemon of another version, or one that was started with other files: the command, for a person.
pub const START_ANEW: &str = "credenza down && credenza up";

/// A daemon waits for its upstream so long before it says that there is nothing yet ([`Refusal::is_pending`]).
pub const PATIENCE: Duration = Duration::from_millis(800);

/// A daemon that has not answered after so long hangs: [`PATIENCE`], and more for a machine under load.
pub const HANGS: Duration = Duration::from_secs(2);

/// A command and a daemon that are too far apart: the one sentence that says so.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the daemon speaks version {daemon} of the control protocol, this command version {command}")]
pub struct TooFarApart {
    /// What the daemon speaks.
    pub daemon: u32,
    /// What the command speaks.
    pub command: u32,
}

/// Whether a daemon and a command understand each other: one version apart works both ways.
pub fn agree(daemon: u32, command: u32) -> Result<(), TooFarApart> {
    if daemon.abs_diff(command) <= 1 { Ok(()) } else { Err(TooFarApart { daemon, command }) }
}

/// The body of `POST /v1/credential`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// The identity, such as `prod`.
    pub identity: String,
    /// The digest of its definition as the command understands it, 64 hexadecimal digits. Where the daemon's is another,
    /// it refuses (409, `DefinitionDiffers`) and the command serves from its own sources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// How much of its life the command's own clients want at least, such as `1560`. A daemon that does not know this
    /// member hands over what its own clients get.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_life_secs: Option<u64>,
    /// What a token of an Azure identity is for. A daemon that does not know this member knows no Azure identity either.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// What a federated Azure identity shows in place of a secret is wanted, not a token of its own.
    #[serde(default, skip_serializing_if = "is_false")]
    pub assertion: bool,
}

fn is_false(value: &bool) -> bool {
    !value
}

impl Wanted {
    /// This of an identity, by the digest of its definition.
    pub fn of(identity: &str, digest: Digest, want: &Want) -> Self {
        let resource = match want {
            Want::Token(resource) => Some(resource.to_string()),
            Want::Keys | Want::Assertion => None,
        };
        let (identity, digest, assertion) = (identity.to_owned(), Some(digest.to_hex()), *want == Want::Assertion);
        Self { identity, digest, min_life_secs: None, resource, assertion }
    }

    /// What is wanted.
    pub fn want(&self) -> Want {
        match &self.resource {
            _ if self.assertion => Want::Assertion,
            Some(resource) => Want::Token(resource.as_str().into()),
            None => Want::Keys,
        }
    }
}

/// The answer with 200.
#[derive(Serialize)]
struct Given<'a> {
    digest: String,
    #[serde(flatten)]
    content: GivenContent<'a>,
    expiration: String,
    server_offset_ms: i64,
    /// How long ago the daemon received it, by boot time.
    age_ms: u64,
    /// When that was, by the wall clock as it was then.
    received: String,
}

#[derive(Serialize)]
#[serde(untagged)]
enum GivenContent<'a> {
    Keys {
        access_key_id: &'a str,
        secret_access_key: &'a str,
        session_token: &'a str,
        account_id: Option<&'a str>,
        role_arn: Option<&'a str>,
    },
    Token {
        access_token: &'a str,
    },
}

/// Writes the answer with 200: one JSON object.
pub fn write(credential: &Credential, digest: Digest, now: Now) -> Secret {
    let age = now.boot.saturating_sub(credential.received.boot);
    let given = Given {
        digest: digest.to_hex(),
        content: match &credential.content {
            Content::Aws(aws) => GivenContent::Keys {
                access_key_id: &aws.keys.access_key_id,
                secret_access_key: aws.keys.secret_access_key.expose(),
                session_token: aws.keys.session_token.as_ref().map_or("", Secret::expose),
                account_id: aws.account_id.as_deref(),
                role_arn: aws.role_arn.as_deref(),
            },
            Content::Token(token) => GivenContent::Token { access_token: token.access_token.expose() },
        },
        expiration: text_of(credential.expiration),
        server_offset_ms: credential.server_offset.ahead_ms(),
        // rounded up: nobody may think that it lives longer
        age_ms: u64::try_from(age.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX),
        received: text_of(credential.received.wall),
    };
    Secret::written(|out| Ok(serde_json::to_writer(out, &given)?)).unwrap_or_else(|_| Secret::new(""))
}

fn text_of(time: SystemTime) -> String {
    jiff::Timestamp::try_from(time).unwrap_or(jiff::Timestamp::MIN).to_string()
}

/// What [`read`] read.
#[derive(Clone, Debug)]
pub struct Handover {
    /// The credential, as a source makes it: its end is the upstream's.
    pub made: Made,
    /// How long ago the daemon received it, by boot time.
    pub age: Duration,
    /// When that was, by the wall clock as it was then. `None`: the daemon is of a version that does not say.
    pub received: Option<SystemTime>,
    /// The digest of the definition that it was made from, as hexadecimal digits.
    pub digest: String,
}

impl Handover {
    /// The credential with the time of its receipt by both clocks, which the daemon and we share: to us it has the same
    /// life, and no more of it left than to the daemon, also where the wall clock was set since. `asked`: the time at
    /// which the daemon was asked, not later, so that the way of the answer does not count as life.
    pub fn since_its_receipt(self, asked: Now) -> Made {
        let wall = self.received.or_else(|| asked.wall.checked_sub(self.age)).unwrap_or(asked.wall);
        let received = Now { wall, boot: asked.boot.saturating_sub(self.age) };
        match self.made {
            Made::Keys(issued) => Issued { received: Some(received), ..issued }.into(),
            Made::Token(issued) => IssuedToken { received: Some(received), ..issued }.into(),
        }
    }
}

/// Reads the answer with 200. `None` when it is not whole: no credential comes from half an answer.
pub fn read(body: &[u8]) -> Option<Handover> {
    #[derive(Deserialize)]
    struct Read {
        digest: String,
        #[serde(default)]
        access_key_id: String,
        #[serde(default)]
        secret_access_key: Option<Secret>,
        #[serde(default)]
        session_token: Option<Secret>,
        #[serde(default)]
        access_token: Option<Secret>,
        expiration: String,
        #[serde(default)]
        server_offset_ms: i64,
        #[serde(default)]
        age_ms: u64,
        #[serde(default)]
        received: Option<String>,
        #[serde(default)]
        account_id: Option<String>,
        #[serde(default)]
        role_arn: Option<String>,
    }
    let read: Read = serde_json::from_slice(body).ok()?;
    let filled = |secret: Option<Secret>| secret.filter(|secret| !secret.is_empty());
    let expiration = SystemTime::from(read.expiration.parse::<jiff::Timestamp>().ok()?);
    let server_offset = ClockOffset::of_ahead_ms(read.server_offset_ms);
    let made = match filled(read.access_token) {
        Some(token) => {
            let token = Token::of(token);
            IssuedToken { token, expiration, server_offset, warnings: Vec::new(), received: None }.into()
        }
        None => Issued {
            keys: AwsKeys {
                access_key_id: Some(read.access_key_id).filter(|id| !id.is_empty())?,
                secret_access_key: filled(read.secret_access_key)?,
                session_token: Some(filled(read.session_token)?),
            },
            expiration: Some(expiration),
            server_offset,
            account_id: read.account_id,
            role_arn: read.role_arn,
            warnings: Vec::new(),
            received: None,
        }
        .into(),
    };
    Some(Handover {
        made,
        age: Duration::from_millis(read.age_ms),
        received: read.received.and_then(|text| text.parse::<jiff::Timestamp>().ok()).map(SystemTime::from),
        digest: read.digest,
    })
}

/// The body of every answer that is not 200: `{"code":"LoginRequired","class":"needs-person","message":"..."}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// One word for machines. Those that are no failure of an ask: `UnknownIdentity`, `DefinitionDiffers`,
    /// `ProtocolVersion`, `NoSuchGrant`, `NameTaken`, `BadRequest`, `NoSuchRoute`.
    pub code: String,
    /// `needs-person`, `try-later` or `refused`, where an ask failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// One line for a person. No secret.
    pub message: String,
    /// The line for clients, where an ask failed: nothing in it was chosen by an upstream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public: Option<String>,
    /// The command that mends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
}

impl Refusal {
    /// The refusal that a failed ask is.
    pub fn of(failure: &Failure) -> Self {
        Self {
            code: failure.code.to_owned(),
            class: Some(word(failure.class).to_owned()),
            message: failure.private.clone(),
            public: Some(failure.public.clone()),
            mend: None,
        }
    }

    /// The fetch is in the air still: the daemon may be asked again [`PATIENCE`] after it was asked last. It says so at
    /// once where it must leave the upstream alone for a while.
    pub fn is_pending(&self) -> bool {
        self.code == "Pending"
    }

    /// The daemon could not make it where it runs, but a command perhaps can where it does: the helper program wants
    /// variables that a daemon in the background does not have. One that could not be started for want of room is none of
    /// these: it is tried again.
    pub fn is_of_its_surroundings(&self) -> bool {
        self.code == "ProcessFailed" && self.class() == Some(FailureClass::NeedsPerson)
    }

    /// What comes next; `None` where the refusal is not about an ask, or its class is of a later version.
    pub fn class(&self) -> Option<FailureClass> {
        let class = self.class.as_deref()?;
        [FailureClass::NeedsPerson, FailureClass::TryLater, FailureClass::Refused]
            .into_iter()
            .find(|&c| word(c) == class)
    }
}

/// The word for a class of failure, on the wire and in `credenza status --json`.
pub fn word(class: FailureClass) -> &'static str {
    match class {
        FailureClass::NeedsPerson => "needs-person",
        FailureClass::TryLater => "try-later",
        FailureClass::Refused => "refused",
    }
}

#[cfg(test)]
mod tests {
    use super::super::AwsCredential;
    use super::*;

    const NOW: Now = Now { wall: SystemTime::UNIX_EPOCH, boot: Duration::from_secs(700) };

    fn credential(offset: ClockOffset) -> Credential {
        Credential {
            content: Content::Aws(AwsCredential {
                keys: AwsKeys {
                    access_key_id: "ASIAEXAMPLE".into(),
                    secret_access_key: Secret::new("se\"cret"),
                    session_token: Some(Secret::new("tok/en+")),
                },
                account_id: Some("123456789012".into()),
                role_arn: None,
            }),
            expiration: SystemTime::UNIX_EPOCH + Duration::from_millis(1_800_000_000_250),
            server_offset: offset,
            received: Now { wall: SystemTime::UNIX_EPOCH, boot: Duration::from_secs(100) },
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for offset in [
            ClockOffset::None,
            ClockOffset::Ahead(Duration::from_millis(1500)),
            ClockOffset::Behind(Duration::from_secs(300)),
        ] {
            let given = credential(offset);
            let text = write(&given, Digest::of(b"x"), NOW);
            let read = read(text.expose().as_bytes()).expect("whole");
            let issued = read.made.keys().expect("keys");
            assert_eq!(issued.expiration, Some(given.expiration));
            assert_eq!(issued.server_offset, offset);
            assert_eq!(issued.account_id, given.aws().expect("keys").account_id);
            assert_eq!(issued.keys.access_key_id, "ASIAEXAMPLE");
            assert!(issued.keys.secret_access_key.same_as(b"se\"cret"));
            assert!(issued.keys.session_token.expect("there").same_as(b"tok/en+"));
            assert_eq!((read.age, read.digest), (Duration::from_secs(600), Digest::of(b"x").to_hex()));
        }
    }

    #[test]
    fn a_token_is_handed_over_with_what_it_says() {
        let token = Token::of(Secret::new("e30.eyJ0aWQiOiJ0Iiwic2NwIjoiYSBiIn0.c2ln"));
        let given = Credential { content: Content::Token(token.clone()), ..credential(ClockOffset::None) };
        let text = write(&given, Digest::of(b"x"), NOW);
        assert!(!text.expose().contains("access_key_id"));
        let Made::Token(issued) = read(text.expose().as_bytes()).expect("whole").since_its_receipt(NOW) else {
            panic!("a token was handed over")
        };
        assert!(issued.token.access_token.same_as(token.access_token.expose().as_bytes()));
        assert_eq!((issued.token.claims.scopes.len(), issued.expiration), (2, given.expiration));
        assert_eq!(issued.received.map(|received| received.boot), Some(given.received.boot));
    }

    #[test]
    fn what_is_wanted_is_understood() {
        for want in [Want::Keys, Want::Assertion, Want::Token("https://vault.azure.net/".into())] {
            let text = serde_json::to_string(&Wanted::of("graph", Digest::of(b"x"), &want)).expect("JSON");
            assert_eq!(serde_json::from_str::<Wanted>(&text).expect("JSON").want(), want, "{text}");
        }
    }

    #[test]
    fn both_clocks_go_on_from_the_receipt_also_where_the_wall_clock_was_set_since() {
        const HOUR: Duration = Duration::from_secs(3600);
        let ten_minutes = HOUR / 6;
        let given = Credential {
            expiration: SystemTime::UNIX_EPOCH + 2 * HOUR,
            received: Now { wall: SystemTime::UNIX_EPOCH + HOUR, boot: HOUR },
            ..credential(ClockOffset::None)
        };
        let boot = HOUR + ten_minutes;
        for wall in [HOUR + ten_minutes, ten_minutes, 2 * HOUR - ten_minutes] {
            let now = Now { wall: SystemTime::UNIX_EPOCH + wall, boot };
            let text = write(&given, Digest::of(b"x"), now);
            let made = read(text.expose().as_bytes()).expect("whole").since_its_receipt(now);
            let issued = made.keys().expect("keys");
            let taken = Credential { received: issued.received.expect("known"), ..given.clone() };
            assert_eq!(taken.lifetime(), HOUR, "{wall:?}");
            assert_eq!(taken.remaining(now), given.remaining(now), "{wall:?}");
            let later = Now { wall: now.wall, boot: boot + 5 * ten_minutes };
            assert_eq!(taken.remaining(later), Duration::ZERO, "{wall:?}");
        }
    }

    #[test]
    fn a_daemon_that_does_not_say_when_it_received_it_said_how_long_ago() {
        let text = write(&credential(ClockOffset::None), Digest::of(b"x"), NOW);
        let mut earlier: serde_json::Value = serde_json::from_str(text.expose()).expect("JSON");
        earlier.as_object_mut().expect("object").remove("received");
        let asked = Now { wall: SystemTime::UNIX_EPOCH + Duration::from_secs(1000), boot: NOW.boot };
        let made = read(earlier.to_string().as_bytes()).expect("whole").since_its_receipt(asked);
        let issued = made.keys().expect("keys");
        let received = Now { wall: SystemTime::UNIX_EPOCH + Duration::from_secs(400), boot: Duration::from_secs(100) };
        assert_eq!(issued.received, Some(received));
    }

    #[test]
    fn half_an_answer_is_none() {
        let whole = write(&credential(ClockOffset::None), Digest::of(b"x"), NOW);
        let whole: serde_json::Value = serde_json::from_str(whole.expose()).expect("JSON");
        for member in ["digest", "access_key_id", "secret_access_key", "session_token", "expiration"] {
            for broken in [None, Some(""), Some("x")] {
                if broken == Some("x") && member != "expiration" || broken == Some("") && member == "digest" {
                    continue;
                }
                let mut half = whole.clone();
                match broken {
                    Some(text) => half[member] = text.into(),
                    None => drop(half.as_object_mut().expect("object").remove(member)),
                }
                assert!(read(half.to_string().as_bytes()).is_none(), "{member} {broken:?}");
            }
        }
    }

    #[test]
    fn members_of_a_later_version_are_no_trouble() {
        let whole = write(&credential(ClockOffset::None), Digest::of(b"x"), NOW);
        let mut later: serde_json::Value = serde_json::from_str(whole.expose()).expect("JSON");
        later["invented_later"] = serde_json::json!({"a": [1]});
        assert!(read(later.to_string().as_bytes()).is_some());
    }

    #[test]
    fn a_command_that_says_nothing_of_life_is_understood_as_before() {
        let wanted = |text: &str| serde_json::from_str::<Wanted>(text).expect("JSON");
        assert_eq!(wanted(r#"{"identity":"prod"}"#).min_life_secs, None);
        let said = wanted(r#"{"identity":"prod","min_life_secs":1560}"#);
        assert_eq!(said.min_life_secs, Some(1560));
        let text = serde_json::to_string(&Wanted { min_life_secs: None, ..said }).expect("JSON");
        assert_eq!(text, r#"{"identity":"prod"}"#);
    }

    #[test]
    fn one_version_apart_works_both_ways() {
        for (daemon, command, fine) in [(1, 1, true), (1, 2, true), (2, 1, true), (1, 3, false), (3, 1, false)] {
            assert_eq!(agree(daemon, command).is_ok(), fine, "{daemon} {command}");
        }
    }

    #[test]
    fn a_failure_keeps_its_class() {
        for class in [FailureClass::NeedsPerson, FailureClass::TryLater, FailureClass::Refused] {
            let refusal = Refusal::of(&Failure::new(class, "Code", "text"));
            let text = serde_json::to_string(&refusal).expect("JSON");
            assert_eq!(serde_json::from_str::<Refusal>(&text).expect("JSON").class(), Some(class));
        }
    }
}
