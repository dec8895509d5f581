//! What the documents may hold: every member with its type, as amazon-ecs-agent declares them
//! (`ecs-agent/tmds/handlers/v4/state/response.go`, `v2/response.go`, `response/response.go`).
//!
//! A table instead of Rust types: it names the member that is wrong, leaves out what the agent leaves out, and tells the
//! versions apart. Called by the [`Documents`](super::Documents) alone.

use serde_json::{Map, Number, Value};

use super::Version;

/// The type of a value.
pub(super) enum Shape {
    Text,
    Flag,
    /// RFC 3339; written in UTC, with as many digits of a second as it has.
    Time,
    /// Go's `float64`, which is written without a fraction where it has none: Datadog reads a container's as an integer.
    Number,
    Whole,
    Port,
    /// An object of texts, under any names.
    Texts,
    List(&'static Shape),
    Object(&'static [Member]),
}

/// A member of an object.
pub(super) struct Member {
    name: &'static str,
    shape: Shape,
    since: Version,
    /// It is there even if it is empty. Others are left out then: Go's `omitempty`.
    always: bool,
}

impl Member {
    const fn new(name: &'static str, shape: Shape) -> Self {
        Self { name, shape, since: Version::V3, always: false }
    }

    const fn v4(name: &'static str, shape: Shape) -> Self {
        Self { name, shape, since: Version::V4, always: false }
    }

    const fn always(self) -> Self {
        // `..self` would drop a part of it, which a const function may not
        let mut member = self;
        member.always = true;
        member
    }
}

/// The whole document of a task.
pub(super) const TASK: Shape = Shape::Object(&[
    Member::new("Cluster", Shape::Text).always(),
    Member::new("TaskARN", Shape::Text).always(),
    Member::new("Family", Shape::Text).always(),
    Member::new("Revision", Shape::Text).always(),
    Member::new("DesiredStatus", Shape::Text),
    Member::new("KnownStatus", Shape::Text).always(),
    Member::new("Containers", Shape::List(&CONTAINER)),
    Member::new("Limits", Shape::Object(LIMITS)),
    Member::new("PullStartedAt", Shape::Time),
    Member::new("PullStoppedAt", Shape::Time),
    Member::new("ExecutionStoppedAt", Shape::Time),
    Member::new("AvailabilityZone", Shape::Text),
    Member::new("TaskTags", Shape::Texts),
    Member::new("ContainerInstanceTags", Shape::Texts),
    Member::v4("LaunchType", Shape::Text),
    Member::v4(
        "Errors",
        Shape::List(&Shape::Object(&[
            Member::new("ErrorField", Shape::Text),
            Member::new("ErrorCode", Shape::Text),
            Member::new("ErrorMessage", Shape::Text),
            Member::new("StatusCode", Shape::Whole),
            Member::new("RequestId", Shape::Text),
            Member::new("ResourceARN", Shape::Text),
        ])),
    ),
    Member::v4("VPCID", Shape::Text),
    Member::v4("ServiceName", Shape::Text),
    Member::v4("Group", Shape::Text),
    Member::v4(
        "ClockDrift",
        Shape::Object(&[
            Member::new("ClockErrorBound", Shape::Number),
            Member::new("ReferenceTimestamp", Shape::Time),
            Member::new("ClockSynchronizationStatus", Shape::Text),
        ]),
    ),
    Member::v4(
        "EphemeralStorageMetrics",
        Shape::Object(&[Member::new("Utilized", Shape::Whole), Member::new("Reserved", Shape::Whole)]),
    ),
    Member::v4("FaultInjectionEnabled", Shape::Flag).always(),
    Member::v4("AvailabilityZoneID", Shape::Text),
]);

/// The document of a container.
pub(super) const CONTAINER: Shape = Shape::Object(&[
    Member::new("DockerId", Shape::Text).always(),
    Member::new("Name", Shape::Text).always(),
    Member::new("DockerName", Shape::Text).always(),
    Member::new("Image", Shape::Text).always(),
    Member::new("ImageID", Shape::Text).always(),
    Member::new(
        "Ports",
        Shape::List(&Shape::Object(&[
            Member::new("ContainerPort", Shape::Port),
            Member::new("Protocol", Shape::Text),
            Member::new("HostPort", Shape::Port),
            Member::v4("HostIp", Shape::Text),
        ])),
    ),
    Member::new("Labels", Shape::Texts),
    Member::new("DesiredStatus", Shape::Text).always(),
    Member::new("KnownStatus", Shape::Text).always(),
    Member::new("ExitCode", Shape::Whole),
    // whole numbers both: the agent makes its float from one, and Datadog reads one
    Member::new("Limits", Shape::Object(&[Member::new("CPU", Shape::Whole), Member::new("Memory", Shape::Whole)]))
        .always(),
    Member::new("CreatedAt", Shape::Time),
    Member::new("StartedAt", Shape::Time),
    Member::new("FinishedAt", Shape::Time),
    Member::new("Type", Shape::Text).always(),
    Member::new(
        "Networks",
        Shape::List(&Shape::Object(&[
            Member::new("NetworkMode", Shape::Text),
            Member::new("IPv4Addresses", Shape::List(&Shape::Text)),
            Member::new("IPv6Addresses", Shape::List(&Shape::Text)),
            Member::v4("AttachmentIndex", Shape::Whole),
            Member::v4("MACAddress", Shape::Text),
            Member::v4("IPv4SubnetCIDRBlock", Shape::Text),
            Member::v4("IPv6SubnetCIDRBlock", Shape::Text),
            Member::v4("DomainNameServers", Shape::List(&Shape::Text)),
            Member::v4("DomainNameSearchList", Shape::List(&Shape::Text)),
            Member::v4("PrivateDNSName", Shape::Text),
            Member::v4("SubnetGatewayIpv4Address", Shape::Text),
            Member::v4("SubnetGatewayIpv6Address", Shape::Text),
        ])),
    ),
    Member::new(
        "Health",
        Shape::Object(&[
            Member::new("status", Shape::Text),
            Member::new("statusSince", Shape::Time),
            Member::new("exitCode", Shape::Whole),
            Member::new("output", Shape::Text),
        ]),
    ),
    Member::new(
        "Volumes",
        Shape::List(&Shape::Object(&[
            Member::new("DockerName", Shape::Text),
            Member::new("Source", Shape::Text),
            Member::new("Destination", Shape::Text),
        ])),
    ),
    Member::v4("LogDriver", Shape::Text),
    Member::v4("LogOptions", Shape::Texts),
    Member::v4("ContainerARN", Shape::Text),
    Member::v4("Snapshotter", Shape::Text),
    Member::v4("RestartCount", Shape::Whole),
]);

const LIMITS: &[Member] = &[Member::new("CPU", Shape::Number), Member::new("Memory", Shape::Whole)];

/// Whether a value has this shape, as far as it goes: no member must be there. Else one sentence, in which `at` is where the
/// value stands, such as `Containers[0].Limits`.
pub(super) fn check(value: &Value, shape: &Shape, at: &str) -> Result<(), String> {
    let good = match (shape, value) {
        (Shape::Text, Value::String(_)) | (Shape::Flag, Value::Bool(_)) => true,
        (Shape::Time, Value::String(text)) => text.parse::<jiff::Timestamp>().is_ok(),
        (Shape::Number, Value::Number(number)) => number.as_f64().is_some_and(|number| number >= 0.0),
        (Shape::Whole, Value::Number(number)) => whole(number).is_some_and(|number| i64::try_from(number).is_ok()),
        (Shape::Port, Value::Number(number)) => whole(number).is_some_and(|number| u16::try_from(number).is_ok()),
        (Shape::Texts, Value::Object(texts)) => {
            return texts.iter().try_for_each(|(name, text)| check(text, &Shape::Text, &format!("{at}.{name}")));
        }
        (Shape::List(shape), Value::Array(values)) => {
            let mut numbered = values.iter().enumerate();
            return numbered.try_for_each(|(index, value)| check(value, shape, &format!("{at}[{index}]")));
        }
        (Shape::Object(members), Value::Object(object)) => return check_members(object, members, at),
        _ => false,
    };
    if good {
        return Ok(());
    }
    Err(format!("`{at}` is {}, and {} is wanted", found(value), wanted(shape)))
}

fn check_members(object: &Map<String, Value>, members: &[Member], at: &str) -> Result<(), String> {
    object.iter().try_for_each(|(name, value)| {
        let at = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
        match members.iter().find(|member| member.name == name) {
            Some(member) => check(value, &member.shape, &at),
            None => Err(match nearest(name, members) {
                Some(nearest) => format!("unknown member `{at}`: did you mean `{nearest}`?"),
                None => format!("unknown member `{at}`: known are {}", names(members).collect::<Vec<_>>().join(", ")),
            }),
        }
    })
}

/// The member that was probably meant: the same word in other letters, or one that is nearly the same.
fn nearest(name: &str, members: &[Member]) -> Option<&'static str> {
    let same = names(members).find(|known| known.eq_ignore_ascii_case(name));
    let distances = names(members).map(|known| (strsim::damerau_levenshtein(known, name), known));
    let near = distances.min().filter(|(distance, known)| *distance <= known.len().max(name.len()) / 3);
    same.or(near.map(|(_, known)| known))
}

fn names(members: &[Member]) -> impl Iterator<Item = &'static str> {
    members.iter().map(|member| member.name)
}

