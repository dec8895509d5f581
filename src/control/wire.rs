//! The bodies of the control routes that are not about one credential (those are in [`crate::credential::handover`],
//! as are the version handshake and the refusals).
//!
//! Readers ignore members that they do not know, and members that came later have defaults.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::view;
use crate::secret::Secret;

/// The header of answers that carries the daemon's own version, such as `0.1.0`.
pub const VERSION_HEADER: &str = "credenza-version";

/// The code of a refusal because the state could not be written down. A grant that was to end opens nothing all the same.
pub const STATE_NOT_WRITTEN: &str = "StateNotWritten";

/// The code of a refusal because no user session of that key is kept.
pub const NO_SESSION: &str = "NoSession";

/// The code of a refusal because what lies at rest did not open with this passphrase, or wants one.
pub const STILL_LOCKED: &str = "StillLocked";

/// An identity, and what the asking side understands by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// The identity, such as `prod`.
    pub name: String,
    /// The digest of its resolved definition, 64 hexadecimal digits; where it is given, the daemon's must be the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// `POST /v1/grant`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantWanted {
    /// What it is to be called; made up where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it is a right to; the first is the default.
    pub identities: Vec<Named>,
    /// How long it lasts; as long as its holder where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lasts_secs: Option<u64>,
    /// Who holds it.
    pub holder: Holder,
    /// The client id that its holder's environment names (`AZURE_CLIENT_ID`): it stands for whichever Azure identity is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub azure_client_id: Option<String>,
}

/// Who holds a grant, and so when it ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Holder {
    /// A shell that will say which one it is ([`Attach`]) within a minute, or the grant ends.
    ShellToCome,
    /// This process, of our own user.
    Shell {
        /// Its number.
        pid: u32,
    },
    /// A job or a container: until it is revoked.
    Job {
        /// The file that its token will be written to, absolute. It is removed with the grant.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token_file: Option<PathBuf>,
    },
    /// A relay: until it is revoked.
    Relay {
        /// The SHA-256 of its certificate, 64 digits, where it is to come over TLS.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        certificate: Option<String>,
    },
}

/// The answer to `POST /v1/grant`, as it is read.
#[derive(Clone, Debug, Deserialize)]
pub struct GrantGiven {
    /// What it is called.
    pub name: String,
    /// Its token. The daemon keeps a digest of it and nothing more.
    pub token: Secret,
    /// Where it is good for something, such as `http://127.0.0.1:9711`.
    pub address: String,
    /// When it ends, RFC 3339; `None`: when it is revoked.
    #[serde(default)]
    pub ends: Option<String>,
    /// The shared config file for shells, generated and kept in step.
    pub config_file: PathBuf,
    /// The shared credentials file that goes with it.
    pub credentials_file: PathBuf,
    /// Where a relay comes to.
    #[serde(default)]
    pub relay: Option<RelayWay>,
}

/// Where a relay comes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelayWay {
    /// The folder of the data socket.
    pub data: PathBuf,
    /// Over TLS: where the daemon listens, such as `127.0.0.1:9713`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Over TLS: the SHA-256 of its certificate, 64 digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daemon: Option<String>,
}

/// Writes the answer to `POST /v1/grant`.
pub(super) fn grant_given(
    name: &str,
    token: &Secret,
    address: &str,
    ends: Option<&str>,
    (config_file, credentials_file): &(PathBuf, PathBuf),
    relay: Option<&RelayWay>,
) -> Secret {
    #[derive(Serialize)]
    struct Given<'a> {
        name: &'a str,
        token: &'a str,
        address: &'a str,
        ends: Option<&'a str>,
        config_file: &'a str,
        credentials_file: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        relay: Option<&'a RelayWay>,
    }
    let given = Given {
        name,
        token: token.expose(),
        address,
        ends,
        config_file: &config_file.to_string_lossy(),
        credentials_file: &credentials_file.to_string_lossy(),
        relay,
    };
    Secret::written(|out| Ok(serde_json::to_writer(out, &given)?)).unwrap_or_else(|_| Secret::new(""))
}

/// `POST /v1/grant/NAME/attach`: the grant ends with this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attach {
    /// The process, of our own user.
    pub pid: u32,
    /// How long it lasts at most, from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lasts_secs: Option<u64>,
}

/// The answer to `GET /v1/grants`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grants {
    /// Every grant that lives.
    pub grants: Vec<view::Grant>,
}

/// `POST /v1/job`: says who holds this connection. The job is listed until the connection ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// The command's name, without its arguments, such as `aws`.
    pub command: String,
    /// The identities that it is given, each with the digest of what it understands by the name.
    pub identities: Vec<Named>,
    /// Its endpoint, such as `http://127.0.0.1:40123`.
    pub address: String,
}

/// The answer to `POST /v1/job`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announced {
    /// The identities that the daemon will not supply: the job serves these from sources of its own.
    #[serde(default)]
    pub not_supplied: Vec<NotSupplied>,
}

/// An identity that a daemon does not supply to a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotSupplied {
    /// The identity.
    pub name: String,
    /// One line for a person.
    pub why: String,
    /// The command that mends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
}

/// `POST /v1/reset`: forget failures and their waits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reset {
    /// Whose, but for those of the last ten seconds; everyone's where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
}

/// `POST /v1/signed-in` and `POST /v1/signed-out`: what became of a sign-in of IAM Identity Center, or of a login at Entra ID.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    /// The name of its `[sso-session X]`, or its start URL; the session's key of a login at Entra ID.
    pub session: String,
}

/// The answer where there is nothing to say but that it is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {}
