//! The ECS task metadata dialect's rules, by tables, and its readers: what each takes from the documents.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::json;

use super::*;
use crate::credential::{Failure, FailureClass};

fn facts() -> TaskFacts {
    TaskFacts { account: Some("111122223333".into()), region: Some("eu-west-1".into()), identity: "my prod/eu".into() }
}

fn documents(overrides: Value) -> Documents {
    Documents::new(overrides.as_object().unwrap()).unwrap()
}

fn said(path: &str, documents: &Documents, facts: &TaskFacts) -> Value {
    let answer = write(&read(path).unwrap(), documents, facts).unwrap();
    assert_eq!((answer.status, answer.form), (StatusCode::OK, Form::Json), "{path}");
    serde_json::from_slice(&answer.body).unwrap()
}

#[test]
fn c44_paths_are_read_as_the_agent_reads_them() {
    let container = |id: &'static str, version| Asked::Container { container: id.into(), version };
    let task = |id: &'static str, version, tags| Asked::Task { container: Some(id.into()), version, tags };
    for (path, asked) in [
        ("/v4/app", container("app", Version::V4)),
        ("//v4//app/", container("app", Version::V4)),
        ("/v4/a%20b", container("a b", Version::V4)),
        ("/v4/app/task", task("app", Version::V4, false)),
        ("/v4/app/taskWithTags", task("app", Version::V4, true)),
        ("/v4/app/tasks", Asked::Tasks { container: "app".into() }),
        ("/v3/app", container("app", Version::V3)),
        ("/v3/app/task/", task("app", Version::V3, false)),
        ("/v3/app/taskWithTags", task("app", Version::V3, true)),
        ("/v2/metadata", Asked::Task { container: None, version: Version::V3, tags: false }),
        ("/v2/metadataWithTags/", Asked::Task { container: None, version: Version::V3, tags: true }),
        ("/v2/metadata/app", container("app", Version::V3)),
        ("/v4/app/stats", Asked::Missing),
        ("/v4/app/task/stats", Asked::Missing),
        ("/v4/app/tasks/stats", Asked::Missing),
        ("/v3/app/associations/elastic-inference/x", Asked::Missing),
        ("/v2/stats", Asked::Missing),
        ("/v2/stats/app", Asked::Missing),
        ("/api/app/task-protection/v1/state", Asked::Missing),
        ("/api/app/fault/v1/network-latency/status", Asked::Missing),
    ] {
        assert_eq!(read(path), Ok(asked), "{path}");
        assert!(owns(path), "{path}");
    }
    for path in
        ["/v4", "/v4/", "/v3/", "/v4/app/Task", "/v4/app/task/x", "/v3/app/tasks", "/v2/metadata/a/b", "/v4/%ff"]
    {
        assert_eq!(read(path), Err(Refusal::Path), "{path}");
        assert!(owns(path), "{path}");
    }
    for path in ["/", "", "/v2", "/v2/credentials/prod", "/v1/credentials", "/creds/v4/x", "/latest/meta-data", "/v5/x"]
    {
        assert_eq!(read(path), Err(Refusal::Path), "{path}");
        assert!(!owns(path), "{path}");
    }
}

#[test]
fn c44_the_defaults_are_those_that_the_documents_tell_of() {
    let documents = documents(json!({}));
    let id = "192e8f4e5cad6a2d79251efdd573c2c933ce21d4a5dc3ae1c717ab9227042cb0";
    assert_eq!(documents.container_id(), id);
    let task_arn = "arn:aws:ecs:eu-west-1:111122223333:task/credenza/9881b8b9e60569b0fee4f2914acd23f3";
    let container_arn = "arn:aws:ecs:eu-west-1:111122223333:container/credenza/9881b8b9e60569b0fee4f2914acd23f3/\
                         3cc16a75-c1b7-b10c-7186-fe4f928849bd";
    let expected = json!({
        "DockerId": id,
        "Name": "app",
        "DockerName": "app",
        "Image": "localhost/app:latest",
        "ImageID": "sha256:19ebd3595a090c272b9871f0dde1110eaf30b5663f1ae5dd22ccbb4d93d91026",
        "Labels": {
            "com.amazonaws.ecs.cluster": "credenza",
            "com.amazonaws.ecs.container-name": "app",
            "com.amazonaws.ecs.task-arn": task_arn,
            "com.amazonaws.ecs.task-definition-family": "my-prod-eu",
            "com.amazonaws.ecs.task-definition-version": "1",
        },
        "DesiredStatus": "RUNNING",
        "KnownStatus": "RUNNING",
        "Limits": { "CPU": 2, "Memory": 0 },
        "Type": "NORMAL",
        "Networks": [{ "NetworkMode": "awsvpc", "IPv4Addresses": ["127.0.0.1"] }],
        "ContainerARN": container_arn,
    });
    assert_eq!(said(&format!("/v4/{id}"), &documents, &facts()), expected);
    let task = json!({
        "Cluster": "credenza",
        "TaskARN": task_arn,
        "Family": "my-prod-eu",
        "Revision": "1",
        "DesiredStatus": "RUNNING",
        "KnownStatus": "RUNNING",
        "Containers": [expected],
        "AvailabilityZone": "eu-west-1a",
        "LaunchType": "FARGATE",
        "FaultInjectionEnabled": false,
    });
    assert_eq!(said("/v4/app/task", &documents, &facts()), task);
    assert_eq!(said("/v4/app/taskWithTags", &documents, &facts()), task);
    assert_eq!(said("/v4/app/tasks", &documents, &facts()), json!([task]));
}

