//! `credenza login`: a person signs in. And the login that `exec` and `env` put first where a person sits at the terminal.

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::time::SystemTime;

use clap::Args;

use super::{Context, Trouble, runtime, say, sign_ins};
use crate::app::background::{self, BackgroundError};
use crate::app::login::{self, LoginOptions, SignedIn};
use crate::config::{Config, Identity, SsoSession};
use crate::control::ClientError;
use crate::credential::handover::Wanted;
use crate::world::World;
use crate::world::person::Terminal;

/// What `login` takes.
#[derive(Debug, Args)]
pub struct LoginArgs {
    /// An identity, or the name or start URL of an [sso-session] [default: AWS_PROFILE, else default, else the only one]
    #[arg(value_name = "IDENTITY or SSO-SESSION")]
    pub name: Option<String>,
    /// Sign in with a code that is confirmed in any browser: over SSH, from a container
    #[arg(long)]
    pub device_code: bool,
    /// Open no browser: print the address
    #[arg(long)]
    pub no_browser: bool,
}

/// Signs in, whether or not somebody is signed in already.
pub fn run(arguments: LoginArgs, context: Context) -> Result<u8, Trouble> {
    runtime::begin(&context)?;
    runtime::wait_for(async {
        let LoginArgs { name, device_code, no_browser } = arguments;
        let config = Config::load(&context.world).map_err(|error| Trouble::of_app(CANNOT, &error.into()))?;
        let session = sign_ins::named(name.as_deref(), &config, &context, CANNOT)?;
        let options = LoginOptions { device_code, browser: !no_browser, unless_since: None };
        sign_in(&context, &Arc::new(config), &session, options).await?;
        Ok(0)
    })
}

const CANNOT: &str = "cannot log in";

/// Signs in and says so.
pub(super) async fn sign_in(
    context: &Context,
    config: &Arc<Config>,
    session: &Arc<SsoSession>,
    options: LoginOptions,
) -> Result<(), Trouble> {
    let world = World { person: Arc::new(Terminal::new(context.outer.clone())), ..context.world.clone() };
    let what = format!("cannot sign in to {}", session.label());
    let signed_in = login::sign_in(&world, config, session, options).await;
    let signed_in = signed_in.map_err(|failure| Trouble::of_failure(what, &failure))?;
    say::err(&format!("credenza: {}\n", said(session, &signed_in)));
    Ok(())
}

/// What commands take that log in first where a person sits at the terminal.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct FirstArgs {
    /// Never ask a person for a login, also at a terminal
    #[arg(long)]
    pub no_login: bool,
    /// Open no browser for a login: print the address
    #[arg(long)]
    pub no_browser: bool,
}

impl FirstArgs {
    /// Whether there is somebody who may be asked to sign in.
    pub(super) fn may_ask(self) -> bool {
        !self.no_login && somebody_is_there()
    }

    /// Signs in, for who only wants to go on: a sign-in that somebody else began after `since` will do.
    pub(super) async fn sign_in(
        self,
        context: &Context,
        config: &Arc<Config>,
        session: &Arc<SsoSession>,
        since: SystemTime,
    ) -> Result<(), Trouble> {
        say::err(&format!("credenza: {} needs a login\n", session.label()));
        let options = LoginOptions { device_code: false, browser: !self.no_browser, unless_since: Some(since) };
        sign_in(context, config, session, options).await
    }

    /// Signs in wherever the daemon says that one of these identities needs it. `what` cannot be done else.
    ///
    /// # Errors
    ///
    /// Exit code 4 where a login is needed and nobody may be asked.
    pub(super) async fn sign_in_for_daemon(
        self,
        context: &Context,
        config: &Arc<Config>,
        identities: &[&Identity],
        what: &str,
    ) -> Result<(), Trouble> {
        let since = context.world.clock.now().wall;
        let mut done: Vec<&Arc<SsoSession>> = Vec::new();
        for identity in identities {
            let Some(session) = config.sso_session_of(&identity.name) else { continue };
            if done.contains(&session) {
                continue;
            }
            done.push(session);
            let wanted = Wanted { identity: identity.name.to_string(), digest: Some(identity.digest.to_hex()) };
            let arguments = runtime::log_arguments(&context.globals);
            let asked = background::ask(&context.world, &arguments, async |client| client.credential(&wanted).await);
            // whatever else is wrong is said by whoever is asked next
            if let Err(BackgroundError::Client(ClientError::Refused(refusal))) = asked.await
                && login::is_mended_by_login(&refusal.code)
            {
                if !self.may_ask() {
                    return Err(Trouble::of_client(what, &ClientError::Refused(refusal)));
                }
                self.sign_in(context, config, session, since).await?;
            }
        }
        Ok(())
    }
}

/// Whether a person sits at the terminal who may be asked to sign in.
pub(super) fn somebody_is_there() -> bool {
    std::io::stderr().is_terminal()
}

fn said(session: &SsoSession, signed_in: &SignedIn) -> String {
    let person = signed_in.person.as_ref().map_or_else(String::new, |person| format!(" as {person}"));
    let until = signed_in.ends.map_or_else(String::new, |end| format!(", until {}", at(end)));
    format!("signed in to {}{person}{until}", session.label())
}

/// A time of today or of another day, as a person reads it.
pub(super) fn at(time: SystemTime) -> String {
    let Ok(time) = jiff::Timestamp::try_from(time) else { return String::new() };
    time.strftime("%Y-%m-%d %H:%M UTC").to_string()
}
