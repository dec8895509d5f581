//! [`Files`]: what a child of `exec` reads, kept in step with the user's own files as long as it runs.

use std::sync::Arc;

use crate::app::generated::{Generated, GeneratedError};
use crate::cli::env_files::EnvFiles;
use crate::config::shared::SharedFiles;
use crate::config::{Config, ConfigError, Variables};
use crate::world::World;
use crate::world::watch::FileWatch;

/// The child's files, which follow the user's own.
pub(super) struct Files {
    world: World,
    /// Of env files: they are read once, as the command has them.
    variables: Variables,
    pub(super) generated: Generated,
    watch: FileWatch,
    /// What keeps them from following, for as long as it does: said once.
    unusable: Option<ConfigError>,
    /// What the user's files said when they were read last.
    shared: Arc<SharedFiles>,
}

impl Files {
    pub(super) fn new(
        world: &World,
        config: &Config,
        env_files: &EnvFiles,
        watch: FileWatch,
    ) -> Result<Self, GeneratedError> {
        let generated = Generated::new(&config.places, &*world.random)?;
        generated.aws.write(config)?;
        let shared = Arc::clone(&config.shared);
        let variables = env_files.variables().clone();
        Ok(Self { world: world.clone(), variables, generated, watch, unusable: None, shared })
    }

    /// Waits until the user's files have changed, and says what they mean now. While they cannot be read, what they
    /// meant before holds.
    pub(super) async fn changed(&mut self) -> Arc<Config> {
        loop {
            self.watch.changed().await;
            match Config::load_again_with(&self.world, &self.variables, &self.shared) {
                Ok(config) => {
                    self.unusable = None;
                    self.shared = Arc::clone(&config.shared);
                    if let Err(error) = self.generated.aws.write(&config) {
                        tracing::warn!(error = %error, "the child's files do not follow");
                    }
                    return Arc::new(config);
                }
                Err(error) => {
                    self.watch.doubt();
                    if self.unusable.as_ref() != Some(&error) {
                        tracing::warn!(error = %error, "the configuration stays as it was");
                    }
                    self.unusable = Some(error);
                }
            }
        }
    }
}