#[test]
fn c44_version_3_has_the_members_of_version_2() {
    let documents = documents(everything());
    let task = said("/v3/web/task", &documents, &facts());
    let container = said("/v3/web", &documents, &facts());
    assert_eq!(task["Containers"][0], container);
    assert_eq!(said("/v2/metadata", &documents, &facts()), task);
    assert_eq!(said("/v2/metadata/web", &documents, &facts()), container);
    let members = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(
        members(&task),
        "AvailabilityZone Cluster Containers DesiredStatus ExecutionStoppedAt Family KnownStatus Limits PullStartedAt \
         PullStoppedAt Revision TaskARN"
    );
    assert_eq!(
        members(&container),
        "CreatedAt DesiredStatus DockerId DockerName ExitCode FinishedAt Health Image ImageID KnownStatus Labels Limits Name \
         Networks Ports StartedAt Type Volumes"
    );
    assert_eq!(members(&container["Networks"][0]), "IPv4Addresses IPv6Addresses NetworkMode");
    assert_eq!(members(&container["Ports"][0]), "ContainerPort HostPort Protocol");
}

#[test]
fn tags_are_said_where_they_are_asked_for_and_configured() {
    let tagged = documents(json!({"TaskTags": {"team": "pay"}, "ContainerInstanceTags": {}}));
    for version in ["v3", "v4"] {
        let task = said(&format!("/{version}/app/taskWithTags"), &tagged, &facts());
        assert_eq!((&task["TaskTags"], task.get("ContainerInstanceTags")), (&json!({"team": "pay"}), None));
        assert_eq!(said(&format!("/{version}/app/task"), &tagged, &facts()).get("TaskTags"), None);
    }
}

