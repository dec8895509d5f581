//! [`Followed`]: one sign-in as it was when last looked at, and what a look brings.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::config::SsoSession;
use crate::credential::IdentityName;
use crate::secret::Digest;
use crate::store::TokenStore;
use crate::world::World;

/// A sign-in that is followed, and what rests on it.
pub(super) struct Followed {
    pub(super) session: Arc<SsoSession>,
    pub(super) identities: Vec<IdentityName>,
    pub(super) store: TokenStore,
    seen: Seen,
    untold: Untold,
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
    /// Somebody did.
    SignedIn,
    /// There is another token than before: somebody signed in anew, or it was renewed, perhaps by us.
    AnotherToken,
    /// There is none any more.
    SignedOut,
}

impl Followed {
    /// `None` where it cannot be said where it lies: whoever asks for it is told why.
    pub(super) async fn begin(session: Arc<SsoSession>, identities: Vec<IdentityName>, world: &World) -> Option<Self> {
        let store = TokenStore::of(&session, world).ok()?;
        let mut followed =
            Self { session, identities, store, seen: Seen { token: None, signed_in: None }, untold: Untold::default() };
        followed.look().await;
        followed.untold = Untold::default();
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
    pub(super) async fn look(&mut self) {
        let token = match self.store.watched() {
            // what cannot be read now says nothing
            Some(_) => {
                self.store.token().await.map_or(self.seen.token, |token| token.map(|token| token.access_token.digest()))
            }
            None => None,
        };
        let now = Seen { token, signed_in: self.store.record().await.signed_in };
        self.untold.add(news(&self.seen, &now));
        self.seen = now;
    }

    /// What is to be told of now, in boot time.
    pub(super) fn news(&mut self, boot: Duration) -> Option<News> {
        self.untold.take(boot)
    }
}

/// What was seen and is to be told of. Of another token only so often: what rests on it is tried again then, and where the
/// portal takes none of them, that renews it, here or in a process beside us, which is another token.
#[derive(Debug, Default)]
struct Untold {
    news: Option<News>,
    /// When another token was told of, in boot time, for as long as that counts.
    told: Vec<Duration>,
}

impl Untold {
    /// Only another token is ever kept back, and is no news beside anything else.
    fn add(&mut self, news: Option<News>) {
        self.news = news.or(self.news);
    }

    fn take(&mut self, boot: Duration) -> Option<News> {
        self.told.retain(|told| boot.saturating_sub(*told) < COUNTS_FOR);
        if self.news == Some(News::AnotherToken) {
            if self.told.len() >= AT_MOST {
                return None;
            }
            self.told.push(boot);
        }
        self.news.take()
    }
}

const AT_MOST: usize = 3;
const COUNTS_FOR: Duration = Duration::from_secs(60);

fn news(before: &Seen, now: &Seen) -> Option<News> {
    if (before.token.is_some() && now.token.is_none()) || (before.signed_in.is_some() && now.signed_in.is_none()) {
        return Some(News::SignedOut);
    }
    let first_token = now.token.is_some() && before.token.is_none();
    let another_login = now.signed_in.is_some() && now.signed_in != before.signed_in;
    if first_token || another_login {
        return Some(News::SignedIn);
    }
    (now.token != before.token).then_some(News::AnotherToken)
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
            (seen("a", 0), seen("b", 0), Some(News::AnotherToken)),
            (seen("a", 1), seen("b", 1), Some(News::AnotherToken)),
            (seen("a", 1), seen("b", 2), Some(News::SignedIn)),
            (seen("a", 0), seen("", 0), Some(News::SignedOut)),
            (seen("a", 1), seen("", 1), Some(News::SignedOut)),
            (seen("", 1), seen("", 2), Some(News::SignedIn)),
            (seen("", 1), seen("", 0), Some(News::SignedOut)),
        ] {
            assert_eq!(news(&before, &now), expected, "{before:?} {now:?}");
        }
    }
    #[test]
    fn another_token_is_told_of_three_times_a_minute_and_a_login_at_once() {
        let mut untold = Untold::default();
        let mut told = |news: Option<News>, secs: u64| {
            untold.add(news);
            untold.take(Duration::from_secs(secs))
        };
        for secs in [0, 1, 20] {
            assert_eq!(told(Some(News::AnotherToken), secs), Some(News::AnotherToken));
        }
        assert_eq!(told(Some(News::AnotherToken), 30), None);
        assert_eq!(told(None, 59), None);
        assert_eq!(told(None, 60), Some(News::AnotherToken), "what was kept back");
        assert_eq!(told(None, 61), None);
        assert_eq!(told(Some(News::AnotherToken), 61), Some(News::AnotherToken));
        assert_eq!(told(Some(News::AnotherToken), 62), None);
        assert_eq!(told(Some(News::SignedIn), 62), Some(News::SignedIn));
        assert_eq!(told(None, 200), None, "what a login says as well");
    }
}
