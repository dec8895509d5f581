//! Stands in for the sources of codes until they are there.

use std::time::Duration;

use crate::config::Otp;
use crate::config::user_session::{Device, words};
use crate::credential::{Failure, FailureClass, IdentityName};
use crate::secret::Secret;
use crate::world::process::Run;
use crate::world::{Environment, World};

pub(super) fn needs_person(otp: &Otp, _: &Environment) -> bool {
    !matches!(otp, Otp::Command { unattended: true, .. } | Otp::Totp { .. })
}

pub(super) fn gives_another(_: &Otp) -> bool {
    true
}

pub(super) fn usual_latency(_: &Otp) -> Duration {
    Duration::ZERO
}

pub(super) async fn code(device: &Device, _identity: &IdentityName, world: &World) -> Result<Secret, Failure> {
    let failed = || Failure::new(FailureClass::NeedsPerson, "ProcessFailed", "no code came");
    let Otp::Command { argv, .. } = &device.otp else { return Err(failed()) };
    let run = Run {
        argv: words(argv),
        environment: (*world.environment).clone(),
        input: None,
        time_limit: Duration::from_secs(60),
        output_limit: 4096,
    };
    let ran = world.processes.run(run).await.map_err(|_| failed())?;
    Ok(Secret::new(String::from_utf8_lossy(&ran.stdout).trim()))
}
