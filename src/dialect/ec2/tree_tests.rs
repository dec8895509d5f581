//! What is where in the tree, by tables.

use super::*;

const ROLE: &str = "/latest/meta-data/iam/security-credentials/deploy";

fn facts(values: &[(&str, Option<&str>)]) -> Facts {
    Facts {
        role: "deploy".into(),
        region: Some("eu-west-1".into()),
        account: Some("123456789012".into()),
        address: "127.0.0.1:9712".parse().unwrap(),
        values: values.iter().map(|(path, value)| ((*path).to_owned(), value.map(str::to_owned))).collect(),
    }
}

fn tree(values: &[(&str, Option<&str>)]) -> Metadata {
    Metadata::new(facts(values))
}

/// The text at a path, which is nowhere more than one line too long.
#[track_caller]
fn text<'m>(tree: &'m Metadata, path: &str) -> Option<&'m str> {
    match tree.find(path) {
        Found::Text(text) => Some(std::str::from_utf8(text).unwrap()),
        Found::Nothing => None,
        other => panic!("{path}: {other:?}"),
    }
}

fn at<'m>(tree: &'m Metadata, path: &str) -> Option<&'m str> {
    text(tree, &format!("/latest/meta-data/{path}"))
}

#[test]
fn c53_the_list_of_roles_is_one_name_with_and_without_a_slash() {
    let tree = tree(&[]);
    for folder in ["security-credentials", "security-credentials-extended"] {
        for path in [format!("/latest/meta-data/iam/{folder}"), format!("/latest/meta-data/iam/{folder}/")] {
            assert_eq!(text(&tree, &path), Some("deploy"), "{path}");
        }
    }
}

#[test]
fn c54_c55_c56_the_role_is_found_and_no_other() {
    let tree = tree(&[]);
    assert_eq!(tree.find(ROLE), Found::Credential { extended: false });
    assert_eq!(tree.find(&format!("{ROLE}/")), Found::Credential { extended: false });
    assert_eq!(
        tree.find("/latest/meta-data/iam/security-credentials-extended/deploy"),
        Found::Credential { extended: true }
    );
    for other in ["other", "Deploy", "deplo", "deploy2", "deploy/x", "..", "%2e%2e", "deploy%00", ""] {
        for folder in ["security-credentials", "security-credentials-extended"] {
            let found = tree.find(&format!("/latest/meta-data/iam/{folder}/{other}"));
            assert!(!matches!(found, Found::Credential { .. }), "{other}");
            assert!(other.is_empty() || found == Found::Nothing, "{other}: {found:?}");
        }
    }
}

#[test]
fn c57_slashes_and_escapes_mean_nothing() {
    let tree = tree(&[("tags/instance/a b", Some("c"))]);
    for path in [
        "/latest/meta-data/instance-id",
        "//latest/meta-data/instance-id",
        "/latest//meta-data///instance-id",
        "/latest/meta-data/instance-id/",
        "/latest/meta-data/instance-id//",
        "/latest/meta-data/instance%2Did",
    ] {
        assert_eq!(text(&tree, path), Some("i-0123456789abcdef0"), "{path}");
    }
    assert_eq!(text(&tree, "/latest/meta-data/tags/instance/a%20b"), Some("c"));
    assert_eq!(at(&tree, "network/interfaces/macs/02%3A00%3A00%3A00%3A00%3A01/device-number"), Some("0"));
    for path in ["/latest/meta-data/instance-id/x", "/latest/meta-data/%ff", "latest%2", "/latest/./meta-data"] {
        assert_eq!(tree.find(path), Found::Nothing, "{path}");
    }
}

#[test]
fn c58_the_place_is_the_region_and_its_first_zone() {
    let tree = tree(&[]);
    for (path, expected) in [
        ("placement/availability-zone", "eu-west-1a"),
        ("placement/availability-zone/", "eu-west-1a"),
        ("placement/region", "eu-west-1"),
        ("placement", "availability-zone\nregion"),
    ] {
        assert_eq!(at(&tree, path), Some(expected), "{path}");
    }
}

