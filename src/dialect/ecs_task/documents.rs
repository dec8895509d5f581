//! [`Documents`]: what is said of the task and its containers: defaults, and over them what is configured.
//!
//! The defaults say what a detector needs and nothing that is not so: the account and the region are the identity's, the
//! address is loopback's, there are no limits and no times. Names are made from the identity's, so that they stay the same.

use serde_json::{Map, Value, json};

use super::{Version, shape};

/// What is known of the identity that is served.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskFacts {
    /// Such as `111122223333`. Where it is not known the ARNs say `000000000000`.
    pub account: Option<String>,
    /// Such as `eu-west-1`. Where it is not known the ARNs say `us-east-1`.
    pub region: Option<String>,
    /// Its name, such as `prod`.
    pub identity: String,
}

/// The documents of one listener.
#[derive(Clone, Debug)]
pub struct Documents {
    /// What is configured of the task, without its containers.
    task: Map<String, Value>,
    /// What is configured of each container, at least of one; each with its `Name` and `DockerId`.
    containers: Vec<Map<String, Value>>,
}

impl Documents {
    /// Documents that differ from the defaults in these members, by the names of version 4. Objects are merged, all else is
    /// replaced, and each of `Containers` is laid over the default container. Fails with one sentence that names the member.
    ///
    /// ```
    /// use credenza::dialect::ecs_task::Documents;
    /// let wrong = serde_json::json!({"Famly": "web"});
    /// let error = Documents::new(wrong.as_object().unwrap()).unwrap_err();
    /// assert_eq!(error, "unknown member `Famly`: did you mean `Family`?");
    /// ```
    pub fn new(overrides: &Map<String, Value>) -> Result<Self, String> {
        let mut task = overrides.clone();
        shape::check(&Value::Object(overrides.clone()), &shape::TASK, "")?;
        let mut containers: Vec<Map<String, Value>> = match task.remove("Containers") {
            Some(Value::Array(containers)) if !containers.is_empty() => {
                containers.into_iter().filter_map(object).collect()
            }
            _ => vec![Map::new()],
        };
        let mut taken: Vec<String> = Vec::new();
        for (index, container) in containers.iter_mut().enumerate() {
            let name = text(container, "Name").unwrap_or("app").to_owned();
            let id = text(container, "DockerId").map_or_else(|| hex(&["container", &name], 64), str::to_owned);
            for (member, word) in [("Name", &name), ("DockerId", &id)] {
                let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
                if word.is_empty() || !word.chars().all(plain) {
                    return Err(format!(
                        "`Containers[{index}].{member}` stands in addresses: letters, digits, `-`, `_` and `.`, at least one"
                    ));
                }
                if taken.contains(word) {
                    return Err(format!("two of `Containers` are called {word}: give each a `Name` of its own"));
                }
            }
            container.insert("Name".into(), name.clone().into());
            container.insert("DockerId".into(), id.clone().into());
            taken.extend([name, id]);
        }
        Ok(Self { task, containers })
    }

    /// The `DockerId` of the first container: `ECS_CONTAINER_METADATA_URI_V4` is `http://ADDRESS/v4/` and this.
    pub fn container_id(&self) -> &str {
        self.containers.first().and_then(|container| text(container, "DockerId")).unwrap_or_default()
    }

    /// Whether there is such a container, by `DockerId` or `Name`.
    pub(super) fn has(&self, container: &str) -> bool {
        self.containers.iter().any(|known| goes_by(known, container))
    }

    /// The document of a container.
    pub(super) fn container(&self, container: &str, version: Version, facts: &TaskFacts) -> Option<Value> {
        let found = self.containers.iter().find(|known| goes_by(known, container))?;
        let container = container_of(&self.task_alone(facts), found);
        Some(shape::written(&Value::Object(container), &shape::CONTAINER, version))
    }

    /// The document of the task.
    pub(super) fn task(&self, version: Version, tags: bool, facts: &TaskFacts) -> Value {
        let mut task = self.task_alone(facts);
        let containers = self.containers.iter().map(|container| Value::Object(container_of(&task, container)));
        let containers = containers.collect();
        task.insert("Containers".into(), Value::Array(containers));
        if !tags {
            task.remove("TaskTags");
            task.remove("ContainerInstanceTags");
        }
        shape::written(&Value::Object(task), &shape::TASK, version)
    }

