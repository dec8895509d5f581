//! The answers of the metadata service. Called by the server with what it found at a path.

use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;

use super::super::ecs::{Whole, timestamp};
use super::super::{Answer, Form, Refusal};
use super::partition::Partition;
use super::tree::Metadata;
use super::{defaults, lines};
use crate::credential::{Credential, Now};
use crate::secret::{Digest, Secret};

/// The answer to a request for a ticket. Its life is said again: the Rust SDK takes none without, Go asks for one each time.
pub fn write_ticket(ticket: Secret, life: Duration) -> Answer {
    let life_secs = u32::try_from(life.as_secs()).unwrap_or(u32::MAX);
    Answer { ticket_life_secs: Some(life_secs), ..Answer::ok(Form::Text, ticket.into_bytes()) }
}

/// A value or a listing, as it is: no newline is put behind.
pub fn write_text(text: Bytes) -> Answer {
    Answer::ok(Form::Text, text)
}

/// The answer that holds a credential; with the account in it where `extended`, as far as it is known. One that is not whole,
/// or that has no life left to speak of, never leaves with a 200. The same credential is the same answer at any time.
pub fn write_credential(credential: &Credential, extended: bool, now: Now) -> Result<Answer, Refusal> {
    let whole = Whole::of(credential, now)?;
    let document = CredentialDocument {
        code: SUCCESS,
        last_updated: &timestamp(credential.received.wall).ok_or(Refusal::Bug("a credential of a time beyond all"))?,
        r#type: "AWS-HMAC",
        access_key_id: whole.access_key_id,
        secret_access_key: whole.secret_access_key,
        token: whole.token,
        expiration: &whole.expiration,
        account_id: account_of(credential).filter(|_| extended),
    };
    let body = Secret::written(|out| lines::write(out, &document));
    let body = body.map_err(|_| Refusal::Bug("a credential that is no JSON"))?;
    Ok(Answer::ok(Form::Text, body.into_bytes()))
}

/// The account that a credential is of: its own word for it, else the one in its role's ARN.
pub fn account_of(credential: &Credential) -> Option<&str> {
    let aws = credential.aws()?;
    let named = aws.account_id.as_deref().or_else(|| aws.role_arn.as_deref()?.split(':').nth(4));
    named.filter(|account| account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The answer to `iam/info`. `account` is the credential's, for where the configuration tells none; without either there is
/// nothing to answer: Terraform takes the account from here (`aws-sdk-go-base`, `awsauth.go`), and a made-up one would be
/// taken for true.
pub fn write_info(metadata: &Metadata, account: Option<&str>, now: Now) -> Result<Answer, Refusal> {
    let account = metadata.account().or(account).ok_or(Refusal::Absent)?;
    let of_region = Partition::of(metadata.value("placement/region")).name;
    let partition = metadata.value("services/partition").unwrap_or(of_region);
    let arn = format!("arn:{partition}:iam::{account}:instance-profile/{}", metadata.role());
    let document = Info {
        code: SUCCESS,
        last_updated: &timestamp(now.wall).ok_or(Refusal::Bug("a clock beyond all time"))?,
        instance_profile_id: &profile_id(&arn),
        instance_profile_arn: &arn,
    };
    Ok(write_lines(&document))
}

/// `AIPA` and 17 letters, always the same for the same profile (IAM User Guide, "IAM identifiers").
fn profile_id(arn: &str) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let Digest(digest) = Digest::of(arn.as_bytes());
    let letters = digest.iter().take(17).map(|byte| char::from(LETTERS[usize::from(byte % 32)]));
    "AIPA".chars().chain(letters).collect()
}

/// The instance identity document, in agreement with the tree. `account` is the credential's, for where the configuration tells
/// none; what is not known is left out. It has no signature: nobody can be told by it who we are.
pub fn write_document(metadata: &Metadata, account: Option<&str>) -> Answer {
    write_lines(&IdentityDocument {
        account_id: metadata.account().or(account),
        architecture: defaults::architecture(),
        availability_zone: metadata.value("placement/availability-zone"),
        billing_products: None,
        devpay_product_codes: None,
        marketplace_product_codes: None,
        image_id: metadata.value("ami-id"),
        instance_id: metadata.value("instance-id"),
        instance_type: metadata.value("instance-type"),
        kernel_id: metadata.value("kernel-id"),
        pending_time: "2026-01-01T00:00:00Z",
        private_ip: metadata.value("local-ipv4"),
        ramdisk_id: metadata.value("ramdisk-id"),
        region: metadata.value("placement/region"),
        version: "2017-09-30",
    })
}

/// What the real service says where no credential can be had: 200, and no keys.
pub(super) fn write_failure(code: &str, message: &str, now: Now) -> Answer {
    let last_updated = timestamp(now.wall);
    write_lines(&FailureDocument { code, message, last_updated: last_updated.as_deref() })
}

fn write_lines(document: &impl Serialize) -> Answer {
    let mut body = Vec::new();
    // a Vec takes all that is written, and no member of these is a map or fails to be text
    let _ = lines::write(&mut body, document);
    Answer::ok(Form::Text, body.into())
}

const SUCCESS: &str = "Success";

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CredentialDocument<'a> {
    code: &'a str,
    last_updated: &'a str,
    r#type: &'a str,
    access_key_id: &'a str,
    secret_access_key: &'a str,
    token: &'a str,
    expiration: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_id: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Info<'a> {
    code: &'a str,
    last_updated: &'a str,
    instance_profile_arn: &'a str,
    instance_profile_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct FailureDocument<'a> {
    code: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_updated: Option<&'a str>,
}

/// EC2 User Guide, "Instance identity documents for Amazon EC2 instances". Those that are `None` on most instances are
/// written as `null`; the others are left out where they are not known.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct IdentityDocument<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    account_id: Option<&'a str>,
    architecture: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    availability_zone: Option<&'a str>,
    billing_products: Option<&'a str>,
    devpay_product_codes: Option<&'a str>,
    marketplace_product_codes: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance_type: Option<&'a str>,
    kernel_id: Option<&'a str>,
    pending_time: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    private_ip: Option<&'a str>,
    ramdisk_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<&'a str>,
    version: &'a str,
}
