//! Follows the sign-ins of IAM Identity Center that identities rest on: one that somebody else began is used at once, one
//! that somebody ended takes along what was made of it, and one that is about to end is announced. And the logins at Entra ID
//! ([`accounts`]), which have no end that anybody knows.
//!
//! The AWS CLI and our own commands change the files under us; nobody tells us but the file system. Called by the daemon and
//! by `exec`, each for what it serves.

mod accounts;
mod announce;
mod end;
mod followed;
mod view;

use std::future::pending;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use self::accounts::FollowedAccount;
use self::announce::Announcer;
use self::followed::{Followed, News};
use super::background;
use crate::config::Config;
use crate::credential::IdentityName;
use crate::engine::{AskState, Engine, Reset};
use crate::world::World;
use crate::world::watch::FileWatch;

pub(super) use self::end::{Ending, end_of, ending};
pub(super) use self::view::views;

/// What follows sign-ins.
pub(super) struct SignIns {
    pub(super) world: World,
    pub(super) engine: Engine,
    pub(super) config: watch::Receiver<Arc<Config>>,
    /// Of which identities; all of them where it is not said.
    pub(super) identities: Option<Vec<IdentityName>>,
    /// A daemon may be our supplier, and should know first what we know.
    pub(super) supplied: bool,
    /// When the system is asked to tell of changes: most commands are over by then.
    pub(super) watch_after: Duration,
}

impl SignIns {
    /// Follows them for ever.
    pub(super) async fn run(mut self) {
        let mut announcer = Announcer::default();
        loop {
            let config = self.config.borrow_and_update().clone();
            let mut followed = self.followed(&config).await;
            followed.iter().for_each(|one| self.catch_up(one));
            let mut accounts = FollowedAccount::all(&config, self.identities.as_deref(), &self.world);
            accounts.iter().for_each(|one| one.catch_up(&self.engine));
            let paths =
                followed.iter().flat_map(Followed::paths).chain(accounts.iter().flat_map(FollowedAccount::paths));
            let paths: Vec<PathBuf> = paths.collect();
            let mut files = (!paths.is_empty()).then(|| FileWatch::later(paths, self.watch_after).unsettled());
            loop {
                tokio::select! {
                    changed = self.config.changed() => match changed {
                        Ok(()) => break,
                        Err(_) => return,
                    },
                    () = changed(&mut files) => {
                        for one in &mut followed {
                            one.look().await;
                        }
                        for one in &mut accounts {
                            one.look(&self.world, &self.engine, &config, self.supplied).await;
                        }
                    }
                    () = now_and_then(&followed) => {}
                }
                for one in &mut followed {
                    if let Some(news) = one.news(self.world.clock.now().boot) {
                        self.tell(one, news, &config).await;
                    }
                    announcer.look(&self.world, &self.engine, one).await;
                }
            }
        }
    }

    async fn followed(&self, config: &Config) -> Vec<Followed> {
        let mut followed = Vec::new();
        for session in config.sso_sessions() {
            let mut names = config.identities_of(&session);
            if let Some(ours) = &self.identities {
                names.retain(|name| ours.contains(name));
            }
            if !names.is_empty()
                && let Some(one) = Followed::begin(session, names, &self.world).await
            {
                followed.push(one);
            }
        }
        followed
    }

    /// What began after a first fetch had looked for it in vain, and before we first looked, is no news later.
    fn catch_up(&self, of: &Followed) {
        let snapshot = self.engine.snapshot();
        let fails = snapshot
            .asks
            .iter()
            .any(|ask| of.identities.contains(&ask.ask.identity) && ask.state == AskState::NeedsPerson);
        if fails && of.is_signed_in() {
            self.engine.reset(Reset::Login { session: of.session.key(), identities: of.identities.clone() });
        }
    }

    async fn tell(&self, of: &Followed, news: News, config: &Config) {
        let session = of.session.label();
        match news {
            News::SignedOut => {
                tracing::info!(session, "signed out");
                if self.supplied
                    && let Ok(mut daemon) = background::connect(&config.places).await
                {
                    // else it would hand out once more what we have just forgotten, and we would keep that to its end
                    let _ = daemon.signed_out(session).await;
                }
                self.engine.forget(&of.identities);
            }
            News::SignedIn | News::AnotherToken => {
                tracing::info!(session, "signed in, or renewed elsewhere");
                if self.supplied
                    && let Ok(mut daemon) = background::connect(&config.places).await
                {
                    // it finds out by itself too, but perhaps later than we ask it
                    let _ = daemon.signed_in(session).await;
                }
                self.engine.reset(Reset::Login { session: of.session.key(), identities: of.identities.clone() });
            }
        }
    }
}

async fn changed(files: &mut Option<FileWatch>) {
    match files {
        Some(files) => files.changed().await,
        None => pending().await,
    }
}

async fn now_and_then(followed: &[Followed]) {
    match followed {
        [] => pending().await,
        _ => sleep(NOW_AND_THEN).await,
    }
}

/// An end comes nearer while no file changes, and so does the time to tell of what was kept back.
const NOW_AND_THEN: Duration = Duration::from_secs(30);
