//! What STS refuses before it looks at what was asked: signatures, scopes, times, keys, tokens.

mod support;

use std::time::Duration;

use simcloud::{Keys, SignedDuration};
use support::{
    World,
    client::{Answer, Request, Signing, call},
};

const WRONG: &str = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.";

fn who() -> Request {
    Request::new("GetCallerIdentity", &[])
}

/// A request signed as it should be, then changed.
async fn spoilt(world: &World, spoil: impl FnOnce(Request) -> Request) -> Answer {
    let request = who().signed(&Signing::new(&world.base, world.now()));
    spoil(request).send(&world.cloud).await
}

#[tokio::test]
async fn a_right_signature_is_answered_in_the_shape_of_sts() {
    let world = World::new();
    let answer = spoilt(&world, |request| request).await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("text/xml"));
    assert_eq!(answer.header("date"), Some("Sat, 31 Jan 2026 12:00:00 GMT"));
    assert_eq!(answer.header("x-amzn-requestid"), answer.element("RequestId"));
    let lines: Vec<&str> = answer.body().lines().map(str::trim).collect();
    let user_id = format!("<UserId>{}</UserId>", answer.element("UserId").unwrap());
    let request_id = format!("<RequestId>{}</RequestId>", answer.element("RequestId").unwrap());
    assert_eq!(
        lines,
        [
            r#"<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">"#,
            "<GetCallerIdentityResult>",
            "<Arn>arn:aws:iam::111122223333:user/base</Arn>",
            &user_id,
            "<Account>111122223333</Account>",
            "</GetCallerIdentityResult>",
            "<ResponseMetadata>",
            &request_id,
            "</ResponseMetadata>",
            "</GetCallerIdentityResponse>",
        ]
    );
}

#[tokio::test]
async fn an_error_has_the_shape_of_sts() {
    let world = World::new();
    let answer = spoilt(&world, |request| request.without("authorization")).await;
    let lines: Vec<&str> = answer.body().lines().map(str::trim).collect();
    let request_id = format!("<RequestId>{}</RequestId>", answer.element("RequestId").unwrap());
    assert_eq!(
        lines,
        [
            r#"<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">"#,
            "<Error>",
            "<Type>Sender</Type>",
            "<Code>MissingAuthenticationToken</Code>",
            "<Message>Request is missing Authentication Token</Message>",
            "</Error>",
            &request_id,
            "</ErrorResponse>",
        ]
    );
}

#[tokio::test]
async fn a_get_is_verified_with_its_query() {
    let world = World::new();
    let mut request = who();
    request.method = "GET".to_owned();
    request.path = format!("/?{}", std::mem::take(&mut request.body));
    let signed = request.signed(&Signing::new(&world.base, world.now()));
    assert_eq!(signed.send(&world.cloud).await.status(), 200);

    let mut changed = signed.clone();
    changed.path = "/?Action=GetSessionToken&Version=2011-06-15".to_owned();
    assert_eq!(changed.send(&world.cloud).await.error(), (403, "SignatureDoesNotMatch", WRONG));
}

#[tokio::test]
async fn an_unsigned_request_is_missing_its_token() {
    let world = World::new();
    let expected = (403, "MissingAuthenticationToken", "Request is missing Authentication Token");
    assert_eq!(who().send(&world.cloud).await.error(), expected);
    let basic = spoilt(&world, |request| request.with("authorization", "Basic YTpi")).await;
    assert_eq!(basic.error(), expected);
}

#[tokio::test]
async fn half_a_signature_is_incomplete() {
    let world = World::new();
    let cases = [
        (", Signature=", ", Sigh=", "Authorization header requires 'Signature' parameter."),
        ("SignedHeaders=", "Signed=", "Authorization header requires 'SignedHeaders' parameter."),
        ("Credential=", "Cred=", "Authorization header requires 'Credential' parameter."),
    ];
    for (from, to, message) in cases {
        let answer = spoilt(&world, |request| {
            let spoilt = request.header("authorization").unwrap().replace(from, to);
            request.with("authorization", &spoilt)
        })
        .await;
        assert_eq!(answer.error(), (400, "IncompleteSignature", message));
    }
    let short = spoilt(&world, |request| {
        let spoilt = request.header("authorization").unwrap().replace("/sts/aws4_request", "/sts");
        request.with("authorization", &spoilt)
    })
    .await;
    assert_eq!(short.error().1, "IncompleteSignature");
    let dateless = spoilt(&world, |request| request.without("x-amz-date")).await;
    assert_eq!(dateless.error().1, "IncompleteSignature");
    let undated = spoilt(&world, |request| request.with("x-amz-date", "yesterday")).await;
    assert_eq!(undated.error().1, "IncompleteSignature");
}

#[tokio::test]
async fn whatever_is_changed_on_the_way_breaks_the_signature() {
    let world = World::new();
    let spoils: [fn(Request) -> Request; 4] = [
        |request| Request { body: request.body.replace("2011-06-15", "2011-06-15&x=y"), ..request },
        |request| Request { path: "/other".to_owned(), ..request },
        |request| request.with("host", "other.example"),
        |request| {
            let signature = request.header("authorization").unwrap();
            let last = if signature.ends_with('0') { "1" } else { "0" };
            let spoilt = format!("{}{last}", &signature[..signature.len() - 1]);
            request.with("authorization", &spoilt)
        },
    ];
    for spoil in spoils {
        assert_eq!(spoilt(&world, spoil).await.error(), (403, "SignatureDoesNotMatch", WRONG));
    }
}

