//! What a token says of itself (JSON Web Token, RFC 7519): for people, and for the parts of an answer that clients read.
//!
//! Nothing is verified, and nothing is decided by it: whoever a token is for verifies it. Texts are bounded and free of control
//! characters, because they are shown.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// What a token says. What it does not say is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// `iss`, such as `https://sts.windows.net/TENANT/`.
    pub issuer: Option<String>,
    /// `sub`.
    pub subject: Option<String>,
    /// `aud`: the first, where there are several.
    pub audience: Option<String>,
    /// `tid`: the Entra tenant.
    pub tenant: Option<String>,
    /// `oid`: the principal's object id.
    pub object_id: Option<String>,
    /// `appid` (version 1) or `azp` (version 2): the application that it was given to.
    pub client_id: Option<String>,
    /// `upn`, `preferred_username` or `unique_name`: the person.
    pub name: Option<String>,
    /// `scp`: what a person lets the application do.
    pub scopes: Vec<String>,
    /// `roles`: what the application itself may do.
    pub roles: Vec<String>,
    /// `nbf`.
    pub not_before: Option<SystemTime>,
    /// `exp`.
    pub expiration: Option<SystemTime>,
}

impl Claims {
    /// What a token of three parts says; `None`: it is none of that form.
    pub fn read(token: &str) -> Option<Self> {
        let mut parts = token.split('.');
        let (_, claims, _) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        let claims = URL_SAFE_NO_PAD.decode(claims.trim_end_matches('=')).ok()?;
        let claims: Value = serde_json::from_slice(&claims).ok()?;
        let claims = claims.as_object()?;
        let text = |name: &str| claims.get(name).and_then(Value::as_str).and_then(shown);
        let time = |name: &str| {
            let written = claims.get(name)?;
            // a NumericDate may have a fraction (RFC 7519, section 2): some issuers sign what their clock says
            let secs = written.as_u64().or_else(|| written.as_f64().filter(|secs| *secs >= 0.0).map(whole))?;
            let secs = (secs < LAST_SECOND).then_some(secs)?;
            SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(secs))
        };
        let audience = match claims.get("aud") {
            Some(Value::Array(all)) => all.first().and_then(Value::as_str).and_then(shown),
            _ => text("aud"),
        };
        let words = |value: Option<&Value>| -> Vec<String> {
            match value {
                Some(Value::String(text)) => text.split(' ').filter_map(shown).take(MOST_WORDS).collect(),
                Some(Value::Array(all)) => {
                    all.iter().filter_map(|word| shown(word.as_str()?)).take(MOST_WORDS).collect()
                }
                _ => Vec::new(),
            }
        };
        Some(Self {
            issuer: text("iss"),
            subject: text("sub"),
            audience,
            tenant: text("tid"),
            object_id: text("oid"),
            client_id: text("appid").or_else(|| text("azp")),
            name: text("upn").or_else(|| text("preferred_username")).or_else(|| text("unique_name")),
            scopes: words(claims.get("scp")),
            roles: words(claims.get("roles")),
            not_before: time("nbf"),
            expiration: time("exp"),
        })
    }
}

/// The year 9999: no end that is later can be written down anywhere.
const LAST_SECOND: u64 = 253_402_300_800;

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // what is too large is the largest, and no time then
fn whole(secs: f64) -> u64 {
    secs as u64
}

const MOST_WORDS: usize = 100;
const LONGEST: usize = 600;

/// A text that can be shown: not empty, of a bounded length, without control characters.
fn shown(text: &str) -> Option<String> {
    let fine = !text.is_empty() && text.len() <= LONGEST && !text.chars().any(char::is_control);
    fine.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &str) -> String {
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn a_persons_token_says_who_and_what() {
        let claims = Claims::read(&token(
            r#"{"aud":"https://graph.microsoft.com","iss":"https://sts.windows.net/t/","tid":"t","oid":"o","appid":"a",
                "upn":"ada@contoso.com","scp":"Files.Read Sites.Read.All","nbf":1800000000,"exp":1800003600,"sub":"s"}"#,
        ))
        .expect("a token");
        assert_eq!(claims.scopes, ["Files.Read", "Sites.Read.All"]);
        assert_eq!((claims.tenant.as_deref(), claims.client_id.as_deref()), (Some("t"), Some("a")));
        assert_eq!(claims.name.as_deref(), Some("ada@contoso.com"));
        assert_eq!(claims.not_before, Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)));
        assert_eq!(claims.expiration, Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_003_600)));
    }

    #[test]
    fn an_applications_token_has_roles_and_may_be_of_version_2() {
        let claims =
            Claims::read(&token(r#"{"aud":["one","two"],"azp":"a","roles":["Sites.Read.All"]}"#)).expect("a token");
        assert_eq!(claims.roles, ["Sites.Read.All"]);
        assert_eq!((claims.audience.as_deref(), claims.client_id.as_deref()), (Some("one"), Some("a")));
        assert!(claims.scopes.is_empty() && claims.tenant.is_none());
    }

    #[test]
    fn what_cannot_be_read_or_shown_says_nothing() {
        for opaque in ["", "x", "a.b", "a.b.c", "a.e30.c.d", "e30.W10.x"] {
            assert_eq!(Claims::read(opaque), None, "{opaque}");
        }
        let odd = format!(r#"{{"tid":"a\u001b[31m","oid":"","upn":"{}","scp":7,"exp":"soon"}}"#, "x".repeat(601));
        assert_eq!(Claims::read(&token(&odd)), Some(Claims::default()));
    }

    #[test]
    fn a_time_may_have_a_fraction_and_must_be_one_that_can_be_written() {
        for (exp, expected) in [
            ("1800003600", Some(1_800_003_600)),
            ("1800003600.75", Some(1_800_003_600)),
            ("0", Some(0)),
            ("253402300800", None),
            ("18446744073709551615", None),
            ("1e300", None),
            ("-1", None),
            ("-0.5", None),
            ("\"1800003600\"", None),
        ] {
            let claims = Claims::read(&token(&format!(r#"{{"exp":{exp}}}"#))).expect("a token");
            let expected = expected.map(|secs| SystemTime::UNIX_EPOCH + Duration::from_secs(secs));
            assert_eq!(claims.expiration, expected, "{exp}");
        }
    }
}
