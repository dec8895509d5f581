//! `credenza setup federation`: the trust that an identity needs at the other cloud, as a real token shows it.
//!
//! What is to be written goes to standard output, as commands and as Terraform, or as JSON; what a person should know to standard
//! error. Nothing is changed anywhere. Where a login is needed, and a person sits at the terminal, it comes first.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::app::federation::{self, Looked, Trust};
use crate::app::user_sessions::AtDaemon;
use crate::cli::env_files::EnvFileArgs;
use crate::cli::login::FirstArgs;
use crate::cli::mending::Mending;
use crate::cli::{Context, Trouble, identities, runtime, say};
use crate::config::Identity;
use crate::config::trust::{AwsTrust, AzureTrust};

/// What `setup federation` takes.
#[derive(Debug, Args)]
pub struct FederationArgs {
    /// An Azure identity with source = "federated", or an AWS identity with web_identity = { from = "AZURE IDENTITY" }
    #[arg(value_name = "IDENTITY")]
    pub identity: String,
    /// The form
    #[arg(long, value_enum, default_value = "text")]
    pub format: FederationFormat,
    /// What comes first.
    #[command(flatten)]
    pub first: FirstArgs,
    /// Which files have variables.
    #[command(flatten)]
    pub env_files: EnvFileArgs,
}

/// The form of what is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FederationFormat {
    /// For people: commands, and Terraform.
    Text,
    /// The same for programs.
    Json,
}

/// Prints it.
pub(super) fn run(arguments: FederationArgs, context: Context) -> Result<u8, Trouble> {
    runtime::begin(&context)?;
    let what = format!("cannot tell which trust {} needs", arguments.identity);
    runtime::wait_for_a_person(&what, async {
        let since = context.world.clock.now().wall;
        let config = Arc::new(arguments.env_files.load(&context.world, &what)?);
        let identity = identities::usable(&arguments.identity, &config, &context.world.environment, &what)?;
        let Some(ask) = federation::shown_by(identity) else { return Err(unlike(&what, identity)) };
        let daemon = AtDaemon::of(&context.world, runtime::log_arguments(&context.globals));
        let look = || federation::look(&context.world, &config, identity, &daemon, PATIENCE);
        let mut looked = look().await;
        if let Err(failure) = &looked.outcome {
            let (asks, context, config, daemon) = (arguments.first, &context, &config, &daemon);
            let mut mending = Mending { asks, context, config, daemon, since, done: Vec::new() };
            if mending.mend(&ask.identity, failure.code).await? {
                looked = look().await;
            }
        }
        let Looked { outcome, notes } = looked;
        runtime::say_unlogged(&context, &notes);
        let trust = outcome.map_err(|failure| Trouble::of_failure(&what, &failure))?;
        match arguments.format {
            FederationFormat::Text => say::out(&text(&trust)),
            FederationFormat::Json => say::out(&format!("{:#}\n", as_json(identity, &trust))),
        }
        hints(&trust).iter().for_each(|hint| say::err(&format!("credenza: {hint}\n")));
        Ok(0)
    })
}

/// How long is waited for an upstream.
const PATIENCE: Duration = Duration::from_secs(60);

fn unlike(what: &str, identity: &Identity) -> Trouble {
    let why = format!(
        "it shows no token at another cloud ({}): that does an Azure identity with source = \"federated\", and an AWS identity with \
         web_identity = {{ from = \"AZURE IDENTITY\" }}",
        identity.kind.word()
    );
    Trouble::configuration(what, why).mend("credenza list")
}

fn text(trust: &Trust) -> String {
    match trust {
        Trust::Azure { trust, resource_id, .. } => text_of_azure(trust, resource_id.as_deref()),
        Trust::Aws(trust) => text_of_aws(trust),
    }
}

fn text_of_azure(trust: &AzureTrust, resource_id: Option<&str>) -> String {
    let mut text = claims(&trust.issuer, &trust.subject, &trust.audience);
    let mut part = |title: &str, content: &str| push(&mut text, title, content);
    let identity = ["Azure CLI, for a user-assigned managed identity", IDENTITY_TERRAFORM];
    let app = ["Azure CLI, for an app registration", "Terraform (hashicorp/azuread), for an app registration"];
    match resource_id {
        // it is said to be one
        Some(_) => {
            part(identity[0], &trust.az_identity(resource_id));
            part(identity[1], &trust.terraform_identity(resource_id));
        }
        None => {
            part(app[0], &trust.az());
            part(app[1], &trust.terraform());
            part(identity[0], &trust.az_identity(None));
            part(identity[1], &trust.terraform_identity(None));
        }
    }
    text
}

const IDENTITY_TERRAFORM: &str = "Terraform (hashicorp/azurerm from 5.0 on; before, user_assigned_identity_id is called parent_id, and \
                                  resource_group_name stands beside it), for a user-assigned managed identity";

