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

/// A device code and an authorization code both live this long.
/// (IAM Identity Center OIDC API Reference, `StartDeviceAuthorization`: `expiresIn` 600; AWS CLI `botocore/utils.py`.)
pub(crate) const CODE_LIFE: Duration = Duration::from_secs(600);

impl Login {
    /// What was decided by now.
    pub fn decided(&self, now: SystemTime) -> Option<&Decision> {
        self.decision.as_ref().filter(|decision| match decision {
            Decision::Approved { at, .. } | Decision::Denied { at } => *at <= now,
        })
    }

    /// The person who approved it, or will have.
    pub fn person(&self) -> Option<&str> {
        match &self.decision {
            Some(Decision::Approved { person, .. }) => Some(person),
            _ => None,
        }
    }

    /// What the person types.
    pub fn user_code(&self) -> Option<&str> {
        match &self.way {
            Way::Device { user_code, .. } => Some(user_code),
            Way::Redirect { .. } => None,
        }
    }

    /// Whether its code is too old.
    pub(crate) fn is_over(&self, now: SystemTime) -> bool {
        self.started.checked_add(CODE_LIFE).is_none_or(|end| end <= now)
    }

    /// The visitor has the page before them from `now` on. A decision stands, once taken.
    pub(crate) fn is_shown_to(&mut self, visitor: &Visitor, now: SystemTime) {
        let at = now.checked_add(visitor.after).unwrap_or(now);
        let person = visitor.person.clone();
        self.decision = self.decision.take().or(match visitor.manner {
            Manner::Approve => Some(Decision::Approved { person, at }),
            Manner::Deny => Some(Decision::Denied { at }),
            Manner::Wait => None,
        });
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
