//! `credenza login`: a person signs in, or begins a session with a one-time code. And the login that `exec` and `env` put first where a person sits at the terminal.

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::time::SystemTime;

use clap::Args;
use jiff::tz::TimeZone;

use super::env_files::EnvFileArgs;
use super::mending::ends_while_away;
use super::sign_ins::{self, SignsInTo};
use super::{Context, Trouble, runtime, say, unlock};
use crate::app::accounts::AccountLogin;
use crate::app::login::{self, LoginOptions, SignedIn};
use crate::app::user_sessions::{self, AtDaemon, Beginning, Begun, code as otp_code};
use crate::config::sso::login_command;
use crate::config::{Config, SsoSession};
use crate::credential::{Failure, Resource};
use crate::secret::Secret;
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
    /// What an Azure identity's login is for: consent and policies are asked for it [default: its own resource]
    #[arg(long, value_name = "RESOURCE")]
    pub resource: Option<String>,
    /// The one-time code that the device shows, for an identity that needs one
    #[arg(long, value_name = "CODE", value_parser = code)]
    pub code: Option<Secret>,
    /// Which files have variables.
    #[command(flatten)]
    pub env_files: EnvFileArgs,
}

fn code(text: &str) -> Result<Secret, String> {
    otp_code(text).map_err(|why| why.to_string())
}

