//! The tables of a `[[listener]]`: metadata, task and Kubernetes, and every complaint with its line.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::listener_tests::{each, listeners, with};
use super::tests::{complaints, read};
use crate::config::IssuerKeys;

#[test]
fn what_is_said_of_a_machine_of_azure_is_text() {
    let azure = |lines: &str| with("\"azure-imds\"", &format!("[listener.azure]\n{lines}"));
    let all = listeners(&azure("vm = { location = \"westeurope\", tagsList = [{ name = \"a\", value = \"b\" }] }"));
    let expected = serde_json::json!({ "location": "westeurope", "tagsList": [{ "name": "a", "value": "b" }] });
    assert_eq!(serde_json::Value::Object(all[0].vm.clone()), expected);
    assert!(listeners(&with("\"azure-imds\"", ""))[0].vm.is_empty());
    each(&[
        (azure("vm = { vmId = 7 }"), ":6: `vmId` is an integer, and a text in quotes is wanted"),
        (azure("vmm = {}"), ":6: unknown key `vmm` in [listener.azure]: did you mean `vm`?"),
        (azure("vm = \"x\""), ":6: `vm` is a string, and a table is wanted"),
        (
            with("\"ec2\"", "[listener.azure]\nvm = {}"),
            ":5: `azure` is about `azure-imds`, which is not among this listener's `dialects`: add it there, or take `azure` out",
        ),
    ]);
}

#[test]
fn metadata_is_texts_by_path() {
    let lines = "[listener.metadata]\nami-id = \"ami-1\"\nplacement = { region = \"r\", \"availability-zone\" = \"z\" }\n\
                 \"/tags//instance/Name/\" = \"\"\ntags.instance.\"a/b\" = \"c\"\nspot = false\nuser-data = '''\na\n\tb'''\nempty = {}";
    let said = &listeners(&with("\"ec2\"", lines))[0].metadata;
    let expected: BTreeMap<&str, Option<&str>> = BTreeMap::from([
        ("ami-id", Some("ami-1")),
        ("placement/availability-zone", Some("z")),
        ("placement/region", Some("r")),
        ("spot", None),
        ("tags/instance/Name", Some("")),
        ("tags/instance/a/b", Some("c")),
        ("user-data", Some("a\n\tb")),
    ]);
    assert_eq!(
        said.iter().map(|(path, value)| (path.as_str(), value.as_deref())).collect::<BTreeMap<_, _>>(),
        expected
    );
    let longest = format!("{}/{}", "p".repeat(127), "q".repeat(128));
    let value = "v".repeat(16 * 1024);
    let said = &listeners(&with("\"ec2\"", &format!("metadata = {{ \"{longest}\" = \"{value}\" }}")))[0].metadata;
    assert_eq!(said[&longest].as_deref(), Some(value.as_str()));
}

#[test]
fn metadata_that_no_instance_would_say_is_refused() {
    let long = format!("x = {{ {} = \"\" }}", "p".repeat(255));
    let big = format!("a = \"{}\"", "v".repeat(16 * 1024 + 1));
    for (line, expected) in [
        ("a = 1", "`a` is an integer, and a text in quotes or false is wanted"),
        ("a = { b = 1979-05-27 }", "`a/b` is a datetime, and a text in quotes or false is wanted"),
        ("a = [\"b\"]", "`a` is an array, and a text in quotes or false is wanted"),
        ("a = 1.5", "`a` is a float, and a text in quotes or false is wanted"),
        ("a = true", "`a` is true, which says nothing: write a text, or false to take the path away"),
        ("\"\" = \"x\"", "[listener.metadata]: `` is no path, such as placement/region"),
        ("a = { \"//\" = \"x\" }", "[listener.metadata]: `//` is no path, such as placement/region"),
        (
            "\"a/./b\" = \"x\"",
            "[listener.metadata]: `a/./b` has `.` in it: write the whole path, such as placement/region",
        ),
        (
            "a = { \"..\" = false }",
            "[listener.metadata]: `..` has `..` in it: write the whole path, such as placement/region",
        ),
        ("\"a b\" = \"x\"", "[listener.metadata]: `a b` has a blank or a control character in it, and no path has"),
        ("\"a\\u0007\" = \"x\"", "[listener.metadata]: `a?` has a blank or a control character in it, and no path has"),
        (&long, "[listener.metadata]: a path has 257 bytes, and 256 at most"),
        (&big, "`a` has 16385 bytes, and a value has 16384 at most"),
        ("a = \"x\\u0000hidden\"", "`a` has the control character U+0000 in it, and only newline and tab may be"),
        ("a = \"x\\r\\n\"", "`a` has the control character U+000D in it, and only newline and tab may be"),
        (
            "\"latest/meta-data/ami-id\" = \"x\"",
            "[listener.metadata]: `latest/meta-data/ami-id`: paths are those below meta-data: take `latest` out",
        ),
        (
            "meta-data = { ami-id = \"x\" }",
            "[listener.metadata]: `meta-data`: paths are those below meta-data: take `meta-data` out",
        ),
        ("iam = false", "[listener.metadata]: `iam` is made of the identity that is served: take it out"),
        (
            "\"/iam/info\" = \"x\"",
            "[listener.metadata]: `iam/info` is made of the identity that is served: take it out",
        ),
        ("user-data = { a = \"x\" }", "`user-data` is one text, and no table"),
        ("\"user-data/a\" = \"x\"", "[listener.metadata]: `user-data` is one text, and nothing is below it"),
    ] {
        assert_eq!(complaints(&with("\"ec2\"", &format!("[listener.metadata]\n{line}"))), [format!(":6: {expected}")]);
    }
    let forged =
        "cannot be forged: the document follows what is said of the machine here, and its signatures are AWS's";
    for path in
        ["dynamic", "dynamic/fws", "dynamic/instance-identity/rsa2048", "instance-identity/pkcs7", "instance-identity"]
    {
        let found = complaints(&with("\"ec2\"", &format!("[listener.metadata]\n\"{path}\" = \"x\"")));
        assert_eq!(found, [format!(":6: [listener.metadata]: `{path}` {forged}")]);
    }
}

