//! [`Dialects`]: how a child finds its endpoint, where that is not by the container endpoint's address and token: the
//! instance metadata, the address of EKS Pod Identity, and the task metadata beside either.
//!
//! What clients take from which variable: `botocore/utils.py` (`IMDSFetcher`), the AWS SDKs and Tools Reference Guide ("IMDS
//! credential provider"), `object_store`'s `aws/builder.rs` (`AWS_METADATA_ENDPOINT`), and the ECS developer guide ("Amazon ECS
//! task metadata endpoint version 4").

use super::address;
use super::wiring::FULL_URI;
use crate::world::Environment;

/// By which dialects a child finds its endpoint: by ecs alone, unless something is set here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dialects {
    /// The instance metadata, in the place of ecs: `http://127.0.0.1:40124`.
    pub ec2: Option<String>,
    /// The path of EKS Pod Identity, in the place of ecs; the token is in a file then.
    pub pod_identity: bool,
    /// Where the task is described, beside whatever has the credentials: `http://127.0.0.1:40124/v4/ID`.
    pub task: Option<String>,
}

/// The base of the endpoint, for `credential --from-endpoint`, where no other variable says it in the form of ecs.
pub const ENDPOINT: &str = "CREDENZA_ENDPOINT";
/// Its token, where no other variable has it: the instance metadata takes none.
pub const ENDPOINT_TOKEN: &str = "CREDENZA_TOKEN";
/// The base of the metadata that was wired in, so that a nested command can tell it from what somebody wrote.
pub const METADATA: &str = "CREDENZA_METADATA";

/// What the instance metadata sets.
const EC2_SET: [&str; 3] = [EC2_ENDPOINT, "AWS_EC2_METADATA_V1_DISABLED", "AWS_METADATA_ENDPOINT"];
const EC2_ENDPOINT: &str = "AWS_EC2_METADATA_SERVICE_ENDPOINT";
/// What would keep a client from the instance metadata or lead it elsewhere. The first is removed and never set to `false`: to
/// the region lookup of the AWS SDK for JavaScript, whatever it holds means yes.
pub(super) const EC2_REMOVED: [&str; 3] =
    ["AWS_EC2_METADATA_DISABLED", "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "AWS_EC2_INSTANCE_PROFILE_NAME"];
const TASK_SET: [&str; 2] = [TASK_V4, "ECS_CONTAINER_METADATA_URI"];
const TASK_V4: &str = "ECS_CONTAINER_METADATA_URI_V4";

/// Every variable that a dialect but ecs may set or remove.
pub fn metadata() -> impl Iterator<Item = &'static str> {
    EC2_SET.into_iter().chain(EC2_REMOVED).chain(TASK_SET)
}

impl Dialects {
    /// Whether the child has the container endpoint's variables.
    pub fn has_container(&self) -> bool {
        self.pod_identity || self.ec2.is_none()
    }

    /// The container endpoint's address for an identity, on an endpoint of this base.
    pub fn full_uri(&self, base: &str, identity: &str) -> Option<String> {
        match self {
            Self { pod_identity: true, .. } => Some(address::pod_identity(base)),
            _ => self.has_container().then(|| address::url(base, identity)),
        }
    }

    /// Whether `credential --from-endpoint` is to be told the base by a variable of its own.
    pub fn hides_endpoint(&self) -> bool {
        self.pod_identity || self.ec2.is_some()
    }

    /// The base of the metadata, whichever there is.
    pub fn metadata_base(&self) -> Option<&str> {
        self.ec2.as_deref().or_else(|| Some(self.task.as_deref()?.split_once("/v4/")?.0))
    }

    /// What becomes of one of [`metadata`]: `None` where it is left as the user has it, `Some(None)` where it goes.
    pub fn variable(&self, name: &str) -> Option<Option<String>> {
        let value = match name {
            _ if EC2_REMOVED.contains(&name) => self.ec2.as_ref().map(|_| None)?,
            // AWS CLI v2 before 2.10 joins paths to it without a slash
            EC2_ENDPOINT => Some(format!("{}/", self.ec2.as_ref()?)),
            "AWS_METADATA_ENDPOINT" => Some(self.ec2.clone()?),
            "AWS_EC2_METADATA_V1_DISABLED" => self.ec2.as_ref().map(|_| Some("true".to_owned()))?,
            TASK_V4 => Some(self.task.clone()?),
            // as the ECS agent has it: both are there
            _ => Some(self.task.as_ref()?.replacen("/v4/", "/v3/", 1)),
        };
        Some(value)
    }
}

/// Whether a variable of [`metadata`] still holds what we wired into it.
pub(super) fn is_ours(environment: &Environment, name: &str) -> bool {
    let Some(base) = environment.text(METADATA) else { return false };
    let below = |name: &str, path: &str| {
        environment.text(name).and_then(|value| value.strip_prefix(base)).is_some_and(|rest| rest.starts_with(path))
    };
    match name {
        EC2_ENDPOINT => below(name, "/"),
        "AWS_METADATA_ENDPOINT" => environment.text(name) == Some(base),
        "AWS_EC2_METADATA_V1_DISABLED" => environment.text(name) == Some("true") && is_ours(environment, EC2_ENDPOINT),
        TASK_V4 => below(name, "/v4/"),
        "ECS_CONTAINER_METADATA_URI" => below(name, "/v3/"),
        _ => false,
    }
}

/// Whether one of the container endpoint's variables, which are three, is as we left it: its address is ours, or there is none because we removed it.
pub(super) fn is_our_container(environment: &Environment, name: &str) -> bool {
    let endpoint = environment.text(ENDPOINT);
    match environment.text(FULL_URI) {
        Some(url) => address::base_of(url).is_some() || endpoint.is_some_and(|base| url == address::pod_identity(base)),
        None => endpoint.is_some() && environment.raw(name).is_none(),
    }
}
