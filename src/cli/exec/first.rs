//! What `exec` obtains before its command runs: the first credential, and before that the login or the code that it needs,
//! where a person sits at the terminal.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::app::Endpoint;
use crate::app::login::ends_soon;
use crate::app::user_sessions::AtDaemon;
use crate::cli::login::FirstArgs;
use crate::cli::mending::Mending;
use crate::cli::{Context, Trouble, login, say};
use crate::config::Config;
use crate::config::sso::login_command;
use crate::credential::{IdentityName, Outcome};

/// What comes first.
pub(super) struct First<'a> {
    pub(super) endpoint: &'a Endpoint,
    /// What was named.
    pub(super) names: &'a [IdentityName],
    /// What the command gets without naming one, cloud by cloud.
    pub(super) defaults: &'a [IdentityName],
    pub(super) asks: FirstArgs,
    pub(super) context: &'a Context,
    pub(super) config: &'a Arc<Config>,
    pub(super) daemon: &'a AtDaemon,
}

impl First<'_> {
    /// The credentials of the defaults, after what they and the others need of a person. `since`: a login that somebody else
    /// finished after this time will do.
    ///
    /// # Errors
    ///
    /// Where a login or a code comes to nothing. That a credential cannot be had is its outcome.
    pub(super) async fn credentials(&self, since: SystemTime) -> Result<Vec<(IdentityName, Outcome)>, Trouble> {
        let Self { context, config, daemon, .. } = *self;
        let mut mending = Mending { asks: self.asks, context, config, daemon, since, done: Vec::new() };
        let mut outcomes = Vec::new();
        for default in self.defaults {
            let mut outcome = self.endpoint.credential(default, PATIENCE).await;
            if let Err(failure) = &outcome
                && mending.mend(default, failure.code).await?
            {
                outcome = self.endpoint.credential(default, PATIENCE).await;
            }
            outcomes.push((Arc::clone(default), outcome));
        }
        for (name, code) in self.endpoint.needing_person() {
            mending.mend(&name, code).await?;
        }
        if !mending.done.is_empty() {
            // what failed before may rest on what was mended for another
            self.endpoint.needing_person().iter().for_each(|(name, _)| self.endpoint.try_again(name));
        }
        for name in self.names {
            mending.renew_ahead(name).await;
        }
        Ok(outcomes)
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
