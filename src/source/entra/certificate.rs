//! Tokens of an application that shows a certificate: client credentials with a statement that its private key signs (Microsoft,
//! "Microsoft identity platform application authentication certificate credentials"; RFC 7521, RFC 7523).
//!
//! Nobody is needed, and nothing is kept: each token is asked for with a statement of its own. Called by the engine.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rsa::KeyPair;
use ring::signature::RSA_PSS_SHA256;
use serde_json::json;

use super::key::{self, Signing};
use super::person::unusable_resource;
use super::{ASSERTION_TYPE, Answered, Asking, FormValue, Party, Problem, TokenEndpoint, judge, scope};
use crate::config::azure::CertificateKey;
use crate::credential::{ClockOffset, Failure, FailureClass, IdentityName, Made, Renewed, Resource, SessionKey};
use crate::secret::{Digest, Secret};
use crate::source::{Ingredient, Need, Renewal, Source, wrong_ingredient};
use crate::world::{BoxFuture, Random};

/// An application's tokens for one resource.
#[derive(Clone)]
pub(super) struct Certificate {
    pub(super) identity: IdentityName,
    pub(super) certificate: PathBuf,
    pub(super) key: CertificateKey,
    pub(super) resource: Resource,
    pub(super) endpoint: TokenEndpoint,
}

impl Source for Certificate {
    fn needs(&self) -> Need {
        Need::Nothing
    }

    fn renew(&self, _: Renewal) -> BoxFuture<'static, Result<Renewed, Failure>> {
        Box::pin(async { Err(wrong_ingredient()) })
    }

    fn issue(&self, _: Ingredient) -> BoxFuture<'static, Result<Made, Failure>> {
        let source = self.clone();
        Box::pin(async move {
            let identity = &*source.identity;
            let scope = scope::of(&source.resource).map_err(|why| unusable_resource(identity, why))?;
            let world = &source.endpoint.world;
            let signing = key::signing(identity, &source.certificate, &source.key, world).await?;
            let answered = match source.asked(&signing, &scope, ClockOffset::None).await? {
                // by its own clock the statement is of another time: it is signed once more, by that clock
                Err(Problem::Answer(said)) if said.is_about_time() && said.server_offset != ClockOffset::None => {
                    source.asked(&signing, &scope, said.server_offset).await?
                }
                answered => answered,
            };
            let answered = answered.map_err(|problem| judge(&problem, &source.asking()).failure)?;
            let mut issued = answered.issued(world.clock.now());
            issued.warnings.extend(signing.warnings);
            Ok(issued.into())
        })
    }

    fn limited_by(&self) -> SessionKey {
        SessionKey(format!("entra-certificate:{}", self.identity).into())
    }
}

impl Certificate {
    /// Asks with a statement that is signed by a clock that is so far from ours.
    async fn asked(
        &self,
        signing: &Signing,
        scope: &str,
        offset: ClockOffset,
    ) -> Result<Result<Answered, Problem>, Failure> {
        let world = &self.endpoint.world;
        let statement = Statement {
            audience: &self.endpoint.url(),
            client_id: &self.endpoint.client_id,
            thumbprint: signing.thumbprint,
            now: offset.server_time(world.clock.now().wall),
        };
        let assertion = statement.signed(&signing.key, &*world.random).ok_or_else(|| {
            let text = format!("the key of {}'s certificate does not sign; it is tried again soon", self.identity);
            Failure::new(FailureClass::TryLater, "InternalError", text)
        })?;
        let form = vec![
            ("grant_type", "client_credentials".into()),
            ("scope", FormValue::Plain(scope.to_owned())),
            ("client_assertion_type", ASSERTION_TYPE.into()),
            ("client_assertion", (&assertion).into()),
        ];
        Ok(self.endpoint.ask(form).await)
    }

    fn asking(&self) -> Asking<'_> {
        Asking {
            identity: &self.identity,
            client_id: &self.endpoint.client_id,
            tenant: &self.endpoint.tenant,
            resource: &self.resource,
            is_default: true,
            party: Party::Certificate,
        }
    }
}

/// What an application says of itself.
struct Statement<'a> {
    /// Whom it is meant for: the token endpoint.
    audience: &'a str,
    client_id: &'a str,
    thumbprint: Digest,
    /// The time by the server's clock.
    now: SystemTime,
}

impl Statement<'_> {
    /// The statement as a JSON Web Token, signed with PS256. `None`: the key does not sign.
    fn signed(&self, key: &KeyPair, random: &dyn Random) -> Option<Secret> {
        let Digest(thumbprint) = self.thumbprint;
        let header = json!({"alg": "PS256", "typ": "JWT", "x5t#S256": URL_SAFE_NO_PAD.encode(thumbprint)});
        let now = self.now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let claims = json!({
            "aud": self.audience,
            "iss": self.client_id,
            "sub": self.client_id,
            "jti": id(random),
            "nbf": now,
            "iat": now,
            "exp": now + LIFE.as_secs(),
        });
        let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let mut signature = vec![0; key.public().modulus_len()];
        // the salt is ring's own affair: it takes no other randomness
        key.sign(&RSA_PSS_SHA256, &ring::rand::SystemRandom::new(), signed.as_bytes(), &mut signature).ok()?;
        Some(Secret::new(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))))
    }
}

/// How long a statement may be shown: as long as MSAL's.
const LIFE: Duration = Duration::from_secs(10 * 60);

/// A GUID of version 4 (RFC 9562), for `jti`.
fn id(random: &dyn Random) -> String {
    let mut bytes = [0_u8; 16];
    random.fill(&mut bytes);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
#[path = "certificate_tests.rs"]
mod tests;
