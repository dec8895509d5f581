//! What of its starter's environment the daemon is given.

use std::ffi::OsStr;
use std::path::Path;

use crate::config::Config;
use crate::world::{Environment, places};

/// The environment of the daemon: what decides which files are read and how upstreams are reached, and what helper
/// programs need (a home, a path, an agent, a desktop's bus). No key and no token of the shell that happens to start it.
pub(super) fn reduced(environment: &Environment, config: &Config) -> Environment {
    let listed = |name: &str| LISTED.contains(&name) || LISTED_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    let kept = environment.all().filter(|(name, _)| name.to_str().is_some_and(listed));
    let kept: Environment = kept.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    // a daemon's folder is `/`: a relative path would mean another file there. In a shell of `env`, the files are not those
    // that the variables name but the originals.
    let absolute = |path: &Path| places::absolute(&places::expanded(path, environment));
    let paths = FILES.iter().chain(FOLDERS);
    paths
        .fold(kept, |kept, name| match kept.raw(name).filter(|value| !value.is_empty()).map(OsStr::to_owned) {
            None => kept,
            Some(value) if FOLDERS.contains(name) => {
                let folders = std::env::split_paths(&value).map(|folder| absolute(&folder));
                let folders = std::env::join_paths(folders).unwrap_or_else(|_| value.clone());
                kept.with(name, folders)
            }
            Some(value) => kept.with(name, absolute(Path::new(&value))),
        })
        .with("AWS_CONFIG_FILE", config.places.aws_config.as_os_str())
        .with("AWS_SHARED_CREDENTIALS_FILE", config.places.aws_credentials.as_os_str())
}

const LISTED: &[&str] = &[
    // who and where
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "PATH",
    "TMPDIR",
    "TZ",
    "LANG",
    "LANGUAGE",
    // where our own files are
    "CREDENZA_CONFIG",
    "CREDENZA_STATE_DIR",
    "CREDENZA_RUNTIME_DIR",
    "CREDENZA_LOG",
    // a file with the passphrase of sessions at rest
    "CREDENZA_PASSPHRASE_FILE",
    "RUST_BACKTRACE",
    // how upstreams are reached
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_CA_BUNDLE",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "AZURE_AUTHORITY_HOST",
    // where the logins of Azure's own tools are, and whom `az` trusts
    "AZURE_CONFIG_DIR",
    "AZD_CONFIG_DIR",
    "REQUESTS_CA_BUNDLE",
    "AWS_ENDPOINT_URL_STS",
    "AWS_ENDPOINT_URL_SSO",
    "AWS_ENDPOINT_URL_SSO_OIDC",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    // where the surroundings give keys, and never the token itself: an `exec` that has one is not supplied
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
    "AWS_EC2_METADATA_DISABLED",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    // what helper programs need to find a desktop's keyring or agent
    "SSH_AUTH_SOCK",
    "GPG_AGENT_INFO",
    "GNUPGHOME",
    "DBUS_SESSION_BUS_ADDRESS",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
];

const LISTED_PREFIXES: &[&str] = &["XDG_", "LC_"];

/// Those whose value is a file, or one folder.
const FILES: &[&str] = &[
    "AWS_CA_BUNDLE",
    "SSL_CERT_FILE",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "CREDENZA_PASSPHRASE_FILE",
    "AZURE_CONFIG_DIR",
    "AZD_CONFIG_DIR",
    "REQUESTS_CA_BUNDLE",
];

/// Those whose value is a list of folders.
const FOLDERS: &[&str] = &["SSL_CERT_DIR"];

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::world::World;

    #[test]
    fn the_daemons_environment_has_what_it_needs_and_no_key_of_the_starter() {
        let typed = Environment::from_iter([
            ("HOME", "/nowhere"),
            ("LC_CTYPE", "C"),
            ("HTTPS_PROXY", "http://proxy:3128"),
            ("AWS_CONFIG_FILE", "/state/run/wired-1.config"),
            ("CREDENZA_OUTER_AWS_CONFIG_FILE", "/nowhere/config"),
            ("AWS_CA_BUNDLE", "certificates/ca.pem"),
            ("SSL_CERT_DIR", "certificates:/etc/ssl/certs:~/ca"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_PROFILE", "prod"),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "secret"),
            ("ACTIONS_ID_TOKEN_REQUEST_URL", "https://github.test/token?run=1"),
            ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "secret"),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/var/run/token"),
            ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://[fd00:ec2::254]"),
            ("AZURE_CONFIG_DIR", "~/clients/azure"),
            ("AZURE_CLIENT_SECRET", "secret"),
            ("IDENTITY_HEADER", "secret"),
            ("LD_PRELOAD", "x.so"),
        ]);
        let world = World { environment: Arc::new(typed), ..World::system() };
        let config = Config::load(&world).unwrap();
        let reduced = reduced(&world.environment, &config);
        let here = std::env::current_dir().unwrap().join("certificates/ca.pem");
        let folders = format!("{}:/etc/ssl/certs:/nowhere/ca", here.parent().unwrap().display());
        let expected = [
            ("AWS_CA_BUNDLE", here.to_str().unwrap()),
            ("AWS_CONFIG_FILE", "/nowhere/config"),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/var/run/token"),
            ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://[fd00:ec2::254]"),
            ("AWS_SHARED_CREDENTIALS_FILE", "/nowhere/.aws/credentials"),
            ("AZURE_CONFIG_DIR", "/nowhere/clients/azure"),
            ("HOME", "/nowhere"),
            ("HTTPS_PROXY", "http://proxy:3128"),
            ("LC_CTYPE", "C"),
            ("SSL_CERT_DIR", &folders),
        ];
        let found: Vec<_> =
            reduced.all().map(|(name, value)| (name.to_str().unwrap(), value.to_str().unwrap())).collect();
        assert_eq!(found, expected);
    }
}
