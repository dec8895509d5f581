//! What the files are called: SHA-1 digests, as every tool of AWS computes them. Nothing is kept safe by them.

use std::fmt::Write as _;
use std::path::PathBuf;

use crate::config::places::PlaceError;
use crate::config::sso::SsoSession;
use crate::world::Environment;

/// `~/.aws/sso/cache`. No variable moves it (awscli/customizations/sso/utils.py, `SSO_TOKEN_DIR`).
pub(super) fn folder(environment: &Environment) -> Result<PathBuf, PlaceError> {
    let home = environment.raw("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    match home {
        Some(home) if home.is_absolute() => Ok(home.join(".aws/sso/cache")),
        Some(home) => Err(PlaceError::Relative { variable: "HOME", path: home.display().to_string() }),
        None => {
            let what = "the folder of sign-ins that the tools of AWS share";
            Err(PlaceError::NoHome { what, instead: "say `cache = \"private\"` in the configuration" })
        }
    }
}

/// The name of a token's file, without its ending: the digest of the session's name, else of the start URL
/// (awscli/botocore/utils.py, `_token_cache_key`).
pub(super) fn token(session: &SsoSession) -> String {
    sha1(session.label())
}

/// The name of a registration's file, without its ending: the digest of what Python writes for the registration's parameters
/// (awscli/botocore/utils.py, `_registration_cache_key`).
pub(super) fn registration(session: &SsoSession) -> String {
    let scopes: Vec<String> = session.scopes.iter().map(|scope| python_text(scope)).collect();
    let name = session.name.as_deref().map_or_else(|| "null".to_owned(), python_text);
    sha1(&format!(
        "{{\"region\": {}, \"scopes\": [{}], \"session_name\": {name}, \"startUrl\": {}, \"tool\": \"botocore\"}}",
        python_text(&session.region),
        scopes.join(", "),
        python_text(&session.start_url),
    ))
}

/// A text in JSON as Python's `json.dumps` writes it: everything that is not ASCII as `\uXXXX`.
fn python_text(text: &str) -> String {
    let mut out = String::from('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(letter),
            other => {
                for unit in other.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
    out
}

fn sha1(text: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
    digest.as_ref().iter().fold(String::with_capacity(40), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Python computes them: `sha1(json.dumps(parameters, sort_keys=True).encode())`.
    #[test]
    fn a_text_is_escaped_as_python_does() {
        for (text, written) in [
            ("plain ~", r#""plain ~""#),
            ("a\"b\\c/d", r#""a\"b\\c/d""#),
            ("\u{8}\u{c}\n\r\t\u{1}\u{7f}", r#""\b\f\n\r\t\u0001\u007f""#),
            ("é€😀", r#""\u00e9\u20ac\ud83d\ude00""#),
        ] {
            assert_eq!(python_text(text), written);
        }
    }
}
