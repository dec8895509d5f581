//! Tokens as text: `HEADER.CLAIMS.SIGNATURE`, each part base64url (RFC 7515, section 3.1).

use std::time::SystemTime;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Claims, Issuer, unix_secs};
use crate::{Cloud, Refusal};

#[derive(Deserialize, Serialize)]
pub(super) struct Header {
    alg: String,
    #[serde(default)]
    typ: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kid: Option<String>,
}

impl Header {
    pub(super) fn new(algorithm: &str, key_id: Option<String>) -> Self {
        Self { alg: algorithm.to_owned(), typ: "JWT".to_owned(), kid: key_id }
    }
}

/// A token taken apart, nothing of it verified.
pub(crate) struct Parts<'a> {
    message: &'a str,
    header: Header,
    signature: Vec<u8>,
    /// The claims as they stand in it.
    pub(crate) claims: Value,
}

impl<'a> Parts<'a> {
    /// Nothing when it is no signed token at all.
    pub(crate) fn of(token: &'a str) -> Option<Self> {
        let (message, signature) = token.rsplit_once('.')?;
        let (header, claims) = message.split_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        Some(Self { message, header: decode(header)?, signature, claims: decode(claims)? })
    }

    /// Whether it names a key that is not this issuer's.
    fn names_another_key(&self, issuer: &Issuer) -> bool {
        self.header.kid.as_deref().is_some_and(|kid| kid != issuer.key_id())
    }

    /// Whether this issuer signed it, with the algorithm that it names.
    pub(crate) fn is_signed_by(&self, issuer: &Issuer) -> bool {
        self.header.alg == issuer.algorithm() && issuer.verifies(self.message.as_bytes(), &self.signature)
    }
}

/// What STS looks at in a token.
#[derive(Deserialize)]
struct Presented {
    iss: String,
    sub: String,
    aud: Audiences,
    /// The party that the token was issued to. (OpenID Connect Core 1.0, section 2)
    #[serde(default)]
    azp: Option<String>,
    exp: u64,
    #[serde(default)]
    nbf: u64,
    #[serde(default)]
    iat: u64,
}

/// One, or several. (RFC 7519, section 4.1.3)
#[derive(Deserialize)]
#[serde(untagged)]
enum Audiences {
    One(String),
    Several(Vec<String>),
}

impl Presented {
    /// The audience that this issuer's provider knows. Where the token has `azp`, that is compared in place of `aud`: the trap of
    /// tokens that one application fetched for another. (IAM User Guide, "Available keys for AWS OIDC federation", `aud`;
    /// aws/aws-sdk-net#3071)
    fn audience(&self, issuer: &Issuer) -> Option<&str> {
        let named = match (&self.azp, &self.aud) {
            (Some(party), _) => std::slice::from_ref(party),
            (None, Audiences::One(audience)) => std::slice::from_ref(audience),
            (None, Audiences::Several(audiences)) => audiences,
        };
        named.iter().map(String::as_str).find(|audience| issuer.accepts_audience(audience))
    }
}

/// What a token says, when an issuer known here signed it, it is meant for STS, and `now` lies in its life.
pub(crate) fn read(cloud: &Cloud, token: &str, now: SystemTime) -> Result<Claims, Refusal> {
    let malformed =
        || invalid("The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)");
    let parts = Parts::of(token).ok_or_else(malformed)?;
    let claims = Presented::deserialize(&parts.claims).map_err(|_| malformed())?;
    let issuer = {
        let state = cloud.state();
        // What STS issued itself leads out of AWS, never back. (IAM User Guide, "Getting started with outbound identity federation")
        state.issuers.get(&claims.iss).filter(|issuer| !state.outbound.is_issuer(issuer.url())).cloned()
    };
    let issuer: Issuer = issuer
        .ok_or_else(|| invalid(&format!("No OpenIDConnect provider found in your account for {}", claims.iss)))?;
    // The blanks are the real service's. (awslabs/aws-sdk-rust#827)
    if parts.names_another_key(&issuer) {
        return Err(invalid(
            "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements",
        ));
    }
    if !parts.is_signed_by(&issuer) {
        return Err(invalid("Invalid signature of the ID Token"));
    }
    let audience = claims.audience(&issuer).ok_or_else(|| invalid("Incorrect token audience"))?.to_owned();
    let now = unix_secs(now);
    if claims.exp <= now {
        // The missing blank is the real service's.
        return Err(Refusal::new(
            400,
            "ExpiredTokenException",
            format!("Token expired: current date/time {now} must be before the expiration date/time{}", claims.exp),
        ));
    }
    if claims.nbf > now {
        return Err(invalid("The ID Token is not valid yet"));
    }
    let Presented { iss, sub, exp, nbf, iat, .. } = claims;
    Ok(Claims { iss, sub, aud: audience, exp, nbf, iat })
}

/// A token with these claims, signed by `sign`.
pub(super) fn write(header: &Header, claims: &impl Serialize, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let message = format!("{}.{}", encode(header), encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(sign(message.as_bytes()));
    format!("{message}.{signature}")
}

fn encode<T: Serialize>(part: &T) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(part).expect("plain fields become JSON"))
}

fn decode<T: for<'de> Deserialize<'de>>(part: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

fn invalid(message: &str) -> Refusal {
    Refusal::new(400, "InvalidIdentityToken", message)
}

#[cfg(test)]
mod tests {
    use ring::{hmac, signature::KeyPair as _};

    use super::*;

    #[test]
    fn the_algorithm_that_is_named_must_be_the_one_that_signed() {
        let cloud = Cloud::on_system_clock();
        let issuer = Issuer::es256("https://issuer.example");
        cloud.add_issuer(issuer.clone());
        let now = cloud.now();
        let claims = Claims {
            iss: issuer.url().to_owned(),
            sub: "job".to_owned(),
            aud: "sts.amazonaws.com".to_owned(),
            exp: unix_secs(now) + 60,
            nbf: 0,
            iat: 0,
        };
        let token = |algorithm: &str| write(&Header::new(algorithm, None), &claims, |message| issuer.key.sign(message));
        assert!(read(&cloud, &token("ES256"), now).is_ok());
        assert_eq!(read(&cloud, &token("RS256"), now).unwrap_err().code, "InvalidIdentityToken");
        assert_eq!(read(&cloud, &token("none"), now).unwrap_err().code, "InvalidIdentityToken");
        // A public key is known to everybody, so whoever takes it for a shared secret is lost (RFC 8725, section 2.1).
        let public = match &*issuer.key {
            super::super::Key::Es256(key) | super::super::Key::Es384(key) => key.public_key().as_ref().to_vec(),
            super::super::Key::Rs256(key) => key.public_key().as_ref().to_vec(),
        };
        let shared = hmac::Key::new(hmac::HMAC_SHA256, &public);
        let header = Header::new("HS256", Some(issuer.key_id()));
        let forged = write(&header, &claims, |message| hmac::sign(&shared, message).as_ref().to_vec());
        assert_eq!(read(&cloud, &forged, now).unwrap_err().message, "Invalid signature of the ID Token");
        let other = Header::new("ES256", Some("other".to_owned()));
        let other = write(&other, &claims, |message| issuer.key.sign(message));
        assert!(read(&cloud, &other, now).unwrap_err().message.starts_with("Couldn't retrieve verification key"));
    }
}
