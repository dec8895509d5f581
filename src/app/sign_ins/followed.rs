//! [`Followed`]: one sign-in as it was when last looked at, and what a look brings.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use crate::config::SsoSession;
use crate::credential::Ask;
use crate::secret::Digest;
use crate::store::TokenStore;
use crate::world::World;

/// A sign-in that is followed, and what rests on it.
pub(super) struct Followed {
    pub(super) session: Arc<SsoSession>,
    pub(super) asks: Vec<Ask>,
    pub(super) store: TokenStore,
    seen: Seen,
}

/// What there was.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    token: Option<Digest>,
    /// When somebody signed in with a command of ours: all that a keyring lets us see.
    signed_in: Option<SystemTime>,
}

/// What became of a sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// There is another token than before.
    SignedIn,
    /// There is none any more.
    SignedOut,
}

impl Followed {
    /// `None` where it cannot be said where it lies: whoever asks for it is told why.
    pub(super) async fn begin(session: Arc<SsoSession>, asks: Vec<Ask>, world: &World) -> Option<Self> {
        let store = TokenStore::of(&session, world).ok()?;
        let mut followed = Self { session, asks, store, seen: Seen { token: None, signed_in: None } };
        followed.look().await;
        Some(followed)
    }

    /// The files whose change may be news, and the folders that they may yet be made in.
    pub(super) fn paths(&self) -> Vec<PathBuf> {
        let token = self.store.watched();
        let folders = token.iter().flat_map(|path| path.ancestors().skip(1).take(2).map(PathBuf::from));
        let folders: Vec<PathBuf> = folders.collect();
        token.into_iter().chain(folders).chain([self.store.record_path()]).collect()
    }

    /// Whether there was a token when last looked at, where that can be seen.
    pub(super) fn is_signed_in(&self) -> bool {
        self.seen.token.is_some()
    }

    /// Looks again.
    pub(super) async fn look(&mut self) -> Option<News> {
        let token = match self.store.watched() {
            // what cannot be read now says nothing
            Some(_) => {
                self.store.token().await.map_or(self.seen.token, |token| token.map(|token| token.access_token.digest()))
            }
            None => None,
        };
        let now = Seen { token, signed_in: self.store.record().await.signed_in };
        let news = news(&self.seen, &now);
        self.seen = now;
        news
    }
}

fn news(before: &Seen, now: &Seen) -> Option<News> {
    if (before.token.is_some() && now.token.is_none()) || (before.signed_in.is_some() && now.signed_in.is_none()) {
        return Some(News::SignedOut);
    }
    let another_token = now.token.is_some() && now.token != before.token;
    let another_login = now.signed_in.is_some() && now.signed_in != before.signed_in;
    (another_token || another_login).then_some(News::SignedIn)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(token: &str, signed_in: u64) -> Seen {
        Seen {
            token: (!token.is_empty()).then(|| Digest::of(token.as_bytes())),
            signed_in: (signed_in > 0).then(|| SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(signed_in)),
        }
    }

    #[test]
    fn another_token_is_a_login_and_none_is_a_logout() {
        for (before, now, expected) in [
            (seen("", 0), seen("", 0), None),
            (seen("", 0), seen("a", 0), Some(News::SignedIn)),
            (seen("a", 0), seen("a", 0), None),
            (seen("a", 0), seen("b", 0), Some(News::SignedIn)),
            (seen("a", 0), seen("", 0), Some(News::SignedOut)),
            (seen("a", 1), seen("", 1), Some(News::SignedOut)),
            (seen("", 1), seen("", 2), Some(News::SignedIn)),
            (seen("", 1), seen("", 0), Some(News::SignedOut)),
        ] {
            assert_eq!(news(&before, &now), expected, "{before:?} {now:?}");
        }
    }
}
