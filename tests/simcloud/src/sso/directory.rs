//! [`Directory`]: everything that IAM Identity Center knows. It lies behind the cloud's one lock; its rules take the time as
//! a parameter and never ask for it.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, SystemTime},
};

use super::{
    login::{Login, Way},
    model::{AccessToken, Account, Assignment, Instance, Rate, RefreshToken, Registration, SignIn, Vanity},
    oidc::PORTAL_SCOPE,
    refusal,
};
use crate::Refusal;

/// What the clients of Identity Center were told, and who they act for.
pub(crate) struct Directory {
    /// By start URL.
    pub(crate) instances: BTreeMap<String, Instance>,
    /// By name; whether the person may sign in.
    pub(crate) people: BTreeMap<String, bool>,
    /// By id.
    pub(crate) accounts: BTreeMap<String, Account>,
    /// By person, account and role.
    pub(crate) assignments: BTreeMap<(String, String, String), Assignment>,
    /// By client id.
    pub(crate) registrations: HashMap<String, Registration>,
    pub(crate) registration_life: Duration,
    pub(crate) logins: BTreeMap<u64, Login>,
    pub(crate) sign_ins: BTreeMap<u64, SignIn>,
    pub(crate) last_number: u64,
    pub(crate) access_tokens: HashMap<String, AccessToken>,
    pub(crate) refresh_tokens: HashMap<String, RefreshToken>,
    /// By host.
    pub(crate) vanities: BTreeMap<String, Vanity>,
    pub(crate) rate: Option<Bucket>,
}

impl Default for Directory {
    fn default() -> Self {
        Self {
            instances: BTreeMap::new(),
            people: BTreeMap::new(),
            accounts: BTreeMap::new(),
            assignments: BTreeMap::new(),
            registrations: HashMap::new(),
            registration_life: Duration::from_secs(90 * 24 * 3600),
            logins: BTreeMap::new(),
            sign_ins: BTreeMap::new(),
            last_number: 0,
            access_tokens: HashMap::new(),
            refresh_tokens: HashMap::new(),
            vanities: BTreeMap::new(),
            rate: None,
        }
    }
}

impl Directory {
    /// The instance of a start URL, however its end is written (`/start`, `/start/`, `/start#/`).
    pub(crate) fn instance(&self, start_url: &str) -> Option<&Instance> {
        self.instances.get(plain(start_url))
    }

    /// The registration of a client that shows its secret. (RFC 6749, section 5.2: `invalid_client`.)
    pub(super) fn client(&self, id: &str, secret: &str, now: SystemTime) -> Result<&Registration, Refusal> {
        let registration = self.registrations.get(id).filter(|registration| registration.secret == secret);
        registration
            .filter(|registration| now < registration.expires)
            .ok_or_else(|| refusal::oidc("InvalidClientException", None))
    }

    /// Whether a person is there and may sign in.
    pub(crate) fn may_sign_in(&self, person: &str) -> bool {
        self.people.get(person) == Some(&true)
    }

    /// The person and the sign-in behind an access token that is good now. Whether the person was disabled since does not
    /// matter: a token lives to its end. (IAM Identity Center User Guide, "Understanding authentication sessions".)
    pub(super) fn bearer(&self, token: &str, region: Option<&str>, now: SystemTime) -> Result<(u64, SignIn), Refusal> {
        let good = self.access_tokens.get(token).filter(|access| {
            let is_for_portal = access.scopes.is_empty() || access.scopes.iter().any(|scope| scope == PORTAL_SCOPE);
            is_for_portal && !access.revoked && now < access.expires
        });
        let sign_in = good.and_then(|access| Some((access.sign_in, self.sign_ins.get(&access.sign_in)?)));
        sign_in
            .filter(|(_, sign_in)| sign_in.lives(now) && self.is_in(&sign_in.start_url, region))
            .map(|(number, sign_in)| (number, sign_in.clone()))
            .ok_or_else(|| refusal::portal("UnauthorizedException"))
    }

    /// The sign-in that a token of either kind hangs on, good or not.
    pub(super) fn sign_in_of(&self, token: &str) -> Option<u64> {
        let access = self.access_tokens.get(token).map(|access| access.sign_in);
        access.or_else(|| self.refresh_tokens.get(token).map(|refresh| refresh.sign_in))
    }

    /// Whether the endpoints of a region serve this instance. A host that names no region serves all.
    pub(super) fn is_in(&self, start_url: &str, region: Option<&str>) -> bool {
        self.instance(start_url).is_some_and(|instance| region.is_none_or(|region| region == instance.region))
    }

    /// The login that a device code, a user code or an authorization code belongs to.
    pub(super) fn login_by_code(&self, wanted: &str) -> Option<u64> {
        let is_of = |login: &Login| match &login.way {
            Way::Device { device_code, user_code, .. } => device_code == wanted || user_code == wanted,
            Way::Redirect { code, .. } => code == wanted,
        };
        self.logins.iter().find(|(_, login)| is_of(login)).map(|(number, _)| *number)
    }

    pub(super) fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }
}

/// The portal's patience: a token bucket on the cloud's clock.
pub(crate) struct Bucket {
    pub(crate) rate: Rate,
    left: f64,
    filled: SystemTime,
}

impl Bucket {
    pub(crate) fn full(rate: Rate, now: SystemTime) -> Self {
        Self { rate, left: rate.calls_per_sec.max(1.0), filled: now }
    }

    /// Whether one more call is taken.
    pub(super) fn takes(&mut self, now: SystemTime) -> bool {
        let passed = now.duration_since(self.filled).unwrap_or_default().as_secs_f64();
        self.left = (self.left + passed * self.rate.calls_per_sec).min(self.rate.calls_per_sec.max(1.0));
        self.filled = now;
        let takes = self.left >= 1.0;
        if takes {
            self.left -= 1.0;
        }
        takes
    }
}

/// A start URL without the endings that browsers and people give it.
pub(crate) fn plain(start_url: &str) -> &str {
    start_url.trim_end_matches(['/', '#'])
}
