//! A company's own start URL.

use super::stage::*;
use crate::credential::FailureClass;

const COMPANY: &str = "https://aws.example.com/";

fn stage(answers: &[(u16, &'static str)]) -> Stage {
    let stage = Stage::new().with_start_url(COMPANY);
    *stage.center.company.lock().unwrap() = answers.iter().copied().collect();
    stage
}

#[tokio::test(start_paused = true)]
async fn it_is_asked_where_it_leads_and_kept_as_it_is_written() {
    let stage = stage(&[(405, ""), (302, "https://ssoins-1.eu-west-1.portal.amazonaws.com/")]);
    stage.login().await.unwrap();
    let whom = stage.center.asked_whom();
    assert_eq!(whom[..2], ["HEAD aws.example.com /", "GET aws.example.com /"]);
    assert!(whom[2..].iter().all(|whom| whom.starts_with("POST oidc.eu-west-1.amazonaws.com /")), "{whom:?}");
    let started = &stage.center.asked("/device_authorization")[0];
    assert_eq!(started["startUrl"], "https://ssoins-1.eu-west-1.portal.amazonaws.com");
    assert_eq!(stage.kept().await.unwrap().start_url.as_deref(), Some(COMPANY));
}

#[tokio::test(start_paused = true)]
async fn one_that_leads_elsewhere_gets_nothing_of_ours() {
    for answer in [(302, "https://evil.example/"), (200, ""), (302, "http://d-1.awsapps.com/start"), (404, "")] {
        let stage = stage(&[answer]);
        let failure = stage.login().await.unwrap_err();
        assert_eq!((failure.class, failure.code), (FailureClass::Refused, "StartUrlUnusable"), "{failure}");
        assert!(failure.public.contains(COMPANY), "{failure}");
        assert_eq!(stage.center.asked_whom(), ["HEAD aws.example.com /"]);
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_leads_to_another_region_names_it() {
    let stage = stage(&[(302, "https://ssoins-1.us-east-1.portal.amazonaws.com/")]);
    let failure = stage.login().await.unwrap_err();
    assert_eq!((failure.class, failure.code), (FailureClass::Refused, "SettingsContradict"));
    assert!(failure.public.ends_with("set sso_region = us-east-1"), "{failure}");
    assert_eq!(stage.center.asked_whom().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_replaces_the_address_of_sign_in_is_not_asked() {
    let mut stage = stage(&[]);
    std::sync::Arc::make_mut(&mut stage.session).oidc_url = Some("https://oidc.proxy.test".to_owned());
    stage.login().await.unwrap();
    assert!(stage.center.asked_whom().iter().all(|whom| whom.starts_with("POST oidc.proxy.test /")));
}