fn found(value: &Value) -> String {
    match value {
        Value::Null => "nothing".into(),
        Value::Bool(_) => "a boolean".into(),
        Value::Number(number) => number.to_string(),
        Value::String(_) => "a string".into(),
        Value::Array(_) => "an array".into(),
        Value::Object(_) => "a table".into(),
    }
}

fn wanted(shape: &Shape) -> &'static str {
    match shape {
        Shape::Text => "a string",
        Shape::Flag => "a boolean",
        Shape::Time => "a time such as \"2026-11-21T22:04:16.123456789Z\"",
        Shape::Number => "a number of at least 0",
        Shape::Whole => "a whole number of at least 0",
        Shape::Port => "a whole number from 0 to 65535",
        Shape::Texts => "a table of strings",
        Shape::List(_) => "an array",
        Shape::Object(_) => "a table",
    }
}

/// A value that [`check`] has passed, as a version writes it: without the members of later versions, and without what is
/// empty and may be left out.
pub(super) fn written(value: &Value, shape: &Shape, version: Version) -> Value {
    match (shape, value) {
        (Shape::Time, Value::String(text)) => match text.parse::<jiff::Timestamp>() {
            Ok(time) => time.to_string().into(),
            Err(_) => value.clone(),
        },
        (Shape::Number | Shape::Whole | Shape::Port, Value::Number(number)) => {
            whole(number).map_or_else(|| value.clone(), Value::from)
        }
        (Shape::List(shape), Value::Array(values)) => {
            values.iter().map(|value| written(value, shape, version)).collect::<Vec<_>>().into()
        }
        (Shape::Object(members), Value::Object(object)) => {
            let said = members.iter().filter(|member| member.since <= version).filter_map(|member| {
                let value = written(object.get(member.name)?, &member.shape, version);
                (member.always || !is_empty(&value)).then(|| (member.name.to_owned(), value))
            });
            Value::Object(said.collect())
        }
        _ => value.clone(),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}

/// A number without a fraction that is not below 0, however it was written: 256 and 256.0.
fn whole(number: &Number) -> Option<u64> {
    // below 2^53 every whole number is a float of its own
    let from_float = |float: f64| (float.fract() == 0.0 && (0.0..9e15).contains(&float)).then_some(float as u64);
    number.as_u64().or_else(|| number.as_f64().and_then(from_float))
}
