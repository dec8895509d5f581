//! What a helper program of a person's gets of our environment, where it is known what it needs: no cloud's secrets. Called by the
//! sources of one-time codes and of keys that run such a program.

use crate::world::Environment;

/// What a program needs to find its files and its person, of all variables; and those that begin with `prefix`.
pub(super) fn surroundings(environment: &Environment, prefix: &str) -> Environment {
    let passed = environment.all().filter(|(name, _)| {
        let name = name.to_string_lossy();
        PASSED.contains(&&*name) || ["LC_", "XDG_", prefix].iter().any(|begin| name.starts_with(begin))
    });
    Environment::from_iter(passed.map(|(name, value)| (name.to_owned(), value.to_owned())))
}

const PASSED: &[&str] = &[
    "ALL_PROXY",
    "DBUS_SESSION_BUS_ADDRESS",
    "DISPLAY",
    "HOME",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "LANG",
    "LOGNAME",
    "NO_PROXY",
    "PATH",
    "SHELL",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TERM",
    "TMPDIR",
    "USER",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "all_proxy",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];