/// Signs in, or begins a session with a one-time code, whether or not there is one already.
pub fn run(arguments: LoginArgs, context: Context) -> Result<u8, Trouble> {
    runtime::begin(&context)?;
    runtime::wait_for_a_person(CANNOT, async {
        let LoginArgs { name, device_code, no_browser, resource, code, env_files } = arguments;
        let unusable = |error| Trouble::of_app(CANNOT, &error);
        let files = env_files.read(&context.world).map_err(unusable)?;
        let config = Config::load_with(&context.world, files.variables()).map_err(|error| unusable(error.into()))?;
        let name = name.or_else(|| files.variables().text("AWS_PROFILE").map(str::to_owned));
        let options = LoginOptions { device_code, browser: !no_browser, unless_since: None };
        let meant = sign_ins::named(name.as_deref(), &config, &context, CANNOT)?;
        if resource.is_some() && !matches!(meant, SignsInTo::Account(_)) {
            let why = "--resource is for the login of an Azure identity (source = \"entra\")";
            return Err(Trouble::usage(CANNOT, why).mend("credenza login, without --resource"));
        }
        let session = match meant {
            SignsInTo::IdentityCenter(session) => session,
            SignsInTo::Account(login) if code.is_none() => {
                log_in(&context, &config, &login, resource.map(Into::into), options).await?;
                return Ok(0);
            }
            SignsInTo::Account(AccountLogin { identity, .. }) => {
                let why = format!("{identity} logs in in a browser, not with a code");
                return Err(Trouble::usage(CANNOT, why).mend(login_command(&identity)));
            }
            // named by nobody: only what is ended is meant by it
            SignsInTo::Kept { .. } => return Ok(0),
            SignsInTo::User(identity) => {
                let daemon = AtDaemon::of(&context.world, runtime::log_arguments(&context.globals));
                let beginning = Beginning { code, unless_since: context.world.clock.now().wall };
                let config = Arc::new(config);
                begin(&context, &config, &identity, beginning, &daemon).await?;
                unlock::with_code(&context, &config).await;
                return Ok(0);
            }
        };
        if code.is_some() {
            let why = format!("{} is signed in to in a browser, not with a code", session.label());
            return Err(Trouble::usage(CANNOT, why).mend(login_command(session.label())));
        }
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
    say::err(&format!("credenza: {}\n", said(session, &signed_in, &context.world.clock.zone())));
    Ok(())
}

/// Logs in at Entra ID and says so.
pub(super) async fn log_in(
    context: &Context,
    config: &Config,
    login: &AccountLogin,
    resource: Option<Resource>,
    options: LoginOptions,
) -> Result<(), Trouble> {
    let world = World { person: Arc::new(Terminal::new(context.outer.clone())), ..context.world.clone() };
    let what = format!("cannot log in as {}", login.identity);
    let logged_in = login.log_in(&world, config, resource, options).await;
    let logged_in = logged_in.map_err(|failure| Trouble::of_failure(what, &failure))?;
    let person = logged_in.name.map_or_else(String::new, |name| format!(" as {name}"));
    let tenant = logged_in.tenant.map_or_else(String::new, |tenant| format!(", tenant {tenant}"));
    say::err(&format!("credenza: {} is signed in to Entra ID{person}{tenant}\n", login.identity));
    if let Some(note) = logged_in.note {
        say::err(&format!("credenza: {note}\n"));
    }
    Ok(())
}

/// Begins a session of a user and says so.
pub(super) async fn begin(
    context: &Context,
    config: &Arc<Config>,
    identity: &str,
    beginning: Beginning,
    daemon: &AtDaemon,
) -> Result<(), Trouble> {
    let begun = begun(context, config, identity, beginning, daemon).await;
    let begun =
        begun.map_err(|failure| Trouble::of_failure(format!("cannot begin a session for {identity}"), &failure))?;
    say::err(&format!("credenza: {}\n", said_of(&begun, &context.world.clock.zone())));
    if let Some(ends) = begun.ends.filter(|_| begun.while_away) {
        say::err(&format!("credenza: {}\n", ends_while_away(&begun.session, ends, identity, context)));
    }
    Ok(())
}

/// Begins a session of a user, with the person who sits here.
pub(super) async fn begun(
    context: &Context,
    config: &Arc<Config>,
    identity: &str,
    beginning: Beginning,
    daemon: &AtDaemon,
) -> Result<Begun, Failure> {
    let world = World { person: Arc::new(Terminal::new(context.outer.clone())), ..context.world.clone() };
    user_sessions::begin(&world, config, identity, beginning, daemon).await
}

/// What a person reads of a session that has begun.
pub(super) fn said_of(begun: &Begun, zone: &TimeZone) -> String {
    let until = begun.ends.map_or_else(String::new, |end| format!(", until {}", at(end, zone)));
    format!("a session of {} has begun{until}", begun.session)
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
    /// Begin no session anew while the one before still lives
    #[arg(long)]
    pub no_renew: bool,
}

impl FirstArgs {
    /// Whether there is somebody who may be asked to sign in.
    pub(super) fn may_ask(self) -> bool {
        !self.no_login && somebody_is_there()
    }

    /// Logs in, for who only wants to go on: a login that somebody else began after `since` will do.
    pub(super) async fn log_in(
        self,
        context: &Context,
        config: &Config,
        login: &AccountLogin,
        since: SystemTime,
    ) -> Result<(), Trouble> {
        say::err(&format!("credenza: {} needs a login\n", login.identity));
        let options = LoginOptions { device_code: false, browser: !self.no_browser, unless_since: Some(since) };
        log_in(context, config, login, None, options).await
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
}

/// Whether a person sits at the terminal who may be asked to sign in.
pub(super) fn somebody_is_there() -> bool {
    std::io::stderr().is_terminal()
}

fn said(session: &SsoSession, signed_in: &SignedIn, zone: &TimeZone) -> String {
    let person = signed_in.person.as_ref().map_or_else(String::new, |person| format!(" as {person}"));
    let until = signed_in.ends.map_or_else(String::new, |end| format!(", until {}", at(end, zone)));
    format!("signed in to {}{person}{until}", session.label())
}

/// A time of today or of another day, as a person reads it.
pub(super) fn at(time: SystemTime, zone: &TimeZone) -> String {
    let Ok(time) = jiff::Timestamp::try_from(time) else { return String::new() };
    time.to_zoned(zone.clone()).strftime("%a %Y-%m-%d %H:%M %Z").to_string()
}
