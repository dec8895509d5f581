//! What an error of Entra ID means: one pure function from what came back to what comes next and what a person is told.
//!
//! `error` decides (RFC 6749 section 5.2, RFC 8628 section 3.5), as Microsoft's "Microsoft Entra authentication and
//! authorization error codes" want it; the AADSTS numbers tell apart what one `error` stands for, and choose the words. What
//! Entra ID itself says goes to the log, never to a client. Called by all that ask the token endpoint.

use std::time::Duration;

use serde::Deserialize;

use super::words::{self, Meaning};
use crate::config::child_files::shell_word;
use crate::config::sso::login_command;
use crate::credential::claims::Claims;
use crate::credential::{ClockOffset, Failure, FailureClass};
use crate::source::SESSION_TOKEN_DEAD;
use crate::source::aws_words::{with_words, words};
use crate::world::http::HttpError;

/// What came back instead of a token.
#[derive(Clone, Debug)]
pub(in crate::source) enum Problem {
    /// An error of Entra ID.
    Answer(Box<Said>),
    /// An answer that is not in its words: a proxy's page, half an answer, a redirect.
    Unreadable {
        /// Its status.
        status: u16,
    },
    /// No answer.
    Transport(HttpError),
    /// The request could not be made at all.
    Unsent {
        /// Why, as the end of a sentence.
        why: &'static str,
    },
    /// An answer that cannot be true.
    Unusable {
        /// Why, as the end of a sentence.
        why: &'static str,
    },
    /// Nothing was sent: Entra ID said a while ago how long it wants to be left alone.
    Paused {
        /// For how long still.
        left: Duration,
    },
}

/// An error as Entra ID writes it.
#[derive(Clone, Debug, Default)]
pub(in crate::source) struct Said {
    /// The status.
    pub(in crate::source) status: u16,
    /// `invalid_grant`.
    pub(in crate::source) error: String,
    /// `consent_required`, `basic_action`: what kind of it, where Entra ID says so.
    pub(in crate::source) suberror: String,
    /// The AADSTS numbers, such as 50076: the first is what it is about.
    pub(in crate::source) numbers: Vec<u32>,
    /// Its sentence, free of secrets.
    pub(in crate::source) words: String,
    /// Whether it wants claims that the next login has to carry.
    pub(in crate::source) claims: bool,
    /// How long it wants to be left alone.
    pub(in crate::source) retry_after: Option<Duration>,
    /// Its clock less ours.
    pub(in crate::source) server_offset: ClockOffset,
}

impl Said {
    /// Whether what was shown is over, or not valid yet.
    pub(in crate::source) fn is_about_time(&self) -> bool {
        words::meaning(self).meaning == Meaning::AssertionTime
    }

    /// Reads the body of an error; `None` where it is no error of OAuth. `secrets`: what the request held.
    pub(super) fn read(body: &[u8], status: u16, retry_after: Option<Duration>, secrets: &[&str]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Envelope {
            error: String,
            error_description: Option<String>,
            #[serde(default)]
            error_codes: Vec<u32>,
            suberror: Option<String>,
            claims: Option<serde_json::Value>,
        }
        let envelope: Envelope = match serde_json::from_slice(body) {
            Ok(envelope) => envelope,
            // a throttle or a fault needs no words
            Err(_) if status == 429 || status >= 500 => return Some(Self { status, retry_after, ..Self::default() }),
            Err(_) => return None,
        };
        let description = envelope.error_description.unwrap_or_default();
        let mut numbers = envelope.error_codes;
        numbers.extend(number_in(&description).filter(|number| !numbers.contains(number)));
        Some(Self {
            status,
            error: words(&envelope.error, secrets),
            suberror: words(&envelope.suberror.unwrap_or_default(), secrets),
            numbers,
            words: words(&description, secrets),
            claims: envelope.claims.is_some(),
            retry_after,
            server_offset: ClockOffset::None,
        })
    }
}

impl Said {
    /// What a browser came back with in place of a code.
    pub(super) fn of_browser(error: &str, words: &str) -> Self {
        let numbers = number_in(words).into_iter().collect();
        Self { status: 200, error: error.to_owned(), numbers, words: words.to_owned(), ..Self::default() }
    }
}

