//! What goes wrong on purpose: which calls a fault meets, how often, and what it does to them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::refusal::Refusal;

/// A fault in force until it was met `times` times, or cleared.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Only calls of this action (`AssumeRole`); any when absent.
    #[serde(default)]
    pub action: Option<String>,
    /// Only calls that ask for this role, by its ARN; any when absent.
    #[serde(default)]
    pub role: Option<String>,
    /// Only calls signed by this principal, by its ARN; any when absent.
    #[serde(default)]
    pub principal: Option<String>,
    /// How many calls it meets; until cleared when absent.
    #[serde(default)]
    pub times: Option<u32>,
    /// What happens to them.
    pub trouble: Trouble,
}

/// What a fault does to a call.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Trouble {
    /// Time passes before the call is looked at, and again before its answer leaves. Goes together with any other trouble.
    Slow {
        /// Milliseconds before.
        #[serde(default)]
        before_ms: u64,
        /// Milliseconds after: what was asked for has happened when a client gives up.
        #[serde(default)]
        after_ms: u64,
    },
    /// An error in the service's own envelope.
    Error {
        /// HTTP status; the code's own when absent.
        #[serde(default)]
        status: Option<u16>,
        /// `Throttling`.
        code: String,
        /// Words; the code's own when absent.
        #[serde(default)]
        message: Option<String>,
    },
    /// An answer that no service wrote: a proxy's page, an empty 429, a captive portal's 200.
    Page {
        /// HTTP status.
        status: u16,
        /// Header fields.
        #[serde(default)]
        headers: Vec<(String, String)>,
        /// The body.
        #[serde(default)]
        body: String,
    },
    /// Another place is named: a client that followed would carry its request there.
    Redirect {
        /// `Location`.
        to: String,
    },
    /// The connection is reset: the call was not looked at.
    ResetBefore,
    /// The connection is reset: the call has done its work.
    ResetAfter,
    /// The answer breaks off in the middle of its body, short of its Content-Length.
    Torn,
    /// No answer, ever; the connection stays. The call was not looked at.
    Hang,
    /// 200 with no body at all.
    EmptyAnswer,
    /// 200, the right shape, and nothing in the fields of the credentials.
    BlankCredentials,
    /// 200 with a proper answer followed by this many bytes of blanks.
    Huge {
        /// Bytes.
        bytes: usize,
    },
    /// 200 with a proper answer to another question.
    WrongAnswer,
    /// Credentials that ended before they were given.
    Expired {
        /// How long ago, in seconds.
        #[serde(default = "one_minute")]
        ago_secs: u64,
    },
    /// Credentials that live as long as this, whatever was asked for.
    Life {
        /// Seconds.
        secs: u64,
    },
}

impl Fault {
    /// This trouble for every call until cleared.
    pub fn new(trouble: Trouble) -> Self {
        Self { action: None, role: None, principal: None, times: None, trouble }
    }

    /// An error of the service, with the status and words that go with the code where it is one of
    /// [`Refusal::known_codes`].
    pub fn error(code: &str) -> Self {
        Self::new(Trouble::Error { status: None, code: code.to_owned(), message: None })
    }

    /// The service is unavailable: 503.
    pub fn outage() -> Self {
        Self::error("ServiceUnavailable")
    }

    /// Credentials that live this long, whatever was asked for.
    pub fn life(life: Duration) -> Self {
        Self::new(Trouble::Life { secs: life.as_secs() })
    }

    /// The same, for one action only.
    pub fn on_action(mut self, action: &str) -> Self {
        self.action = Some(action.to_owned());
        self
    }

    /// The same, for one role only.
    pub fn on_role(mut self, arn: &str) -> Self {
        self.role = Some(arn.to_owned());
        self
    }

    /// The same, for calls signed by one principal only.
    pub fn on_principal(mut self, arn: &str) -> Self {
        self.principal = Some(arn.to_owned());
        self
    }

    /// The same, for so many calls.
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    pub(crate) fn meets(&self, action: &str, role: Option<&str>, principal: Option<&str>) -> bool {
        self.times != Some(0)
            && self.action.as_deref().is_none_or(|wanted| wanted == action)
            && self.role.as_deref().is_none_or(|wanted| role == Some(wanted))
            && self.principal.as_deref().is_none_or(|wanted| principal == Some(wanted))
    }
}

impl Trouble {
    /// The name that the call log gives it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Slow { .. } => "slow",
            Self::Error { .. } => "error",
            Self::Page { .. } => "page",
            Self::Redirect { .. } => "redirect",
            Self::ResetBefore => "reset-before",
            Self::ResetAfter => "reset-after",
            Self::Torn => "torn",
            Self::Hang => "hang",
            Self::EmptyAnswer => "empty-answer",
            Self::BlankCredentials => "blank-credentials",
            Self::Huge { .. } => "huge",
            Self::WrongAnswer => "wrong-answer",
            Self::Expired { .. } => "expired",
            Self::Life { .. } => "life",
        }
    }

    /// The refusal that an [`Trouble::Error`] stands for.
    pub(crate) fn refusal(status: Option<u16>, known: Refusal, message: Option<&str>) -> Refusal {
        Refusal {
            status: status.unwrap_or(known.status),
            code: known.code,
            message: message.map_or(known.message, str::to_owned),
        }
    }
}

/// What is to happen to one call: the waits of every fault that meets it, and the first other trouble.
#[derive(Clone, Debug, Default)]
pub(crate) struct Met {
    pub(crate) before: Duration,
    pub(crate) after: Duration,
    pub(crate) trouble: Option<Trouble>,
}

fn one_minute() -> u64 {
    60
}
