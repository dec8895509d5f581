//! What a browser shows: pages with two buttons, for a person or for a test that acts as one.

use crate::wire::Answer;

/// A page that asks whether a login is to go on. It looks again every second: someone may have decided elsewhere.
pub(super) fn ask(client: &str, person: &str, hidden: (&str, &str), action: &str) -> Answer {
    html(
        200,
        &format!(
            "<meta http-equiv=\"refresh\" content=\"1\"><h1>Are you trying to sign in to {}?</h1>\
             <form method=\"post\" action=\"{}\"><input type=\"hidden\" name=\"{}\" value=\"{}\">\
             <input name=\"person\" value=\"{}\"><button name=\"decision\" value=\"approve\">Continue</button>\
             <button name=\"decision\" value=\"deny\">Cancel</button></form>",
            escape(client),
            escape(action),
            hidden.0,
            escape(hidden.1),
            escape(person)
        ),
    )
}

/// A page that asks for the code of a device.
pub(super) fn ask_for_code() -> Answer {
    html(
        200,
        "<h1>Enter code to allow access</h1><form method=\"post\" action=\"/devicelogin\">\
         <input name=\"user_code\"><button>Next</button></form>",
    )
}

/// A page that only says something.
pub(super) fn say(status: u16, words: &str) -> Answer {
    html(status, &format!("<h1>{}</h1>", escape(words)))
}

/// A page that sends a form elsewhere by itself. (OAuth 2.0 Form Post Response Mode, section 2)
pub(super) fn post(to: &str, parameters: &[(&str, &str)]) -> Answer {
    let fields: String = parameters
        .iter()
        .map(|(name, value)| format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escape(value)))
        .collect();
    html(
        200,
        &format!(
            "<form method=\"post\" action=\"{}\">{fields}<noscript><button>Continue</button></noscript></form>\
             <script>document.forms[0].submit()</script>",
            escape(to)
        ),
    )
}

/// The browser goes elsewhere.
pub(super) fn redirect(to: &str) -> Answer {
    Answer { status: 302, headers: vec![("location".to_owned(), to.to_owned())], body: "".into() }
}

fn html(status: u16, body: &str) -> Answer {
    let document = format!("<!DOCTYPE html><title>Simulated Entra ID</title>{body}");
    let headers = vec![("content-type".to_owned(), "text/html; charset=utf-8".to_owned())];
    Answer { status, headers, body: document.into() }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