#[test]
fn a_path_of_metadata_is_said_once_and_is_no_folder_too() {
    let both = |other: &str| with("\"ec2\"", &format!("[listener.metadata]\n{other}"));
    let mut twice = complaints(&both("\"a/b\" = \"x\"\na = { b = \"y\" }"));
    twice.retain(|text| text.contains("is written twice, in line"));
    assert_eq!(twice.len(), 1);
    each(&[
        (both("\"/a\" = \"x\"\na = false"), ":7: `a` is written twice, in line 6 too: take one of them out"),
        (
            both("a = \"x\"\n\"a/b\" = \"y\""),
            ":7: `a/b` is below `a`, which line 6 gives a value: a path is one or the other",
        ),
        (
            both("\"a/b/c\" = \"x\"\na = false"),
            ":6: `a/b/c` is below `a`, which line 7 gives a value: a path is one or the other",
        ),
    ]);
    assert!(read(&both("a = \"x\"\n\"ab/c\" = \"y\"")).is_ok());
}

#[test]
fn a_task_is_json_as_it_is_written() {
    let lines = "[listener.task]\nFamily = \"x\"\nempty = \"\"\nLimits = { CPU = 0.5, Memory = 1_024 }\nhex = 0xff\nbelow = -7\n\
                 flag = false\nlist = [1, \"a\", { b = [] }]\n[[listener.task.Containers]]\nName = \"web\"";
    let expected = serde_json::json!({
        "Family": "x", "empty": "", "Limits": {"CPU": 0.5, "Memory": 1024}, "hex": 255, "below": -7, "flag": false,
        "list": [1, "a", {"b": []}], "Containers": [{"Name": "web"}],
    });
    let task = listeners(&with("\"ecs-task\"", lines)).remove(0).task;
    assert_eq!(serde_json::Value::Object(task), expected);
    for (line, expected) in [
        ("a = 1979-05-27T07:32:00Z", "`a` is a date, which JSON has not: put it in quotes"),
        ("a = { b = [07:32:00] }", "`b` is a date, which JSON has not: put it in quotes"),
        ("a = inf", "`a` is no number that JSON's readers take"),
        ("a = nan", "`a` is no number that JSON's readers take"),
        ("a = 9223372036854775808", "`a` is no number that JSON's readers take"),
    ] {
        let found = complaints(&with("\"ecs-task\"", &format!("[listener.task]\n{line}")));
        assert_eq!(found, [format!(":6: {expected}")]);
    }
    // {"a":"..."} has eight bytes beside the text
    let big = |length: usize| with("\"ecs-task\"", &format!("[listener.task]\na = \"{}\"", "v".repeat(length - 8)));
    assert!(read(&big(65_536)).is_ok());
    assert_eq!(complaints(&big(65_537)), [":5: `task` has 65537 bytes as JSON, and 65536 at most"]);
}

/// A listener for a cluster with these lines from line 6 on.
fn cluster(lines: &str) -> String {
    with("\"pod-identity\"", &format!("[listener.kubernetes]\n{lines}"))
}

