//! What a tenant's policies let a person have. (learn.microsoft.com, "What is Conditional Access?")

use super::{
    model::{Api, Challenge, Person},
    refusal::{known, refuse_with},
};
use crate::Refusal;

/// A sign-in that is under way: it meets whatever a sign-in can.
pub(super) const NEW_SIGN_IN: u64 = u64::MAX;

/// Whether the person may have a token for this API, by the sign-in of this number.
pub(super) fn admit(person: &Person, sign_in: u64, api: &Api) -> Result<(), Refusal> {
    let stands = |challenge: &&Challenge| {
        let is_meant = challenge.resource.as_ref().is_none_or(|name| api.is_called(name));
        is_meant && !(challenge.is_met_by_sign_in() && challenge.since < sign_in)
    };
    let Some(challenge) = person.challenges.iter().find(stands) else { return Ok(()) };
    let refusal = known(&challenge.code.to_string());
    let words = refusal.message.replace("the resource.", &format!("'{}'.", api.app_id));
    Err(refuse_with(&refusal.code, words))
}
