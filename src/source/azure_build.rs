//! Which source an Azure definition is, for a token of one resource. Called by [`super::build`].

use std::sync::Arc;

use super::{Means, Source};
use crate::config::AzureDefinition;
use crate::credential::{Failure, FailureClass, IdentityName, Want};

/// The source of an Azure identity's tokens for one resource, or of what it shows in place of a secret. What the lists of the
/// identity deny is refused here, before anybody is asked.
pub(super) fn build(
    definition: &Arc<AzureDefinition>,
    identity: &IdentityName,
    want: &Want,
    means: &Means,
) -> Result<Arc<dyn Source>, Failure> {
    if let Want::Token(resource) = want
        && !definition.resources.give(resource)
    {
        let text = format!(
            "{identity} gives no tokens for {resource}: `resources` of [identity.{identity}] in the configuration says for what"
        );
        return Err(Failure::new(FailureClass::Refused, "ResourceDenied", text));
    }
    let _ = means;
    Err(Failure::new(FailureClass::Refused, "Unusable", format!("{identity}: {} is not built", definition.source)))
}
