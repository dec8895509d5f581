//! Follows the logins of Entra ID accounts: one that somebody began is used at once, one that somebody ended takes along what was
//! made of it, and so does one that is somebody else's by now. One that Entra ID has ended is said, once, in the log and on the desktop.

use std::path::PathBuf;
use std::sync::Arc;

use crate::app::background;
use crate::config::sso::login_command;
use crate::config::{Config, EntraAccount};
use crate::credential::IdentityName;
use crate::engine::{AskState, Engine, Reset};
use crate::store::{AccountStore, KeptAccount};
use crate::world::{World, notice};

/// A login that is followed, and what rests on it.
pub(super) struct FollowedAccount {
    /// The first identity that it is for: what it is called.
    label: IdentityName,
    account: EntraAccount,
    identities: Vec<IdentityName>,
    store: AccountStore,
    seen: Option<KeptAccount>,
}

/// What became of a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum News {
    /// Somebody logged in.
    LoggedIn,
    /// Somebody else did.
    SomebodyElse,
    /// There is none any more.
    LoggedOut,
}

impl FollowedAccount {
    /// Those that a configuration's identities rest on; of `only`, where that is said.
    pub(super) fn all(config: &Config, only: Option<&[IdentityName]>, world: &World) -> Vec<Self> {
        let accounts = config.accounts().into_iter();
        let followed = accounts.filter_map(|(label, account)| {
            let mut identities = config.identities_of_account(&account);
            if let Some(only) = only {
                identities.retain(|name| only.contains(name));
            }
            if identities.is_empty() {
                return None;
            }
            // where it cannot be said where it lies, whoever asks for it is told why
            let store = AccountStore::of(&account, world).ok()?;
            Some(Self { label, seen: store.account().ok().flatten(), account, identities, store })
        });
        followed.collect()
    }

    /// The file whose change may be news, and the folders that it may yet be made in.
    pub(super) fn paths(&self) -> Vec<PathBuf> {
        self.store.record_path().ancestors().take(3).map(PathBuf::from).collect()
    }

    /// What began after a first fetch had looked for it in vain, and before we first looked, is no news later.
    pub(super) fn catch_up(&self, engine: &Engine) {
        let ours = |name: &IdentityName| self.identities.contains(name);
        let fails =
            engine.snapshot().asks.iter().any(|ask| ours(&ask.ask.identity) && ask.state == AskState::NeedsPerson);
        if fails && self.seen.as_ref().is_some_and(|seen| seen.ended_by.is_none()) {
            self.begin_anew(engine);
        }
    }

    /// Looks again, and tells the engine what became of it, and a daemon first, where one may be our supplier.
    pub(super) async fn look(&mut self, world: &World, engine: &Engine, config: &Config, supplied: bool) {
        // what cannot be read now says nothing
        let Ok(now) = self.store.account() else { return };
        let (news, over) = (news(self.seen.as_ref(), now.as_ref()), is_over(self.seen.as_ref(), now.as_ref()));
        self.seen = now;
        if over && self.is_in_use(engine) {
            self.say_over(world, config, supplied).await;
        }
        let Some(news) = news else { return };
        let session = Arc::clone(&self.account.key().0);
        let session = &*session;
        match news {
            News::LoggedIn => tracing::info!(session, "signed in"),
            News::SomebodyElse => tracing::info!(session, "somebody else signed in"),
            News::LoggedOut => tracing::info!(session, "signed out"),
        }
        if supplied && let Ok(mut daemon) = background::connect(&config.places).await {
            // it finds out by itself too, but perhaps later than we ask it
            let _ = match news {
                News::LoggedIn => daemon.signed_in(session).await,
                News::SomebodyElse | News::LoggedOut => daemon.signed_out(session).await,
            };
        }
        if news != News::LoggedIn {
            engine.forget(&self.identities);
        }
        if news != News::LoggedOut {
            self.begin_anew(engine);
        }
    }

