//! A home that lasts as long as the tour: the files of a user who has one role profile, and the environment that goes with it.

use std::{
    env,
    ffi::OsString,
    fs, io,
    net::SocketAddr,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use simcloud::Keys;
use tempfile::TempDir;

/// The temporary home; dropped, it is removed.
pub(crate) struct Home {
    directory: TempDir,
    sts: String,
}

impl Home {
    /// Writes the files: long-term keys of a user `base`, and a profile `my-role` that takes them to assume the role.
    pub(crate) fn new(keys: &Keys, ca_pem: &str, sts: SocketAddr) -> io::Result<Self> {
        let home = Self {
            directory: tempfile::Builder::new().prefix("credenza-demo").tempdir()?,
            sts: format!("https://{sts}"),
        };
        fs::DirBuilder::new().mode(0o700).create(home.path().join(".aws"))?;
        let config = format!(
            "[profile base]\nregion = eu-central-1\n\n[profile my-role]\nrole_arn = {}\nsource_profile = base\nregion = eu-central-1\n",
            super::ROLE
        );
        write(&home.config(), &config)?;
        let credentials = format!(
            "[base]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
            keys.access_key_id, keys.secret_access_key
        );
        write(&home.path().join(".aws/credentials"), &credentials)?;
        write(&home.ca(), ca_pem)?;
        Ok(home)
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.path().join(".aws/config")
    }

    /// The person's environment without whatever would lead back to their own files, clouds or proxies; with the way to the
    /// simulated AWS and the authority that it is trusted by.
    #[allow(clippy::disallowed_methods)] // what the tour's processes inherit is decided here
    pub(crate) fn environment(&self) -> Vec<(OsString, OsString)> {
        let kept = env::vars_os().filter(|(name, _)| !leads_away(&name.to_string_lossy()));
        let ca = self.ca().into_os_string();
        let own = [
            ("HOME", self.path().as_os_str().to_owned()),
            ("AWS_ENDPOINT_URL_STS", OsString::from(&self.sts)),
            ("AWS_CA_BUNDLE", ca.clone()),
            ("SSL_CERT_FILE", ca),
        ];
        kept.chain(own.map(|(name, value)| (OsString::from(name), value))).collect()
    }

    fn ca(&self) -> PathBuf {
        self.path().join("simulated-aws.pem")
    }
}

fn leads_away(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let families = ["AWS_", "AZURE_", "CREDENZA_", "XDG_", "MSI_", "IDENTITY_"];
    families.iter().any(|family| name.starts_with(family)) || name.ends_with("_PROXY")
}

/// A file that nobody else can read, as these should be.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    io::Write::write_all(&mut file, text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_the_persons_own_comes_along() {
        for name in ["AWS_PROFILE", "CREDENZA_CONFIG", "XDG_CONFIG_HOME", "https_proxy", "AZURE_CLIENT_SECRET"] {
            assert!(leads_away(name), "{name}");
        }
        assert!(!leads_away("PATH") && !leads_away("TERM"));
    }

    #[test]
    fn the_home_is_gone_when_it_is_dropped() {
        let home = Home::new(&Keys::long_term(), "ca", SocketAddr::from(([127, 0, 0, 1], 1))).unwrap();
        let path = home.path().to_owned();
        assert!(path.join(".aws/credentials").exists() && home.config().exists());
        drop(home);
        assert!(!path.exists());
    }
}
