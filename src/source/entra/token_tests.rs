//! What is sent, and what is believed of an answer.

use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::*;
use crate::world::BoxFuture;
use crate::world::http::{Http, HttpError};

/// Answers everything the same, and remembers what it was asked.
struct Answers {
    status: u16,
    headers: Vec<(&'static str, &'static str)>,
    body: &'static str,
    asked: Mutex<Vec<http::Request<Bytes>>>,
}

impl Http for Answers {
    fn send(
        &self,
        request: http::Request<Bytes>,
        _: HttpLimits,
    ) -> BoxFuture<'static, Result<http::Response<Bytes>, HttpError>> {
        self.asked.lock().unwrap().push(request);
        let answer = http::Response::builder().status(self.status);
        let answer = self.headers.iter().fold(answer, |answer, (name, value)| answer.header(*name, *value));
        let answer = answer.body(Bytes::from(self.body)).unwrap();
        Box::pin(async move { Ok(answer) })
    }
}

fn endpoint(authority: &str, tenant: &str, answers: Answers) -> (TokenEndpoint, Arc<Answers>) {
    let answers = Arc::new(answers);
    let world = World { http: answers.clone(), ..World::system() };
    let endpoint = TokenEndpoint {
        authority: authority.into(),
        tenant: tenant.to_owned(),
        client_id: "app 1".to_owned(),
        world,
        learnt: Learnt::default(),
    };
    (endpoint, answers)
}

fn answers(status: u16, headers: &[(&'static str, &'static str)], body: &'static str) -> Answers {
    Answers { status, headers: headers.to_vec(), body, asked: Mutex::default() }
}

const GOOD: &str =
    r#"{"token_type":"Bearer","access_token":"a.b.c","refresh_token":"r","expires_in":3599,"ext_expires_in":3599}"#;

#[tokio::test]
async fn a_form_goes_to_the_tenants_endpoint() {
    let (endpoint, sent) = endpoint("https://login.microsoftonline.com/", "contoso.com", answers(200, &[], GOOD));
    let form = vec![("scope", "https://x.example//.default".into()), ("refresh_token", (&Secret::new("r&=%")).into())];
    let answered = endpoint.ask(form).await.unwrap();
    assert!(answered.access_token.same_as(b"a.b.c") && answered.refresh_token.unwrap().same_as(b"r"));
    assert_eq!(answered.expires_in, Duration::from_secs(3599));
    let asked = sent.asked.lock().unwrap();
    assert_eq!(asked[0].uri(), "https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token");
    assert_eq!(asked[0].method(), "POST");
    assert_eq!(
        asked[0].body(),
        "client_id=app%201&scope=https%3A%2F%2Fx.example%2F%2F.default&refresh_token=r%26%3D%25"
    );
}

