//! `azure` of `[identity.X]`: what it may say, and every complaint with its line.

use super::tests::{USER, complaints, places, read};
use super::*;
use crate::config::azure::Cloud;
use crate::world::simulated::MemoryFiles;

/// An identity with this `azure`, in line 2.
fn with(azure: &str) -> String {
    format!("[identity.a]\nazure = {{ {azure} }}\n")
}

const FEDERATED: &str = "source = \"federated\", tenant = \"t\", client_id = \"c\"";
const ENTRA: &str = "source = \"entra\", client_id = \"c\"";

#[track_caller]
fn said(text: &str) -> SaidOfAzure {
    let mut own = read(text).unwrap_or_else(|error| panic!("{error}"));
    own.identities.remove("a").unwrap().azure.unwrap()
}

/// Each text's complaints, all about line 2.
#[track_caller]
fn each(cases: &[(String, &[&str])]) {
    for (azure, expected) in cases {
        let expected: Vec<_> = expected.iter().map(|text| format!(":2: {text}")).collect();
        assert_eq!(complaints(&with(azure)), expected, "{azure}");
    }
}

#[test]
fn what_is_written_is_meant() {
    let azure = said(&with(
        "source = \"federated\", tenant = \"contoso.com\", client_id = \"c-1\", cloud = \"us-government\", resource = \
         \"https://graph.microsoft.us\", resources = { allow = [\"https://graph.microsoft.us\", \"api://x\"], deny = \
         [\"https://vault.usgovcloudapi.net\"] }, object_id = \"o-1\", resource_id = \"/subscriptions/s/x\", from = \"prod\", \
         region = \"eu-central-1\", audience = \"api://mine\"",
    ));
    assert_eq!((azure.source, azure.cloud.as_ref().unwrap().value), (SourceWord::Federated, Cloud::UsGovernment));
    for (key, value) in [
        ("tenant", "contoso.com"),
        ("client_id", "c-1"),
        ("resource", "https://graph.microsoft.us"),
        ("object_id", "o-1"),
        ("resource_id", "/subscriptions/s/x"),
        ("from", "prod"),
        ("region", "eu-central-1"),
        ("audience", "api://mine"),
    ] {
        assert_eq!(azure.value(key), Some(value), "{key}");
    }
    let allowed: Vec<_> = azure.allow.unwrap().into_iter().map(|one| one.value).collect();
    assert_eq!(allowed, ["https://graph.microsoft.us", "api://x"]);
    assert_eq!(azure.deny[0].value, "https://vault.usgovcloudapi.net");
    assert_eq!(azure.place.to_string(), format!("{USER}:2"));

    let token = |token: &str| said(&with(&format!("{FEDERATED}, token = {token}"))).token.unwrap().value;
    assert_eq!(token("{ file = \"~/t\" }"), SaidOfToken::File("~/t".to_owned()));
    assert_eq!(token("{ command = [\"idp\", \"-x\"] }"), SaidOfToken::Command(vec!["idp".to_owned(), "-x".to_owned()]));
    assert_eq!(token("{ github = true }"), SaidOfToken::GitHubActions);
    let key = |key: &str| {
        let text = format!("{ENTRA}, tenant = \"t\", certificate = \"/c.pem\", certificate_key = {key}");
        said(&with(&text)).certificate_key.unwrap().value
    };
    assert_eq!(key("\"/k.pem\""), SaidOfCertificateKey::Text("/k.pem".to_owned()));
    assert_eq!(key("\"op://v/i/f\""), SaidOfCertificateKey::Text("op://v/i/f".to_owned()));
    assert_eq!(key("{ command = [\"pass\"] }"), SaidOfCertificateKey::Command(vec!["pass".to_owned()]));
}

#[test]
fn a_program_shows_no_argument_and_a_key_no_text() {
    let azure = said(&with(&format!("{FEDERATED}, token = {{ command = [\"idp\", \"hunter2\"] }}")));
    assert!(!format!("{azure:?}").contains("hunter2"), "{azure:?}");
    let text =
        complaints(&with(&format!("{ENTRA}, tenant = \"t\", certificate = \"/c\", certificate_key = \"hunter2\"")));
    assert_eq!(text, [":2: `certificate_key`: write an absolute path, op://vault/item/field, or { command = [...] }"]);
}