fn text_of_aws(trust: &AwsTrust) -> String {
    let mut text = claims(&trust.issuer, &trust.subject, &trust.audience);
    let mut part = |title: &str, content: &str| push(&mut text, title, content);
    part("AWS CLI: the OIDC provider, where there is none for this issuer yet", &trust.create_provider());
    part("AWS CLI: or another audience of the one that there is", &trust.add_client());
    part("AWS CLI: the trust policy of the role; this takes the place of what it has", &trust.update_role());
    part("Terraform (hashicorp/aws)", &trust.terraform());
    text
}

fn claims(issuer: &str, subject: &str, audience: &str) -> String {
    format!("issuer    {issuer}\nsubject   {subject}\naudience  {audience}\n")
}

fn push(text: &mut String, title: &str, content: &str) {
    // a String takes everything
    let _ = write!(text, "\n# {title}\n{}\n", content.trim_end());
}

fn as_json(identity: &Identity, trust: &Trust) -> Value {
    match trust {
        Trust::Azure { trust, resource_id, .. } => json!({
            "identity": identity.name,
            "at": "azure",
            "issuer": trust.issuer,
            "subject": trust.subject,
            "audience": trust.audience,
            "client_id": trust.client_id,
            "name": trust.name,
            "commands": {
                "app_registration": trust.az(),
                "managed_identity": trust.az_identity(resource_id.as_deref()),
            },
            "terraform": {
                "app_registration": trust.terraform(),
                "managed_identity": trust.terraform_identity(resource_id.as_deref()),
            },
        }),
        Trust::Aws(trust) => json!({
            "identity": identity.name,
            "at": "aws",
            "issuer": trust.issuer,
            "subject": trust.subject,
            "audience": trust.audience,
            "role_arn": trust.role_arn,
            "provider_arn": trust.provider_arn(),
            "trust_policy": trust.policy(),
            "commands": {
                "create_provider": trust.create_provider(),
                "add_audience": trust.add_client(),
                "update_role": trust.update_role(),
            },
            "terraform": { "role": trust.terraform() },
        }),
    }
}

/// What a person should know beside it.
fn hints(trust: &Trust) -> Vec<&'static str> {
    match trust {
        Trust::Azure { of_aws, .. } => {
            let mut hints =
                vec!["issuer, subject and audience count to the letter; a new trust is known after some minutes"];
            hints.extend(of_aws.then_some(
                "a trust in the issuer https://sts.amazonaws.com with the role's ARN lets nobody in: AWS signs no token in that name",
            ));
            hints
        }
        Trust::Aws(AwsTrust { version_2: true, .. }) => vec![
            "the token is of Entra ID's version 2: AWS takes the application that asked (azp) for its audience",
            "the issuer counts to the letter, with or without a slash at its end",
        ],
        Trust::Aws(_) => vec!["the issuer counts to the letter, with or without a slash at its end"],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn azure() -> AzureTrust {
        AzureTrust {
            name: "credenza-sync".to_owned(),
            client_id: "app".to_owned(),
            issuer: "https://i.tokens.sts.global.api.aws".to_owned(),
            subject: "arn:aws:iam::111122223333:role/sync".to_owned(),
            audience: "api://AzureADTokenExchange".to_owned(),
        }
    }

    #[test]
    fn the_claims_come_first_and_each_part_says_what_it_is_for() {
        let trust = Trust::Azure { trust: azure(), resource_id: None, of_aws: true };
        let text = text(&trust);
        assert!(text.starts_with("issuer    https://i.tokens.sts.global.api.aws\nsubject   arn:aws:iam::"), "{text}");
        let titles: Vec<&str> = text.lines().filter(|line| line.starts_with("# ")).collect();
        assert_eq!(titles.len(), 4, "{titles:?}");
        assert!(hints(&trust).iter().any(|hint| hint.contains("https://sts.amazonaws.com")));
    }

    #[test]
    fn what_is_known_to_be_a_managed_identity_is_told_of_as_one() {
        let id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/sync";
        let text = text(&Trust::Azure { trust: azure(), resource_id: Some(id.to_owned()), of_aws: false });
        assert!(text.contains("az identity federated-credential create") && !text.contains("az ad app"), "{text}");
    }

    #[test]
    fn the_way_back_has_a_provider_a_policy_and_the_trap_of_version_2() {
        let trust = AwsTrust {
            role_arn: "arn:aws:iam::111122223333:role/deploy".to_owned(),
            issuer: "https://login.microsoftonline.com/t/v2.0".to_owned(),
            subject: "s".to_owned(),
            audience: "asking-app".to_owned(),
            version_2: true,
        };
        let text = text(&Trust::Aws(trust.clone()));
        for part in ["create-open-id-connect-provider", "update-assume-role-policy", "aws_iam_policy_document"] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(hints(&Trust::Aws(trust))[0].contains("azp"));
    }
}
