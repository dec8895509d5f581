//! Follows the logins that `az` and `azd` keep: one that somebody began ends the waits of the identities that rest on it; one that
//! somebody ended, or that is another person's now, takes along what was made of it.
//!
//! Nobody tells us but the file system. Called by the daemon and by `exec`, each for what it serves.

use std::collections::BTreeMap;
use std::future::pending;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::config::cli_login::Login;
use crate::config::{AzureDefinition, Config};
use crate::credential::{IdentityName, SessionKey};
use crate::engine::{Engine, Reset};
use crate::world::World;
use crate::world::watch::FileWatch;

/// What follows logins.
pub(super) struct CliLogins {
    pub(super) world: World,
    pub(super) engine: Engine,
    pub(super) config: watch::Receiver<Arc<Config>>,
    /// Of which identities, and of what these are made of; of all where it is not said.
    pub(super) identities: Option<Vec<IdentityName>>,
    /// A daemon may be our supplier: it is to have seen a change before we ask it.
    pub(super) supplied: bool,
    /// When the system is asked to tell of changes: most commands are over by then.
    pub(super) watch_after: Duration,
}

/// An identity that rests on a login.
struct Followed {
    name: IdentityName,
    definition: Arc<AzureDefinition>,
    file: PathBuf,
}

impl CliLogins {
    /// Follows them for ever.
    pub(super) async fn run(mut self) {
        let mut seen = BTreeMap::new();
        loop {
            let config = self.config.borrow_and_update().clone();
            let followed = self.followed(&config);
            // the change that had the configuration read again may be that of a login
            self.look(&followed, &mut seen, false);
            let mut files = self.watch(&followed);
            loop {
                tokio::select! {
                    changed = self.config.changed() => match changed {
                        Ok(()) => break,
                        Err(_) => return,
                    },
                    () = changed(&mut files) => {
                        if self.supplied {
                            tokio::time::sleep(BEHIND_THE_DAEMON).await;
                        }
                        self.look(&followed, &mut seen, true);
                    }
                }
            }
        }
    }

    fn followed(&self, config: &Config) -> Vec<Followed> {
        let chains = self.identities.as_ref().map(|ours| {
            let chains = ours.iter().flat_map(|name| config.chain_of(name));
            chains.collect::<Vec<String>>()
        });
        let is_ours = |name: &IdentityName| chains.as_ref().is_none_or(|ours| ours.iter().any(|our| **our == **name));
        let all = config.identities.values().filter(|identity| is_ours(&identity.name));
        all.filter_map(|identity| {
            let definition = Arc::clone(identity.azure()?);
            let file = definition.login_file(&self.world.environment)?;
            Some(Followed { name: Arc::clone(&identity.name), definition, file })
        })
        .collect()
    }

    /// The files, and the folders that they may yet be made in.
    fn watch(&self, followed: &[Followed]) -> Option<FileWatch> {
        let files = followed.iter().map(|one| &one.file);
        let mut paths: Vec<PathBuf> = files.flat_map(|file| file.ancestors().take(2).map(PathBuf::from)).collect();
        paths.sort();
        paths.dedup();
        let watch = (!paths.is_empty()).then(|| FileWatch::later(paths, self.watch_after))?;
        Some(if self.supplied { watch } else { watch.unsettled() })
    }

    /// `written`: the files are others than before, so whoever is signed in may have done so just now.
    fn look(&self, followed: &[Followed], seen: &mut BTreeMap<IdentityName, Login>, written: bool) {
        let before = std::mem::take(seen);
        for Followed { name, definition, file } in followed {
            let now = definition.login(file, &*self.world.files);
            let known = before.get(name);
            let now = match (&now, known) {
                (Login::Unread, Some(known)) => known.clone(),
                _ => now,
            };
            if let Some(known) = known {
                self.tell(name, news(known, &now, written));
            }
            seen.insert(Arc::clone(name), now);
        }
    }

    fn tell(&self, name: &IdentityName, news: Option<News>) {
        let Some(news) = news else { return };
        let identities = vec![Arc::clone(name)];
        if news == News::Another {
            tracing::info!(identity = &**name, "signed out, or in as another");
            self.engine.forget(&identities);
        }
        self.engine.reset(Reset::Login { session: SessionKey(format!("login:{name}").into()), identities });
    }
}

/// A daemon that has not seen the change yet would answer with the failure of before, and we would keep to its wait.
const BEHIND_THE_DAEMON: Duration = Duration::from_secs(1);

/// What became of a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum News {
    /// Somebody signed in, perhaps anew.
    SignedIn,
    /// Who it was is signed in no more.
    Another,
}

fn news(before: &Login, now: &Login, written: bool) -> Option<News> {
    match (before, now) {
        (Login::Of(one), Login::Of(other)) if one == other => written.then_some(News::SignedIn),
        (Login::Of(_), _) => Some(News::Another),
        (_, Login::Of(_)) => Some(News::SignedIn),
        // a folder of another kind may be signed in to in a way that we do not read
        _ => written.then_some(News::SignedIn),
    }
}

async fn changed(files: &mut Option<FileWatch>) {
    match files {
        Some(files) => files.changed().await,
        None => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_another_person_takes_along_what_was_made() {
        let of = |text: &str| Login::Of(text.to_owned());
        for (before, now, written, expected) in [
            (of("ada"), of("ada"), true, Some(News::SignedIn)),
            (of("ada"), of("ada"), false, None),
            (of("ada"), of("bob"), false, Some(News::Another)),
            (of("ada"), Login::Nobody, true, Some(News::Another)),
            (Login::Nobody, of("ada"), false, Some(News::SignedIn)),
            (Login::Unread, of("ada"), false, Some(News::SignedIn)),
            (Login::Nobody, Login::Nobody, true, Some(News::SignedIn)),
            (Login::Nobody, Login::Nobody, false, None),
        ] {
            assert_eq!(news(&before, &now, written), expected, "{before:?} {now:?} {written}");
        }
    }
}