#[test]
fn an_unknown_key_or_word_is_named_with_the_nearest() {
    each(&[
        ("source = \"azure-cli\", tenat = \"x\"".to_owned(), &["unknown key `tenat` in azure: did you mean `tenant`?"]),
        ("source = \"azurecli\"".to_owned(), &["`source`: `azurecli` means nothing here: did you mean `azure-cli`?"]),
        (
            "source = \"vault\"".to_owned(),
            &["`source`: `vault` means nothing here: known are azure-cli, azd, entra, federated"],
        ),
        ("".to_owned(), &["`azure` needs `source`: one of azure-cli, azd, entra, federated"]),
        (
            "source = \"azd\", cloud = \"usgovernment\"".to_owned(),
            &["`cloud`: `usgovernment` means nothing here: did you mean `us-government`?"],
        ),
        (
            "source = \"azd\", resources = { alow = [\"x\"] }".to_owned(),
            &["unknown key `alow` in resources: did you mean `allow`?"],
        ),
        ("source = \"azd\", resources = [\"x\"]".to_owned(), &["`resources` is an array, and a table is wanted"]),
        (
            "source = \"azd\", resources = { allow = [] }".to_owned(),
            &["`allow` is empty, so no token could be had at all: name a resource"],
        ),
        ("source = 1".to_owned(), &["`source` is an integer, and a text in quotes is wanted"]),
    ]);
    assert_eq!(complaints("[identity.a]\nazure = \"azd\"\n"), [":2: `azure` is a string, and a table is wanted"]);
}

#[test]
fn every_complaint_comes_at_once() {
    let azure = "source = \"azd\", tenant = \"a/b\", client_id = \"a b\", resource = \"https://x/.default\", config_folder = \
                 \"here\", resources = { deny = [1] }";
    assert_eq!(
        complaints(&with(azure)),
        [
            ":2: `tenant`: a tenant is its id, or one of its domains, such as contoso.onmicrosoft.com",
            ":2: `client_id`: an id has digits, letters and `-`, such as 11112222-3333-4444-5555-666677778888",
            ":2: `resource`: `https://x/.default` is a scope: write the resource, https://x",
            ":2: `config_folder`: write an absolute path, or one that begins with ~/",
            ":2: `deny` is an integer, and a text in quotes is wanted",
        ]
    );
}

#[test]
fn a_key_that_another_source_has_is_refused() {
    let goes = |key: &str, others: &str, this: &str| {
        format!(":2: `{key}` goes with source = {others}, and this is \"{this}\": take it out")
    };
    for (azure, expected) in [
        ("source = \"azd\", subscription = \"s\"", goes("subscription", "\"azure-cli\"", "azd")),
        (
            "source = \"entra\", client_id = \"c\", config_folder = \"/x\"",
            goes("config_folder", "\"azure-cli\" or \"azd\"", "entra"),
        ),
        ("source = \"azure-cli\", certificate = \"/c\"", goes("certificate", "\"entra\"", "azure-cli")),
        ("source = \"azure-cli\", from = \"prod\"", goes("from", "\"federated\"", "azure-cli")),
        ("source = \"azd\", token = { github = true }", goes("token", "\"federated\"", "azd")),
    ] {
        assert_eq!(complaints(&with(azure)), [expected], "{azure}");
    }
}

