//! The rules of a sign-in's renewal, and what becomes of each refusal; what it does over days and beside others is shown
//! against the simulated cloud, in `tests/source`.

use serde_json::json;

use super::super::oidc::tests::{NOW, Upstream, answer, at};
use super::super::problem::tests::session;
use super::*;
use crate::secret::Secret;

/// A sign-in of 8 h ago whose access token is over, in the world of this upstream.
async fn signed_in(upstream: &Arc<Upstream>, session: &Arc<SsoSession>) -> (Renewing, TokenStore) {
    let world = upstream.world();
    let store = TokenStore::of(session, &world).unwrap();
    let registration = Registration {
        client_id: "client-1".to_owned(),
        client_secret: Secret::new("client-secret"),
        expires_at: at(NOW + 24 * 3600),
    };
    let token = StoredToken {
        access_token: Secret::new("old-access"),
        expires_at: at(NOW - 60),
        refresh_token: Some(Secret::new("refresh-me")),
        registration: Some(registration),
        start_url: None,
        region: None,
    };
    store.save(&token).await.unwrap();
    let record = SignInRecord { signed_in: Some(at(NOW - 8 * 3600)), ..SignInRecord::default() };
    store.save_record(&record).await.unwrap();
    (Renewing { identity: "prod".into(), session: Arc::clone(session), world }, store)
}

#[tokio::test(start_paused = true)]
async fn a_refused_refresh_token_asks_for_a_login_in_whatever_words_it_is_refused() {
    for (status, code) in [
        (400, "InvalidGrantException"),
        (401, "InvalidClientException"),
        (400, "AccessDeniedException"),
        (400, "UnauthorizedClientException"),
        (400, "InvalidRequestException"),
        (400, "InvalidRequestRegionException"),
        (400, "InvalidScopeException"),
        (400, "UnsupportedGrantTypeException"),
        (400, "NobodyKnowsThisException"),
    ] {
        // an access token that the portal called dead before its end as well was ended on purpose
        for (refused, expected) in [(false, LOGIN_REQUIRED), (true, SESSION_ENDED)] {
            let upstream = Upstream::of([answer(status, json!({"__type": code, "error_description": "their words"}))]);
            let (renewing, store) = signed_in(&upstream, &Arc::new(session())).await;
            let failure = renewing.renew(&Renewal { instead_of: None, refused }).await.unwrap_err();
            assert_eq!((failure.class, failure.code), (FailureClass::NeedsPerson, expected), "{code}");
            assert_eq!(failure.public, "prod needs a login: run `credenza login prod`", "{code}");
            let private = &failure.private;
            assert!(private.contains("their words") && private.contains(code), "{code}: {private}");
            assert!(private.starts_with(&failure.public), "{code}: {private}");
            // who is asked on behalf of another identity keeps AWS's words too
            let theirs = named_for(&failure, "dev");
            assert!(
                theirs.public.ends_with("`credenza login dev`") && theirs.private.contains("their words"),
                "{theirs:?}"
            );
            let kept = store.token().await.unwrap().unwrap();
            assert!(kept.refresh_token.unwrap().same_as(b"refresh-me"), "{code}: nothing is thrown away");
            let learnt = store.record().await.length;
            let lasted = (code == "InvalidGrantException").then_some(8 * HOUR);
            assert_eq!(learnt, lasted, "{code}: only a sign-in that is over tells how long they last");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_refusal_asks_nobody_for_a_login() {
    for (status, body, class, code) in [
        (429, "", FailureClass::TryLater, "Throttled"),
        (400, r#"{"error":"slow_down"}"#, FailureClass::TryLater, "Throttled"),
        (500, r#"{"error":"server_error"}"#, FailureClass::TryLater, "UpstreamUnavailable"),
        (403, "<html>", FailureClass::TryLater, "UpstreamUnavailable"),
        (200, "{}", FailureClass::TryLater, "UnusableCredential"),
    ] {
        let upstream = Upstream::of([answer(status, body)]);
        let (renewing, _) = signed_in(&upstream, &Arc::new(session())).await;
        let failure = renewing.renew(&Renewal::default()).await.unwrap_err();
        assert_eq!((failure.class, failure.code), (class, code), "{status} {body}");
    }
    let upstream = Upstream::of([]);
    let contradicting = SsoSession { fips: true, oidc_url: Some("https://proxy.example.com".to_owned()), ..session() };
    let (renewing, _) = signed_in(&upstream, &Arc::new(contradicting)).await;
    let failure = renewing.renew(&Renewal::default()).await.unwrap_err();
    assert_eq!((failure.class, failure.code), (FailureClass::Refused, SETTINGS_CONTRADICT));
}

#[tokio::test(start_paused = true)]
async fn a_refresh_token_that_is_not_replaced_goes_on() {
    for (brought, goes_on) in [(json!("next"), "next"), (json!(null), "refresh-me")] {
        let minted = json!({"accessToken": "fresh", "expiresIn": 3600, "refreshToken": brought});
        let upstream = Upstream::of([answer(200, minted)]);
        let (renewing, store) = signed_in(&upstream, &Arc::new(session())).await;
        let sign_in = renewing.renew(&Renewal::default()).await.unwrap();
        assert!(sign_in.access_token.same_as(b"fresh") && !sign_in.adopted && sign_in.renewable);
        let kept = store.token().await.unwrap().unwrap();
        assert!(kept.refresh_token.unwrap().same_as(goes_on.as_bytes()), "{goes_on}");
        // what lies there now is taken without asking anybody
        assert!(renewing.renew(&Renewal::default()).await.unwrap().adopted);
        assert_eq!(upstream.heard().len(), 1);
    }
}

#[test]
fn how_long_sign_ins_last_is_a_whole_number_of_hours() {
    for (minutes, expected) in [(5, 15), (17, 15), (44, 30), (61, 60), (497, 480), (720, 720), (129_600, 129_600)] {
        let lasted = Duration::from_secs(minutes * 60);
        assert_eq!(whole_length(lasted).as_secs() / 60, expected, "{minutes}");
    }
}