#[tokio::test]
async fn a_secret_goes_to_https_or_to_this_machine_and_follows_nobody() {
    for (authority, tenant, sent) in [
        ("https://login.microsoftonline.us", "contoso.com", true),
        ("http://127.0.0.1:1", "organizations", true),
        ("http://localhost:1", "organizations", true),
        ("http://login.example", "contoso.com", false),
        ("ftp://login.example", "contoso.com", false),
        ("https://login.example", "a/../b", false),
        ("https://login.example", "", false),
        ("https://login.example", "..", false),
        ("https://login.example", "a?b", false),
    ] {
        let (endpoint, answers) = endpoint(authority, tenant, answers(200, &[], GOOD));
        let problem = endpoint.ask(vec![]).await;
        assert_eq!(problem.is_ok(), sent, "{authority} {tenant}");
        assert_eq!(answers.asked.lock().unwrap().len(), usize::from(sent));
    }
    let elsewhere = answers(307, &[("location", "https://evil.example/")], "");
    let (endpoint, answers) = endpoint("https://login.example", "t", elsewhere);
    assert!(matches!(endpoint.ask(vec![]).await, Err(Problem::Unreadable { status: 307 })));
    assert_eq!(answers.asked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn who_wants_to_be_left_alone_is() {
    let throttled = r#"{"error":"temporarily_unavailable","error_description":"AADSTS90055: Throttled."}"#;
    let (endpoint, answers) = endpoint("https://login.example", "t", answers(429, &[("retry-after", "30")], throttled));
    let Err(Problem::Answer(said)) = endpoint.ask(vec![]).await else { panic!("no answer") };
    assert_eq!((said.retry_after, said.numbers), (Some(Duration::from_secs(30)), vec![90055]));
    assert!(matches!(endpoint.ask(vec![]).await, Err(Problem::Paused { left }) if left <= Duration::from_secs(30)));
    let other = TokenEndpoint { client_id: "app 2".to_owned(), ..endpoint.clone() };
    assert!(matches!(other.ask(vec![]).await, Err(Problem::Answer(_))), "another application is asked");
    assert_eq!(answers.asked.lock().unwrap().len(), 2);
}

#[test]
fn half_an_answer_is_none_and_shows_nothing() {
    let read = |body: &str| read(body.as_bytes(), ClockOffset::None);
    assert_eq!(read(&GOOD.replace("3599", "\"60\"")).unwrap().expires_in, Duration::from_secs(60));
    assert!(
        read(r#"{"token_type":"bearer","access_token":"hunter2","expires_in":1}"#).unwrap().refresh_token.is_none()
    );
    for body in [
        "",
        "{}",
        "hunter2",
        r#"{"access_token":"hunter2","expires_in":1}"#,
        r#"{"token_type":"mac","access_token":"hunter2","expires_in":1}"#,
        r#"{"token_type":"Bearer","access_token":"","expires_in":1}"#,
        r#"{"token_type":"Bearer","access_token":"hunter2\r\nx: y","expires_in":1}"#,
        r#"{"token_type":"Bearer","access_token":"hunter2","refresh_token":"","expires_in":1}"#,
        r#"{"token_type":"Bearer","access_token":"hunter2"}"#,
        r#"{"token_type":"Bearer","access_token":"hunter2","expires_in":0}"#,
        r#"{"token_type":"Bearer","access_token":"hunter2","expires_in":-5}"#,
        r#"{"token_type":"Bearer","access_token":"hunter2","expires_in":"soon"}"#,
        r#"{"token_type":"Bearer","access_token":"hunter2","expires_in":9999999}"#,
        r#"{"token_type":"Bearer","access_token":"hunter2","expires_in":3599"#,
    ] {
        let why = read(body).unwrap_err();
        assert!(!why.contains("hunter2"), "{why}");
    }
}

#[test]
fn a_token_ends_when_it_says_by_the_servers_clock() {
    let now = Now { wall: std::time::UNIX_EPOCH + Duration::from_secs(1_800_000_000), boot: Duration::ZERO };
    let ahead = ClockOffset::Ahead(Duration::from_secs(300));
    let secs = |token: String, offset| {
        let answered = Answered {
            access_token: Secret::new(token),
            refresh_token: None,
            id_claims: None,
            expires_in: Duration::from_secs(3600),
            server_offset: offset,
        };
        let issued = answered.issued(now);
        issued.expiration.duration_since(now.wall).unwrap().as_secs()
    };
    let with_end = |end: u64| format!("e30.{}.x", URL_SAFE_NO_PAD.encode(format!(r#"{{"exp":{end}}}"#)));
    assert_eq!(secs("opaque".to_owned(), ClockOffset::None), 3600);
    assert_eq!(secs("opaque".to_owned(), ahead), 3900);
    assert_eq!(secs(with_end(1_800_003_590), ClockOffset::None), 3590);
    assert_eq!(secs(with_end(1_800_009_999), ClockOffset::None), 3600, "never later than was told");
}

#[test]
fn what_is_debugged_shows_no_secret() {
    let form = [("refresh_token", FormValue::from(&Secret::new("hunter2")))];
    let answered = read(GOOD.replace("a.b.c", "hunter2").as_bytes(), ClockOffset::None).unwrap();
    assert!(!format!("{form:?} {answered:?}").contains("hunter2"));
}