#[test]
fn c58_a_place_that_is_not_known_is_not_made_up() {
    let tree = Metadata::new(Facts { region: None, ..facts(&[]) });
    for path in ["placement", "placement/region", "placement/availability-zone", "placement/availability-zone-id"] {
        assert_eq!(at(&tree, path), None, "{path}");
    }
    assert!(!at(&tree, "").unwrap().contains("placement"));
    assert_eq!(at(&tree, "hostname"), Some("ip-127-0-0-1"));
    assert_eq!(at(&tree, "services/partition"), Some("aws"));
}

#[test]
fn c58_region_and_zone_follow_each_other() {
    // (region of the facts, written region, written zone) -> (region, zone)
    for (of_facts, region, zone, expected) in [
        (Some("us-east-1"), None, None, (Some("us-east-1"), Some("us-east-1a"))),
        (Some("us-east-1"), Some(Some("eu-west-1")), None, (Some("eu-west-1"), Some("eu-west-1a"))),
        (Some("us-east-1"), None, Some(Some("eu-west-1c")), (Some("eu-west-1"), Some("eu-west-1c"))),
        (None, None, Some(Some("us-gov-west-1b")), (Some("us-gov-west-1"), Some("us-gov-west-1b"))),
        (None, None, Some(Some("us-west-2-lax-1a")), (Some("us-west-2"), Some("us-west-2-lax-1a"))),
        (None, None, Some(Some("here")), (None, Some("here"))),
        (Some("us-east-1"), None, Some(Some("here")), (Some("us-east-1"), Some("here"))),
        (None, Some(Some("local-1")), Some(Some("local-1z")), (Some("local-1"), Some("local-1z"))),
        (Some("us-east-1"), Some(None), None, (None, None)),
        (Some("us-east-1"), None, Some(None), (Some("us-east-1"), None)),
    ] {
        let written = [("placement/region", region), ("placement/availability-zone", zone)];
        let written: Vec<_> = written.into_iter().filter_map(|(path, value)| Some((path, value?))).collect();
        let tree = Metadata::new(Facts { region: of_facts.map(str::to_owned), ..facts(&written) });
        let found = (at(&tree, "placement/region"), at(&tree, "placement/availability-zone"));
        assert_eq!(found, expected, "{of_facts:?} {region:?} {zone:?}");
    }
}

#[test]
fn c60_nothing_that_makes_a_program_act_is_there() {
    let tree = tree(&[]);
    for path in [
        "meta-data/spot",
        "meta-data/spot/instance-action",
        "meta-data/spot/termination-time",
        "meta-data/events",
        "meta-data/events/maintenance/scheduled",
        "meta-data/events/maintenance/history",
        "meta-data/events/recommendations/rebalance",
        "meta-data/autoscaling/target-lifecycle-state",
        "meta-data/tags/instance",
        "meta-data/public-ipv4",
        "meta-data/public-hostname",
        "meta-data/public-keys",
        "meta-data/placement/availability-zone-id",
        "user-data",
        "dynamic/instance-identity/signature",
        "dynamic/instance-identity/pkcs7",
        "dynamic/instance-identity/rsa2048",
        "dynamic/instance-identity/document/x",
        "api",
        "api/token/x",
    ] {
        assert_eq!(tree.find(&format!("/latest/{path}")), Found::Nothing, "{path}");
    }
}

#[test]
fn c60_signatures_cannot_be_written_either() {
    let path = "../dynamic/instance-identity/pkcs7";
    let tree = tree(&[(path, Some("x")), ("dynamic/instance-identity/pkcs7", Some("x"))]);
    assert_eq!(tree.find("/latest/dynamic/instance-identity/pkcs7"), Found::Nothing);
    assert_eq!(text(&tree, "/latest/dynamic/instance-identity"), Some("document"));
}

