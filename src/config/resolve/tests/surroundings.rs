//! Regions, endpoints, what the environment says, and digests.

use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::config::StsEndpoint;
use crate::config::TokenSource;

fn sts(config: &str, variables: &[(&str, &str)]) -> Result<StsEndpoint, String> {
    let config = format!("[profile a]\n{ROLE}source_profile = base\n{config}");
    let read = Given { config: &config, credentials: KEYS, variables, ..Given::default() }.config();
    read.identities["a"].definition.as_ref().map_err(ToString::to_string).map(|_| role(&read, "a").sts.clone())
}

#[test]
fn the_region_is_the_profiles_the_sources_the_environments_or_the_partitions() {
    let region = |config: &str, variables: &[(&str, &str)]| sts(config, variables).unwrap().region;
    let source = "[profile base]\nregion = eu-west-3\n";
    let both = [("AWS_REGION", "eu-north-1"), ("AWS_DEFAULT_REGION", "eu-south-1")];
    assert_eq!(region(&format!("region = eu-west-1\n{source}"), &both), "eu-west-1");
    assert_eq!(region(source, &both), "eu-west-3");
    assert_eq!(region("", &both), "eu-north-1");
    assert_eq!(region("", &both[1..]), "eu-south-1");
    assert_eq!(region("", &[]), "us-east-1");
    let chain = format!("[profile top]\n{ROLE}source_profile = a\n[profile base]\nregion = eu-west-3\n");
    let config = with_keys(&format!("[profile a]\n{ROLE}source_profile = base\n{chain}"));
    assert_eq!(role(&config, "top").sts.region, "eu-west-3");
    assert_eq!(config.identities["top"].region, None);
    let china = with_keys("[profile a]\nrole_arn = arn:aws-cn:iam::123456789012:role/x\nsource_profile = base\n");
    assert_eq!(role(&china, "a").sts.region, "cn-north-1");
    let secret = "[profile a]\nrole_arn = arn:aws-iso:iam::123456789012:role/x\nsource_profile = base\n";
    assert!(
        reason(&with_keys(secret), "a")
            .ends_with("2: nothing names a region, and the role's partition has no common one: write region")
    );
    assert_eq!(role(&with_keys(&format!("{secret}region = us-iso-east-1\n")), "a").sts.region, "us-iso-east-1");
}

#[test]
fn a_region_that_is_no_host_label_never_becomes_a_host() {
    let reason = sts("region = evil.example/\n", &[]).unwrap_err();
    assert_eq!(reason, "/h/.aws/config:4: region = evil.example/ is no region, such as eu-central-1");
}

const LOCAL: &str = "services = local\n[services local]\nsts =\n  endpoint_url = http://127.0.0.1:4566\n";

