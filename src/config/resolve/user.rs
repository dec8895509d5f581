//! What rests on an IAM user's long-term keys: whether they are used as they are or turned into a session first, with which
//! device, and where its codes come from.
//!
//! As AWS tools have it, `mfa_serial` counts where it stands in the role's own profile, never in that of its source. Our
//! TOML may say it of either. Called by `resolve/role.rs`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::params::Human;
use super::view::View;
use super::{Failed, Resolver, endpoint, keys, relative};
use crate::config::complaint::Complaint;
use crate::config::identity::{Definition, KeysOrigin, Kind, Place, RoleBase, StsEndpoint};
use crate::config::own::{Said, SaidOfKeys};
use crate::config::shared::Value;
use crate::config::toml::Written;
use crate::config::user_session::{Device, KeysReference, Otp, Strategy, UserSession};
use crate::config::{limits, own};

/// What a device, or keys that need a person, are there for.
#[derive(Default)]
pub(super) struct Uses {
    /// How many identities rest on it directly.
    identities: usize,
    /// Where our TOML has its codes come from, each once.
    otps: Vec<Written<Otp>>,
}

/// By the device's serial, or by what its keys are called.
pub(super) type UsesOf = BTreeMap<String, Uses>;

impl Resolver<'_> {
    /// What each device is there for; before anything is resolved, since that is about all identities together.
    pub(super) fn uses(&self) -> UsesOf {
        let mut uses = UsesOf::new();
        for name in self.names.keys() {
            let view = self.view(name);
            let Some(of) = self.rests_on(&view) else { continue };
            let uses: &mut Uses = uses.entry(of).or_default();
            uses.identities += 1;
            if let Some(otp) = self.said_of(&view, |said| said.user.otp.as_ref())
                && !uses.otps.iter().any(|known| known.value == otp.value)
            {
                uses.otps.push(otp.clone());
            }
        }
        uses
    }

    /// What a role with this base is assumed from: the keys as they are, or a session.
    pub(super) fn base_of_user(
        &mut self,
        view: &View<'_>,
        base: RoleBase,
        sts: &StsEndpoint,
        asked: Option<Duration>,
        warnings: &mut Vec<String>,
    ) -> Result<RoleBase, Failed> {
        let serial = self.serial(view).cloned();
        let origin = match base {
            RoleBase::Keys(origin) if !self.is_temporary(&origin) => origin,
            base => {
                if serial.is_some() {
                    warnings.push(NO_CODE.to_owned());
                }
                return Ok(base);
            }
        };
        if serial.is_none() && !may_need_a_person(&origin) {
            return Ok(RoleBase::Keys(origin));
        }
        let session = self.session(view, origin, serial.as_ref(), sts, warnings)?;
        let strategy = self.said_of(view, |said| said.user.strategy.as_ref());
        let direct = match strategy.map(|written| written.value).unwrap_or_default() {
            Strategy::Direct => true,
            Strategy::Session => false,
            Strategy::Auto => {
                let alone =
                    self.rests_on(view).and_then(|of| self.uses.get(&of)).is_none_or(|uses| uses.identities == 1);
                alone && asked.is_some_and(|asked| asked > limits::MOST_CHAINED_DURATION)
            }
        };
        Ok(if direct { RoleBase::Code(session) } else { RoleBase::Session(session) })
    }

    /// What an identity with keys of its own hands out: what they give by themselves, or a session.
    pub(super) fn own_keys(
        &mut self,
        view: &View<'_>,
        kind: Kind,
        origin: KeysOrigin,
        sts: StsEndpoint,
        warnings: &mut Vec<String>,
    ) -> Result<(Kind, Definition), Failed> {
        let serial = self.serial(view).cloned();
        if self.is_temporary(&origin) || serial.is_none() && !may_need_a_person(&origin) {
            if serial.is_some() {
                warnings.push(NO_CODE.to_owned());
            }
            return Ok((kind, Definition::Keys { origin, sts }));
        }
        let session = self.session(view, origin, serial.as_ref(), &sts, warnings)?;
        let kind = if session.device.is_some() { Kind::Mfa } else { kind };
        Ok((kind, Definition::Session(session)))
    }

    /// `keys` of our TOML, where the identity has it.
    pub(super) fn keys_by_reference(
        &self,
        view: &View<'_>,
        written: &Written<SaidOfKeys>,
    ) -> Result<KeysOrigin, Failed> {
        let failed = |reason: String| {
            let unusable = super::Unusable { place: Some(written.place.clone()), reason };
            Failed::new(Kind::Keys, unusable)
        };
        let reference = written.value.reference(self.surroundings.environment);
        let mut reference = reference.map_err(|reason| failed(format!("`keys`: {reason}")))?;
        if let KeysReference::Command { argv, .. } = &mut reference {
            if keys::calls_us(argv, self.surroundings.own_program.as_deref()) {
                return Err(failed("`keys` calls credenza, which would ask itself".to_owned()));
            }
            self.see_from_our_folder(argv);
        }
        let account_id = view.text("aws_account_id").map(str::to_owned);
        Ok(KeysOrigin::Reference { identity: view.name.clone(), reference, account_id })
    }

    fn session(
        &mut self,
        view: &View<'_>,
        keys: KeysOrigin,
        serial: Option<&Value>,
        sts: &StsEndpoint,
        warnings: &mut Vec<String>,
    ) -> Result<Arc<UserSession>, Failed> {
        let device = match serial {
            None => None,
            Some(serial) => {
                limits::mfa_serial(serial.text()).map_err(|reason| {
                    let unusable = super::Unusable { place: Some(serial.place.clone()), reason };
                    Failed::new(Kind::Mfa, unusable)
                })?;
                Some(Device { serial: serial.text().to_owned(), otp: self.otp(view, serial.text()) })
            }
        };
        let session = UserSession {
            device,
            keys,
            duration: self.session_duration(view, warnings),
            sts: sts.clone(),
            ca_bundle: endpoint::ca_bundle(Some(view), self.surroundings),
        };
        Ok(Arc::new(session))
    }

    fn session_duration(&self, view: &View<'_>, warnings: &mut Vec<String>) -> Duration {
        let written = self.said_of(view, |said| said.user.session_duration.as_ref());
        let Some(asked) = written.map(|written| written.value) else { return UserSession::DURATION };
        let clamped = asked.clamp(UserSession::LEAST, UserSession::MOST);
        if clamped != asked {
            warnings.push(format!(
                "session_duration is {}, but STS grants a user's session 15 min to 36 h: {} is asked for",
                Human(asked),
                Human(clamped)
            ));
        }
        clamped
    }

    /// Where a device's codes come from: what our TOML says of the identity, of its source, of any other with the device;
    /// else aws-vault's `mfa_process`; else a person is asked.
    fn otp(&mut self, view: &View<'_>, serial: &str) -> Otp {
        if let Some(written) = self.said_of(view, |said| said.user.otp.as_ref()) {
            let mut otp = written.value.clone();
            if let Otp::Command { argv, .. } = &mut otp {
                self.see_from_our_folder(argv);
            }
            return otp;
        }
        let others = self.uses.get(serial).map(|uses| uses.otps.as_slice()).unwrap_or_default();
        if let [first, more @ ..] = others {
            let otp = first.value.clone();
            let complaints: Vec<_> = more.iter().flat_map(|other| disagreement(serial, first, other)).collect();
            for complaint in complaints {
                if !self.complaints.contains(&complaint) {
                    self.complaints.push(complaint);
                }
            }
            return otp;
        }
        let source = self.source_of_role(view);
        let line = view.text("mfa_process").or_else(|| source.and_then(|source| source.text("mfa_process")));
        match line {
            Some(line) => Otp::MfaProcess { line: line.to_owned() },
            None => Otp::Prompt { pinentry: false },
        }
    }

    /// What tells what an identity rests on directly: a device, or keys that are not at hand.
    fn rests_on(&self, view: &View<'_>) -> Option<String> {
        if view.said.is_some_and(|said| said.unset.is_some()) || self.base_identity(view).is_some() {
            return None;
        }
        if let Some(serial) = self.serial(view) {
            return Some(serial.text().to_owned());
        }
        let keys = self.said_of(view, |said| said.user.keys.as_ref())?;
        let reference = keys.value.reference(self.surroundings.environment).ok()?;
        let origin = KeysOrigin::Reference { identity: view.name.clone(), reference, account_id: None };
        may_need_a_person(&origin).then(|| format!("{} {}", origin.label(), origin.mark()))
    }

    /// The device that an identity is meant to use.
    fn serial<'v>(&'v self, view: &'v View<'_>) -> Option<&'v Value> {
        let own = view.value("mfa_serial");
        if view.assumes_role() {
            let of_source = || self.said_of_source(view).and_then(|said| said.user.mfa_serial.as_ref());
            return own.or_else(of_source);
        }
        // beside a process it is that program's
        let said = view.said.is_some_and(|said| said.user.mfa_serial.is_some());
        own.filter(|_| {
            said || view.keys().is_some() || view.has_static_keys() && view.value("credential_process").is_none()
        })
    }

    /// What our TOML says of an identity, else of the source that its role is assumed from.
    fn said_of<'v, T>(&'v self, view: &'v View<'_>, part: impl Fn(&'v Said) -> Option<T>) -> Option<T> {
        let own = view.said.and_then(&part);
        own.or_else(|| self.said_of_source(view).and_then(part))
    }

    fn said_of_source(&self, view: &View<'_>) -> Option<&own::Said> {
        self.source_of_role(view).and_then(|source| source.said)
    }

    /// The profile whose keys a role is assumed with.
    fn source_of_role(&self, view: &View<'_>) -> Option<View<'_>> {
        if !view.assumes_role() || view.keys().is_some() {
            return None;
        }
        let source = view.text("source_profile").filter(|source| **source != *view.name)?;
        Some(self.source_view(self.source_name(source)?))
    }

    /// Whether keys are known to be temporary. Where it shows only later, the source sees to it.
    pub(super) fn is_temporary(&self, origin: &KeysOrigin) -> bool {
        match origin {
            KeysOrigin::Static { keys, .. } => !keys.long_term(),
            KeysOrigin::EcsContainer | KeysOrigin::Ec2InstanceMetadata => true,
            KeysOrigin::Environment => self.surroundings.environment.text("AWS_SESSION_TOKEN").is_some(),
            KeysOrigin::Process { .. } | KeysOrigin::Reference { .. } => false,
        }
    }

    fn see_from_our_folder(&self, argv: &mut [String]) {
        if let Some(first) = argv.first_mut()
            && let Some(program) = relative::program(first, self.surroundings)
        {
            *first = program;
        }
    }
}

/// API_GetSessionToken: with temporary keys it cannot be called; API_AssumeRole: nor does a code count there.
const NO_CODE: &str = "mfa_serial is left out: the keys that it would go with are temporary, and AWS takes a code with \
                       an IAM user's long-term keys alone";

/// Whether a person may be needed for the keys, so that they are fetched once and a session is kept.
fn may_need_a_person(origin: &KeysOrigin) -> bool {
    let KeysOrigin::Reference { reference, .. } = origin else { return false };
    matches!(reference, KeysReference::OnePassword { .. } | KeysReference::Command { .. })
}

/// Two places that say different things about one device.
fn disagreement(serial: &str, one: &Written<Otp>, other: &Written<Otp>) -> [Complaint; 2] {
    let complaint = |here: &Written<Otp>, place: &Place| {
        let text = format!("the codes of {serial} come from another place at {place}: write the same `otp` at both");
        Complaint::at(here.place.clone(), text)
    };
    [complaint(one, &other.place), complaint(other, &one.place)]
}
