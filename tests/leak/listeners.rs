//! The binary's `[[listener]]`s and the other dialects of `exec`: session tokens, credentials, service accounts' tokens and
//! user data cross them, in good and in bad order, and a configuration that cannot be read holds some of it too.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::process::Output;
use std::time::Duration;

use credenza::config::own::Own;
use credenza::world::Environment;
use credenza::world::simulated::MemoryFiles;
use simcloud::Issuer;

use crate::background::token_in;
use crate::binary::{House, end};
use crate::client::{Answer, send};
use crate::metadata::BOOTSTRAP;
use crate::needles::Needles;

const KEYS_PASSWORD: &str = "pAsSwOrDOfTheKeys0123456789";
const CLUSTER: &str = "https://kubernetes.example";
const AUDIENCE: &str = "pods.eks.amazonaws.com";

/// Where what is served. The role of `denied` trusts nobody, `babbles` prints its secret and fails.
struct Places {
    machine: SocketAddr,
    faithful: SocketAddr,
    container: SocketAddr,
    granted: SocketAddr,
    pods: SocketAddr,
    keyless: SocketAddr,
    wrong: SocketAddr,
}

impl Places {
    fn new() -> Self {
        let [machine, faithful, container, granted, pods, keyless, wrong] = [(); 7].map(|()| free_address());
        Self { machine, faithful, container, granted, pods, keyless, wrong }
    }

