//! The library's addresses beside the main one: the instance metadata service, whose session tokens are ours and whose user
//! data may hold a secret of its owner's, the relative addresses of ECS, EKS Pod Identity, and a token file that is renewed.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use credenza::app::generated::Generated;
use credenza::app::token_rotation::{Timetable, TokenRotation};
use credenza::config::{Peers, Places};
use credenza::dialect::ec2::{Facts, Metadata};
use credenza::dialect::ecs_task::{Documents, TaskFacts};
use credenza::dialect::ticket::Seal;
use credenza::secret::Secret;
use credenza::server::grant::GrantError;
use credenza::server::terms::{Ecs, Instance, PodIdentity, Task, Terms};
use credenza::world::random::SystemRandom;
use credenza::world::{Environment, Random as _};

use crate::client::{Answer, send};
use crate::needles::Needles;
use crate::stage::{ACCOUNT, MINUTE, Stage};

/// What a machine joins its cluster with, say.
pub(crate) const BOOTSTRAP: &str = "bOoTsTrApSeCrEtOfAmAcHiNe+0123456789";

/// What the metadata service and its neighbours say that is no credential and no user data holds no secret, whoever asks;
/// where all of it was `asked` before, what depends on the upstream.
pub(crate) async fn ask(stage: &Stage, needles: &mut Needles, asked: bool) {
    for faithful in [false, true] {
        let address = stage.listen_on(machine(faithful));
        let ticket = ticket(address).await;
        needles.add("a session token of the metadata service", &ticket);
        // another one's, and one that was changed on the way
        let others = [self::ticket(stage.listen_on(machine(faithful))).await, format!("B{}", &ticket[1..])];
        needles.add("another machine's session token", &others[0]);
        // what is refused is refused whatever the upstream does, and was asked for already
        let requests = if asked { vec![get(DOCUMENT, &ticket)] } else { requests(&ticket, &others) };
        for request in requests {
            let answer = send(address, &request).await;
            let about = request.lines().next().unwrap_or_default().replace(&ticket, "TICKET");
            let secret = answer.status == 200 && (is_credential(&answer) || is_meant(&request));
            if !secret {
                needles.assert_not_in(&format!("the answer to {about}"), format!("{answer:?}").as_bytes());
            }
        }
    }
    let address = stage.listen_on(container(Ecs::RelativeByGrant));
    let paths =
        ["/v2/credentials/default", "/v2/credentials/other", "/v1/credentials", "/v4/app", "/v4/app/task", "/v4/x"];
    for path in if asked { &paths[..1] } else { &paths[..] } {
        let answers = [
            send(address, stage.get(path)).await,
            send(address, stage.get(path).replace(&stage.token, &format!("Bearer {}", stage.token))).await,
            send(stage.listen_on(container(Ecs::Relative)), format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"))
                .await,
        ];
        for answer in answers.iter().filter(|answer| answer.status != 200 || path.starts_with("/v4")) {
            needles.assert_not_in(&format!("an answer to {path}"), format!("{answer:?}").as_bytes());
        }
    }
}

/// What the credential's document is answered with where that panics.
pub(crate) async fn ask_in_panic(stage: &Stage) -> Answer {
    let address = stage.listen_on(machine(false));
    send(address, get(DOCUMENT, &ticket(address).await)).await
}

/// A token file follows its grant: at first it cannot be written, then it is, and at last the grant is gone.
pub(crate) fn rotate(stage: &Stage, needles: &mut Needles) {
    let home = tempfile::tempdir().unwrap();
    let places = Places::from(&Environment::from_iter([("HOME", home.path().to_str().unwrap())])).unwrap();
    let generated = Generated::new(&places, &SystemRandom).unwrap();
    let timetable = Timetable { period: HOUR, overlap: HOUR };
    let mut rotation = TokenRotation::new(stage.clock.clone(), timetable);
    let mut step = || {
        stage.clock.suspend(HOUR + MINUTE);
        let mut renewed = None;
        let renew = |overlap| {
            let token = stage.grants.renew("test", overlap)?;
            renewed = Some(token.expose().to_owned());
            Ok::<_, GrantError>(token)
        };
        rotation.step(renew, |token| generated.write_token(token).map(|_| ()));
        renewed
    };
    let file = generated.write_token(&Secret::new(stage.token.as_str())).unwrap();
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir_all(file.join("in the way")).unwrap();
    let unwritten = step().unwrap();
    std::fs::remove_dir_all(&file).unwrap();
    let written = step().unwrap();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), written);
    for token in [unwritten, written] {
        needles.add("a token in a file that is renewed", &token);
    }
    stage.grants.revoke("test").unwrap();
    assert_eq!(step(), None);
    needles.assert_not_in("what holds the file", format!("{generated:?}").as_bytes());
}

