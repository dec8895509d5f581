//! Taking a pair of keys out of `~/.aws/credentials`: the file's bytes in, its new bytes and the keys out. Pure; called by
//! `credenza keys add --from-profile`, which keeps the keys elsewhere before it writes the file.
//!
//! Two lines go, and everything else stays to the byte. Where that is not plain (a key twice, a value over several lines,
//! temporary keys), nothing is taken.

use std::path::Path;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::shared::{SharedFiles, header_profile};
use crate::credential::AwsKeys;

/// What is taken out, and what is left.
pub struct TakenOver {
    /// The keys.
    pub keys: AwsKeys,
    /// The file without their two lines.
    pub rest: Zeroizing<Vec<u8>>,
}

/// Takes the keys of `[profile]` out of a credentials file. The error is a reason, with its line where it has one.
pub fn take_over(file: &Arc<Path>, bytes: &[u8], profile: &str) -> Result<TakenOver, String> {
    let shared = SharedFiles::parse(file, b"", file, bytes);
    let name = file.display();
    let section = shared.profiles.get(profile).ok_or_else(|| format!("{name} has no section [{profile}]"))?;
    if let Some(token) = ["aws_session_token", "aws_security_token"].iter().find_map(|key| section.value(key)) {
        return Err(format!("{}: the keys of [{profile}] are temporary: they end by themselves", token.place));
    }
    let value = |key: &str| section.value(key).ok_or_else(|| format!("[{profile}] in {name} has no {key}"));
    let (id, secret) = (value(ID)?, value(SECRET)?);
    let keys = AwsKeys { access_key_id: id.text().to_owned(), secret_access_key: secret.secret(), session_token: None };

    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let mut going = Vec::new();
    let mut inside = false;
    for (at, line) in lines.iter().enumerate() {
        let text = String::from_utf8_lossy(line);
        let text = Zeroizing::new(text.trim_start_matches('\u{feff}').to_owned());
        match header(&text) {
            Some(name) => inside = name.as_deref() == Some(profile),
            None if inside && is_of_the_pair(&text) => going.push(at),
            None => {}
        }
    }
    let found: Vec<usize> = going.iter().map(|at| at + 1).collect();
    let mut expected = [id.place.line, secret.place.line];
    expected.sort_unstable();
    if found != expected {
        let lines = found.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        return Err(format!(
            "{name}: [{profile}] names its keys in an unusual way (lines {lines}): leave one line for each"
        ));
    }
    if let Some(at) = going.iter().find(|at| lines.get(**at + 1).is_some_and(|next| continues(lines[**at], next))) {
        return Err(format!("{name}:{}: the line below may belong to this one: begin it at the margin", at + 1));
    }
    // as long as it can become: one that grew would leave copies behind
    let mut rest = Zeroizing::new(Vec::with_capacity(bytes.len()));
    lines.iter().enumerate().filter(|(at, _)| !going.contains(at)).for_each(|(_, line)| rest.extend_from_slice(line));
    Ok(TakenOver { keys, rest })
}

const ID: &str = "aws_access_key_id";
const SECRET: &str = "aws_secret_access_key";

/// Whether a line is a header, and of which profile.
fn header(line: &str) -> Option<Option<String>> {
    let inside = line.trim().strip_prefix('[')?;
    Some(inside.split_once(']').and_then(|(inside, _)| header_profile(inside)))
}

fn is_of_the_pair(line: &str) -> bool {
    let text = line.trim();
    let key = text.split(['=', ':']).next().unwrap_or_default().trim_end().to_lowercase();
    !text.starts_with(['#', ';']) && text.len() > key.len() && (key == ID || key == SECRET)
}

/// Whether `next` is read as a part of the value above it: it stands deeper, and says something.
fn continues(line: &[u8], next: &[u8]) -> bool {
    let indent = |line: &[u8]| line.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let says = next.trim_ascii();
    !says.is_empty() && !says.starts_with(b"#") && !says.starts_with(b";") && indent(next) > indent(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(text: &str, profile: &str) -> Result<(String, String, String), String> {
        let file: Arc<Path> = Path::new("/h/credentials").into();
        let TakenOver { keys, rest } = take_over(&file, text.as_bytes(), profile)?;
        let rest = String::from_utf8(rest.to_vec()).unwrap();
        Ok((keys.access_key_id, keys.secret_access_key.expose().to_owned(), rest))
    }

    #[test]
    fn two_lines_go_and_everything_else_stays() {
        for (before, after) in [
            ("[a]\naws_access_key_id=AKIA1\naws_secret_access_key=s\n", "[a]\n"),
            (
                "# mine\r\n[b]\r\naws_access_key_id = B\r\naws_secret_access_key = B\r\n\r\n[a]\r\nregion = x\r\n\
                 AWS_Access_Key_ID = AKIA1\r\n; between\r\naws_secret_access_key = s\r\n# after",
                "# mine\r\n[b]\r\naws_access_key_id = B\r\naws_secret_access_key = B\r\n\r\n[a]\r\nregion = x\r\n\
                 ; between\r\n# after",
            ),
            (
                "[ a ]\naws_secret_access_key = s\n#aws_access_key_id = OLD\naws_access_key_id = AKIA1",
                "[ a ]\n#aws_access_key_id = OLD\n",
            ),
            (
                "[a] # x\naws_access_key_id: AKIA1\naws_secret_access_key: s\n\n\n[c]\nx=\n  y=1\n",
                "[a] # x\n\n\n[c]\nx=\n  y=1\n",
            ),
        ] {
            let expected = ("AKIA1".to_owned(), "s".to_owned(), after.to_owned());
            assert_eq!(taken(before, "a"), Ok(expected), "{before}");
        }
    }

    #[test]
    fn what_is_not_plain_is_left_alone() {
        for (text, why) in [
            ("", "has no section [a]"),
            ("[b]\naws_access_key_id=A\naws_secret_access_key=s\n", "has no section [a]"),
            ("[a]\naws_access_key_id=A\n", "has no aws_secret_access_key"),
            (
                "[a]\naws_access_key_id=A\naws_secret_access_key=s\naws_session_token=t\n",
                ":4: the keys of [a] are temporary",
            ),
            ("[a]\naws_access_key_id=A\naws_access_key_id=B\naws_secret_access_key=s\n", "lines 2, 3, 4"),
            ("[a]\naws_access_key_id=A\naws_secret_access_key=s\n[a]\naws_access_key_id=B\n", "lines 2, 3, 5"),
            ("[a]\naws_access_key_id=A\naws_secret_access_key=s\n  more\n", ":3: the line below"),
            ("[a]\naws_access_key_id=A\n  aws_secret_access_key=s\n", "has no aws_secret_access_key"),
        ] {
            let error = taken(text, "a").unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
