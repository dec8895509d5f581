//! Which start URLs are asked where they lead, and what is believed of the answer.

use super::*;

#[test]
fn only_a_company_s_own_address_is_asked() {
    for own in [
        "https://d-1234567890.awsapps.com/start",
        "https://d-1234567890.awsapps.com/start/#/",
        "https://D-1234567890.AwsApps.com./start",
        "https://start.us-gov-home.awsapps.com/directory/d-1",
        "https://start.home.awsapps.cn/directory/d-1",
        "https://ssoins-1.portal.eu-west-1.app.aws",
        "https://ssoins-1.eu-west-1.portal.amazonaws.com",
        "https://identitycenter.amazonaws.com/ssoins-1",
    ] {
        assert_eq!(to_ask(own), Ok(None), "{own}");
    }
    for asked in [
        "https://aws.example.com",
        "https://awsapps.com.example.com/start",
        "https://evilawsapps.com/start",
        "https://portal.identitycenter.amazonaws.com/",
        "https://amazonaws.com/",
        "https://s3.amazonaws.com/",
    ] {
        assert!(matches!(to_ask(asked), Ok(Some(_))), "{asked}");
    }
    for wrong in
        ["http://d-1.awsapps.com/start", "aws.example.com", "/start", "", "https://a@aws.example.com", "no url"]
    {
        assert!(to_ask(wrong).is_err(), "{wrong}");
    }
}

fn followed(status: u16, location: Option<&'static str>) -> Led {
    let location = location.map(http::HeaderValue::from_static);
    led(&Method::HEAD, StatusCode::from_u16(status).unwrap(), location.as_ref())
}

#[test]
fn one_redirect_to_aws_is_believed() {
    for (location, start_url, region) in [
        ("https://d-1234567890.awsapps.com/start/", "https://d-1234567890.awsapps.com/start", None),
        ("https://D-1.awsapps.com:443/start?x=y#/z", "https://d-1.awsapps.com/start", None),
        ("https://d-1.awsapps.com:8443/start", "https://d-1.awsapps.com:8443/start", None),
        ("//d-1.awsapps.com/start", "https://d-1.awsapps.com/start", None),
        ("https://ssoins-1.portal.eu-west-1.app.aws/", "https://ssoins-1.portal.eu-west-1.app.aws", Some("eu-west-1")),
    ] {
        let expected = Resolved { start_url: start_url.to_owned(), region: region.map(str::to_owned) };
        for status in [301, 302, 303, 307, 308] {
            assert_eq!(followed(status, Some(location)), Led::To(expected.clone()), "{status} {location}");
        }
    }
}

#[test]
fn what_leads_elsewhere_is_not() {
    for (status, location) in [
        (302, Some("http://d-1.awsapps.com/start")),
        (302, Some("https://aws.example.com/other")),
        (302, Some("https://d-1.awsapps.com@evil.example/start")),
        (302, Some("https://d-1.awsapps.com.evil.example/start")),
        (302, Some("/start")),
        (302, Some("")),
        (302, None),
        (200, Some("https://d-1.awsapps.com/start")),
        (404, None),
        (503, None),
        (304, Some("https://d-1.awsapps.com/start")),
    ] {
        assert!(matches!(followed(status, location), Led::Astray(_)), "{status} {location:?}");
    }
}

#[test]
fn who_knows_no_head_is_asked_with_get_once() {
    for status in [405, 501] {
        assert_eq!(followed(status, None), Led::AskWithGet);
        assert!(matches!(led(&Method::GET, StatusCode::from_u16(status).unwrap(), None), Led::Astray(_)));
    }
}

#[test]
fn the_region_stands_in_the_host() {
    for (host, region) in [
        ("ssoins-1.portal.eu-west-1.app.aws", Some("eu-west-1")),
        ("ssoins-1.us-east-1.portal.amazonaws.com", Some("us-east-1")),
        ("ssoins-1.cn-north-1.portal.amazonaws.com.cn", Some("cn-north-1")),
        ("ssoins-1.portal.cn-north-1.app.amazonwebservices.com.cn", Some("cn-north-1")),
        ("ssoins-1.eusc-de-east-1.portal.amazonaws.eu", Some("eusc-de-east-1")),
        ("ssoins-1.portal.eusc-de-east-1.api.amazonwebservices.eu", Some("eusc-de-east-1")),
        ("a.b.portal.eu-west-1.app.aws", None),
        ("portal.eu-west-1.app.aws", None),
        ("ssoins-1.portal..app.aws", None),
        ("ssoins-1.a.b.portal.amazonaws.com", None),
        ("d-1.awsapps.com", None),
        ("identitycenter.amazonaws.com", None),
    ] {
        assert_eq!(region_of(host), region, "{host}");
    }
}
