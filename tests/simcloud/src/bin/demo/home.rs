//! A home that lasts as long as the tour: the files of a user who has a sign-in and a role, and the environment that goes with it.

use std::{
    env,
    ffi::OsString,
    fs, io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use crate::stage::{ACCOUNT, PERMISSION_SET, REGION, ROLE, START_URL, Stage};

/// The temporary home; dropped, it is removed.
pub(crate) struct Home {
    directory: TempDir,
    own: Vec<(&'static str, OsString)>,
    /// What is opened in place of a browser; `None`: the person's own is.
    browser: Option<OsString>,
}

impl Home {
    /// Writes what `aws configure sso` writes, and a role that is assumed with it. There is no key in it.
    pub(crate) fn new(stage: &Stage, browser: Option<OsString>) -> io::Result<Self> {
        let directory = tempfile::Builder::new().prefix("credenza-demo").tempdir()?;
        let path = directory.path();
        let ca = path.join("simulated-aws.pem");
        fs::DirBuilder::new().mode(0o700).create(path.join(".aws"))?;
        write(&path.join(".aws/config"), &config())?;
        write(&ca, &stage.ca_pem)?;
        let api = OsString::from(format!("https://{}", stage.api()));
        let own = vec![
            ("HOME", path.as_os_str().to_owned()),
            // Where that is found by other variables (macOS), it would be that of the person's own daemon.
            ("CREDENZA_RUNTIME_DIR", path.join("run").into_os_string()),
            ("AWS_ENDPOINT_URL_STS", api.clone()),
            ("AWS_ENDPOINT_URL_SSO", api),
            ("AWS_ENDPOINT_URL_SSO_OIDC", OsString::from(format!("http://{}", stage.pages()))),
            ("AWS_CA_BUNDLE", ca.clone().into_os_string()),
            ("SSL_CERT_FILE", ca.into_os_string()),
        ];
        Ok(Self { directory, own, browser })
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
        let kept = env::vars_os().filter(|(name, _)| {
            let name = name.to_string_lossy();
            !leads_away(&name) && (self.browser.is_none() || !is_about_a_desktop(&name))
        });
        let browser = self.browser.iter().map(|browser| ("BROWSER", browser.clone()));
        let own = self.own.iter().cloned().chain(browser);
        kept.chain(own.map(|(name, value)| (OsString::from(name), value))).collect()
    }
}

fn config() -> String {
    format!(
        "[sso-session corp]\nsso_start_url = {START_URL}\nsso_region = {REGION}\n\
         sso_registration_scopes = sso:account:access\n\n\
         [profile my-dev]\nsso_session = corp\nsso_account_id = {ACCOUNT}\nsso_role_name = {PERMISSION_SET}\n\
         region = {REGION}\n\n\
         [profile my-role]\nrole_arn = {ROLE}\nsource_profile = my-dev\nregion = {REGION}\n"
    )
}

fn leads_away(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let families = ["AWS_", "AZURE_", "CREDENZA_", "XDG_", "MSI_", "IDENTITY_"];
    families.iter().any(|family| name.starts_with(family)) || name.ends_with("_PROXY")
}

/// By these Credenza would find that no browser can be opened here; one that stands in always can.
fn is_about_a_desktop(name: &str) -> bool {
    name.starts_with("SSH_") || matches!(name, "container" | "BROWSER")
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

    #[tokio::test]
    async fn the_home_is_gone_when_it_is_dropped() {
        let home = Home::new(&Stage::new(true).await.unwrap(), None).unwrap();
        let path = home.path().to_owned();
        assert!(path.join("simulated-aws.pem").exists() && home.config().exists());
        drop(home);
        assert!(!path.exists());
    }
}
