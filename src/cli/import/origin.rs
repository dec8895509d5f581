//! [`Origin`]: the sign-in whose accounts are imported: one that the files name, or one that is to be named by them first.

use std::sync::Arc;

use super::{CANNOT, ImportArgs, misfit, quoted, refused};
use crate::app::aws_config::AwsConfig;
use crate::cli::{Context, Exit, Trouble, sign_ins};
use crate::config::import::{Template, Wanted, edit};
use crate::config::{Config, SsoSession};

/// Where the accounts come from.
pub(super) struct Origin {
    /// What the files say so far.
    pub(super) config: Arc<Config>,
    /// The sign-in.
    pub(super) session: Arc<SsoSession>,
    /// `[sso-session NAME]`
    pub(super) name: String,
    template: Template,
    /// Whether a file has it.
    stands: bool,
}

impl Origin {
    /// What was meant on the command line.
    pub(super) fn of(arguments: &ImportArgs, config: Arc<Config>, context: &Context) -> Result<Self, Trouble> {
        let ImportArgs { start_url, sso_region, session: called, .. } = arguments;
        let template = Template::default();
        let (Some(url), Some(region)) = (start_url, sso_region) else {
            let session = sign_ins::center(arguments.name.as_deref(), &config, context, CANNOT)?;
            let Some(name) = session.name.clone() else {
                let (url, region) = (quoted(&session.start_url), &session.region);
                let why = "its profiles have their sso_start_url each, and what is imported needs an [sso-session X]";
                let mend = format!("credenza import --start-url {url} --sso-region {region}");
                return Err(Trouble::configuration(CANNOT, why).mend(mend));
            };
            return Ok(Self { config, session, name, template, stands: true });
        };
        let environment = &context.world.environment;
        let fresh = |name: &str| {
            let session = SsoSession::of_start_url(url, region, Some(name), environment);
            session.map_err(|why| Trouble::usage(CANNOT, why))
        };
        let known = config.sso_sessions();
        let same = |session: &&Arc<SsoSession>| bare(&session.start_url) == bare(url) && session.region == *region;
        let found = known.iter().filter(same).find(|session| match called {
            Some(called) => session.name.as_ref() == Some(called),
            None => session.name.is_some(),
        });
        if let Some(session) = found
            && let Some(name) = &session.name
        {
            return Ok(Self { session: Arc::clone(session), name: name.clone(), config, template, stands: true });
        }
        let name = called.clone().unwrap_or_else(|| name_by(url));
        Ok(Self { session: Arc::new(fresh(&name)?), name, config, template, stands: false })
    }

    /// The same, once `[sso-session NAME]` stands in the file: from there on `credenza login NAME` can be said.
    pub(super) fn written(self, context: &Context) -> Result<Self, Trouble> {
        if self.stands {
            return Ok(self);
        }
        let world = &context.world;
        let file = AwsConfig::read(world, &self.config.places).map_err(|error| refused(&error))?;
        let edit = edit(file.text(), &self.wanted(&file)).map_err(|complaint| misfit(&complaint))?;
        if edit.text != file.text() {
            file.write(&edit.text, world).map_err(|error| refused(&error))?;
        }
        let config = Config::load(world).map_err(|error| Trouble::of_app(CANNOT, &error.into()))?;
        let named = |session: &&Arc<SsoSession>| session.name.as_ref() == Some(&self.name);
        // as the files have it: our own may say more of it
        let session = config.sso_sessions().iter().find(named).cloned().unwrap_or(self.session);
        Ok(Self { config: Arc::new(config), session, stands: true, ..self })
    }

    /// What the file should say of the session, and nothing of profiles.
    pub(super) fn wanted<'a>(&'a self, file: &'a AwsConfig) -> Wanted<'a> {
        Wanted {
            file: &file.path,
            session: &self.name,
            start_url: &self.session.start_url,
            region: &self.session.region,
            scopes: &self.session.scopes,
            listed: &[],
            chosen: &[],
            template: &self.template,
            profile_region: None,
            taken: &file.taken,
            prune: false,
        }
    }

    /// A dry run names no session that no file has.
    pub(super) fn explain(&self, trouble: Trouble) -> Trouble {
        if self.stands || trouble.exit != Exit::Person {
            return trouble;
        }
        let SsoSession { start_url, region, .. } = &*self.session;
        let why = format!("nobody has signed in to {start_url} as {}, and a dry run writes nothing", self.name);
        let name = quoted(&self.name);
        let mend = format!("credenza import --start-url {} --sso-region {region} --session {name}", quoted(start_url));
        Trouble { why, ..trouble }.mend(mend)
    }
}

/// A start URL without what a browser adds to it.
fn bare(url: &str) -> String {
    url.trim_end_matches(['/', '#']).to_ascii_lowercase()
}

/// What a session is called by its start URL: the first part of the host, `d-1234567890`; `sso` where that is no name.
fn name_by(start_url: &str) -> String {
    let uri = start_url.parse::<http::Uri>().ok();
    let host = uri.as_ref().and_then(http::Uri::host).unwrap_or_default();
    let label = host.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let plain = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let says_something = label.bytes().any(|byte| byte.is_ascii_alphabetic()) && label != "www";
    if plain && says_something { label } else { "sso".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_called_by_its_start_url() {
        for (url, name) in [
            ("https://d-1234567890.awsapps.com/start", "d-1234567890"),
            ("https://Acme.awsapps.com/start#/", "acme"),
            ("https://www.acme.example/aws", "sso"),
            ("http://127.0.0.1:8080/start", "sso"),
            ("http://[::1]:8080/start", "sso"),
            ("http://localhost:8080/start", "localhost"),
        ] {
            assert_eq!(name_by(url), name, "{url}");
        }
    }
}
