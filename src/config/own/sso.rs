//! `[sso.X]` of our TOML: what it may say about a sign-in of IAM Identity Center, beyond the shared files.
//!
//! `X` is the name of an `[sso-session X]`, or in quotes the start URL that profiles of the older form share. Called by
//! [`super::Own`]; what it says goes into [`SsoSession`](crate::config::SsoSession) in `config/resolve/sso.rs`.

use std::collections::BTreeMap;
use std::time::Duration;

use ::toml::de::DeTable;

use crate::config::complaint::Complaint;
use crate::config::duration;
use crate::config::identity::Place;
use crate::config::shared::SharedFiles;
use crate::config::sso::SsoCache;
use crate::config::toml::{Keys, Reader, Written, nearest};

/// What `[sso.X]` says.
#[derive(Clone, Debug)]
pub struct SaidOfSession {
    /// Where the table begins.
    pub place: Place,
    /// Where its tokens lie: `"shared"` or `"private"`.
    pub cache: Option<Written<SsoCache>>,
    /// How long a sign-in lasts, 15 min to 90 days.
    pub session_length: Option<Written<Duration>>,
    /// How long before its end a sign-in is announced to end; zero: never.
    pub announce: Option<Written<Duration>>,
    /// How long role credentials are handed out after a renewal failed, 1 min to 12 h.
    pub max_hold: Option<Written<Duration>>,
}

pub(super) const SSO: Keys =
    Keys { table: "[sso]", known: &["cache", "session_length", "announce", "max_hold"], later: &[] };

impl SaidOfSession {
    pub(super) fn read<'a>(reader: &mut Reader<'a>, place: Place, table: &DeTable<'a>) -> Self {
        reader.check_keys(&SSO, table);
        let mut parsed = |key: &str, bounds: &Bounds| {
            table.get(key).and_then(|item| reader.parsed(key, item, |text| within(text, bounds)))
        };
        Self {
            place,
            session_length: parsed("session_length", &SESSION_LENGTH),
            announce: parsed("announce", &ANNOUNCE),
            max_hold: parsed("max_hold", &MAX_HOLD),
            cache: table.get("cache").and_then(|item| reader.parsed("cache", item, cache)),
        }
    }

    pub(super) fn lay_over(&mut self, upper: Self) {
        self.place = upper.place;
        self.cache = upper.cache.or(self.cache.take());
        self.session_length = upper.session_length.or(self.session_length.take());
        self.announce = upper.announce.or(self.announce.take());
        self.max_hold = upper.max_hold.or(self.max_hold.take());
    }

    /// What both files say together and cannot mean: an announcement before the sign-in began.
    pub(super) fn contradiction(&self) -> Option<Complaint> {
        let (announce, length) = (self.announce.as_ref()?, self.session_length.as_ref()?);
        (announce.value > length.value).then(|| {
            let text =
                "`announce` is longer than `session_length`: a sign-in cannot be announced to end before it begins";
            Complaint::at(announce.place.clone(), text)
        })
    }
}

/// A complaint about each `[sso.X]` whose session is in no shared file: what is said about it would hold for nothing.
pub(super) fn missing(sessions: &BTreeMap<String, SaidOfSession>, shared: &SharedFiles) -> Vec<Complaint> {
    let older = shared.profiles.values().filter(|profile| profile.value("sso_session").is_none());
    let urls = older.filter_map(|profile| profile.text("sso_start_url"));
    let known: Vec<&str> = shared.sso_sessions.keys().map(String::as_str).chain(urls).collect();
    let complaint = |(name, said): (&String, &SaidOfSession)| {
        if known.contains(&name.as_str()) {
            return None;
        }
        let mend = match nearest(name, known.iter().copied()) {
            Some(nearest) => format!("did you mean `{nearest}`?"),
            None => "write it into the shared config file".to_owned(),
        };
        let what = if name.contains("://") { "profile whose sso_start_url is" } else { "sso-session" };
        Some(Complaint::at(said.place.clone(), format!("there is no {what} `{name}`: {mend}")))
    };
    sessions.iter().filter_map(complaint).collect()
}

/// The least and the most that a duration may be, and the sentence for what is not between.
struct Bounds {
    least: Duration,
    most: Duration,
    otherwise: &'static str,
}

/// What an administrator can set: IAM Identity Center User Guide, "Configure the session duration of the AWS access portal".
const SESSION_LENGTH: Bounds =
    Bounds { least: minutes(15), most: minutes(90 * 24 * 60), otherwise: "a sign-in lasts 15m to 90d" };
const ANNOUNCE: Bounds = Bounds {
    least: Duration::ZERO,
    most: SESSION_LENGTH.most,
    otherwise: "a sign-in lasts 90d at most, and is announced to end within that",
};
const MAX_HOLD: Bounds =
    Bounds { least: minutes(1), most: minutes(12 * 60), otherwise: "role credentials are held 1m to 12h" };

const fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

fn within(text: &str, bounds: &Bounds) -> Result<Duration, String> {
    let duration = duration::parse(text)?;
    let fits = (bounds.least..=bounds.most).contains(&duration);
    if fits { Ok(duration) } else { Err(bounds.otherwise.to_owned()) }
}

fn cache(text: &str) -> Result<SsoCache, String> {
    match text {
        "shared" => Ok(SsoCache::Shared),
        "private" => Ok(SsoCache::Private),
        _ => Err("tokens lie in the AWS CLI's folder, \"shared\", or in the system's keyring, \"private\"".to_owned()),
    }
}
