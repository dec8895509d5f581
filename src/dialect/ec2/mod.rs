//! The EC2 dialect: the instance metadata service, for tools that know nothing else and for code that asks where it is.
//!
//! What it answers is that of the EC2 User Guide, "Use the Instance Metadata Service to access instance metadata"; what each
//! client makes of it was read in the clients themselves:
//!
//! - the Rust SDK and Go take no ticket whose life is not said again in the answer (`imds/client/token.rs`,
//!   `feature/ec2/imds/token_provider.go`);
//! - the list of roles is one name without a newline: the Rust SDK and object_store panic on one, aws-c-auth and JS send it on;
//! - `Code` is exactly `Success`: minio, PHP and the Rust SDK take any other spelling for an error;
//! - 404 for a role makes Go, Ruby and Java look for its name again, and 404 on `security-credentials-extended` makes PHP and
//!   Ruby take the older path; any other status does neither;
//! - a 400 to the request for a ticket ends a client's search, a 403 makes most go on without one.
//!
//! [`Metadata::find`] says what a path asks for, the `write_` functions write it. Nothing here opens a ticket or waits for a
//! credential. Called by the server for its listeners that speak this dialect, and by the app, which makes the tree.

mod defaults;
mod given;
mod lines;
mod names;
mod partition;
mod refuse;
mod tree;
mod versions;
mod write;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;

pub use given::{check_path, check_value};
pub use names::role_name;
pub use refuse::{About, refuse};
pub use tree::Metadata;
pub use write::{account_of, write_credential, write_document, write_info, write_text, write_ticket};

use super::Refusal;

/// The header that a ticket is sent in.
pub const TICKET: &str = "x-aws-ec2-metadata-token";

/// The header that says for how long a ticket is wanted, and for how long it was given.
pub const TICKET_LIFE: &str = "x-aws-ec2-metadata-token-ttl-seconds";

/// The longest that a ticket may be good for: six hours (EC2 User Guide, "How Instance Metadata Service Version 2 works").
pub const LONGEST_TICKET_LIFE: Duration = Duration::from_secs(21_600);

/// What the tree is made of.
#[derive(Clone)]
pub struct Facts {
    /// What the role is called, as [`role_name`] makes it: `deploy`.
    pub role: String,
    /// Such as `eu-central-1`; `None`: nothing names one, and nothing is said about where the machine is.
    pub region: Option<String>,
    /// The account's twelve digits, as far as they are known before there is a credential.
    pub account: Option<String>,
    /// The listener's address.
    pub address: SocketAddr,
    /// What is said instead of the defaults, by path below `meta-data`, and `user-data`; `None`: nothing is there, nor below.
    /// What [`check_path`] or [`check_value`] refuses is passed over, and so is a value above or below another one.
    pub values: BTreeMap<String, Option<String>>,
}

/// What a path asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found<'m> {
    /// `api/token`: a ticket, with PUT; nothing with any other method.
    Ticket,
    /// A value, a listing or the role's name: write it with [`write_text`].
    Text(&'m Bytes),
    /// The role's credential: write it with [`write_credential`].
    Credential {
        /// With the account in it.
        extended: bool,
    },
    /// `iam/info`: which instance profile it is. Write it with [`write_info`].
    Info,
    /// The instance identity document: write it with [`write_document`].
    Document,
    /// Nothing is there.
    Nothing,
}

impl Found<'_> {
    /// How a refusal is worded here.
    pub fn about(&self) -> About {
        match self {
            Self::Ticket => About::Ticket,
            Self::Credential { .. } => About::Credential,
            _ => About::Other,
        }
    }
}

/// For how long a ticket is wanted: what the header [`TICKET_LIFE`] says, 1 to 21600.
///
/// ```
/// use std::time::Duration;
/// use credenza::dialect::{Refusal, ec2};
/// assert_eq!(ec2::ticket_life(Some("21600")), Ok(Duration::from_secs(21600)));
/// assert_eq!(ec2::ticket_life(Some("0")), Err(Refusal::TicketLife));
/// ```
pub fn ticket_life(header: Option<&str>) -> Result<Duration, Refusal> {
    let digits = header.filter(|text| (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()));
    let life = digits.and_then(|digits| digits.parse().ok()).map(Duration::from_secs);
    life.filter(|life| !life.is_zero() && *life <= LONGEST_TICKET_LIFE).ok_or(Refusal::TicketLife)
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tree_tests;
