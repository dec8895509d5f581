//! A login under way: a device code or a page with a redirect, and what the person decided.

use std::time::{Duration, SystemTime};

use super::model::{Manner, Visitor};

/// A login that somebody started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// How it goes on.
    pub way: Way,
    /// Which client started it.
    pub client_id: String,
    /// At which instance.
    pub start_url: String,
    /// When it began.
    pub started: SystemTime,
    /// What the person decided, or will have decided at that time.
    pub decision: Option<Decision>,
    /// Whether its code was turned into tokens.
    pub spent: bool,
    pub(crate) scopes: Vec<String>,
}

/// The two ways to log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// The client polls with a code of its own, the person types another. (RFC 8628)
    Device {
        /// What the client polls with.
        device_code: String,
        /// What the person types: `ABCD-EFGH`.
        user_code: String,
        /// How far apart two polls must be by now.
        interval: Duration,
        /// When the last one came.
        polled: Option<SystemTime>,
    },
    /// The browser brings a code to the client's redirect URI. (RFC 6749, section 4.1, with RFC 7636)
    Redirect {
        /// With its port.
        redirect_uri: String,
        /// Carried along for the client.
        state: String,
        /// S256 of the client's verifier.
        challenge: String,
        /// What the browser brings once the person approved.
        code: String,
    },
}

/// What a person decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// This person approves, from that time on.
    Approved {
        /// `ada@example.com`.
        person: String,
        /// From when on.
        at: SystemTime,
    },
    /// Refused, from that time on.
    Denied {
        /// From when on.
        at: SystemTime,
    },
}

impl Way {
    /// What the person types.
    pub(crate) fn user_code(&self) -> Option<&str> {
        match self {
            Self::Device { user_code, .. } => Some(user_code),
            Self::Redirect { .. } => None,
        }
    }

    /// As the control API says it.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Device { .. } => "device",
            Self::Redirect { .. } => "redirect",
        }
    }
}

impl Decision {
    /// What the visitor who has the page before them from `now` on will have decided, if anything.
    pub(crate) fn of(visitor: &Visitor, now: SystemTime) -> Option<Self> {
        let at = now.checked_add(visitor.after).unwrap_or(now);
        match visitor.manner {
            Manner::Approve => Some(Self::Approved { person: visitor.person.clone(), at }),
            Manner::Deny => Some(Self::Denied { at }),
            Manner::Wait => None,
        }
    }

    /// Whether its time has come.
    pub(crate) fn is_taken(&self, now: SystemTime) -> bool {
        match self {
            Self::Approved { at, .. } | Self::Denied { at } => *at <= now,
        }
    }

    /// The person who approved, or will have.
    pub(crate) fn person(&self) -> Option<&str> {
        match self {
            Self::Approved { person, .. } => Some(person),
            Self::Denied { .. } => None,
        }
    }

    /// As the control API says it.
    pub(crate) fn word(decided: Option<&Self>) -> &'static str {
        match decided {
            None => "none",
            Some(Self::Approved { .. }) => "approved",
            Some(Self::Denied { .. }) => "denied",
        }
    }
}

/// A device code and an authorization code both live this long.
/// (IAM Identity Center OIDC API Reference, `StartDeviceAuthorization`: `expiresIn` 600; AWS CLI `botocore/utils.py`.)
pub(crate) const CODE_LIFE: Duration = Duration::from_secs(600);

impl Login {
    /// What was decided by now.
    pub fn decided(&self, now: SystemTime) -> Option<&Decision> {
        self.decision.as_ref().filter(|decision| decision.is_taken(now))
    }

    /// The person who approved it, or will have.
    pub fn person(&self) -> Option<&str> {
        self.decision.as_ref()?.person()
    }

    /// What the person types.
    pub fn user_code(&self) -> Option<&str> {
        self.way.user_code()
    }

    /// Whether its code is too old.
    pub(crate) fn is_over(&self, now: SystemTime) -> bool {
        self.started.checked_add(CODE_LIFE).is_none_or(|end| end <= now)
    }

    /// The visitor has the page before them from `now` on. A decision stands, once taken.
    pub(crate) fn is_shown_to(&mut self, visitor: &Visitor, now: SystemTime) {
        self.decision = self.decision.take().or(Decision::of(visitor, now));
    }

    /// Where the browser is sent, once the person decided.
    pub(crate) fn redirect(&self, now: SystemTime) -> Option<String> {
        let Way::Redirect { redirect_uri, state, code, .. } = &self.way else { return None };
        let decision = self.decided(now)?;
        Some(match decision {
            Decision::Approved { .. } => with_query(redirect_uri, &[("code", code), ("state", state)]),
            Decision::Denied { .. } => with_query(
                redirect_uri,
                &[("error", "access_denied"), ("error_description", "The user denied the request"), ("state", state)],
            ),
        })
    }
}

/// A URI with these parameters added.
pub(crate) fn with_query(uri: &str, parameters: &[(&str, &str)]) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    format!("{uri}{}{query}", if uri.contains('?') { '&' } else { '?' })
}
