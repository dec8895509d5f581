//! What IAM answers, read from its XML. Pure; what may be a secret is wiped.

use std::time::{Duration, SystemTime};

use aws_smithy_types::date_time::{DateTime, Format};
use aws_smithy_xml::decode::{Document, ScopedDecoder, try_data};
use zeroize::Zeroizing;

use super::{AccessKey, LastUsed};
use crate::credential::AwsKeys;
use crate::secret::Secret;
use crate::source::shape;

/// The keys of a `ListAccessKeysResponse`; `None` for anything else.
pub(super) fn access_keys(body: &[u8]) -> Option<Vec<AccessKey>> {
    let result = result(body, "ListAccessKeys")?;
    let members = result.child("AccessKeyMetadata")?.children.iter().filter(|member| member.name == "member");
    members
        .map(|member| {
            let active = match member.text("Status")? {
                "Active" => true,
                "Inactive" => false,
                _ => return None,
            };
            let created = member.text("CreateDate").and_then(time);
            Some(AccessKey { id: member.text("AccessKeyId")?.to_owned(), active, created })
        })
        .collect()
}

/// The keys of a `CreateAccessKeyResponse`; `None` where they are not whole.
pub(super) fn created(body: &[u8]) -> Option<AwsKeys> {
    let result = result(body, "CreateAccessKey")?;
    let key = result.child("AccessKey")?;
    let keys = AwsKeys {
        access_key_id: key.text("AccessKeyId")?.to_owned(),
        secret_access_key: Secret::new(key.text("SecretAccessKey")?),
        session_token: None,
    };
    shape::check(&keys).is_ok().then_some(keys)
}

/// The use of a `GetAccessKeyLastUsedResponse`; inside `None` for a key that was never used.
pub(super) fn last_used(body: &[u8]) -> Option<Option<LastUsed>> {
    let result = result(body, "GetAccessKeyLastUsed")?;
    let used = result.child("AccessKeyLastUsed")?;
    let service = used.text("ServiceName").unwrap_or_default().to_owned();
    Some(used.text("LastUsedDate").and_then(time).map(|at| LastUsed { at, service }))
}

/// An error of the query protocol.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Error {
    /// `NoSuchEntity`
    pub(super) code: String,
    /// IAM's words.
    pub(super) message: String,
}

/// What an `ErrorResponse` says; `None` for anything else.
pub(super) fn error(body: &[u8]) -> Option<Error> {
    let root = root(body).filter(|root| root.name == "ErrorResponse")?;
    let error = root.child("Error")?;
    let message = error.text("Message").unwrap_or_default().to_owned();
    Some(Error { code: error.text("Code").filter(|code| !code.is_empty())?.to_owned(), message })
}

/// `<XResult>` of an `<XResponse>`.
fn result(body: &[u8], action: &str) -> Option<Element> {
    let root = root(body).filter(|root| root.name == format!("{action}Response"))?;
    root.children.into_iter().find(|child| child.name == format!("{action}Result"))
}

fn root(body: &[u8]) -> Option<Element> {
    let text = std::str::from_utf8(body).ok()?;
    let mut document = Document::new(text);
    Element::of(document.root_element().ok()?, DEEPEST)
}

/// How deep elements may lie in one another: IAM's lie four deep.
const DEEPEST: usize = 8;

/// An element with its text, or with what is in it.
struct Element {
    name: String,
    text: Zeroizing<String>,
    children: Vec<Element>,
}

impl Element {
    fn of(mut decoder: ScopedDecoder<'_, '_>, deepest: usize) -> Option<Self> {
        let name = decoder.start_el().local().to_owned();
        if LEAVES.contains(&name.as_str()) {
            let text = Zeroizing::new(try_data(&mut decoder).ok()?.into_owned());
            return Some(Self { name, text, children: Vec::new() });
        }
        let mut children = Vec::new();
        while let Some(child) = decoder.next_tag() {
            children.push(Self::of(child, deepest.checked_sub(1)?)?);
        }
        Some(Self { name, text: Zeroizing::default(), children })
    }

    fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.trim())
    }
}

/// The elements whose text is read.
const LEAVES: &[&str] =
    &["AccessKeyId", "SecretAccessKey", "Status", "CreateDate", "LastUsedDate", "ServiceName", "Code", "Message"];

