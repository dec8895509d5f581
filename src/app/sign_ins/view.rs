//! The sign-ins as data, for `credenza status`: what lies there, what the engine holds, and what is remembered.

use std::sync::Arc;

use super::end::{Ending, end_of, ending};
use crate::config::{Config, EntraAccount, SsoCache, SsoSession};
use crate::control::view;
use crate::credential::IdentityName;
use crate::engine::{Engine, SessionView};
use crate::source::sso::wants_login;
use crate::store::{AccountStore, TokenStore};
use crate::world::World;

/// Every sign-in that the configuration knows, by name.
pub(in crate::app) async fn views(world: &World, engine: &Engine, config: &Config) -> Vec<view::SignIn> {
    let snapshot = engine.snapshot();
    let mut views = Vec::new();
    for session in config.sso_sessions() {
        let key = session.key();
        let held = snapshot.sessions.iter().find(|held| held.key == key);
        views.push(of(&session, held, config, world).await);
    }
    for (name, account) in config.accounts() {
        let held = snapshot.sessions.iter().find(|held| held.key == account.key());
        views.push(of_account(&name, &account, held, config, world));
    }
    views
}

/// A login at Entra ID, by the first identity that it is for. It has no end that anybody knows.
fn of_account(
    name: &IdentityName,
    account: &EntraAccount,
    held: Option<&SessionView>,
    config: &Config,
    world: &World,
) -> view::SignIn {
    let store = AccountStore::of(account, world).ok();
    let kept = store.as_ref().and_then(|store| store.account().ok().flatten());
    let state = match &kept {
        None => "signed-out",
        Some(kept) if kept.ended_by.is_some() => "login-needed",
        Some(_) => "signed-in",
    };
    view::SignIn {
        session: name.to_string(),
        state: state.to_owned(),
        person: kept.and_then(|kept| kept.name),
        ends: None,
        token_ends: None,
        next_refresh: None,
        identities: config.identities_of_account(account).len(),
        private: store.is_some_and(|store| store.is_sealed()),
        last_failure: held.and_then(|held| held.last_failure.as_ref()).map(|(failure, at)| view::failure(failure, *at)),
    }
}

async fn of(session: &Arc<SsoSession>, held: Option<&SessionView>, config: &Config, world: &World) -> view::SignIn {
    let now = world.clock.now().wall;
    let stored = match TokenStore::of(session, world) {
        Ok(store) => store.token().await.ok().flatten().zip(Some(store.record().await)),
        Err(_) => None,
    };
    let failure = held.and_then(|held| held.failure.as_ref());
    let end = stored.as_ref().and_then(|(token, record)| end_of(session, token, record));
    let token_ends = stored.as_ref().map(|(token, _)| token.expires_at);
    let renewable = stored.as_ref().is_some_and(|(token, _)| token.refresh_token.is_some());
    let state = match (failure.is_some_and(wants_login), ending(end, session.announce, now)) {
        _ if stored.is_none() => "signed-out",
        (true, _) => "login-needed",
        _ if !renewable && token_ends.is_some_and(|end| end <= now) => "login-needed",
        (_, Ending::Soon(_)) => "ending",
        _ => "signed-in",
    };
    view::SignIn {
        session: session.label().to_owned(),
        state: state.to_owned(),
        person: stored.as_ref().and_then(|(_, record)| record.person.clone()),
        ends: end.map(view::time),
        token_ends: token_ends.map(view::time),
        next_refresh: held.and_then(|held| held.renewed_in).and_then(|wait| now.checked_add(wait)).map(view::time),
        identities: config.identities_of(session).len(),
        private: session.cache == SsoCache::Private,
        last_failure: held.and_then(|held| held.last_failure.as_ref()).map(|(failure, at)| view::failure(failure, *at)),
    }
}
