//! The child's environment for Azure, style by style.

use super::*;
use crate::cli::child::original::undoing;
use crate::cli::child::{Dialects, Token, Wiring, wiring};

const BASE: &str = "http://127.0.0.1:40123";

fn azure(styles: &[AzureStyle]) -> AzureWiring {
    AzureWiring {
        default: "graph".into(),
        base: BASE.into(),
        token: Secret::new("token-of-graph"),
        styles: styles.to_vec(),
        imds: Some("http://127.0.0.1:40124".into()),
        assertion_file: Some("/state/run/wired-1.assertion".into()),
        authority: "https://login.microsoftonline.com".into(),
        tenant: Some("contoso".into()),
        client_id: Some("app".into()),
        by_env: false,
    }
}

fn aws() -> Wiring {
    Wiring {
        default: "prod".into(),
        base: BASE.into(),
        dialects: Dialects::default(),
        token: Token::Value(Secret::new("token-of-prod")),
        region: None,
        identity_region: None,
        config_file: "/state/run/wired-1.config".into(),
        credentials_file: "/state/run/wired-1.credentials".into(),
        static_keys: None,
    }
}

fn wired(wiring: &AzureWiring, environment: &Environment) -> Environment {
    wiring.changes(environment).applied_to(environment)
}

fn shown(environment: &Environment) -> Vec<String> {
    let line = |(name, value): (&OsStr, &OsStr)| format!("{}={}", name.to_string_lossy(), value.to_string_lossy());
    environment.all().map(line).filter(|line| !line.to_lowercase().starts_with("no_proxy")).collect()
}

#[test]
fn a_bare_environment_gets_exactly_these_style_by_style() {
    use AzureStyle::*;
    let outer = Environment::from_iter([("HOME", "/home/ada")]);
    let url = "http://127.0.0.1:40123/azure/graph/token";
    let chosen = "AZURE_TOKEN_CREDENTIALS=ManagedIdentityCredential".to_owned();
    let table: [(&[AzureStyle], Vec<String>); 6] = [
        (
            &[AppService],
            vec![chosen.clone(), format!("IDENTITY_ENDPOINT={url}"), "IDENTITY_HEADER=token-of-graph".into()],
        ),
        (
            &[Ml],
            vec![
                chosen.clone(),
                "DEFAULT_IDENTITY_CLIENT_ID=app".into(),
                format!("MSI_ENDPOINT={url}"),
                "MSI_SECRET=token-of-graph".into(),
            ],
        ),
        (
            &[Imds],
            vec![
                "AZURE_POD_IDENTITY_AUTHORITY_HOST=http://127.0.0.1:40124".into(),
                chosen.clone(),
                "CREDENZA_AZURE_METADATA=http://127.0.0.1:40124".into(),
            ],
        ),
        (
            &[Workload],
            vec![
                "AZURE_AUTHORITY_HOST=https://login.microsoftonline.com/".into(),
                "AZURE_CLIENT_ID=app".into(),
                "AZURE_FEDERATED_TOKEN_FILE=/state/run/wired-1.assertion".into(),
                "AZURE_TENANT_ID=contoso".into(),
                "AZURE_TOKEN_CREDENTIALS=WorkloadIdentityCredential".into(),
            ],
        ),
        (
            &[Terraform],
            vec![
                format!("ARM_MSI_ENDPOINT={url}/token-of-graph"),
                "ARM_TENANT_ID=contoso".into(),
                "ARM_USE_CLI=false".into(),
                "ARM_USE_MSI=true".into(),
                "ARM_USE_OIDC=false".into(),
            ],
        ),
        (
            &[AppService, Terraform],
            vec![
                format!("ARM_MSI_ENDPOINT={url}/token-of-graph"),
                "ARM_TENANT_ID=contoso".into(),
                "ARM_USE_CLI=false".into(),
                "ARM_USE_MSI=true".into(),
                "ARM_USE_OIDC=false".into(),
                chosen,
                format!("IDENTITY_ENDPOINT={url}"),
                "IDENTITY_HEADER=token-of-graph".into(),
            ],
        ),
    ];
    for (styles, mut expected) in table {
        expected
            .extend(["CREDENZA_AZURE_IDENTITY=graph", "CREDENZA_AZURE_WIRED=exec", "HOME=/home/ada"].map(Into::into));
        expected.sort();
        assert_eq!(shown(&wired(&azure(styles), &outer)), expected, "{styles:?}");
    }
}

#[test]
fn nothing_of_an_sdk_is_left_that_leads_elsewhere_and_what_applications_read_stays() {
    let outer: Environment = all().map(|name| (name, "outer")).collect();
    for style in [AzureStyle::AppService, AzureStyle::Ml, AzureStyle::Imds] {
        let child = wired(&azure(&[style]), &outer);
        for name in SDK {
            assert_ne!(child.text(name), Some("outer"), "{style:?} {name}");
        }
        for name in CLIENT.into_iter().chain(TERRAFORM) {
            assert_eq!(child.text(name), Some("outer"), "{style:?} {name}");
        }
    }
    // exactly one way for each: a lone half of a pair is worse than none
    let sources = |style| {
        let child = wired(&azure(&[style]), &outer);
        [ENDPOINT, MSI_ENDPOINT, POD_HOST, ASSERTION_FILE].map(|name| child.raw(name).is_some())
    };
    assert_eq!(sources(AzureStyle::AppService), [true, false, false, false]);
    assert_eq!(sources(AzureStyle::Ml), [false, true, false, false]);
    assert_eq!(sources(AzureStyle::Imds), [false, false, true, false]);
    assert_eq!(sources(AzureStyle::Workload), [false, false, false, true]);
    let child = wired(&azure(&[AzureStyle::Terraform]), &outer);
    assert!(TERRAFORM.into_iter().all(|name| child.text(name) != Some("outer")));
    assert!(SDK.into_iter().all(|name| child.text(name) == Some("outer")), "Terraform alone was asked for");
}