#[test]
fn a_cluster_is_known_by_issuer_and_keys() {
    let keys = |jwks: &str| {
        let lines = format!("issuer = \"https://i\"\njwks = \"{jwks}\"\nidentities = {{ \"n/s\" = \"a\" }}");
        listeners(&cluster(&lines)).remove(0).kubernetes.unwrap()
    };
    let kubernetes = keys("https://k.example/openid/v1/jwks");
    assert_eq!((kubernetes.issuer.as_str(), kubernetes.audience.as_str()), ("https://i", "pods.eks.amazonaws.com"));
    assert_eq!(kubernetes.identities, BTreeMap::from([(("n".to_owned(), "s".to_owned()), "a".into())]));
    for url in [
        "https://k.example/openid/v1/jwks",
        "http://127.0.0.1:8001/openid/v1/jwks",
        "http://[::1]/k",
        "http://localhost/k",
    ] {
        assert_eq!(keys(url).keys, IssuerKeys::Url(url.to_owned()));
    }
    for (file, path) in [("/etc/jwks.json", "/etc/jwks.json"), ("~/jwks.json", "/h/jwks.json")] {
        assert_eq!(keys(file).keys, IssuerKeys::File(PathBuf::from(path)));
    }
    let lines = "issuer = \"i\"\naudience = \"mine\"\njwks = \"/k\"\nidentities = { \"n/s\" = \"a\" }";
    assert_eq!(listeners(&cluster(lines)).remove(0).kubernetes.unwrap().audience, "mine");

    let examples = "write \"https://HOST/openid/v1/jwks\" or a file, such as \"~/jwks.json\"";
    let clear =
        "keys that come in clear text from another machine may be anybody's, and so who gets in: write https://";
    for (jwks, expected) in [
        ("jwks.json", format!("`jwks.json` is no absolute path: {examples}")),
        ("./jwks.json", format!("`./jwks.json` is no absolute path: {examples}")),
        ("http://k.example/k", clear.to_owned()),
        ("http://10.0.0.1/k", clear.to_owned()),
        ("ftp://k.example/k", format!("this is no URL that keys come from: {examples}")),
        ("file:///k", format!("this is no URL that keys come from: {examples}")),
        ("https://", format!("this is no URL that keys come from: {examples}")),
        (
            "https://ada:hunter2@k.example/k",
            "public keys need no user name and no password: take them out of the URL".to_owned(),
        ),
    ] {
        let found =
            complaints(&cluster(&format!("issuer = \"i\"\njwks = \"{jwks}\"\nidentities = {{ \"n/s\" = \"a\" }}")));
        assert_eq!(found, [format!(":7: `jwks`: {expected}")]);
    }
}

#[test]
fn what_a_cluster_cannot_be_without_is_said_at_once() {
    let found = complaints(&cluster("isuer = \"i\"\naudience = \"\""));
    let expected = [
        ":6: unknown key `isuer` in [listener.kubernetes]: did you mean `issuer`?",
        ":5: [listener.kubernetes] needs `issuer`, such as issuer = \"https://kubernetes.default.svc.cluster.local\"",
        ":5: [listener.kubernetes] needs `jwks`, such as jwks = \"https://HOST/openid/v1/jwks\"",
        ":5: [listener.kubernetes] needs `identities`, such as identities = { \"default/app\" = \"prod\" }",
        ":7: `audience` is empty: take it out, or say something",
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_service_account_is_named_as_kubernetes_does_and_gets_what_is_served() {
    let mapped =
        |line: &str| cluster(&format!("issuer = \"i\"\njwks = \"/k\"\n[listener.kubernetes.identities]\n{line}"));
    let long =
        |namespace: usize, account: usize| format!("\"{}/{}\" = \"a\"", "n".repeat(namespace), "s".repeat(account));
    for good in ["\"default/app\" = \"a\"", "\"0-a/my.app-1.x\" = \"a\"", &long(63, 253)] {
        assert_eq!(listeners(&mapped(good)).remove(0).kubernetes.unwrap().identities.len(), 1);
    }
    let wrong = [
        "app",
        "/app",
        "default/",
        "Default/app",
        "default/App",
        "-a/app",
        "a-/app",
        "a.b/app",
        "a_b/app",
        "a/b/c",
        "a/.b",
        "a/b.",
        "a/b..c",
        "a/-b",
        "a/b-",
        "a/b.-c",
        "*/app",
        "default/*",
        " default/app",
        "default/app\\n",
    ];
    for key in wrong {
        let found = complaints(&mapped(&format!("\"{key}\" = \"a\"")));
        assert!(
            found.len() == 1 && found[0].starts_with(":9: [listener.kubernetes.identities]: `"),
            "{key}: {found:?}"
        );
    }
    for (lengths, what) in [((64, 1), "no namespace: at most 63"), ((1, 254), "no service account: at most 253")] {
        let found = complaints(&mapped(&long(lengths.0, lengths.1)));
        assert!(found.len() == 1 && found[0].contains(what), "{found:?}");
    }
    each(&[
        (
            mapped(""),
            ":8: [listener.kubernetes.identities] is empty: write NAMESPACE/SERVICE-ACCOUNT = IDENTITY, such as \"default/app\" = \
             \"prod\"",
        ),
        (mapped("\"n/s\" = \"xyz\""), ":9: `xyz` is not among this listener's `identities`: add it there"),
        (
            mapped("\"n/s\" = \"pord\"").replace("identities = [\"a\"]", "identities = [\"a\", \"prod\"]"),
            ":9: `pord` is not among this listener's `identities`: did you mean `prod`?",
        ),
        (mapped("\"n/s\" = 1"), ":9: `n/s` is an integer, and a text in quotes is wanted"),
    ]);
}
