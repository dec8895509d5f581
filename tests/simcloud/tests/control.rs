//! The control API, route by route, on a running process.

#![allow(clippy::unwrap_used)] // a test that cannot go on says so by ending

mod support;

use serde_json::{Value, json};
use support::{
    ACCOUNT, ROLE,
    process::{Process, sdk_client},
};

/// A process with a user in it, and what the client says as that user.
struct Steered {
    simcloud: Process,
    keys: Value,
}

impl Steered {
    fn new() -> Self {
        let simcloud = Process::start(&["--until-stdin-closes"]);
        let keys = simcloud.control("POST", "users", &json!({ "name": "base", "account": ACCOUNT })).1;
        Self { simcloud, keys }
    }

    fn control(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        self.simcloud.control(method, path, &body)
    }

    fn client(&self) -> String {
        self.client_with(&[])
    }

    /// What the client says by a profile of a role that the user assumes.
    fn client_in_role(&self) -> String {
        let text = |name: &str| self.keys[name].as_str().unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        let (id, secret) = (text("access_key_id"), text("secret_access_key"));
        let config = format!(
            "[profile base]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n\
             [profile in-role]\nrole_arn = {ROLE}\nsource_profile = base\n"
        );
        std::fs::write(file.path(), config).unwrap();
        self.client_with(&[("AWS_CONFIG_FILE", file.path().to_str().unwrap()), ("AWS_PROFILE", "in-role")])
    }

    fn client_with(&self, more: &[(&str, &str)]) -> String {
        let text = |name: &str| self.keys[name].as_str().unwrap();
        let environment = [
            ("AWS_ENDPOINT_URL_STS", self.simcloud.address("sts")),
            ("AWS_ACCESS_KEY_ID", text("access_key_id")),
            ("AWS_SECRET_ACCESS_KEY", text("secret_access_key")),
            ("AWS_MAX_ATTEMPTS", "1"),
            ("AWS_DISABLE_CLOCK_SKEW_CORRECTION", "true"),
        ];
        // keys in the environment would win over a profile
        let keys = |name: &str| more.is_empty() || !name.contains("ACCESS_KEY");
        let environment: Vec<_> =
            environment.into_iter().filter(|(name, _)| keys(name)).chain(more.iter().copied()).collect();
        let output = sdk_client(&[], &environment);
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    }
}

#[test]
fn faults_come_and_go() {
    let steered = Steered::new();
    let fault = json!({ "action": "GetCallerIdentity", "trouble": { "kind": "error", "code": "AccessDenied" } });
    let (status, added) = steered.control("POST", "faults", fault.clone());
    assert_eq!((status, &added), (200, &json!({ "number": 1 })));
    assert!(steered.client().contains("AccessDenied"));
    assert_eq!(steered.control("DELETE", "faults/1", Value::Null).0, 200);
    assert_eq!(steered.control("DELETE", "faults/1", Value::Null).0, 404);
    assert!(steered.client().contains("user/base"));
    steered.control("POST", "faults", fault);
    steered.control("DELETE", "faults", Value::Null);
    assert_eq!(steered.control("GET", "faults", Value::Null).1, json!([]));
    assert!(steered.client().contains("user/base"));
}

#[test]
fn the_clock_moves() {
    let steered = Steered::new();
    let (_, clock) = steered.control("POST", "clock", json!({ "offset_secs": -600 }));
    assert_eq!(clock["offset_secs"], -600);
    let (_, clock) = steered.control("POST", "clock", json!({ "advance_secs": -400 }));
    assert_eq!(clock["offset_secs"], -1000);
    assert!(steered.client().contains("Signature not yet current"));
    steered.control("POST", "clock", json!({ "offset_secs": 0 }));
    assert!(steered.client().contains("user/base"));
    let (_, clock) = steered.control("GET", "clock", Value::Null);
    assert_eq!(clock["offset_secs"], 0);
}

#[test]
fn the_date_is_made_wrong_and_the_clock_stays_right() {
    let steered = Steered::new();
    let right = steered.simcloud.date();
    for skew_secs in [7200, -7200, 0] {
        steered.control("POST", "clock", json!({ "date_skew_secs": skew_secs }));
        let off = steered.simcloud.date().as_second() - right.as_second() - skew_secs;
        // what the test itself took
        assert!((0..600).contains(&off), "{skew_secs}: {off}");
        assert!(steered.client().contains("user/base"), "signatures are judged by the clock");
    }
}

