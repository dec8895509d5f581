//! Secrets in the text of a file: which line, and of what kind. Pure, and never the value.
//!
//! Told are long-term access keys of AWS with their secret, and client secrets of Microsoft Entra ID. Temporary keys (`ASIA`) end
//! by themselves, and examples of documentations are no secrets.

/// A secret in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leak {
    /// The line, from 1.
    pub line: usize,
    /// What it is.
    pub kind: LeakKind,
    /// The section of the file that it stands in, `[prod]`, where there are sections.
    pub section: Option<String>,
}

/// What is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeakKind {
    /// An access key's id, whose secret stands near it.
    AccessKey {
        /// The last four characters of its id.
        ends: String,
    },
    /// A secret access key whose id stands elsewhere.
    SecretKey,
    /// A client secret of Microsoft Entra ID.
    ClientSecret,
}

/// Every secret of a text, in the order of lines.
pub fn leaks(text: &str) -> Vec<Leak> {
    let lines: Vec<&str> = text.lines().collect();
    let mut leaks = Vec::new();
    let mut section = None;
    let ids: Vec<Option<&str>> = lines.iter().map(|line| access_key_id(line)).collect();
    let secrets: Vec<bool> = lines.iter().map(|line| has_secret_key(line)).collect();
    for (at, line) in lines.iter().enumerate() {
        if let Some(inside) = line.trim().strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            section = Some(inside.0.trim().to_owned());
        }
        let around = at.saturating_sub(NEAR)..(at + NEAR + 1).min(lines.len());
        let kind = match ids[at] {
            Some(id) if id.starts_with("AKIA") && around.clone().any(|near| secrets[near]) => {
                let ends = id[id.len() - 4..].to_owned();
                Some(LeakKind::AccessKey { ends })
            }
            // the id tells what the secret near it is of
            _ if names_secret_key(line) && secrets[at] && around.clone().all(|near| ids[near].is_none()) => {
                Some(LeakKind::SecretKey)
            }
            _ if has_client_secret(line) => Some(LeakKind::ClientSecret),
            _ => None,
        };
        leaks.extend(kind.map(|kind| Leak { line: at + 1, kind, section: section.clone() }));
    }
    leaks
}

/// How many lines an id and its secret may lie apart.
const NEAR: usize = 5;

/// The id of an access key: `AKIA` or `ASIA`, and sixteen of the letters of base32 (IAM User Guide, "IAM identifiers").
fn access_key_id(line: &str) -> Option<&str> {
    let is_id = |word: &&str| {
        word.len() == 20
            && ["AKIA", "ASIA"].iter().any(|prefix| word.starts_with(prefix))
            && word.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'2'..=b'7'))
            && !is_example(word)
    };
    let words = line.split(|letter: char| !letter.is_ascii_alphanumeric());
    // a long-term one counts first, where both stand in a line
    words.clone().filter(is_id).find(|word| word.starts_with("AKIA")).or_else(|| words.clone().find(is_id))
}

/// A secret access key: forty letters of base64, of every kind.
fn has_secret_key(line: &str) -> bool {
    let of_one = |letter: char| letter.is_ascii_alphanumeric() || letter == '/' || letter == '+';
    line.split(|letter| !of_one(letter)).any(|word| word.len() == 40 && looks_random(word) && !is_example(word))
}

fn names_secret_key(line: &str) -> bool {
    let line = line.to_lowercase().replace(['-', ' '], "_");
    line.contains("aws_secret_access_key") || line.contains("secretaccesskey")
}

/// A client secret by its form: three letters, a digit, `Q~`, and 31 to 34 letters (gitleaks, rule `azure-ad-client-secret`);
/// or by the variable that it is the value of.
fn has_client_secret(line: &str) -> bool {
    let of_one = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '~' | '.' | '-');
    let by_form = |word: &str| {
        let bytes = word.as_bytes();
        (37..=40).contains(&bytes.len()) && bytes[3].is_ascii_digit() && &bytes[4..6] == b"Q~" && !is_example(word)
    };
    line.split(|letter| !of_one(letter)).any(by_form) || CLIENT_SECRETS.iter().any(|name| is_given(line, name))
}

const CLIENT_SECRETS: [&str; 2] = ["AZURE_CLIENT_SECRET", "ARM_CLIENT_SECRET"];

/// Whether a variable is given a secret: no reference, no other variable, no word that stands for one.
fn is_given(line: &str, name: &str) -> bool {
    let Some((before, after)) = line.split_once(name) else { return false };
    if before.ends_with(|letter: char| letter.is_ascii_alphanumeric() || letter == '_') {
        return false;
    }
    let in_fish = before.trim_start().starts_with("set ") && after.starts_with(' ');
    let after = after.trim_start_matches(['"', '\'']).trim_start();
    let value = after.strip_prefix(['=', ':']).unwrap_or(if in_fish { after } else { "" });
    let value = value.trim().trim_start_matches(['"', '\'']);
    let value = value.split(['"', '\'', ' ', ';', '#']).next().unwrap_or_default();
    let stands_for_one = value.contains("://") || value.starts_with(['$', '<', '{', '%']) || is_example(value);
    value.len() >= SHORTEST_CLIENT_SECRET && !stands_for_one
}

