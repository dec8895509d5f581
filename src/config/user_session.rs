//! [`UserSession`]: what an IAM user's long-term keys are turned into (`GetSessionToken`), perhaps with a one-time code, and
//! what others then rest on. And where code ([`Otp`]) and keys ([`KeysReference`]) come from.
//!
//! Its keys, or its code, may need a person: then a command that the person started fetches them, and nothing in the
//! background does. What is written here is what the files say; nothing is fetched.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::identity::{KeysOrigin, RoleRequest, StsEndpoint};
use crate::credential::SessionKey;
use crate::secret::Digest;

/// A session of an IAM user.
#[derive(Clone, Debug)]
pub struct UserSession {
    /// The device whose codes it is made with; `None`: it is made without, because its keys are not at hand otherwise.
    pub device: Option<Device>,
    /// The user's long-term keys.
    pub keys: KeysOrigin,
    /// How long it is asked to last (`session_duration`): 15 min to 36 h, 12 h where nothing is written.
    pub duration: Duration,
    /// Which STS is asked for it.
    pub sts: StsEndpoint,
    /// The CA bundle for that: `AWS_CA_BUNDLE`, else the profile's `ca_bundle`.
    pub ca_bundle: Option<PathBuf>,
}

/// A device that gives one-time codes.
#[derive(Clone, Debug)]
pub struct Device {
    /// `mfa_serial`: `arn:aws:iam::111122223333:mfa/ada`, or a hardware device's number, such as `GAHT12345678`.
    pub serial: String,
    /// Where its codes come from.
    pub otp: Otp,
}

/// How a role is assumed with a device: `strategy` of our TOML.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// `direct` where the role is alone on its device and wants more than an hour; else `session`.
    #[default]
    Auto,
    /// From the user's session: one code for all that share it, an hour at most for each role.
    Session,
    /// With a code in the call itself: one code for this role alone, as long as the role may last.
    Direct,
}

/// Where one-time codes come from. A command prints only as its program's name: its arguments may hold a secret.
#[derive(Clone, PartialEq, Eq)]
pub enum Otp {
    /// A person is asked: at the terminal, or by `pinentry`.
    Prompt {
        /// By the `pinentry` program rather than at the terminal.
        pinentry: bool,
    },
    /// 1Password's `op`.
    OnePassword {
        /// `op://vault/item/one-time password?attribute=otp`, or an item's name or id.
        item: String,
        /// `--vault`, where an item is meant by its name.
        vault: Option<String>,
        /// `--account`.
        account: Option<String>,
    },
    /// `ykman oath accounts code --single NAME`.
    Ykman {
        /// The account's name on the key.
        name: String,
        /// `--device`, where several keys are plugged in.
        device: Option<String>,
    },
    /// Any program that prints the code, run without a shell.
    Command {
        /// The program and its arguments.
        argv: Vec<String>,
        /// It needs no person: it may be run in the background.
        unattended: bool,
        /// How long it may take.
        time_limit: Option<Duration>,
    },
    /// aws-vault's `mfa_process`: a line for `/bin/sh -c`, run at the terminal.
    MfaProcess {
        /// The line.
        line: String,
    },
    /// Made by ourselves from a seed in the system's keyring.
    Totp {
        /// The name that `credenza keys add --totp` keeps it under.
        name: String,
    },
}

/// Where long-term keys lie that are meant by reference. A command prints only as its program's name.
#[derive(Clone, PartialEq, Eq)]
pub enum KeysReference {
    /// `op://vault/item`: the item's fields `access key id` and `secret access key`.
    OnePassword {
        /// The reference, as it is written.
        reference: String,
        /// `--account`.
        account: Option<String>,
    },
    /// `keyring:NAME`: what `credenza keys add NAME` put there.
    Keyring(String),
    /// `env:PREFIX`: the variables `PREFIX_ACCESS_KEY_ID` and `PREFIX_SECRET_ACCESS_KEY`.
    Environment(String),
    /// `file:PATH#PROFILE`: a section of a file in the form of `~/.aws/credentials`.
    File {
        /// The file, absolute.
        path: PathBuf,
        /// The section: `default` where none is written.
        profile: String,
    },
    /// `{ command = [...] }`: a program that prints them as a `credential_process` does.
    Command {
        /// The program and its arguments.
        argv: Vec<String>,
        /// It needs no person: it may be run in the background.
        unattended: bool,
    },
}

