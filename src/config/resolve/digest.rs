//! The digest of what decides what an identity serves: the files, the account, the role, the source.
//!
//! A daemon and an `exec` that have the same digest serve the same. So what differs between two shells of one person and
//! decides nothing is left out: the default session name, the default region.

use std::path::Path;

use super::view::View;
use super::{Resolver, azure, token};
use crate::config::azure::{AssertionSource, AzureDefinition, AzureSource, CertificateKey};
use crate::config::identity::{Definition, KeysOrigin, RoleBase, StsEndpoint, Unusable};
use crate::config::user_session::{KeysReference, UserSession};
use crate::config::web_identity::TokenSource;
use crate::secret::Digest;

/// The digest of a definition, whole or not. `base` is the digest of the identity that it is made from. `without`: as
/// somebody has it who lacks the variables of `keys = "env:PREFIX"`.
pub(super) fn of(
    view: &View<'_>,
    definition: &Result<Definition, Unusable>,
    resolver: &Resolver<'_>,
    base: Option<Digest>,
    ca_bundle: Option<&Path>,
    without: bool,
) -> Digest {
    let mut fields = Fields { bytes: Vec::new(), without };
    fields.add("name", &*view.name);
    fields.add("profile", &*view.profile);
    fields.add("config", resolver.shared.config.as_os_str().as_encoded_bytes());
    fields.add("credentials", resolver.shared.credentials.as_os_str().as_encoded_bytes());
    fields.add("ca", ca_bundle.map_or(&[][..], |path| path.as_os_str().as_encoded_bytes()));
    match definition {
        Err(unusable) => fields.add("unusable", unusable.to_string()),
        Ok(Definition::Keys { origin, sts }) => {
            fields.origin(origin, resolver);
            fields.sts(sts, view);
        }
        Ok(Definition::Session(session)) => fields.session(session, resolver),
        Ok(Definition::Role(role)) => {
            fields.add("role", &role.request.role_arn);
            match (&role.base, base) {
                (RoleBase::Keys(origin), _) => fields.origin(origin, resolver),
                (RoleBase::Session(session), _) => fields.session(session, resolver),
                (RoleBase::Code(session), _) => {
                    fields.add("code", "");
                    fields.session(session, resolver);
                }
                (RoleBase::Identity(name), base) => {
                    fields.add("base", &**name);
                    fields.base(base);
                }
            }
            let role = &role.request;
            fields.session_name(view, &role.session_name);
            fields.add("external id", role.external_id.as_deref().unwrap_or_default());
            fields.add("duration", role.duration.as_secs().to_be_bytes());
            for (key, value) in &role.tags {
                fields.add("tag", key);
                fields.add("tag value", value);
            }
            role.transitive_tag_keys.iter().for_each(|key| fields.add("transitive", key));
            fields.add("source identity", role.source_identity.as_deref().unwrap_or_default());
            fields.policies(role.policy.as_deref(), &role.policy_arns);
            fields.sts(&role.sts, view);
        }
        Ok(Definition::WebIdentity(role)) => {
            fields.add("web identity", &role.role_arn);
            fields.token(&role.token, resolver);
            fields.base(base);
            fields.session_name(view, &role.session_name);
            fields.add("duration", role.duration.as_secs().to_be_bytes());
            fields.policies(role.policy.as_deref(), &role.policy_arns);
            fields.sts(&role.sts, view);
        }
        Ok(Definition::Sso(sso)) => {
            fields.add("sso", &*sso.session.key().0);
            fields.add("account", &sso.account_id);
            fields.add("role name", &sso.role_name);
            fields.add("endpoints", [u8::from(sso.session.fips), u8::from(sso.session.dualstack)]);
        }
        Ok(Definition::Azure(azure)) => {
            fields.azure(azure, view, resolver);
            fields.base(base);
        }
    }
    Digest::of(&fields.bytes)
}

/// Every variable that says which container endpoint is asked, and as whom: `source/aws_container.rs`.
const CONTAINER: &[&str] = &[
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
];

