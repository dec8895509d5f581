//! What each error means, to whom.

use super::*;
use crate::credential::FailureClass::{NeedsPerson, Refused, TryLater};

const GRAPH: &str = "https://graph.microsoft.com";

fn asking(party: Party<'_>) -> Asking<'_> {
    Asking { identity: "graph", client_id: "app-1", tenant: "contoso.com", resource: GRAPH, is_default: true, party }
}

/// An error as Entra ID writes it.
fn said(status: u16, error: &str, number: u32) -> Box<Said> {
    let text = match number {
        0 => format!(r#"{{"error":"{error}","error_description":"Some words."}}"#),
        _ => format!(
            r#"{{"error":"{error}","error_description":"AADSTS{number}: Some words. Trace ID: 1","error_codes":[{number}]}}"#
        ),
    };
    Box::new(Said::read(text.as_bytes(), status, None, &[]).unwrap())
}

fn judged(error: &str, number: u32, party: Party<'_>) -> Judged {
    judge(&Problem::Answer(said(400, error, number)), &asking(party))
}

#[test]
fn what_a_person_is_told_has_its_words_and_what_mends_it() {
    let login = "run `credenza login graph`";
    for (error, number, what, class, code, words, mends) in [
        ("invalid_grant", 0, What::LoginDead, NeedsPerson, "SessionTokenDead", "any more", login),
        ("invalid_grant", 999_999, What::PersonNeeded, NeedsPerson, "LoginRequired", "once more", login),
        ("invalid_grant", 50173, What::LoginDead, NeedsPerson, "SessionTokenDead", "revoked", login),
        ("invalid_grant", 70043, What::PersonNeeded, NeedsPerson, "LoginRequired", "frequency", login),
        ("invalid_grant", 700_082, What::LoginDead, NeedsPerson, "SessionTokenDead", "not used", login),
        ("invalid_grant", 700_084, What::LoginDead, NeedsPerson, "SessionTokenDead", "single-page", login),
        ("invalid_grant", 50076, What::PersonNeeded, NeedsPerson, "LoginRequired", "multi-factor", login),
        ("interaction_required", 50079, What::PersonNeeded, NeedsPerson, "LoginRequired", "set up", login),
        ("interaction_required", 0, What::PersonNeeded, NeedsPerson, "LoginRequired", "once more", login),
        ("login_required", 50058, What::PersonNeeded, NeedsPerson, "LoginRequired", "once more", login),
        ("invalid_grant", 65001, What::PersonNeeded, NeedsPerson, "ConsentRequired", "nobody has consented", login),
        ("consent_required", 0, What::PersonNeeded, NeedsPerson, "ConsentRequired", "nobody has consented", login),
        ("invalid_grant", 65004, What::PersonNeeded, NeedsPerson, "ConsentRequired", "declined", login),
        ("invalid_grant", 53000, What::PersonNeeded, NeedsPerson, "ConditionalAccess", "managed", "az login"),
        ("invalid_grant", 53001, What::PersonNeeded, NeedsPerson, "ConditionalAccess", "joined", login),
        ("access_denied", 53003, What::PersonNeeded, NeedsPerson, "ConditionalAccess", "from here", login),
        ("access_denied", 0, What::Declined, NeedsPerson, "LoginDenied", "refused", login),
        ("authorization_pending", 70016, What::Pending, NeedsPerson, "LoginRequired", "confirmed the code yet", login),
        ("authorization_declined", 0, What::Declined, NeedsPerson, "LoginDenied", "refused", login),
        ("slow_down", 0, What::SlowDown, TryLater, "Throttled", "too often", "soon"),
        ("expired_token", 70019, What::CodeExpired, NeedsPerson, "LoginRequired", "in time", login),
        ("bad_verification_code", 70018, What::CodeExpired, NeedsPerson, "LoginRequired", "in time", login),
        (
            "unauthorized_client",
            700_016,
            What::Ours,
            Refused,
            "ApplicationUnknown",
            "no application app-1",
            "`client_id`",
        ),
        (
            "invalid_client",
            7_000_218,
            What::Ours,
            Refused,
            "UpstreamRefused",
            "public client",
            "Allow public client flows",
        ),
        (
            "invalid_resource",
            500_011,
            What::Ours,
            Refused,
            "ResourceUnknown",
            "contoso.com has no such",
            "letter by letter",
        ),
        ("invalid_client", 65002, What::Ours, Refused, "ConsentRequired", "Microsoft's own", "of your own"),
        ("invalid_grant", 50196, What::Ours, Refused, "Throttled", "loop", "end what else"),
        ("invalid_request", 90002, What::Ours, Refused, "TenantUnknown", "no tenant contoso.com", "`tenant`"),
        ("unauthorized_client", 50194, What::Ours, Refused, "TenantUnknown", "one tenant", "`tenant`"),
        ("invalid_grant", 700_007, What::Ours, Refused, "UpstreamRefused", "another application", login),
        ("temporarily_unavailable", 0, What::Later, TryLater, "UpstreamUnavailable", "trouble", "soon"),
        ("server_error", 90033, What::Later, TryLater, "UpstreamUnavailable", "trouble", "soon"),
        ("some_new_error", 12345, What::Ours, Refused, "UpstreamRefused", "refuses it", "credenza status"),
    ] {
        let judged = judged(error, number, Party::Person);
        let Failure { public, private, .. } = &judged.failure;
        assert_eq!((judged.what, judged.failure.class, judged.failure.code), (what, class, code), "{error} {number}");
        assert!(public.contains(words) && public.contains(mends), "{error} {number}: {public}");
        assert!(public.starts_with("graph "), "{public}");
        assert!(!public.contains("Some words") && !public.contains("AADSTS"), "{public}");
        assert!(private.contains("Some words") && private.contains(error), "{private}");
    }
}

#[test]
fn nobody_is_sent_to_a_login_for_an_application() {
    let claims = Claims {
        issuer: Some("https://1234.tokens.sts.global.api.aws".into()),
        subject: Some("arn:aws:iam::111122223333:role/sync".into()),
        audience: Some("api://AzureADTokenExchange".into()),
        ..Claims::default()
    };
    for party in [Party::Certificate, Party::Federated(&claims)] {
        for (error, number) in [
            ("invalid_grant", 0),
            ("invalid_grant", 65001),
            ("invalid_grant", 53003),
            ("interaction_required", 50076),
            ("invalid_client", 7_000_215),
            ("invalid_client", 0),
        ] {
            let judged = judged(error, number, party);
            assert_eq!(judged.failure.class, Refused, "{error} {number} {party:?}");
            assert!(!judged.failure.public.contains("credenza login"), "{}", judged.failure);
        }
    }
    for (number, part) in [(70021, "what was shown"), (700_211, "issuer"), (700_212, "audience"), (700_213, "subject")]
    {
        let judged = judged("invalid_request", number, Party::Federated(&claims));
        let text = &judged.failure.public;
        assert_eq!((judged.what, judged.failure.class), (What::NotFederated, TryLater));
        assert!(text.contains(part), "{text}");
        for shown in [&claims.issuer, &claims.subject, &claims.audience] {
            assert!(text.contains(shown.as_deref().unwrap()), "{text}");
        }
        assert!(text.contains("`credenza setup federation graph`"), "{text}");
    }
    let certificate = judged("invalid_client", 700_027, Party::Certificate);
    assert!(certificate.failure.public.contains("upload the certificate"), "{}", certificate.failure);
    let federated = judged("invalid_client", 700_027, Party::Federated(&claims));
    assert!(federated.failure.public.contains("openid-configuration"), "{}", federated.failure);
    assert_eq!(judged("invalid_client", 700_024, Party::Certificate).failure.class, TryLater);
}

#[test]
fn a_fault_is_one_whatever_its_number() {
    for (status, error, number, what) in [
        (429, "invalid_grant", 50196, What::Throttled),
        (503, "invalid_grant", 50173, What::Later),
        (500, "invalid_client", 700_016, What::Later),
        (400, "temporarily_unavailable", 50173, What::Later),
    ] {
        let judged = judge(&Problem::Answer(said(status, error, number)), &asking(Party::Person));
        assert_eq!((judged.what, judged.failure.class), (what, TryLater), "{status} {error}");
    }
}

#[test]
fn another_resource_s_login_names_it() {
    let asking = Asking { is_default: false, ..asking(Party::Person) };
    let judged = judge(&Problem::Answer(said(400, "invalid_grant", 65001)), &asking);
    assert!(judged.failure.public.contains("`credenza login graph --resource https://graph.microsoft.com`"));
    // what ends the login as a whole is mended by any login
    let judged = judge(&Problem::Answer(said(400, "invalid_grant", 50173)), &asking);
    assert!(judged.failure.public.ends_with("run `credenza login graph`"), "{}", judged.failure);
}

#[test]
fn what_is_not_entra_id_s_word_is_trouble() {
    for (body, status, words) in
        [("<html>", 429, true), ("", 503, true), ("<html>", 403, false), ("", 302, false), ("{}", 400, false)]
    {
        assert_eq!(Said::read(body.as_bytes(), status, None, &[]).is_some(), words, "{status} {body}");
    }
    let host = || "login.microsoftonline.com:443".to_owned();
    for (problem, class, words) in [
        (Problem::Unreadable { status: 302 }, TryLater, "status 302 is not Entra ID"),
        (Problem::Unusable { why: "it holds no token" }, TryLater, "it holds no token"),
        (Problem::Unsent { why: "its tenant is odd" }, Refused, "`tenant`"),
        (Problem::Paused { left: Duration::from_secs(40) }, TryLater, "for 40 s more"),
        (Problem::Transport(HttpError::Connect { host: host(), reason: "proxy said no".into() }), TryLater, "NO_PROXY"),
        (Problem::Transport(HttpError::TimedOut { host: host(), after: Duration::from_secs(20) }), TryLater, "soon"),
    ] {
        let judged = judge(&problem, &asking(Party::Person));
        assert_eq!(judged.failure.class, class, "{problem:?}");
        assert!(judged.failure.public.contains(words), "{}", judged.failure);
        assert!(!judged.failure.public.contains("login.microsoftonline.com"), "{}", judged.failure);
    }
}

#[test]
fn a_challenge_is_noted_and_secrets_are_not() {
    let body = r#"{"error":"interaction_required","error_description":"AADSTS50076: token s3cret-token is bad.\r\nTrace ID: 1",
        "error_codes":[50076],"suberror":"basic_action","claims":"{\"access_token\":{}}"}"#;
    let said = Said::read(body.as_bytes(), 400, Some(Duration::from_secs(7)), &["s3cret-token"]).unwrap();
    assert!(said.claims && said.numbers == [50076]);
    let judged = judge(&Problem::Answer(Box::new(said)), &asking(Party::Person));
    let private = &judged.failure.private;
    assert!(private.contains("basic_action") && private.contains("wants claims"), "{private}");
    assert!(!private.contains("s3cret") && !private.contains('\n'), "{private}");
    assert_eq!(judged.retry_after, Some(Duration::from_secs(7)));
}

#[test]
fn a_number_is_found_in_words_alone() {
    for (words, number) in [
        ("AADSTS65001: The user has not consented", Some(65001)),
        ("AADSTS7000215: Invalid client secret", Some(7_000_215)),
        ("AADSTS: odd", None),
        ("no number", None),
        ("AADSTS99999999999999999999: odd", None),
    ] {
        assert_eq!(number_in(words), number, "{words}");
    }
}

#[test]
fn who_shares_a_login_is_told_a_command_of_its_own() {
    let dead = judged("invalid_grant", 50173, Party::Person).failure;
    let other = needs_login_too(&dead, "other one");
    assert_eq!(
        other.public,
        "other one needs a login: it was revoked, or the password was changed; run `credenza login 'other one'`"
    );
    assert!(other.private.starts_with(&other.public) && other.private.contains("Some words"), "{}", other.private);
    let plain = needs_login_too(&needs_login("graph", None), "other");
    assert_eq!(plain.public, "other needs a login: run `credenza login other`");
    let consent = judged("invalid_grant", 65001, Party::Person).failure;
    assert_eq!(needs_login_too(&consent, "other"), consent);
}

#[test]
fn a_resource_that_a_client_chose_is_no_command_of_a_shell() {
    let odd = "https://x;echo$IFS'hi'";
    let asking = Asking { resource: odd, is_default: false, ..asking(Party::Person) };
    let failure = judge(&Problem::Answer(said(400, "invalid_grant", 50076)), &asking).failure;
    let mends = "run `credenza login graph --resource https://x\\;echo\\$IFS\\'hi\\'`";
    assert!(failure.public.contains(mends), "{}", failure.public);
}