impl UserSession {
    /// How long a session is asked to last where nothing is written: what AWS takes for its own default (API_GetSessionToken).
    pub const DURATION: Duration = Duration::from_secs(12 * 3600);
    /// The least that STS grants.
    pub const LEAST: Duration = Duration::from_secs(900);
    /// The most that STS grants.
    pub const MOST: Duration = Duration::from_secs(36 * 3600);

    /// The key of the engine's table, such as `user:ada:0f3a11c2`: the same for all that share a device at the same STS,
    /// whichever keys of the user's they name.
    pub fn key(&self) -> SessionKey {
        let url = self.sts.url.as_deref().unwrap_or_default();
        let of = match &self.device {
            Some(device) => device.serial.clone(),
            None => format!("{:?} {}", self.keys, self.keys.mark()),
        };
        SessionKey(format!("user:{}:{}", self.label(), mark(&[&of, url])).into())
    }

    /// The key of a session that is this role's alone, such as `role:deploy:0f3a11c2`.
    pub fn key_of_role(&self, role: &RoleRequest) -> SessionKey {
        let name = role.role_arn.rsplit('/').next().unwrap_or(&role.role_arn);
        SessionKey(format!("role:{name}:{}", mark(&[&self.key().0, &format!("{role:?}")])).into())
    }

    /// What people call it: the device's name, without its account; else what its keys are called.
    pub fn label(&self) -> String {
        match &self.device {
            Some(device) => device.label().to_owned(),
            None => self.keys.label(),
        }
    }
}

impl Device {
    /// `ada`, of `arn:aws:iam::111122223333:mfa/ada`.
    pub fn label(&self) -> &str {
        self.serial.rsplit('/').next().unwrap_or(&self.serial)
    }
}

impl KeysReference {
    /// As it is written, but for a command's arguments.
    pub fn label(&self) -> String {
        match self {
            Self::OnePassword { reference, .. } => reference.clone(),
            Self::Keyring(name) => format!("keyring:{name}"),
            Self::Environment(prefix) => format!("env:{prefix}"),
            Self::File { path, profile } => format!("file:{}#{profile}", path.display()),
            Self::Command { argv, .. } => format!("the command {}", argv.first().map_or("", String::as_str)),
        }
    }
}

impl fmt::Debug for KeysReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeysReference({})", self.label())
    }
}

impl Otp {
    /// What people call it: `op`, `ykman`, `prompt`, `pinentry`, `totp`, or the program's name.
    pub fn label(&self) -> String {
        match self {
            Self::Prompt { pinentry: false } => "prompt".to_owned(),
            Self::Prompt { pinentry: true } => "pinentry".to_owned(),
            Self::OnePassword { .. } => "op".to_owned(),
            Self::Ykman { .. } => "ykman".to_owned(),
            Self::Command { argv, .. } => argv.first().cloned().unwrap_or_default(),
            Self::MfaProcess { .. } => "mfa_process".to_owned(),
            Self::Totp { .. } => "totp".to_owned(),
        }
    }
}

impl fmt::Debug for Otp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Otp({})", self.label())
    }
}

/// A program and its arguments, as a process is started with them.
pub fn words(argv: &[String]) -> Vec<OsString> {
    argv.iter().map(OsString::from).collect()
}

/// Tells definitions apart without telling what they hold.
fn mark(parts: &[&str]) -> String {
    let mut digest = Digest::of(parts.join("\0").as_bytes()).to_hex();
    digest.truncate(8);
    digest
}