/// The number that a description begins with: 50076 of `AADSTS50076: Due to a configuration change ...`.
fn number_in(description: &str) -> Option<u32> {
    let (_, rest) = description.split_once("AADSTS")?;
    let end = rest.find(|digit: char| !digit.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

/// What was asked, on whose behalf: for the sentences.
#[derive(Clone, Copy, Debug)]
pub(in crate::source) struct Asking<'a> {
    /// The identity that is to be served.
    pub(in crate::source) identity: &'a str,
    /// The application's id.
    pub(in crate::source) client_id: &'a str,
    /// The tenant that is asked.
    pub(in crate::source) tenant: &'a str,
    /// What the token is for.
    pub(in crate::source) resource: &'a str,
    /// Whether that is what its login is for as well: another resource's login has to name it.
    pub(in crate::source) is_default: bool,
    /// Who asks.
    pub(in crate::source) party: Party<'a>,
}

/// Who asks, and with what.
#[derive(Clone, Copy, Debug)]
pub(in crate::source) enum Party<'a> {
    /// A person, with what their login left.
    Person,
    /// The application, with its certificate.
    Certificate,
    /// The application, with what another party signed: what that says of itself.
    Federated(&'a Claims),
}

/// An error, for whoever asked: what it is, and the failure to tell.
#[derive(Clone, Debug)]
pub(in crate::source) struct Judged {
    /// What it is.
    pub(in crate::source) what: What,
    /// The failure to tell where nothing else is done about it.
    pub(in crate::source) failure: Failure,
    /// The AADSTS number that it was judged by.
    pub(in crate::source) number: Option<u32>,
    /// How long Entra ID wants to be left alone.
    pub(in crate::source) retry_after: Option<Duration>,
}

impl From<Judged> for Failure {
    fn from(judged: Judged) -> Self {
        judged.failure
    }
}

/// Errors by what comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::source) enum What {
    /// The person has not confirmed the code yet: ask again after the interval.
    Pending,
    /// The same, and the interval grows by 5 s for good (RFC 8628 section 3.5).
    SlowDown,
    /// The code was not confirmed in time, or is another one's: begin anew.
    CodeExpired,
    /// The person said no.
    Declined,
    /// What the login left is taken no more, for no resource.
    LoginDead,
    /// A person has to do something for this resource; others go on.
    PersonNeeded,
    /// No such trust, or it is not known yet.
    NotFederated,
    /// Asked too often.
    Throttled,
    /// The network, a fault upstream, a stranger's answer: later.
    Later,
    /// A mistake of the configuration or of ours.
    Ours,
}

/// What a problem means.
pub(in crate::source) fn judge(problem: &Problem, asking: &Asking<'_>) -> Judged {
    use FailureClass::{Refused, TryLater};
    match problem {
        Problem::Answer(said) => judge_answer(said, asking),
        Problem::Unreadable { status } => {
            let why = format!("what answered with status {status} is not Entra ID");
            asking.judged(What::Later, TryLater, "UpstreamUnavailable", &why, STRANGER)
        }
        Problem::Transport(error) => {
            let remedy = match error {
                HttpError::Connect { reason, .. } if reason.contains("proxy") => "check HTTPS_PROXY and NO_PROXY",
                HttpError::Connect { reason, .. } if reason.contains("UnknownIssuer") => {
                    "name the authority that signed its certificate in SSL_CERT_FILE, if it is to be trusted"
                }
                HttpError::Connect { .. } => "check the network, HTTPS_PROXY and `cloud`",
                HttpError::Broken { .. } | HttpError::TimedOut { .. } => "it is asked again soon",
                HttpError::TooLarge { .. } => STRANGER,
            };
            let why = "Entra ID cannot be reached";
            let judged = asking.judged(What::Later, TryLater, "UpstreamUnavailable", why, remedy);
            judged.and_privately(|private| format!("{private}: {error}"))
        }
        Problem::Unsent { why } => {
            let remedy = format!(
                "correct `tenant`, `cloud` and `resource` of [identity.{}], or AZURE_AUTHORITY_HOST",
                asking.identity
            );
            asking.judged(What::Ours, Refused, "SettingsContradict", &format!("nobody was asked: {why}"), &remedy)
        }
        Problem::Unusable { why } => {
            let why = format!("Entra ID sent something that cannot be used: {why}");
            asking.judged(What::Later, TryLater, "UnusableCredential", &why, "it is asked again soon")
        }
        Problem::Paused { left } => {
            let why = format!("Entra ID wants to be left alone for {} s more", left.as_secs().max(1));
            let judged = asking.judged(What::Throttled, TryLater, "Throttled", &why, "it is asked again after that");
            Judged { retry_after: Some(*left), ..judged }
        }
    }
}

