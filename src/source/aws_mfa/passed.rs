//! How an [`Exchange`] passes from a command to the daemon, and a [`KeptSession`] back: JSON for the control socket, which
//! nobody but the user's own processes reads. Secrets stand in it in clear, so it goes nowhere else.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::exchange::{Device, Exchange, ExchangeCall};
use crate::config::{RoleRequest, StsEndpoint};
use crate::credential::{AwsKeys, ClockOffset, Issued, Now, SessionKey};
use crate::secret::Secret;
use crate::source::{otp, shape};
use crate::store::KeptSession;

impl Exchange {
    /// The exchange for the daemon, such as `{"session":"user:ada:0f3a11c2","identity":"prod",...}`.
    pub fn write(&self) -> Secret {
        let form = ExchangeForm {
            session: self.session.0.to_string(),
            identity: self.identity.to_string(),
            sts: self.sts.clone(),
            ca_bundle: self.ca_bundle.clone(),
            call: match &self.call {
                ExchangeCall::Session { duration } => CallForm::Session { duration: *duration },
                ExchangeCall::Role(role) => CallForm::Role(role.clone()),
            },
            keys: KeysForm::of(&self.keys),
            device: self
                .device
                .as_ref()
                .map(|device| DeviceForm { serial: device.serial.clone(), code: Text::of(&device.code) }),
        };
        written(&form)
    }

    /// Reads what [`Exchange::write`] wrote.
    ///
    /// # Errors
    ///
    /// Where it is not whole, in words that hold nothing of it.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let form: ExchangeForm = read(bytes)?;
        let device = form.device.map(DeviceForm::device).transpose()?;
        let keys = form.keys.keys();
        shape::check(&keys)?;
        Ok(Self {
            session: SessionKey(form.session.into()),
            identity: form.identity.into(),
            sts: form.sts,
            ca_bundle: form.ca_bundle,
            call: match form.call {
                CallForm::Session { duration } => ExchangeCall::Session { duration },
                CallForm::Role(role) => ExchangeCall::Role(role),
            },
            keys,
            device,
        })
    }
}

/// A session for the process that asked for it.
pub fn write_kept(session: &KeptSession) -> Secret {
    let issued = &session.issued;
    written(&KeptForm {
        keys: KeysForm::of(&issued.keys),
        expiration: issued.expiration,
        ahead: match issued.server_offset {
            ClockOffset::Ahead(by) => Some(by),
            ClockOffset::None | ClockOffset::Behind(_) => None,
        },
        behind: match issued.server_offset {
            ClockOffset::Behind(by) => Some(by),
            ClockOffset::None | ClockOffset::Ahead(_) => None,
        },
        account_id: issued.account_id.clone(),
        role_arn: issued.role_arn.clone(),
        warnings: issued.warnings.clone(),
        began: NowForm { wall: session.began.wall, boot: session.began.boot },
    })
}

/// Reads what [`write_kept`] wrote. Both clocks are the machine's, so the session is as old as it was there.
///
/// # Errors
///
/// Where it is not whole, in words that hold nothing of it.
pub fn read_kept(bytes: &[u8]) -> Result<KeptSession, String> {
    let form: KeptForm = read(bytes)?;
    let keys = form.keys.keys();
    shape::check(&keys)?;
    let began = Now { wall: form.began.wall, boot: form.began.boot };
    let issued = Issued {
        keys,
        expiration: form.expiration,
        server_offset: match (form.ahead, form.behind) {
            (Some(by), _) => ClockOffset::Ahead(by),
            (None, Some(by)) => ClockOffset::Behind(by),
            (None, None) => ClockOffset::None,
        },
        account_id: form.account_id,
        role_arn: form.role_arn,
        warnings: form.warnings,
        received: Some(began),
    };
    Ok(KeptSession { issued, began })
}

#[derive(Serialize, Deserialize)]
struct ExchangeForm {
    session: String,
    identity: String,
    sts: StsEndpoint,
    ca_bundle: Option<PathBuf>,
    call: CallForm,
    keys: KeysForm,
    device: Option<DeviceForm>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum CallForm {
    Session { duration: Duration },
    Role(Box<RoleRequest>),
}

#[derive(Serialize, Deserialize)]
struct DeviceForm {
    serial: String,
    code: Text,
}

#[derive(Serialize, Deserialize)]
struct KeysForm {
    access_key_id: String,
    secret_access_key: Text,
    session_token: Option<Text>,
}

#[derive(Serialize, Deserialize)]
struct KeptForm {
    keys: KeysForm,
    expiration: Option<SystemTime>,
    ahead: Option<Duration>,
    behind: Option<Duration>,
    account_id: Option<String>,
    role_arn: Option<String>,
    #[serde(default)]
    warnings: Vec<String>,
    began: NowForm,
}

#[derive(Serialize, Deserialize)]
struct NowForm {
    wall: SystemTime,
    boot: Duration,
}

/// A secret that is written.
struct Text(Secret);

impl Text {
    fn of(secret: &Secret) -> Self {
        Self(secret.clone())
    }
}

impl Serialize for Text {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose())
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Secret::deserialize(deserializer).map(Self)
    }
}

impl DeviceForm {
    fn device(self) -> Result<Device, String> {
        match otp::checked(self.code.0.expose()) {
            Ok(code) if !self.serial.is_empty() => Ok(Device { serial: self.serial, code }),
            _ => Err("its one-time code is not six digits, or its device has no serial".to_owned()),
        }
    }
}

impl KeysForm {
    fn of(keys: &AwsKeys) -> Self {
        Self {
            access_key_id: keys.access_key_id.clone(),
            secret_access_key: Text::of(&keys.secret_access_key),
            session_token: keys.session_token.as_ref().map(Text::of),
        }
    }

    fn keys(self) -> AwsKeys {
        AwsKeys {
            access_key_id: self.access_key_id,
            secret_access_key: self.secret_access_key.0,
            session_token: self.session_token.map(|token| token.0),
        }
    }
}

fn written(form: &impl Serialize) -> Secret {
    // texts, numbers and times after 1970 always have a form in JSON
    Secret::written(|out| serde_json::to_writer(out, form).map_err(Into::into)).unwrap_or_else(|_| Secret::new(""))
}

/// The JSON parser's own words may quote what it reads.
fn read<T: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Result<T, String> {
    serde_json::from_slice(bytes).map_err(|error| format!("it is not whole (at byte {} of its line)", error.column()))
}

#[cfg(test)]
#[path = "passed_tests.rs"]
mod tests;