    fn config(&self, keys: &str) -> String {
        let listener = |dialects: &str, address: SocketAddr, identities: &str, more: &str| {
            format!(
                "[[listener]]\ndialects = [{dialects}]\naddress = \"{address}\"\nidentities = [{identities}]\n{more}\n"
            )
        };
        let said = format!(
            "[listener.metadata]\nuser-data = \"join {BOOTSTRAP}\"\n\"tags/instance/join\" = \"{BOOTSTRAP}\"\n"
        );
        let cluster = |keys: &str| {
            format!(
                "[listener.kubernetes]\nissuer = \"{CLUSTER}\"\njwks = \"{keys}\"\n\
                 identities = {{ \"default/app\" = \"chained\", \"default/torn\" = \"torn\" }}\n"
            )
        };
        [
            "[server]\nlisten = \"127.0.0.1:0\"\n".to_owned(),
            listener("\"ec2\"", self.machine, "\"role\"", &said),
            listener("\"ec2\"", self.faithful, "\"babbles\"", &format!("faithful = true\nimds_v1 = true\n{said}")),
            listener("\"ecs\", \"ecs-task\"", self.container, "\"prints\", \"denied\", \"says\"", ""),
            listener("\"ecs\", \"pod-identity\"", self.granted, "\"role\", \"lied-to\"", "require_token = true"),
            listener("\"pod-identity\"", self.pods, "\"chained\", \"torn\"", &cluster(keys)),
            listener(
                "\"pod-identity\"",
                self.keyless,
                "\"chained\", \"torn\"",
                &cluster(&format!("http://127.0.0.1:1/keys?password={KEYS_PASSWORD}")),
            ),
            listener(
                "\"ecs-task\"",
                self.wrong,
                "\"role\"",
                &format!("[listener.task]\nFamly = \"{BOOTSTRAP}\"\nTaskTags = {{ join = \"{BOOTSTRAP}\" }}\n"),
            ),
        ]
        .concat()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn listeners_show_no_secret_of_whoever_speaks_to_them() {
    let mut house = House::build().await;
    let (places, issuer) = (Places::new(), Issuer::es256(CLUSTER).audience(AUDIENCE));
    let keys = house.path("keys.json");
    fs::write(&keys, issuer.key_set().to_string()).unwrap();
    let config = places.config(keys.to_str().unwrap());
    fs::write(house.path("config.toml"), &config).unwrap();
    house.needles.add("user data", BOOTSTRAP);
    house.needles.add("the password of an issuer's keys", KEYS_PASSWORD);

    let (mut daemon, _) = house.serve().await;
    let mut errors = metadata(&mut house, &places).await;
    errors.extend(container(&mut house, &places).await);
    errors.extend(pods(&mut house, &places, &issuer).await);
    house.learn();
    for answer in &errors {
        assert!(!(200..300).contains(&answer.status) || !answer.body.contains("\"Success\""), "{answer:?}");
        house.needles.assert_not_in("an error", format!("{answer:?}").as_bytes());
    }
    let status = house.run(&["status", "--json"]).await;
    let shown: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
    let reason = |address: SocketAddr| {
        let mut listeners = shown["listeners"].as_array().unwrap().iter();
        listeners.find(|one| one["address"] == address.to_string()).unwrap()["reason"].to_string()
    };
    assert!(reason(places.wrong).contains("Famly"), "what is wrong is searched: {shown}");
    assert!(reason(places.keyless).contains("http://127.0.0.1:1/keys"), "what is missing is searched: {shown}");
    house.search("status --json", &status);

    children(&mut house, &config).await;
    for command in [&["status"][..], &["list", "--json"], &["logs", "--audit"]] {
        house.search(&command.join(" "), &house.run(command).await);
    }
    end(&mut daemon).await;
    house.learn();
    let said = fs::read(house.path("said")).unwrap();
    let log = String::from_utf8_lossy(&said);
    for word in ["a listener serves", "a listener is not served", "the issuer's keys cannot be had"] {
        assert!(log.contains(word), "{word}: what is searched was logged\n{log}");
    }
    house.needles.assert_not_in("what the daemon said", &said);
    let trail = fs::read_to_string(house.path("state/audit.jsonl")).unwrap();
    for outcome in ["token", "described", "issued", "service-account-refused", "not-mapped", "token-unknown"] {
        assert!(
            trail.contains(&format!("\"outcome\":\"{outcome}\"")),
            "{outcome}: what is searched was written\n{trail}"
        );
    }
    house.needles.assert_not_below(&house.path("state"), &[]);
    house.needles.assert_not_below(&house.path("run"), &[]);
}

/// The instance metadata service; what was refused.
async fn metadata(house: &mut House, places: &Places) -> Vec<Answer> {
    const DOCUMENT: &str = "/latest/meta-data/iam/security-credentials/";
    let put = "PUT /latest/api/token HTTP/1.1\r\nHost: 127.0.0.1\r\nX-aws-ec2-metadata-token-ttl-seconds: 60\r\n\r\n";
    let mut tickets = Vec::new();
    for address in [places.machine, places.faithful] {
        tickets.push(send(address, put).await.body);
        house.needles.add("a session token of the metadata service", tickets.last().unwrap());
    }
    let get = async |address, path: &str, ticket: &str| {
        send(address, format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-aws-ec2-metadata-token: {ticket}\r\n\r\n"))
            .await
    };
    let role = get(places.machine, DOCUMENT, &tickets[0]).await.body;
    let answer = get(places.machine, &format!("{DOCUMENT}{role}"), &tickets[0]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    house.needles.add("a key that was handed out", answer.json()["SecretAccessKey"].as_str().unwrap());
    let answer = get(places.machine, "/latest/user-data", &tickets[0]).await;
    assert!(answer.body.contains(BOOTSTRAP), "{answer:?}");
    let path = format!("/latest/meta-data/{}", tickets[0]);
    vec![
        get(places.machine, &format!("{DOCUMENT}{role}"), &tickets[1]).await,
        get(places.machine, "/latest/user-data", &tickets[1]).await,
        get(places.machine, &path, &tickets[0]).await,
        get(places.faithful, &format!("{DOCUMENT}babbles"), &tickets[1]).await,
        get(places.faithful, &format!("{DOCUMENT}babbles"), &tickets[0]).await,
        send(places.machine, put.replace(": 60", &format!(": {}", tickets[0]))).await,
    ]
}

/// Relative addresses, and what of them wants a token; what was refused.
async fn container(house: &mut House, places: &Places) -> Vec<Answer> {
    let get = async |address, path: &str, token: &str| {
        send(address, format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: {token}\r\n\r\n")).await
    };
    let granted = house.run(&["grant", "new", "role", "lied-to", "--name", "pod"]).await;
    let token = token_in(&granted);
    house.search("grant new", &granted);
    house.needles.add("a local token", &token);
    let mut errors = Vec::new();
    for (address, path, good) in [
        (places.container, "/v2/credentials/prints", true),
        (places.container, "/v1/credentials?id=prints", true),
        (places.container, "/v2/credentials/denied", false),
        (places.container, "/v2/credentials/says", false),
        (places.granted, "/v2/credentials/role", true),
        (places.granted, "/v2/credentials/lied-to", false),
        (places.granted, "/v1/credentials", true),
    ] {
        let answer = get(address, path, &token).await;
        assert_eq!(answer.status == 200, good, "{path}: {answer:?}");
        match good {
            true => house.needles.add("a key that was handed out", answer.json()["SecretAccessKey"].as_str().unwrap()),
            false => errors.push(answer),
        }
    }
    for path in ["/v2/credentials/role", "/v1/credentials"] {
        errors.push(get(places.granted, path, &format!("Bearer {token}")).await);
        errors.push(get(places.granted, path, &token[1..]).await);
    }
    errors.push(get(places.container, "/v4/app/task", &token).await);
    errors
}

/// Pods that show the token of their service account; what was refused.
async fn pods(house: &mut House, places: &Places, issuer: &Issuer) -> Vec<Answer> {
    let (now, hour) = (house.cloud.now(), Duration::from_secs(3600));
    let app = "system:serviceaccount:default:app";
    let good = issuer.mint(app, now, hour);
    let refused = [
        issuer.mint("system:serviceaccount:default:nobody", now, hour),
        issuer.mint("system:serviceaccount:default:torn", now, hour),
        issuer.mint("system:node:default", now, hour),
        issuer.mint(app, now - 2 * hour, hour),
        issuer.mint(app, now + 2 * hour, hour),
        Issuer::es256(CLUSTER).audience(AUDIENCE).mint(app, now, hour),
        issuer.clone().audience("sts.amazonaws.com").mint(app, now, hour),
        good[..good.len() - 8].to_owned(),
        format!("Bearer {good}"),
        good.rsplit_once('.').unwrap().0.to_owned(),
    ];
    let get = async |address, token: &str| {
        send(address, format!("GET /v1/credentials HTTP/1.1\r\nHost: {address}\r\nAuthorization: {token}\r\n\r\n"))
            .await
    };
    let answer = get(places.pods, &good).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    house.needles.add("a key that was handed out", answer.json()["SecretAccessKey"].as_str().unwrap());
    house.needles.add("a service account's token", &good);
    let mut errors = vec![get(places.keyless, &good).await];
    for token in &refused {
        house.needles.add("a service account's token that is refused", token);
        let answer = get(places.pods, token).await;
        assert_ne!(answer.status, 200, "{answer:?}");
        errors.push(answer);
    }
    errors
}

/// `exec` in the other dialects: what the child gets is its own token and no more.
async fn children(house: &mut House, config: &str) {
    let file = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";
    let look = format!("env; [ -z \"${file}\" ] || cat \"${file}\"; tr '\\0' ' ' < /proc/$PPID/cmdline");
    let us = env!("CARGO_BIN_EXE_credenza");
    for flags in [&["--ec2"][..], &["--pod-identity"], &["--ec2", "--ecs-task"], &["--ec2", "--pod-identity"]] {
        // the listener whose task cannot be served is in the way of a child's own
        fs::write(house.path("config.toml"), config.replace("Famly", "Family")).unwrap();
        let exec = [&["exec"], flags, &["role", "--"]].concat();
        let child = house.run(&[&exec[..], &["sh", "-c", &look]].concat()).await;
        let said = String::from_utf8_lossy(&child.stdout).into_owned();
        assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
        house.search(&format!("a child of exec {flags:?}"), &child);
        let token = said.lines().find_map(|line| line.strip_prefix("CREDENZA_TOKEN="));
        let token = token.map_or_else(|| token_in(&child), str::to_owned);
        house.needles.add("a child's token", &token);
        let error = String::from_utf8_lossy(&child.stderr).into_owned() + ".";
        house.needles.assert_not_in("what exec says beside", error.as_bytes());
        // by the token of the variable, or of the file
        let nested = house.run(&[&exec[..], &[us, "credential", "role", "--from-endpoint"]].concat()).await;
        assert!(nested.status.success(), "{}", String::from_utf8_lossy(&nested.stderr));
        let error = String::from_utf8_lossy(&nested.stderr).into_owned() + ".";
        house.needles.assert_not_in("what a nested command says beside", error.as_bytes());
        fs::write(house.path("config.toml"), config).unwrap();
        let wrong = house.run(&[&["exec"], flags, &["babbles", "--", "true"]].concat()).await;
        assert!(!wrong.status.success());
        house.search(&format!("exec {flags:?} that fails"), &wrong);
    }
    let wrong = house.run(&["exec", "--ecs-task", "role", "--", "true"]).await;
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("Famly"));
    house.search("exec --ecs-task that fails", &wrong);
}

#[test]
fn a_configuration_that_is_printed_shows_no_user_data() {
    let config = Places::new().config("/keys.json").replace("Famly", "Family");
    let files = MemoryFiles::default().with("/config.toml", config);
    let places = Environment::from_iter([("HOME", "/h"), ("CREDENZA_CONFIG", "/config.toml")]);
    let own = Own::read(&credenza::config::Places::from(&places).unwrap(), &files).unwrap();
    let mut needles = Needles::default();
    needles.add("user data", BOOTSTRAP);
    assert_eq!(own.listeners.len(), 7);
    needles.assert_not_in("the configuration", format!("{own:?}").as_bytes());
}

/// What is said of it names the line, and never quotes it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn user_data_that_is_written_in_every_wrong_way_is_not_shown() {
    let mut house = House::build().await;
    let config = Places::new().config("/keys.json");
    fs::write(house.path("config.toml"), &config).unwrap();
    house.needles.add("user data", BOOTSTRAP);
    house.needles.add("the password of an issuer's keys", KEYS_PASSWORD);
    let (mut daemon, _) = house.serve().await;
    let taken_up = async |wrong: &str| {
        fs::write(house.path("config.toml"), wrong).unwrap();
        loop {
            let status = house.run(&["status", "--json"]).await;
            house.search("status --json", &status);
            if says(&status).contains("stays as it was") {
                break;
            }
        }
    };
    let broken = config.replacen("user-data = \"join", "user-data = join", 1);
    tokio::time::timeout(Duration::from_secs(60), taken_up(&broken)).await.expect("the daemon looks at its files");
    let good = format!("user-data = \"join {BOOTSTRAP}\"");
    for wrong in [
        format!("user-data = \"join {BOOTSTRAP}"),
        format!("user-data = \"join {BOOTSTRAP}\\q\""),
        format!("user-data = \"join {BOOTSTRAP}\\u0001\""),
        format!("user-data = join {BOOTSTRAP}"),
        format!("user-data = {}", BOOTSTRAP.replace('+', "_")),
        format!("user-data = [\"{BOOTSTRAP}\"]"),
        format!("user-data = {{ \"a\" = \"{BOOTSTRAP}\" }}"),
        format!("user-data = '''\n{BOOTSTRAP}\n"),
        format!("user-data = \"\"\n{BOOTSTRAP}"),
        format!("user-data.x = 1\n{good}"),
        format!("{good}\n{good}"),
        format!("{good} {BOOTSTRAP}"),
        format!("user-data = \"{}\"", BOOTSTRAP.repeat(600)),
    ] {
        fs::write(house.path("config.toml"), config.replacen(&good, &wrong, 1)).unwrap();
        for command in [&["list"][..], &["credential", "role"], &["exec", "--ec2", "role", "--", "true"]] {
            let output = house.run(command).await;
            assert!(says(&output).contains("config.toml:"), "{command:?} with {wrong}: {}", says(&output));
            house.search(&format!("{command:?} with {wrong}"), &output);
        }
    }
    for keys in [
        format!("http://user:{KEYS_PASSWORD}@127.0.0.1:1/keys"),
        format!("http://keys.example/{KEYS_PASSWORD}"),
        format!("ftp://keys.example/{KEYS_PASSWORD}"),
        format!("https://[{KEYS_PASSWORD}"),
    ] {
        let wrong = config.replace(&format!("http://127.0.0.1:1/keys?password={KEYS_PASSWORD}"), &keys);
        fs::write(house.path("config.toml"), wrong).unwrap();
        let output = house.run(&["list"]).await;
        assert!(says(&output).contains("config.toml:"), "{keys}: {}", says(&output));
        house.search(&format!("list with {keys}"), &output);
    }
    end(&mut daemon).await;
    let said = fs::read(house.path("said")).unwrap();
    assert!(String::from_utf8_lossy(&said).contains("the one before stays"), "what is searched was logged");
    house.needles.assert_not_in("what the daemon said", &said);
}

fn says(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

/// Outside of the range from which the system gives ports to connections, so that nobody has it by chance in between.
fn free_address() -> SocketAddr {
    loop {
        let mut noise = [0; 2];
        getrandom::fill(&mut noise).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], 10_000 + u16::from_le_bytes(noise) % 20_000));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}