#[test]
fn keys_are_listed_judged_and_ended() {
    let steered = Steered::new();
    let id = json!({ "access_key_id": steered.keys["access_key_id"] });
    let (_, listed) = steered.control("GET", "keys", Value::Null);
    assert_eq!(listed[0]["arn"], "arn:aws:iam::111122223333:user/base");
    assert_eq!(listed[0]["expires"], Value::Null);
    let (_, judged) = steered.control("POST", "keys/judge", steered.keys.clone());
    assert_eq!(judged["valid"], true);
    assert_eq!(steered.control("POST", "keys/deactivate", id.clone()).0, 200);
    let (_, judged) = steered.control("POST", "keys/judge", steered.keys.clone());
    assert_eq!((&judged["valid"], &judged["code"]), (&json!(false), &json!("InvalidClientTokenId")));
    assert_eq!(steered.control("POST", "keys/activate", id.clone()).0, 200);
    assert!(steered.client().contains("user/base"));
    // Long-term keys have no end that could come now.
    assert_eq!(steered.control("POST", "keys/expire", id).0, 404);
}

#[test]
fn roles_and_regions_are_switched_off_and_on() {
    let steered = Steered::new();
    assert_eq!(steered.control("POST", "roles", json!({ "arn": ROLE })).0, 200);
    for path in ["roles/revoke", "roles/restore"] {
        assert_eq!(steered.control("POST", path, json!({ "arn": ROLE })).0, 200);
        assert_eq!(steered.control("POST", path, json!({ "arn": "arn:aws:iam::1:role/none" })).0, 404);
    }
    assert_eq!(steered.control("POST", "regions/disable", json!({ "region": "eu-west-1" })).0, 200);
    assert_eq!(steered.control("POST", "regions/enable", json!({ "region": "eu-west-1" })).0, 200);
    assert_eq!(steered.control("POST", "regions/enable", json!({ "region": "eu-west-1" })).0, 404);
    assert_eq!(steered.control("POST", "issuers", json!({ "url": "https://issuer.example" })).0, 200);
    let token = json!({ "url": "https://other.example", "subject": "s" });
    assert_eq!(steered.control("POST", "issuers/token", token).0, 404);
}

#[test]
fn what_is_switched_off_is_refused_until_it_is_on_again() {
    let steered = Steered::new();
    let role = json!({ "arn": ROLE, "trust": { "principals": ["arn:aws:iam::111122223333:user/base"] } });
    let trusted = steered.control("POST", "roles", role);
    assert_eq!(trusted.0, 200, "{trusted:?}");
    assert!(steered.client_in_role().contains("assumed-role/my-role"), "{}", steered.client_in_role());
    steered.control("POST", "roles/revoke", json!({ "arn": ROLE }));
    assert!(steered.client_in_role().contains("AccessDenied"), "{}", steered.client_in_role());
    steered.control("POST", "roles/restore", json!({ "arn": ROLE }));
    steered.control("POST", "regions/disable", json!({ "region": "eu-central-1" }));
    assert!(steered.client_in_role().contains("RegionDisabledException"), "{}", steered.client_in_role());
    steered.control("POST", "regions/enable", json!({ "region": "eu-central-1" }));
    assert!(steered.client_in_role().contains("assumed-role/my-role"));
}

#[test]
fn calls_are_listed_and_forgotten() {
    let steered = Steered::new();
    steered.client();
    let (_, calls) = steered.control("GET", "calls", Value::Null);
    let call = &calls["calls"][0];
    assert_eq!((&call["action"], &call["outcome"]), (&json!("GetCallerIdentity"), &json!("ok")));
    assert_eq!(call["access_key_id"], steered.keys["access_key_id"]);
    steered.control("DELETE", "calls", Value::Null);
    let (_, calls) = steered.control("GET", "calls", Value::Null);
    assert_eq!(calls, json!({ "counts": {}, "calls": [] }));
}

#[test]
fn what_does_not_fit_is_refused_with_a_reason() {
    let steered = Steered::new();
    let (status, error) = steered.control("POST", "users", json!({ "name": "x" }));
    assert_eq!((status, error["error"].as_str().unwrap().contains("`account`")), (400, true));
    let (status, error) = steered.control("POST", "faults", json!({ "trouble": { "kind": "explode" } }));
    assert_eq!((status, error["error"].as_str().unwrap().contains("unknown variant `explode`")), (400, true));
    let (status, error) = steered.control("GET", "nowhere", Value::Null);
    assert_eq!(status, 404);
    assert_eq!(error["error"], "no route GET /_simcloud/nowhere: see tests/simcloud/README.md");
}
