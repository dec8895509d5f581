//! What an Azure identity means: from where its tokens come, from which cloud, and what for.
//!
//! Its own keys were read and held against each other in `config/own/azure.rs`; here they are seen with the environment and
//! with the identities that they name. Called by `resolve/role.rs`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::view::{Azure, View};
use super::{Failed, Resolver, names, relative, token};
use crate::config::azure::{
    AssertionSource, AzureDefinition, AzureSource, CertificateKey, Cloud, PrincipalIds, Resources,
};
use crate::config::azure_accounts::AzureAccount;
use crate::config::identity::{Definition, Kind, Unusable};
use crate::config::own::azure::check;
use crate::config::own::{SaidOfAzure, SaidOfCertificateKey, SaidOfToken, SourceWord};
use crate::config::resolve::endpoint::is_safe;
use crate::config::toml::{Written, nearest};
use crate::credential::{IdentityName, Resource};
use crate::world::{Environment, places};

impl Resolver<'_> {
    pub(super) fn azure(
        &self,
        view: &View<'_>,
        written: Azure<'_>,
        warnings: &mut Vec<String>,
    ) -> Result<(Kind, Definition), Failed> {
        if let Some(unset) = view.said.and_then(|said| said.unset.clone()) {
            return Err(Failed::new(written.kind(), unset));
        }
        let definition = match written {
            Azure::Said(said) => self.said_azure(view, said, warnings)?,
            Azure::Account { account, by_tenant } => self.account(account, by_tenant, warnings),
        };
        Ok((written.kind(), Definition::Azure(Arc::new(definition))))
    }

    /// What `az login` left.
    fn account(&self, account: &AzureAccount, by_tenant: bool, warnings: &mut Vec<String>) -> AzureDefinition {
        let cloud = cloud_of(account, warnings);
        let subscription =
            (by_tenant && self.accounts.needs_its_subscription(account)).then(|| account.subscription.clone());
        AzureDefinition {
            source: AzureSource::AzureCli { config_folder: self.folder("AZURE_CONFIG_DIR"), subscription },
            cloud,
            authority: cloud.authority().into(),
            tenant: by_tenant.then(|| account.tenant.clone()),
            ids: PrincipalIds::default(),
            resource: cloud.resource_manager().into(),
            resources: Resources::default(),
            min_life: None,
        }
    }

    fn said_azure(
        &self,
        view: &View<'_>,
        said: &SaidOfAzure,
        warnings: &mut Vec<String>,
    ) -> Result<AzureDefinition, Failed> {
        let failed = |unusable| Failed::new(said.source.kind(), unusable);
        if let Some((place, reason)) = said.wrong() {
            return Err(failed(Unusable { place: Some(place), reason }));
        }
        let cloud = match (&said.cloud, self.account_of(said)) {
            (Some(written), _) => written.value,
            (None, Some(account)) => cloud_of(account, warnings),
            (None, None) => Cloud::default(),
        };
        let source = self.source(view, said, cloud)?;
        let authority = match said.source {
            // each asks where it was told to itself
            SourceWord::AzureCli | SourceWord::Azd => cloud.authority().into(),
            SourceWord::Entra | SourceWord::Federated => {
                let authority = authority(self.surroundings.environment, cloud);
                authority.map_err(|reason| failed(Unusable { place: None, reason }))?
            }
        };
        let list = |written: &[Written<String>]| written.iter().map(|one| Resource::from(one.value.as_str())).collect();
        let resources = Resources { allow: said.allow.as_deref().map(list), deny: list(&said.deny) };
        let first_allowed = resources.allow.as_ref().and_then(|allow| allow.first());
        let resource: Resource = match (said.value("resource"), first_allowed) {
            (Some(written), _) => written.into(),
            (None, Some(allowed)) => Arc::clone(allowed),
            (None, None) => cloud.resource_manager().into(),
        };
        if said.text("resource").is_some() && !resources.give(&resource) {
            let reason = format!("`resources` says that no tokens are given for {resource}, which `resource` names");
            return Err(failed(at(view, "resource", reason)));
        }
        let text = |key: &str| said.value(key).map(str::to_owned);
        Ok(AzureDefinition {
            source,
            cloud,
            authority,
            tenant: text("tenant"),
            ids: PrincipalIds {
                client_id: text("client_id"),
                object_id: text("object_id"),
                resource_id: text("resource_id"),
            },
            resource,
            resources,
            min_life: said.min_life.as_ref().map(|written| written.value),
        })
    }

    fn source(&self, view: &View<'_>, said: &SaidOfAzure, cloud: Cloud) -> Result<AzureSource, Failed> {
        let text = |key: &str| said.value(key).map(str::to_owned);
        let path = |key: &str| said.value(key).map(|written| self.path(written));
        let client_id = text("client_id").unwrap_or_default();
        Ok(match said.source {
            SourceWord::AzureCli => AzureSource::AzureCli {
                config_folder: path("config_folder").or_else(|| self.folder("AZURE_CONFIG_DIR")),
                subscription: text("subscription"),
            },
            SourceWord::Azd => {
                AzureSource::Azd { config_folder: path("config_folder").or_else(|| self.folder("AZD_CONFIG_DIR")) }
            }
            SourceWord::Entra => match path("certificate") {
                None => AzureSource::Entra { client_id },
                Some(certificate) => {
                    AzureSource::Certificate { client_id, certificate, key: self.certificate_key(view, said)? }
                }
            },
            SourceWord::Federated => {
                AzureSource::Federated { client_id, assertion: self.assertion(view, said, cloud)? }
            }
        })
    }

    fn certificate_key(&self, view: &View<'_>, said: &SaidOfAzure) -> Result<CertificateKey, Failed> {
        Ok(match said.certificate_key.as_ref().map(|written| &written.value) {
            None => CertificateKey::Beside,
            Some(SaidOfCertificateKey::Text(text)) if text.starts_with("op://") => {
                CertificateKey::OnePassword(text.clone())
            }
            Some(SaidOfCertificateKey::Text(text)) => CertificateKey::File(self.path(text)),
            Some(SaidOfCertificateKey::Command(argv)) => {
                CertificateKey::Command(self.command(view, "certificate_key", argv)?)
            }
        })
    }

    fn assertion(&self, view: &View<'_>, said: &SaidOfAzure, cloud: Cloud) -> Result<AssertionSource, Failed> {
        let failed = |key: &str, reason: String| Failed::new(Kind::Federated, at(view, key, reason));
        let audience = said.value("audience").unwrap_or_else(|| cloud.exchange_audience()).to_owned();
        if let Some(token) = &said.token {
            return Ok(match &token.value {
                SaidOfToken::File(path) => {
                    check("certificate", path).map_err(|reason| failed("token", format!("`file`: {reason}")))?;
                    AssertionSource::File(self.path(path))
                }
                SaidOfToken::Command(argv) => AssertionSource::Command(self.command(view, "token", argv)?),
                SaidOfToken::GitHubActions => match token::no_job(self.surroundings) {
                    Some(why) => return Err(failed("token", format!("token {why}"))),
                    None => AssertionSource::GitHubActions { audience },
                },
            });
        }
        let from = self.base_of(said.value("from").unwrap_or_default(), false).map_err(|why| failed("from", why))?;
        if let Some(root) = self.unusable_base(&from) {
            let reason = format!("AWS signs for `{}`, which cannot be used: {}", root.0, root.1);
            return Err(Failed { root: Some(root), ..failed("from", reason) });
        }
        let base = self.done.get(&from);
        let region = said.value("region").or_else(|| base?.region.as_deref());
        let role_arn = base.and_then(|base| base.identity.role_arn());
        let sts = self.sts(&self.view(&from), region, role_arn);
        let sts = sts.map_err(|unusable| Failed::new(Kind::Federated, unusable))?;
        Ok(AssertionSource::Aws { from, sts, audience })
    }

    /// The AWS identity that AWS signs for, whole or not.
    pub(super) fn signed_for(&self, azure: Azure<'_>) -> Option<IdentityName> {
        let Azure::Said(said) = azure else { return None };
        self.names.meant(said.value("from")?).filter(|name| !self.names.is_azure(name)).cloned()
    }

    /// The identity that `from` names, of the cloud that is wanted. The error is a reason.
    pub(super) fn base_of(&self, typed: &str, azure: bool) -> Result<IdentityName, String> {
        let wanted = if azure { "an Azure identity" } else { "an AWS identity" };
        let Some(name) = self.names.meant(typed) else {
            let known = self.names.keys().filter(|name| self.names.is_azure(name) == azure);
            let mend = match nearest(typed, known.map(|name| &**name)) {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => format!("name {wanted}"),
            };
            let why = self.accounts.not_logged_in(typed).filter(|_| azure);
            return Err(match why {
                Some((why, mend)) => format!("from = \"{typed}\", but {why}: run `{mend}`"),
                None => format!("from = \"{typed}\", but there is no such identity: {mend}"),
            });
        };
        if self.names.is_azure(name) == azure {
            return Ok(name.clone());
        }
        let (is, prefix) = if azure { ("an AWS identity", names::AZURE) } else { ("an Azure identity", names::AWS) };
        let other = self.names.meant(&format!("{prefix}{typed}"));
        let mend = other.map_or_else(|| format!("name {wanted}"), |other| format!("write \"{other}\""));
        Err(format!("from = \"{typed}\", which is {is}, and {wanted} is wanted: {mend}"))
    }

    /// Why a base cannot be used, if it cannot: the first identity of the chain that is at fault, and its reason.
    pub(super) fn unusable_base(&self, name: &IdentityName) -> Option<(IdentityName, String)> {
        let base = self.done.get(name)?;
        let unusable = base.identity.definition.as_ref().err()?;
        Some(base.root.clone().unwrap_or_else(|| (name.clone(), unusable.to_string())))
    }

    /// Whose login of the Azure CLI it is.
    pub(super) fn person(&self, view: &View<'_>) -> Option<String> {
        let account = match view.azure? {
            Azure::Account { account, .. } => account,
            Azure::Said(said) => self.account_of(said)?,
        };
        account.person.clone()
    }

    /// The account of the Azure CLI that is meant, where its files are those that were read.
    fn account_of(&self, said: &SaidOfAzure) -> Option<&AzureAccount> {
        let same_files = said.source == SourceWord::AzureCli && said.text("config_folder").is_none();
        same_files.then(|| self.accounts.of(said.value("tenant"), said.value("subscription")))?
    }

    fn path(&self, written: &str) -> PathBuf {
        places::expanded(Path::new(written), self.surroundings.environment)
    }

    /// A folder that a variable names: a daemon that has another value reads other files.
    fn folder(&self, variable: &str) -> Option<PathBuf> {
        self.surroundings.environment.text(variable).map(|written| relative::absolute(written, self.surroundings))
    }

    fn command(&self, view: &View<'_>, key: &str, argv: &[String]) -> Result<Vec<String>, Failed> {
        let kind = view.azure.map_or(Kind::Settings, |azure| azure.kind());
        let failed = |reason: String| Failed::new(kind, at(view, key, reason));
        let mut argv = argv.to_vec();
        if argv.first().is_none_or(String::is_empty) {
            return Err(failed(format!("{key} has no command")));
        }
        if self.surroundings.own_program.as_deref() == Some(Path::new(&argv[0])) || argv[0] == "credenza" {
            return Err(failed(format!("{key} calls credenza, which gives no such thing: write what does")));
        }
        if let Some(program) = relative::program(&argv[0], self.surroundings) {
            argv[0] = program;
        }
        Ok(argv)
    }
}

