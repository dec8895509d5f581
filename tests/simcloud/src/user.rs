//! Users of IAM, and what their own policies want of them.

use std::time::SystemTime;

use crate::Principal;

/// A user of the simulated cloud. Its access keys are remembered with all other keys.
#[derive(Clone, Debug)]
pub struct User {
    /// Who that is: ARN, id, account.
    pub principal: Principal,
    /// When it was made.
    pub created: SystemTime,
    /// Long-term keys alone may not ask STS for a session: a one-time code must come along.
    pub code_required: bool,
}

/// Whether a user's ARN is meant by `name`: the ARN itself, or its last part.
pub(crate) fn is_named(user_arn: &str, name: &str) -> bool {
    user_arn == name || user_arn.contains(":user/") && user_arn.rsplit('/').next() == Some(name)
}
