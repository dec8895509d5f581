//! Sign-in as it is written on the wire, against answers written by hand; and the upstream that gives them, for the portal's
//! tests and the renewal's too.

use std::collections::VecDeque;
use std::sync::Mutex;

use bytes::Bytes;
use serde_json::{Value, json};

use super::super::problem::What;
use super::super::problem::tests::session;
use super::*;
use crate::credential::FailureClass;
use crate::world::http::{Http, HttpError, HttpLimits};
use crate::world::simulated::{MemoryFiles, SimulatedClock};
use crate::world::{BoxFuture, Environment};

pub(in crate::source::aws_sso) const NOW: u64 = 1_800_000_000;

/// An upstream that answers one request after the other as it is told.
pub(in crate::source::aws_sso) struct Upstream {
    answers: Mutex<VecDeque<http::Response<Bytes>>>,
    heard: Mutex<Vec<http::Request<Bytes>>>,
}

impl Upstream {
    pub(in crate::source::aws_sso) fn of<const N: usize>(answers: [http::Response<Bytes>; N]) -> Arc<Self> {
        Arc::new(Self { answers: Mutex::new(answers.into()), heard: Mutex::default() })
    }

    /// A world with this upstream and nothing else in it.
    pub(in crate::source::aws_sso) fn world(self: &Arc<Self>) -> World {
        World {
            http: Arc::new(Wired(Arc::clone(self))),
            clock: Arc::new(SimulatedClock::new(at(NOW))),
            files: Arc::new(MemoryFiles::default()),
            environment: Arc::new(Environment::from_iter([("HOME", "/home/ada")])),
            ..World::system()
        }
    }

    /// What was asked, one request after the other.
    pub(in crate::source::aws_sso) fn heard(&self) -> Vec<http::Request<Bytes>> {
        self.heard.lock().unwrap().clone()
    }

    /// The only request: its method and address, and its members.
    #[track_caller]
    fn asked(&self) -> (String, Value) {
        let heard = self.heard();
        let [request] = &heard[..] else { panic!("{heard:?}") };
        assert!(request.headers().get("authorization").is_none(), "{request:?}");
        (format!("{} {}", request.method(), request.uri()), serde_json::from_slice(request.body()).unwrap())
    }
}

struct Wired(Arc<Upstream>);

impl Http for Wired {
    fn send(
        &self,
        request: http::Request<Bytes>,
        _: HttpLimits,
    ) -> BoxFuture<'static, Result<http::Response<Bytes>, HttpError>> {
        self.0.heard.lock().unwrap().push(request);
        let answer = self.0.answers.lock().unwrap().pop_front().unwrap();
        Box::pin(async move { Ok(answer) })
    }
}

pub(in crate::source::aws_sso) fn answer(status: u16, body: impl ToString) -> http::Response<Bytes> {
    http::Response::builder().status(status).body(body.to_string().into()).unwrap()
}

pub(in crate::source::aws_sso) fn at(secs: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(secs)
}

fn with_header(mut answer: http::Response<Bytes>, name: &'static str, value: &'static str) -> http::Response<Bytes> {
    answer.headers_mut().insert(name, value.parse().unwrap());
    answer
}

/// The service of the session as `change` leaves it.
fn oidc(upstream: &Arc<Upstream>, change: impl FnOnce(&mut SsoSession)) -> Oidc {
    let mut session = session();
    change(&mut session);
    Oidc::new(Arc::new(session), upstream.world())
}

fn client() -> Registration {
    Registration {
        client_id: "client-1".to_owned(),
        client_secret: Secret::new("client-secret"),
        expires_at: at(NOW + 90 * 24 * 3600),
    }
}

fn code_flow() -> Flow {
    Flow::Code { redirect_uri: "http://127.0.0.1/oauth/callback".to_owned() }
}

const OIDC: &str = "https://oidc.eu-west-1.amazonaws.com";
const START_URL: &str = "https://d-1234567890.awsapps.com/start";

