//! Microsoft Graph: the delta of a drive, the content of its files, and how both refuse.

#![allow(clippy::unwrap_used)] // a test that cannot go on says so by ending

mod support;

use std::{collections::BTreeMap, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use simcloud::{
    Fault,
    entra::Person,
    graph::{Site, Throttle},
};
use support::{
    World,
    azure::{GRAPH, OBJECT, OTHER_TENANT, TENANT, ask, claims, error_of, forged, message_of, populate, token},
    client::Answer,
    process::Process,
    sso::json_of,
};

const HOST: &str = "127.0.0.1:4711";
const SITE: &str = "contoso.sharepoint.com,11110000-0000-4000-8000-000000000001,22220000-0000-4000-8000-000000000001";

/// A site with a folder and files `f1` ... below it and beside it, in pages of three.
fn world(files: usize) -> World {
    let world = World::new();
    populate(&world.cloud);
    world.cloud.add_site(Site::new(SITE).page_size(3).of_tenant(TENANT));
    world.cloud.put_folder(SITE, "folder", "reports", None);
    for number in 1..=files {
        let folder = (number % 2 == 0).then_some("folder");
        let (id, name) = (format!("f{number}"), format!("{number}.txt"));
        assert!(world.cloud.put_file(SITE, &id, &name, folder, format!("content {number}")));
    }
    world
}

fn delta() -> String {
    format!("/v1.0/sites/{SITE}/drive/root/delta")
}

fn reader(world: &World) -> String {
    token(&world.cloud, GRAPH, json!({ "scp": "User.Read Sites.Read.All" }))
}

async fn get(world: &World, path: &str) -> Answer {
    ask(&world.cloud, HOST, path, Some(&reader(world))).await
}

/// What a client of a drive's delta knows: by id, the name, or nothing of what was deleted.
#[derive(Default)]
struct Sync {
    state: BTreeMap<String, String>,
    seen: Vec<String>,
    /// Where to go on.
    next: Option<String>,
    /// Where to ask for changes, once a round is whole.
    delta: Option<String>,
}

impl Sync {
    /// Takes one page in.
    fn take(&mut self, page: &Value) {
        for item in page["value"].as_array().unwrap() {
            let id = item["id"].as_str().unwrap().to_owned();
            self.seen.push(id.clone());
            match item.get("deleted") {
                Some(_) => drop(self.state.remove(&id)),
                None if item.get("root").is_none() => {
                    drop(self.state.insert(id, item["name"].as_str().unwrap().to_owned()))
                }
                None => {}
            }
        }
        let link = |name: &str| page.get(name).map(|link| link.as_str().unwrap().to_owned());
        self.next = link("@odata.nextLink");
        self.delta = link("@odata.deltaLink");
        assert_ne!(self.next.is_some(), self.delta.is_some(), "one of the two links: {page}");
    }

    async fn follow(&mut self, world: &World, start: &str) {
        self.take(&json_of(&get(world, start).await));
        while let Some(next) = self.next.take() {
            self.take(&json_of(&get(world, &next).await));
        }
    }
}

fn truth(world: &World) -> BTreeMap<String, String> {
    world.cloud.items(SITE).into_iter().map(|item| (item.id, item.name)).collect()
}

#[tokio::test]
async fn pages_lead_to_the_whole_drive_and_then_to_what_changed() {
    let world = world(7);
    let mut sync = Sync::default();
    let first = json_of(&get(&world, &delta()).await);
    assert_eq!(first["value"].as_array().unwrap().len(), 3);
    let next = first["@odata.nextLink"].as_str().unwrap();
    assert!(next.starts_with(&format!("http://{HOST}{}?$skiptoken=", delta())), "{next}");
    sync.follow(&world, &delta()).await;
    assert_eq!(sync.state, truth(&world));
    assert_eq!(sync.seen.len(), 9, "the root, the folder and each file once: {:?}", sync.seen);
    assert_eq!(world.cloud.count("GraphDelta"), 4);

    let link = sync.delta.clone().unwrap();
    assert!(link.starts_with(&format!("http://{HOST}{}?token=", delta())), "{link}");
    let nothing = json_of(&get(&world, &link).await);
    assert_eq!(nothing["value"], json!([]), "nothing changed");
    world.cloud.put_file(SITE, "f3", "renamed.txt", None, "new");
    world.cloud.put_file(SITE, "f8", "8.txt", None, "content 8");
    assert!(world.cloud.delete_item(SITE, "f1") && !world.cloud.delete_item(SITE, "f1"));
    sync.seen.clear();
    sync.follow(&world, &link).await;
    assert_eq!(sync.seen, ["f3", "f8", "f1"]);
    assert_eq!(sync.state, truth(&world));
    let again = json_of(&get(&world, &link).await);
    assert_eq!(again["value"].as_array().unwrap().len(), 3, "a link can be asked again");
}

#[tokio::test]
async fn what_changes_while_a_client_pages_comes_again_and_nothing_is_lost() {
    let world = world(9);
    let mut sync = Sync::default();
    sync.take(&json_of(&get(&world, &delta()).await));
    assert_eq!(sync.seen[1..], ["folder", "f1"]);
    world.cloud.put_file(SITE, "f1", "changed.txt", None, "changed");
    world.cloud.put_file(SITE, "f5", "moved.txt", Some("folder"), "moved");
    world.cloud.delete_item(SITE, "f7");
    world.cloud.put_file(SITE, "f10", "10.txt", None, "content 10");
    let next = sync.next.take().unwrap();
    // killed here and started again: the same link answers the same
    let once = json_of(&get(&world, &next).await);
    assert_eq!(once["value"], json_of(&get(&world, &next).await)["value"]);
    sync.follow(&world, &next).await;
    assert_eq!(sync.state, truth(&world));
    assert_eq!(sync.seen.iter().filter(|id| *id == "f1").count(), 2, "the last time counts");
    assert!(sync.seen.contains(&"f7".to_owned()), "what went away during an enumeration is told");
}

#[tokio::test]
async fn what_was_gone_before_is_no_part_of_an_enumeration() {
    let world = world(4);
    assert!(world.cloud.delete_item(SITE, "folder"), "and f2 and f4 in it");
    let mut sync = Sync::default();
    sync.follow(&world, &delta()).await;
    assert_eq!(sync.state.keys().collect::<Vec<_>>(), ["f1", "f3"]);
    assert!(!sync.seen.contains(&"folder".to_owned()), "{:?}", sync.seen);
}

#[tokio::test]
async fn an_item_says_what_it_is_and_where() {
    let world = world(2);
    world.pass(Duration::from_secs(60));
    world.cloud.put_file(SITE, "f2", "2.pdf", Some("folder"), "changed");
    let mut page = json_of(&get(&world, &format!("{}?$top=2", delta())).await);
    assert_eq!(page["value"][0]["root"], json!({}));
    assert_eq!(page["value"][1]["folder"], json!({ "childCount": 1 }));
    let next = page["@odata.nextLink"].as_str().unwrap().to_owned();
    assert!(next.contains("$top=2&$skiptoken="), "{next}");
    page = json_of(&get(&world, &next).await);
    let (first, second) = (&page["value"][0], &page["value"][1]);
    assert_eq!((&first["id"], &first["size"]), (&json!("f1"), &json!(9)));
    assert_eq!((&second["name"], &second["file"]), (&json!("2.pdf"), &json!({ "mimeType": "application/pdf" })));
    assert_eq!(second["lastModifiedDateTime"], "2026-01-31T12:01:00Z");
    assert_eq!(second["createdDateTime"], "2026-01-31T12:00:00Z");
    let parent = &second["parentReference"];
    assert_eq!(parent["id"], "folder");
    assert!(parent["path"].as_str().unwrap().ends_with("/root:/reports"), "{parent}");
    let by_drive = format!("/v1.0/drives/{}/root/delta", parent["driveId"].as_str().unwrap().replace('!', "%21"));
    assert_eq!(json_of(&get(&world, &by_drive).await)["value"].as_array().unwrap().len(), 3);
    world.cloud.delete_item(SITE, "f2");
    let link = page["@odata.deltaLink"].as_str().unwrap();
    let gone = &json_of(&get(&world, link).await)["value"][0];
    assert_eq!((&gone["id"], &gone["deleted"]), (&json!("f2"), &json!({ "state": "deleted" })));
    assert!(gone.get("name").is_none() && gone.get("file").is_none(), "{gone}");
}

#[tokio::test]
async fn the_latest_link_and_a_time_begin_in_the_middle() {
    let world = world(2);
    let latest = json_of(&get(&world, &format!("{}?token=latest", delta())).await);
    assert_eq!(latest["value"], json!([]));
    world.pass(Duration::from_secs(60));
    world.cloud.put_file(SITE, "f1", "1.txt", None, "changed");
    let changes = json_of(&get(&world, latest["@odata.deltaLink"].as_str().unwrap()).await);
    let since = json_of(&get(&world, &format!("{}?token=2026-01-31T12%3A00%3A30Z", delta())).await);
    for page in [changes, since] {
        assert_eq!((&page["value"][0]["id"], page["value"].as_array().unwrap().len()), (&json!("f1"), 1), "{page}");
    }
    let all = json_of(&get(&world, &format!("/v1.0/sites/{SITE}/drive/root/delta(token='latest')")).await);
    assert_eq!(all["value"], json!([]));
    let invalid = get(&world, &format!("{}?token=nonsense", delta())).await;
    assert_eq!(error_of(&invalid), (400, "invalidRequest".to_owned()));
}

#[tokio::test]
async fn a_link_that_is_too_old_leads_to_a_new_beginning() {
    let world = world(5);
    let mut sync = Sync::default();
    sync.take(&json_of(&get(&world, &delta()).await));
    let next = sync.next.take().unwrap();
    assert!(world.cloud.expire_delta_tokens(SITE));
    let gone = get(&world, &next).await;
    assert_eq!(error_of(&gone), (410, "resyncRequired".to_owned()));
    assert_eq!(json_of(&gone)["error"]["innerError"]["code"], "resyncChangesApplyDifferences");
    let fresh = gone.header("location").unwrap().to_owned();
    let mut sync = Sync::default();
    sync.follow(&world, &fresh).await;
    assert_eq!(sync.state, truth(&world));
    assert_eq!(get(&world, &sync.delta.unwrap()).await.status(), 200);
    assert!(!world.cloud.expire_delta_tokens("unknown"));
}

#[tokio::test]
async fn content_lies_behind_a_link_that_needs_no_token() {
    let world = world(2);
    let answer = get(&world, &format!("/v1.0/sites/{SITE}/drive/items/f2/content")).await;
    assert_eq!((answer.status(), answer.body()), (302, ""));
    let link = answer.header("location").unwrap().to_owned();
    assert!(link.starts_with(&format!("http://{HOST}/")), "the origin that was asked: {link}");
    let file = ask(&world.cloud, HOST, &link, None).await;
    assert_eq!((file.status(), file.body(), file.header("content-type")), (200, "content 2", Some("text/plain")));
    let page = json_of(&get(&world, &format!("{}?$top=10", delta())).await);
    let (folder, first) = (&page["value"][1], &page["value"][2]);
    assert!(folder.get("@microsoft.graph.downloadUrl").is_none(), "{folder}");
    let link = first["@microsoft.graph.downloadUrl"].as_str().unwrap();
    assert_eq!(ask(&world.cloud, HOST, link, None).await.body(), "content 1");
}

#[tokio::test]
async fn a_link_to_content_ends_and_cannot_be_changed() {
    let world = world(2);
    let content = |id: &str| format!("/v1.0/sites/{SITE}/drive/items/{id}/content");
    let link = get(&world, &content("f1")).await.header("location").unwrap().to_owned();
    let changed = ask(&world.cloud, HOST, &link.replace("UniqueId=f1", "UniqueId=f2"), None).await;
    assert_eq!(changed.status(), 401);
    world.pass(Duration::from_secs(3599));
    assert_eq!(ask(&world.cloud, HOST, &link, None).await.body(), "content 1");
    world.pass(Duration::from_secs(1));
    assert_eq!(ask(&world.cloud, HOST, &link, None).await.status(), 401);
    let world = self::world(2);
    assert_eq!(error_of(&get(&world, &content("folder")).await), (400, "invalidRequest".to_owned()));
    assert_eq!(error_of(&get(&world, &content("unknown")).await), (404, "itemNotFound".to_owned()));
    let link = get(&world, &content("f1")).await.header("location").unwrap().to_owned();
    world.cloud.delete_item(SITE, "f1");
    assert_eq!(ask(&world.cloud, HOST, &link, None).await.status(), 404);
    assert_eq!(ask(&world.cloud, HOST, &content("f2"), None).await.status(), 401, "the redirect itself wants a token");
}

#[tokio::test]
async fn tokens_are_verified_for_every_page() {
    let world = world(2);
    let cloud = &world.cloud;
    let scope = json!({ "scp": "Sites.Read.All" });
    let early = token(cloud, GRAPH, json!({ "scp": "Sites.Read.All", "nbf": support::START + 60 }));
    let elsewhere = token(cloud, "https://management.azure.com", scope.clone());
    let unsigned = reader(&world).rsplit_once('.').unwrap().0.to_owned() + ".";
    for (shown, words) in [
        (None, "Access token is empty."),
        (Some("nonsense"), "CompactToken parsing failed with error code: 80049217"),
        (Some(forged(GRAPH).as_str()), "Access token validation failure. Invalid signature."),
        (Some(&unsigned), "Access token validation failure. Invalid signature."),
        (Some(&early), "Access token has expired or is not yet valid."),
        (Some(&elsewhere), "Access token validation failure. Invalid audience."),
    ] {
        let answer = ask(cloud, HOST, &delta(), shown).await;
        assert_eq!(error_of(&answer), (401, "InvalidAuthenticationToken".to_owned()), "{answer:?}");
        assert_eq!(message_of(&answer), words);
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(
            challenge.starts_with("Bearer realm=\"\", authorization_uri=") && !challenge.contains("claims"),
            "{challenge}"
        );
    }
    for audience in
        ["https://graph.microsoft.com", "https://graph.microsoft.com/", "00000003-0000-0000-c000-000000000000"]
    {
        let token = token(cloud, audience, scope.clone());
        assert_eq!(ask(cloud, "graph.microsoft.com", &delta(), Some(&token)).await.status(), 200, "{audience}");
    }
    let government = token(cloud, "https://graph.microsoft.us", scope.clone());
    for (host, status) in [(HOST, 200), ("graph.microsoft.us", 200), ("graph.microsoft.com", 401)] {
        assert_eq!(ask(cloud, host, &delta(), Some(&government)).await.status(), status, "{host}");
    }
    let good = reader(&world);
    let next = json_of(&ask(cloud, HOST, &delta(), Some(&good)).await)["@odata.nextLink"].as_str().unwrap().to_owned();
    world.pass(Duration::from_secs(3600));
    let over = ask(cloud, HOST, &next, Some(&good)).await;
    assert_eq!(message_of(&over), "Access token has expired or is not yet valid.");
}

#[tokio::test]
async fn a_revoked_session_gets_a_claims_challenge() {
    let world = world(1);
    let mut person = Person::new("ada@contoso.onmicrosoft.com", TENANT);
    person.object_id = OBJECT.to_owned();
    world.cloud.add_entra_person(person);
    assert_eq!(get(&world, &delta()).await.status(), 200);
    world.pass(Duration::from_secs(60));
    assert!(world.cloud.revoke_entra_access_tokens("ada@contoso.onmicrosoft.com"));
    let answer = get(&world, &delta()).await;
    assert_eq!(error_of(&answer), (401, "InvalidAuthenticationToken".to_owned()));
    let challenge = answer.header("www-authenticate").unwrap();
    assert!(challenge.contains("error=\"insufficient_claims\""), "{challenge}");
    let value = challenge.split_once("claims=\"").unwrap().1.trim_end_matches('"');
    let value: Value = serde_json::from_slice(&BASE64_STANDARD.decode(value).unwrap()).unwrap();
    let since = (support::START + 60).to_string();
    assert_eq!(value, json!({ "access_token": { "nbf": { "essential": true, "value": since } } }));
}

#[tokio::test]
async fn a_token_needs_a_permission_for_sites_or_for_all_files() {
    let world = world(1);
    for (more, expected) in [
        (json!({ "scp": "Sites.Read.All" }), None),
        (json!({ "scp": "openid Files.ReadWrite.All" }), None),
        (json!({ "roles": ["Sites.Read.All"] }), None),
        (json!({ "roles": ["User.Read.All", "Files.Read.All"] }), None),
        (json!({ "scp": "User.Read" }), Some("The caller does not have permission to perform the action.")),
        // what an `az` login has
        (
            json!({ "scp": "AuditLog.Read.All Directory.AccessAsUser.All Group.ReadWrite.All User.ReadWrite.All" }),
            Some("The caller does not have permission to perform the action."),
        ),
        (json!({ "roles": [] }), Some("The caller does not have permission to perform the action.")),
        (json!({}), Some("Either scp or roles claim need to be present in the token.")),
    ] {
        let token = token(&world.cloud, GRAPH, more.clone());
        let answer = ask(&world.cloud, HOST, &delta(), Some(&token)).await;
        match expected {
            None => assert_eq!(answer.status(), 200, "{more}: {answer:?}"),
            Some(words) => {
                assert_eq!(error_of(&answer), (403, "accessDenied".to_owned()), "{more}");
                assert_eq!(message_of(&answer), words);
            }
        }
    }
}

#[tokio::test]
async fn another_tenant_does_not_know_the_site() {
    let world = world(1);
    let more = json!({ "scp": "Sites.Read.All", "tid": OTHER_TENANT, "iss": format!("https://sts.windows.net/{OTHER_TENANT}/") });
    let other = world.cloud.tenant_issuer(OTHER_TENANT, 1).sign(&claims(GRAPH, more));
    let answer = ask(&world.cloud, HOST, &delta(), Some(&other)).await;
    assert_eq!(error_of(&answer), (404, "itemNotFound".to_owned()), "{answer:?}");
    assert_eq!(error_of(&get(&world, "/v1.0/sites/unknown/drive/root/delta").await), (404, "itemNotFound".to_owned()));
    assert_eq!(error_of(&get(&world, "/v1.0/me").await), (400, "BadRequest".to_owned()));
}

#[tokio::test]
async fn every_so_many_calls_one_is_sent_away_for_a_while() {
    let world = world(1);
    world.cloud.set_graph_throttle(Some(Throttle { every: Some(3), retry_after_secs: 10, ..Throttle::default() }));
    for number in 1..=2 {
        assert_eq!(get(&world, &delta()).await.status(), 200, "call {number}");
    }
    let throttled = get(&world, &delta()).await;
    assert_eq!(error_of(&throttled), (429, "activityLimitReached".to_owned()));
    assert_eq!(throttled.header("retry-after"), Some("10"));
    world.pass(Duration::from_secs(4));
    assert_eq!(get(&world, &delta()).await.header("retry-after"), Some("6"), "too early");
    world.pass(Duration::from_secs(6));
    for status in [200, 200, 429] {
        assert_eq!(get(&world, &delta()).await.status(), status);
    }
    world.cloud.set_graph_throttle(None);
    assert_eq!(get(&world, &delta()).await.status(), 200);
}

#[tokio::test]
async fn above_a_rate_calls_are_sent_away() {
    let world = world(1);
    world.cloud.set_graph_throttle(Some(Throttle { calls_per_sec: Some(2), ..Throttle::default() }));
    for status in [200, 200, 429, 429] {
        assert_eq!(get(&world, &delta()).await.status(), status);
    }
    world.pass(Duration::from_secs(1));
    assert_eq!(get(&world, &delta()).await.status(), 200);
}

#[tokio::test]
async fn its_calls_are_logged_and_met_by_faults() {
    let world = world(2);
    world.cloud.add_fault(Fault::error("serviceNotAvailable").on_action("GraphDelta").times(1));
    assert_eq!(error_of(&get(&world, &delta()).await), (503, "serviceNotAvailable".to_owned()));
    world.cloud.add_fault(Fault::error("InvalidAuthenticationToken").on_action("GraphContent").times(1));
    let content = format!("/v1.0/sites/{SITE}/drive/items/f2/content");
    assert_eq!(error_of(&get(&world, &content).await), (401, "InvalidAuthenticationToken".to_owned()));
    let link = get(&world, &content).await.header("location").unwrap().to_owned();
    ask(&world.cloud, HOST, &link, None).await;
    let calls = world.cloud.calls();
    let shown: Vec<_> = calls.iter().map(|call| (call.action.as_str(), call.outcome.as_str())).collect();
    let expected = [
        ("GraphDelta", "serviceNotAvailable"),
        ("GraphContent", "InvalidAuthenticationToken"),
        ("GraphContent", "ok"),
        ("GraphDownload", "ok"),
    ];
    assert_eq!(shown, expected);
    assert_eq!(calls[0].principal.as_deref(), Some(OBJECT));
    assert_eq!(calls[1].parameters, [("site".to_owned(), SITE.to_owned()), ("item".to_owned(), "f2".to_owned())]);
}

#[test]
fn sites_are_filled_and_changed_from_outside() {
    let seed = json!({ "graph": { "sites": [{
        "site": { "id": "one", "page_size": 2 },
        "items": [{ "id": "f1", "name": "1.txt", "content": "text" }, { "id": "d1", "name": "reports" }],
    }], "throttle": { "every": 100 } } });
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), seed.to_string()).unwrap();
    let process = Process::start(&["--until-stdin-closes", "--seed", file.path().to_str().unwrap()]);
    let items = || process.control("GET", "graph/items?site=one", &Value::Null).1;
    let names = || -> Vec<String> {
        items().as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(), ["d1", "f1"]);
    assert_eq!(items()[1]["content_base64"], BASE64_STANDARD.encode("text"));
    let more =
        json!({ "site": "one", "items": [{ "id": "f2", "name": "2.bin", "folder": "d1", "content_base64": "AAEC" }] });
    assert_eq!(process.control("POST", "graph/items", &more).0, 200);
    assert_eq!(names(), ["d1", "f1", "f2"]);
    let broken = json!({ "site": "one", "items": [{ "id": "f3", "name": "3.bin", "content_base64": "!" }] });
    assert_eq!(process.control("POST", "graph/items", &broken).0, 400);
    assert_eq!(process.control("POST", "graph/items", &json!({ "site": "two", "items": more["items"] })).0, 404);
    assert_eq!(process.control("POST", "graph/items/delete", &json!({ "site": "one", "id": "d1" })).0, 200);
    assert_eq!(process.control("POST", "graph/items/delete", &json!({ "site": "one", "id": "d1" })).0, 404);
    assert_eq!(names(), ["f1"]);
    for (path, body) in [
        ("graph/sites", json!({ "id": "two", "tenant": TENANT })),
        ("graph/page-size", json!({ "site": "two", "page_size": 5 })),
        ("graph/expire", json!({ "site": "two" })),
        ("graph/throttle", json!({ "every": 5, "retry_after_secs": 1 })),
    ] {
        assert_eq!(process.control("POST", path, &body).0, 200, "{path}");
    }
    assert_eq!(process.control("POST", "graph/expire", &json!({ "site": "three" })).0, 404);
    assert_eq!(process.control("DELETE", "graph/throttle", &Value::Null).0, 200);
    let answer = process.answer("sts", "GET", "v1.0/sites/two/drive/root/delta", "");
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
}
