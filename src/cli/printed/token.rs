//! A token as `credenza credential` prints it: the body that the token endpoint of App Service answers (Microsoft, "Use managed
//! identities for App Service and Azure Functions", "REST endpoint reference"), which every client of ours can read too: each
//! member is a string, and times are seconds since 1970.

use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::json;
use crate::config::AzureDefinition;
use crate::credential::{Credential, IssuedToken, Now, Resource, Token, remaining};
use crate::secret::Secret;

/// What there is to print of a token, wherever it came from.
#[derive(Clone, Debug)]
pub(in crate::cli) struct PrintedToken {
    token: Token,
    resource: Resource,
    client_id: Option<String>,
    /// What is left of it, by the stricter of two clocks.
    left: Duration,
    /// The wall clock.
    now: SystemTime,
}

impl PrintedToken {
    /// One that an engine of ours made; `None` for keys.
    pub(in crate::cli) fn of(
        credential: &Credential,
        definition: &AzureDefinition,
        resource: &Resource,
        now: Now,
    ) -> Option<Self> {
        Some(Self::with(credential.token()?.clone(), definition, resource, credential.remaining(now), now))
    }

    /// One that a daemon handed over.
    pub(in crate::cli) fn handed_over(
        issued: IssuedToken,
        definition: &AzureDefinition,
        resource: &Resource,
        now: Now,
    ) -> Self {
        let received = issued.received.unwrap_or(now);
        let left = remaining(issued.expiration, issued.server_offset, received, now);
        Self::with(issued.token, definition, resource, left, now)
    }

    fn with(token: Token, definition: &AzureDefinition, resource: &Resource, left: Duration, now: Now) -> Self {
        let client_id = token.claims.client_id.clone().or_else(|| definition.ids.client_id.clone());
        Self { token, resource: Resource::clone(resource), client_id, left, now: now.wall }
    }

    /// `expires_on` is by this machine's clock, as `expires_in` is: whoever reads it compares it with that.
    pub(in crate::cli) fn json(&self) -> Secret {
        #[derive(Serialize)]
        struct Document<'a> {
            access_token: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            client_id: Option<&'a str>,
            expires_in: String,
            expires_on: String,
            #[serde(skip_serializing_if = "Option::is_none")]
            not_before: Option<String>,
            resource: &'a str,
            token_type: &'a str,
        }
        json(&Document {
            access_token: self.token.access_token.expose(),
            client_id: self.client_id.as_deref(),
            expires_in: self.left.as_secs().to_string(),
            expires_on: unix_secs(self.now.checked_add(self.left).unwrap_or(self.now)),
            not_before: self.token.not_before.map(unix_secs),
            resource: &self.resource,
            token_type: "Bearer",
        })
    }
}

/// Whole seconds since 1970, rounded down.
fn unix_secs(time: SystemTime) -> String {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs().to_string()
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;
    use crate::config::AzureSource;
    use crate::config::azure::{Cloud, PrincipalIds, Resources};
    use crate::credential::ClockOffset;

    fn printed(claims: &str, client_id: Option<&str>) -> serde_json::Value {
        let definition = AzureDefinition {
            source: AzureSource::AzureCli { config_folder: None, subscription: None },
            cloud: Cloud::Public,
            authority: "https://login.microsoftonline.com".into(),
            tenant: None,
            ids: PrincipalIds { client_id: client_id.map(str::to_owned), ..PrincipalIds::default() },
            resource: "https://management.azure.com/".into(),
            resources: Resources::default(),
            min_life: None,
        };
        let received = Now { wall: SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000), boot: Duration::ZERO };
        let issued = IssuedToken {
            token: Token::of(Secret::new(format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims)))),
            expiration: received.wall + Duration::from_secs(3600),
            // their clock is five minutes ahead: it ends sooner by ours
            server_offset: ClockOffset::Ahead(Duration::from_secs(300)),
            warnings: Vec::new(),
            received: Some(received),
        };
        let minute = Duration::from_secs(60);
        let now = Now { wall: received.wall + minute, boot: received.boot + minute };
        let text = PrintedToken::handed_over(issued, &definition, &"https://graph.microsoft.com".into(), now).json();
        serde_json::from_str(text.expose()).unwrap()
    }

    #[test]
    fn a_token_is_the_body_that_app_service_answers() {
        let claims = r#"{"appid":"a","nbf":1799999999}"#;
        let expected = serde_json::json!({
            "access_token": format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims)),
            "client_id": "a",
            "expires_in": "3240",
            "expires_on": "1800003300",
            "not_before": "1799999999",
            "resource": "https://graph.microsoft.com",
            "token_type": "Bearer",
        });
        assert_eq!(printed(claims, Some("b")), expected);
    }

    #[test]
    fn what_a_token_does_not_say_is_not_there() {
        let token = printed("{}", None);
        assert!(token.get("client_id").is_none() && token.get("not_before").is_none(), "{token}");
        assert_eq!(printed("{}", Some("b"))["client_id"], "b");
    }
}
