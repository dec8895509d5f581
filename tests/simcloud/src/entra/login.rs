//! A login under way: a device code or a page with a redirect. What a person decides is as in [`crate::sso`].

use std::time::{Duration, SystemTime};

use crate::sso::{Decision, Visitor, Way, login::with_query};

/// A login that somebody started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// How it goes on.
    pub way: Way,
    /// Which app started it.
    pub client_id: String,
    /// The tenant that was named; none for `common` and `organizations`.
    pub tenant: Option<String>,
    /// When it began.
    pub started: SystemTime,
    /// What the person decided, or will have decided at that time.
    pub decision: Option<Decision>,
    /// Whether its code was turned into tokens.
    pub spent: bool,
    /// As the request had it.
    pub scope: String,
    pub(crate) nonce: Option<String>,
    /// The client wants its answer in the body of a POST, where no history and no log of addresses keeps it.
    pub(crate) form_post: bool,
    /// Whether the app said that it can answer claims challenges.
    pub(crate) cp1: bool,
}

/// An authorization code lives for about ten minutes. (learn.microsoft.com, "OAuth 2.0 authorization code flow", "Successful
/// response")
pub(crate) const CODE_LIFE: Duration = Duration::from_secs(600);
/// (learn.microsoft.com, "OAuth 2.0 device authorization grant", "Device authorization request")
pub(crate) const DEVICE_LIFE: Duration = Duration::from_secs(900);

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
        let life = if self.user_code().is_some() { DEVICE_LIFE } else { CODE_LIFE };
        self.started.checked_add(life).is_none_or(|end| end <= now)
    }

    /// The visitor has the page before them from `now` on. A decision stands, once taken.
    pub(crate) fn is_shown_to(&mut self, visitor: &Visitor, now: SystemTime) {
        self.decision = self.decision.take().or(Decision::of(visitor, now));
    }

    /// Where the browser is sent, once the person decided.
    pub(crate) fn redirect(&self, now: SystemTime) -> Option<String> {
        let (uri, parameters) = self.reply(now)?;
        Some(with_query(uri, &parameters))
    }

    /// What the client hears, once the person decided, and where.
    pub(crate) fn reply(&self, now: SystemTime) -> Option<(&str, Vec<(&str, &str)>)> {
        let Way::Redirect { redirect_uri, state, code, .. } = &self.way else { return None };
        let parameters = match self.decided(now)? {
            Decision::Approved { .. } => with_state(&[("code", code)], state),
            Decision::Denied { .. } => {
                let words = "AADSTS65004: User declined to consent to access the app.";
                with_state(&[("error", "access_denied"), ("error_description", words)], state)
            }
        };
        Some((redirect_uri, parameters))
    }
}

/// These parameters, and the client's `state` where it gave one.
pub(crate) fn with_state<'a>(parameters: &[(&'a str, &'a str)], state: &'a str) -> Vec<(&'a str, &'a str)> {
    let state = Some(("state", state)).filter(|(_, state)| !state.is_empty());
    parameters.iter().copied().chain(state).collect()
}