#[test]
fn what_a_source_cannot_be_without_is_said() {
    let app = "source = \"federated\" needs `client_id`: the id of the app registration, or of the managed identity, that \
               trusts what is signed";
    let tenant = "source = \"federated\" needs `tenant`: a statement is shown to one tenant";
    let one_of = |found: &str| {
        format!(
            "source = \"federated\" needs one of `from`, an AWS identity that AWS signs for, and `token`, which another party \
             signs, and {found}"
        )
    };
    let (neither, both) = (one_of("neither is here"), one_of("both are here"));
    each(&[
        (
            "source = \"entra\"".to_owned(),
            &["source = \"entra\" needs `client_id`: the id of an app registration of yours"],
        ),
        ("source = \"federated\"".to_owned(), &[app, tenant, &neither]),
        (FEDERATED.to_owned(), &[&neither]),
        (format!("{FEDERATED}, from = \"prod\", token = {{ github = true }}"), &[&both]),
        (
            format!("{FEDERATED}, token = {{ github = true }}, region = \"x\""),
            &["`region` is that of `from`, which is not here: take it out"],
        ),
        (
            format!("{FEDERATED}, token = {{ file = \"/t\" }}, audience = \"x\""),
            &[
                "`audience` goes with `from` and with token = { github = true }: a file and a program have a token whose \
               audience stands already, so take it out",
            ],
        ),
        (
            format!("{FEDERATED}, token = {{ file = \"/t\", github = true }}"),
            &["`token` is one of { file = \"...\" }, { command = [\"...\"] } and { github = true }"],
        ),
        (
            format!("{FEDERATED}, token = {{ command = [] }}"),
            &["`command`: a program is wanted, such as [\"pass\", \"show\", \"key\"]"],
        ),
        (
            format!("{ENTRA}, certificate = \"/c\""),
            &["`certificate` needs `tenant`: no person says in which one the app registration is"],
        ),
        (
            format!("{ENTRA}, tenant = \"t\", certificate_key = \"/k\""),
            &["`certificate_key` needs `certificate`: the file with the certificate itself"],
        ),
        (
            "source = \"azure-cli\", tenant = \"t\", subscription = \"s\"".to_owned(),
            &["`tenant` and `subscription` cannot both be had: a subscription has its tenant, so take `tenant` out"],
        ),
    ]);
    for good in [
        format!("{FEDERATED}, token = {{ github = true }}, audience = \"api://x\""),
        format!("{FEDERATED}, from = \"prod\", region = \"eu-west-1\""),
        format!("{ENTRA}, tenant = \"t\", certificate = \"~/c.pem\""),
    ] {
        assert!(read(&with(&good)).is_ok(), "{good}");
    }
}

#[test]
fn an_identity_is_of_one_cloud() {
    for (line, key) in [
        ("profile = \"x\"", "profile"),
        ("role_arn = \"arn:aws:iam::1:role/x\"", "role_arn"),
        ("region = \"eu-west-1\"", "region"),
        ("keys = \"keyring:x\"", "keys"),
        ("otp = { preset = \"prompt\" }", "otp"),
        ("web_identity = { file = \"/t\" }", "web_identity"),
        ("policy_arns = [\"arn:aws:iam::aws:policy/x\"]", "policy_arns"),
    ] {
        let found = complaints(&format!("{}{line}\n", with("source = \"azd\"")));
        let expected = format!(":3: `a` has `azure` and `{key}`, which is about AWS: take one of them out");
        assert_eq!(found, [expected], "{line}");
    }
    assert!(read(&format!("{}keep_warm = true\n", with("source = \"azd\""))).is_ok());
}

#[test]
fn the_users_azure_takes_the_place_of_the_systems() {
    let system = "[identity.a]\nazure = { source = \"azd\", tenant = \"lower\" }\nkeep_warm = true\n";
    let files = MemoryFiles::default().with(&*places().system_config, system);
    let own = Own::read(&places(), &files.clone().with(USER, with("source = \"azure-cli\""))).unwrap();
    let said = &own.identities["a"];
    let azure = said.azure.as_ref().unwrap();
    assert_eq!((azure.source, azure.value("tenant")), (SourceWord::AzureCli, None));
    assert!(said.keep_warm.as_ref().unwrap().value);
    // what the two say together is held together
    let error = Own::read(&places(), &files.with(USER, "[identity.a]\nkeys = \"keyring:x\"\n")).unwrap_err();
    assert!(error.to_string().contains("`a` has `azure` and `keys`"), "{error}");
}