#[test]
fn c61_listings_have_one_entry_a_line_and_folders_a_slash() {
    let tree = tree(&[]);
    for (path, expected) in [
        ("/latest", "dynamic/\nmeta-data/"),
        ("/latest/", "dynamic/\nmeta-data/"),
        ("/latest/dynamic", "fws/\ninstance-identity/"),
        ("/latest/dynamic/instance-identity/", "document"),
        ("/latest/meta-data/iam", "info\nsecurity-credentials/"),
        ("/latest/meta-data/network/interfaces/macs/", "02:00:00:00:00:01/"),
        ("/latest/meta-data/services/", "domain\npartition"),
    ] {
        assert_eq!(text(&tree, path), Some(expected), "{path}");
    }
    let versions = text(&tree, "/").unwrap();
    assert!(versions.starts_with("1.0\n2007-01-19\n") && versions.ends_with("\n2024-04-11\nlatest"), "{versions}");
    assert_eq!(text(&tree, ""), Some(versions));
    let listing = at(&tree, "").unwrap();
    assert_eq!(at(&tree, "/"), Some(listing));
    let names: Vec<_> = listing.lines().collect();
    assert!(names.is_sorted() && names.contains(&"ami-id") && names.contains(&"iam/"), "{listing}");
}

/// What cloud-init does at every start of a machine.
#[test]
fn c61_whatever_is_listed_is_there_and_no_listing_leads_to_more_than_one_credential() {
    for account in [None, Some("123456789012".to_owned())] {
        let known = account.is_some();
        let tree = Metadata::new(Facts { account, ..facts(&[("user-data", Some("#!/bin/sh\n"))]) });
        let (mut folders, mut credentials, mut infos) = (vec!["/latest/".to_owned()], 0, 0);
        while let Some(folder) = folders.pop() {
            for name in text(&tree, &folder).unwrap().lines() {
                let path = format!("{folder}{name}");
                match tree.find(&path) {
                    _ if name.ends_with('/') => folders.push(path),
                    Found::Credential { extended } => {
                        assert!(!extended);
                        credentials += 1;
                    }
                    Found::Info => infos += 1,
                    Found::Text(text) => assert!(name == "user-data" || !text.ends_with(b"\n"), "{path}"),
                    Found::Document => {}
                    other => panic!("{path}: {other:?}"),
                }
            }
        }
        assert_eq!((credentials, infos), (1, usize::from(known)));
        assert_eq!(tree.find("/latest/meta-data/iam/info"), Found::Info);
    }
}

#[test]
fn c62_every_known_version_is_the_latest() {
    let tree = tree(&[]);
    let versions = text(&tree, "/").unwrap();
    assert_eq!(versions.lines().count(), 30);
    for version in versions.lines().chain(["1.0", "2021-07-15"]) {
        assert_eq!(text(&tree, &format!("/{version}/meta-data/ami-launch-index")), Some("0"), "{version}");
        assert_eq!(text(&tree, &format!("/{version}")), text(&tree, "/latest"), "{version}");
        assert_eq!(tree.find(&format!("/{version}/api/token")), Found::Ticket, "{version}");
    }
    for version in
        ["2021-07-16", "1.1", "Latest", "latest2", "openstack", "computeMetadata", "metadata", "meta-data", ".."]
    {
        assert_eq!(tree.find(&format!("/{version}/meta-data/ami-launch-index")), Found::Nothing, "{version}");
        assert_eq!(tree.find(&format!("/{version}")), Found::Nothing, "{version}");
    }
}

