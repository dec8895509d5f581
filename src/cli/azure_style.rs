//! `--azure-style`: by which variables a command or a shell finds tokens of Azure. Called by `exec` and `env`.

use clap::Args;

use super::Trouble;
use super::child::{AzureStyle, AzureWiring};
use crate::config::{AzureDefinition, AzureSource, Identity};
use crate::secret::Secret;

/// The flag.
#[derive(Clone, Debug, Default, Args)]
pub struct AzureStyleArgs {
    /// How tokens of Azure are found; may be given again for terraform beside another [default: app-service]
    #[arg(long = "azure-style", value_enum, value_name = "STYLE")]
    pub styles: Vec<AzureStyle>,
}

impl AzureStyleArgs {
    /// The styles for the Azure identity that is meant; none where none is.
    ///
    /// # Errors
    ///
    /// Exit code 2 where nothing would follow the flag, or it is more than clients can follow at once.
    pub(super) fn chosen(&self, identity: Option<&Identity>, what: &str) -> Result<Vec<AzureStyle>, Trouble> {
        let Some(azure) = identity.and_then(Identity::azure) else {
            let why = "--azure-style is for Azure identities, and none is named";
            return match self.styles.is_empty() {
                true => Ok(Vec::new()),
                false => Err(Trouble::usage(what, why).mend("credenza list")),
            };
        };
        let mut styles = if self.styles.is_empty() { vec![AzureStyle::AppService] } else { self.styles.clone() };
        styles.sort_unstable();
        styles.dedup();
        let of_sdks: Vec<&str> =
            styles.iter().filter(|style| **style != AzureStyle::Terraform).map(|style| style.word()).collect();
        if of_sdks.len() > 1 {
            let why = format!(
                "{} lead the same clients to different places: each SDK takes what it looks at first; only terraform goes \
                 beside another",
                of_sdks.join(" and ")
            );
            return Err(Trouble::usage(what, why).mend("one of them"));
        }
        if styles.contains(&AzureStyle::Workload) && !matches!(azure.source, AzureSource::Federated { .. }) {
            let why = format!(
                "--azure-style workload gives a file that the command itself shows to Entra ID, which only a federated \
                 identity has: this one is of {}",
                azure.source
            );
            return Err(Trouble::usage(what, why).mend("--azure-style app-service"));
        }
        Ok(styles)
    }

    /// The same for `env`, which leaves nothing behind that could serve a port or follow a file.
    ///
    /// # Errors
    ///
    /// Exit code 2 for a style that a shell cannot have.
    pub(super) fn for_shell(&self, identity: Option<&Identity>, what: &str) -> Result<Vec<AzureStyle>, Trouble> {
        let styles = self.chosen(identity, what)?;
        match styles.iter().find(|style| matches!(style, AzureStyle::Imds | AzureStyle::Workload)) {
            None => Ok(styles),
            Some(style) => {
                let why =
                    format!("--azure-style {} needs somebody who keeps it up as long as it is used", style.word());
                Err(Trouble::usage(what, why).mend(format!("credenza exec --azure-style {} ...", style.word())))
            }
        }
    }
}

/// What is wired for an Azure identity, on an endpoint of this base that this token opens. What the endpoint opens besides is
/// added by who has it.
pub(super) fn wiring(
    identity: &Identity,
    azure: &AzureDefinition,
    styles: Vec<AzureStyle>,
    base: String,
    token: Secret,
) -> AzureWiring {
    AzureWiring {
        default: identity.name.clone(),
        base,
        token,
        styles,
        imds: None,
        assertion_file: None,
        authority: azure.authority.to_string(),
        tenant: azure.tenant.clone(),
        client_id: azure.client_id().map(str::to_owned),
        by_env: false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::config::azure::{AssertionSource, Cloud};
    use crate::config::{Definition, Kind};
    use crate::secret::Digest;

    fn identity(source: AzureSource) -> Identity {
        let azure = AzureDefinition {
            source,
            cloud: Cloud::Public,
            authority: Cloud::Public.authority().into(),
            tenant: None,
            ids: Default::default(),
            resource: Cloud::Public.resource_manager().into(),
            resources: Default::default(),
            min_life: None,
        };
        Identity {
            name: "graph".into(),
            profile: "graph".into(),
            place: None,
            kind: Kind::AzureCli,
            account: None,
            person: None,
            region: None,
            definition: Ok(Definition::Azure(Arc::new(azure))),
            keep_warm: false,
            warnings: Vec::new(),
            ca_bundle: None,
            digest: Digest::of(b"graph"),
            digest_without: None,
        }
    }

    #[test]
    fn one_style_for_sdks_and_terraform_beside_it() {
        use AzureStyle::*;
        let az = identity(AzureSource::AzureCli { config_folder: None, subscription: None });
        let assertion = AssertionSource::File("/run/token".into());
        let federated = identity(AzureSource::Federated { client_id: "app".into(), assertion });
        let chosen = |styles: &[AzureStyle], identity| AzureStyleArgs { styles: styles.to_vec() }.chosen(identity, "x");
        assert_eq!(chosen(&[], Some(&az)).unwrap(), [AppService]);
        assert_eq!(chosen(&[Terraform, AppService, AppService], Some(&az)).unwrap(), [AppService, Terraform]);
        assert_eq!(chosen(&[Terraform], Some(&az)).unwrap(), [Terraform]);
        assert_eq!(chosen(&[Workload], Some(&federated)).unwrap(), [Workload]);
        assert_eq!(chosen(&[], None).unwrap(), []);
        for (styles, identity, part) in [
            (&[AppService, Ml][..], Some(&az), "app-service and ml lead the same clients"),
            (&[Imds, Workload, Terraform], Some(&federated), "imds and workload lead"),
            (&[Workload], Some(&az), "only a federated identity has: this one is of azure-cli"),
            (&[Ml], None, "none is named"),
        ] {
            let trouble = chosen(styles, identity).unwrap_err();
            assert!(trouble.why.contains(part), "{styles:?}: {trouble:?}");
        }
        for (style, fine) in [(AppService, true), (Ml, true), (Terraform, true), (Imds, false), (Workload, false)] {
            let given = AzureStyleArgs { styles: vec![style] }.for_shell(Some(&federated), "x");
            assert_eq!(given.is_ok(), fine, "{style:?}");
        }
    }
}