#[test]
fn no_secret_is_kept_under_another_name() {
    let outer: Environment = all().map(|name| (name, "outer")).collect();
    let child = wired(&azure(&[AzureStyle::AppService, AzureStyle::Terraform]), &outer);
    for name in SECRET {
        assert_eq!(child.raw(&outer_name(name)), None, "{name}");
    }
    assert_eq!(child.text("CREDENZA_OUTER_IDENTITY_ENDPOINT"), Some("outer"));
    assert_eq!(child.text("CREDENZA_OUTER_AZURE_CLIENT_CERTIFICATE_PATH"), Some("outer"));
    assert!(!format!("{:?}", azure(&[AzureStyle::Terraform]).changes(&outer)).contains("token-of-graph"));
}

#[test]
fn every_style_is_undone_but_for_secrets() {
    use AzureStyle::*;
    let plain = all().filter(|name| !SECRET.contains(name)).map(|name| (name, "outer"));
    let outer: Environment = plain.chain([("HOME", "/home/ada"), ("NO_PROXY", "corp")]).collect();
    let bare = Environment::from_iter([("HOME", "/home/ada")]);
    for outer in [outer, bare] {
        let of_both = aws().changes(&outer).applied_to(&outer);
        for styles in [&[AppService][..], &[Ml], &[Imds], &[Workload], &[Terraform], &[AppService, Terraform]] {
            for (before, what) in [(&outer, "alone"), (&of_both, "beside AWS")] {
                let child = wired(&azure(styles), before);
                assert!(original(&child).all().eq(outer.all()), "{styles:?} {what}: {:?}", shown(&original(&child)));
                assert!(undoing(&child).applied_to(&child).all().eq(outer.all()), "{styles:?} {what}");
            }
        }
    }
}

#[test]
fn another_style_takes_the_place_of_the_one_before() {
    let outer = Environment::from_iter([("AZURE_CLIENT_ID", "mine"), ("IDENTITY_ENDPOINT", "http://theirs/msi")]);
    let first = wired(&azure(&[AzureStyle::Workload]), &outer);
    assert_eq!(first.text("AZURE_CLIENT_ID"), Some("app"));
    let second = wired(&azure(&[AzureStyle::AppService]), &first);
    assert_eq!(second.text("AZURE_CLIENT_ID"), Some("mine"));
    assert_eq!(second.raw(ASSERTION_FILE), None);
    assert_eq!(second.text("CREDENZA_OUTER_IDENTITY_ENDPOINT"), Some("http://theirs/msi"));
    assert!(original(&second).all().eq(outer.all()));
}

#[test]
fn either_cloud_is_wired_without_the_other() {
    let outer = Environment::from_iter([("AWS_PROFILE", "sandbox"), ("AZURE_USERNAME", "ada")]);
    let both = wired(&azure(&[AzureStyle::AppService]), &aws().changes(&outer).applied_to(&outer));
    assert_eq!(both.text("CREDENZA_IDENTITY"), Some("prod"));
    assert_eq!(both.text(wiring::FULL_URI), Some("http://127.0.0.1:40123/creds/prod"));
    // an inner one for AWS alone leaves Azure as it is, and the other way round
    let inner = Wiring { default: "dev".into(), ..aws() };
    let again = inner.changes(&both).applied_to(&both);
    assert_eq!(again.text(ENDPOINT), both.text(ENDPOINT));
    assert_eq!(again.text("CREDENZA_OUTER_AZURE_USERNAME"), Some("ada"));
    let inner = AzureWiring { default: "other".into(), ..azure(&[AzureStyle::AppService]) };
    let again = wired(&inner, &both);
    assert_eq!(again.text(wiring::FULL_URI), both.text(wiring::FULL_URI));
    assert_eq!(again.text(ENDPOINT), Some("http://127.0.0.1:40123/azure/other/token"));
    let only = wired(&azure(&[AzureStyle::AppService]), &outer);
    assert_eq!(only.text("AWS_PROFILE"), Some("sandbox"));
    assert_eq!(only.raw("CREDENZA_IDENTITY"), None);
}

#[test]
fn who_wired_it_is_known_for_both_clouds_together() {
    let outer = Environment::default();
    let by_env = |by_env| AzureWiring { by_env, ..azure(&[AzureStyle::AppService]) };
    let by_exec = wired(&by_env(false), &outer);
    assert_eq!(wiring::layer(&by_exec), Layer::Exec);
    assert_eq!(wiring::layer(&wired(&by_env(true), &outer)), Layer::Env);
    assert_eq!(wiring::layer(&wired(&by_env(true), &by_exec)), Layer::EnvInExec);
    let aws_by_exec = aws().changes(&outer).applied_to(&outer);
    assert_eq!(wiring::layer(&wired(&by_env(true), &aws_by_exec)), Layer::EnvInExec);
    assert_eq!(wiring::layer(&wired(&by_env(false), &aws_by_exec)), Layer::Exec);
}
