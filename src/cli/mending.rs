//! What a person does before a command goes on: a login, or a one-time code. And the code that they give while a session
//! still lives, because they are here anyway. Called by `exec` and `env`.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::login::{self, FirstArgs};
use super::{Context, Trouble, runtime, say, unlock};
use crate::app::accounts::{self, AccountLogin};
use crate::app::background::{self, BackgroundError};
use crate::app::login::is_mended_by_login;
use crate::app::user_sessions::{self, AtDaemon, Beginning, CODE_REQUIRED, Standing};
use crate::config::sso::login_command;
use crate::config::{Config, Identity};
use crate::control::ClientError;
use crate::credential::handover::Wanted;
use crate::credential::{Failure, FailureClass};

/// What a person has done for one command, and may be asked for.
pub(super) struct Mending<'a> {
    pub(super) asks: FirstArgs,
    pub(super) context: &'a Context,
    pub(super) config: &'a Arc<Config>,
    /// Who keeps user sessions.
    pub(super) daemon: &'a AtDaemon,
    /// What somebody else began after this time will do.
    pub(super) since: SystemTime,
    /// The sessions that were seen to: the names of sign-ins, and the keys of user sessions, which two may share a name of.
    pub(super) done: Vec<String>,
}

impl Mending<'_> {
    /// Has the person mend what keeps an identity from being had, where they can: a failure of this code. True where
    /// something was done.
    ///
    /// # Errors
    ///
    /// Where it came to nothing.
    pub(super) async fn mend(&mut self, identity: &str, code: &str) -> Result<bool, Trouble> {
        if is_mended_by_login(code)
            && self.asks.may_ask()
            && let Some(session) = self.config.sso_session_of(identity)
            && self.is_new(session.label())
        {
            self.asks.sign_in(self.context, self.config, session, self.since).await?;
            return Ok(true);
        }
        if accounts::is_mended_by_login(code)
            && self.asks.may_ask()
            && let Some(login) = AccountLogin::of(self.config, identity)
            && self.is_new(&login.account.key().0)
        {
            self.asks.log_in(self.context, self.config, &login, self.since).await?;
            return Ok(true);
        }
        if code == CODE_REQUIRED
            && let Some((_, session)) = self.config.user_session_of(identity)
            && (self.asks.may_ask() || !user_sessions::needs_person(&session, &self.context.world))
            && let Some(key) = user_sessions::key_of(self.config, identity)
            && self.is_new(&key.0)
        {
            if unlock::with_code(self.context, self.config).await && self.lives(identity).await {
                return Ok(true);
            }
            let beginning = Beginning { code: None, unless_since: self.since };
            login::begin(self.context, self.config, identity, beginning, self.daemon).await?;
            return Ok(true);
        }
        Ok(false)
    }

    /// Begins another session where the one that lives is past a third of its life: the person is here, and may not be when
    /// it ends. Says what cannot be helped. Nothing of it keeps the command from running.
    pub(super) async fn renew_ahead(&mut self, identity: &str) {
        let world = &self.context.world;
        let Some(standing) = user_sessions::standing(world, self.config, identity, self.daemon).await else { return };
        if !standing.needs_person || !login::somebody_is_there() || !self.is_new(&standing.key.0) {
            return;
        }
        let Standing { session, ends, renew_ahead, mut while_away, .. } = standing;
        let mut ends = ends;
        if renew_ahead && !self.asks.no_renew && self.asks.may_ask() {
            let left = ends.duration_since(world.clock.now().wall).unwrap_or_default();
            say::err(&format!(
                "credenza: the session of {session} ends in {}; another one is begun while you are here (--no-renew: not)\n",
                rounded(left)
            ));
            let beginning = Beginning { code: None, unless_since: standing.began };
            let begun = login::begun(self.context, self.config, identity, beginning, self.daemon);
            // the command runs without it, and somebody may have left the terminal
            let begun = tokio::time::timeout(AHEAD_PATIENCE, begun).await.unwrap_or_else(|_| {
                let text = format!("nobody gave a code within {} s", AHEAD_PATIENCE.as_secs());
                Err(Failure::new(FailureClass::NeedsPerson, CODE_REQUIRED, text))
            });
            match begun {
                Ok(begun) => {
                    say::err(&format!("credenza: {}\n", login::said_of(&begun, &world.clock.zone())));
                    ends = begun.ends.unwrap_or(ends);
                    while_away = begun.while_away;
                }
                Err(failure) => say::err(&format!("credenza: the session goes on as it is: {failure}\n")),
            }
        }
        if while_away {
            say::err(&format!("credenza: {}\n", ends_while_away(&session, ends, identity, self.context)));
        }
    }

    /// Has the person mend what the daemon says that these identities lack. `what` cannot be done else.
    ///
    /// # Errors
    ///
    /// Exit code 4 where a person is needed and nobody may be asked.
    pub(super) async fn mend_for_daemon(&mut self, identities: &[&Identity], what: &str) -> Result<(), Trouble> {
        for identity in identities {
            let name = &*identity.name;
            let rests_on_something = self.config.sso_session_of(name).is_some()
                || self.config.user_session_of(name).is_some()
                || self.config.account_of(name).is_some();
            if !rests_on_something {
                continue;
            }
            let wanted = Wanted::of(name, identity.digest, &identity.ask().want);
            let arguments = runtime::log_arguments(&self.context.globals);
            let asked =
                background::ask(&self.context.world, &arguments, async |client| client.credential(&wanted).await);
            // whatever else is wrong is said by whoever is asked next
            if let Err(BackgroundError::Client(ClientError::Refused(refusal))) = asked.await
                && (accounts::is_mended_by_login(&refusal.code) || refusal.code == CODE_REQUIRED)
            {
                let mended = self.mend(name, &refusal.code).await?;
                if !mended && !self.asks.may_ask() {
                    return Err(Trouble::of_client(what, &ClientError::Refused(refusal)));
                }
            }
            self.renew_ahead(name).await;
        }
        Ok(())
    }

    /// Whether the session of an identity lay at rest.
    async fn lives(&self, identity: &str) -> bool {
        let world = &self.context.world;
        let standing = user_sessions::standing(world, self.config, identity, self.daemon).await;
        standing.is_some_and(|standing| standing.ends > world.clock.now().wall)
    }

    fn is_new(&mut self, session: &str) -> bool {
        let new = !self.done.iter().any(|done| done == session);
        if new {
            self.done.push(session.to_owned());
        }
        new
    }
}

/// How long a command waits for a code that it can do without.
const AHEAD_PATIENCE: Duration = Duration::from_secs(60);

/// What a person should know before they leave.
pub(super) fn ends_while_away(session: &str, ends: SystemTime, identity: &str, context: &Context) -> String {
    format!(
        "the session of {session} ends {}, before the next working day begins: what runs on then stops; try before you leave: {}",
        login::at(ends, &context.world.clock.zone()),
        login_command(identity)
    )
}

/// `20h`, or minutes where it is less than an hour.
fn rounded(span: Duration) -> String {
    match span.as_secs() / 3600 {
        0 => format!("{} min", span.as_secs() / 60),
        hours => format!("{hours} h"),
    }
}
