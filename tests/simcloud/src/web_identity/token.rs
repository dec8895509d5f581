//! Tokens as text: `HEADER.CLAIMS.SIGNATURE`, each part base64url (RFC 7515, section 3.1).

use std::time::SystemTime;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use super::{Claims, Issuer, unix_secs};
use crate::{Cloud, Refusal};

#[derive(Deserialize, Serialize)]
struct Header {
    alg: String,
    #[serde(default)]
    typ: String,
}

/// What a token says, when an issuer known here signed it, it is meant for STS, and `now` lies in its life.
pub(crate) fn read(cloud: &Cloud, token: &str, now: SystemTime) -> Result<Claims, Refusal> {
    let (message, header, claims, signature) = parts(token).ok_or_else(|| {
        invalid("The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)")
    })?;
    let issuer = cloud.state().issuers.get(&claims.iss).cloned();
    let issuer: Issuer = issuer
        .ok_or_else(|| invalid(&format!("No OpenIDConnect provider found in your account for {}", claims.iss)))?;
    if header.alg != issuer.algorithm() || !issuer.verifies(message.as_bytes(), &signature) {
        return Err(invalid("Invalid signature of the ID Token"));
    }
    if !issuer.accepts_audience(&claims.aud) {
        return Err(invalid("Incorrect token audience"));
    }
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
    Ok(claims)
}

/// A token with these claims, signed by `sign`.
pub(super) fn write(claims: &Claims, algorithm: &str, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let header = Header { alg: algorithm.to_owned(), typ: "JWT".to_owned() };
    let message = format!("{}.{}", encode(&header), encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(sign(message.as_bytes()));
    format!("{message}.{signature}")
}

fn parts(token: &str) -> Option<(&str, Header, Claims, Vec<u8>)> {
    let (message, signature) = token.rsplit_once('.')?;
    let (header, claims) = message.split_once('.')?;
    Some((message, decode(header)?, decode(claims)?, URL_SAFE_NO_PAD.decode(signature).ok()?))
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
        let token = |algorithm: &str| write(&claims, algorithm, |message| issuer.key.sign(message));
        assert!(read(&cloud, &token("ES256"), now).is_ok());
        assert_eq!(read(&cloud, &token("RS256"), now).unwrap_err().code, "InvalidIdentityToken");
        assert_eq!(read(&cloud, &token("none"), now).unwrap_err().code, "InvalidIdentityToken");
    }
}
