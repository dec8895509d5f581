//! Base keys, as they are: where a profile's own keys come from, and under which key the engine holds them.
//!
//! Called by the sources that make a session or a role of them; base keys themselves never leave through an endpoint.

use std::time::Duration;

use super::{aws_container, aws_instance, aws_process, aws_references, shape};
use crate::config::KeysOrigin;
use crate::credential::{AwsKeys, ClockOffset, Failure, FailureClass, Issued, SessionKey};
use crate::secret::Secret;
use crate::world::{Environment, World};

/// Where base keys come from, and the world that they come through.
#[derive(Clone)]
pub(super) struct Origin {
    pub(super) keys: KeysOrigin,
    pub(super) world: World,
}

impl Origin {
    /// The key of the engine's table, such as `keys:base:0f3a11c2`. It changes with the definition, so that what an old
    /// one brought is never used for a new one.
    pub(super) fn session_key(&self) -> SessionKey {
        let (keys, label) = (&self.keys, self.keys.label());
        let text = match keys {
            KeysOrigin::Static { .. } => format!("keys:{label}:{}", keys.mark()),
            KeysOrigin::Process { .. } => format!("process:{label}:{}", keys.mark()),
            KeysOrigin::Reference { .. } => format!("reference:{label}:{}", keys.mark()),
            KeysOrigin::Environment | KeysOrigin::EcsContainer | KeysOrigin::Ec2InstanceMetadata => label,
        };
        SessionKey(text.into())
    }

    /// Whether asking again may bring other keys than last time.
    pub(super) fn changes(&self) -> bool {
        match self.keys {
            KeysOrigin::Static { .. } | KeysOrigin::Environment => false,
            KeysOrigin::Process { .. }
            | KeysOrigin::Reference { .. }
            | KeysOrigin::EcsContainer
            | KeysOrigin::Ec2InstanceMetadata => true,
        }
    }

    /// The age at which keys without an end are asked for again: a rotated key must not need a restart.
    pub(super) fn asked_again_after(&self) -> Option<Duration> {
        self.changes().then_some(ASK_AGAIN)
    }

    /// The keys now. Without an end where nobody named one.
    pub(super) async fn fetch(&self) -> Result<Issued, Failure> {
        match &self.keys {
            KeysOrigin::Static { keys, account_id, profile } => {
                shape::check(keys).map_err(|why| {
                    let text = format!("the keys of profile `{profile}` cannot be used: {why}; correct them");
                    Failure::new(FailureClass::Refused, "KeysUnusable", text)
                })?;
                Ok(endless(keys.clone(), account_id.clone()))
            }
            KeysOrigin::Process { profile, argv, account_id } => {
                aws_process::keys(&self.world, profile, argv, account_id.as_deref()).await
            }
            KeysOrigin::Reference { identity, reference, account_id } => {
                let keys = aws_references::keys(identity, reference, &self.world).await?;
                Ok(Issued { account_id: keys.account_id.or_else(|| account_id.clone()), ..keys })
            }
            KeysOrigin::Environment => environment(&self.world.environment),
            KeysOrigin::EcsContainer => aws_container::keys(&self.world).await,
            KeysOrigin::Ec2InstanceMetadata => aws_instance::keys(&self.world).await,
        }
    }
}

const ASK_AGAIN: Duration = Duration::from_secs(3600);

pub(super) fn endless(keys: AwsKeys, account_id: Option<String>) -> Issued {
    Issued {
        keys,
        expiration: None,
        server_offset: ClockOffset::None,
        account_id,
        role_arn: None,
        warnings: Vec::new(),
        received: None,
    }
}

/// `credential_source = Environment`: the variables that this process was started with.
fn environment(environment: &Environment) -> Result<Issued, Failure> {
    let refused = |why: &str| {
        let text = format!("credential_source = Environment: {why}; start Credenza where both variables are set");
        Failure::new(FailureClass::Refused, "KeysUnusable", text)
    };
    let (Some(id), Some(secret)) = (environment.text("AWS_ACCESS_KEY_ID"), environment.text("AWS_SECRET_ACCESS_KEY"))
    else {
        return Err(refused("AWS_ACCESS_KEY_ID or AWS_SECRET_ACCESS_KEY is not set"));
    };
    let keys = AwsKeys {
        access_key_id: id.to_owned(),
        secret_access_key: Secret::new(secret),
        session_token: environment.text("AWS_SESSION_TOKEN").map(Secret::new),
    };
    shape::check(&keys).map_err(refused)?;
    Ok(endless(keys, environment.text("AWS_ACCOUNT_ID").map(str::to_owned)))
}
