//! The routes of multi-factor devices: `/_simcloud/devices` and `/_simcloud/codes`.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Complaint,
    routes::{found, read, unknown},
    seed::NewDevice,
    view,
};
use crate::{
    Cloud,
    mfa::{STEP, totp::step_of},
    web_identity::unix_secs,
};

/// Carries out one request; nothing when there is no such route.
pub(super) fn answer(
    cloud: &Cloud,
    method: &str,
    path: &str,
    query: &str,
    body: &[u8],
) -> Option<Result<Value, Complaint>> {
    Some(match (method, path) {
        ("POST", "devices") => read::<ForUser>(body).and_then(|new| {
            let device = NewDevice { serial: new.serial, seed: new.seed };
            device.add_to(cloud, &new.user).ok_or_else(bad_seed).map(|device| view::device(&device))
        }),
        ("GET", "devices") => Ok(cloud.devices().iter().map(view::device).collect()),
        ("GET", "devices/code") => code(cloud, &serial_in(query)),
        ("POST", "devices/code") => read::<Serial>(body).and_then(|it| code(cloud, &it.serial)),
        ("POST", "devices/remove") => {
            read::<Serial>(body).and_then(|it| found(cloud.remove_device(&it.serial), "device"))
        }
        ("POST", "users/code-required") => {
            read::<Wanted>(body).and_then(|it| found(cloud.set_code_required(&it.user, it.required), "user"))
        }
        ("GET", "codes") => Ok(cloud
            .serials_sent()
            .into_iter()
            .map(|serial| {
                let sent = cloud.codes_sent(&serial).iter().map(view::sent_code).collect::<Value>();
                (serial, sent)
            })
            .collect::<serde_json::Map<_, _>>()
            .into()),
        _ => return None,
    })
}

pub(super) fn bad_seed() -> Complaint {
    Complaint { status: 400, message: "a seed is written in base 32: letters and the digits 2 to 7".to_owned() }
}

/// What a device shows, and for how long yet.
fn code(cloud: &Cloud, serial: &str) -> Result<Value, Complaint> {
    let now = cloud.now();
    let code = cloud.try_code_at(serial, now).ok_or_else(|| unknown("device"))?;
    let left_secs = STEP.as_secs() - unix_secs(now) % STEP.as_secs();
    Ok(json!({ "code": code, "left_secs": left_secs, "step": step_of(now) }))
}

fn serial_in(query: &str) -> String {
    let mut fields = form_urlencoded::parse(query.as_bytes());
    fields.find(|(name, _)| name == "serial").map(|(_, serial)| serial.into_owned()).unwrap_or_default()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ForUser {
    user: String,
    serial: String,
    #[serde(default)]
    seed: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Serial {
    serial: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    user: String,
    #[serde(default = "yes")]
    required: bool,
}

fn yes() -> bool {
    true
}