/// Every variable that says which instance metadata service is asked: `source/aws_instance.rs`.
const INSTANCE: &[&str] =
    &["AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "AWS_EC2_METADATA_DISABLED"];

/// Fields with their lengths, so that no two lists of fields give the same bytes. Secrets go in as their digests.
struct Fields {
    bytes: Vec<u8>,
    /// The variables of keys count as not set.
    without: bool,
}

impl Fields {
    fn add(&mut self, name: &str, value: impl AsRef<[u8]>) {
        for part in [name.as_bytes(), value.as_ref()] {
            self.bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            self.bytes.extend_from_slice(part);
        }
    }

    fn origin(&mut self, origin: &KeysOrigin, resolver: &Resolver<'_>) {
        match origin {
            KeysOrigin::Static { profile, keys, account_id } => {
                self.add("static", &**profile);
                self.add("key", &keys.access_key_id);
                self.add("secret", keys.secret_access_key.digest().0);
                self.add("token", keys.session_token.as_ref().map(|token| token.digest().0).unwrap_or_default());
                self.add("account", account_id.as_deref().unwrap_or_default());
            }
            KeysOrigin::Process { profile, argv, account_id } => {
                self.add("process", &**profile);
                argv.iter().for_each(|word| self.add("word", Digest::of(word.as_bytes()).0));
                self.add("account", account_id.as_deref().unwrap_or_default());
            }
            KeysOrigin::Reference { identity: _, reference, account_id } => {
                self.add("reference", reference.label());
                self.add("mark", origin.mark());
                self.add("account", account_id.as_deref().unwrap_or_default());
                if let KeysReference::Environment(prefix) = reference {
                    let names = ["ACCESS_KEY_ID", "SECRET_ACCESS_KEY"].map(|half| format!("{prefix}_{half}"));
                    let is_set = |name: &String| resolver.surroundings.environment.text(name).is_some();
                    if !self.without && names.iter().any(is_set) {
                        self.variables(resolver, &[&names[0], &names[1]]);
                    }
                }
            }
            KeysOrigin::Environment => {
                self.add("environment", "");
                self.variables(resolver, &["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"]);
            }
            KeysOrigin::EcsContainer => {
                self.add("container", "");
                self.variables(resolver, CONTAINER);
            }
            KeysOrigin::Ec2InstanceMetadata => {
                self.add("ec2", "");
                self.variables(resolver, INSTANCE);
            }
        }
    }

    fn token(&mut self, token: &TokenSource, resolver: &Resolver<'_>) {
        match token {
            TokenSource::File(path) => self.add("token file", path.as_os_str().as_encoded_bytes()),
            TokenSource::Command(argv) => {
                self.add("token command", "");
                argv.iter().for_each(|word| self.add("word", Digest::of(word.as_bytes()).0));
            }
            TokenSource::GitHubActions { audience } => {
                self.add("token of github", audience);
                self.variables(resolver, token::VARIABLES);
            }
            // what the Azure identity is, its own digest says
            TokenSource::Azure { from, resource } => {
                self.add("token of azure", &**from);
                self.add("resource", &**resource);
            }
        }
    }

    /// The digest of what it is made from: without it a daemon that knows another base by the same name would supply.
    fn base(&mut self, base: Option<Digest>) {
        self.add("base digest", base.map(|digest| digest.0).unwrap_or_default());
    }

    fn azure(&mut self, azure: &AzureDefinition, view: &View<'_>, resolver: &Resolver<'_>) {
        let mut azure = azure.clone();
        if let AzureSource::Federated { assertion: AssertionSource::Aws { from, sts, .. }, .. } = &mut azure.source {
            // the same account signs in every region: which one it is by default decides nothing
            let of_base = || resolver.done.get(from)?.region.clone();
            sts.region = azure::written_region(view).map(str::to_owned).or_else(of_base).unwrap_or_default();
        }
        // of whole words and texts: what it prints for debugging tells all of it but the arguments of programs
        self.add("azure", format!("{azure:?}"));
        let argv = match &azure.source {
            AzureSource::Certificate { key: CertificateKey::Command(argv), .. } => argv,
            AzureSource::Federated { assertion: AssertionSource::Command(argv), .. } => argv,
            AzureSource::Federated { assertion: AssertionSource::GitHubActions { .. }, .. } => {
                return self.variables(resolver, token::VARIABLES);
            }
            _ => return,
        };
        argv.iter().for_each(|word| self.add("word", Digest::of(word.as_bytes()).0));
    }

    /// Where its code comes from decides nothing of what is served.
    fn session(&mut self, session: &UserSession, resolver: &Resolver<'_>) {
        self.add("session", &*session.key().0);
        self.origin(&session.keys, resolver);
        self.add("lasts", session.duration.as_secs().to_be_bytes());
        self.endpoint(&session.sts);
    }

    fn variables(&mut self, resolver: &Resolver<'_>, names: &[&str]) {
        for name in names {
            let value = resolver.surroundings.environment.text(name).unwrap_or_default();
            self.add(name, Digest::of(value.as_bytes()).0);
        }
    }

    fn session_name(&mut self, view: &View<'_>, name: &str) {
        let written =
            view.text("role_session_name").is_some() || view.said.is_some_and(|said| said.session_name.is_some());
        self.add("session name", if written { name } else { "" });
    }

    fn policies(&mut self, policy: Option<&str>, arns: &[String]) {
        self.add("policy", policy.unwrap_or_default());
        arns.iter().for_each(|arn| self.add("policy arn", arn));
    }

    fn sts(&mut self, sts: &StsEndpoint, view: &View<'_>) {
        self.add("region", view.text("region").unwrap_or_default());
        self.endpoint(sts);
    }

    fn endpoint(&mut self, sts: &StsEndpoint) {
        self.add("url", sts.url.as_deref().unwrap_or_default());
        self.add("endpoint", [u8::from(sts.fips), u8::from(sts.dualstack)]);
        self.add("skew", [u8::from(sts.correct_skew)]);
    }
}
