//! What was asked of the cloud, in order: the evidence for "one upstream call" and "none at all".

use std::time::SystemTime;

/// One request that reached a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// By the cloud's clock.
    pub at: SystemTime,
    /// `AssumeRole`; empty when the request named none.
    pub action: String,
    /// ARN of the owner of the access key that signed, whether or not the signature held.
    pub principal: Option<String>,
    /// The access key id that signed.
    pub access_key_id: Option<String>,
    /// The `RoleArn` that was asked for.
    pub role: Option<String>,
    /// The other parameters that may be shown, as sent: `DurationSeconds`, `RoleSessionName`, `Tags.member.1.Key` ...
    pub parameters: Vec<(String, String)>,
    /// `ok`, an error code, the name of the fault that changed the answer, or `unfinished` while there is none.
    pub outcome: String,
}
