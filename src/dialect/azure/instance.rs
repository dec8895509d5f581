//! What an Azure virtual machine says of itself: `/metadata/instance` and what lies beside it.
//!
//! The document is that of Microsoft Learn, "Azure Instance Metadata Service", "Instance metadata": every value in it is a string,
//! what is not known an empty one, and no member is left out. Nothing in it is secret but what people write into `userData` and
//! tags. MSAL reads `compute/location` (`msal/region.py`), azcopy `compute/vmSize` (`performanceAdvisor.go`), cloud-init all of it.
//!
//! Called by the app, which makes it, and by the server.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::super::{Answer, Form};
use super::{Fault, Query, versions};

/// What the documents are made of.
#[derive(Clone)]
pub struct Facts {
    /// `AzurePublicCloud`, `AzureUSGovernmentCloud`, `AzureChinaCloud`.
    pub environment: &'static str,
    /// The tenant of the identity, where the configuration tells it.
    pub tenant: Option<String>,
    /// The subscription, where the configuration tells it.
    pub subscription: Option<String>,
    /// The listener's address.
    pub address: SocketAddr,
    /// What is said instead of the defaults: members of the document `compute`. What is written takes the place of what is there,
    /// member by member; a list takes the place of a whole list.
    pub compute: Map<String, Value>,
}

/// Everything that a listener says of its machine.
#[derive(Clone)]
pub struct InstanceMetadata {
    instance: Value,
    tenant: Option<String>,
}

impl InstanceMetadata {
    /// The documents that follow from the facts.
    pub fn new(facts: Facts) -> Self {
        let mut instance = defaults(&facts);
        merge(&mut instance["compute"], Value::Object(facts.compute));
        Self { instance: in_words(instance), tenant: facts.tenant }
    }

    /// The answer for a part of `/metadata/instance`, by the way to it: keys, in any case, and numbers from 0.
    ///
    /// # Errors
    ///
    /// [`Fault::NoElement`]; [`Fault::TextOnly`] and [`Fault::Format`] by the query's `format`.
    pub fn write(&self, way: &[Cow<'_, str>], query: &Query<'_>) -> Result<Answer, Fault> {
        let text = match query.value("format") {
            None => false,
            Some(format) if format.eq_ignore_ascii_case("json") => false,
            Some(format) if format.eq_ignore_ascii_case("text") => true,
            Some(_) => return Err(Fault::Format),
        };
        let found = way.iter().try_fold(&self.instance, |at, step| step_to(at, step)).ok_or(Fault::NoElement)?;
        match found {
            Value::Object(_) | Value::Array(_) if !text => Ok(json_answer(found)),
            Value::Object(_) | Value::Array(_) => Ok(Answer::ok(Form::Text, listing(found).into())),
            leaf if text => Ok(Answer::ok(Form::Text, leaf.as_str().unwrap_or_default().to_owned().into())),
            _ => Err(Fault::TextOnly),
        }
    }

    /// The answer to `/metadata/identity/info`.
    ///
    /// # Errors
    ///
    /// [`Fault::TenantUnknown`].
    pub fn write_info(&self) -> Result<Answer, Fault> {
        let tenant = self.tenant.as_deref().ok_or(Fault::TenantUnknown)?;
        Ok(json_answer(&json!({ "tenantId": tenant })))
    }
}

/// Without what is said: people put secrets into `userData` and tags.
impl fmt::Debug for InstanceMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InstanceMetadata")
    }
}

/// The answer to `/metadata/versions`.
pub fn write_versions() -> Answer {
    json_answer(&json!({ "apiVersions": &versions::ALL[..] }))
}

/// The answer to `/metadata/scheduledevents`: nothing is going to happen.
pub fn write_scheduled_events() -> Answer {
    json_answer(&json!({ "DocumentIncarnation": 1, "Events": [] }))
}

fn step_to<'v>(at: &'v Value, step: &str) -> Option<&'v Value> {
    match at {
        Value::Object(members) => {
            let same = |(key, _): &(&String, &Value)| key.eq_ignore_ascii_case(step);
            members.get(step).or_else(|| members.iter().find(same).map(|(_, value)| value))
        }
        Value::Array(elements) => elements.get(step.parse::<usize>().ok()?),
        _ => None,
    }
}

/// What is in a branch, one a line, branches with a slash behind.
fn listing(branch: &Value) -> String {
    let entry = |name: String, value: &Value| if value.is_string() { name } else { format!("{name}/") };
    let entries: Vec<String> = match branch {
        Value::Object(members) => members.iter().map(|(name, value)| entry(name.clone(), value)).collect(),
        Value::Array(all) => all.iter().enumerate().map(|(number, value)| entry(number.to_string(), value)).collect(),
        _ => Vec::new(),
    };
    entries.join("\n")
}

