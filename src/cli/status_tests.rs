//! What a person sees of a status.

use super::*;

const STATUS: &str = r#"{
  "schema": 1, "version": "0.1.0", "protocol": 1, "pid": 4711, "started": "2026-11-21T20:00:00Z",
  "address": "http://127.0.0.1:9711",
  "listeners": [
    { "address": "127.0.0.1:9712", "dialects": ["ec2"], "identities": ["prod"], "state": "serving" },
    { "address": "169.254.170.2:80", "dialects": ["ecs", "ecs-task"], "identities": ["prod", "dev"], "anyone": true,
      "state": "not-served", "reason": "169.254.170.2:80 is no address of this machine" }
  ],
  "sign_ins": [
    { "session": "corp", "state": "signed-in", "person": "ada@example.com", "ends": "2026-11-22T05:00:00Z",
      "token_ends": "2026-11-21T22:40:00Z", "next_refresh": "2026-11-21T22:21:00Z", "identities": 2 },
    { "session": "https://old.example/start", "state": "login-needed", "token_ends": "2026-11-21T21:00:00Z", "identities": 1 },
    { "session": "unused", "state": "signed-out", "identities": 0 }
  ],
  "asks": [
    { "identity": "prod", "state": "fresh", "remaining_secs": 2530, "next_refresh": "2026-11-21T22:17:10Z",
      "account": "123456789012", "access_key_id": "ASIAEXAMPLE", "last_used": "2026-11-21T21:59:48Z" },
    { "identity": "old", "state": "refused", "last_failure":
      { "code": "AccessDenied", "class": "refused", "message": "not allowed to assume it", "at": "2026-11-21T21:00:00Z" } },
    { "identity": "deep", "kind": "role", "chain": ["deep", "base", "the sign-in corp"], "state": "empty" },
    { "identity": "graph", "kind": "azure-cli", "chain": ["graph"], "want": "token", "resource": "https://graph.microsoft.com", "state": "fresh",
      "remaining_secs": 3000, "account": "ada@contoso.com", "tenant": "t", "scopes": ["Files.Read", "Sites.Read.All"] },
    { "identity": "graph", "kind": "azure-cli", "chain": ["graph"], "want": "token", "resource": "https://vault.azure.net", "state": "needs-person",
      "last_failure": { "code": "LoginRequired", "class": "needs-person", "message": "graph needs a login: run `az login`",
      "at": "2026-11-21T21:00:00Z" } },
    { "identity": "sync", "kind": "federated", "chain": ["sync", "prod", "the sign-in corp"], "want": "token", "resource": "api://x",
      "state": "fresh", "remaining_secs": 60, "account": "1111", "roles": ["Sites.Selected"] },
    { "identity": "sync", "kind": "federated", "chain": ["sync", "prod", "the sign-in corp"], "want": "assertion",
      "state": "fresh", "remaining_secs": 300 }
  ],
  "grants": [
    { "name": "shell-7", "identities": ["prod", "dev"], "holder": "shell", "pid": 7, "made": "2026-11-21T21:00:00Z" },
    { "name": "sync", "identities": ["prod"], "holder": "job", "token_file": "/run/t", "made": "2026-11-21T21:00:00Z",
      "ends": "2026-11-24T02:00:00Z", "invented_later": true }
  ],
  "jobs": [ { "command": "aws", "identities": ["prod"], "address": "http://127.0.0.1:40000", "since": "2026-11-21T21:59:00Z" } ],
  "warnings": ["/home/ada/.aws/config:3: no such key"]
}"#;

const SEEN: &str = "\
credenza 0.1.0 at http://127.0.0.1:9711, process 4711, up for 2h00m

LISTENER          DIALECTS      IDENTITIES  STATE
127.0.0.1:9712    ec2           prod        serving
169.254.170.2:80  ecs,ecs-task  prod,dev    not-served  169.254.170.2:80 is no address of this machine

SESSION                    STATE         PERSON           ENDS      TOKEN ENDS  NEXT REFRESH
corp                       signed-in     ada@example.com  in 7h00m  in 40m00s   in 21m00s
https://old.example/start  login-needed  -                -         over        -             try: credenza login https://old.example/start

IDENTITY  STATE    LEFT    REFRESH    USED     ACCOUNT       KEY
prod      fresh    42m10s  in 17m10s  12s ago  123456789012  ASIAEXAMPLE
old       refused  -       -          -        -             -            not allowed to assume it
deep      empty    -       -          -        -             -            by way of base, the sign-in corp

IDENTITY  TOKEN FOR                     STATE         LEFT    REFRESH  USED  ACCOUNT
graph     https://graph.microsoft.com   fresh         50m00s  -        -     ada@contoso.com  Files.Read Sites.Read.All
          https://vault.azure.net       needs-person  -       -        -     -                graph needs a login: run `az login`
sync      api://x                       fresh         1m00s   -        -     1111             Sites.Selected; by way of prod, the sign-in corp
          (shown in place of a secret)  fresh         5m00s   -        -     -

GRANT    IDENTITIES  HELD BY     ENDS              USED
shell-7  prod,dev    shell 7     with its process  -
sync     prod        job /run/t  in 2d04h          -

JOB  IDENTITIES  PROCESS  FOR
aws  prod        -        1m00s

/home/ada/.aws/config:3: no such key
";

#[test]
fn a_status_of_a_neighbouring_version_is_shown() {
    let status: Status = serde_json::from_str(STATUS).unwrap();
    let now = time("2026-11-21T22:00:00Z").unwrap();
    assert_eq!(as_text(&status, now), SEEN);
}

#[test]
fn only_what_counts_is_a_change() {
    let before: Status = serde_json::from_str(STATUS).unwrap();
    let mut after = before.clone();
    after.asks[0].remaining_secs = Some(2529);
    after.sign_ins[0].next_refresh = Some("2026-11-21T22:21:01Z".into());
    assert_eq!(without_time(&before), without_time(&after));
    after.asks[0].state = "refreshing".into();
    assert_ne!(without_time(&before), without_time(&after));
}

#[test]
fn spans_have_two_units() {
    for (secs, text) in [(0, "0s"), (59, "59s"), (60, "1m00s"), (3599, "59m59s"), (3600, "1h00m"), (90_000, "1d01h")] {
        assert_eq!(span(Duration::from_secs(secs)), text);
    }
}
