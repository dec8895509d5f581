//! By which name each identity is served where both clouds have one, and what `az login` left.

use super::*;
use crate::config::azure::{AzureSource, Cloud};
use crate::config::{Dialect, Peers};

const PROFILE: &str = "/h/.azure/azureProfile.json";

fn account(id: &str, tenant: &str, domain: &str, more: &str) -> String {
    format!(
        "{{\"id\": \"{id}\", \"name\": \"{id}\", \"tenantId\": \"{tenant}\", \"tenantDefaultDomain\": \"{domain}\", \"user\": \
         {{\"name\": \"ada@contoso.com\", \"type\": \"user\"}}, \"environmentName\": \"AzureCloud\"{more}}}"
    )
}

/// With what `az login` left, at the place where it is looked for.
fn config(aws: &str, toml: &str, accounts: &[String], variables: &[(&str, &str)]) -> Config {
    let environment: Environment = [("HOME", "/h")].iter().chain(variables).copied().collect();
    let places = Places::from(&environment).unwrap();
    let mut files = MemoryFiles::default().with(&*places.aws_config, aws).with(&*places.config, toml);
    if !accounts.is_empty() {
        let text = format!("\u{feff}{{\"subscriptions\": [{}]}}", accounts.join(","));
        files = files.with(places.azure_profile.as_ref().unwrap(), text);
    }
    Config::read(&places, &files, &Surroundings::of(&environment)).unwrap()
}

fn ada() -> Vec<String> {
    vec![
        account("s1", "t1", "contoso.com", ", \"isDefault\": true"),
        account("s2", "t2", "", ""),
        account("s3", "t3", "fabrikam.com", "").replace("ada@contoso.com", "root@fabrikam.com"),
    ]
}

const KEYS_OF: &str = "\naws_access_key_id = AKIA\naws_secret_access_key = s\n";

#[track_caller]
fn cli(config: &Config, name: &str) -> (Option<String>, Option<String>) {
    let azure = config.identities[name].azure().unwrap();
    let AzureSource::AzureCli { subscription, .. } = &azure.source else { panic!("{azure:?}") };
    (azure.tenant.clone(), subscription.clone())
}

#[test]
fn without_any_configuration_az_is_what_az_login_left() {
    let config = config("", "", &ada(), &[]);
    assert_eq!(
        kinds(&config),
        ["az azure-cli", "az:contoso.com azure-cli", "az:fabrikam.com azure-cli", "az:t2 azure-cli"]
    );
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(cli(&config, "az"), (None, None));
    assert_eq!(cli(&config, "az:contoso.com"), (some("t1"), None));
    assert_eq!(cli(&config, "az:t2"), (some("t2"), None));
    // another person's: a tenant alone would mean Ada
    assert_eq!(cli(&config, "az:fabrikam.com"), (some("t3"), some("s3")));
    let person = |name: &str| config.identities[name].person.clone();
    assert_eq!((person("az"), person("az:fabrikam.com")), (some("ada@contoso.com"), some("root@fabrikam.com")));
    assert_eq!(&*config.identities["az"].azure().unwrap().resource, Cloud::Public.resource_manager());
    assert!(config.watched.iter().any(|path| path.to_str() == Some(PROFILE)), "{:?}", config.watched);
    assert_eq!(config.complaints, []);
    assert_eq!(config.not_logged_in("az"), None);
}

#[test]
fn where_nobody_is_logged_in_az_is_not_listed_and_says_what_mends_it() {
    let config = config("", "", &[], &[]);
    assert!(config.identities.is_empty());
    for (typed, mend) in [("az", "az login"), ("azure:az", "az login"), ("az:x.com", "az login --tenant x.com")] {
        let (why, said) = config.not_logged_in(typed).unwrap();
        assert_eq!(said, mend);
        assert!(why.contains(PROFILE), "{why}");
    }
    assert_eq!(config.not_logged_in("prod"), None);
}

