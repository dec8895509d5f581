//! `StartDeviceAuthorization`: two codes, one to poll with, one for the person.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::{DEVICE_CODE, Fields};
use crate::{
    Refusal,
    keys::{opaque, unique_id},
    sso::{
        directory::{Directory, plain},
        login::{CODE_LIFE, Login, Way},
        refusal,
    },
};

/// Starts a login. `page` is where the person types the code.
pub(in crate::sso) fn start(
    directory: &mut Directory,
    fields: &Fields,
    region: Option<&str>,
    page: &str,
    now: SystemTime,
) -> Result<Value, Refusal> {
    let (id, secret) = (fields.required("clientId")?, fields.required("clientSecret")?);
    let start_url = fields.required("startUrl")?;
    let registration = directory.client(id, secret, now)?;
    if !registration.grants.iter().any(|grant| grant == DEVICE_CODE) {
        return Err(refusal::oidc("UnauthorizedClientException", None));
    }
    let unknown = || refusal::oidc("InvalidRequestException", Some("Invalid start URL provided"));
    let instance = directory.instance(start_url).ok_or_else(unknown)?;
    if !directory.is_in(start_url, region) {
        return Err(unknown());
    }
    let (device_code, user_code, interval) = (opaque(""), user_code(), Duration::from_secs(instance.interval_secs));
    let mut login = Login {
        way: Way::Device { device_code: device_code.clone(), user_code: user_code.clone(), interval, polled: None },
        client_id: id.to_owned(),
        start_url: plain(start_url).to_owned(),
        started: now,
        decision: None,
        spent: false,
        scopes: registration.scopes.clone(),
    };
    if let Some(visitor) = instance.visitor.as_ref().filter(|visitor| visitor.elsewhere)
        && directory.may_sign_in(&visitor.person)
    {
        login.is_shown_to(visitor, now);
    }
    let number = directory.next_number();
    directory.logins.insert(number, login);
    Ok(json!({
        "deviceCode": device_code,
        "userCode": user_code,
        "verificationUri": page,
        "verificationUriComplete": format!("{page}?user_code={user_code}"),
        "expiresIn": CODE_LIFE.as_secs(),
        "interval": interval.as_secs(),
    }))
}

/// `ABCD-EFGH`
fn user_code() -> String {
    let letters = unique_id("", 8);
    format!("{}-{}", &letters[..4], &letters[4..])
}
