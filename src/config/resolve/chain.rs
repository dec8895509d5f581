//! The order in which identities are resolved: what a role is assumed from comes first. Loops are found here.

use std::collections::BTreeSet;

use super::names::Whose;
use super::view::View;
use super::{Failed, Resolved, Resolver, azure, token};
use crate::config::identity::{Definition, Identity, Kind, RoleBase};
use crate::config::own::Said;
use crate::credential::IdentityName;

impl<'a> Resolver<'a> {
    /// Resolves an identity and everything that it is assumed from. A walk, not a recursion: a chain may be long.
    pub(super) fn resolve_with_bases(&mut self, name: &IdentityName) {
        let mut path = vec![name.clone()];
        let mut on_path = BTreeSet::from([name.clone()]);
        while let Some(name) = path.last() {
            if self.done.contains_key(name) {
                on_path.remove(name);
                path.pop();
                continue;
            }
            let view = self.view(name);
            match self.made_from(&view).filter(|base| !self.done.contains_key(base)) {
                Some(base) if on_path.contains(&base) => {
                    let start = path.iter().position(|name| *name == base).unwrap_or_default();
                    self.finish_loop(&path[start..]);
                }
                Some(base) => {
                    on_path.insert(base.clone());
                    path.push(base);
                }
                None => {
                    let mut warnings = Vec::new();
                    let region = self.region(&view);
                    let outcome = self.definition(&view, region.as_deref(), &mut warnings);
                    let resolved = self.identity(&view, region, outcome, warnings);
                    self.done.insert(view.name, resolved);
                }
            }
        }
    }

    fn finish_loop(&mut self, members: &[IdentityName]) {
        for (index, name) in members.iter().enumerate() {
            let turn = members.iter().cycle().skip(index).take(members.len() + 1);
            let chain = turn.map(|name| &**name).collect::<Vec<_>>().join(" -> ");
            let view = self.view(name);
            let over_both = members.iter().any(|name| self.view(name).azure.is_some());
            let reason = match over_both {
                false => format!("source_profile goes round in a circle: {chain}; one of them needs keys of its own"),
                true => format!(
                    "each is made from the next, round in a circle: {chain}; one of them must get its credentials elsewhere"
                ),
            };
            let outcome = Err(match view.azure {
                Some(azure) => Failed::new(azure.kind(), azure::at(&view, "from", reason)),
                None if view.has_token() => Failed::new(Kind::WebIdentity, token::unusable(&view, reason)),
                None => Failed::new(Kind::Role, view.unusable("source_profile", reason)),
            });
            let resolved = self.identity(&view, None, outcome, Vec::new());
            self.done.insert(name.clone(), resolved);
        }
    }

    /// A role with keys of its own, which it is assumed from by way of others, `base` the first of them.
    pub(super) fn circle(&self, view: &View<'_>, base: &IdentityName) -> Failed {
        let mut chain = format!("{} -> {base}", view.profile);
        let mut current = base;
        while let Some(Resolved { identity: Identity { definition: Ok(Definition::Role(role)), .. }, .. }) =
            self.done.get(current)
            && let RoleBase::Identity(next) = &role.base
        {
            chain = format!("{chain} -> {next}");
            current = next;
        }
        let reason = format!(
            "source_profile goes round in a circle: {chain} -> {}; name the profile itself to use its keys",
            view.profile
        );
        Failed::new(Kind::Role, view.unusable("source_profile", reason))
    }

    /// The identity whose credential this one is made from, whole or not: what a role is assumed from, whom AWS signs for, whose
    /// token a role is assumed with.
    fn made_from(&self, view: &View<'_>) -> Option<IdentityName> {
        if let Some(azure) = view.azure {
            return self.signed_for(azure);
        }
        match token::of_azure(view) {
            Some((from, _)) => self.names.meant(from).filter(|name| self.names.is_azure(name)).cloned(),
            None => self.base_identity(view),
        }
    }

    /// The identity whose credential this one is assumed from: a source profile that is itself a role, or has a web
    /// identity or an SSO role. `None` for everything else, whole or not.
    pub(super) fn base_identity(&self, view: &View<'_>) -> Option<IdentityName> {
        if !view.assumes_role() {
            return None;
        }
        if view.keys().is_some() {
            return None;
        }
        let source = view.text("source_profile").filter(|source| **source != *view.profile)?;
        let source = self.source_name(source)?;
        let source_view = self.source_view(source);
        let role = source_view.assumes_role() && !source_view.has_static_keys();
        let issued = source_view.has_token() || source_view.has_sso_role() && !source_view.assumes_role();
        (role || issued && source_view.keys().is_none()).then(|| source.clone())
    }

    /// Who is meant by `source_profile`: a profile, or an identity that our TOML makes without one.
    pub(super) fn source_name(&self, source: &str) -> Option<&'a IdentityName> {
        let profile = self.shared.profiles.get_key_value(source).map(|(name, _)| name);
        profile.or_else(|| {
            let (name, said) = self.own.identities.get_key_value(source)?;
            said.stands_alone().then_some(name)
        })
    }

    /// A source, with what our TOML says of it by its own name.
    pub(super) fn source_view(&self, source: &IdentityName) -> View<'a> {
        let itself = |said: &&Said| said.profile.as_ref().is_none_or(|profile| profile.value == **source);
        View::new(self.shared, self.said(source).filter(itself), source)
    }

    pub(super) fn view(&self, name: &IdentityName) -> View<'a> {
        match self.names.of(name) {
            Some(Whose::Azure { azure, said }) => View::of_azure(azure, said, name),
            Some(Whose::Aws) | None => View::new(self.shared, self.said(name), name),
        }
    }

    /// What our TOML says of an AWS identity.
    fn said(&self, name: &IdentityName) -> Option<&'a Said> {
        self.own.identities.get(name).filter(|said| said.azure.is_none())
    }
}