/// A good answer in which this takes the place of what stands there; `Null` takes it out.
fn but(mut good: Value, changes: Value) -> Value {
    let members = good.as_object_mut().unwrap();
    members.extend(changes.as_object().unwrap().clone());
    members.retain(|_, value| !value.is_null());
    good
}

fn registered() -> Value {
    json!({"clientId": "client-1", "clientSecret": "client-secret", "clientSecretExpiresAt": NOW + 3600})
}

fn started() -> Value {
    json!({
        "deviceCode": "device-code",
        "userCode": "ABCD-EFGH",
        "verificationUri": "https://device.sso.eu-west-1.amazonaws.com/",
        "verificationUriComplete": "https://device.sso.eu-west-1.amazonaws.com/?user_code=ABCD-EFGH",
        "expiresIn": 600,
        "interval": 1,
    })
}

fn minted() -> Value {
    json!({"accessToken": "access", "refreshToken": "next", "tokenType": "Bearer", "expiresIn": 3600})
}

#[tokio::test(start_paused = true)]
async fn a_registration_is_for_one_flow_and_for_refreshing() {
    let device = json!({"grantTypes": [DEVICE_CODE, "refresh_token"]});
    let code = json!({
        "grantTypes": ["authorization_code", "refresh_token"],
        "redirectUris": ["http://127.0.0.1/oauth/callback"],
        "issuerUrl": START_URL,
    });
    for (flow, members) in [(Flow::Device, device), (code_flow(), code)] {
        let upstream = Upstream::of([answer(200, registered())]);
        let scopes = ["sso:account:access", "codewhisperer:completions"].map(str::to_owned);
        let client = oidc(&upstream, |session| session.scopes = scopes.to_vec()).register(flow).await.unwrap();
        let always = json!({
            "clientName": format!("Credenza on {}", ourselves::host_name()),
            "clientType": "public",
            "scopes": scopes,
        });
        assert_eq!(upstream.asked(), (format!("POST {OIDC}/client/register"), but(always, members)));
        assert_eq!((client.client_id.as_str(), client.expires_at), ("client-1", at(NOW + 3600)));
        assert!(client.client_secret.same_as(b"client-secret"));
        assert!(!format!("{client:?}").contains("client-secret"), "{client:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_company_address_is_asked_about_where_it_leads() {
    let upstream = Upstream::of([answer(200, registered()), answer(200, started())]);
    let resolved = oidc(&upstream, |session| session.start_url = "https://sso.example.com".to_owned());
    let resolved = resolved.resolved_as(START_URL, "eu-central-1");
    resolved.register(code_flow()).await.unwrap();
    resolved.start_device(&client()).await.unwrap();
    for (request, member) in upstream.heard().iter().zip(["issuerUrl", "startUrl"]) {
        assert_eq!(request.uri().host(), Some("oidc.eu-central-1.amazonaws.com"));
        let members: Value = serde_json::from_slice(request.body()).unwrap();
        assert_eq!(members[member], START_URL);
    }
}

#[tokio::test(start_paused = true)]
async fn a_code_is_asked_for_and_comes_with_what_a_person_needs() {
    let upstream = Upstream::of([answer(200, started())]);
    let code = oidc(&upstream, |_| {}).start_device(&client()).await.unwrap();
    let members = json!({"clientId": "client-1", "clientSecret": "client-secret", "startUrl": START_URL});
    assert_eq!(upstream.asked(), (format!("POST {OIDC}/device_authorization"), members));
    assert!(code.device_code.same_as(b"device-code") && !format!("{code:?}").contains("device-code"), "{code:?}");
    assert_eq!((code.user_code.as_str(), code.expires_in), ("ABCD-EFGH", Duration::from_secs(600)));
    assert_eq!(code.interval, Duration::from_secs(1));
    assert_eq!(code.verification_uri, "https://device.sso.eu-west-1.amazonaws.com/");
    assert!(code.verification_uri_complete.ends_with("?user_code=ABCD-EFGH"));

    // RFC 8628 section 3.2: without an interval 5 s, and the complete address is optional
    for silent in [json!({"interval": null, "verificationUriComplete": null}), json!({"interval": 0})] {
        let upstream = Upstream::of([answer(200, but(started(), silent.clone()))]);
        let code = oidc(&upstream, |_| {}).start_device(&client()).await.unwrap();
        assert_eq!(code.interval, Duration::from_secs(5));
        let without = silent.get("verificationUriComplete").is_some();
        assert_eq!(code.verification_uri_complete == code.verification_uri, without, "{silent}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_browser_is_sent_to_this_machine_only_by_a_service_on_it() {
    for (oidc_url, good) in
        [(Some("http://127.0.0.1:4000"), true), (Some("https://oidc.example.com"), false), (None, false)]
    {
        for member in ["verificationUri", "verificationUriComplete"] {
            let upstream = Upstream::of([answer(200, but(started(), json!({member: "http://127.0.0.1:4000/device"})))]);
            let oidc = oidc(&upstream, |session| session.oidc_url = oidc_url.map(str::to_owned));
            let code = oidc.start_device(&client()).await;
            assert_eq!(code.is_ok(), good, "{oidc_url:?} {member}: {code:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn each_grant_says_what_it_is_and_nothing_of_another() {
    let (device, code, verifier, refresh) =
        (Secret::new("device-code"), Secret::new("c0de"), Secret::new("verifier"), Secret::new("refresh-me"));
    let redirect_uri = "http://127.0.0.1:20001/oauth/callback";
    for (grant, members) in [
        (Grant::DeviceCode(&device), json!({"grantType": DEVICE_CODE, "deviceCode": "device-code"})),
        (
            Grant::Code { code: &code, verifier: &verifier, redirect_uri },
            json!({
                "grantType": "authorization_code",
                "code": "c0de",
                "codeVerifier": "verifier",
                "redirectUri": redirect_uri,
            }),
        ),
        (Grant::Refresh(&refresh), json!({"grantType": "refresh_token", "refreshToken": "refresh-me"})),
    ] {
        let upstream = Upstream::of([answer(200, minted())]);
        let token = oidc(&upstream, |_| {}).token(&client(), grant).await.unwrap();
        let always = json!({"clientId": "client-1", "clientSecret": "client-secret"});
        assert_eq!(upstream.asked(), (format!("POST {OIDC}/token"), but(always, members)));
        assert!(token.access_token.same_as(b"access") && token.refresh_token.as_ref().unwrap().same_as(b"next"));
        assert_eq!((token.life, token.expires_at), (Duration::from_secs(3600), at(NOW + 3600)));
        let printed = format!("{token:?}");
        assert!(!printed.contains("access\"") && !printed.contains("next"), "{printed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_ends_by_the_servers_clock_and_may_bring_no_refresh_token() {
    for (silent, refresh) in [
        (json!({"refreshToken": null, "tokenType": null}), false),
        (json!({"refreshToken": ""}), false),
        (json!({"tokenType": "bearer"}), true),
    ] {
        let late = with_header(answer(200, but(minted(), silent)), "date", "Fri, 15 Jan 2027 08:02:00 GMT");
        let upstream = Upstream::of([late]);
        let token = oidc(&upstream, |_| {}).token(&client(), Grant::Refresh(&Secret::new("refresh-me"))).await.unwrap();
        assert_eq!(token.refresh_token.is_some(), refresh);
        assert_eq!(token.server_offset, ClockOffset::Ahead(Duration::from_secs(120)));
        assert_eq!((token.expires_at, token.life), (at(NOW + 120 + 3600), Duration::from_secs(3600)));
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_true_is_not_believed() {
    let unbelieved = |problem: SsoProblem, changes: &Value| {
        assert_eq!((problem.what, problem.failure.code), (What::Later, "UnusableCredential"), "{changes}");
        assert_eq!(problem.failure.class, FailureClass::TryLater, "{changes}");
        assert!(!problem.failure.to_string().contains("evil"), "{changes}: {}", problem.failure);
    };
    for changes in [
        json!({"clientId": null}),
        json!({"clientId": ""}),
        json!({"clientId": "evil client"}),
        json!({"clientSecret": null}),
        json!({"clientSecret": "evil\r\nx: y"}),
        json!({"clientSecretExpiresAt": null}),
        json!({"clientSecretExpiresAt": -1}),
        json!({"clientSecretExpiresAt": NOW}),
    ] {
        let upstream = Upstream::of([answer(200, but(registered(), changes.clone()))]);
        unbelieved(oidc(&upstream, |_| {}).register(Flow::Device).await.unwrap_err(), &changes);
    }
    for changes in [
        json!({"deviceCode": null}),
        json!({"userCode": null}),
        json!({"userCode": "evil\u{1b}[31m"}),
        json!({"verificationUri": null}),
        json!({"verificationUri": "http://evil.example/"}),
        json!({"verificationUriComplete": "javascript:evil()"}),
        json!({"verificationUriComplete": ""}),
        json!({"expiresIn": null}),
        json!({"expiresIn": -600}),
        json!({"expiresIn": 24 * 3600 + 1}),
        json!({"interval": -1}),
        json!({"interval": 301}),
    ] {
        let upstream = Upstream::of([answer(200, but(started(), changes.clone()))]);
        unbelieved(oidc(&upstream, |_| {}).start_device(&client()).await.unwrap_err(), &changes);
    }
    for changes in [
        json!({"accessToken": null}),
        json!({"accessToken": ""}),
        json!({"accessToken": "evil\nheader"}),
        json!({"refreshToken": "evil token"}),
        json!({"tokenType": "mac"}),
        json!({"expiresIn": null}),
        json!({"expiresIn": 0}),
        json!({"expiresIn": -1}),
        json!({"expiresIn": 91 * 24 * 3600 + 1}),
    ] {
        let upstream = Upstream::of([answer(200, but(minted(), changes.clone()))]);
        let refresh = Secret::new("refresh-me");
        unbelieved(oidc(&upstream, |_| {}).token(&client(), Grant::Refresh(&refresh)).await.unwrap_err(), &changes);
    }
}

#[tokio::test(start_paused = true)]
async fn errors_are_understood_in_either_form_and_tell_no_secret() {
    let said = "refresh-me of client-secret is no good";
    for (name, oauth, status, what) in [
        ("InvalidGrantException", "invalid_grant", 400, What::GrantDead),
        ("InvalidClientException", "invalid_client", 401, What::ClientDead),
        ("ExpiredTokenException", "expired_token", 400, What::GrantDead),
        ("AccessDeniedException", "access_denied", 400, What::Denied),
        ("UnauthorizedClientException", "unauthorized_client", 400, What::Ours),
        ("InvalidRequestException", "invalid_request", 400, What::Ours),
        ("InvalidScopeException", "invalid_scope", 400, What::Ours),
        ("AuthorizationPendingException", "authorization_pending", 400, What::Pending),
        ("SlowDownException", "slow_down", 400, What::SlowDown),
        ("InternalServerException", "server_error", 500, What::Later),
    ] {
        let body = json!({"error": oauth, "error_description": said});
        let named = with_header(answer(status, &body), "x-amzn-errortype", name);
        let typed = answer(status, json!({"__type": format!("com.amazonaws#{name}"), "error_description": said}));
        for reply in [named, answer(status, &body), typed] {
            let shown = format!("{reply:?}");
            let upstream = Upstream::of([reply]);
            let problem = oidc(&upstream, |_| {}).token(&client(), Grant::Refresh(&Secret::new("refresh-me"))).await;
            let problem = problem.unwrap_err();
            assert_eq!(problem.what, what, "{shown}: {problem:?}");
            let private = &problem.failure.private;
            assert!(private.contains("[hidden] of [hidden] is no good"), "{shown}: {private}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_word_of_the_service_means_nothing() {
    for reply in [
        answer(403, "<html>Blocked</html>"),
        answer(400, "<html>"),
        answer(200, "<html>"),
        with_header(answer(502, "<html>"), "retry-after", "7"),
    ] {
        let status = reply.status();
        let problem = oidc(&Upstream::of([reply]), |_| {}).register(Flow::Device).await.unwrap_err();
        assert_eq!((problem.what, problem.failure.code), (What::Later, "UpstreamUnavailable"), "{status}");
        assert_eq!(problem.retry_after.is_some(), status == 502, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn failures_name_the_session_or_the_identity_that_asks() {
    let refused = || Upstream::of([answer(400, json!({"error": "invalid_request"}))]);
    let of_session = oidc(&refused(), |_| {}).register(Flow::Device).await.unwrap_err();
    assert!(of_session.failure.public.contains("`corp`"), "{}", of_session.failure);
    let of_identity = oidc(&refused(), |_| {}).asked_by("prod".into()).register(Flow::Device).await.unwrap_err();
    assert!(of_identity.failure.public.contains("`prod`"), "{}", of_identity.failure);
}

#[test]
fn a_browser_opens_the_address_of_the_region_or_the_configured_one() {
    let url = |change: &dyn Fn(&mut SsoSession)| {
        let upstream = Upstream::of([]);
        let oidc = oidc(&upstream, change);
        oidc.authorize_url(&client(), "http://127.0.0.1:20001/oauth/callback", &Secret::new("state-1"), "chal-lenge_1")
    };
    assert_eq!(
        url(&|session| session.scopes = vec!["sso:account:access".to_owned(), "x/y:z".to_owned()]).unwrap(),
        "https://oidc.eu-west-1.amazonaws.com/authorize?response_type=code&client_id=client-1\
         &redirect_uri=http%3A%2F%2F127.0.0.1%3A20001%2Foauth%2Fcallback&state=state-1&code_challenge_method=S256\
         &code_challenge=chal-lenge_1&scopes=sso%3Aaccount%3Aaccess%20x%2Fy%3Az"
    );
    let own = |url: &str, session: &mut SsoSession| session.oidc_url = Some(url.to_owned());
    for (change, base) in [
        (
            &(|session: &mut SsoSession| session.fips = true) as &dyn Fn(&mut SsoSession),
            "https://oidc-fips.eu-west-1.amazonaws.com/",
        ),
        (&|session| session.dualstack = true, "https://oidc.eu-west-1.api.aws/"),
        (&|session| session.region = "cn-north-1".to_owned(), "https://oidc.cn-north-1.amazonaws.com.cn/"),
        (&|session| own("http://127.0.0.1:4000", session), "http://127.0.0.1:4000/"),
        (&|session| own("https://proxy.example.com/oidc/", session), "https://proxy.example.com/oidc/"),
    ] {
        let url = url(change).unwrap();
        assert!(url.starts_with(&format!("{base}authorize?response_type=code&")), "{url}");
    }
}

#[tokio::test(start_paused = true)]
async fn settings_that_contradict_each_other_send_nothing() {
    let contradiction = |session: &mut SsoSession| {
        (session.fips, session.oidc_url) = (true, Some("https://proxy.example.com".to_owned()));
    };
    let upstream = Upstream::of([]);
    let oidc = oidc(&upstream, contradiction);
    let unsent = oidc.register(code_flow()).await.unwrap_err();
    let unopened = oidc.authorize_url(&client(), "http://127.0.0.1:1/", &Secret::new("state-1"), "x").unwrap_err();
    for problem in [unsent, unopened] {
        assert_eq!((problem.what, problem.failure.code), (What::Ours, "SettingsContradict"), "{problem:?}");
        assert_eq!(problem.failure.class, FailureClass::Refused);
    }
    assert!(upstream.heard().is_empty());
}
