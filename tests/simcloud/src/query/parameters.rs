//! The parameters of a request, and the constraints that a service declares for them (its API reference; botocore,
//! `data/SERVICE/VERSION/service-2.json`). All violations are told at once, in the real service's sentence.

use std::time::Duration;

use crate::{Refusal, wire::Received};

/// Named texts, in the order sent.
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    pub(crate) fn of(received: &Received) -> Self {
        let query = received.path_and_query.split_once('?').map_or("", |(_, query)| query);
        let form: &[u8] = if received.method == "GET" { query.as_bytes() } else { &received.body };
        Self(form_urlencoded::parse(form).into_owned().collect())
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.all().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// The members of a list: `Tags.member.1.Key` is field `Key` of the first member of `Tags`. The field is empty for
    /// lists of plain texts. The list ends at the first number that is not there.
    pub(crate) fn list<'a>(&'a self, name: &'a str, field: &'a str) -> impl Iterator<Item = &'a str> {
        let dot = if field.is_empty() { "" } else { "." };
        (1..).map_while(move |number| self.text(&format!("{name}.member.{number}{dot}{field}")))
    }

    /// `DurationSeconds`, when given.
    pub(crate) fn duration(&self) -> Result<Option<Duration>, Refusal> {
        let Some(text) = self.text("DurationSeconds") else { return Ok(None) };
        let secs: i64 = text.parse().map_err(|_| {
            Refusal::new(400, "MalformedInput", format!("'{text}' is not a valid value for an integer"))
        })?;
        // A negative number is under every limit, and so is zero.
        Ok(Some(Duration::from_secs(u64::try_from(secs).unwrap_or(0))))
    }
}

/// What is wrong with the parameters, collected.
#[derive(Default)]
pub(crate) struct Violations(Vec<String>);

impl Violations {
    /// A text that must be there. It comes back empty when it is not.
    pub(crate) fn required<'a>(&mut self, name: &str, value: Option<&'a str>) -> &'a str {
        value.unwrap_or_else(|| {
            self.0.push(format!("Value null at '{name}' failed to satisfy constraint: Member must not be null"));
            ""
        })
    }

    /// A length in characters.
    pub(crate) fn length(&mut self, name: &str, value: &str, least: usize, most: usize) {
        let length = value.chars().count();
        if length < least {
            self.add(name, value, &format!("Member must have length greater than or equal to {least}"));
        }
        if length > most {
            self.add(name, value, &format!("Member must have length less than or equal to {most}"));
        }
    }

    /// A number of members.
    pub(crate) fn count(&mut self, name: &str, members: &[&str], most: usize) {
        if members.len() > most {
            let shown = format!("[{}]", members.join(", "));
            self.add(name, &shown, &format!("Member must have length less than or equal to {most}"));
        }
    }

    /// Letters, digits, `_`, and these signs besides.
    pub(crate) fn word(&mut self, name: &str, value: &str, signs: &str, pattern: &str) {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || signs.contains(c);
        if !value.chars().all(fits) {
            self.add(name, value, &format!("Member must satisfy regular expression pattern: {pattern}"));
        }
    }

    /// Digits and nothing else.
    pub(crate) fn digits(&mut self, name: &str, value: &str) {
        if !value.bytes().all(|byte| byte.is_ascii_digit()) {
            self.add(name, value, r"Member must satisfy regular expression pattern: [\d]*");
        }
    }

    /// `roleSessionName` and `sourceIdentity` share their rule.
    pub(crate) fn session_name(&mut self, name: &str, value: &str) {
        self.length(name, value, 2, 64);
        self.word(name, value, "+=,.@-", r"[\w+=,.@-]*");
    }

    /// `durationSeconds` between 15 minutes and a limit.
    pub(crate) fn duration(&mut self, value: Option<Duration>, most_secs: u64) {
        if let Some(value) = value {
            self.seconds(value, 900, most_secs);
        }
    }

    /// `durationSeconds` between two limits.
    pub(crate) fn seconds(&mut self, value: Duration, least_secs: u64, most_secs: u64) {
        let secs = value.as_secs();
        if secs < least_secs {
            self.add(
                DURATION,
                &secs.to_string(),
                &format!("Member must have value greater than or equal to {least_secs}"),
            );
        }
        if secs > most_secs {
            self.add(DURATION, &secs.to_string(), &format!("Member must have value less than or equal to {most_secs}"));
        }
    }

    pub(crate) fn add(&mut self, name: &str, value: &str, constraint: &str) {
        self.0.push(format!("Value '{value}' at '{name}' failed to satisfy constraint: {constraint}"));
    }

    /// Nothing wrong, or one refusal that tells everything.
    pub(crate) fn check(self) -> Result<(), Refusal> {
        let (errors, count) = (if self.0.len() == 1 { "error" } else { "errors" }, self.0.len());
        match count {
            0 => Ok(()),
            _ => Err(Refusal::validation(format!("{count} validation {errors} detected: {}", self.0.join("; ")))),
        }
    }
}

const DURATION: &str = "durationSeconds";
