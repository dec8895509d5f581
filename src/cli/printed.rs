//! A credential as `credenza credential` prints it.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::child::Changes;
use super::env::EnvFormat;
use super::env::snippet::Snippet;
use crate::credential::{AwsCredential, AwsKeys, Credential, Issued};
use crate::secret::Secret;

mod token;

pub(super) use token::PrintedToken;

/// What there is to print of keys, wherever they came from.
#[derive(Clone, Debug)]
pub(super) struct Printed {
    /// The keys; temporary ones.
    pub(super) keys: AwsKeys,
    /// When they end: `2026-11-21T22:04:16Z`.
    pub(super) expiration: String,
    /// The account, where it is known.
    pub(super) account_id: Option<String>,
    /// The role's ARN, where there is one.
    pub(super) role_arn: Option<String>,
}

impl Printed {
    /// One that an engine of ours made; `None` for a token.
    pub(super) fn of(credential: &Credential) -> Option<Self> {
        let AwsCredential { keys, account_id, role_arn } = credential.aws()?.clone();
        Some(Self { keys, expiration: timestamp(credential.expiration), account_id, role_arn })
    }

    /// One that a daemon handed over; `None` for keys without an end, which no daemon hands over.
    pub(super) fn handed_over(issued: Issued) -> Option<Self> {
        Some(Self {
            expiration: timestamp(issued.expiration?),
            keys: issued.keys,
            account_id: issued.account_id,
            role_arn: issued.role_arn,
        })
    }

    /// One that an endpoint answered; `None` where the answer is not whole.
    pub(super) fn answered(body: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Answered {
            access_key_id: String,
            secret_access_key: Secret,
            token: Secret,
            expiration: String,
            account_id: Option<String>,
            role_arn: Option<String>,
        }
        let Answered { access_key_id, secret_access_key, token, expiration, account_id, role_arn } =
            serde_json::from_slice(body).ok()?;
        let whole = [access_key_id.is_empty(), secret_access_key.is_empty(), token.is_empty(), expiration.is_empty()];
        let keys = AwsKeys { access_key_id, secret_access_key, session_token: Some(token) };
        (!whole.contains(&true)).then_some(Self { keys, expiration, account_id, role_arn })
    }

    /// What a `credential_process` prints (AWS SDKs and Tools Reference Guide, "Process credential provider").
    pub(super) fn process(&self) -> Secret {
        #[derive(Serialize)]
        #[serde(rename_all = "PascalCase")]
        struct Process<'a> {
            version: u32,
            access_key_id: &'a str,
            secret_access_key: &'a str,
            session_token: &'a str,
            expiration: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            account_id: Option<&'a str>,
        }
        json(&Process {
            version: 1,
            access_key_id: &self.keys.access_key_id,
            secret_access_key: self.keys.secret_access_key.expose(),
            session_token: self.token(),
            expiration: &self.expiration,
            account_id: self.account_id.as_deref(),
        })
    }

    /// What the endpoint answers (the same guide, "Container credential provider").
    pub(super) fn json(&self) -> Secret {
        #[derive(Serialize)]
        #[serde(rename_all = "PascalCase")]
        struct Document<'a> {
            access_key_id: &'a str,
            secret_access_key: &'a str,
            token: &'a str,
            expiration: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            account_id: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            role_arn: Option<&'a str>,
        }
        json(&Document {
            access_key_id: &self.keys.access_key_id,
            secret_access_key: self.keys.secret_access_key.expose(),
            token: self.token(),
            expiration: &self.expiration,
            account_id: self.account_id.as_deref(),
            role_arn: self.role_arn.as_deref(),
        })
    }

    /// `export` lines for a shell.
    pub(super) fn exports(&self) -> Secret {
        let mut changes = Changes::default();
        changes.set("AWS_ACCESS_KEY_ID", &self.keys.access_key_id);
        changes.set_secret("AWS_SECRET_ACCESS_KEY", self.keys.secret_access_key.clone());
        changes.set_secret("AWS_SESSION_TOKEN", Secret::new(self.token()));
        changes.set("AWS_CREDENTIAL_EXPIRATION", &self.expiration);
        let snippet = Snippet { changes, set_aside: Vec::new(), take_back: Vec::new() };
        // keys are text, and a shell can say any
        let written = snippet.written(EnvFormat::Bash).unwrap_or_default();
        Secret::new(String::from_utf8(written).unwrap_or_default())
    }

    fn token(&self) -> &str {
        self.keys.session_token.as_ref().map_or("", Secret::expose)
    }
}

/// `2026-11-21T22:04:16Z`: whole seconds, rounded down, so that it is never later than the truth.
pub(super) fn timestamp(time: SystemTime) -> String {
    let time = jiff::Timestamp::try_from(time).unwrap_or(jiff::Timestamp::MAX);
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn json(document: &impl Serialize) -> Secret {
    let written = Secret::written(|out| {
        serde_json::to_writer(&mut *out, document)?;
        out.write_all(b"\n")
    });
    // text and numbers are JSON, always
    written.unwrap_or_else(|_| Secret::new("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = r#"{"AccessKeyId":"ASIAEXAMPLE","SecretAccessKey":"se\"cret","Token":"to'ken",
        "Expiration":"2026-11-21T22:04:16Z","AccountId":"111122223333","RoleArn":"arn:aws:iam::111122223333:role/x"}"#;

    fn value(text: &str) -> serde_json::Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn an_answer_of_the_endpoint_is_printed_in_every_form() {
        let printed = Printed::answered(ANSWER.as_bytes()).unwrap();
        assert_eq!(value(printed.json().expose()), value(ANSWER));
        let process = serde_json::json!({
            "Version": 1, "AccessKeyId": "ASIAEXAMPLE", "SecretAccessKey": "se\"cret", "SessionToken": "to'ken",
            "Expiration": "2026-11-21T22:04:16Z", "AccountId": "111122223333",
        });
        assert_eq!(value(printed.process().expose()), process);
        let exports = "export AWS_ACCESS_KEY_ID='ASIAEXAMPLE'\n\
                       export AWS_CREDENTIAL_EXPIRATION='2026-11-21T22:04:16Z'\n\
                       export AWS_SECRET_ACCESS_KEY='se\"cret'\n\
                       export AWS_SESSION_TOKEN='to'\\''ken'\n";
        assert_eq!(printed.exports().expose(), exports);
    }

    #[test]
    fn half_an_answer_is_none() {
        for member in ["AccessKeyId", "SecretAccessKey", "Token", "Expiration"] {
            let mut half = value(ANSWER);
            half[member] = "".into();
            assert!(Printed::answered(half.to_string().as_bytes()).is_none(), "{member}");
        }
        assert!(Printed::answered(b"{").is_none());
    }

    #[test]
    fn the_end_is_rounded_down() {
        let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_millis(1_795_298_656_999);
        assert_eq!(timestamp(time), "2026-11-21T22:04:16Z");
    }
}
