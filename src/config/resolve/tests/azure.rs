//! Azure identities: what each source means, and what AWS and Azure have of each other.

use super::*;
use crate::config::azure::{AssertionSource, AzureDefinition, AzureSource, CertificateKey, Cloud};
use crate::config::web_identity::TokenSource;

const SYNC: &str =
    "[identity.sync]\nazure = { source = \"federated\", tenant = \"t\", client_id = \"c\", from = \"base\" }\n";

#[track_caller]
fn azure<'a>(config: &'a Config, name: &str) -> &'a AzureDefinition {
    config.identities[name].azure().unwrap_or_else(|| panic!("{name}: {:?}", config.identities[name].definition))
}

#[track_caller]
fn of(toml: &str) -> Config {
    Given { toml, credentials: KEYS, ..Given::default() }.config()
}

/// `[identity.a]` with this `azure`, as it is understood.
#[track_caller]
fn one(text: &str) -> AzureDefinition {
    azure(&of(&format!("[identity.a]\nazure = {{ {text} }}\n")), "a").clone()
}

#[track_caller]
fn assertion(config: &Config, name: &str) -> AssertionSource {
    match &azure(config, name).source {
        AzureSource::Federated { assertion, .. } => assertion.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_source_is_what_was_written() {
    let cli = one("source = \"azure-cli\", subscription = \"My one\", config_folder = \"~/x\", client_id = \"c\"");
    let folder = Some("/h/x".into());
    assert_eq!(cli.source, AzureSource::AzureCli { config_folder: folder, subscription: Some("My one".to_owned()) });
    assert_eq!((cli.ids.client_id.as_deref(), cli.tenant.as_deref()), (Some("c"), None));
    assert_eq!(one("source = \"azd\", tenant = \"t\"").source, AzureSource::Azd { config_folder: None });
    let entra = one("source = \"entra\", client_id = \"c\"");
    assert_eq!(entra.source, AzureSource::Entra { client_id: "c".to_owned() });
    let certificate = |key: &str| {
        let text = format!("source = \"entra\", client_id = \"c\", tenant = \"t\", certificate = \"~/c.pem\"{key}");
        match one(&text).source {
            AzureSource::Certificate { client_id, certificate, key } => {
                assert_eq!((&*client_id, certificate), ("c", "/h/c.pem".into()));
                key
            }
            other => panic!("{other:?}"),
        }
    };
    for (written, expected) in [
        ("", CertificateKey::Beside),
        (", certificate_key = \"~/k.pem\"", CertificateKey::File("/h/k.pem".into())),
        (", certificate_key = \"op://v/i/f\"", CertificateKey::OnePassword("op://v/i/f".to_owned())),
        (
            ", certificate_key = { command = [\"./key\", \"x\"] }",
            CertificateKey::Command(vec!["/projects/./key".to_owned(), "x".to_owned()]),
        ),
    ] {
        assert_eq!(certificate(written), expected, "{written}");
    }
    let config = of("[identity.cli]\nazure = { source = \"azure-cli\" }\n[identity.d]\nazure = { source = \"azd\" }\n\
                     [identity.e]\nazure = { source = \"entra\", client_id = \"c\" }\nkeep_warm = true\n");
    assert_eq!(kinds(&config), ["base keys", "cli azure-cli", "d azd", "e entra"]);
    assert!(config.identities["e"].keep_warm && !config.identities["d"].keep_warm);
    assert_eq!(config.complaints, []);
}

#[test]
fn a_cloud_says_where_entra_answers_and_what_is_usual() {
    for (word, cloud) in [("public", Cloud::Public), ("us-government", Cloud::UsGovernment), ("china", Cloud::China)] {
        let made = one(&format!("source = \"entra\", client_id = \"c\", cloud = \"{word}\""));
        assert_eq!((made.cloud, &*made.authority), (cloud, cloud.authority()));
        assert_eq!(&*made.resource, cloud.resource_manager());
        let signed = SYNC.replace("from", &format!("cloud = \"{word}\", from"));
        let AssertionSource::Aws { audience, .. } = assertion(&of(&signed), "sync") else { panic!() };
        assert_eq!(audience, cloud.exchange_audience());
    }
}

#[test]
fn a_token_is_for_what_is_allowed_where_nobody_says() {
    let lists = one("source = \"azd\", resources = { allow = [\"https://graph.microsoft.com\", \"api://x\"] }");
    assert_eq!(&*lists.resource, "https://graph.microsoft.com");
    assert!(lists.resources.give("api://x") && !lists.resources.give("https://management.azure.com/"));
    let written = one("source = \"azd\", resource = \"api://x\", resources = { deny = [\"api://y\"] }");
    assert_eq!(&*written.resource, "api://x");
    let config = of(
        "[identity.a]\nazure = { source = \"azd\", resource = \"api://x\", resources = { deny = [\"api://x\"] } }\n",
    );
    assert_eq!(
        reason(&config, "a"),
        "/h/.config/credenza/config.toml:2: `resources` says that no tokens are given for api://x, which `resource` names"
    );
}

#[test]
fn how_much_of_a_token_is_left_at_least_may_be_written() {
    let of_life = |life: &str| format!("source = \"azd\", min_life = \"{life}\"");
    assert_eq!(one("source = \"azd\"").min_life, None);
    for (written, secs) in [("5m", 300), ("90s", 0), ("20m", 1200), ("30m", 1800), ("31m", 0), ("soon", 0)] {
        let toml = format!("[identity.a]\nazure = {{ {} }}\n", of_life(written));
        if secs > 0 {
            assert_eq!(one(&of_life(written)).min_life, Some(std::time::Duration::from_secs(secs)));
        } else {
            let error = Given { toml: &toml, ..Given::default() }.read().unwrap_err().to_string();
            assert!(error.contains(":2: `min_life`: "), "{error}");
        }
    }
}

#[test]
fn azure_authority_host_is_where_entra_answers() {
    let toml = "[identity.e]\nazure = { source = \"entra\", client_id = \"c\", cloud = \"china\" }\n[identity.z]\nazure = { source = \"azd\" }\n";
    let with = |host: &str| {
        let variables = [("AZURE_AUTHORITY_HOST", host)];
        Given { toml, variables: &variables, ..Given::default() }.config()
    };
    for (written, expected) in [
        ("https://login.example.com/", "https://login.example.com"),
        ("login.example.com", "https://login.example.com"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://localhost:8080/", "http://localhost:8080"),
        ("", Cloud::China.authority()),
    ] {
        assert_eq!(&*azure(&with(written), "e").authority, expected, "{written}");
    }
    for (written, expected) in [
        ("http://login.example.com", "sends logins in clear text to another machine: write https://"),
        ("https://ada:x@login.example.com", "has a user name or a password in it: take it out"),
        ("https://", "is no address such as https://login.microsoftonline.com"),
        ("ftp://login.example.com", "is no address such as https://login.microsoftonline.com"),
    ] {
        let config = with(written);
        assert_eq!(reason(&config, "e"), format!("AZURE_AUTHORITY_HOST {expected}"), "{written}");
        // the CLIs know themselves where they ask
        assert_eq!(&*azure(&config, "z").authority, Cloud::Public.authority());
    }
}

#[test]
fn aws_signs_by_the_sts_of_the_identitys_own_region() {
    let signed = |config: &str, toml: &str, variables: &[(&str, &str)]| {
        let config = Given { config, credentials: KEYS, toml, variables }.config();
        match assertion(&config, "sync") {
            AssertionSource::Aws { from, sts, .. } => (from.to_string(), sts.region, sts.url),
            other => panic!("{other:?}"),
        }
    };
    let profile = format!("[profile prod]\n{ROLE}source_profile = base\nregion = eu-west-1\n");
    let base = |region: &str| ("base".to_owned(), region.to_owned(), None);
    assert_eq!(signed("", SYNC, &[]), base("us-east-1"));
    assert_eq!(signed("", SYNC, &[("AWS_REGION", "eu-north-1")]), base("eu-north-1"));
    let prod = SYNC.replace("base", "prod");
    assert_eq!(signed(&profile, &prod, &[("AWS_REGION", "eu-north-1")]).1, "eu-west-1");
    let written = prod.replace("from", "region = \"eu-south-1\", from");
    let url = [("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1")];
    let expected = ("prod".to_owned(), "eu-south-1".to_owned(), Some("http://127.0.0.1:1".to_owned()));
    assert_eq!(signed(&profile, &written, &url), expected);
    // of a profile that is called by its whole name
    assert_eq!(signed("", &SYNC.replace("base", "aws:base"), &[]), base("us-east-1"));
}

#[test]
fn other_parties_sign_too() {
    let with = |token: &str| {
        let text = format!("source = \"federated\", tenant = \"t\", client_id = \"c\", token = {token}");
        format!("[identity.a]\nazure = {{ {text} }}\n")
    };
    assert_eq!(assertion(&of(&with("{ file = \"~/t\" }")), "a"), AssertionSource::File("/h/t".into()));
    let command = with("{ command = [\"idp\", \"x\"] }");
    assert_eq!(assertion(&of(&command), "a"), AssertionSource::Command(vec!["idp".to_owned(), "x".to_owned()]));
    let github = with("{ github = true }");
    assert!(reason(&of(&github), "a").ends_with("`permissions: id-token: write`"), "{}", reason(&of(&github), "a"));
    let variables = [("ACTIONS_ID_TOKEN_REQUEST_URL", "https://x"), ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "y")];
    let config = Given { toml: &github, variables: &variables, ..Given::default() }.config();
    let audience = Cloud::Public.exchange_audience().to_owned();
    assert_eq!(assertion(&config, "a"), AssertionSource::GitHubActions { audience });
    let us = with("{ command = [\"credenza\", \"credential\"] }");
    assert!(reason(&of(&us), "a").contains("token calls credenza"), "{}", reason(&of(&us), "a"));
}

#[test]
fn what_from_names_is_of_the_other_cloud_and_usable() {
    let role = |from: &str| {
        format!("[identity.back]\n{}web_identity = {{ from = \"{from}\", resource = \"api://aws\" }}\n", role_toml())
    };
    let graph = "[identity.graph]\nazure = { source = \"azure-cli\" }\n";
    let config = of(&format!("{graph}{}", role("graph")));
    let Ok(Definition::WebIdentity(back)) = &config.identities["back"].definition else { panic!() };
    assert_eq!(back.token, TokenSource::Azure { from: "graph".into(), resource: "api://aws".into() });
    assert_eq!(config.identities["back"].made_from().map(|name| &**name), Some("graph"));
    assert_eq!(config.complaints, []);

    let sync = |from: &str| SYNC.replace("\"base\"", &format!("\"{from}\""));
    for (toml, name, expected) in [
        (sync("bse"), "sync", ":2: from = \"bse\", but there is no such identity: did you mean `base`?"),
        (
            format!("{graph}{}", sync("graph")),
            "sync",
            ":4: from = \"graph\", which is an Azure identity, and an AWS identity is wanted: name an AWS identity",
        ),
        (role("grph"), "back", ":3: from = \"grph\", but there is no such identity: name an Azure identity"),
        (
            role("base"),
            "back",
            ":3: from = \"base\", which is an AWS identity, and an Azure identity is wanted: name an Azure identity",
        ),
        (
            role("az"),
            "back",
            ":3: from = \"az\", but nobody is logged in with the Azure CLI: /h/.azure/azureProfile.json names no account: run \
             `az login`",
        ),
        (
            format!("[identity.base]\nazure = {{ source = \"azd\" }}\n{}", role("base")),
            "back",
            ":5: from = \"base\", which is an AWS identity, and an Azure identity is wanted: write \"azure:base\"",
        ),
        (
            format!(
                "[identity.graph]\nazure = {{ source = \"azd\", resources = {{ allow = [\"api://x\"] }} }}\n{}",
                role("graph")
            ),
            "back",
            ":5: `resources` of graph says that it gives no tokens for api://aws: add it to `allow`",
        ),
    ] {
        let expected = format!("/h/.config/credenza/config.toml{expected}");
        assert_eq!(reason(&of(&toml), name), expected, "{toml}");
    }
}

fn role_toml() -> String {
    ROLE.replace("= ", "= \"").replace('\n', "\"\n")
}

#[test]
fn a_chain_over_both_clouds_says_what_is_at_fault_once() {
    let profiles = format!("[profile broken]\n{ROLE}source_profile = nobody\n");
    let toml = format!(
        "{}[identity.back]\n{}web_identity = {{ from = \"sync\", resource = \"api://aws\" }}\n\
         [identity.again]\nazure = {{ source = \"federated\", tenant = \"t\", client_id = \"c\", from = \"back\" }}\n",
        SYNC.replace("base", "broken"),
        role_toml()
    );
    let config = Given { config: &profiles, toml: &toml, ..Given::default() }.config();
    let root = "/h/.aws/config:3: source_profile = nobody, but there is no such profile";
    let ours = "/h/.config/credenza/config.toml";
    let because = format!("`broken`, which cannot be used: {root}");
    assert_eq!(reason(&config, "sync"), format!("{ours}:2: AWS signs for {because}"));
    assert_eq!(reason(&config, "back"), format!("{ours}:5: its token is of {because}"));
    assert_eq!(reason(&config, "again"), format!("{ours}:7: AWS signs for {because}"));
    assert_eq!(config.identities["again"].kind, Kind::Federated);
}

#[test]
fn a_circle_over_both_clouds_is_named_in_full() {
    let toml = format!(
        "{}[identity.prod]\n{}web_identity = {{ from = \"sync\", resource = \"api://aws\" }}\n\
         [identity.narrow]\nazure = {{ source = \"federated\", tenant = \"t\", client_id = \"c\", from = \"prod\" }}\n",
        SYNC.replace("base", "prod"),
        role_toml()
    );
    let config = of(&toml);
    let said = "each is made from the next, round in a circle";
    let mend = "one of them must get its credentials elsewhere";
    let ours = "/h/.config/credenza/config.toml";
    assert_eq!(reason(&config, "sync"), format!("{ours}:2: {said}: sync -> prod -> sync; {mend}"));
    assert_eq!(reason(&config, "prod"), format!("{ours}:5: {said}: prod -> sync -> prod; {mend}"));
    assert!(reason(&config, "narrow").contains("AWS signs for `prod`, which cannot be used"));
    assert_eq!(kinds(&config), ["base keys", "narrow federated", "prod web-identity", "sync federated"]);
    // and one that only names itself
    let alone = SYNC.replace("base", "sync");
    assert!(reason(&of(&alone), "sync").contains("is an Azure identity"), "{}", reason(&of(&alone), "sync"));
}

#[test]
fn the_whole_chain_is_there() {
    let profiles = format!("[profile prod]\n{ROLE}source_profile = base\n");
    let toml = format!(
        "{}[identity.back]\n{}web_identity = {{ from = \"sync\", resource = \"api://aws\" }}\n",
        SYNC.replace("base", "prod"),
        role_toml()
    );
    let config = Given { config: &profiles, credentials: KEYS, toml: &toml, ..Given::default() }.config();
    let from = |name: &str| config.identities[name].made_from().map(|name| name.to_string());
    assert_eq!((from("back"), from("sync")), (Some("sync".to_owned()), Some("prod".to_owned())));
    assert_eq!(config.keys_below("back").unwrap().identity.name, "prod".into());
    assert_eq!(config.complaints, []);
}

#[test]
fn a_digest_follows_what_an_identity_is_made_from() {
    let toml = format!(
        "{SYNC}[identity.back]\n{}web_identity = {{ from = \"sync\", resource = \"api://aws\" }}\n",
        role_toml()
    );
    let digests = |credentials: &str, toml: &str, variables: &[(&str, &str)]| {
        let config = Given { credentials, toml, variables, ..Given::default() }.config();
        ["sync", "back"].map(|name| config.identities[name].digest)
    };
    let plain = digests(KEYS, &toml, &[]);
    assert_eq!(plain, digests(KEYS, &toml, &[]));
    let differs = |other: [_; 2]| assert!(plain[0] != other[0] && plain[1] != other[1]);
    differs(digests(&KEYS.replace("hunter2", "hunter3"), &toml, &[]));
    differs(digests(KEYS, &toml.replace("\"t\"", "\"u\""), &[]));
    differs(digests(KEYS, &toml, &[("AZURE_AUTHORITY_HOST", "login.example.com")]));
    differs(digests(KEYS, &toml.replace("from = \"base\"", "from = \"base\", region = \"eu-west-1\""), &[]));
    // a shell's default region is none of the identity's
    assert_eq!(plain, digests(KEYS, &toml, &[("AWS_REGION", "eu-west-1")]));
    let command = |argument: &str| {
        let text = format!(
            "source = \"federated\", tenant = \"t\", client_id = \"c\", token = {{ command = [\"x\", \"{argument}\"] }}"
        );
        let config = of(&format!("[identity.a]\nazure = {{ {text} }}\n"));
        assert!(!format!("{:?}", config.identities["a"].definition).contains(argument));
        config.identities["a"].digest
    };
    assert_ne!(command("hunter2"), command("hunter3"));
}

#[test]
fn variables_stand_for_texts_of_azure() {
    let toml = "[identity.a]\nazure = { source = \"entra\", client_id = \"${APP}\", tenant = \"${TENANT}\", resources = { allow = \
                [\"api://${APP}\"] } }\n";
    let config = |tenant: &'static str| {
        let variables = [("APP", "c-1"), ("TENANT", tenant)];
        Given { toml, variables: &variables, ..Given::default() }.config()
    };
    let known = config("t-1");
    let made = azure(&known, "a");
    assert_eq!((made.tenant.as_deref(), &*made.resource), (Some("t-1"), "api://c-1"));
    assert_eq!(made.source, AzureSource::Entra { client_id: "c-1".to_owned() });
    let ours = "/h/.config/credenza/config.toml:2:";
    assert_eq!(
        reason(&config("a/b"), "a"),
        format!("{ours} `tenant`: a tenant is its id, or one of its domains, such as contoso.onmicrosoft.com")
    );
    let unset = reason(&config(""), "a");
    assert!(unset.starts_with(&format!("{ours} tenant names ${{TENANT}}, and no such variable is set")), "{unset}");
    assert_eq!(config("").identities["a"].kind, Kind::Entra);
}

#[test]
fn a_source_profile_of_azure_is_told_the_way() {
    let profiles = format!("[profile a]\n{ROLE}source_profile = graph\n");
    let toml = "[identity.graph]\nazure = { source = \"azd\" }\n";
    let config = Given { config: &profiles, toml, ..Given::default() }.config();
    assert!(reason(&config, "a").contains("web_identity = { from = \"graph\""), "{}", reason(&config, "a"));
}
