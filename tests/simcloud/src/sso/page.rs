//! What a browser shows: pages with two buttons, for a person or for a test that acts as one.

use crate::wire::Answer;

/// A page that asks whether a login is to go on. It looks again every second: someone may have decided elsewhere.
pub(super) fn ask(client: &str, person: &str, hidden: &[(&str, &str)], action: &str) -> Answer {
    let hidden: String = hidden
        .iter()
        .map(|(name, value)| format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escape(value)))
        .collect();
    html(
        200,
        &format!(
            "<meta http-equiv=\"refresh\" content=\"1\"><h1>Allow {} to access your data?</h1>\
             <form method=\"post\" action=\"{action}\">{hidden}<input name=\"person\" value=\"{}\">\
             <button name=\"decision\" value=\"approve\">Allow access</button>\
             <button name=\"decision\" value=\"deny\">Deny access</button></form>",
            escape(client),
            escape(person)
        ),
    )
}

/// A page that asks for the code of a device.
pub(super) fn ask_for_code(action: &str) -> Answer {
    html(
        200,
        &format!(
            "<h1>Authorization requested</h1><form method=\"get\" action=\"{action}\">\
             <input name=\"user_code\"><button>Confirm and continue</button></form>"
        ),
    )
}

/// A page that only says something.
pub(super) fn say(status: u16, words: &str) -> Answer {
    html(status, &format!("<h1>{}</h1>", escape(words)))
}

/// The browser goes elsewhere.
pub(super) fn redirect(to: &str) -> Answer {
    Answer { status: 302, headers: vec![("location".to_owned(), to.to_owned())], body: "".into() }
}

fn html(status: u16, body: &str) -> Answer {
    let document = format!("<!DOCTYPE html><title>Simulated IAM Identity Center</title>{body}");
    let headers = vec![("content-type".to_owned(), "text/html; charset=utf-8".to_owned())];
    Answer { status, headers, body: document.into() }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
