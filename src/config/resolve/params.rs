//! What STS is asked for beside the role: each from our TOML, else from the profile, held against STS's limits.
//!
//! What would change what is granted (a policy, a tag, an external id) makes the identity unusable where it is wrong;
//! what would not (a duration, a session name) is mended with a warning.

use std::fmt;
use std::time::Duration;

use super::view::View;
use super::{Failed, Resolver};
use crate::config::complaint::Complaint;
use crate::config::identity::{Kind, Place, RoleBase, Unusable};
use crate::config::limits;
use crate::config::own::Said;
use crate::config::toml::Written;

impl Resolver<'_> {
    /// `DurationSeconds`, as it was written.
    pub(super) fn duration(&mut self, view: &View<'_>, warnings: &mut Vec<String>) -> Option<Duration> {
        match view.said.and_then(|said| said.duration.as_ref()) {
            Some(written) => Some(written.value),
            None => self.duration_seconds(view, warnings),
        }
    }

    /// How long a role's sessions are asked to last: no more than an hour where its base is temporary. What a role is assumed
    /// with by another is a chained role to AWS, and so are an instance's and a container's keys.
    pub(super) fn granted(
        &self,
        view: &View<'_>,
        base: &RoleBase,
        asked: Option<Duration>,
        warnings: &mut Vec<String>,
    ) -> Duration {
        let asked = asked.unwrap_or(limits::DEFAULT_DURATION);
        let temporary = match base {
            RoleBase::Identity(_) | RoleBase::Session(_) => true,
            RoleBase::Keys(origin) => self.is_temporary(origin),
            RoleBase::Code(_) => false,
        };
        if !temporary || asked <= limits::MOST_CHAINED_DURATION {
            return asked;
        }
        let (with, mend) = match base {
            RoleBase::Session(_) => {
                let mend =
                    format!(". With `strategy = \"direct\"` in [identity.{}] it is assumed without one", view.name);
                ("a user's session", mend)
            }
            _ => ("temporary keys", String::new()),
        };
        warnings.push(format!(
            "its sessions last 1 h instead of {}: AWS grants no more to a role that is assumed with {with}{mend}",
            Human(asked)
        ));
        limits::MOST_CHAINED_DURATION
    }

    /// `duration_seconds`; what is no number is left out, as botocore does.
    fn duration_seconds(&mut self, view: &View<'_>, warnings: &mut Vec<String>) -> Option<Duration> {
        let value = view.value("duration_seconds")?;
        let Ok(secs) = value.text().parse::<u64>() else {
            let text = format!("duration_seconds is no number of seconds: sessions of `{}` last 1 h", view.name);
            self.complaints.push(Complaint::at(value.place.clone(), text));
            return None;
        };
        let asked = Duration::from_secs(secs);
        let clamped = asked.clamp(limits::LEAST_DURATION, limits::MOST_DURATION);
        if clamped != asked {
            warnings.push(format!(
                "duration_seconds = {secs}, but STS grants 15 min to 12 h: {} is asked for",
                Human(clamped)
            ));
        }
        Some(clamped)
    }

    /// `RoleSessionName`.
    pub(super) fn session_name(&self, view: &View<'_>, warnings: &mut Vec<String>) -> String {
        if let Some(written) = view.said.and_then(|said| said.session_name.as_ref()) {
            return written.value.clone();
        }
        let Some(name) = view.text("role_session_name") else {
            return limits::sanitised_session_name(&self.surroundings.session_name);
        };
        if limits::session_name(name).is_ok() {
            return name.to_owned();
        }
        let sanitised = limits::sanitised_session_name(name);
        warnings.push(format!("role_session_name has characters or a length that STS refuses: `{sanitised}` is sent"));
        sanitised
    }
}

pub(super) fn external_id(view: &View<'_>) -> Result<Option<String>, Unusable> {
    checked(view, |said| said.external_id.as_ref(), "external_id", limits::external_id)
}

pub(super) fn source_identity(view: &View<'_>) -> Result<Option<String>, Unusable> {
    checked(view, |said| said.source_identity.as_ref(), "source_identity", limits::source_identity)
}

/// Session tags: our TOML's `tags`, else aws-vault's `session_tags = key=value,key=value`.
pub(super) fn tags(view: &View<'_>) -> Result<Vec<(String, String)>, Unusable> {
    let (tags, place) = match view.said.and_then(|said| said.tags.as_ref()) {
        Some(written) => (written.value.clone(), Some(written.place.clone())),
        None => match view.text("session_tags") {
            Some(text) => (pairs(text).map_err(|reason| view.unusable("session_tags", reason))?, None),
            None => return Ok(Vec::new()),
        },
    };
    within(view, "session_tags", place, limits::tags(&tags))?;
    Ok(tags)
}

