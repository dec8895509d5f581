//! The rules of the variables, and what is asked of the endpoint.

use std::sync::{Arc, Mutex};

use super::*;
use crate::world::http::{Http, HttpError};
use crate::world::simulated::MemoryFiles;
use crate::world::{BoxFuture, Environment};

/// An endpoint that gives one answer and keeps what it was asked.
#[derive(Default)]
pub(in crate::source) struct Endpoint {
    pub(in crate::source) answers: Mutex<Vec<Result<(u16, String), HttpError>>>,
    pub(in crate::source) asked: Mutex<Vec<http::Request<Bytes>>>,
    pub(in crate::source) shows: Mutex<Option<ClockOffset>>,
}

impl Endpoint {
    /// Gives these answers, in this order.
    pub(in crate::source) fn answering(answers: &[(u16, &str)]) -> Arc<Self> {
        let answers = answers.iter().rev().map(|(status, body)| Ok((*status, (*body).to_owned()))).collect();
        Arc::new(Self { answers: Mutex::new(answers), ..Self::default() })
    }

    /// The same with a `Date` that shows its clock to be off from ours by so much.
    pub(in crate::source) fn showing(self: Arc<Self>, offset: ClockOffset) -> Arc<Self> {
        *self.shows.lock().unwrap() = Some(offset);
        self
    }

    pub(in crate::source) fn asked(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        asked.iter().map(|request| format!("{} {}", request.method(), request.uri())).collect()
    }
}

impl Http for Endpoint {
    fn send(
        &self,
        request: http::Request<Bytes>,
        _: HttpLimits,
    ) -> BoxFuture<'static, Result<http::Response<Bytes>, HttpError>> {
        let host = request.uri().to_string();
        self.asked.lock().unwrap().push(request);
        let answer = self.answers.lock().unwrap().pop();
        let answer = answer.unwrap_or(Err(HttpError::Connect { host, reason: "refused".to_owned() }));
        let date = self.shows.lock().unwrap().map(|offset| {
            let there = aws_smithy_types::DateTime::from(offset.server_time(World::system().clock.now().wall));
            there.fmt(aws_smithy_types::date_time::Format::HttpDate).unwrap()
        });
        Box::pin(async move {
            answer.map(|(status, body)| {
                let builder = http::Response::builder().status(status);
                let builder = date.iter().fold(builder, |builder, date| builder.header("date", date));
                builder.body(Bytes::from(body)).unwrap()
            })
        })
    }
}

pub(in crate::source) fn world(endpoint: &Arc<Endpoint>, variables: &[(&str, &str)]) -> World {
    World {
        http: endpoint.clone(),
        environment: Arc::new(variables.iter().copied().collect::<Environment>()),
        files: Arc::new(MemoryFiles::default().with("/token", "from-file").with("/broken", "from\nfile")),
        ..World::system()
    }
}

pub(in crate::source) const GOOD: &str = r#"{"Code":"Success","AccessKeyId":"ASIAEXAMPLE","SecretAccessKey":"s",
    "Token":"t","Expiration":"2027-01-15T08:00:00Z","AccountId":"111122223333"}"#;

const RELATIVE: (&str, &str) = ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/abc");
const FULL: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
const TOKEN: (&str, &str) = ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "from-variable");
const TOKEN_FILE: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";

#[tokio::test]
async fn which_address_is_asked_with_which_token() {
    let local = (FULL, "http://127.0.0.1:9/creds");
    type Row<'a> = (&'a [(&'a str, &'a str)], &'a str, Option<&'a str>);
    let rows: [Row<'_>; 5] = [
        (&[RELATIVE], "GET http://169.254.170.2/v2/credentials/abc", None),
        (&[RELATIVE, local], "GET http://169.254.170.2/v2/credentials/abc", None),
        (&[local, TOKEN], "GET http://127.0.0.1:9/creds", Some("from-variable")),
        (&[local, TOKEN, (TOKEN_FILE, "/token")], "GET http://127.0.0.1:9/creds", Some("from-file")),
        (&[(FULL, "https://creds.example/x"), TOKEN], "GET https://creds.example/x", Some("from-variable")),
    ];
    for (variables, asked, token) in rows {
        let endpoint = Endpoint::answering(&[(200, GOOD)]);
        let issued = keys(&world(&endpoint, variables)).await.unwrap();
        assert_eq!(endpoint.asked(), [asked]);
        let header = endpoint.asked.lock().unwrap()[0].headers().get("authorization").cloned();
        assert_eq!(header.as_ref().map(|value| value.to_str().unwrap()), token, "{variables:?}");
        assert_eq!(issued.account_id.as_deref(), Some("111122223333"));
        assert!(issued.expiration.is_some() && issued.keys.session_token.is_some());
    }
}