#[test]
fn what_is_written_takes_the_place_of_the_defaults() {
    let tree = tree(&[
        ("instance-id", Some("i-00000000000000001")),
        ("/tags/instance/Name/", Some("db\n")),
        ("public-keys/0/openssh-key", Some("ssh-ed25519 A\nssh-ed25519 B")),
        ("spot/instance-action", Some(r#"{"action":"stop"}"#)),
        ("user-data", Some("#!/bin/sh\r\n\u{1b}\n")),
        ("network", None),
        ("network/interfaces/macs/x/mtu", Some("9001")),
        ("hostname", None),
        ("empty", Some("")),
    ]);
    for (path, expected) in [
        ("instance-id", Some("i-00000000000000001")),
        ("tags/instance/Name", Some("db")),
        ("tags", Some("instance/")),
        ("public-keys/0", Some("openssh-key")),
        ("public-keys/0/openssh-key", Some("ssh-ed25519 A\nssh-ed25519 B")),
        ("spot/instance-action", Some(r#"{"action":"stop"}"#)),
        ("network/interfaces/macs", Some("x/")),
        ("hostname", None),
        ("local-hostname", None),
        ("empty", Some("")),
        ("user-data", None),
    ] {
        assert_eq!(at(&tree, path), expected, "{path}");
    }
    assert_eq!(text(&tree, "/latest/user-data"), Some("#!/bin/sh\r\n\u{1b}\n"), "as it is written");
    assert_eq!(text(&tree, "/latest"), Some("dynamic/\nmeta-data/\nuser-data"));
}

#[test]
fn what_cannot_be_written_changes_nothing() {
    let values = [
        ("", Some("x")),
        ("/", Some("x")),
        ("placement//region", Some("x")),
        ("..", Some("x")),
        ("placement/../region", Some("x")),
        ("./mac", Some("x")),
        ("ma\nc", Some("x")),
        ("iam", None),
        ("iam", Some("x")),
        ("iam/security-credentials", None),
        ("iam/security-credentials/deploy", Some("{}")),
        ("iam/security-credentials/admin", Some("{}")),
        ("iam/security-credentials-extended", None),
        ("iam/security-credentials-extended/deploy", None),
        ("placement", Some("x")),
        ("instance-id/x", Some("x")),
        ("iam/info", Some("x")),
        ("iam/info", None),
        ("iam/x", Some("x")),
        ("profile", Some("a\rb")),
        ("ami-id", Some("\0")),
        ("mac", Some("\u{1b}[31m")),
    ];
    let plain = tree(&[]);
    for value in values {
        let tree = tree(&[value]);
        let mut folders = vec![String::new()];
        while let Some(folder) = folders.pop() {
            let path = format!("/latest/{folder}");
            assert_eq!(tree.find(&path), plain.find(&path), "{value:?}: {path}");
            if let (Found::Text(listing), true) = (plain.find(&path), folder.is_empty() || folder.ends_with('/')) {
                let names = std::str::from_utf8(listing).unwrap().lines();
                folders.extend(names.map(|name| format!("{folder}{name}")));
            }
        }
        assert!(
            value.0.is_empty()
                || !matches!(tree.find(&format!("/latest/{}", value.0)), Found::Text(text) if text == "x")
        );
    }
}

#[test]
fn every_given_path_says_why_not() {
    for (path, reason) in [
        ("", "an empty part"),
        ("a//b", "an empty part"),
        ("a/../b", "leads elsewhere"),
        ("a\tb", "control character"),
        ("iam/", "those of the identity"),
        ("iam/info", "those of the identity"),
        ("iam/security-credentials/x", "those of the identity"),
        ("iam/security-credentials-extended", "those of the identity"),
    ] {
        assert!(check_path(path).unwrap_err().contains(reason), "{path}");
    }
    for path in ["user-data", "iamb", "x/iam", "/mac/", "tags/instance/a b", "ü", "..."] {
        assert_eq!(check_path(path), Ok(()), "{path}");
    }
    assert_eq!(check_value("two\nlines\tand a tab"), Ok(()));
    assert_eq!(check_value("a\rb"), Err("a control character, U+000D".into()));
}

#[test]
fn the_machine_agrees_with_itself() {
    for (address, region, written, expected) in [
        ("127.0.0.1:80", Some("us-east-1"), None, ["127.0.0.1", "ip-127-0-0-1.ec2.internal", "127.0.0.0/20"]),
        (
            "127.0.0.1:80",
            Some("eu-west-1"),
            None,
            ["127.0.0.1", "ip-127-0-0-1.eu-west-1.compute.internal", "127.0.0.0/20"],
        ),
        ("172.20.17.9:80", None, None, ["172.20.17.9", "ip-172-20-17-9", "172.20.16.0/20"]),
        ("169.254.169.254:80", None, None, ["127.0.0.1", "ip-127-0-0-1", "127.0.0.0/20"]),
        ("[fd00:ec2::254]:80", None, None, ["127.0.0.1", "ip-127-0-0-1", "127.0.0.0/20"]),
        ("127.0.0.1:80", None, Some("10.1.255.2"), ["10.1.255.2", "ip-10-1-255-2", "10.1.240.0/20"]),
    ] {
        let values: Vec<_> = written.into_iter().map(|address| ("local-ipv4", Some(address))).collect();
        let region = region.map(str::to_owned);
        let tree = Metadata::new(Facts { address: address.parse().unwrap(), region, ..facts(&values) });
        let [ipv4, hostname, block] = expected.map(Some);
        let of_mac = |name: &str| at(&tree, &format!("network/interfaces/macs/02:00:00:00:00:01/{name}"));
        assert_eq!((at(&tree, "local-ipv4"), of_mac("local-ipv4s")), (ipv4, ipv4), "{address}");
        assert_eq!((at(&tree, "hostname"), at(&tree, "local-hostname")), (hostname, hostname), "{address}");
        assert_eq!((of_mac("local-hostname"), of_mac("subnet-ipv4-cidr-block")), (hostname, block), "{address}");
    }
    let tree = tree(&[("mac", Some("0e:49:61:0f:c3:11"))]);
    assert_eq!(at(&tree, "network/interfaces/macs/0e:49:61:0f:c3:11/mac"), at(&tree, "mac"));
    assert_eq!(at(&tree, "network/interfaces/macs/0e:49:61:0f:c3:11/owner-id"), Some("123456789012"));
}

#[test]
fn the_partition_is_the_regions() {
    for (region, partition, domain) in [
        ("eu-west-1", "aws", "amazonaws.com"),
        ("cn-north-1", "aws-cn", "amazonaws.com.cn"),
        ("us-gov-west-1", "aws-us-gov", "amazonaws.com"),
        ("us-iso-east-1", "aws-iso", "c2s.ic.gov"),
        ("us-isob-east-1", "aws-iso-b", "sc2s.sgov.gov"),
        ("eu-isoe-west-1", "aws-iso-e", "cloud.adc-e.uk"),
        ("us-isof-south-1", "aws-iso-f", "csp.hci.ic.gov"),
        ("eusc-de-east-1", "aws-eusc", "amazonaws.eu"),
    ] {
        let tree = Metadata::new(Facts { region: Some(region.into()), ..facts(&[]) });
        assert_eq!(at(&tree, "services/partition"), Some(partition), "{region}");
        assert_eq!(at(&tree, "services/domain"), Some(domain), "{region}");
    }
}

#[test]
fn a_tree_prints_none_of_its_values() {
    let tree = tree(&[("user-data", Some("password"))]);
    assert_eq!(format!("{tree:?}"), "Metadata { role: \"deploy\", .. }");
}

#[test]
fn a_role_has_a_clean_name() {
    for (identity, arn, expected) in [
        ("prod", None, "prod"),
        ("prod", Some("arn:aws:iam::123456789012:role/deploy"), "deploy"),
        ("prod", Some("arn:aws:iam::123456789012:role/team/a+=,.@_-1"), "a+=,.@_-1"),
        ("prod", Some("arn:aws:iam::123456789012:role/"), "prod"),
        ("my profile/eu", None, "my-profile-eu"),
        ("über\n", None, "-ber-"),
        ("", None, "role"),
        (".", None, "-"),
        ("..", None, "--"),
        ("a..b", None, "a..b"),
        ("a?b#c%d;e&f", None, "a-b-c-d-e-f"),
    ] {
        assert_eq!(role_name(identity, arn), expected, "{identity} {arn:?}");
    }
    assert_eq!(role_name(&"x".repeat(100), None).len(), 64);
    let tree = Metadata::new(Facts { role: "a/b c".into(), ..facts(&[]) });
    assert_eq!((tree.role(), at(&tree, "iam/security-credentials/")), ("a-b-c", Some("a-b-c")));
}
