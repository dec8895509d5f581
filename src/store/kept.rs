//! User sessions as they are written down before they are sealed: JSON, wiped when dropped. What ended is neither written nor
//! taken back, and nothing lives longer for having been written. Called by [`super::at_rest`] alone.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::KeptSession;
use crate::credential::millis::{time, unix_ms, whole_ms};
use crate::credential::{AwsKeys, ClockOffset, Issued, Now, SessionKey, remaining};
use crate::secret::Secret;

/// Writes those that live; `None` where none does.
pub(super) fn write<'s>(sessions: impl Iterator<Item = (&'s SessionKey, &'s KeptSession)>, now: Now) -> Option<Secret> {
    let live = sessions.filter(|(_, session)| lives(session, now)).map(|(key, session)| Written::of(key, session, now));
    let file = File { version: WRITES, written_boot_ms: whole_ms(now.boot), sessions: live.collect() };
    if file.sessions.is_empty() {
        return None;
    }
    Secret::written(|out| Ok(serde_json::to_writer(out, &file)?)).ok()
}

/// Reads those that live still; `None` for what is none of ours, or of a version that is too new.
pub(super) fn read(text: &[u8], now: Now) -> Option<Vec<(SessionKey, KeptSession)>> {
    let file: Read = serde_json::from_slice(text).ok()?;
    if file.version > READS {
        return None;
    }
    // at least so long ago, whether or not the machine was started since
    let since = now.boot.saturating_sub(Duration::from_millis(file.written_boot_ms));
    let sessions = file.sessions.into_iter().map(|session| session.into_kept(since, now));
    Some(sessions.filter(|(_, session)| lives(session, now)).collect())
}

/// Whether something of it is left.
fn lives(session: &KeptSession, now: Now) -> bool {
    let Issued { expiration, server_offset, .. } = &session.issued;
    expiration.is_some_and(|end| !remaining(end, *server_offset, session.began, now).is_zero())
}

/// When something began, by the boot clock of this start of the machine. What is older than the start counts from the start,
/// and its wall time moves with it, so that by both clocks as much is left as there was.
fn began(wall: SystemTime, now: Now) -> Now {
    let age = now.wall.duration_since(wall).unwrap_or_default();
    let before_the_start = age.saturating_sub(now.boot);
    Now { wall: wall.checked_add(before_the_start).unwrap_or(now.wall), boot: now.boot.saturating_sub(age) }
}

/// What we write, and the newest that we can make sense of: fields that a neighbour adds are passed over.
const WRITES: u32 = 1;
const READS: u32 = WRITES + 1;

#[derive(Serialize)]
struct File<'s> {
    version: u32,
    /// The boot clock then.
    written_boot_ms: u64,
    sessions: Vec<Written<'s>>,
}

#[derive(Serialize)]
struct Written<'s> {
    key: &'s str,
    began_unix_ms: u64,
    /// How late it was when this was written: the boot clock counts where the wall clock was set back.
    seen_unix_ms: u64,
    access_key_id: &'s str,
    secret_access_key: &'s str,
    session_token: Option<&'s str>,
    ends_unix_ms: u64,
    server_offset_ms: i64,
    account_id: Option<&'s str>,
    role_arn: Option<&'s str>,
}

impl<'s> Written<'s> {
    fn of(key: &'s SessionKey, KeptSession { issued, began }: &'s KeptSession, now: Now) -> Self {
        let by_boot = began.wall.checked_add(now.boot.saturating_sub(began.boot)).unwrap_or(now.wall);
        Self {
            key: &key.0,
            began_unix_ms: unix_ms(began.wall),
            seen_unix_ms: unix_ms(now.wall.max(by_boot)),
            access_key_id: &issued.keys.access_key_id,
            secret_access_key: issued.keys.secret_access_key.expose(),
            session_token: issued.keys.session_token.as_ref().map(Secret::expose),
            // one without an end is none that lives
            ends_unix_ms: issued.expiration.map(unix_ms).unwrap_or_default(),
            server_offset_ms: issued.server_offset.ahead_ms(),
            account_id: issued.account_id.as_deref(),
            role_arn: issued.role_arn.as_deref(),
        }
    }
}

#[derive(Deserialize)]
struct Read {
    version: u32,
    written_boot_ms: u64,
    sessions: Vec<ReadSession>,
}

#[derive(Deserialize)]
struct ReadSession {
    key: String,
    began_unix_ms: u64,
    seen_unix_ms: u64,
    access_key_id: String,
    secret_access_key: Secret,
    session_token: Option<Secret>,
    ends_unix_ms: u64,
    server_offset_ms: i64,
    account_id: Option<String>,
    role_arn: Option<String>,
}

impl ReadSession {
    /// `since`: how long ago it was written, at least.
    fn into_kept(self, since: Duration, now: Now) -> (SessionKey, KeptSession) {
        let seen = time(self.seen_unix_ms).checked_add(since).unwrap_or(now.wall);
        let began = began(time(self.began_unix_ms), Now { wall: now.wall.max(seen), ..now });
        let issued = Issued {
            keys: AwsKeys {
                access_key_id: self.access_key_id,
                secret_access_key: self.secret_access_key,
                session_token: self.session_token,
            },
            expiration: Some(time(self.ends_unix_ms)),
            server_offset: ClockOffset::of_ahead_ms(self.server_offset_ms),
            account_id: self.account_id,
            role_arn: self.role_arn,
            warnings: Vec::new(),
            received: Some(began),
        };
        (SessionKey(self.key.into()), KeptSession { issued, began })
    }
}
