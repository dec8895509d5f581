//! Three requests, in their order and with their headers, and what stops them.

use super::super::aws_container::tests::{Endpoint, GOOD, OFF, is_about, world};
use super::*;

#[tokio::test]
async fn a_token_is_asked_for_first_and_sent_with_what_follows() {
    let endpoint = Endpoint::answering(&[(200, "the-token"), (200, "my-role\n"), (200, GOOD)]);
    let issued = keys(&world(&endpoint, &[])).await.unwrap();
    assert_eq!(issued.keys.access_key_id, "ASIAEXAMPLE");
    let base = "http://169.254.169.254/latest";
    assert_eq!(
        endpoint.asked(),
        [
            format!("PUT {base}/api/token"),
            format!("GET {base}/meta-data/iam/security-credentials/"),
            format!("GET {base}/meta-data/iam/security-credentials/my-role"),
        ]
    );
    let asked = endpoint.asked.lock().unwrap();
    assert_eq!(asked[0].headers()["x-aws-ec2-metadata-token-ttl-seconds"], "60");
    for request in &asked[1..] {
        assert_eq!(request.headers()["x-aws-ec2-metadata-token"], "the-token");
    }
}

#[tokio::test]
async fn the_clock_of_the_service_is_read_from_its_date() {
    for there in OFF {
        let endpoint = Endpoint::answering(&[(200, "the-token"), (200, "my-role\n"), (200, GOOD)]).showing(there);
        let issued = keys(&world(&endpoint, &[])).await.unwrap();
        assert!(is_about(issued.server_offset, there), "{there:?}: {:?}", issued.server_offset);
    }
}

#[tokio::test]
async fn another_endpoint_may_be_named() {
    for (variables, first) in [
        (
            vec![("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:9712/")],
            "PUT http://127.0.0.1:9712/latest/api/token",
        ),
        (vec![("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv6")], "PUT http://[fd00:ec2::254]/latest/api/token"),
    ] {
        let endpoint = Endpoint::answering(&[]);
        keys(&world(&endpoint, &variables)).await.unwrap_err();
        assert_eq!(endpoint.asked(), [first]);
    }
}

#[tokio::test]
async fn a_service_that_is_turned_off_is_not_asked() {
    let endpoint = Endpoint::answering(&[]);
    let failure = keys(&world(&endpoint, &[("AWS_EC2_METADATA_DISABLED", "true")])).await.unwrap_err();
    assert_eq!((failure.class, endpoint.asked().len()), (FailureClass::Refused, 0));
    assert!(failure.public.contains("unset AWS_EC2_METADATA_DISABLED"), "{failure}");
}

#[tokio::test]
async fn every_step_that_fails_says_which() {
    for (answers, why) in [
        (vec![], "cannot be reached"),
        (vec![(403, "")], "turned off for this instance"),
        (vec![(200, "t"), (404, "")], "no role: attach one"),
        (vec![(200, "t"), (200, "")], "names no role"),
        (vec![(200, "t"), (200, "../../user-data")], "names no role"),
        (vec![(200, "to\nken"), (200, "my-role")], "its token is none"),
        (vec![(200, "t"), (200, "my-role"), (404, "")], "status 404"),
        (vec![(200, "t"), (200, "my-role"), (200, "{}")], "Expiration"),
        (vec![(500, "")], "status 500"),
    ] {
        let failure = keys(&world(&Endpoint::answering(&answers), &[])).await.unwrap_err();
        assert_eq!(failure.class, FailureClass::TryLater, "{answers:?}");
        assert!(failure.public.contains(why), "{answers:?}: {failure}");
    }
}
