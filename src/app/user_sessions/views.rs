//! User sessions as data, for `credenza status`: what the configuration knows, and what is kept.

use super::keeper::ends_while_away;
use crate::config::Config;
use crate::control::view;
use crate::credential::remaining;
use crate::source::mfa::{Wanted, needs_person};
use crate::store::SessionStore;
use crate::world::World;

/// Every user session that an identity rests on, by name.
pub(super) fn views(config: &Config, store: &SessionStore, world: &World) -> Vec<view::UserSession> {
    let mut views: Vec<view::UserSession> = Vec::new();
    let mut seen = Vec::new();
    for identity in config.identities.values() {
        let Some(Wanted { key, session, .. }) = Wanted::of(identity) else { continue };
        if seen.contains(&key) {
            continue;
        }
        let now = world.clock.now();
        let kept = store.held(&key);
        let ends = kept.as_ref().and_then(|kept| kept.issued.expiration);
        let left =
            kept.as_ref().zip(ends).map(|(kept, ends)| remaining(ends, kept.issued.server_offset, kept.began, now));
        let unattended = !needs_person(&session, &world.environment);
        let state = match left {
            None => "code-needed",
            Some(left) if left.is_zero() => "over",
            Some(left) if left <= super::ANNOUNCE && !unattended => "ending",
            Some(_) => "begun",
        };
        views.push(view::UserSession {
            session: session.label(),
            state: state.to_owned(),
            serial: session.device.as_ref().map(|device| device.serial.clone()),
            began: kept.as_ref().map(|kept| view::time(kept.began.wall)),
            ends: ends.map(view::time),
            ends_unattended: !unattended && kept.as_ref().is_some_and(|kept| ends_while_away(kept, world)),
            unattended,
            login: identity.name.to_string(),
            identities: config.identities_resting_on(&key).len(),
        });
        seen.push(key);
    }
    views.sort_by(|a, b| a.session.cmp(&b.session));
    views
}
