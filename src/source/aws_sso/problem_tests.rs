//! The table of errors, one row a test case: call, status and code; what it is, class, our code, words of the sentence.

use super::*;
use crate::world::Environment;
use FailureClass::{NeedsPerson, Refused, TryLater};

pub(in crate::source::aws_sso) fn session() -> SsoSession {
    SsoSession::of_start_url(
        "https://d-1234567890.awsapps.com/start",
        "eu-west-1",
        Some("corp"),
        &Environment::default(),
    )
    .unwrap()
}

const ROLE: Call<'_> = Call::RoleCredentials { account: "111122223333", role: "Admin" };
const ROLES: Call<'_> = Call::Roles { account: "111122223333" };
const LOGIN: &str = "prod needs a login: run `credenza login prod`";

fn judged(problem: &Problem, call: Call<'_>) -> SsoProblem {
    judge(problem, &Asking { session: &session(), identity: Some("prod"), call })
}

#[test]
fn every_error_has_its_meaning_class_and_remedy() {
    use Call::{Accounts, Logout, Refresh, Register, StartDevice, TokenForCode};
    use What::{
        ClientDead, CodeExpired, Denied, GrantDead, Later, NoAccess, Ours, Pending, SlowDown, Throttled, TokenDead,
    };
    type Row = (Call<'static>, u16, &'static str, What, FailureClass, &'static str, &'static str);
    #[rustfmt::skip]
    let rows: &[Row] = &[
        (TokenForCode, 400, "AuthorizationPendingException", Pending, NeedsPerson, "LoginRequired", "confirm the code"),
        (TokenForCode, 400, "authorization_pending", Pending, NeedsPerson, "LoginRequired", "confirm the code"),
        (TokenForCode, 400, "SlowDownException", SlowDown, TryLater, "Throttled", "too often"),
        (TokenForCode, 400, "slow_down", SlowDown, TryLater, "Throttled", "too often"),
        (TokenForCode, 400, "ExpiredTokenException", CodeExpired, NeedsPerson, "LoginRequired", "run `credenza login prod` again"),
        (Refresh, 400, "ExpiredTokenException", GrantDead, NeedsPerson, "LoginRequired", LOGIN),
        (TokenForCode, 400, "AccessDeniedException", Denied, NeedsPerson, "LoginDenied", "refused in the browser"),
        (Refresh, 400, "InvalidGrantException", GrantDead, NeedsPerson, "LoginRequired", LOGIN),
        (Refresh, 400, "invalid_grant", GrantDead, NeedsPerson, "LoginRequired", LOGIN),
        (TokenForCode, 400, "InvalidGrantException", GrantDead, NeedsPerson, "LoginRequired", LOGIN),
        (Refresh, 401, "InvalidClientException", ClientDead, NeedsPerson, "LoginRequired", LOGIN),
        (StartDevice, 401, "", ClientDead, NeedsPerson, "LoginRequired", LOGIN),
        (Register, 400, "InvalidScopeException", Ours, Refused, "UpstreamRefused", "sso_registration_scopes"),
        (StartDevice, 400, "InvalidRequestException", Ours, Refused, "UpstreamRefused", "sso_start_url"),
        (TokenForCode, 400, "InvalidRequestRegionException", Ours, Refused, "UpstreamRefused", "sso_region"),
        (TokenForCode, 400, "UnauthorizedClientException", Ours, Refused, "UpstreamRefused", "register anew"),
        (TokenForCode, 400, "UnsupportedGrantTypeException", Ours, Refused, "UpstreamRefused", "AWS refuses it"),
        (Refresh, 429, "", Throttled, TryLater, "Throttled", "too often"),
        (Refresh, 500, "InternalServerException", Later, TryLater, "UpstreamUnavailable", "in trouble"),
        (Register, 503, "", Later, TryLater, "UpstreamUnavailable", "status 503"),
        (ROLE, 401, "UnauthorizedException", TokenDead, NeedsPerson, "SessionTokenDead", LOGIN),
        (Logout, 401, "", TokenDead, NeedsPerson, "SessionTokenDead", LOGIN),
        (ROLE, 403, "ForbiddenException", NoAccess, Refused, "NoAccess", "no access to role Admin in account 111122223333 (any more): ask whoever assigns permission sets, or see `credenza list --accounts corp`"),
        (ROLE, 404, "ResourceNotFoundException", NoAccess, Refused, "NoAccess", "role Admin"),
        (ROLES, 403, "ForbiddenException", NoAccess, Refused, "NoAccess", "no access to account 111122223333"),
        (ROLE, 429, "", Throttled, TryLater, "Throttled", "too often"),
        (Accounts, 429, "TooManyRequestsException", Throttled, TryLater, "Throttled", "too often"),
        (Accounts, 500, "", Later, TryLater, "UpstreamUnavailable", "in trouble"),
        (ROLE, 408, "", Later, TryLater, "UpstreamUnavailable", "in trouble"),
        (ROLE, 400, "InvalidRequestException", Ours, Refused, "UpstreamRefused", "sso_role_name"),
    ];
    for (call, status, code, what, class, ours, words) in rows {
        let (code, message) = ((*code).to_owned(), "their words".to_owned());
        let problem = Problem::Answer { status: *status, code, message, retry_after: None };
        let SsoProblem { what: is, failure, .. } = judged(&problem, *call);
        assert_eq!((is, failure.class, failure.code), (*what, *class, *ours), "{problem:?}");
        assert!(failure.public.contains(words), "{problem:?}: {}", failure.public);
        assert!(failure.private.contains("their words") && !failure.public.contains("their words"), "{failure:?}");
    }
}

#[test]
fn what_is_no_answer_is_tried_again_with_a_hint() {
    let host = || "oidc.eu-west-1.amazonaws.com:443".to_owned();
    let connect = |reason: &str| Problem::Transport(HttpError::Connect { host: host(), reason: reason.into() });
    for (problem, call, what, code, hint) in [
        (connect("dns error"), Call::Refresh, What::Later, "UpstreamUnavailable", "HTTPS_PROXY and sso_region"),
        (connect("UnknownIssuer"), ROLE, What::Later, "UpstreamUnavailable", "AWS_CA_BUNDLE"),
        (Problem::Unreadable { status: 403 }, ROLE, What::Later, "UpstreamUnavailable", "AWS_ENDPOINT_URL_SSO)"),
        (Problem::Unreadable { status: 200 }, Call::Refresh, What::Later, "UpstreamUnavailable", "URL_SSO_OIDC)"),
        (Problem::Unusable { why: "odd" }, ROLE, What::Later, "UnusableCredential", "odd"),
        (Problem::Unsent { reason: "fips".into() }, ROLE, What::Ours, "SettingsContradict", "use_fips_endpoint"),
    ] {
        let SsoProblem { what: is, failure, .. } = judged(&problem, call);
        assert_eq!((is, failure.code), (what, code), "{problem:?}");
        assert!(failure.public.contains(hint) && failure.public.contains("`prod`"), "{}", failure.public);
    }
}
