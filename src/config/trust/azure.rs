//! The federated identity credential that lets a token in at Entra ID: of an app registration, or of a user-assigned managed
//! identity (Microsoft Graph, "federatedIdentityCredential resource type").

use serde_json::json;

use super::{shell_word, terraform_name, terraform_text};
use crate::credential::claims::Claims;

/// What it consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AzureTrust {
    /// What it is called: `credenza-sync`.
    pub name: String,
    /// The application that lets the token in.
    pub client_id: String,
    /// The token's `iss`.
    pub issuer: String,
    /// The token's `sub`.
    pub subject: String,
    /// The token's `aud`: one, for a federated identity credential has one.
    pub audience: String,
}

impl AzureTrust {
    /// The one for a token of this identity; `None`: the token does not say who it is from, whose and for whom.
    pub fn of(identity: &str, client_id: &str, claims: &Claims) -> Option<Self> {
        Some(Self {
            name: name_of(identity),
            client_id: client_id.to_owned(),
            issuer: claims.issuer.clone()?,
            subject: claims.subject.clone()?,
            audience: claims.audience.clone()?,
        })
    }

    /// `az ad app federated-credential create ...`.
    pub fn az(&self) -> String {
        let parameters = json!({
            "name": self.name,
            "issuer": self.issuer,
            "subject": self.subject,
            "audiences": [self.audience],
        });
        format!(
            "az ad app federated-credential create --id {} --parameters {}",
            shell_word(&self.client_id),
            shell_word(&parameters.to_string())
        )
    }

    /// The same for a user-assigned managed identity, by its ARM id where that is known.
    pub fn az_identity(&self, resource_id: Option<&str>) -> String {
        let place = match resource_id.and_then(place_of) {
            Some([subscription, group, name]) => format!(
                "--subscription {} --resource-group {} --identity-name {}",
                shell_word(subscription),
                shell_word(group),
                shell_word(name)
            ),
            None => "--resource-group GROUP --identity-name NAME".to_owned(),
        };
        format!(
            "az identity federated-credential create --name {} {place} --issuer {} --subject {} --audiences {}",
            shell_word(&self.name),
            shell_word(&self.issuer),
            shell_word(&self.subject),
            shell_word(&self.audience)
        )
    }

    /// The same in Terraform, by the provider `azuread`.
    pub fn terraform(&self) -> String {
        let name = terraform_name(&self.name);
        let [client_id, display_name, audience, issuer, subject] =
            [&self.client_id, &self.name, &self.audience, &self.issuer, &self.subject].map(|text| terraform_text(text));
        format!(
            "data \"azuread_application\" \"{name}\" {{\n  client_id = {client_id}\n}}\n\n\
             resource \"azuread_application_federated_identity_credential\" \"{name}\" {{\n  \
             application_id = data.azuread_application.{name}.id\n  display_name   = {display_name}\n  \
             audiences      = [{audience}]\n  issuer         = {issuer}\n  subject        = {subject}\n}}\n"
        )
    }

    /// The same for a user-assigned managed identity, by the provider `azurerm` from version 5 on; before, the last argument is
    /// called `parent_id` and `resource_group_name` stands beside it.
    pub fn terraform_identity(&self, resource_id: Option<&str>) -> String {
        let name = terraform_name(&self.name);
        let identity = resource_id.map_or_else(|| "azurerm_user_assigned_identity.NAME.id".to_owned(), terraform_text);
        let [called, audience, issuer, subject] =
            [&self.name, &self.audience, &self.issuer, &self.subject].map(|text| terraform_text(text));
        format!(
            "resource \"azurerm_federated_identity_credential\" \"{name}\" {{\n  name     = {called}\n  \
             audience = [{audience}]\n  issuer   = {issuer}\n  subject  = {subject}\n\n  \
             user_assigned_identity_id = {identity}\n}}\n"
        )
    }
}

/// 3 to 120 characters that a URL takes as they are, the first a letter or digit.
fn name_of(identity: &str) -> String {
    let plain = identity.chars().map(|c| if c.is_ascii_alphanumeric() || "-_".contains(c) { c } else { '-' });
    "credenza-".chars().chain(plain).take(120).collect()
}

/// Subscription, group and name of `/subscriptions/S/resourceGroups/G/providers/Microsoft.ManagedIdentity/.../N`.
fn place_of(resource_id: &str) -> Option<[&str; 3]> {
    let mut parts = resource_id.trim_start_matches('/').split('/');
    let (subscriptions, subscription) = (parts.next()?, parts.next()?);
    let (groups, group) = (parts.next()?, parts.next()?);
    let name = parts.nth(3).filter(|name| !name.is_empty())?;
    let fits = subscriptions.eq_ignore_ascii_case("subscriptions") && groups.eq_ignore_ascii_case("resourceGroups");
    (fits && parts.next().is_none()).then_some([subscription, group, name])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trust() -> AzureTrust {
        let claims = Claims {
            issuer: Some("https://abc.tokens.sts.global.api.aws".to_owned()),
            subject: Some("arn:aws:iam::111122223333:role/it's".to_owned()),
            audience: Some("api://AzureADTokenExchange".to_owned()),
            ..Claims::default()
        };
        AzureTrust::of("my sync", "11112222-3333", &claims).unwrap()
    }

    #[test]
    fn the_command_of_az_is_one_that_a_shell_gives_on_as_it_is_meant() {
        let words = shlex::split(&trust().az()).unwrap();
        let (parameters, command) = words.split_last().unwrap();
        assert_eq!(command.join(" "), "az ad app federated-credential create --id 11112222-3333 --parameters");
        let parameters: serde_json::Value = serde_json::from_str(parameters).unwrap();
        assert_eq!(
            parameters,
            json!({
                "name": "credenza-my-sync",
                "issuer": "https://abc.tokens.sts.global.api.aws",
                "subject": "arn:aws:iam::111122223333:role/it's",
                "audiences": ["api://AzureADTokenExchange"],
            })
        );
    }

    #[test]
    fn a_managed_identity_is_named_by_its_arm_id_where_that_is_known() {
        let id = "/subscriptions/s-1/resourcegroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/sync";
        let command = trust().az_identity(Some(id));
        assert!(
            command.contains("--subscription s-1 --resource-group g --identity-name sync --issuer https"),
            "{command}"
        );
        for unknown in [None, Some("sync"), Some("/subscriptions/s/resourceGroups/g"), Some("/a/b/c/d/e/f/g/h")] {
            let command = trust().az_identity(unknown);
            assert!(command.contains("--resource-group GROUP --identity-name NAME"), "{command}");
        }
        assert!(trust().terraform_identity(Some(id)).contains(&format!("user_assigned_identity_id = \"{id}\"")));
    }

    #[test]
    fn terraform_says_the_same() {
        let text = trust().terraform();
        for line in [
            "resource \"azuread_application_federated_identity_credential\" \"credenza_my_sync\" {",
            "  application_id = data.azuread_application.credenza_my_sync.id",
            "  audiences      = [\"api://AzureADTokenExchange\"]",
            "  issuer         = \"https://abc.tokens.sts.global.api.aws\"",
            "  subject        = \"arn:aws:iam::111122223333:role/it's\"",
        ] {
            assert!(text.lines().any(|it| it == line), "{line} in {text}");
        }
    }

    #[test]
    fn a_token_that_does_not_say_who_makes_no_trust() {
        assert_eq!(AzureTrust::of("sync", "c", &Claims { issuer: Some("i".to_owned()), ..Claims::default() }), None);
    }
}
