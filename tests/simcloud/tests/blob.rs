//! Azure Blob Storage: the list of a container, and how it refuses.

#![allow(clippy::unwrap_used)] // a test that cannot go on says so by ending

mod support;

use serde_json::json;
use simcloud::blob::Container;
use support::{
    World,
    azure::{APPLICATION, GRAPH, OBJECT, OTHER_TENANT, TENANT, forged, populate, token},
    client::{Answer, Request},
    sso,
};

const STORAGE: &str = "https://storage.azure.com";
const LOCAL: &str = "127.0.0.1:4711";
const LIST: &str = "/blob/company/uploads?restype=container&comp=list";
const VERSION: (&str, &str) = ("x-ms-version", "2023-11-03");

fn container(name: &str, readers: Option<&[&str]>) -> Container {
    Container {
        account: "company".to_owned(),
        name: name.to_owned(),
        tenant: TENANT.to_owned(),
        blobs: vec!["a & b.txt".to_owned(), "reports/one.txt".to_owned()],
        readers: readers.map(|readers| readers.iter().map(|reader| (*reader).to_owned()).collect()),
    }
}

fn world() -> World {
    let world = World::new();
    populate(&world.cloud);
    world.cloud.add_container(container("uploads", Some(&[APPLICATION])));
    world
}

fn asking(host: &str, path: &str) -> Request {
    sso::request("GET", host, path, String::new())
}

async fn shown(world: &World, path: &str, token: &str) -> Answer {
    let request = asking(LOCAL, path).with(VERSION.0, VERSION.1);
    request.with("authorization", &format!("Bearer {token}")).send(&world.cloud).await
}

/// Status and code, which the header says as the body does.
fn refused(answer: &Answer) -> (u16, String) {
    let code = answer.header("x-ms-error-code").unwrap_or_default().to_owned();
    assert!(answer.body().contains(&format!("<Code>{code}</Code>")), "{answer:?}");
    (answer.status(), code)
}

#[tokio::test]
async fn a_reader_sees_what_is_in_a_container() {
    let world = world();
    for audience in [STORAGE, "https://storage.azure.com/"] {
        let answer = shown(&world, LIST, &token(&world.cloud, audience, json!({}))).await;
        assert_eq!(answer.status(), 200, "{answer:?}");
        assert!(answer.body().contains("<Name>a &amp; b.txt</Name>"), "{answer:?}");
        assert!(answer.body().contains("<Name>reports/one.txt</Name>"), "{answer:?}");
    }
    let token = token(&world.cloud, STORAGE, json!({}));
    let some = shown(&world, &format!("{LIST}&prefix=reports/"), &token).await;
    assert!(some.body().contains("one.txt") && !some.body().contains("a &amp; b"), "{some:?}");
    let own = asking("company.blob.core.windows.net", "/uploads?restype=container&comp=list");
    let own = own.with(VERSION.0, VERSION.1).with("authorization", &format!("Bearer {token}")).send(&world.cloud).await;
    assert_eq!(own.status(), 200, "{own:?}");
    let call = &world.cloud.calls()[0];
    assert_eq!((call.action.as_str(), call.principal.as_deref()), ("BlobList", Some(OBJECT)));
}

#[tokio::test]
async fn whoever_is_no_reader_is_refused_in_its_words() {
    let world = world();
    let good = token(&world.cloud, STORAGE, json!({}));
    let graph = token(&world.cloud, GRAPH, json!({}));
    let expired = token(&world.cloud, STORAGE, json!({ "exp": support::START - 60 }));
    for (token, detail) in [
        (&graph, "Audience validation failed"),
        (&expired, "Lifetime validation failed"),
        (&forged(STORAGE), "Signature validation failed"),
        (&"nonsense".to_owned(), "Signature validation failed"),
    ] {
        let answer = shown(&world, LIST, token).await;
        assert_eq!(refused(&answer), (401, "InvalidAuthenticationInfo".to_owned()));
        assert!(answer.body().contains(detail), "{answer:?}");
        assert!(answer.header("www-authenticate").unwrap().contains("resource_id=https://storage.azure.com"));
    }
    let nothing = asking(LOCAL, LIST).with(VERSION.0, VERSION.1).send(&world.cloud).await;
    assert_eq!(refused(&nothing), (401, "NoAuthenticationInformation".to_owned()));
    for version in [None, Some("2015-02-21")] {
        let request = asking(LOCAL, LIST).with("authorization", &format!("Bearer {good}"));
        let request = version.map_or(request.clone(), |version| request.with(VERSION.0, version));
        assert_eq!(refused(&request.send(&world.cloud).await), (403, "AuthenticationFailed".to_owned()));
    }
    let no_list = shown(&world, "/blob/company/uploads", &good).await;
    assert_eq!(refused(&no_list), (400, "InvalidQueryParameterValue".to_owned()));
    let other = shown(&world, "/blob/company/other?restype=container&comp=list", &good).await;
    assert_eq!(refused(&other), (404, "ContainerNotFound".to_owned()));
    world.cloud.add_container(container("uploads", Some(&["somebody"])));
    assert_eq!(refused(&shown(&world, LIST, &good).await), (403, "AuthorizationPermissionMismatch".to_owned()));
    world.cloud.add_container(Container { tenant: OTHER_TENANT.to_owned(), ..container("uploads", None) });
    let elsewhere = shown(&world, LIST, &good).await;
    assert_eq!(refused(&elsewhere), (401, "InvalidAuthenticationInfo".to_owned()));
    assert!(elsewhere.body().contains("Issuer validation failed"), "{elsewhere:?}");
}
