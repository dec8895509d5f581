//! [`AtDaemon`]: the way of a command to the user sessions that the daemon keeps.

use std::ffi::OsString;

use crate::app::background::{self, BackgroundError};
use crate::config::Places;
use crate::control::{Client, ClientError};
use crate::credential::{Failure, FailureClass, SessionKey, codes};
use crate::source::mfa::{Exchange, KeptSession, UserSessions, read_kept};
use crate::world::{BoxFuture, World};

/// The daemon of this environment.
#[derive(Clone)]
pub struct AtDaemon {
    world: World,
    /// What a daemon is started with, such as `--log-level=debug`.
    arguments: Vec<OsString>,
}

impl AtDaemon {
    /// Of this world's environment. Starts none before something is to be begun.
    pub fn of(world: &World, arguments: Vec<OsString>) -> Self {
        Self { world: world.clone(), arguments }
    }

    /// Starts a daemon if none runs: what a person begins must outlive the command that they ran.
    ///
    /// # Errors
    ///
    /// Where it cannot be started or does not answer.
    pub async fn ensure(&self) -> Result<(), BackgroundError> {
        background::ask(&self.world, &self.arguments, async |client| client.status().await).await.map(drop)
    }

    async fn client(&self) -> Result<Client, Failure> {
        let places = Places::from(&self.world.environment).map_err(|error| away(&error.to_string()))?;
        background::connect(&places).await.map_err(|error| away(&error.to_string()))
    }
}

impl UserSessions for AtDaemon {
    fn held(&self, key: &SessionKey) -> BoxFuture<'static, Result<Option<KeptSession>, Failure>> {
        let (this, key) = (self.clone(), key.clone());
        Box::pin(async move {
            let places = Places::from(&this.world.environment).map_err(|error| away(&error.to_string()))?;
            let mut client = match background::connect(&places).await {
                Ok(client) => client,
                // none was begun then
                Err(ClientError::NotRunning) => return Ok(None),
                Err(error) => return Err(away(&error.to_string())),
            };
            let Some(text) = client.user_session(&key.0).await.map_err(of_client)? else { return Ok(None) };
            read_kept(&text).map(Some).map_err(|why| away(&why))
        })
    }

    fn begin(&self, exchange: Exchange) -> BoxFuture<'static, Result<KeptSession, Failure>> {
        let this = self.clone();
        Box::pin(async move {
            this.ensure().await.map_err(|error| away(&error.to_string()))?;
            // once, whatever comes of it: it carries a code
            let text = this.client().await?.begin(exchange.write()).await.map_err(of_client)?;
            read_kept(&text).map_err(|why| away(&why))
        })
    }

    fn forget(&self, key: &SessionKey) -> BoxFuture<'static, Result<bool, Failure>> {
        let (this, key) = (self.clone(), key.clone());
        Box::pin(async move {
            let places = Places::from(&this.world.environment).map_err(|error| away(&error.to_string()))?;
            match background::connect(&places).await {
                Ok(mut client) => client.forget_user_session(&key.0).await.map_err(of_client),
                // then none is kept
                Err(ClientError::NotRunning) => Ok(false),
                Err(error) => Err(away(&error.to_string())),
            }
        })
    }
}

fn of_client(error: ClientError) -> Failure {
    let ClientError::Refused(refusal) = error else { return away(&error.to_string()) };
    let class = refusal.class().unwrap_or(FailureClass::TryLater);
    let code = codes::known(&refusal.code).unwrap_or("DaemonAway");
    let public = refusal.public.unwrap_or_else(|| refusal.message.clone());
    Failure::new(class, code, public).because(refusal.message)
}

fn away(why: &str) -> Failure {
    let text = format!(
        "the daemon, which keeps sessions, cannot be asked: {why}; try again, and if that stays so, run `credenza down`"
    );
    Failure::new(FailureClass::TryLater, "DaemonAway", text)
}
