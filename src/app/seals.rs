//! [`Seals`]: what the listeners of a daemon seal their session tokens with, the same after a restart.
//!
//! A client must not lose the instance metadata because the daemon was started anew: the AWS SDK for Rust keeps its session
//! token for six hours and asks for no other one when it is refused (`aws-config`, `imds/client/token.rs`). So the key that
//! all are made of lies in the state folder. Whoever can read it there is our user, who gets a token for the asking anyway.
//! It is good until the machine starts anew, since tokens are dated by that. Called by [`super::daemon`].

use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::dialect::ticket::Seal;
use crate::world::Random;
use crate::world::folder::{Folder, Permission};
use crate::world::running;

/// The root of all seals. Cheap to clone.
#[derive(Clone)]
pub(super) struct Seals(Arc<Zeroizing<[u8; 32]>>);

impl Seals {
    /// Those of the daemon before, while the machine has not started anew since; else new ones, which are kept. Where
    /// they cannot be kept, they end with the daemon.
    pub(super) fn kept(state: &Folder, random: &dyn Random) -> Self {
        match running::this_boot() {
            Some(boot) => Self::of_boot(&boot, state, random),
            None => Self::passing(random),
        }
    }

    fn of_boot(boot: &str, state: &Folder, random: &dyn Random) -> Self {
        if let Some(root) = read(state, boot) {
            return Self(Arc::new(root));
        }
        let new = Self::passing(random);
        let key = Zeroizing::new(URL_SAFE_NO_PAD.encode(new.0.as_slice()));
        let text = serde_json::to_vec(&Kept { version: VERSION, boot, key: &key }).map(Zeroizing::new);
        if let Err(error) = state.write(FILE, &text.unwrap_or_default(), Permission::Write) {
            tracing::warn!(error = %error, "session tokens of the instance metadata end with this daemon");
        }
        new
    }

    /// Those that end with us.
    pub(super) fn passing(random: &dyn Random) -> Self {
        let mut root = Zeroizing::new([0; 32]);
        random.fill(root.as_mut());
        Self(Arc::new(root))
    }

    /// A listener's.
    pub(super) fn of(&self, listener: SocketAddr) -> Seal {
        self.of_name(&listener.to_string())
    }

    /// Somebody else's, of this name.
    pub(super) fn of_name(&self, name: &str) -> Seal {
        Seal::of_listener(&self.0, name)
    }
}

/// What an earlier daemon of this start of the machine kept.
fn read(state: &Folder, boot: &str) -> Option<Zeroizing<[u8; 32]>> {
    let text = Zeroizing::new(state.read(FILE).ok()?);
    let kept: Kept<'_> = serde_json::from_slice(&text).ok()?;
    if kept.version != VERSION || kept.boot != boot {
        return None;
    }
    let mut root = Zeroizing::new([0; 32]);
    let length = URL_SAFE_NO_PAD.decode_slice(kept.key, root.as_mut()).ok()?;
    (length == root.len()).then_some(root)
}

const FILE: &str = "session-tokens.json";
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Kept<'t> {
    version: u32,
    boot: &'t str,
    key: &'t str,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::world::folder::temporary;
    use crate::world::random::SystemRandom;

    #[test]
    fn they_are_the_same_until_the_machine_starts_anew() {
        let folder = temporary();
        let state = Folder::open_or_make(&folder.path().join("state")).unwrap();
        let seal = |boot: &str| Seals::of_boot(boot, &state, &SystemRandom).of(([127, 0, 0, 1], 9712).into());
        let now = Duration::from_secs(1000);
        let ticket = seal("one").issue(Duration::from_secs(60), now);
        let opens = |seal: &Seal| seal.open(ticket.expose().as_bytes(), now).is_some();
        assert!(opens(&seal("one")));
        assert!(!opens(&seal("two")), "an end by another start of the machine says nothing");
        assert!(!opens(&seal("one")), "what was before is forgotten");
    }

    #[test]
    fn a_file_that_says_nothing_is_written_anew() {
        let folder = temporary();
        let state = Folder::open_or_make(&folder.path().join("state")).unwrap();
        for text in ["", "{", r#"{"version":1,"boot":"one","key":"AAAA"}"#, r#"{"version":2,"boot":"one","key":""}"#] {
            state.write(FILE, text.as_bytes(), Permission::Write).unwrap();
            assert!(read(&state, "one").is_none(), "{text}");
            let made = Seals::of_boot("one", &state, &SystemRandom);
            assert_eq!(read(&state, "one").unwrap(), *made.0, "{text}");
        }
    }
}