#[test]
fn only_an_endpoint_that_is_named_for_sts_counts() {
    let url = |config: &str, variables: &[(&str, &str)]| sts(config, variables).unwrap().url;
    assert_eq!(url("endpoint_url = https://all.example\n", &[("AWS_ENDPOINT_URL", "https://all.example")]), None);
    assert_eq!(url(LOCAL, &[]).as_deref(), Some("http://127.0.0.1:4566"));
    let variable = ("AWS_ENDPOINT_URL_STS", "https://sts.example");
    assert_eq!(url(LOCAL, &[variable]).as_deref(), Some("https://sts.example"));
    assert_eq!(url(LOCAL, &[variable, ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")]), None);
    assert_eq!(url(&format!("ignore_configured_endpoint_urls = TRUE\n{LOCAL}"), &[]), None);
    let overruled = ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "false");
    assert!(url(&format!("ignore_configured_endpoint_urls = true\n{LOCAL}"), &[overruled]).is_some());
}

#[test]
fn clear_text_goes_to_this_machine_alone() {
    for (url, good) in [
        ("http://localhost:1", true),
        ("http://127.0.0.2:1", true),
        ("http://[::1]:1", true),
        ("https://sts.example", true),
        ("http://localhost.example", false),
        ("http://10.0.0.1", false),
        ("http://127.0.0.1.example", false),
        ("ftp://127.0.0.1", false),
        ("sts.example", false),
    ] {
        let found = sts("", &[("AWS_ENDPOINT_URL_STS", url)]);
        assert_eq!(found.is_ok(), good, "{url}: {found:?}");
    }
    let reason = sts(&LOCAL.replace("127.0.0.1", "10.0.0.1"), &[]).unwrap_err();
    assert_eq!(
        reason,
        "/h/.aws/config:7: endpoint_url of sts sends keys in clear text to another machine: write https://"
    );
}

#[test]
fn fips_and_dualstack_come_from_the_environment_then_the_profile() {
    let found = sts("use_fips_endpoint = true\nuse_dualstack_endpoint = true\n", &[("AWS_USE_FIPS_ENDPOINT", "false")]);
    let StsEndpoint { fips, dualstack, .. } = found.unwrap();
    assert_eq!((fips, dualstack), (false, true));
}

#[test]
fn the_correction_of_clocks_is_turned_off_by_the_environment_or_the_profile() {
    let corrects = |lines, variables| sts(lines, variables).unwrap().correct_skew;
    assert!(corrects("", &[]));
    assert!(!corrects("disable_clock_skew_correction = true\n", &[]));
    assert!(!corrects("", &[("AWS_DISABLE_CLOCK_SKEW_CORRECTION", "true")]));
    assert!(corrects("disable_clock_skew_correction = true\n", &[("AWS_DISABLE_CLOCK_SKEW_CORRECTION", "false")]));
}

#[test]
fn the_ca_bundle_is_the_environments_or_the_profiles() {
    let config = "[profile a]\nca_bundle = ~/ca.pem\n";
    let bundle = |variables| Given { config, variables, ..Given::default() }.config().identities["a"].ca_bundle.clone();
    assert_eq!(bundle(&[]).as_deref(), Some(Path::new("/h/ca.pem")));
    assert_eq!(bundle(&[("AWS_CA_BUNDLE", "/etc/ca.pem")]).as_deref(), Some(Path::new("/etc/ca.pem")));
    assert_eq!(bundle(&[("AWS_CA_BUNDLE", "certs/ca.pem")]).as_deref(), Some(Path::new("/projects/certs/ca.pem")));
}

#[test]
fn a_relative_path_is_seen_from_where_we_were_started_and_its_owner_is_warned() {
    let config = with_keys(&format!(
        "[profile p]\ncredential_process = ./get --for me\nca_bundle = ca.pem\n\
         [profile q]\ncredential_process = get --for me\nca_bundle = ~/ca.pem\n\
         [profile r]\n{ROLE}source_profile = p\n"
    ));
    for (name, program) in [("p", "/projects/./get"), ("q", "get"), ("r", "/projects/./get")] {
        let KeysOrigin::Process { argv, .. } = origin(&config, name) else { panic!("{name}") };
        assert_eq!(argv[0], program);
    }
    assert_eq!(config.identities["p"].ca_bundle.as_deref(), Some(Path::new("/projects/ca.pem")));
    let warnings = &config.identities["p"].warnings;
    assert!(warnings[0].starts_with("credential_process is ./get, seen from the folder"), "{warnings:?}");
    assert!(warnings[1].starts_with("ca_bundle is ca.pem, seen from the folder"), "{warnings:?}");
    assert_eq!(config.identities["q"].warnings, [""; 0]);
}

#[test]
fn environment_keys_must_be_there_for_who_names_them() {
    let config = format!("[profile a]\n{ROLE}credential_source = Environment\n");
    let read = Given { config: &config, variables: &[("AWS_ACCESS_KEY_ID", "x")], ..Given::default() }.config();
    assert!(reason(&read, "a").contains("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not both set"));
}

#[test]
fn a_container_source_that_is_our_own_endpoint_is_refused() {
    let config = format!("[profile a]\n{ROLE}credential_source = EcsContainer\n");
    let usable = |variables: &[(&str, &str)], toml| {
        let read = Given { config: &config, variables, toml, ..Given::default() }.config();
        read.identities["a"].definition.is_ok()
    };
    let uri = |uri| ("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri);
    assert!(!usable(&[uri("http://127.0.0.1:40001/creds/x"), ("CREDENZA_IDENTITY", "x")], ""));
    assert!(!usable(&[uri("http://127.0.0.1:9711/creds/x")], ""));
    assert!(!usable(&[uri("http://localhost:9711/creds/x")], ""));
    assert!(!usable(&[uri("http://127.0.0.1:40711/creds/x")], ""), "what a daemon took instead");
    assert!(!usable(&[uri("http://127.0.0.1:7000")], "[server]\nlisten = \"127.0.0.1:7000\"\n"));
    assert!(usable(&[uri("http://127.0.0.1:9711/creds/x")], "[server]\nlisten = \"127.0.0.1:7000\"\n"));
    assert!(usable(&[uri("http://169.254.170.23/v1/credentials")], ""));
    // the relative one wins in every client
    let relative = ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x");
    assert!(usable(&[relative, uri("http://127.0.0.1:9711/creds/x"), ("CREDENZA_IDENTITY", "x")], ""));
}

#[test]
fn a_source_that_is_a_listener_of_ours_is_refused() {
    let usable = |source: &str, variables: &[(&str, &str)], address: &str| {
        let config = format!("[profile a]\n{ROLE}credential_source = {source}\n");
        let toml = format!("[[listener]]\ndialects = [\"ecs\"]\naddress = \"{address}\"\nidentities = [\"b\"]\n");
        let read = Given { config: &config, variables, toml: &toml, ..Given::default() }.config();
        let usable = read.identities["a"].definition.is_ok();
        assert!(usable || reason(&read, "a").contains(address), "{}", reason(&read, "a"));
        usable
    };
    let (ec2, ecs) = ("Ec2InstanceMetadata", "EcsContainer");
    let endpoint = |value| [("AWS_EC2_METADATA_SERVICE_ENDPOINT", value)];
    let mode = [("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv6")];
    let relative = [("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/b")];
    let full = |value| [("AWS_CONTAINER_CREDENTIALS_FULL_URI", value)];
    for (source, variables, address) in [
        (ec2, &[][..], "169.254.169.254:80"),
        (ec2, &mode, "[fd00:ec2::254]:80"),
        (ec2, &endpoint("http://127.0.0.1:9712/"), "127.0.0.1:9712"),
        (ec2, &endpoint("http://localhost:9712"), "127.0.0.1:9712"),
        (ecs, &relative, "169.254.170.2:80"),
        (ecs, &full("http://169.254.170.23/v1/credentials"), "169.254.170.23:80"),
        (ecs, &full("http://[fd00:ec2::23]/v1/credentials"), "[fd00:ec2::23]:80"),
    ] {
        assert!(!usable(source, variables, address), "{source} {variables:?} {address}");
        assert!(usable(source, variables, "127.0.0.2:9999"), "{source} {variables:?}");
    }
    assert!(usable(ec2, &[], "169.254.169.254:8080"));
    assert!(usable(ec2, &endpoint("http://127.0.0.1:9713/"), "127.0.0.1:9712"));
}

#[test]
fn a_token_file_may_lie_below_home() {
    let config = with_keys(&format!("[profile a]\n{ROLE}web_identity_token_file = ~/token\n"));
    let Ok(Definition::WebIdentity(role)) = &config.identities["a"].definition else { panic!() };
    assert_eq!(role.token, TokenSource::File("/h/token".into()));
}

#[test]
fn a_token_is_a_file_a_command_or_githubs_and_never_guessed() {
    let job =
        [("ACTIONS_ID_TOKEN_REQUEST_URL", "https://g.test/t"), ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "a job's bearer")];
    let read = |lines: &str, toml: &str| {
        let config = format!("[profile a]\n{ROLE}{lines}");
        let toml = if toml.is_empty() { String::new() } else { format!("[identity.a]\nweb_identity = {toml}\n") };
        let given = Given { config: &config, credentials: KEYS, toml: &toml, variables: &job }.config();
        match given.identities["a"].definition.clone() {
            Ok(Definition::WebIdentity(role)) => Some(role.token),
            _ => None,
        }
    };
    let file = |path: &str| Some(TokenSource::File(path.into()));
    let command = |words: &[&str]| Some(TokenSource::Command(words.iter().map(|&word| word.to_owned()).collect()));
    let github = |audience: &str| Some(TokenSource::GitHubActions { audience: audience.to_owned() });
    let process = "web_identity_token_process = idp 'a b' $HOME\n";
    assert_eq!(read(process, ""), command(&["idp", "a b", "$HOME"]));
    assert_eq!(read("web_identity_token_process = bin/idp\n", ""), command(&["/projects/bin/idp"]));
    assert_eq!(read(&format!("web_identity_token_file = /run/token\n{process}"), ""), file("/run/token"));
    assert_eq!(read(&format!("source_profile = base\n{process}"), ""), None, "botocore knows of no such key");
    assert_eq!(read("source_profile = base\n", "{ file = \"~/token\" }"), file("/h/token"));
    assert_eq!(read(process, "{ command = [\"a\", \"b c\"] }"), command(&["a", "b c"]));
    assert_eq!(read("", "{ github = true }"), github("sts.amazonaws.com"));
    assert_eq!(read("", "{ github = true, audience = \"mine\" }"), github("mine"));
    assert_eq!(read("", ""), None, "a job's variables alone say nothing");
}

#[test]
fn a_digest_changes_with_what_is_served_and_with_nothing_else() {
    let digest = |config: &str, credentials: &str, toml: &str, variables: &[(&str, &str)]| {
        Given { config, credentials, toml, variables }.config().identities["a"].digest
    };
    let role = format!("[profile a]\n{ROLE}source_profile = base\n");
    let chained = format!("[profile a]\n{ROLE}source_profile = mid\n[profile mid]\n{ROLE}source_profile = base\n");
    let first = digest(&role, KEYS, "", &[]);
    // comments, other profiles, the shell's region
    assert_eq!(first, digest(&format!("# note\n\n{role}[profile b]\nregion = x\n"), KEYS, "", &[]));
    assert_eq!(first, digest(&role, KEYS, "", &[("AWS_REGION", "eu-west-1")]));
    assert_eq!(first, digest(&role, KEYS, "[identity.a]\nkeep_warm = true\n", &[]));
    let others = [
        first,
        digest(&role.replace("deploy", "admin"), KEYS, "", &[]),
        digest(&role, &KEYS.replace("hunter2", "hunter3"), "", &[]),
        digest(&role, &KEYS.replace("AKIAEXAMPLE", "AKIAOTHER"), "", &[]),
        digest(&role, &format!("{KEYS}aws_session_token = t\n"), "", &[]),
        digest(&format!("{role}region = eu-west-1\n"), KEYS, "", &[]),
        digest(&format!("{role}external_id = ext\n"), KEYS, "", &[]),
        digest(&format!("{role}duration_seconds = 900\n"), KEYS, "", &[]),
        digest(&format!("{role}role_session_name = x1\n"), KEYS, "", &[]),
        digest(&format!("{role}session_tags = a=b\n"), KEYS, "", &[]),
        digest(&format!("{role}use_fips_endpoint = true\n"), KEYS, "", &[]),
        digest(&format!("{role}ca_bundle = /x\n"), KEYS, "", &[]),
        digest(&role, KEYS, "[identity.a]\npolicy = '{}'\n", &[]),
        digest(&role, KEYS, "", &[("AWS_ENDPOINT_URL_STS", "https://x")]),
        digest(&role, KEYS, "", &[("AWS_SHARED_CREDENTIALS_FILE", "/elsewhere")]),
        digest(&role, "", "", &[]),
        digest(&chained, KEYS, "", &[]),
        digest(&format!("{chained}external_id = ext\n"), KEYS, "", &[]),
    ];
    assert_eq!(others.iter().collect::<BTreeSet<_>>().len(), others.len());
}

#[test]
fn the_digest_of_environment_keys_follows_the_keys() {
    let config = format!("[profile a]\n{ROLE}credential_source = Environment\n");
    let digest = |secret| {
        let variables = [("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", secret)];
        Given { config: &config, variables: &variables, ..Given::default() }.config().identities["a"].digest
    };
    assert_eq!(digest("one"), digest("one"));
    assert_ne!(digest("one"), digest("two"));
}

#[test]
fn the_digest_of_what_the_surroundings_give_follows_every_variable_that_says_whose_it_is() {
    for (source, first, others) in [
        (
            "EcsContainer",
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1/credentials"),
            &[
                ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v2/credentials"),
                ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x"),
                ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "one"),
                ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "two"),
                ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/var/run/one"),
                ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/var/run/two"),
            ][..],
        ),
        (
            "Ec2InstanceMetadata",
            ("AWS_REGION", "eu-west-1"),
            &[
                ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1"),
                ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:2"),
                ("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv6"),
                ("AWS_EC2_METADATA_DISABLED", "true"),
            ],
        ),
    ] {
        let config = format!("[profile a]\n{ROLE}credential_source = {source}\n");
        let digest = |more: &[(&str, &str)]| {
            let variables = [&[first], more].concat();
            Given { config: &config, variables: &variables, ..Given::default() }.config().identities["a"].digest
        };
        let each = others.iter().map(|other| digest(&[*other])).chain([digest(&[])]);
        assert_eq!(each.collect::<BTreeSet<_>>().len(), others.len() + 1, "{source}");
    }
}

#[test]
fn a_container_source_outside_of_containers_is_said_to_be_none() {
    let config = format!("[profile a]\n{ROLE}credential_source = EcsContainer\n");
    let read = Given { config: &config, ..Given::default() }.config();
    assert!(
        reason(&read, "a").contains("neither AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor"),
        "{}",
        reason(&read, "a")
    );
}
