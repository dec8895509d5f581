//! The access portal as it is asked on the wire, against answers written by hand.

use super::super::oidc::tests::{NOW, Upstream, answer};
use super::super::problem::tests::session;
use super::*;

fn portal(upstream: &Arc<Upstream>) -> Portal {
    Portal::new(Arc::new(session()), upstream.world(), Bucket::default())
}

fn token() -> Secret {
    Secret::new("the-token")
}

fn keys(secs: u64) -> String {
    let end = (NOW + secs) * 1000;
    format!(
        r#"{{"roleCredentials":{{"accessKeyId":"ASIAX","secretAccessKey":"s3cr3t","sessionToken":"t0k3n","expiration":{end}}}}}"#
    )
}

#[tokio::test(start_paused = true)]
async fn role_credentials_are_asked_for_once_and_believed_within_reason() {
    for (status, body, what) in [
        (200, keys(3600), None),
        (200, keys(12 * 3600 + 19 * 60), None),
        (200, keys(0), Some(What::Later)),
        (200, keys(14 * 3600), Some(What::Later)),
        (200, keys(3600).replace("s3cr3t", ""), Some(What::Later)),
        (200, keys(3600).replace("t0k3n", ""), Some(What::Later)),
        (200, keys(3600).replace("ASIAX", "\\u001b"), Some(What::Later)),
        (200, "{}".to_owned(), Some(What::Later)),
        (200, "<html>".to_owned(), Some(What::Later)),
        (401, r#"{"message":"Session token not found or invalid: the-token"}"#.to_owned(), Some(What::TokenDead)),
        (403, r#"{"message":"No access"}"#.to_owned(), Some(What::NoAccess)),
        (403, "<html>".to_owned(), Some(What::Later)),
        (429, "no json".to_owned(), Some(What::Throttled)),
    ] {
        let upstream = Upstream::of([answer(status, &body)]);
        let issued = portal(&upstream).role_credentials(&token(), "111122223333", "Admin").await;
        assert_eq!(issued.as_ref().err().map(|problem| problem.what), what, "{status} {body}");
        let heard = upstream.heard();
        let [request] = &heard[..] else { panic!("{heard:?}") };
        let asked =
            "https://portal.sso.eu-west-1.amazonaws.com/federation/credentials?role_name=Admin&account_id=111122223333";
        assert_eq!((request.method().as_str(), request.uri().to_string().as_str()), ("GET", asked));
        assert_eq!(request.headers()["x-amz-sso_bearer_token"], "the-token");
        assert!(request.headers().get("authorization").is_none());
        let printed = format!("{issued:?}");
        assert!(["the-token", "s3cr3t", "t0k3n"].iter().all(|secret| !printed.contains(secret)), "{printed}");
        if let Ok(issued) = issued {
            assert_eq!(
                (issued.keys.access_key_id.as_str(), issued.account_id.as_deref()),
                ("ASIAX", Some("111122223333"))
            );
            assert!(issued.keys.secret_access_key.same_as(b"s3cr3t"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_has_all_pages_waits_where_it_must_and_never_goes_round() {
    let page = |next: &str| {
        let account = r#"{"accountId":"111122223333","accountName":"Prod","emailAddress":"a@example.com"}"#;
        answer(200, format!(r#"{{"accountList":[{account}]{next}}}"#))
    };
    let mut too_often = answer(429, "");
    too_often.headers_mut().insert("retry-after", "7".parse().unwrap());
    let upstream = Upstream::of([page(r#","nextToken":"n1""#), too_often, page("")]);
    let (before, mut seen) = (tokio::time::Instant::now(), Vec::new());
    let accounts = portal(&upstream).accounts(&token(), |count| seen.push(count)).await.unwrap();
    assert_eq!((accounts.len(), seen), (2, vec![1, 2]));
    let account = Account { id: "111122223333".into(), name: "Prod".into(), email: "a@example.com".into() };
    assert_eq!(accounts[1], account);
    assert!(before.elapsed() >= Duration::from_secs(7), "Retry-After is kept");
    let asked: Vec<String> = upstream.heard().iter().map(|request| request.uri().to_string()).collect();
    assert_eq!(asked[0], "https://portal.sso.eu-west-1.amazonaws.com/assignment/accounts?max_result=100");
    assert!(asked[1].contains("next_token=n1") && asked[1] == asked[2], "{asked:?}");

    let upstream = Upstream::of([page(r#","nextToken":"n1""#), page(r#","nextToken":"n1""#)]);
    let problem = portal(&upstream).accounts(&token(), |_| {}).await.unwrap_err();
    assert!(problem.failure.public.contains("in circles"), "{}", problem.failure);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_refused_again_and_again_gives_up() {
    let upstream = Upstream::of([(); 9].map(|()| answer(429, "")));
    let problem = portal(&upstream).roles(&token(), "111122223333").await.unwrap_err();
    assert_eq!((problem.what, upstream.heard().len()), (What::Throttled, 9));
}

#[tokio::test(start_paused = true)]
async fn roles_are_named_and_what_could_not_be_written_down_is_none() {
    let list =
        |role: &str| answer(200, format!(r#"{{"roleList":[{{"roleName":"{role}","accountId":"111122223333"}}]}}"#));
    let upstream = Upstream::of([list("Admin")]);
    assert_eq!(portal(&upstream).roles(&token(), "111122223333").await.unwrap(), ["Admin"]);
    let asked = upstream.heard()[0].uri().to_string();
    assert!(asked.contains("/assignment/roles?") && asked.contains("account_id=111122223333"), "{asked}");
    for odd in ["", "Ad min", r"Admin\n[evil]"] {
        let problem = portal(&Upstream::of([list(odd)])).roles(&token(), "111122223333").await.unwrap_err();
        assert_eq!(problem.failure.code, "UnusableCredential", "{odd:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_out_already_has_logged_out() {
    for (status, good) in [(200, true), (401, true), (500, false)] {
        let upstream = Upstream::of([answer(status, "{}")]);
        assert_eq!(portal(&upstream).logout(&token()).await.is_ok(), good, "{status}");
        let request = &upstream.heard()[0];
        assert_eq!((request.method().as_str(), request.uri().path()), ("POST", "/logout"));
        assert_eq!(request.headers()["x-amz-sso_bearer_token"], "the-token");
    }
}

#[test]
fn waits_grow_and_keep_to_what_the_portal_says() {
    let secs = Duration::from_secs;
    for (refused, said, fraction, expected) in [
        (0, None, 0.0, secs(1)),
        (1, None, 0.0, secs(2)),
        (4, None, 0.0, secs(16)),
        (5, None, 0.0, secs(30)),
        (40, None, 0.0, secs(30)),
        (1, None, 1.0, secs(1)),
        (0, Some(secs(7)), 1.0, secs(7)),
        (0, Some(secs(9999)), 1.0, secs(60)),
    ] {
        assert_eq!(wait_after(refused, said, fraction), expected, "{refused} {said:?} {fraction}");
    }
}
