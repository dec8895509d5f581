//! What an upstream says, in words that a log may hold. Never a secret. Called where errors of STS are read.

/// An upstream's sentence as a log may hold it: one line, not too long, none of our secrets in it, nor anything that is as
/// long as a secret and looks like one.
pub(super) fn words(message: &str, secrets: &[&str]) -> String {
    let mut text = message.to_owned();
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        text = text.replace(secret, HIDDEN);
    }
    let mut line = String::new();
    let mut rest = text.as_str();
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c| !of_a_secret(c)).unwrap_or(rest.len());
        match end {
            0 => line.push(if first.is_control() { ' ' } else { first }),
            end if end < SHORTEST_SECRET => line.push_str(&rest[..end]),
            _ => line.push_str(HIDDEN),
        }
        rest = &rest[if end == 0 { first.len_utf8() } else { end }..];
    }
    line.chars().take(LONGEST_WORDS).collect::<String>().trim().to_owned()
}

/// A failure's private text with what the upstream said: that goes to the log and to the person who runs us, never to a
/// client. `message` has gone through [`words`].
pub(super) fn with_words(private: &str, status: u16, code: &str, message: &str) -> String {
    let code = if code.is_empty() { "no code" } else { code };
    match message {
        "" => format!("{private} ({code}, status {status})"),
        words => format!("{private} ({code}, status {status}: {words})"),
    }
}

/// What keys and tokens are written with, percent signs of their encoded form included.
fn of_a_secret(character: char) -> bool {
    character.is_ascii_alphanumeric() || "+/=%_.~-".contains(character)
}

const HIDDEN: &str = "[hidden]";

/// Secret access keys have 40 characters, session tokens hundreds.
const SHORTEST_SECRET: usize = 40;

const LONGEST_WORDS: usize = 400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_upstream_says_is_one_line_without_secrets() {
        let key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        for (said, shown) in [
            (
                "not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::111122223333:role/x",
                "not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::111122223333:role/x",
            ),
            ("line one\r\nline two\u{1b}[31m", "line one  line two [31m"),
            ("token 'short-one' is bad", "token '[hidden]' is bad"),
            (&format!("{{\"secret\":\"{key}\"}}"), "{\"secret\":\"[hidden]\"}"),
            (&format!("x={}&y", key.replace('/', "%2F")), "[hidden]&y"),
            ("größer", "größer"),
        ] {
            assert_eq!(words(said, &["short-one", ""]), shown);
        }
        assert_eq!(words(&"ab ".repeat(1000), &[]).len(), LONGEST_WORDS);
    }
}