fn json_answer(value: &Value) -> Answer {
    Answer::ok(Form::Json, Bytes::from(value.to_string()))
}

/// Every value that is not a branch as a string.
fn in_words(value: Value) -> Value {
    match value {
        Value::Null => Value::String(String::new()),
        Value::Bool(_) | Value::Number(_) => Value::String(value.to_string()),
        Value::String(_) => value,
        Value::Array(all) => Value::Array(all.into_iter().map(in_words).collect()),
        Value::Object(members) => {
            Value::Object(members.into_iter().map(|(name, value)| (name, in_words(value))).collect())
        }
    }
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (name, value) in from {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

/// A small Linux machine that nobody could take for one of theirs.
fn defaults(facts: &Facts) -> Value {
    let subscription = facts.subscription.as_deref().unwrap_or(NO_ID);
    let private = match facts.address.ip() {
        IpAddr::V4(ip) if !ip.is_link_local() => ip,
        _ => Ipv4Addr::LOCALHOST,
    };
    let group = format!("/subscriptions/{subscription}/resourceGroups/{GROUP}/providers/Microsoft.Compute");
    json!({
        "compute": {
            "additionalCapabilities": { "hibernationEnabled": "false" },
            "azEnvironment": facts.environment,
            "customData": "",
            "evictionPolicy": "",
            "extendedLocation": { "name": "", "type": "" },
            "host": { "id": "" },
            "hostGroup": { "id": "" },
            "isHostCompatibilityLayerVm": "false",
            "isVmInStandbyPool": "",
            "licenseType": "",
            "location": "",
            "name": NAME,
            "offer": "",
            "osProfile": { "adminUsername": "", "computerName": NAME, "disablePasswordAuthentication": "true" },
            "osType": "Linux",
            "physicalZone": "",
            "placementGroupId": "",
            "plan": { "name": "", "product": "", "publisher": "" },
            "platformFaultDomain": "0",
            "platformSubFaultDomain": "",
            "platformUpdateDomain": "0",
            "priority": "Regular",
            "provider": "Microsoft.Compute",
            "publicKeys": [],
            "publisher": "",
            "resourceGroupName": GROUP,
            "resourceId": format!("{group}/virtualMachines/{NAME}"),
            "securityProfile": {
                "encryptionAtHost": "false",
                "secureBootEnabled": "false",
                "securityType": "",
                "virtualTpmEnabled": "false",
            },
            "sku": "",
            "storageProfile": storage(&group),
            "subscriptionId": subscription,
            "tags": "",
            "tagsList": [],
            "userData": "",
            "version": "",
            "virtualMachineScaleSet": { "id": "" },
            "vmId": NO_ID,
            "vmScaleSetName": "",
            "vmSize": "Standard_B1s",
            "zone": "",
        },
        "network": network(private),
    })
}

fn storage(group: &str) -> Value {
    json!({
        "dataDisks": [],
        "imageReference": {
            "communityGalleryImageId": "",
            "exactVersion": "",
            "id": "",
            "offer": "",
            "publisher": "",
            "sharedGalleryImageId": "",
            "sku": "",
            "version": "",
        },
        "osDisk": {
            "caching": "ReadWrite",
            "createOption": "FromImage",
            "diffDiskSettings": { "option": "" },
            "diskSizeGB": "30",
            "encryptionSettings": {
                "diskEncryptionKey": { "secretUrl": "", "sourceVault": { "id": "" } },
                "enabled": "false",
                "keyEncryptionKey": { "keyUrl": "", "sourceVault": { "id": "" } },
            },
            "image": { "uri": "" },
            "managedDisk": { "id": format!("{group}/disks/{NAME}"), "storageAccountType": "Standard_LRS" },
            "name": NAME,
            "osType": "Linux",
            "vhd": { "uri": "" },
            "writeAcceleratorEnabled": "false",
        },
        "resourceDisk": { "size": "0" },
    })
}

fn network(private: Ipv4Addr) -> Value {
    let [a, b, c, _] = private.octets();
    json!({
        "interface": [{
            "ipv4": {
                "ipAddress": [{ "privateIpAddress": private.to_string(), "publicIpAddress": "" }],
                "subnet": [{ "address": format!("{a}.{b}.{c}.0"), "prefix": "24" }],
            },
            "ipv6": { "ipAddress": [] },
            "macAddress": "020000000001",
        }],
    })
}

const NAME: &str = "credenza";
const GROUP: &str = "credenza";
const NO_ID: &str = "00000000-0000-0000-0000-000000000000";
