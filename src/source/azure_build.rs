//! Which source an Azure definition is, for a token of one resource. Called by [`super::build`].

use std::sync::Arc;

use super::azd::Azd;
use super::azure_cli::AzureCli;
use super::{Means, Source, entra, federated};
use crate::config::{AzureDefinition, AzureSource, Identity};
use crate::credential::{Failure, FailureClass, Want};

/// The source of an Azure identity's tokens for one resource, or of what it shows in place of a secret. What the lists of the
/// identity deny is refused here, before anybody is asked.
pub(super) fn build(
    definition: &Arc<AzureDefinition>,
    of: &Identity,
    want: &Want,
    means: &Means,
) -> Result<Arc<dyn Source>, Failure> {
    let identity = &of.name;
    if let Want::Token(resource) = want
        && !definition.resources.give(resource)
    {
        let text = format!(
            "{identity} gives no tokens for {}: `resources` of [identity.{identity}.azure] in the configuration says for what",
            shown(resource)
        );
        return Err(Failure::new(FailureClass::Refused, "ResourceDenied", text));
    }
    if let Some(source) = federated::build(definition, of, want, means) {
        return Ok(source);
    }
    let Want::Token(resource) = want else {
        let text = format!(
            "{identity} shows Entra ID nothing in place of a secret, as federated identities do: it is of {}",
            definition.source
        );
        return Err(Failure::new(FailureClass::Refused, "NotFederated", text));
    };
    if let Some(source) = entra::build(definition, identity, resource, means) {
        return Ok(source);
    }
    let world = means.world.clone();
    let (identity, definition, resource) = (Arc::clone(identity), Arc::clone(definition), Arc::clone(resource));
    match &definition.source {
        AzureSource::Azd { config_folder } => {
            let config_folder = config_folder.clone();
            Ok(Arc::new(Azd { identity, definition, config_folder, resource, world }))
        }
        AzureSource::AzureCli { config_folder, subscription } => {
            let (config_folder, subscription) = (config_folder.clone(), subscription.clone());
            Ok(Arc::new(AzureCli { identity, definition, config_folder, subscription, resource, world }))
        }
        // both were asked above
        AzureSource::Entra { .. } | AzureSource::Certificate { .. } | AzureSource::Federated { .. } => {
            Err(super::wrong_ingredient())
        }
    }
}

/// A resource, in a line that people read: by the control socket and the command line anything comes.
fn shown(resource: &str) -> &str {
    let is_one = resource.len() <= LONGEST && resource.bytes().all(|byte| byte.is_ascii_graphic());
    if is_one { resource } else { "what was asked for" }
}

/// As long as in a request (`dialect/azure/resource.rs`).
const LONGEST: usize = 600;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_denied_is_shown_only_where_it_is_a_resource() {
        assert_eq!(shown("https://denied.example"), "https://denied.example");
        for odd in ["a b", "https://x/\u{1b}[31m", "a\nb", "t\u{f6}k", &"x".repeat(LONGEST + 1)] {
            assert_eq!(shown(odd), "what was asked for");
        }
    }
}