#[tokio::test]
async fn the_clock_of_the_endpoint_is_read_from_its_date() {
    for there in OFF {
        let endpoint = Endpoint::answering(&[(200, GOOD)]).showing(there);
        let issued = keys(&world(&endpoint, &[RELATIVE])).await.unwrap();
        assert!(is_about(issued.server_offset, there), "{there:?}: {:?}", issued.server_offset);
    }
    let endpoint = Endpoint::answering(&[(200, GOOD)]).showing(ClockOffset::None);
    assert_eq!(keys(&world(&endpoint, &[RELATIVE])).await.unwrap().server_offset, ClockOffset::None);
}

/// Clocks that are off.
pub(in crate::source) const OFF: [ClockOffset; 2] =
    [ClockOffset::Ahead(Duration::from_secs(20 * 60)), ClockOffset::Behind(Duration::from_secs(20 * 60))];

/// A `Date` has whole seconds, and a test may be held up.
pub(in crate::source) fn is_about(one: ClockOffset, other: ClockOffset) -> bool {
    match (one, other) {
        (ClockOffset::Ahead(one), ClockOffset::Ahead(other))
        | (ClockOffset::Behind(one), ClockOffset::Behind(other)) => one.abs_diff(other) < Duration::from_secs(60),
        _ => false,
    }
}

#[tokio::test]
async fn an_address_that_would_get_the_token_in_clear_text_is_not_asked() {
    for address in [
        "http://10.0.0.1/creds",
        "http://host.docker.internal/creds",
        "http://169.254.169.254/creds",
        "http://0.0.0.0/creds",
        "ftp://127.0.0.1/creds",
        "/creds",
    ] {
        let endpoint = Endpoint::answering(&[(200, GOOD)]);
        let failure = keys(&world(&endpoint, &[(FULL, address), TOKEN])).await.unwrap_err();
        assert_eq!((failure.class, endpoint.asked().len()), (FailureClass::Refused, 0), "{address}");
    }
    for address in ["http://localhost:1/", "http://[::1]:1/", "http://169.254.170.23/v1", "http://[fd00:ec2::23]/v1"] {
        let endpoint = Endpoint::answering(&[(200, GOOD)]);
        assert!(keys(&world(&endpoint, &[(FULL, address)])).await.is_ok(), "{address}");
    }
}

#[tokio::test]
async fn what_is_missing_or_broken_is_named_and_no_token_is_shown() {
    let endpoint = Endpoint::answering(&[]);
    let failure = keys(&world(&endpoint, &[])).await.unwrap_err();
    assert!(failure.class == FailureClass::Refused && failure.public.contains("FULL_URI"), "{failure}");
    let local = (FULL, "http://127.0.0.1:9/creds");
    let failure = keys(&world(&endpoint, &[local, (TOKEN_FILE, "/none")])).await.unwrap_err();
    assert!(failure.class == FailureClass::TryLater && failure.public.contains("/none"), "{failure}");
    let failure = keys(&world(&endpoint, &[local, (TOKEN_FILE, "/broken")])).await.unwrap_err();
    assert!(failure.class == FailureClass::Refused && !format!("{failure:?}").contains("from"), "{failure:?}");
    let failure = keys(&world(&endpoint, &[local])).await.unwrap_err();
    assert!(failure.class == FailureClass::TryLater && failure.private.contains("no connection"), "{failure:?}");
}

#[tokio::test]
async fn an_answer_that_is_not_whole_is_none() {
    for (status, body) in [
        (500, GOOD),
        (400, "{}"),
        (302, ""),
        (200, ""),
        (200, "{}"),
        (200, r#"{"Code":"AssumeRoleUnauthorizedAccess","Message":"no"}"#),
        (200, r#"{"AccessKeyId":"A","SecretAccessKey":"s","Token":"t"}"#),
        (200, r#"{"AccessKeyId":"A","SecretAccessKey":"s","Token":"t","Expiration":"soon"}"#),
        (200, r#"{"AccessKeyId":"A","SecretAccessKey":"s","Expiration":"2027-01-15T08:00:00Z"}"#),
        (200, r#"{"AccessKeyId":"","SecretAccessKey":"","Token":"","Expiration":"2027-01-15T08:00:00Z"}"#),
    ] {
        let endpoint = Endpoint::answering(&[(status, body)]);
        let failure = keys(&world(&endpoint, &[RELATIVE])).await.unwrap_err();
        assert_eq!(failure.class, FailureClass::TryLater, "{status} {body}");
    }
}
