//! Long-term keys, for who is no source: the commands that fetch them in the process that a person started, and those that
//! keep them in the keyring.

use std::path::PathBuf;

pub use super::aws_iam::{AccessKey, Iam, LastUsed};
use super::aws_origin::Origin;
pub use super::aws_references::{kept, keys as of_reference, needs_person};
use super::aws_sts::Sts;
pub use super::shape::check;
use crate::config::{KeysOrigin, StsEndpoint};
use crate::credential::{AwsKeys, Failure, Issued};
use crate::secret::Digest;
use crate::source::Learnt;
use crate::world::World;

/// The keys of an origin, as they are. May wait for a person: for who was started by one.
pub async fn fetch(keys: &KeysOrigin, world: &World) -> Result<Issued, Failure> {
    Origin { keys: keys.clone(), world: world.clone() }.fetch().await
}

/// Whose long-term keys these are, as STS tells (`GetCallerIdentity`, which needs no permission): the account and the ARN.
/// `label`: whose they are for the sentences.
pub async fn owner(
    keys: &AwsKeys,
    label: &str,
    sts: &StsEndpoint,
    ca_bundle: Option<PathBuf>,
    world: &World,
) -> Result<Owner, Failure> {
    let sts = Sts {
        identity: label.into(),
        digest: Digest::of(label.as_bytes()),
        endpoint: sts.clone(),
        ca_bundle,
        world: world.clone(),
        learnt: Learnt::default(),
        until: None,
    };
    let caller = sts.for_one_issue().caller(keys).await?;
    Ok(Owner { arn: caller.arn.unwrap_or_default(), account_id: caller.account_id.unwrap_or_default() })
}

/// Whose keys they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// `arn:aws:iam::111122223333:user/ada`
    pub arn: String,
    /// Twelve digits.
    pub account_id: String,
}

/// The last four characters of an access key's id: all of it that people are shown.
pub fn end_of(access_key_id: &str) -> &str {
    let start = access_key_id.char_indices().rev().nth(3).map_or(0, |(start, _)| start);
    &access_key_id[start..]
}
