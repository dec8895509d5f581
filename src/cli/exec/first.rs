//! What `exec` obtains before its command runs: the first credential, and before that the login that it needs, where a person
//! sits at the terminal.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::app::Endpoint;
use crate::app::login::{ends_soon, wants_login};
use crate::cli::login::FirstArgs;
use crate::cli::{Context, Trouble, login, say};
use crate::config::sso::login_command;
use crate::config::{Config, SsoSession};
use crate::credential::{IdentityName, Outcome};

/// What comes first.
pub(super) struct First<'a> {
    pub(super) endpoint: &'a Endpoint,
    /// What was named; the first is the default.
    pub(super) names: &'a [IdentityName],
    pub(super) asks: FirstArgs,
    pub(super) context: &'a Context,
    pub(super) config: &'a Arc<Config>,
}

impl First<'_> {
    /// The default's credential, after the logins that it and the others need. `since`: a login that somebody else finished
    /// after this time will do.
    ///
    /// # Errors
    ///
    /// Where a login comes to nothing. That a credential cannot be had is the outcome.
    pub(super) async fn credential(&self, since: SystemTime) -> Result<Outcome, Trouble> {
        let default = &self.names[0];
        let mut outcome = self.endpoint.credential(default, PATIENCE).await;
        let mut done: Vec<&Arc<SsoSession>> = Vec::new();
        if let Err(failure) = &outcome
            && wants_login(failure)
            && let Some(session) = self.signs_in_to(default)
        {
            self.asks.sign_in(self.context, self.config, session, since).await?;
            done.push(session);
            outcome = self.endpoint.credential(default, PATIENCE).await;
        }
        for name in self.endpoint.needing_login() {
            if let Some(session) = self.signs_in_to(&name).filter(|session| !done.contains(session)) {
                self.asks.sign_in(self.context, self.config, session, since).await?;
                done.push(session);
            }
        }
        Ok(outcome)
    }

    /// The sign-in that a person who is there may be asked for.
    fn signs_in_to(&self, name: &str) -> Option<&Arc<SsoSession>> {
        self.config.sso_session_of(name).filter(|_| self.asks.may_ask())
    }

    /// Tells a person at the terminal of sign-ins that end soon.
    pub(super) async fn announce_ends(&self) {
        if !login::somebody_is_there() {
            return;
        }
        let mut told: Vec<&str> = Vec::new();
        for session in self.names.iter().filter_map(|name| self.config.sso_session_of(name)) {
            let label = session.label();
            if !told.contains(&label)
                && let Some(left) = ends_soon(&self.context.world, session).await
            {
                told.push(label);
                let minutes = left.as_secs().div_ceil(60);
                let mend = login_command(label);
                say::err(&format!("credenza: the sign-in of {label} ends in {minutes} min; try: {mend}\n"));
            }
        }
    }
}

/// How long the first credential may take: an upstream that retries is waited for, one that hangs is not.
const PATIENCE: Duration = Duration::from_secs(60);
