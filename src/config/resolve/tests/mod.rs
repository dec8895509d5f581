//! What profiles mean: each source, chains and loops, and every reason for which one cannot be served.

mod azure;
mod azure_names;
mod bases;
mod mfa;
mod params;
mod sign_ins;
mod sso;
mod surroundings;
mod unusable;
mod variables;

use super::*;
use crate::config::identity::{KeysOrigin, RoleDefinition, RoleRequest};
use crate::config::{Config, ConfigError, Places};
use crate::world::simulated::MemoryFiles;

const KEYS: &str = "[base]\naws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = hunter2\n";
const ROLE: &str = "role_arn = arn:aws:iam::123456789012:role/deploy\n";

/// The files, and the variables beside `HOME`.
#[derive(Default)]
struct Given<'a> {
    config: &'a str,
    credentials: &'a str,
    toml: &'a str,
    variables: &'a [(&'a str, &'a str)],
}

impl Given<'_> {
    fn read(&self) -> Result<Config, ConfigError> {
        let environment: Environment = [("HOME", "/h")].iter().chain(self.variables).copied().collect();
        let places = Places::from(&environment).unwrap();
        let files = MemoryFiles::default()
            .with(&*places.aws_config, self.config)
            .with(&*places.aws_credentials, self.credentials)
            .with(&*places.config, self.toml);
        let surroundings = Surroundings {
            environment: &environment,
            variables: Variables::NONE,
            session_name: "ada lovelace@laptop".to_owned(),
            own_program: Some("/opt/bin/cz".into()),
            folder: "/projects".into(),
            kept_address: Some(([127, 0, 0, 1], 40_711).into()),
        };
        Config::read(&places, &files, &surroundings)
    }

    #[track_caller]
    fn config(&self) -> Config {
        self.read().unwrap()
    }
}

/// The config file given, and [`KEYS`] as the credentials file.
#[track_caller]
fn with_keys(config: &str) -> Config {
    Given { config, credentials: KEYS, ..Given::default() }.config()
}

#[track_caller]
fn role<'a>(config: &'a Config, name: &str) -> &'a RoleRequest {
    &defined(config, name).request
}

#[track_caller]
fn base<'a>(config: &'a Config, name: &str) -> &'a RoleBase {
    &defined(config, name).base
}

#[track_caller]
fn defined<'a>(config: &'a Config, name: &str) -> &'a RoleDefinition {
    match &config.identities[name].definition {
        Ok(Definition::Role(role)) => role,
        other => panic!("{name}: {other:?}"),
    }
}

#[track_caller]
fn reason(config: &Config, name: &str) -> String {
    config.identities[name].definition.as_ref().unwrap_err().to_string()
}

#[track_caller]
fn origin<'a>(config: &'a Config, name: &str) -> &'a KeysOrigin {
    match &config.identities[name].definition {
        Ok(Definition::Keys { origin, .. }) => origin,
        Ok(Definition::Role(RoleDefinition { base: RoleBase::Keys(origin), .. })) => origin,
        other => panic!("{name}: {other:?}"),
    }
}

fn kinds(config: &Config) -> Vec<String> {
    config.identities.iter().map(|(name, identity)| format!("{name} {}", identity.kind.word())).collect()
}
