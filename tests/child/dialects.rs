//! `--ec2`, `--ecs-task`, `--pod-identity`: what the command finds in its environment.

use crate::support::{Home, Said, ask};

/// The variables that are about an endpoint, with ports as `A`, `B`, in the order of their first use.
fn found(said: &Said) -> Vec<String> {
    let concerns = |name: &str| {
        ["AWS_CONTAINER_", "AWS_EC2_", "AWS_METADATA_", "ECS_", "CREDENZA_"].iter().any(|about| name.starts_with(about))
    };
    let kept = ["CREDENZA_IDENTITY", "CREDENZA_REGION"];
    let mut lines: Vec<(String, String)> =
        said.out.lines().filter_map(|line| line.split_once('=')).map(owned).collect();
    lines.retain(|(name, _)| concerns(name) && !kept.contains(&name.as_str()));
    lines.sort();
    let mut ports: Vec<String> = Vec::new();
    let mut shown = |(name, value): (String, String)| {
        if name.ends_with("TOKEN") {
            assert_eq!(value.len(), 43, "{name}");
            return name;
        }
        if name.ends_with("TOKEN_FILE") {
            assert!(value.ends_with(".token"), "{value}");
            return name;
        }
        let Some((port, path)) = value.strip_prefix("http://127.0.0.1:").map(|rest| {
            let (port, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            (port.to_owned(), path.to_owned())
        }) else {
            return format!("{name}={value}");
        };
        if !ports.contains(&port) {
            ports.push(port.clone());
        }
        let letter = ["A", "B"][ports.iter().position(|other| *other == port).unwrap()];
        let path = path.split('/').map(|part| if part.len() >= 32 { "ID" } else { part }).collect::<Vec<_>>().join("/");
        format!("{name}={letter}{path}")
    };
    lines.into_iter().map(&mut shown).collect()
}

fn owned((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

const EC2: [&str; 6] = [
    "AWS_EC2_METADATA_SERVICE_ENDPOINT=A/",
    "AWS_EC2_METADATA_V1_DISABLED=true",
    "AWS_METADATA_ENDPOINT=A",
    "CREDENZA_ENDPOINT=B",
    "CREDENZA_METADATA=A",
    "CREDENZA_TOKEN",
];

const ECS: [&str; 2] = ["AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_CREDENTIALS_FULL_URI=A/creds/my-role"];

const POD_IDENTITY: [&str; 3] = [
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI=A/v1/credentials",
    "CREDENZA_ENDPOINT=A",
];

#[test]
fn c34_each_flag_gives_its_variables_and_no_others() {
    let home = Home::new();
    let task = ["ECS_CONTAINER_METADATA_URI=B/v3/ID", "ECS_CONTAINER_METADATA_URI_V4=B/v4/ID"];
    for (flags, expected) in [
        (&[][..], ECS.to_vec()),
        (&["--ec2"], EC2.to_vec()),
        (&["--pod-identity"], POD_IDENTITY.to_vec()),
        (&["--pod-identity", "--token-file"], POD_IDENTITY.to_vec()),
        (&["--ecs-task"], [&ECS[..], &["CREDENZA_METADATA=B"], &task].concat()),
        (
            &["--ec2", "--ecs-task"],
            [&EC2[..], &["ECS_CONTAINER_METADATA_URI=A/v3/ID", "ECS_CONTAINER_METADATA_URI_V4=A/v4/ID"]].concat(),
        ),
        (
            &["--ec2", "--pod-identity", "--ecs-task"],
            [
                &POD_IDENTITY[..2],
                &[
                    "AWS_EC2_METADATA_SERVICE_ENDPOINT=B/",
                    "AWS_EC2_METADATA_V1_DISABLED=true",
                    "AWS_METADATA_ENDPOINT=B",
                    "CREDENZA_ENDPOINT=A",
                    "CREDENZA_METADATA=B",
                ],
                &task,
            ]
            .concat(),
        ),
    ] {
        let said = home.exec(&[&["my-role"], flags, &["--", "env"]].concat());
        assert_eq!(said.code, Some(0), "{said:?}");
        assert_eq!(found(&said), expected, "{flags:?}");
        assert!(said.variable("NO_PROXY").unwrap().contains("127.0.0.1"));
        assert_eq!(said.variable("AWS_REGION"), Some("eu-west-1"));
    }
}

#[test]
fn a_token_file_for_clients_that_take_no_token_is_a_mistake() {
    let home = Home::new();
    let said = home.exec(&["my-role", "--ec2", "--token-file", "--", "true"]);
    assert_eq!(said.code, Some(125), "{said:?}");
    assert!(said.err.contains("--token-file has no token to give with --ec2"), "{said:?}");
    assert_eq!(home.exec(&["my-role", "--ec2", "--pod-identity", "--token-file", "--", "true"]).code, Some(0));
}

#[test]
fn profiles_get_their_credentials_under_every_flag() {
    let home = Home::new();
    // as the clients do that are told `--profile my-dev`
    let script = "$(sed -n '/profile my-dev/,/^\\[profile [^m]/s/credential_process = //p' $AWS_CONFIG_FILE | head -1)";
    for flags in [&[][..], &["--ec2"], &["--pod-identity"], &["--ecs-task"], &["--ec2", "--pod-identity"]] {
        let printed = home.exec(&[&["my-role", "my-dev"], flags, &["--", "sh", "-c", script]].concat()).good();
        home.is_good(&printed);
        let said = home.exec(&[&["my-role"], flags, &["--", "sh", "-c", script]].concat());
        assert!(said.err.contains("my-dev is not in this shell"), "{flags:?} {said:?}");
    }
}

#[test]
fn inside_one_dialect_another_has_its_own_variables_alone() {
    let home = Home::new();
    let all = [&[][..], &["--ec2"], &["--pod-identity"], &["--ecs-task"]];
    for outer in all {
        for inner in all {
            let plain = home.exec(&[&["my-role"], inner, &["--", "env"]].concat());
            let words = [&["my-dev"], outer, &["--", "credenza", "exec", "my-role"], inner, &["--", "env"]].concat();
            let said = home.exec(&words);
            assert_eq!(said.code, Some(0), "{said:?}");
            assert_eq!(found(&said), found(&plain), "{outer:?} {inner:?}");
        }
    }
}

#[test]
fn a_shell_inside_that_is_wired_again_forgets_the_dialect() {
    let home = Home::new();
    let script = "eval \"$(credenza env my-role)\"; credenza credential my-role --from-endpoint >/dev/null && env";
    let said = home.exec(&["my-dev", "--ec2", "--ecs-task", "--", "bash", "-c", script]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(found(&said), [&ECS[..], &["CREDENZA_OUTER_EXEC=1"]].concat());
}

#[test]
fn what_the_user_says_of_metadata_is_gone_under_ec2_and_back_inside() {
    let mut home = Home::new();
    let own = [
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:9"),
        ("ECS_CONTAINER_METADATA_URI_V4", "http://127.0.0.1:9/v4/mine"),
    ];
    home.more.extend(own.map(|(name, value)| (name, value.to_owned())));
    let said = home.exec(&["my-role", "--ec2", "--", "env"]);
    assert_eq!(said.variable("AWS_EC2_METADATA_DISABLED"), None);
    assert!(said.variable("AWS_EC2_METADATA_SERVICE_ENDPOINT").unwrap() != "http://127.0.0.1:9");
    assert_eq!(said.variable("ECS_CONTAINER_METADATA_URI_V4"), Some("http://127.0.0.1:9/v4/mine"));
    let said = home.exec(&["my-dev", "--ec2", "--ecs-task", "--", "credenza", "exec", "my-role", "--", "env"]);
    for (name, value) in own {
        assert_eq!(said.variable(name), Some(value), "{said:?}");
    }
}

#[test]
fn c33_the_token_file_of_pod_identity_is_0600_has_no_line_feed_and_opens_the_endpoint() {
    let home = Home::new();
    let script = "file=$AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE; stat -c '%a %s' $file; \
                  tr -cd '\\n\\r' < $file | wc -c; cat $file; echo; echo $CREDENZA_ENDPOINT; read line";
    let mut exec = home.credenza(&["exec", "my-role", "--pod-identity", "--", "sh", "-c", script]);
    let pipe = std::process::Stdio::piped;
    let mut exec = exec.stdin(pipe()).stdout(pipe()).spawn().unwrap();
    let said = std::io::BufRead::lines(std::io::BufReader::new(exec.stdout.take().unwrap())).take(4);
    let said: Vec<String> = said.map(Result::unwrap).collect();
    assert_eq!([&said[0], &said[1]], ["600 43", "0"]);
    assert_eq!(ask(&format!("{}/creds/my-role", said[3]), &said[2]).unwrap().0, 200);
    drop(exec.stdin.take());
    exec.wait().unwrap();
    assert_eq!(home.generated(), [""; 0], "it goes with the command");
}