const HOUR: Duration = MINUTE.saturating_mul(60);

const DOCUMENT: &str = "/latest/meta-data/iam/security-credentials/deploy";

/// Each path as it is meant, then with everything that makes it refused.
fn requests(ticket: &str, others: &[String]) -> Vec<String> {
    let mut all = Vec::new();
    for path in [
        DOCUMENT,
        "/latest/meta-data/iam/security-credentials-extended/deploy",
        "/latest/meta-data/iam/security-credentials/",
        "/latest/meta-data/iam/info",
        "/latest/meta-data/",
        "/latest/dynamic/instance-identity/document",
        "/latest/user-data",
        "/latest/user-data/",
        "/latest",
        &format!("/latest/meta-data/{ticket}"),
        &format!("/latest/meta-data/iam/security-credentials/{ticket}"),
        &format!("/latest/meta-data/instance-id?token={ticket}"),
    ] {
        let good = get(path, ticket);
        all.extend(others.iter().map(|other| get(path, other)));
        all.extend([
            good.replace("GET", "POST"),
            good.replace("GET", "PUT"),
            good.replace("Host: 127.0.0.1", "Host: evil.example"),
            good.replace("Host: 127.0.0.1", "Host: 127.0.0.1\r\nX-Forwarded-For: 192.0.2.1"),
            good.replace("Host: 127.0.0.1", &format!("Host: 127.0.0.1\r\nX-aws-ec2-metadata-token: {ticket}")),
            good.replace("\r\n\r\n", &format!("\r\nX-Padding: {}\r\n\r\n", "x".repeat(20_000))),
            format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"),
            good,
        ]);
    }
    let put = |header: &str| format!("PUT /latest/api/token HTTP/1.1\r\nHost: 127.0.0.1\r\n{header}\r\n\r\n");
    all.push(put(&format!("X-aws-ec2-metadata-token-ttl-seconds: {ticket}")));
    all.push(put(&format!("X-aws-ec2-metadata-token: {ticket}")));
    all.push(put(&format!("X-aws-ec2-metadata-token-ttl-seconds: 60\r\nX-Forwarded-For: {ticket}")));
    all
}

fn is_credential(answer: &Answer) -> bool {
    serde_json::from_str::<serde_json::Value>(&answer.body).is_ok_and(|body| body["Code"] == "Success")
}

fn is_meant(request: &str) -> bool {
    request.contains("/user-data")
}

async fn ticket(address: SocketAddr) -> String {
    let put =
        "PUT /latest/api/token HTTP/1.1\r\nHost: 127.0.0.1\r\nX-aws-ec2-metadata-token-ttl-seconds: 21600\r\n\r\n";
    let answer = send(address, put).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

fn get(path: &str, ticket: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-aws-ec2-metadata-token: {ticket}\r\n\r\n")
}

fn machine(faithful: bool) -> Terms {
    let mut key = [0; 32];
    SystemRandom.fill(&mut key);
    let instance = Instance {
        seal: Arc::new(Seal::new(&key)),
        identity: "default".into(),
        metadata: Metadata::new(Facts {
            role: "deploy".into(),
            region: None,
            account: Some(ACCOUNT.into()),
            address: "127.0.0.1:80".parse().unwrap(),
            values: BTreeMap::from([("user-data".to_owned(), Some(format!("#!/bin/sh\njoin {BOOTSTRAP}\n")))]),
        }),
        v1: false,
        faithful,
        enabled: true,
    };
    Terms { ec2: Some(instance), ..Terms::of_nothing(Peers::Own, vec!["default".into()]) }
}

fn container(ecs: Ecs) -> Terms {
    let documents = Documents::new(&serde_json::Map::new()).unwrap();
    let task = Task { documents, facts: TaskFacts::default(), identity: "default".into() };
    let identities = vec!["default".into(), "other".into()];
    let pod_identity = Some(PodIdentity::ByGrant);
    Terms { ecs: Some(ecs), pod_identity, task: Some(task), ..Terms::of_nothing(Peers::Own, identities) }
}