const STRANGER: &str = "check the proxy, and AZURE_AUTHORITY_HOST where it is set (HTTPS_PROXY)";

fn judge_answer(said: &Said, asking: &Asking<'_>) -> Judged {
    let found = words::meaning(said);
    let judged = asking.told(found.meaning, said);
    let claims = if said.claims { "; it wants claims that only a login can bring" } else { "" };
    let numbers = said.numbers.first().map_or_else(String::new, |number| format!(", AADSTS{number}"));
    let code = match said.suberror.as_str() {
        "" => format!("{}{numbers}", said.error),
        suberror => format!("{}: {suberror}{numbers}", said.error),
    };
    let judged =
        judged.and_privately(|private| format!("{}{claims}", with_words(private, said.status, &code, &said.words)));
    Judged { number: found.number, retry_after: said.retry_after, ..judged }
}

impl Asking<'_> {
    /// What a meaning is for who asks.
    fn told(&self, meaning: Meaning, said: &Said) -> Judged {
        use FailureClass::{NeedsPerson, Refused, TryLater};
        let is_person = matches!(self.party, Party::Person);
        match meaning {
            Meaning::Pending => self.person(What::Pending, "LoginRequired", "nobody has confirmed the code yet"),
            Meaning::SlowDown => Judged { what: What::SlowDown, ..self.throttled() },
            Meaning::CodeExpired => {
                self.person(What::CodeExpired, "LoginRequired", "the code was not confirmed in time")
            }
            Meaning::Declined => self.person(What::Declined, "LoginDenied", "it was refused in the browser"),
            Meaning::Dead(why) if is_person => {
                let failure = needs_login(self.identity, Some(why));
                Judged { what: What::LoginDead, failure, number: None, retry_after: None }
            }
            Meaning::Person { code, why } if is_person => self.person(What::PersonNeeded, code, why),
            Meaning::Policy { why, remedy } if is_person => {
                let remedy = format!("{remedy}, then {}", self.login());
                self.judged(What::PersonNeeded, NeedsPerson, "ConditionalAccess", why, &remedy)
            }
            Meaning::Consent if is_person => {
                let why = format!("nobody has consented that application {} may use it", self.client_id);
                let remedy = format!("{}, or ask an administrator of the tenant to consent", self.login());
                self.judged(What::PersonNeeded, NeedsPerson, "ConsentRequired", &why, &remedy)
            }
            Meaning::Consent => {
                let why = format!("application {} was given no permission for it", self.client_id);
                let remedy = "add an application permission (or an app role assignment) in Entra ID, and consent to it";
                self.judged(What::Ours, Refused, "ConsentRequired", &why, remedy)
            }
            Meaning::Policy { why, .. } => {
                let remedy = "ask who administers Conditional Access for workload identities of the tenant";
                self.judged(What::Ours, Refused, "ConditionalAccess", why, remedy)
            }
            Meaning::Dead(why) | Meaning::Person { why, .. } => {
                let remedy = "`credenza status` shows Entra ID's words";
                self.judged(What::Ours, Refused, "UpstreamRefused", why, remedy)
            }
            Meaning::Settings { code, why, remedy } => {
                let why = why.replace("{client}", self.client_id).replace("{tenant}", self.tenant);
                let remedy = remedy.replace("{identity}", self.identity).replace("{client}", self.client_id);
                self.judged(What::Ours, Refused, code, &why, &remedy)
            }
            Meaning::NotFederated(part) => self.not_federated(part),
            Meaning::AssertionTime => {
                let (why, remedy) = match self.party {
                    Party::Federated(_) => (
                        "what was shown in place of a secret is over, or not valid yet",
                        "see that the clocks are right; it is got anew and shown again soon",
                    ),
                    Party::Person | Party::Certificate => {
                        ("its assertion is of another time", "set this machine's clock; it is asked again soon")
                    }
                };
                self.judged(What::Later, TryLater, "AssertionRefused", why, remedy)
            }
            Meaning::AssertionSignature => {
                let (why, remedy) = match self.party {
                    Party::Federated(_) => (
                        "Entra ID does not take the signature of what was shown in place of a secret".to_owned(),
                        "see that its issuer's keys can be had at ISSUER/.well-known/openid-configuration, and that it is \
                         signed with RS256"
                            .to_owned(),
                    ),
                    Party::Person | Party::Certificate => (
                        format!("Entra ID does not know the certificate for application {}", self.client_id),
                        format!(
                            "upload the certificate that `certificate` of [identity.{}] names to the application, or correct \
                             `certificate` and `certificate_key`",
                            self.identity
                        ),
                    ),
                };
                self.judged(What::Ours, Refused, "AssertionRefused", &why, &remedy)
            }
            Meaning::Throttled => self.throttled(),
            Meaning::Trouble => {
                let why = format!("Entra ID is in trouble (status {})", said.status);
                self.judged(What::Later, TryLater, "UpstreamUnavailable", &why, "it is asked again soon")
            }
            Meaning::Unknown => {
                let remedy = "`credenza status` shows Entra ID's words";
                self.judged(What::Ours, Refused, "UpstreamRefused", "Entra ID refuses it", remedy)
            }
        }
    }

    /// The trust that would have to be written, from what was really shown. Whether it is tried again by itself is decided by
    /// `source/federated/untrusted.rs`.
    fn not_federated(&self, part: &str) -> Judged {
        let why = format!("application {} has no federated credential for {part}", self.client_id);
        let remedy = match self.party {
            Party::Federated(claims) => {
                let said = |claim: &Option<String>| claim.clone().unwrap_or_else(|| "(none)".to_owned());
                format!(
                    "it needs one with issuer {}, subject {} and audience {}, to the letter (`credenza setup federation {}`)",
                    said(&claims.issuer),
                    said(&claims.subject),
                    said(&claims.audience),
                    self.identity
                )
            }
            Party::Person | Party::Certificate => format!("correct `client_id` of [identity.{}]", self.identity),
        };
        self.judged(What::NotFederated, FailureClass::TryLater, "NotFederated", &why, &remedy)
    }

    fn throttled(&self) -> Judged {
        let why = "Entra ID is asked too often";
        self.judged(What::Throttled, FailureClass::TryLater, "Throttled", why, "it is asked again soon")
    }

    /// Something that a person mends by logging in, for this resource.
    fn person(&self, what: What, code: &'static str, why: &str) -> Judged {
        self.judged(what, FailureClass::NeedsPerson, code, why, &self.login())
    }

    fn login(&self) -> String {
        let command = login_command(self.identity);
        match self.is_default {
            true => format!("run `{command}`"),
            // a client chose it, and a person may paste it into a shell
            false => format!("run `{command} --resource {}`", shell_word(self.resource)),
        }
    }

    fn judged(&self, what: What, class: FailureClass, code: &'static str, why: &str, remedy: &str) -> Judged {
        let text = format!("{} has no token for {}: {why}; {remedy}", self.identity, self.resource);
        Judged { what, failure: Failure::new(class, code, text), number: None, retry_after: None }
    }
}

impl Judged {
    fn and_privately(mut self, private: impl FnOnce(&str) -> String) -> Self {
        self.failure.private = private(&self.failure.private);
        self
    }
}

/// The login of an identity is over, or never was. `why`: the part of the sentence that says so, where it is known.
pub(super) fn needs_login(identity: &str, why: Option<&str>) -> Failure {
    let why = why.map_or_else(String::new, |why| format!("{why}; "));
    let text = format!("{identity} needs a login: {why}run `{}`", login_command(identity));
    Failure::new(FailureClass::NeedsPerson, SESSION_TOKEN_DEAD, text)
}

/// The same failure of a shared login, with this identity's command.
pub(super) fn needs_login_too(failure: &Failure, identity: &str) -> Failure {
    let Some((_, why)) = failure.public.split_once(" needs a login: ") else { return failure.clone() };
    let why = why.rsplit_once("; run `").map(|(why, _)| why);
    let public = needs_login(identity, why).public;
    let private = failure.private.strip_prefix(&failure.public).unwrap_or_default();
    Failure { private: format!("{public}{private}"), public, ..failure.clone() }
}

#[cfg(test)]
#[path = "problem_tests.rs"]
mod tests;
