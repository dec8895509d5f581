//! The library's endpoints for tokens of Azure: a grant's token in headers and in the path, right and in every wrong place, and
//! what is said of a machine whose owner wrote a secret into it.

use std::net::SocketAddr;

use credenza::config::Peers;
use credenza::dialect::azure::instance::{Facts, InstanceMetadata};
use credenza::server::grant::Scope;
use credenza::server::terms::{AzureMachine, Terms};
use serde_json::json;

use crate::client::send;
use crate::metadata::BOOTSTRAP;
use crate::needles::Needles;
use crate::stage::{SIGNATURE, Stage};

/// Every refusal of a grant's endpoint at `address` and of a machine holds no secret; nor does what is said of the machine but
/// where it is meant to.
pub(crate) async fn ask(stage: &Stage, address: SocketAddr, needles: &mut Needles) {
    let (token, grant) = stage.grant("azure", Scope::of(["graph"]));
    needles.add("a token of Azure", SIGNATURE);
    needles.add("a grant's token for Azure", &token);
    let machine = stage.listen_on(machine());
    let mut asked = 0;
    for (address, request) in
        of_grant(&token).into_iter().map(|it| (address, it)).chain(of_machine(&token).map(|it| (machine, it)))
    {
        let answer = send(address, &request).await;
        let is_token = answer.status == 200 && answer.body.contains("access_token");
        let is_meant = answer.status == 200 && request.contains("/userData");
        if !is_token && !is_meant {
            asked += 1;
            let about = request.lines().next().unwrap_or_default().replace(&token, "TOKEN");
            needles.assert_not_in(&format!("the answer to {about}"), format!("{answer:?}").as_bytes());
        }
    }
    assert!(asked > 30, "{asked}");
    needles.assert_not_in("a grant", format!("{grant:?}").as_bytes());
}

fn of_grant(token: &str) -> Vec<String> {
    let query = "api-version=2019-08-01&resource=https://graph.microsoft.com";
    let mut all = Vec::new();
    for good in [
        get(&format!("/azure/graph/token?{query}"), &format!("X-IDENTITY-HEADER: {token}")),
        get(&format!("/azure/graph/token?{query}").replace("2019-08-01", "2017-09-01"), &format!("secret: {token}")),
        get(&format!("/azure/graph/token/{token}?{query}"), "Metadata: true"),
    ] {
        all.extend([
            good.replace("GET", "POST"),
            good.replace("GET", "HEAD").replace("/token", "/tokens"),
            good.replace("graph/", "other/"),
            good.replace("graph/", &format!("{token}/")),
            good.replace("Host: 127.0.0.1", "Host: evil.example"),
            good.replace("Host: 127.0.0.1", "Host: 127.0.0.1\r\nX-Forwarded-For: 192.0.2.1"),
            good.replace("Host: 127.0.0.1", "Host: 127.0.0.1\r\nOrigin: http://evil.example"),
            good.replace("resource=https://graph.microsoft.com", &format!("client_id={token}")),
            good.replace(query, &format!("{query}&client_id={token}")),
            good.replace(query, &format!("api-version={token}")),
            good.replace("\r\n\r\n", &format!("\r\nX-Padding: {}\r\n\r\n", "x".repeat(20_000))),
            good.replace("Metadata: true", &format!("Metadata: {token}")).replace("X-IDENTITY-HEADER", "Authorization"),
            good,
        ]);
    }
    all
}

fn of_machine(token: &str) -> impl Iterator<Item = String> {
    let marked = |path: &str| get(path, "Metadata: true");
    let asked = "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://graph.microsoft.com";
    let all = [
        marked(asked),
        get(asked, &format!("Metadata: {token}")),
        marked(&format!("{asked}&client_id={token}")),
        marked(&format!("/metadata/{token}")),
        marked(&format!("/metadata/instance/{token}?api-version=2018-02-01")),
        marked("/metadata/instance/compute/userData?api-version=2021-02-01&format=text"),
        marked("/metadata/instance/compute/userData?api-version=2021-02-01"),
        marked("/metadata/instance/network?api-version=2021-02-01"),
        marked("/metadata/identity/info?api-version=2018-02-01"),
    ];
    all.into_iter()
}

fn get(path: &str, header: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{header}\r\n\r\n")
}

fn machine() -> Terms {
    let compute = json!({ "userData": format!("join {BOOTSTRAP}") }).as_object().cloned().unwrap_or_default();
    let address = "127.0.0.1:80".parse().unwrap();
    let facts = Facts { environment: "AzurePublicCloud", tenant: None, subscription: None, address, compute };
    let metadata = InstanceMetadata::new(facts);
    let identities = vec!["graph".into()];
    let machine = AzureMachine { identities: identities.clone(), metadata, own_client_id: None };
    Terms { azure_imds: Some(machine), ..Terms::of_nothing(Peers::Own, identities) }
}
