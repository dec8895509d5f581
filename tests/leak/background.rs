//! The binary again: a daemon in the background with a log for people, and what the first test leaves out: tokens in files,
//! every form of `env`, an endpoint asked by ourselves, and sources whose settings hold secrets.

use std::net::SocketAddr;
use std::process::Output;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::binary::{House, ask};

const CONTAINED: &str = "cOnTaInEdByAnEnDpOiNt/+0123456789abcdef01";
const CONTAINERS_TOKEN: &str = "a-token-for-a-container-endpoint";
const ARGUMENT: &str = "aRgUmEnTOfAProgram0123456789";
const PROXY_PASSWORD: &str = "pAsSwOrDOfAProxy0123456789";

/// A container endpoint that gives keys to whoever asks with its token.
async fn container() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let body = format!(
            r#"{{"AccessKeyId":"ASIACONTAINEDINHERE0","SecretAccessKey":"{CONTAINED}","Token":"{CONTAINED}{CONTAINED}","Expiration":"2199-01-01T00:00:00Z"}}"#
        );
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") && stream.read_buf(&mut request).await.is_ok_and(|read| read > 0) {}
            let asked = String::from_utf8_lossy(&request).contains(CONTAINERS_TOKEN);
            let status = if asked { "200 OK" } else { "403 Forbidden" };
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    address
}

/// A house whose sources have secrets in their settings, and the identities that these are.
async fn furnished() -> (House, [(&'static str, bool); 3]) {
    let mut house = House::build().await;
    let endpoint = format!("http://{}/keys", container().await);
    house.variables.push(("AWS_CONTAINER_CREDENTIALS_FULL_URI", endpoint));
    house.variables.push(("AWS_CONTAINER_AUTHORIZATION_TOKEN", CONTAINERS_TOKEN.to_owned()));
    let web = house.web_identity("web-good");
    let printed = house.path("printed.json");
    house.add_profiles(&format!(
        "{web}[profile contained]\ncredential_source = EcsContainer\nrole_arn = arn:aws:iam::1:role/x\n\
         [profile argued]\ncredential_process = sh -c \"cat {}\" {ARGUMENT}\n\
         [profile argued-in-vain]\ncredential_process = sh -c \"exit 3\" {ARGUMENT}\n",
        printed.display()
    ));
    for (name, secret) in [
        ("a container's key", CONTAINED),
        ("a container's token", CONTAINERS_TOKEN),
        ("a program's argument", ARGUMENT),
        ("a proxy's password", PROXY_PASSWORD),
    ] {
        house.needles.add(name, secret);
    }
    (house, [("web-good", true), ("argued", true), ("argued-in-vain", false)])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_in_the_background_shows_no_secret_either() {
    let (mut house, identities) = furnished().await;
    let up = house.run(&["up"]).await;
    assert!(up.status.success(), "{}", said(&up));
    house.search("up", &up);
    let names = identities.map(|(name, _)| name);
    let granted = house.run(&[&["grant", "new", "--name", "job"][..], &names].concat()).await;
    assert!(granted.status.success(), "{}", said(&granted));
    let token = token_in(&granted);
    let status: serde_json::Value = serde_json::from_slice(&house.run(&["status", "--json"]).await.stdout).unwrap();
    let address = status["address"].as_str().unwrap().strip_prefix("http://").unwrap().parse().unwrap();
    for (name, good) in identities {
        let answer = ask(address, &token, name).await;
        assert_eq!(answer.status == 200, good, "{name}: {} {}", answer.status, answer.body);
        if good {
            house.needles.add("a key that was handed out", answer.json()["SecretAccessKey"].as_str().unwrap());
        } else {
            house.needles.assert_not_in("an error", format!("{answer:?}").as_bytes());
        }
    }

    let us = env!("CARGO_BIN_EXE_credenza");
    let show = "cat \"$AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE\"";
    let child = house.run(&["exec", "--token-file", "web-good", "--", "sh", "-c", show]).await;
    house.search("a child with its token in a file", &child);
    house.needles.add("a child's token", &token_in(&child));
    let child = house.run(&["exec", "argued", "--", us, "credential", "argued", "--from-endpoint"]).await;
    assert!(child.status.success(), "{}", said(&child));
    house.needles.assert_not_in("what is said of an endpoint", said(&child).as_bytes());
    for format in ["bash", "zsh", "fish", "pwsh", "dotenv", "json"] {
        let shell = house.run(&["env", "web-good", "--format", format]).await;
        assert!(shell.status.success(), "{format}: {}", said(&shell));
        house.search(&format!("env --format {format}"), &shell);
        house.needles.add("a shell's token", &token_in(&shell));
    }
    // the cloud knows nothing of a container's keys, and a daemon in the background nothing of the container
    let contained = house.run(&["credential", "contained"]).await;
    assert!(!contained.status.success());
    house.search("a container's keys", &contained);
    through_a_proxy(&house).await;
    for command in [&["logs"][..], &["logs", "--audit"], &["status"], &["down"]] {
        let output = house.run(command).await;
        assert!(output.status.success(), "{command:?}: {}", said(&output));
        house.search(&command.join(" "), &output);
    }

    house.needles.add("a job's token", &token);
    house.learn();
    let log = std::fs::read_to_string(house.path("state/daemon.log")).unwrap();
    assert!(log.contains(" INFO  app: serving") && log.contains("not renewed"), "{log}");
    house.needles.assert_not_below(&house.path("state"), &[]);
    house.needles.assert_not_below(&house.path("run"), &[]);
}

/// Upstream requests fail, by the proxy or by how it is written.
async fn through_a_proxy(house: &House) {
    for proxy in [format!("http://user:{PROXY_PASSWORD}@127.0.0.1:1"), format!("http://user:{PROXY_PASSWORD}@:x y")] {
        let mut command = house.command(&["credential", "role"]);
        command.env("AWS_ENDPOINT_URL_STS", "https://sts.example.invalid").env("HTTPS_PROXY", proxy);
        let output = command.output().await.unwrap();
        assert!(!output.status.success());
        house.search("credential through a proxy", &output);
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned() + "."
}

/// The local token in what was printed, however it is quoted.
pub(crate) fn token_in(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut words = text.split(|letter: char| !(letter.is_ascii_alphanumeric() || "-_".contains(letter)));
    words.find(|word| word.len() == 43).unwrap_or_else(|| panic!("no token in {text} {}", said(output))).to_owned()
}