#[test]
fn azure_config_dir_is_where_the_cli_keeps_its_files() {
    let config = config("", "", &ada(), &[("AZURE_CONFIG_DIR", "/other")]);
    let folder = |name: &str| match &config.identities[name].azure().unwrap().source {
        AzureSource::AzureCli { config_folder, .. } => config_folder.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(folder("az"), Some("/other".into()));
    assert!(config.watched.iter().any(|path| path.to_str() == Some("/other/azureProfile.json")));
}

#[test]
fn a_broken_file_is_a_complaint_and_nothing_fails() {
    let config = config(&format!("[default]{KEYS_OF}"), "", &["7 7".to_owned()], &[]);
    assert_eq!(kinds(&config), ["default keys"]);
    assert_eq!(config.shared.unread, config.complaints, "who reads it again while it is written keeps what it said");
    let said: Vec<_> = config.complaints.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [format!("{PROFILE}:1: this is not what the Azure CLI writes, so `az` is not known: run `az login`")]
    );
}

#[test]
fn a_cloud_is_what_the_cli_is_logged_in_to() {
    let us = |text: String| text.replace("AzureCloud", "AzureUSGovernment");
    let toml = "[identity.mine]\nazure = { source = \"azure-cli\" }\n[identity.other]\nazure = { source = \"azure-cli\", \
                config_folder = \"/x\" }\n";
    let gov = config("", toml, &ada().into_iter().map(us).collect::<Vec<_>>(), &[]);
    for (name, expected) in [("az", Cloud::UsGovernment), ("mine", Cloud::UsGovernment), ("other", Cloud::Public)] {
        assert_eq!(gov.identities[name].azure().unwrap().cloud, expected, "{name}");
    }
    assert_eq!((gov.identities["mine"].person.is_some(), gov.identities["other"].person.is_some()), (true, false));
    let registered = account("s1", "t1", "x.com", "").replace("AzureCloud", "Stack");
    let stack = config("", "", &[registered], &[]);
    assert_eq!(stack.identities["az"].azure().unwrap().cloud, Cloud::Public);
    assert!(stack.identities["az"].warnings[0].contains("was registered"), "{:?}", stack.identities["az"].warnings);
}

#[test]
fn a_profile_has_its_plain_name_and_azure_the_one_behind_azure() {
    let aws = format!("[profile az]{KEYS_OF}[profile graph]{KEYS_OF}[profile az:t2]{KEYS_OF}");
    let toml = "[identity.graph]\nazure = { source = \"azd\" }\nkeep_warm = true\n[identity.sync]\nazure = { source = \"azd\" }\n";
    let config = config(&aws, toml, &ada(), &[]);
    let expected = [
        "az keys",
        "az:contoso.com azure-cli",
        "az:fabrikam.com azure-cli",
        "az:t2 keys",
        "azure:az azure-cli",
        "azure:az:t2 azure-cli",
        "azure:graph azd",
        "graph keys",
        "sync azd",
    ];
    assert_eq!(kinds(&config), expected);
    // what is said of the one holds for that one alone
    assert!(config.identities["azure:graph"].keep_warm && !config.identities["graph"].keep_warm);
    for (typed, meant) in [
        ("az", Some("az")),
        ("aws:az", Some("az")),
        ("azure:az", Some("azure:az")),
        ("azure:az:t2", Some("azure:az:t2")),
        ("azure:az:contoso.com", Some("az:contoso.com")),
        ("azure:sync", Some("sync")),
        ("aws:graph", Some("graph")),
        ("aws:sync", None),
        ("aws:azure:graph", None),
        ("azure:nobody", None),
        ("sync", Some("sync")),
    ] {
        assert_eq!(config.name_of(typed).map(|name| &**name), meant, "{typed}");
        assert_eq!(config.identity(typed).map(|identity| &*identity.name), meant, "{typed}");
    }
    assert_eq!(config.complaints, []);
}

#[test]
fn a_profile_that_is_called_like_a_prefix_wins_too() {
    let aws = format!("[profile azure:graph]{KEYS_OF}[profile graph]{KEYS_OF}[profile aws:graph]{KEYS_OF}");
    let toml = "[identity.graph]\nazure = { source = \"azd\" }\n";
    let config = config(&aws, toml, &[], &[]);
    assert_eq!(kinds(&config), ["aws:graph keys", "azure:graph keys", "graph keys"]);
    assert_eq!(config.name_of("aws:graph").map(|name| &**name), Some("aws:graph"));
    let said = config.complaints[0].to_string();
    assert!(said.ends_with("`graph` and `azure:graph` are names of others already: choose another name"), "{said}");
}

