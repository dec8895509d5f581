//! The pages' requests: authorize, device verification, start URLs, and the companies' own addresses that lead to them.

use std::time::SystemTime;

use super::{
    directory::{Directory, plain},
    login::{Decision, Login},
    oidc::authorize::{self, Opened},
    page,
    query::Query,
    refusal,
};
use crate::{
    Refusal,
    wire::{Answer, Received},
};

/// `GET /authorize` opens a login, `POST /authorize` decides on it.
pub(super) fn authorize(
    directory: &mut Directory,
    received: &Received,
    region: Option<&str>,
    now: SystemTime,
) -> Result<Answer, Refusal> {
    let number = if received.method == "POST" {
        let form = Query::read(&received.body);
        let number = form
            .text("login")
            .and_then(|number| number.parse().ok())
            .filter(|number| directory.logins.get(number).is_some_and(|login: &Login| login.user_code().is_none()));
        let number = number.ok_or_else(|| refusal::oidc("InvalidRequestException", None))?;
        if !decide(directory, number, &form, now) {
            return Ok(page::say(403, "You cannot sign in"));
        }
        number
    } else {
        match authorize::open(directory, &Query::of_path(&received.path_and_query), region, now)? {
            Opened::Away(to) => return Ok(page::redirect(&to)),
            Opened::Page(number) => number,
        }
    };
    if !show(directory, number, now) {
        return Ok(page::say(403, "You cannot sign in"));
    }
    let login = &directory.logins[&number];
    if let Some(to) = login.redirect(now) {
        return Ok(page::redirect(&to));
    }
    Ok(ask(directory, login, &[("login", &number.to_string())], "/authorize"))
}

/// The page where a person types the code of a device.
pub(super) fn verify_device(directory: &mut Directory, received: &Received, path: &str, now: SystemTime) -> Answer {
    let posted = received.method == "POST";
    let form = if posted { Query::read(&received.body) } else { Query::of_path(&received.path_and_query) };
    let Some(code) = form.text("user_code").map(str::to_uppercase) else { return page::ask_for_code(path) };
    let known = directory.login_by_code(&code).filter(|number| {
        let login = &directory.logins[number];
        login.user_code() == Some(&code) && !login.is_over(now) && !login.spent
    });
    let Some(number) = known else { return page::say(400, "This code is not valid or has expired") };
    if posted && !decide(directory, number, &form, now) || !show(directory, number, now) {
        return page::say(403, "You cannot sign in");
    }
    let login = &directory.logins[&number];
    match login.decided(now) {
        Some(Decision::Approved { .. }) => page::say(200, "Request approved"),
        Some(Decision::Denied { .. }) => page::say(200, "Request denied"),
        None => ask(directory, login, &[("user_code", &code)], path),
    }
}

/// What a company's own address answers.
pub(super) fn vanity(directory: &Directory, received: &Received, host: &str) -> Answer {
    let Some(vanity) = directory.vanities.get(host) else { return page::say(404, "Not found") };
    match received.method.as_str() {
        "HEAD" if vanity.head_status != 302 => page::say(vanity.head_status, "Not for HEAD"),
        "HEAD" | "GET" => page::redirect(&vanity.start_url),
        _ => page::say(405, "Method not allowed"),
    }
}

/// A person decides, once.
pub(super) fn decide(directory: &mut Directory, number: u64, form: &Query, now: SystemTime) -> bool {
    let person = form.text("person").unwrap_or_default().to_owned();
    let decision = match form.text("decision") {
        Some("approve") if directory.may_sign_in(&person) => Decision::Approved { person, at: now },
        Some("deny") => Decision::Denied { at: now },
        _ => return false,
    };
    let login = directory.logins.get_mut(&number);
    login.map(|login| login.decision.get_or_insert(decision)).is_some()
}

/// The instance's visitor sees the page. Tells whether whoever decides, or decided, may sign in.
fn show(directory: &mut Directory, number: u64, now: SystemTime) -> bool {
    let login = &directory.logins[&number];
    let visitor = directory.instances.get(plain(&login.start_url)).and_then(|instance| instance.visitor.clone());
    if let Some(visitor) = visitor {
        if login.decision.is_none() && !directory.may_sign_in(&visitor.person) {
            return false;
        }
        if let Some(login) = directory.logins.get_mut(&number) {
            login.is_shown_to(&visitor, now);
        }
    }
    directory.logins[&number].person().is_none_or(|person| directory.may_sign_in(person))
}

fn ask(directory: &Directory, login: &Login, hidden: &[(&str, &str)], action: &str) -> Answer {
    let client = directory.registrations.get(&login.client_id).map_or("", |client| &client.name);
    let visitor = directory.instances.get(&login.start_url).and_then(|instance| instance.visitor.as_ref());
    page::ask(client, visitor.map_or("", |visitor| &visitor.person), hidden, action)
}