/// The region that is written for an Azure identity itself.
pub(super) fn written_region<'a>(view: &View<'a>) -> Option<&'a str> {
    match view.azure? {
        Azure::Said(said) => said.value("region"),
        Azure::Account { .. } => None,
    }
}

/// A reason at the place of a key of `azure`, or at its own.
pub(super) fn at(view: &View<'_>, key: &str, reason: String) -> Unusable {
    let place = match view.azure {
        Some(Azure::Said(said)) => {
            let of_token = said.token.as_ref().filter(|_| key == "token").map(|token| &token.place);
            let place = said.text(key).map(|written| &written.place).or(of_token);
            Some(place.unwrap_or(&said.place).clone())
        }
        Some(Azure::Account { .. }) | None => view.place(),
    };
    Unusable { place, reason }
}

/// Whether a resource is one, when variables have their values. The error is a reason.
pub(super) fn resource(text: &str) -> Result<(), String> {
    check("resource", text).map_err(|reason| format!("`resource`: {reason}"))
}

fn cloud_of(account: &AzureAccount, warnings: &mut Vec<String>) -> Cloud {
    account.cloud.unwrap_or_else(|| {
        warnings.push(
            "the Azure CLI uses a cloud that was registered with it: it is taken for the public one, so clients must say what a \
             token is for"
                .to_owned(),
        );
        Cloud::default()
    })
}

/// Where Entra ID answers: `AZURE_AUTHORITY_HOST`, with or without `https://` (azure-identity's `normalize_authority`), else the
/// cloud's. What is sent there opens everything, so clear text is for loopback alone. The error is a reason.
fn authority(environment: &Environment, cloud: Cloud) -> Result<Arc<str>, String> {
    let Some(written) = environment.text("AZURE_AUTHORITY_HOST") else { return Ok(cloud.authority().into()) };
    let url = if written.contains("://") { written.to_owned() } else { format!("https://{written}") };
    let url = url.trim_end_matches('/');
    match url.parse::<http::Uri>() {
        Ok(uri) if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) => {
            Err("AZURE_AUTHORITY_HOST has a user name or a password in it: take it out".to_owned())
        }
        Ok(uri) if is_safe(&uri) && uri.query().is_none() => Ok(url.into()),
        Ok(uri) if uri.scheme_str() == Some("http") => {
            Err("AZURE_AUTHORITY_HOST sends logins in clear text to another machine: write https://".to_owned())
        }
        _ => Err("AZURE_AUTHORITY_HOST is no address such as https://login.microsoftonline.com".to_owned()),
    }
}