/// `2026-01-31T12:00:00Z`
fn time(text: &str) -> Option<SystemTime> {
    let parsed = DateTime::from_str(text, Format::DateTime).ok()?;
    u64::try_from(parsed.secs()).ok().and_then(|secs| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(secs)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_as_the_api_reference_shows_them() {
        let listed =
            br#"<ListAccessKeysResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><ListAccessKeysResult>
            <UserName>ada</UserName><AccessKeyMetadata>
            <member><UserName>ada</UserName><AccessKeyId>AKIA1</AccessKeyId><Status>Active</Status>
            <CreateDate>2027-01-15T08:00:00Z</CreateDate></member>
            <member><AccessKeyId>AKIA2</AccessKeyId><Status>Inactive</Status></member>
            </AccessKeyMetadata><IsTruncated>false</IsTruncated></ListAccessKeysResult>
            <ResponseMetadata><RequestId>7a62c49f</RequestId></ResponseMetadata></ListAccessKeysResponse>"#;
        let key = |id: &str, active, created| AccessKey { id: id.to_owned(), active, created };
        let date = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        assert_eq!(access_keys(listed), Some(vec![key("AKIA1", true, Some(date)), key("AKIA2", false, None)]));

        let made = r#"<?xml version="1.0"?><CreateAccessKeyResponse><CreateAccessKeyResult><AccessKey><UserName>Bob</UserName>
            <AccessKeyId>AKIAIOSFODNN7EXAMPLE</AccessKeyId><Status>Active</Status>
            <SecretAccessKey>wJalrXUtnFEMI/K7MDENG&#x2B;bPx</SecretAccessKey></AccessKey></CreateAccessKeyResult>
            </CreateAccessKeyResponse>"#;
        let keys = created(made.as_bytes()).unwrap();
        assert_eq!(keys.access_key_id, "AKIAIOSFODNN7EXAMPLE");
        assert!(keys.secret_access_key.same_as(b"wJalrXUtnFEMI/K7MDENG+bPx"));
        assert!(created(made.replace("wJalrXUtnFEMI/K7MDENG&#x2B;bPx", "").as_bytes()).is_none(), "half a key is none");

        let used = |inside: &str| {
            let body = format!(
                "<GetAccessKeyLastUsedResponse><GetAccessKeyLastUsedResult><UserName>ada</UserName><AccessKeyLastUsed>{inside}\
                 </AccessKeyLastUsed></GetAccessKeyLastUsedResult></GetAccessKeyLastUsedResponse>"
            );
            last_used(body.as_bytes())
        };
        let of_s3 = LastUsed { at: date, service: "s3".to_owned() };
        assert_eq!(
            used("<LastUsedDate>2027-01-15T08:00:00Z</LastUsedDate><ServiceName>s3</ServiceName>"),
            Some(Some(of_s3))
        );
        assert_eq!(used("<ServiceName>N/A</ServiceName><Region>N/A</Region>"), Some(None));

        let refused =
            br#"<ErrorResponse><Error><Type>Sender</Type><Code>NoSuchEntity</Code><Message>The key &amp; all</Message>
            </Error><RequestId>x</RequestId></ErrorResponse>"#;
        let expected = Error { code: "NoSuchEntity".to_owned(), message: "The key & all".to_owned() };
        assert_eq!(error(refused), Some(expected));
    }

    #[test]
    fn anything_else_is_no_answer() {
        let deep = format!("<ListAccessKeysResponse>{}", "<a>".repeat(10_000));
        for body in [
            "",
            "<html><body>Proxy</body></html>",
            "<ListAccessKeysResponse/>",
            "<ListAccessKeysResponse><ListAccessKeysResult>",
            "{\"message\":1}",
            "<CreateAccessKeyResponse><CreateAccessKeyResult/></CreateAccessKeyResponse>",
            "<ErrorResponse><Error><Code></Code></Error></ErrorResponse>",
            &deep,
        ] {
            assert!(access_keys(body.as_bytes()).is_none() && created(body.as_bytes()).is_none(), "{body:.80}");
            assert!(last_used(body.as_bytes()).is_none() && error(body.as_bytes()).is_none(), "{body:.80}");
        }
        assert!(error(b"\xff").is_none());
    }
}