    /// The members of the task, all but its containers.
    fn task_alone(&self, facts: &TaskFacts) -> Map<String, Value> {
        let region = facts.region.as_deref().filter(|region| is_region(region)).unwrap_or("us-east-1");
        let account = facts.account.as_deref().filter(|account| is_account(account)).unwrap_or("000000000000");
        let cluster = text(&self.task, "Cluster").unwrap_or("credenza");
        // a cluster's name or its ARN
        let cluster_name = cluster.rsplit('/').next().unwrap_or(cluster);
        let id = hex(&["task", &facts.identity], 32);
        let arn = format!("arn:{}:ecs:{region}:{account}:task/{cluster_name}/{id}", partition(region));
        let arn = text(&self.task, "TaskARN").unwrap_or(&arn);
        // where an ARN is configured, the zone is one of its region
        let region = arn.split(':').nth(3).filter(|region| !region.is_empty()).unwrap_or(region);
        let defaults = json!({
            "Cluster": cluster,
            "TaskARN": arn,
            "Family": family(&facts.identity),
            "Revision": "1",
            "DesiredStatus": "RUNNING",
            "KnownStatus": "RUNNING",
            "AvailabilityZone": format!("{region}a"),
            // of EC2, software would go on and look for the instance
            "LaunchType": "FARGATE",
            "FaultInjectionEnabled": false,
        });
        let mut task = object(defaults).unwrap_or_default();
        merge(&mut task, &self.task);
        task
    }
}

/// A container of this task: the defaults, and what is configured over them.
fn container_of(task: &Map<String, Value>, configured: &Map<String, Value>) -> Map<String, Value> {
    let of_task = |member| text(task, member).unwrap_or_default();
    let name = text(configured, "Name").unwrap_or_default();
    let image = text(configured, "Image").map_or_else(|| format!("localhost/{name}:latest"), str::to_owned);
    let arn = of_task("TaskARN").replacen(":task/", ":container/", 1);
    let defaults = json!({
        "DockerName": name,
        "Image": image,
        "ImageID": format!("sha256:{}", hex(&["image", &image], 64)),
        "Labels": {
            "com.amazonaws.ecs.cluster": of_task("Cluster"),
            "com.amazonaws.ecs.container-name": name,
            "com.amazonaws.ecs.task-arn": of_task("TaskARN"),
            "com.amazonaws.ecs.task-definition-family": of_task("Family"),
            "com.amazonaws.ecs.task-definition-version": of_task("Revision"),
        },
        "DesiredStatus": "RUNNING",
        "KnownStatus": "RUNNING",
        // what the agent says of a container without limits: two shares are Docker's least
        "Limits": { "CPU": 2, "Memory": 0 },
        "Type": "NORMAL",
        "Networks": [{ "NetworkMode": "awsvpc", "IPv4Addresses": ["127.0.0.1"] }],
        "ContainerARN": format!("{arn}/{}", uuid(&["container", &arn, name])),
    });
    let mut container = object(defaults).unwrap_or_default();
    merge(&mut container, configured);
    container
}

/// Lays members over others: objects into objects, all else in place of what was there.
fn merge(under: &mut Map<String, Value>, over: &Map<String, Value>) {
    for (name, value) in over {
        match (under.get_mut(name), value) {
            (Some(Value::Object(under)), Value::Object(over)) => merge(under, over),
            _ => {
                under.insert(name.clone(), value.clone());
            }
        }
    }
}

fn goes_by(container: &Map<String, Value>, name: &str) -> bool {
    ["DockerId", "Name"].iter().any(|member| text(container, member) == Some(name))
}

fn text<'m>(members: &'m Map<String, Value>, name: &str) -> Option<&'m str> {
    members.get(name).and_then(Value::as_str)
}

fn object(value: Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(members) => Some(members),
        _ => None,
    }
}

/// A task definition's family: letters, digits, `-` and `_`, at most 255 (Amazon ECS Developer Guide, "Task definition
/// parameters").
fn family(identity: &str) -> String {
    let letter = |letter: char| if letter.is_ascii_alphanumeric() || letter == '_' { letter } else { '-' };
    let family: String = identity.chars().map(letter).take(255).collect();
    if family.is_empty() { "credenza".into() } else { family }
}

fn is_account(account: &str) -> bool {
    account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_region(region: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !region.is_empty() && region.bytes().all(plain)
}

/// The partition of a region, as botocore's `partitions.json` tells them apart.
fn partition(region: &str) -> &'static str {
    let partitions = [
        ("cn-", "aws-cn"),
        ("us-gov-", "aws-us-gov"),
        ("us-iso-", "aws-iso"),
        ("us-isob-", "aws-iso-b"),
        ("eu-isoe-", "aws-iso-e"),
        ("us-isof-", "aws-iso-f"),
        ("eusc-", "aws-eusc"),
    ];
    partitions.iter().find(|(start, _)| region.starts_with(start)).map_or("aws", |(_, partition)| partition)
}

/// A name made from words, always the same for the same words: so many digits of their SHA-256.
fn hex(words: &[&str], digits: usize) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, words.join("\0").as_bytes());
    let hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    hex.chars().take(digits).collect()
}

/// The same in the form of a UUID, as the last part of a container's ARN.
fn uuid(words: &[&str]) -> String {
    let hex = hex(words, 32);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}
