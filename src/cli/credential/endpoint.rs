//! `credential --from-endpoint`: asks the endpoint of the child that it runs in.
//!
//! This is what the profiles of a child's generated files do. It takes address and token from the environment alone and
//! reads no configuration: in the child, that of the user may be out of reach.

use bytes::Bytes;

use super::super::child::address;
use super::super::child::dialects::{ENDPOINT, ENDPOINT_TOKEN};
use super::super::child::wiring::{FULL_URI, IDENTITY, TOKEN, TOKEN_FILE};
use super::super::printed::Printed;
use super::{Context, Exit, Trouble, cannot};
use crate::app::login::is_mended_by_login;
use crate::config::child_files::shell_word;
use crate::secret::Secret;
use crate::world::Environment;
use crate::world::http::HttpLimits;

/// The credential of an identity, which may be another than the default.
pub(super) async fn credential(identity: &str, context: &Context) -> Result<Printed, Trouble> {
    let outer = &*context.outer;
    let unwired = |why: &str| {
        let mend = format!("credenza credential {identity}, without --from-endpoint");
        Trouble::usage(cannot(identity), why).mend(mend)
    };
    let (place, base, variable) = match outer.text(ENDPOINT) {
        Some(text) => (ENDPOINT, address::base(text), ENDPOINT_TOKEN),
        None => (FULL_URI, outer.text(FULL_URI).and_then(address::base_of), TOKEN),
    };
    let base = base.ok_or_else(|| unwired(&format!("{place} is not an address of Credenza")))?;
    let token = token(variable, outer, context);
    let token = token.ok_or_else(|| unwired(&format!("neither {variable} nor {TOKEN_FILE} has a token")))?;
    let request = http::Request::get(address::url(base, identity)).header("authorization", token.expose());
    let request = request.body(Bytes::new()).map_err(|_| unwired(&format!("{variable} is not a token")))?;
    let answer = context.world.http.send(request, HttpLimits::default()).await;
    let answer = answer.map_err(|error| gone(identity, &error.to_string()))?;
    if answer.status() != http::StatusCode::OK {
        return Err(refused(identity, answer.status(), answer.body(), outer));
    }
    Printed::answered(answer.body()).ok_or_else(|| gone(identity, "it answered with half a credential"))
}

/// The endpoint's token: where nothing but our own name says the endpoint, what `TOKEN` holds is somebody else's.
fn token(variable: &str, outer: &Environment, context: &Context) -> Option<Secret> {
    if let Some(token) = outer.text(variable) {
        return Some(Secret::new(token));
    }
    let read = context.world.files.read(outer.text(TOKEN_FILE)?.as_ref()).ok()?;
    Some(Secret::new(String::from_utf8(read).ok()?.trim_end()))
}

fn gone(identity: &str, why: &str) -> Trouble {
    let why = format!("the endpoint of this shell or job does not answer: {why}");
    Trouble::new(Exit::Upstream, cannot(identity), why).mend(format!("credenza exec {} -- CMD", shell_word(identity)))
}

/// What the endpoint said no with; the codes are those of `dialect/ecs.rs`.
fn refused(identity: &str, status: http::StatusCode, body: &[u8], outer: &Environment) -> Trouble {
    let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| body.get(name).and_then(serde_json::Value::as_str).unwrap_or_default();
    if text("code") == "NotGranted" {
        let default = outer.text(IDENTITY).map(shell_word).unwrap_or_default();
        let name = shell_word(identity);
        let why = format!("{identity} is not in this shell: credenza exec {default} {name} -- CMD");
        return Trouble::failed(cannot(identity), why);
    }
    let exit = match (status, text("code")) {
        (_, code) if is_mended_by_login(code) => Exit::Person,
        (http::StatusCode::SERVICE_UNAVAILABLE, _) => Exit::Upstream,
        (_, "UnknownIdentity") => Exit::Configuration,
        _ => Exit::Failed,
    };
    let said = if text("message").is_empty() { status.as_str() } else { text("message") };
    Trouble::new(exit, cannot(identity), said)
}
