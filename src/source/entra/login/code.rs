//! Logging in with the person's own browser, which comes back to a listener of ours with a code (RFC 6749 section 4.1, RFC 7636,
//! RFC 8252; Microsoft, "Microsoft identity platform and OAuth 2.0 authorization code flow").
//!
//! The redirect URI that is registered is `http://localhost`: Entra ID takes any port with it ("Redirect URI restrictions and
//! limitations", "Localhost exceptions").

use std::time::Duration;

use tokio::time::sleep;

use super::super::problem::{Problem, Said, What};
use super::super::token::{Answered, ENCODED, FormValue};
use super::Desk;
use crate::credential::{Failure, FailureClass};
use crate::secret::Secret;
use crate::source::sign_in::browser::brought;
use crate::source::sign_in::pkce::Pkce;
use crate::source::sign_in::redirect::{Back, Callback, Came};

/// Sends the person to their browser, and waits for them up to 10 min.
///
/// # Errors
///
/// Where the person did not come back, or without a code; and what Entra ID or the way to it says.
pub(super) async fn sign_in(desk: &Desk<'_>) -> Result<Answered, Failure> {
    let world = desk.world;
    let listening = world.redirects.listen().map_err(|error| {
        let text = format!(
            "cannot log in as {}: no port of 127.0.0.1 can be listened on ({error}); run `{} --device-code`",
            desk.wanted.identity,
            desk.command()
        );
        Failure::new(FailureClass::TryLater, "SurroundingsUnusable", text)
    })?;
    let redirect_uri = format!("http://localhost:{}", listening.port());
    let (pkce, state) = (Pkce::new(&*world.random), world.random.token());
    let url = authorize_url(desk, &redirect_uri, &state, &pkce.challenge);
    let callback = Callback::new(BACK, listening.port(), state);
    let code = match brought(world, listening, callback, &desk.label(), &url, desk.browser).await {
        Some(Came::Code(code)) => code,
        Some(Came::Refused(why)) => return Err(refused(desk, &why)),
        None => return Err(desk.nobody_came("nobody logged in within 10 min")),
    };
    let form = vec![
        ("grant_type", "authorization_code".into()),
        ("scope", FormValue::Plain(desk.scope.clone())),
        ("code", (&code).into()),
        ("redirect_uri", FormValue::Plain(redirect_uri)),
        ("code_verifier", (&pkce.verifier).into()),
    ];
    redeemed(desk, form).await
}

const BACK: Back = Back { path: "/", from: "Entra ID" };

fn authorize_url(desk: &Desk<'_>, redirect_uri: &str, state: &Secret, challenge: &str) -> String {
    let query = [
        ("client_id", &*desk.wanted.account.client_id),
        ("response_type", "code"),
        ("redirect_uri", redirect_uri),
        ("response_mode", "query"),
        ("scope", &desk.scope),
        ("state", state.expose()),
        ("code_challenge", challenge),
        ("code_challenge_method", "S256"),
        // whoever is signed in already may be somebody else than is meant
        ("prompt", "select_account"),
    ];
    let query = query.map(|(name, value)| format!("{name}={}", percent_encoding::utf8_percent_encode(value, ENCODED)));
    format!("{}?{}", desk.endpoint.address("authorize"), query.join("&"))
}

/// A token for the code. A person has just logged in: trouble on the way does not make them do so again. A code is taken once, so
/// where a try did arrive the next one is told that the code is dead, and the trouble is what is reported.
async fn redeemed(desk: &Desk<'_>, form: Vec<(&'static str, FormValue)>) -> Result<Answered, Failure> {
    let mut waits = [Duration::from_secs(1), Duration::from_secs(3)].into_iter();
    let mut trouble: Option<Failure> = None;
    loop {
        let judged = match desk.endpoint.ask(form.clone()).await {
            Ok(answered) => return Ok(answered),
            Err(problem) => desk.judge(&problem),
        };
        match judged.what {
            What::Later | What::Throttled => {
                let Some(wait) = waits.next() else { return Err(judged.failure) };
                sleep(judged.retry_after.unwrap_or_default().clamp(wait, LONGEST_WAIT)).await;
                trouble = Some(judged.failure);
            }
            What::LoginDead => return Err(trouble.unwrap_or(judged.failure)),
            _ => return Err(judged.failure),
        }
    }
}

/// A code lives for ten minutes, and its person sits there.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// What was refused in the browser, judged as an answer would be. Entra ID's words are for the person at the terminal.
fn refused(desk: &Desk<'_>, why: &str) -> Failure {
    desk.world.person.tell(&format!("Entra ID says: {why}"));
    let (error, words) = why.split_once(": ").unwrap_or((why, ""));
    desk.judge(&Problem::Answer(Box::new(Said::of_browser(error, words)))).failure
}