#[test]
fn our_own_az_goes_before_the_clis() {
    let written = config("", "[identity.az]\nazure = { source = \"azd\" }\n", &ada()[..1], &[]);
    assert_eq!(kinds(&written), ["az azd", "az:contoso.com azure-cli"]);
    // what makes no identity of its own is said of the account
    let warm = config("", "[identity.az]\nkeep_warm = true\n", &ada()[..1], &[]);
    assert!(warm.identities["az"].keep_warm && warm.identities["az"].is_azure());
    assert_eq!(warm.complaints, []);
    let aws = config("", "[identity.az]\nkeys = \"keyring:x\"\n", &ada()[..1], &[]);
    assert_eq!(kinds(&aws), ["az keys", "az:contoso.com azure-cli", "azure:az azure-cli"]);
    // without a login there is nothing to say it of
    let nobody = config("", "[identity.az]\nkeep_warm = true\n", &[], &[]);
    assert!(nobody.complaints[0].to_string().contains("there is no profile `az`"), "{:?}", nobody.complaints);
}

#[test]
fn a_listener_gives_each_cloud_its_own() {
    let aws = format!("[profile prod]{KEYS_OF}[profile graph]{KEYS_OF}");
    let toml = "[identity.graph]\nazure = { source = \"azd\" }\n[identity.sync]\nazure = { source = \"azd\" }\n[[listener]]\n\
                dialects = [\"ec2\", \"azure-imds\"]\naddress = \"127.0.0.1:9712\"\nidentities = [\"azure:graph\", \
                \"aws:prod\", \"sync\", \"azure:sync\", \"az\"]\n";
    let config = config(&aws, toml, &[], &[]);
    let listener = &config.listeners[0];
    assert_eq!(listener.identities, ["azure:graph".into(), "prod".into(), "sync".into(), "az".into()]);
    assert_eq!(config.aws_of(listener), [&"prod".into()]);
    assert_eq!(config.azure_of(listener), [&"azure:graph".into(), &"sync".into(), &"az".into()]);
    assert_eq!(listener.peers, Peers::Own);
    assert!(config.listener_for("prod", Dialect::Ec2).is_some());
    let said: Vec<_> = config.complaints.iter().map(ToString::to_string).collect();
    assert!(matches!(said.as_slice(), [one] if one.contains("`az`") && one.ends_with("run `az login`")), "{said:?}");
}

#[test]
fn a_listener_with_nothing_for_a_dialect_is_complained_of() {
    let aws = format!("[profile prod]{KEYS_OF}[profile dev]{KEYS_OF}");
    let said = |dialects: &str, identities: &str| {
        let toml = format!(
            "[identity.graph]\nazure = {{ source = \"azd\" }}\n[[listener]]\ndialects = [{dialects}]\naddress = \
             \"127.0.0.1:9712\"\nidentities = [{identities}]\n"
        );
        let config = config(&aws, &toml, &[], &[]);
        let all = config.complaints.iter();
        all.map(|complaint| complaint.to_string().replace("/h/.config/credenza/config.toml", "")).collect::<Vec<_>>()
    };
    let none: [&str; 0] = [];
    assert_eq!(said("\"ec2\", \"azure-imds\"", "\"prod\", \"graph\""), none);
    assert_eq!(said("\"azure-imds\"", "\"graph\""), none);
    assert_eq!(
        said("\"azure-imds\"", "\"prod\""),
        [
            ":3: `dialects` has `azure-imds`, and none of `identities` is an Azure identity: add one, or take `azure-imds` out",
            ":6: `prod` is an AWS identity, which none of this listener's `dialects` serves: add a dialect of AWS, such as `ec2`",
        ]
    );
    assert_eq!(
        said("\"ec2\"", "\"graph\""),
        [
            ":6: `graph` is an Azure identity, which none of this listener's `dialects` serves: add `azure-imds`",
            ":3: `dialects` has `ec2`, and none of `identities` is an AWS identity: add one, or take `ec2` out",
        ]
    );
    assert_eq!(
        said("\"ec2\", \"azure-imds\"", "\"prod\", \"graph\", \"dev\""),
        [
            ":6: an instance has one role, so `ec2` serves the first AWS identity alone, and `dev` is another: write a [[listener]] \
          for it"
        ]
    );
}