#[tokio::test]
async fn a_header_that_matters_must_be_under_the_signature() {
    let world = World::new();
    let answer = spoilt(&world, |request| request.with("x-amz-target", "Elsewhere")).await;
    let message = "'x-amz-target' must be a 'SignedHeader' in the AWS Authorization.";
    assert_eq!(answer.error(), (403, "SignatureDoesNotMatch", message));
}

#[tokio::test]
async fn a_wrong_secret_does_not_sign() {
    let world = World::new();
    let keys = Keys { secret_access_key: Keys::long_term().secret_access_key, ..world.base.clone() };
    let answer = call(&world.cloud, &keys, "GetCallerIdentity", &[]).await;
    assert_eq!(answer.error(), (403, "SignatureDoesNotMatch", WRONG));
}

#[tokio::test]
async fn the_scope_must_name_the_service_the_day_and_a_region() {
    let world = World::new();
    let signing = Signing::new(&world.base, world.now());
    let other_service = who().signed(&Signing { service: "s3", ..signing }).send(&world.cloud).await;
    let message = "Credential should be scoped to correct service: 'sts'. ";
    assert_eq!(other_service.error(), (403, "SignatureDoesNotMatch", message));

    let signing = Signing::new(&world.base, world.now());
    let no_region = who().signed(&Signing { region: "nowhere", ..signing }).send(&world.cloud).await;
    let message = "Credential should be scoped to a valid region, not 'nowhere'. ";
    assert_eq!(no_region.error(), (403, "SignatureDoesNotMatch", message));

    let other_day = spoilt(&world, |request| {
        let spoilt = request.header("authorization").unwrap().replace("/20260131/", "/20260130/");
        request.with("authorization", &spoilt)
    })
    .await;
    let message = "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20260130' != '20260131', from '20260131T120000Z'.";
    assert_eq!(other_day.error(), (403, "SignatureDoesNotMatch", message));
}

#[tokio::test]
async fn a_real_host_takes_only_its_own_region() {
    let world = World::new();
    let cases = [
        ("sts.eu-central-1.amazonaws.com", "eu-central-1", 200),
        ("sts.eu-central-1.amazonaws.com:443", "eu-central-1", 200),
        ("sts-fips.us-east-2.amazonaws.com", "us-east-2", 200),
        ("sts.cn-north-1.amazonaws.com.cn", "cn-north-1", 200),
        ("sts.amazonaws.com", "us-east-1", 200),
        ("sts.amazonaws.com", "eu-central-1", 403),
        ("sts.eu-west-1.amazonaws.com", "eu-central-1", 403),
    ];
    for (host, region, status) in cases {
        let signing = Signing { region, ..Signing::new(&world.base, world.now()) };
        let answer = who().with("host", host).signed(&signing).send(&world.cloud).await;
        assert_eq!(answer.status(), status, "{host} {region}: {answer:?}");
    }
}

#[tokio::test]
async fn a_request_is_good_for_fifteen_minutes_either_way() {
    let world = World::new();
    let quarter = Duration::from_secs(900);
    let second = Duration::from_secs(1);
    let sent_at = async |at| who().signed(&Signing::new(&world.base, at)).send(&world.cloud).await;
    assert_eq!(sent_at(world.now() - quarter).await.status(), 200);
    assert_eq!(sent_at(world.now() + quarter).await.status(), 200);
    let old = sent_at(world.now() - quarter - second).await;
    let message =
        "Signature expired: 20260131T114459Z is now earlier than 20260131T114500Z (20260131T120000Z - 15 min.)";
    assert_eq!(old.error(), (403, "SignatureDoesNotMatch", message));
    let early = sent_at(world.now() + quarter + second).await;
    let message =
        "Signature not yet current: 20260131T121501Z is still later than 20260131T121500Z (20260131T120000Z + 15 min.)";
    assert_eq!(early.error(), (403, "SignatureDoesNotMatch", message));
}

#[tokio::test]
async fn skew_is_judged_by_the_clouds_clock_and_shown_in_its_date() {
    let world = World::new();
    world.cloud.set_offset(SignedDuration::from_mins(20));
    let answer = spoilt(&world, |request| request).await;
    assert_eq!(answer.error().1, "SignatureDoesNotMatch");
    assert_eq!(answer.header("date"), Some("Sat, 31 Jan 2026 12:20:00 GMT"));

    world.cloud.set_offset(SignedDuration::ZERO);
    world.cloud.set_date_skew(SignedDuration::from_mins(-7));
    let answer = spoilt(&world, |request| request).await;
    assert_eq!((answer.status(), answer.header("date")), (200, Some("Sat, 31 Jan 2026 11:53:00 GMT")));
}

#[tokio::test]
async fn other_actions_and_versions_are_unknown() {
    let world = World::new();
    let request = Request::new("MintMoney", &[]).signed(&Signing::new(&world.base, world.now()));
    let message = "Could not find operation MintMoney for version 2011-06-15";
    assert_eq!(request.send(&world.cloud).await.error(), (400, "InvalidAction", message));
    let mut old = who();
    old.body = "Action=GetCallerIdentity".to_owned();
    let message = "Could not find operation GetCallerIdentity for version NO_VERSION_SPECIFIED";
    let answer = old.signed(&Signing::new(&world.base, world.now())).send(&world.cloud).await;
    assert_eq!(answer.error(), (400, "InvalidAction", message));
    let mut empty = who();
    empty.body.clear();
    assert_eq!(empty.send(&world.cloud).await.error().1, "MissingAction");
}