#[test]
fn what_is_configured_lies_over_the_defaults() {
    let documents = documents(json!({
        "Cluster": "arn:aws:ecs:eu-west-1:111122223333:cluster/shop",
        "Family": "web",
        "AvailabilityZone": "",
        "Containers": [
            {"Name": "web", "Labels": {"tier": "front"}, "Limits": {"CPU": 256.0}, "LogDriver": "awslogs"},
            {"Name": "side", "DockerId": "4711", "Networks": [], "CreatedAt": "2026-11-21T23:04:16.120+01:00"},
        ],
    }));
    let task = said("/v4/web/task", &documents, &facts());
    assert_eq!(task["Cluster"], "arn:aws:ecs:eu-west-1:111122223333:cluster/shop");
    assert!(task["TaskARN"].as_str().unwrap().contains(":task/shop/"), "{task}");
    assert_eq!((task.get("AvailabilityZone"), &task["Revision"]), (None, &json!("1")));
    let [web, side] = [&task["Containers"][0], &task["Containers"][1]];
    assert_eq!(
        (&web["Labels"]["tier"], &web["Labels"]["com.amazonaws.ecs.container-name"]),
        (&"front".into(), &"web".into())
    );
    assert_eq!(web["Labels"]["com.amazonaws.ecs.task-definition-family"], "web");
    assert_eq!(web["Limits"].to_string(), r#"{"CPU":256,"Memory":0}"#);
    assert_eq!((&side["DockerId"], side.get("Networks")), (&json!("4711"), None));
    assert_eq!(side["CreatedAt"], "2026-11-21T22:04:16.12Z");
    assert_ne!(web["ContainerARN"], side["ContainerARN"]);
    assert_eq!(said("/v4/4711", &documents, &facts()), *side);
    assert_eq!(said("/v4/side", &documents, &facts()), *side);
    assert_eq!(web["DockerId"], documents.container_id());
}

#[test]
fn what_follows_from_a_configured_arn_follows_it() {
    let documents = documents(json!({"TaskARN": "arn:aws:ecs:ap-south-1:999999999999:task/shop/4711"}));
    let task = said("/v4/app/task", &documents, &facts());
    let container = &task["Containers"][0];
    assert_eq!(task["AvailabilityZone"], "ap-south-1a");
    let arn = container["ContainerARN"].as_str().unwrap();
    assert!(arn.starts_with("arn:aws:ecs:ap-south-1:999999999999:container/shop/4711/"), "{arn}");
    assert_eq!(container["Labels"]["com.amazonaws.ecs.task-arn"], task["TaskARN"]);
}

#[test]
fn names_stay_the_same_and_differ_from_each_other() {
    let first = documents(json!({}));
    assert_eq!(first.container_id(), documents(json!({"Family": "web"})).container_id());
    assert_ne!(first.container_id(), documents(json!({"Containers": [{"Name": "web"}]})).container_id());
    let arn = |identity: &str| {
        said("/v4/app/task", &first, &TaskFacts { identity: identity.into(), ..facts() })["TaskARN"].to_string()
    };
    assert_eq!(arn("a"), arn("a"));
    assert_ne!(arn("a"), arn("b"));
}

#[test]
fn arns_are_whole_whatever_is_known() {
    for (account, region, start, zone) in [
        (Some("111122223333"), Some("cn-north-1"), "arn:aws-cn:ecs:cn-north-1:111122223333:task/", "cn-north-1a"),
        (
            Some("111122223333"),
            Some("us-gov-west-1"),
            "arn:aws-us-gov:ecs:us-gov-west-1:111122223333:task/",
            "us-gov-west-1a",
        ),
        (Some("111122223333"), None, "arn:aws:ecs:us-east-1:111122223333:task/", "us-east-1a"),
        (None, Some("eu-west-1"), "arn:aws:ecs:eu-west-1:000000000000:task/", "eu-west-1a"),
        (Some("1234"), Some("eu west"), "arn:aws:ecs:us-east-1:000000000000:task/", "us-east-1a"),
    ] {
        let facts = TaskFacts {
            account: account.map(str::to_owned),
            region: region.map(str::to_owned),
            identity: String::new(),
        };
        let task = said("/v4/app/task", &documents(json!({})), &facts);
        let arn = task["TaskARN"].as_str().unwrap();
        assert!(arn.starts_with(start), "{arn}");
        assert_eq!((&task["AvailabilityZone"], &task["Family"]), (&json!(zone), &json!("credenza")));
    }
}

#[test]
fn c44_what_detectors_of_opentelemetry_read_is_there() {
    // AwsEcsDetector of @opentelemetry/resource-detector-aws: one that fails to match loses the whole detection
    let documents = documents(json!({}));
    let container = said(&format!("/v4/{}", documents.container_id()), &documents, &facts());
    let task = said(&format!("/v4/{}/task", documents.container_id()), &documents, &facts());
    for arn in [&task["TaskARN"], &container["ContainerARN"]] {
        let parts: Vec<&str> = arn.as_str().unwrap().splitn(6, ':').collect();
        assert_eq!(parts[..5], ["arn", "aws", "ecs", "eu-west-1", "111122223333"]);
    }
    for member in ["LaunchType", "Cluster", "Family", "Revision", "AvailabilityZone"] {
        assert!(task[member].as_str().is_some_and(|text| !text.is_empty()), "{member}");
    }
}

#[test]
fn c44_a_decoder_with_the_types_of_datadog_takes_every_document() {
    for overrides in [json!({}), everything()] {
        let documents = documents(overrides);
        let id = documents.container_id();
        for version in ["v3", "v4"] {
            let task = said(&format!("/{version}/{id}/taskWithTags"), &documents, &facts());
            let task: DatadogTask = serde_json::from_value(task).unwrap();
            assert_eq!(task.revision, "1");
            let container: DatadogContainer =
                serde_json::from_value(said(&format!("/{version}/{id}"), &documents, &facts())).unwrap();
            assert_eq!((&*container.docker_id, &container.limits["CPU"]), (id, &2));
        }
    }
}

#[test]
fn c45_what_is_not_there_is_404_and_a_json_string() {
    let documents = documents(json!({}));
    let absent = [
        "/v4/app/stats",
        "/v4/app/task/stats",
        "/v3/app/stats",
        "/v2/stats",
        "/v4/other",
        "/v4/other/task",
        "/v4/other/tasks",
        "/v3/other/taskWithTags",
        "/v2/metadata/other",
        "/v4",
        "/v4/app/nothing",
        "/api/app/task-protection/v1/state",
    ];
    for path in absent {
        let refusal = read(path).and_then(|asked| write(&asked, &documents, &facts())).unwrap_err();
        let answer = refuse(&refusal);
        assert_eq!((answer.status, answer.form), (StatusCode::NOT_FOUND, Form::Json), "{path}");
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        assert!(body.is_string(), "{path}: {body}");
    }
}

#[test]
fn refusals_keep_their_status_and_their_words() {
    let failed = Refusal::Failed(Failure::new(FailureClass::TryLater, "Pending", "ask again\nsoon"));
    for (refusal, status, words) in [
        (Refusal::ForeignPeer, 403, "peers"),
        (Refusal::UnknownNeighbour, 403, "neighbours"),
        (Refusal::Host, 403, "Host"),
        (Refusal::Browser, 403, "browser"),
        (Refusal::Method, 405, "GET or HEAD"),
        (Refusal::Malformed("two Host headers"), 400, "two Host headers"),
        (Refusal::Path, 404, "ECS_CONTAINER_METADATA_URI_V4"),
        (failed, 503, "ask again soon"),
        (Refusal::Bug("inside"), 500, "credenza logs"),
    ] {
        let answer = refuse(&refusal);
        assert_eq!((answer.status.as_u16(), answer.form), (status, Form::Json), "{refusal:?}");
        assert_eq!(answer.allow.is_some(), status == 405);
        let body: String = serde_json::from_slice(&answer.body).unwrap();
        assert!(body.contains(words), "{body}");
    }
}

#[test]
fn what_cannot_be_is_told_by_its_member() {
    for (overrides, error) in [
        (json!({"Famly": "web"}), "unknown member `Famly`: did you mean `Family`?"),
        (json!({"taskArn": "x"}), "unknown member `taskArn`: did you mean `TaskARN`?"),
        (json!({"Limits": {"Disk": 1}}), "unknown member `Limits.Disk`: known are CPU, Memory"),
        (json!({"Revision": 3}), "`Revision` is 3, and a string is wanted"),
        (json!({"Limits": {"CPU": "1"}}), "`Limits.CPU` is a string, and a number of at least 0 is wanted"),
        (json!({"Limits": {"Memory": -1}}), "`Limits.Memory` is -1, and a whole number of at least 0 is wanted"),
        (
            json!({"Containers": [{}, {"Limits": {"CPU": 0.5}}]}),
            "`Containers[1].Limits.CPU` is 0.5, and a whole number of at least 0 is wanted",
        ),
        (
            json!({"Containers": [{"Ports": [{"HostPort": 65536}]}]}),
            "`Containers[0].Ports[0].HostPort` is 65536, and a whole number from 0 to 65535 is wanted",
        ),
        (json!({"Containers": {}}), "`Containers` is a table, and an array is wanted"),
        (json!({"Containers": ["app"]}), "`Containers[0]` is a string, and a table is wanted"),
        (json!({"TaskTags": {"team": true}}), "`TaskTags.team` is a boolean, and a string is wanted"),
        (json!({"FaultInjectionEnabled": "no"}), "`FaultInjectionEnabled` is a string, and a boolean is wanted"),
        (
            json!({"PullStartedAt": "yesterday"}),
            "`PullStartedAt` is a string, and a time such as \"2026-11-21T22:04:16.123456789Z\" is wanted",
        ),
        (json!({"Cluster": null}), "`Cluster` is nothing, and a string is wanted"),
        (json!({"Containers": [{}, {}]}), "two of `Containers` are called app: give each a `Name` of its own"),
        (
            json!({"Containers": [{"Name": "a/b"}]}),
            "`Containers[0].Name` stands in addresses: letters, digits, `-`, `_` and `.`, at least one",
        ),
    ] {
        assert_eq!(Documents::new(overrides.as_object().unwrap()).unwrap_err(), error);
    }
}

/// Every member that there is.
fn everything() -> Value {
    json!({
        "TaskTags": {"team": "pay"},
        "ContainerInstanceTags": {"rack": "1"},
        "Limits": {"CPU": 0.25, "Memory": 512},
        "PullStartedAt": "2026-11-21T22:04:16.123456789Z",
        "PullStoppedAt": "2026-11-21T22:04:17Z",
        "ExecutionStoppedAt": "2026-11-21T22:04:18Z",
        "Errors": [{
            "ErrorField": "TaskTags", "ErrorCode": "AccessDenied", "ErrorMessage": "no", "StatusCode": 400, "RequestId": "1",
            "ResourceARN": "arn",
        }],
        "VPCID": "vpc-1",
        "ServiceName": "web",
        "Group": "service:web",
        "ClockDrift": {
            "ClockErrorBound": 0.5, "ReferenceTimestamp": "2026-11-21T22:04:16Z", "ClockSynchronizationStatus": "SYNCHRONIZED",
        },
        "EphemeralStorageMetrics": {"Utilized": 261, "Reserved": 20496},
        "FaultInjectionEnabled": true,
        "AvailabilityZoneID": "euw1-az1",
        "Containers": [{
            "Name": "web",
            "Ports": [{"ContainerPort": 80, "HostPort": 8080, "Protocol": "tcp", "HostIp": "0.0.0.0"}],
            "ExitCode": 0,
            "CreatedAt": "2026-11-21T22:04:16Z",
            "StartedAt": "2026-11-21T22:04:16Z",
            "FinishedAt": "2026-11-21T22:04:16Z",
            "Networks": [{
                "NetworkMode": "awsvpc", "IPv4Addresses": ["10.0.0.2"], "IPv6Addresses": ["fd00::2"], "AttachmentIndex": 0,
                "MACAddress": "0e:9e:32:c7:48:85", "IPv4SubnetCIDRBlock": "10.0.0.0/24", "IPv6SubnetCIDRBlock": "fd00::/64",
                "DomainNameServers": ["10.0.0.1"], "DomainNameSearchList": ["x.internal"], "PrivateDNSName": "ip-10-0-0-2",
                "SubnetGatewayIpv4Address": "10.0.0.1/24", "SubnetGatewayIpv6Address": "fd00::1/64",
            }],
            "Health": {"status": "HEALTHY", "statusSince": "2026-11-21T22:04:16Z", "exitCode": 0, "output": "ok"},
            "Volumes": [{"DockerName": "data", "Source": "/a", "Destination": "/b"}],
            "LogDriver": "awslogs",
            "LogOptions": {"awslogs-group": "/ecs/web", "awslogs-region": "eu-west-1", "awslogs-stream": "web/1"},
            "Snapshotter": "overlayfs",
            "RestartCount": 1,
        }],
    })
}

/// Task of datadog-agent's `pkg/util/ecs/metadata/v3or4/types.go`, as Go decodes it: what is missing is empty.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[allow(dead_code)]
struct DatadogTask {
    cluster: String,
    containers: Vec<DatadogContainer>,
    known_status: String,
    #[serde(rename = "TaskARN")]
    task_arn: String,
    family: String,
    revision: String,
    limits: HashMap<String, f64>,
    desired_status: String,
    launch_type: String,
    container_instance_tags: HashMap<String, String>,
    task_tags: HashMap<String, String>,
    ephemeral_storage_metrics: HashMap<String, i64>,
    service_name: String,
    group: String,
    #[serde(rename = "VPCID")]
    vpc_id: String,
    pull_started_at: String,
    pull_stopped_at: String,
    execution_stopped_at: String,
    availability_zone: String,
    errors: Vec<DatadogError>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[allow(dead_code)]
struct DatadogError {
    error_field: String,
    error_code: String,
    error_message: String,
    status_code: i64,
    request_id: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[allow(dead_code)]
struct DatadogContainer {
    name: String,
    limits: HashMap<String, u64>,
    #[serde(rename = "ImageID")]
    image_id: String,
    started_at: String,
    docker_name: String,
    r#type: String,
    image: String,
    labels: HashMap<String, String>,
    known_status: String,
    desired_status: String,
    // `DockerID` there: Go takes names in any case
    docker_id: String,
    created_at: String,
    networks: Vec<DatadogNetwork>,
    ports: Vec<DatadogPort>,
    log_driver: String,
    log_options: HashMap<String, String>,
    #[serde(rename = "ContainerARN")]
    container_arn: String,
    health: Option<DatadogHealth>,
    volumes: Vec<HashMap<String, String>>,
    exit_code: Option<i64>,
    snapshotter: String,
    restart_count: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[allow(dead_code)]
struct DatadogHealth {
    status: String,
    status_since: String,
    exit_code: Option<i64>,
    output: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[allow(dead_code)]
struct DatadogNetwork {
    network_mode: String,
    #[serde(rename = "IPv4Addresses")]
    ipv4_addresses: Vec<String>,
    #[serde(rename = "IPv6Addresses")]
    ipv6_addresses: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[allow(dead_code)]
struct DatadogPort {
    container_port: u16,
    protocol: String,
    host_port: u16,
    host_ip: String,
}
