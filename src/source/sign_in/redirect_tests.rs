//! The rule for what a browser is answered, request by request.

use super::*;

const STATE: &str = "st-_ate0123456789";
const GOOD: &str = "/oauth/callback?code=c0de&state=st-_ate0123456789";

const BACK: Back = Back { path: "/oauth/callback", from: "AWS" };

fn callback() -> Callback {
    Callback::new(BACK, 20001, Secret::new(STATE))
}

fn request(method: &str, target: &str, headers: &[(&str, &str)]) -> http::Request<()> {
    let request = http::Request::builder().method(method).uri(target);
    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).body(()).unwrap()
}

const HOST: (&str, &str) = ("host", "127.0.0.1:20001");

fn visit(target: &str) -> http::Request<()> {
    request("GET", target, &[HOST, ("sec-fetch-mode", "navigate"), ("sec-fetch-site", "cross-site")])
}

#[test]
fn a_browser_that_brings_the_state_brings_the_code() {
    for target in [
        GOOD,
        "/oauth/callback?state=st-_ate0123456789&code=c0de&session_state=x",
        "/oauth/callback?code=%630de&state=st%2D_ate0123456789&error=",
    ] {
        let (page, came) = callback().answer(&visit(target));
        assert!(matches!(&came, Some(Came::Code(code)) if code.same_as(b"c0de")), "{target} {came:?}");
        assert_eq!(page.status(), 200);
        assert!(!String::from_utf8_lossy(page.body()).contains("c0de"));
    }
    for headers in [&[("host", "LOCALHOST:20001")][..], &[HOST, ("sec-fetch-dest", "document")], &[HOST]] {
        assert!(callback().answer(&request("GET", GOOD, headers)).1.is_some(), "{headers:?}");
    }
}

#[test]
fn whoever_comes_otherwise_changes_nothing() {
    let wrong_state = "/oauth/callback?code=c0de&state=st-_ate0123456780";
    for (request, status) in [
        (visit(wrong_state), 400),
        (visit("/oauth/callback?code=c0de"), 400),
        (visit("/oauth/callback?code=c0de&state="), 400),
        (visit("/oauth/callback?error=access_denied"), 400),
        (visit("/oauth/callback?error=access_denied&state=wrong"), 400),
        (visit("/oauth/callback?state=st-_ate0123456789"), 400),
        (visit("/oauth/callback?code=c0de&code=other&state=st-_ate0123456789"), 400),
        (visit("/oauth/callback?code=c0de&state=wrong&state=st-_ate0123456789"), 400),
        (visit("/oauth/callback?code=%ff&state=st-_ate0123456789"), 400),
        (visit("/oauth/callback"), 400),
        (visit("/oauth/callback/?code=c0de&state=st-_ate0123456789"), 404),
        (visit("/oauth/../oauth/callback?code=c0de&state=st-_ate0123456789"), 404),
        (visit("/oauth%2fcallback?code=c0de&state=st-_ate0123456789"), 404),
        (visit("/?code=c0de&state=st-_ate0123456789"), 404),
        (visit("/favicon.ico"), 404),
        (visit("http://127.0.0.1:20001/oauth/callback?code=c0de&state=st-_ate0123456789"), 404),
        (request("POST", GOOD, &[HOST]), 405),
        (request("HEAD", GOOD, &[HOST]), 405),
        (request("OPTIONS", GOOD, &[HOST]), 405),
        (request("GET", GOOD, &[]), 400),
        (request("GET", GOOD, &[("host", "127.0.0.1")]), 400),
        (request("GET", GOOD, &[("host", "127.0.0.1:20002")]), 400),
        (request("GET", GOOD, &[("host", "rebound.example:20001")]), 400),
        (request("GET", GOOD, &[("host", "127.0.0.1:20001.example")]), 400),
        (request("GET", GOOD, &[("host", "[::1]:20001")]), 400),
        (request("GET", GOOD, &[HOST, HOST]), 400),
        (request("GET", GOOD, &[HOST, ("sec-fetch-mode", "no-cors")]), 403),
        (request("GET", GOOD, &[HOST, ("sec-fetch-mode", "cors")]), 403),
        (request("GET", GOOD, &[HOST, ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")]), 403),
    ] {
        let mut callback = callback();
        let (page, came) = callback.answer(&request);
        assert!(came.is_none(), "{request:?}");
        assert_eq!(page.status(), status, "{request:?}");
        assert!(callback.answer(&visit(GOOD)).1.is_some(), "{request:?} ended the waiting");
    }
}

#[test]
fn a_sign_in_ends_once() {
    for first in [GOOD, "/oauth/callback?error=access_denied&state=st-_ate0123456789"] {
        let mut callback = callback();
        assert!(callback.answer(&visit(first)).1.is_some());
        let (page, came) = callback.answer(&visit(GOOD));
        assert!(came.is_none() && page.status() == 410, "{first}");
        assert_eq!(callback.answer(&visit("/favicon.ico")).0.status(), 404);
    }
}

#[test]
fn what_aws_refuses_is_shown_as_text() {
    let target = "/oauth/callback?error=access_denied&error_description=Not%20%1b[31m<script>alert(1)</script>+you.\
                  &state=st-_ate0123456789";
    let target = target.replace('<', "%3C").replace('>', "%3E").replace('[', "%5B");
    let (page, came) = callback().answer(&visit(&target));
    let Some(Came::Refused(why)) = came else { panic!("{came:?}") };
    assert_eq!(why, "access_denied: Not  [31m<script>alert(1)</script> you");
    let page = String::from_utf8_lossy(page.body()).into_owned();
    assert!(page.contains("Not signed in") && page.contains("&lt;script&gt;") && !page.contains("<script"), "{page}");
}

#[test]
fn every_page_keeps_its_address_to_itself() {
    for request in [visit(GOOD), visit("/favicon.ico"), visit("/oauth/callback?code=c0de&state=wrong")] {
        let (page, _) = callback().answer(&request);
        for (name, value) in [
            ("content-type", "text/html; charset=utf-8"),
            ("cache-control", "no-store"),
            ("referrer-policy", "no-referrer"),
            ("content-security-policy", "default-src 'none'"),
            ("x-content-type-options", "nosniff"),
        ] {
            assert_eq!(page.headers()[name], value);
        }
        let body = String::from_utf8_lossy(page.body());
        assert!(["src=", "href=", "<script", "http:"].iter().all(|loads| !body.contains(loads)), "{body}");
    }
}

#[test]
fn a_browser_may_come_back_to_the_root() {
    let mut callback = Callback::new(Back { path: "/", from: "Entra ID" }, 20001, Secret::new(STATE));
    let host = [("host", "localhost:20001")];
    assert_eq!(callback.answer(&request("GET", GOOD, &host)).0.status(), 404);
    let (page, came) = callback.answer(&request("GET", &format!("/?error=access_denied&state={STATE}"), &host));
    assert!(matches!(came, Some(Came::Refused(_))));
    assert!(String::from_utf8_lossy(page.body()).contains("Entra ID says: access_denied"));
}
