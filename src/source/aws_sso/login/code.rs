//! Signing in with the person's own browser, which comes back to a listener of ours with a code (RFC 6749 section 4.1, RFC
//! 7636, RFC 8252): the AWS CLI's way since 2.22 (`awscli/botocore/utils.py`, `SSOTokenFetcherAuth`).
//!
//! The address is handed to the browser as an argument and shown, as every native application does. Who can read it there knows
//! the state and the challenge, but not the verifier, without which our code buys nothing.

use std::time::Duration;

use tokio::time::sleep;

use super::super::oidc::{Flow, Grant, Minted};
use super::super::problem::{SsoProblem, What};
use super::Desk;
use crate::credential::{Failure, FailureClass};
use crate::source::sign_in::browser::brought;
use crate::source::sign_in::pkce::Pkce;
use crate::source::sign_in::redirect::{Back, Callback, Came};
use crate::store::Registration;

/// Sends the person to their browser, and waits for them up to 10 min.
///
/// # Errors
///
/// Where the person did not come back, or without a code; and what AWS or the way to it says.
pub(super) async fn sign_in(desk: &Desk<'_>) -> Result<(Registration, Minted), Failure> {
    let (world, mut anew) = (desk.world, false);
    loop {
        let client = desk.registered(Flow::Code { redirect_uri: WITHOUT_PORT.to_owned() }, anew).await?;
        let listening = world.redirects.listen().map_err(|error| {
            let text = format!(
                "cannot sign in to `{}`: no port of 127.0.0.1 can be listened on ({error}); run `{} --device-code`",
                desk.session.label(),
                desk.command()
            );
            Failure::new(FailureClass::TryLater, "SurroundingsUnusable", text)
        })?;
        let redirect_uri = format!("http://127.0.0.1:{}{}", listening.port(), BACK.path);
        let (pkce, state) = (Pkce::new(&*world.random), world.random.token());
        let url = desk.oidc.authorize_url(&client, &redirect_uri, &state, &pkce.challenge)?;
        let callback = Callback::new(BACK, listening.port(), state);
        let came = brought(world, listening, callback, desk.session.label(), &url, desk.browser).await;
        let code = match came {
            Some(Came::Code(code)) => code,
            Some(Came::Refused(why)) => return Err(refused(desk, &why)),
            None => return Err(desk.nobody_came("nobody signed in within 10 min")),
        };
        let grant = Grant::Code { code: &code, verifier: &pkce.verifier, redirect_uri: &redirect_uri };
        match redeemed(desk, &client, grant).await {
            Ok(minted) => return Ok((client, minted)),
            Err(problem) if problem.what == What::ClientDead && !anew => {
                anew = true;
                world.person.tell("AWS does not know this program any more, so it asks once again.");
            }
            Err(problem) => return Err(desk.failure(problem)),
        }
    }
}

/// Where the browser comes back to, as it is registered: AWS takes any port with it, and refuses `[::1]`
/// (`awscli/customizations/sso/utils.py`, `AuthCodeFetcher`).
const WITHOUT_PORT: &str = "http://127.0.0.1/oauth/callback";

const BACK: Back = Back { path: "/oauth/callback", from: "AWS" };

/// A token for the code. A person has just signed in: trouble on the way does not make them do so again. A code is taken
/// once, so where a try did arrive the next one is told that the code is dead, and the trouble is what is reported.
async fn redeemed(desk: &Desk<'_>, client: &Registration, grant: Grant<'_>) -> Result<Minted, SsoProblem> {
    let mut waits = [Duration::from_secs(1), Duration::from_secs(3)].into_iter();
    let mut trouble: Option<SsoProblem> = None;
    loop {
        let problem = match desk.oidc.token(client, grant).await {
            Ok(minted) => return Ok(minted),
            Err(problem) => problem,
        };
        match problem.what {
            What::Later | What::Throttled => {
                let Some(wait) = waits.next() else { return Err(problem) };
                sleep(wait).await;
                trouble = Some(problem);
            }
            What::GrantDead => return Err(trouble.unwrap_or(problem)),
            _ => return Err(problem),
        }
    }
}

/// AWS's words are for the person at the terminal; a client is told no text that an upstream chose.
fn refused(desk: &Desk<'_>, why: &str) -> Failure {
    desk.world.person.tell(&format!("AWS says: {why}"));
    let text = format!(
        "cannot sign in to `{}`: it was refused in the browser; run `{}` to sign in after all",
        desk.session.label(),
        desk.command()
    );
    Failure::new(FailureClass::NeedsPerson, "LoginDenied", &text).because(format!("{text} ({why})"))
}
