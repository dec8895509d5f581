//! IAM, as far as access keys and outbound federation go: the query protocol of API version 2010-05-08, signed for `us-east-1`, its one region in the
//! `aws` partition.
//!
//! Every user may manage the keys of every user of the same account, as an administrator may. Who may not is a fault's affair:
//! `AccessDenied` on the action.

mod access_keys;
mod outbound;
mod steering;
mod user;

use crate::{
    Cloud, Refusal,
    fault::Trouble,
    query::{Element, Request, no_such_operation},
    refusal::Known,
    sigv4,
};

pub(crate) const NAMESPACE: &str = "https://iam.amazonaws.com/doc/2010-05-08/";
const API_VERSION: &str = "2010-05-08";

/// Whether a request is for IAM: by its host, or on a host that stands for every service by its version.
pub(crate) fn is_meant_by(request: &Request<'_>) -> bool {
    let host = request.received.host.split(':').next().unwrap_or_default();
    if host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn") {
        return host.starts_with("iam.");
    }
    request.version() == API_VERSION
}

/// Judges a request and does what it asks for.
pub(crate) fn perform(cloud: &Cloud, request: &Request<'_>, trouble: Option<&Trouble>) -> Result<Element, Refusal> {
    let parameters = &request.parameters;
    let (action, version) = (request.action(), request.version());
    if version != API_VERSION {
        return Err(no_such_operation(action, version));
    }
    let caller = sigv4::verify(cloud, request.received, "iam", Some("us-east-1"))?.by;
    // A session without a second factor may do nothing here. (STS API Reference, "GetSessionToken")
    if caller.is_user_session() && !caller.mfa {
        return Err(Refusal::unknown_key());
    }
    match action {
        "CreateAccessKey" => access_keys::create(cloud, &caller, parameters, trouble),
        "ListAccessKeys" => access_keys::list(cloud, &caller, parameters),
        "UpdateAccessKey" => access_keys::update(cloud, &caller, parameters),
        "DeleteAccessKey" => access_keys::delete(cloud, &caller, parameters),
        "GetAccessKeyLastUsed" => access_keys::last_used(cloud, &caller, parameters),
        "EnableOutboundWebIdentityFederation" => outbound::enable(cloud, &caller),
        "DisableOutboundWebIdentityFederation" => outbound::disable(cloud, &caller),
        "GetOutboundWebIdentityFederationInfo" => outbound::info(cloud, &caller),
        "GetUser" => user::perform(cloud, &caller, parameters),
        _ => Err(no_such_operation(action, version)),
    }
}

/// The status and words of a code that a fault names.
pub(crate) fn known_refusal(code: &str) -> Refusal {
    Refusal::among(KNOWN, code)
}

/// A proper answer to a question that nobody asks.
pub(crate) fn answer_to_another_question() -> Element {
    let nothing = [Element::group("AccountAliases", []), Element::text("IsTruncated", "false")];
    Element::group("ListAccountAliases", nothing)
}

/// (botocore, `data/iam/2010-05-08/service-2.json`: the errors of the actions here)
const KNOWN: &[Known] = &[
    (400, "InvalidInput", "The request is not valid."),
    (404, "FeatureDisabled", "Outbound web identity federation is not enabled for this account."),
    (409, "FeatureEnabled", "Outbound web identity federation is already enabled for this account."),
    (404, "NoSuchEntity", "The user cannot be found."),
    (409, "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2"),
    (409, "EntityTemporarilyUnmodifiable", "The user is being changed. Please try again."),
    (500, "ServiceFailure", "The request processing has failed because of an unknown error, exception or failure."),
];
