//! What a view defines: keys, a role, a web identity or an SSO role, with everything that STS is asked for.

use super::keys::OwnSource;
use super::view::View;
use super::{Failed, Resolver, azure, params, token};
use crate::config::identity::{
    Definition, Kind, RoleBase, RoleDefinition, RoleRequest, Unusable, WebIdentityDefinition,
};
use crate::config::limits;
use crate::config::sso::SsoDefinition;
use crate::config::web_identity::TokenSource;
use crate::credential::IdentityName;

impl Resolver<'_> {
    pub(super) fn definition(
        &mut self,
        view: &View<'_>,
        region: Option<&str>,
        warnings: &mut Vec<String>,
    ) -> Result<(Kind, Definition), Failed> {
        if let Some(written) = view.azure {
            return self.azure(view, written, warnings);
        }
        self.refuse_shadowing(view)?;
        if view.assumes_role() {
            let role = self.role(view, region, warnings)?;
            let with_a_code = match &role.base {
                RoleBase::Session(session) | RoleBase::Code(session) => session.device.is_some(),
                RoleBase::Identity(_) | RoleBase::Keys(_) => false,
            };
            let kind = if with_a_code { Kind::Mfa } else { Kind::Role };
            return Ok((kind, Definition::Role(role)));
        }
        match self.own_source(view)? {
            OwnSource::WebIdentity => {
                let role = self.web_identity(view, region, warnings)?;
                Ok((Kind::WebIdentity, Definition::WebIdentity(role)))
            }
            OwnSource::Sso(sso) => {
                params::refuse_settings(view, Kind::Sso, params::FOR_ROLES)?;
                params::refuse_settings(view, Kind::Sso, params::FOR_SESSIONS)?;
                let session = self.shared_session(sso.session);
                Ok((Kind::Sso, Definition::Sso(SsoDefinition { session, ..sso })))
            }
            OwnSource::Keys(kind, origin) => {
                params::refuse_settings(view, kind, params::FOR_ROLES)?;
                params::refuse_settings(view, kind, params::FOR_SESSIONS)?;
                let sts = self.sts(view, region, None).map_err(|unusable| Failed::new(kind, unusable))?;
                self.own_keys(view, kind, origin, sts, warnings)
            }
        }
    }

    /// An identity that our TOML makes of another profile must not take the name of a profile.
    fn refuse_shadowing(&self, view: &View<'_>) -> Result<(), Failed> {
        let Some(profile) = view.said.and_then(|said| said.profile.as_ref()) else { return Ok(()) };
        if profile.value == *view.name || !self.shared.profiles.contains_key(&view.name) {
            return Ok(());
        }
        let reason =
            format!("profile = \"{}\", but `{}` is a profile itself: choose another name", profile.value, view.name);
        Err(Failed::new(Kind::Settings, Unusable { place: Some(profile.place.clone()), reason }))
    }

    fn role(
        &mut self,
        view: &View<'_>,
        region: Option<&str>,
        warnings: &mut Vec<String>,
    ) -> Result<RoleDefinition, Failed> {
        let failed = |unusable| Failed::new(Kind::Role, unusable);
        if let Some(unset) = view.said.and_then(|said| said.unset.clone()) {
            return Err(failed(unset));
        }
        let role_arn = role_arn(view).map_err(failed)?;
        let base = self.base(view)?;
        let asked = self.duration(view, warnings);
        let sts = self.sts(view, region, Some(role_arn)).map_err(failed)?;
        let base = self.base_of_user(view, base, &sts, asked, warnings)?;
        let (policy, policy_arns) = params::policies(view).map_err(failed)?;
        let request = RoleRequest {
            sts,
            role_arn: role_arn.to_owned(),
            session_name: self.session_name(view, warnings),
            external_id: params::external_id(view).map_err(failed)?,
            duration: self.granted(view, &base, asked, warnings),
            duration_written: asked.is_some(),
            tags: params::tags(view).map_err(failed)?,
            transitive_tag_keys: params::transitive_tag_keys(view).map_err(failed)?,
            source_identity: params::source_identity(view).map_err(failed)?,
            policy,
            policy_arns,
        };
        Ok(RoleDefinition { request, base })
    }

    fn web_identity(
        &mut self,
        view: &View<'_>,
        region: Option<&str>,
        warnings: &mut Vec<String>,
    ) -> Result<WebIdentityDefinition, Failed> {
        let failed = |unusable| Failed::new(Kind::WebIdentity, unusable);
        params::refuse_settings(view, Kind::WebIdentity, params::FOR_ROLES)?;
        params::warn_of_settings(view, warnings);
        if view.value("role_arn").is_none() {
            let key = token::key(view);
            let reason = format!("{key} needs a role_arn, which says what is assumed with the token");
            return Err(failed(token::unusable(view, reason)));
        }
        let role_arn = role_arn(view).map_err(failed)?;
        let (policy, policy_arns) = params::policies(view).map_err(failed)?;
        Ok(WebIdentityDefinition {
            sts: self.sts(view, region, Some(role_arn)).map_err(failed)?,
            role_arn: role_arn.to_owned(),
            token: self.token(view)?,
            session_name: self.session_name(view, warnings),
            duration: self.duration(view, warnings).unwrap_or(limits::DEFAULT_DURATION),
            policy,
            policy_arns,
        })
    }

    /// Where the token comes from; of an Azure identity, by its whole name, and only if it can be used.
    fn token(&self, view: &View<'_>) -> Result<TokenSource, Failed> {
        let failed = |reason| Failed::new(Kind::WebIdentity, token::unusable(view, reason));
        let Some((typed, resource)) = token::of_azure(view) else {
            return token::source(view, self.surroundings).map_err(|why| Failed::new(Kind::WebIdentity, why));
        };
        let from = self.base_of(typed, true).map_err(failed)?;
        azure::resource(resource).map_err(failed)?;
        if let Some(root) = self.unusable_base(&from) {
            let reason = format!("its token is of `{}`, which cannot be used: {}", root.0, root.1);
            return Err(Failed { root: Some(root), ..failed(reason) });
        }
        if let Some(azure) = self.done.get(&from).and_then(|base| base.identity.azure())
            && !azure.resources.give(resource)
        {
            return Err(failed(format!(
                "`resources` of {from} says that it gives no tokens for {resource}: add it to `allow`"
            )));
        }
        Ok(TokenSource::Azure { from, resource: resource.into() })
    }

    /// What a role is assumed from: exactly one of `source_profile` and `credential_source` says so.
    fn base(&self, view: &View<'_>) -> Result<RoleBase, Failed> {
        let failed = |key: &str, reason: String| Failed::new(Kind::Role, view.unusable(key, reason));
        if let Some(keys) = view.keys() {
            let origin = self.keys_by_reference(view, keys);
            return origin.map(RoleBase::Keys).map_err(|failed| Failed { kind: Kind::Role, ..failed });
        }
        let source = match (view.text("source_profile"), view.text("credential_source")) {
            (Some(_), Some(_)) => {
                let reason = "role_arn has both source_profile and credential_source: take one of them out";
                return Err(failed("credential_source", reason.to_owned()));
            }
            (None, None) => {
                let reason = match view.section {
                    Some(_) => "role_arn needs source_profile or credential_source, which say what it is assumed with",
                    None => "role_arn needs keys or web_identity, which say what it is assumed with",
                };
                return Err(failed("role_arn", reason.to_owned()));
            }
            (None, Some(name)) => {
                let origin = self.credential_source(name).map_err(|reason| failed("credential_source", reason))?;
                return Ok(RoleBase::Keys(origin));
            }
            (Some(source), None) => source,
        };
        if let Some(base) = self.base_identity(view) {
            let Some(resolved) = self.done.get(&base) else { return Ok(RoleBase::Identity(base)) };
            return match &resolved.identity.definition {
                Err(unusable) => {
                    let root = resolved.root.clone().unwrap_or_else(|| (base, unusable.to_string()));
                    Err(because_of(view, root))
                }
                // its own keys, by way of others: a circle to botocore and to aws-config
                Ok(_) if resolved.rests_on.as_ref() == Some(&view.profile) => Err(self.circle(view, &base)),
                Ok(_) => Ok(RoleBase::Identity(base)),
            };
        }
        let Some(name) = self.source_name(source) else {
            let reason = match self.names.meant(source).filter(|name| self.names.is_azure(name)) {
                None => format!("source_profile = {source}, but there is no such profile"),
                Some(azure) => format!(
                    "source_profile = {source}, which is an Azure identity: its token assumes a role by web_identity = {{ from = \
                     \"{azure}\", resource = \"api://...\" }}"
                ),
            };
            return Err(failed("source_profile", reason));
        };
        match self.own_source(&self.source_view(name)) {
            Ok(OwnSource::Keys(_, origin)) => Ok(RoleBase::Keys(origin)),
            Ok(OwnSource::WebIdentity) => Ok(RoleBase::Identity(name.clone())),
            // by this name the role is served, so what its own sign-in gives has none
            Ok(OwnSource::Sso(_)) => {
                let reason = format!(
                    "sso_account_id and role_arn both stand in `{name}`: give the sso_ keys a profile of their own, and name \
                     that as source_profile"
                );
                Err(failed("source_profile", reason))
            }
            Err(source) if *name == view.profile && source.kind == Kind::Settings => {
                let reason = "source_profile names the profile itself, which has no keys of its own";
                Err(failed("source_profile", reason.to_owned()))
            }
            Err(source) => Err(because_of(view, (name.clone(), source.unusable.to_string()))),
        }
    }
}

/// A role is unusable because what it is assumed from is.
fn because_of(view: &View<'_>, root: (IdentityName, String)) -> Failed {
    let reason = format!("it is assumed from `{}`, which cannot be used: {}", root.0, root.1);
    Failed { root: Some(root), ..Failed::new(Kind::Role, view.unusable("source_profile", reason)) }
}

fn role_arn<'a>(view: &View<'a>) -> Result<&'a str, Unusable> {
    let arn = view.text("role_arn").unwrap_or_default();
    let fields: Vec<_> = arn.splitn(6, ':').collect();
    if let ["arn", partition, "iam", "", _, role] = fields.as_slice()
        && !partition.is_empty()
        && role.starts_with("role/")
        && !arn.contains(char::is_whitespace)
    {
        return Ok(arn);
    }
    Err(view.unusable("role_arn", "role_arn is no role's ARN, such as arn:aws:iam::123456789012:role/deploy"))
}
