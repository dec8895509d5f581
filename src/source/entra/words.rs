//! What the errors of Entra ID mean, by their `error` and their AADSTS number: two tables ("Microsoft Entra authentication and
//! authorization error codes"; MSAL's `MsalError` and `InvalidGrantClassification`). Called by [`super::problem`] alone.

use super::problem::Said;

/// What an error means, whoever asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::source) enum Meaning {
    /// The code is not confirmed yet.
    Pending,
    /// And it is asked for too often.
    SlowDown,
    /// The code is over, or was never one.
    CodeExpired,
    /// The person, or whoever may, said no.
    Declined,
    /// What a login left is taken no more, whatever it is used for.
    Dead(&'static str),
    /// A person must sign in once more, for this.
    Person { code: &'static str, why: &'static str },
    /// A policy stands before it: `remedy` comes before the login.
    Policy { why: &'static str, remedy: &'static str },
    /// Nobody has consented.
    Consent,
    /// A setting is wrong. `{client}`, `{tenant}` and `{identity}` stand for what is asked with.
    Settings { code: &'static str, why: &'static str, remedy: &'static str },
    /// No federated credential, for this part of what was shown.
    NotFederated(&'static str),
    /// An assertion outside its time.
    AssertionTime,
    /// An assertion whose signature is not known.
    AssertionSignature,
    /// Asked too often.
    Throttled,
    /// A fault upstream.
    Trouble,
    /// Something that nobody knows.
    Unknown,
}

/// A meaning, and the number that told it.
pub(super) struct Found {
    pub(super) meaning: Meaning,
    pub(super) number: Option<u32>,
}

/// What an error means: a fault by its status or `error` whatever its number, then what is known of the number, then `error`.
pub(super) fn meaning(said: &Said) -> Found {
    let found = |meaning| Found { meaning, number: said.numbers.first().copied() };
    match (said.status, said.error.as_str()) {
        (429, _) => return found(Meaning::Throttled),
        (500.., _) | (_, "temporarily_unavailable" | "server_error") => return found(Meaning::Trouble),
        (_, "authorization_pending") => return found(Meaning::Pending),
        (_, "slow_down") => return found(Meaning::SlowDown),
        (_, "expired_token" | "code_expired" | "bad_verification_code") => return found(Meaning::CodeExpired),
        (_, "authorization_declined") => return found(Meaning::Declined),
        _ => {}
    }
    let known = said.numbers.iter().find_map(|number| Some((*number, by_number(*number)?)));
    match known {
        Some((number, meaning)) => Found { meaning, number: Some(number) },
        None => found(by_error(&said.error, &said.suberror, !said.numbers.is_empty())),
    }
}

fn by_error(error: &str, suberror: &str, is_numbered: bool) -> Meaning {
    match (error, suberror) {
        (_, "consent_required") | ("consent_required", _) => Meaning::Consent,
        ("invalid_grant", "bad_token" | "token_expired") => NOT_TAKEN,
        // what nobody knows ends no login that serves others
        ("invalid_grant", _) if is_numbered => ASKS_AGAIN,
        ("invalid_grant", "") => NOT_TAKEN,
        ("invalid_grant", _) => ASKS_AGAIN,
        ("interaction_required" | "login_required", _) => ASKS_AGAIN,
        ("access_denied", _) => Meaning::Declined,
        ("invalid_client", _) => Meaning::Settings {
            code: "UpstreamRefused",
            why: "Entra ID does not take application {client} for who it says it is",
            remedy: "check `client_id` of [identity.{identity}] and what the application shows in place of a secret",
        },
        ("unauthorized_client", _) => Meaning::Settings {
            code: "UpstreamRefused",
            why: "application {client} may not ask in this way",
            remedy: "see to \"Allow public client flows\" and the redirect URI http://localhost of its app registration",
        },
        ("invalid_resource" | "invalid_scope", _) => UNKNOWN_RESOURCE,
        _ => Meaning::Unknown,
    }
}

/// What is known of a number. What is over for one resource goes on for others, unless it is [`Meaning::Dead`].
pub(in crate::source) fn by_number(number: u32) -> Option<Meaning> {
    Some(match number {
        50058 => ASKS_AGAIN,
        50072 | 50079 => {
            Meaning::Person { code: "LoginRequired", why: "multi-factor authentication has to be set up for it first" }
        }
        50074 | 50076 => Meaning::Person { code: "LoginRequired", why: "it wants multi-factor authentication" },
        50078 => Meaning::Person { code: "LoginRequired", why: "the multi-factor authentication is too long ago" },
        50057 => Meaning::Dead("the account is disabled; ask an administrator of the tenant"),
        50089 => Meaning::Dead("the login took too long"),
        50132 | 50133 => Meaning::Dead("the password was changed or has expired"),
        50173 => Meaning::Dead("it was revoked, or the password was changed"),
        54005 | 70000 => NOT_TAKEN,
        70008 => Meaning::Dead("what the login left is over, or was revoked"),
        // a policy may want that of one resource, and of no other
        70043 | 70044 => Meaning::Person {
            code: "LoginRequired",
            why: "the tenant wants a fresh login for it from time to time (sign-in frequency)",
        },
        700_082 => Meaning::Dead("it was not used for too long (90 days, where the tenant says nothing else)"),
        700_084 => Meaning::Dead(
            "it was a login of a single-page application, which lasts a day; register http://localhost as a redirect URI of \
             \"Mobile and desktop applications\"",
        ),
        50097 | 50129 | 53000 => Meaning::Policy {
            why: "Conditional Access wants a managed or registered device",
            remedy: "sign in on such a device through its browser or `az login` (source = \"azure-cli\")",
        },
        50131 | 53001 => Meaning::Policy {
            why: "Conditional Access wants a device that is joined to the domain",
            remedy: "sign in on such a device",
        },
        50158 | 53003 => Meaning::Policy {
            why: "Conditional Access does not let it be given from here, or not this way",
            remedy: "sign in from where it may (not with --device-code, if that is blocked), or ask who administers the tenant",
        },
        53002 | 53004 | 530_001..=530_999 => Meaning::Policy {
            why: "Conditional Access or Identity Protection stands before it",
            remedy: "do what the browser asks for, or ask who administers the tenant",
        },
        65001 | 90008 | 90094 => Meaning::Consent,
        65004 => Meaning::Person { code: "ConsentRequired", why: "consent was declined" },
        65002 => Meaning::Settings {
            code: "ConsentRequired",
            why: "application {client} is Microsoft's own, and the resource has not let it in beforehand",
            remedy: "register an application of your own, and set `client_id` of [identity.{identity}] to its id",
        },
        50020 | 50034 => Meaning::Person {
            code: "LoginDenied",
            why: "the account is not one of this tenant; check `tenant`, or sign in as somebody else",
        },
        50105 => Meaning::Policy {
            why: "the account is not assigned to the application",
            remedy: "ask an administrator of the tenant to assign it",
        },
        700_016 => Meaning::Settings {
            code: "ApplicationUnknown",
            why: "tenant {tenant} has no application {client}",
            remedy: "correct `client_id` and `tenant` of [identity.{identity}]",
        },
        7_000_112 => Meaning::Settings {
            code: "ApplicationUnknown",
            why: "application {client} is disabled in tenant {tenant}",
            remedy: "ask an administrator of the tenant to enable it",
        },
        7_000_215 | 7_000_222 => Meaning::Settings {
            code: "UpstreamRefused",
            why: "Entra ID wants another secret of application {client}",
            remedy: "use a certificate, a federated credential or a login: Credenza takes no client secrets",
        },
        7_000_218 => Meaning::Settings {
            code: "UpstreamRefused",
            why: "application {client} is not a public client",
            remedy: "set \"Allow public client flows\" of its app registration to Yes (Authentication), and register the redirect URI \
                     http://localhost for \"Mobile and desktop applications\"",
        },
        50011 => Meaning::Settings {
            code: "UpstreamRefused",
            why: "application {client} has no redirect URI http://localhost",
            remedy: "register it for \"Mobile and desktop applications\" (Authentication)",
        },
        700_007 => Meaning::Settings {
            code: "UpstreamRefused",
            why: "the login was made for another application than {client}",
            remedy: "run `credenza login {identity}`",
        },
        700_024 => Meaning::AssertionTime,
        700_027 | 50013 | 50027 => Meaning::AssertionSignature,
        70021 => Meaning::NotFederated("what was shown"),
        700_211 => Meaning::NotFederated("this issuer"),
        700_212 => Meaning::NotFederated("this audience"),
        700_213 | 7_002_137 => Meaning::NotFederated("this subject"),
        7_002_138 => Meaning::NotFederated("this subject, though for one that differs in the case of its letters"),
        500_011 | 650_057 | 70011 | 1_002_012 | 901_002 => UNKNOWN_RESOURCE,
        50196 => Meaning::Settings {
            code: "Throttled",
            why: "Entra ID takes application {client} for a loop: the same was asked for too often",
            remedy: "end what else asks for it; it is asked again when a client wants it",
        },
        50194 => Meaning::Settings {
            code: "TenantUnknown",
            why: "application {client} is for one tenant alone",
            remedy: "set `tenant` of [identity.{identity}] to it",
        },
        90002 | 90023 | 900_021 | 900_023 | 50059 => Meaning::Settings {
            code: "TenantUnknown",
            why: "Entra ID knows no tenant {tenant}",
            remedy: "correct `tenant` and `cloud` of [identity.{identity}]",
        },
        50087 | 90024 | 90033 => Meaning::Trouble,
        90025 | 90055 => Meaning::Throttled,
        _ => return None,
    })
}

/// What Entra ID said of a login that is over, by the number that was kept of it.
pub(super) fn why_over(number: u32) -> Option<&'static str> {
    match by_number(number) {
        Some(Meaning::Dead(why)) => Some(why),
        _ => None,
    }
}

const NOT_TAKEN: Meaning = Meaning::Dead("Entra ID does not take what the login left any more");

const ASKS_AGAIN: Meaning = Meaning::Person { code: "LoginRequired", why: "Entra ID wants its person once more" };

const UNKNOWN_RESOURCE: Meaning = Meaning::Settings {
    code: "ResourceUnknown",
    why: "tenant {tenant} has no such resource, or application {client} may not name it",
    remedy: "check the resource, letter by letter; an API of your own needs an identifier URI and a service principal in the tenant",
};