/// Older ones have 32 characters.
const SHORTEST_CLIENT_SECRET: usize = 24;

fn looks_random(word: &str) -> bool {
    let has = |kind: fn(&u8) -> bool| word.as_bytes().iter().any(kind);
    let kinds: std::collections::BTreeSet<u8> = word.bytes().collect();
    has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) && kinds.len() >= FEWEST_LETTERS
}

/// Of forty random ones about thirty differ.
const FEWEST_LETTERS: usize = 15;

fn is_example(word: &str) -> bool {
    let word = word.to_ascii_uppercase();
    ["EXAMPLE", "XXXX", "CHANGEME", "YOUR", "PLACEHOLDER"].iter().any(|part| word.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "AKIAQ3EGUZ7XKTLQ5B2C";
    const SECRET: &str = "kV7dh2+Qz0pLw9sXbTn4RfYc8EuJ1mGa/6iHoSvK";
    const CLIENT: &str = "abC8Q~dEfGhIjKlMnOpQrStUvWxYz0123456.-_a";

    /// What is found, a letter for each, with its line.
    fn found(text: &str) -> String {
        let word = |leak: &Leak| match &leak.kind {
            LeakKind::AccessKey { ends } => format!("{}:key {ends}", leak.line),
            LeakKind::SecretKey => format!("{}:secret", leak.line),
            LeakKind::ClientSecret => format!("{}:client", leak.line),
        };
        leaks(text).iter().map(word).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn keys_are_found_with_their_secret() {
        let far = "\n".repeat(6);
        for (text, expected) in [
            (format!("[default]\naws_access_key_id = {ID}\naws_secret_access_key = {SECRET}\n"), "2:key 5B2C"),
            (format!("export AWS_SECRET_ACCESS_KEY='{SECRET}'\nexport AWS_ACCESS_KEY_ID='{ID}'"), "2:key 5B2C"),
            (format!("{{\"AccessKeyId\":\"{ID}\",\"SecretAccessKey\":\"{SECRET}\"}}"), "1:key 5B2C"),
            (format!("# was: {ID}:{SECRET}"), "1:key 5B2C"),
            // half a key
            (format!("AWS_ACCESS_KEY_ID={ID}"), ""),
            (format!("AWS_ACCESS_KEY_ID={ID}\n{far}x={SECRET}"), ""),
            (format!("AWS_SECRET_ACCESS_KEY={SECRET}"), "1:secret"),
            (format!("token={SECRET}"), ""),
            // temporary ones end by themselves
            (format!("AWS_ACCESS_KEY_ID={}\nAWS_SECRET_ACCESS_KEY={SECRET}", ID.replace("AKIA", "ASIA")), ""),
            // examples, references and what only looks like one
            ("AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE\nAWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".into(), ""),
            (format!("AWS_ACCESS_KEY_ID={ID}\nAWS_SECRET_ACCESS_KEY=op://Work/aws/secret-access-key"), ""),
            (format!("AWS_ACCESS_KEY_ID={ID}\nAWS_SECRET_ACCESS_KEY=${{SECRET}}"), ""),
            (format!("X{ID}\n{SECRET}"), ""),
            (format!("AKIA0000000000000001\n{SECRET}"), ""),
            (format!("{ID}\nsha1 = da39a3ee5e6b4b0d3255bfef95601890afd80709"), ""),
            (format!("{ID}\n{}", "aB".repeat(20)), ""),
            (format!("{ID}\n{SECRET}A"), ""),
        ] {
            assert_eq!(found(&text), expected, "{text}");
        }
    }

    #[test]
    fn client_secrets_are_found_by_form_and_by_name() {
        for (text, expected) in [
            (format!("secret: {CLIENT}"), "1:client"),
            (format!("x\nexport AZURE_CLIENT_SECRET=\"{CLIENT}\""), "2:client"),
            ("ARM_CLIENT_SECRET=0123456789abcdef0123456789abcdef".to_owned(), "1:client"),
            ("set -gx AZURE_CLIENT_SECRET 0123456789abcdef0123456789abcdef".to_owned(), "1:client"),
            ("$env:AZURE_CLIENT_SECRET = '0123456789abcdef0123456789abcdef'".to_owned(), "1:client"),
            ("AZURE_CLIENT_SECRET=".to_owned(), ""),
            ("AZURE_CLIENT_SECRET=op://Work/azure/client-secret-of-mine".to_owned(), ""),
            ("AZURE_CLIENT_SECRET=${AZURE_CLIENT_SECRET_OF_THE_COMPANY}".to_owned(), ""),
            ("AZURE_CLIENT_SECRET=<your-client-secret-goes-here>".to_owned(), ""),
            ("MY_AZURE_CLIENT_SECRET=0123456789abcdef0123456789abcdef".to_owned(), ""),
            (format!("{CLIENT}aaaaaa"), ""),
            ("echo $AZURE_CLIENT_SECRET".to_owned(), ""),
        ] {
            assert_eq!(found(&text), expected, "{text}");
        }
    }

    #[test]
    fn a_section_is_named() {
        let text = format!("[a]\n[ prod ]\naws_access_key_id={ID}\naws_secret_access_key={SECRET}\n");
        assert_eq!(leaks(&text)[0].section.as_deref(), Some("prod"));
    }
}
