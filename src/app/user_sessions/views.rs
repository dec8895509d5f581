//! User sessions as data, for `credenza status`: what the configuration knows, and what is kept.

use super::keeper::ends_while_away;
use crate::config::{Config, Identity, UserSession};
use crate::control::view;
use crate::credential::{SessionKey, remaining};
use crate::source::mfa::{KeptSession, Wanted, needs_person, paused_until};
use crate::store::SessionStore;
use crate::world::World;

/// Every user session that an identity rests on, and every other one that is kept, by name.
pub(super) fn views(config: &Config, store: &SessionStore, world: &World) -> Vec<view::UserSession> {
    let mut views: Vec<view::UserSession> = Vec::new();
    for identity in config.identities.values() {
        let Some(Wanted { key, session, .. }) = Wanted::of(identity) else { continue };
        if views.iter().all(|view| *view.key != *key.0) {
            let identities = config.identities_resting_on(&key).len();
            let kept = store.held(&key);
            views.push(of(&key, Some((identity, &session)), identities, kept.as_ref(), world));
        }
    }
    for (key, kept) in store.all() {
        if views.iter().all(|view| *view.key != *key.0) {
            views.push(of(&key, None, 0, Some(&kept), world));
        }
    }
    views.sort_by(|a, b| (&a.session, &a.key).cmp(&(&b.session, &b.key)));
    views
}

fn of(
    key: &SessionKey,
    known: Option<(&Identity, &UserSession)>,
    identities: usize,
    kept: Option<&KeptSession>,
    world: &World,
) -> view::UserSession {
    let now = world.clock.now();
    let ends = kept.and_then(|kept| kept.issued.expiration);
    let left = kept.zip(ends).map(|(kept, ends)| remaining(ends, kept.issued.server_offset, kept.began, now));
    let unattended = known.is_some_and(|(_, session)| !needs_person(session, &world.environment));
    let state = match left {
        None => "code-needed",
        Some(left) if left.is_zero() => "over",
        Some(left) if left <= super::ANNOUNCE && !unattended => "ending",
        Some(_) => "begun",
    };
    view::UserSession {
        key: key.to_string(),
        session: known.map_or_else(|| key.name().to_owned(), |(_, session)| session.label()),
        state: state.to_owned(),
        serial: known.and_then(|(_, session)| session.device.as_ref()).map(|device| device.serial.clone()),
        began: kept.map(|kept| view::time(kept.began.wall)),
        ends: ends.map(view::time),
        ends_unattended: !unattended && kept.is_some_and(|kept| ends_while_away(kept, world)),
        unattended,
        paused_until: known.and_then(|(_, session)| paused_until(session, world)).map(view::time),
        login: known.map(|(identity, _)| identity.name.to_string()).unwrap_or_default(),
        identities,
    }
}