/// Our TOML's `transitive_tags`, else aws-vault's `transitive_session_tags = key,key`.
pub(super) fn transitive_tag_keys(view: &View<'_>) -> Result<Vec<String>, Unusable> {
    let (keys, place) = match view.said.and_then(|said| said.transitive_tags.as_ref()) {
        Some(written) => (written.value.clone(), Some(written.place.clone())),
        None => match view.text("transitive_session_tags") {
            Some(text) => {
                (text.split(',').map(str::trim).filter(|key| !key.is_empty()).map(str::to_owned).collect(), None)
            }
            None => return Ok(Vec::new()),
        },
    };
    within(view, "transitive_session_tags", place, limits::transitive_tag_keys(&keys))?;
    Ok(keys)
}

/// The inline policy and the managed ones.
pub(super) fn policies(view: &View<'_>) -> Result<(Option<String>, Vec<String>), Unusable> {
    let policy = view.said.and_then(|said| said.policy.as_ref());
    let arns = view.said.and_then(|said| said.policy_arns.as_ref());
    let text = policy.map(|written| written.value.clone());
    let list = arns.map(|written| written.value.clone()).unwrap_or_default();
    let place = arns.map(|written| &written.place).or(policy.map(|written| &written.place)).cloned();
    within(view, "", place.clone(), limits::policy_arns(&list))?;
    within(view, "", place, limits::policies_together(text.as_deref(), &list))?;
    Ok((text, list))
}

/// Settings of a role that STS would not be told for another kind of source: to leave out a policy silently would grant
/// more than was written.
pub(super) fn refuse_settings(view: &View<'_>, kind: Kind, settings: &[Setting]) -> Result<(), Failed> {
    let Some(said) = view.said else { return Ok(()) };
    for (name, place) in settings {
        if let Some(place) = place(said) {
            let reason =
                format!("`{name}` cannot be had for `{}`, whose kind is {}: take it out", view.name, kind.word());
            return Err(Failed::new(kind, Unusable { place: Some(place.clone()), reason }));
        }
    }
    Ok(())
}

/// What a shared profile says for `AssumeRole` alone: AWS tools pass over it in silence where a role is assumed with a
/// token, so that the profile must go on working; its owner is told.
pub(super) fn warn_of_settings(view: &View<'_>, warnings: &mut Vec<String>) {
    for key in ["external_id", "session_tags", "transitive_session_tags", "source_identity"] {
        if view.text(key).is_some() {
            warnings.push(format!("{key} is not sent: a role that is assumed with a token takes none"));
        }
    }
}

/// A setting's name and where it is written.
pub(super) type Setting = (&'static str, fn(&Said) -> Option<&Place>);

/// What `AssumeRole` takes and `AssumeRoleWithWebIdentity` does not.
pub(super) const FOR_ROLES: &[Setting] = &[
    ("tags", |said| place(&said.tags)),
    ("transitive_tags", |said| place(&said.transitive_tags)),
    ("source_identity", |said| place(&said.source_identity)),
    ("external_id", |said| place(&said.external_id)),
];

/// What both take.
pub(super) const FOR_SESSIONS: &[Setting] = &[
    ("duration", |said| place(&said.duration)),
    ("session_name", |said| place(&said.session_name)),
    ("policy", |said| place(&said.policy)),
    ("policy_arns", |said| place(&said.policy_arns)),
];

fn place<T>(written: &Option<Written<T>>) -> Option<&Place> {
    written.as_ref().map(|written| &written.place)
}

/// A text of our TOML, which was checked as it was read, or of the profile, which is checked here.
fn checked(
    view: &View<'_>,
    said: impl Fn(&Said) -> Option<&Written<String>>,
    key: &str,
    check: impl Fn(&str) -> Result<(), String>,
) -> Result<Option<String>, Unusable> {
    if let Some(written) = view.said.and_then(said) {
        return Ok(Some(written.value.clone()));
    }
    let Some(text) = view.text(key) else { return Ok(None) };
    within(view, key, None, check(text))?;
    Ok(Some(text.to_owned()))
}

/// A limit's verdict at the place of our TOML, or of the profile's key.
fn within(view: &View<'_>, key: &str, place: Option<Place>, verdict: Result<(), String>) -> Result<(), Unusable> {
    verdict.map_err(|reason| match place {
        Some(place) => Unusable { place: Some(place), reason },
        None => view.unusable(key, reason),
    })
}

fn pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| match pair.split_once('=') {
            Some((key, value)) => Ok((key.trim().to_owned(), value.trim().to_owned())),
            None => Err(format!("session_tags are written key=value,key=value, and `{pair}` has no `=`")),
        })
        .collect()
}

/// A duration as a person says it: `12 h`, `15 min`, `90 s`.
pub(super) struct Human(pub(super) Duration);

impl fmt::Display for Human {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_secs() {
            secs if secs % 3600 == 0 => write!(f, "{} h", secs / 3600),
            secs if secs % 60 == 0 => write!(f, "{} min", secs / 60),
            secs => write!(f, "{secs} s"),
        }
    }
}