    /// Whether something that rests on it is kept fresh, or asked for.
    fn is_in_use(&self, engine: &Engine) -> bool {
        let used = |state: AskState| !matches!(state, AskState::Idle | AskState::Empty);
        engine.snapshot().asks.iter().any(|ask| self.identities.contains(&ask.ask.identity) && used(ask.state))
    }

    /// Where there is a daemon, it alone says so on the desktop.
    async fn say_over(&self, world: &World, config: &Config, supplied: bool) {
        let label = &*self.label;
        tracing::error!(session = label, "the login is over: a login is needed");
        if !supplied || background::connect(&config.places).await.is_err() {
            let title = format!("Credenza: {label}");
            let text = format!("The login is over: {}", login_command(label));
            notice::show(&*world.processes, &world.environment, &title, &text).await;
        }
    }

    fn begin_anew(&self, engine: &Engine) {
        engine.reset(Reset::Login { session: self.account.key(), identities: self.identities.clone() });
    }
}

/// Whether Entra ID has ended the login since.
fn is_over(before: Option<&KeptAccount>, now: Option<&KeptAccount>) -> bool {
    let lived = before.is_none_or(|before| before.ended_by.is_none());
    lived && now.is_some_and(|now| now.ended_by.is_some())
}

fn news(before: Option<&KeptAccount>, now: Option<&KeptAccount>) -> Option<News> {
    match (before, now) {
        (Some(_), None) => Some(News::LoggedOut),
        (None, Some(_)) => Some(News::LoggedIn),
        (Some(before), Some(now)) if before.login != now.login => match is_the_same_person(before, now) {
            true => Some(News::LoggedIn),
            false => Some(News::SomebodyElse),
        },
        _ => None,
    }
}

/// Who is not known may be anybody; and one person is two at two tenants.
fn is_the_same_person(one: &KeptAccount, other: &KeptAccount) -> bool {
    one.name.is_some() && one.name == other.name && one.tenant == other.tenant
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_cannot_be_told_to_be_the_same_person_is_somebody_else() {
        let kept = |login: &str, name: Option<&str>, tenant: &str| KeptAccount {
            login: login.into(),
            name: name.map(str::to_owned),
            tenant: Some(tenant.to_owned()),
            signed_in: std::time::SystemTime::UNIX_EPOCH,
            ended_by: None,
        };
        let before = kept("1", Some("ada"), "t");
        for (before, now, expected) in [
            (&before, kept("2", Some("ada"), "t"), News::LoggedIn),
            (&before, kept("2", Some("ada"), "u"), News::SomebodyElse),
            (&before, kept("2", None, "t"), News::SomebodyElse),
            (&kept("1", None, "t"), kept("2", None, "t"), News::SomebodyElse),
        ] {
            assert_eq!(news(Some(before), Some(&now)), Some(expected), "{before:?} {now:?}");
        }
    }

    #[test]
    fn another_login_is_news_and_the_end_of_one_is_not() {
        let kept = |login: &str, name: &str, ended_by: Option<u32>| KeptAccount {
            login: login.into(),
            name: Some(name.to_owned()),
            tenant: None,
            signed_in: std::time::SystemTime::UNIX_EPOCH,
            ended_by,
        };
        let (ada, again, over) = (kept("1", "ada", None), kept("2", "ada", None), kept("1", "ada", Some(50173)));
        let grace = kept("3", "grace", None);
        for (before, now, expected, ended) in [
            (None, None, None, false),
            (None, Some(&ada), Some(News::LoggedIn), false),
            (Some(&ada), Some(&ada), None, false),
            (Some(&ada), Some(&over), None, true),
            (Some(&over), Some(&over), None, false),
            (Some(&over), Some(&again), Some(News::LoggedIn), false),
            (Some(&ada), Some(&grace), Some(News::SomebodyElse), false),
            (Some(&over), None, Some(News::LoggedOut), false),
        ] {
            assert_eq!((news(before, now), is_over(before, now)), (expected, ended), "{before:?} {now:?}");
        }
    }
}
