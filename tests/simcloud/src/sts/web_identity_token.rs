//! `GetWebIdentityToken`: a signed token that says who asks, for services outside of AWS. Regional endpoints only.
//! (STS API Reference, "GetWebIdentityToken"; IAM User Guide, "Understanding token claims")

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

use super::{
    check_signed_region,
    session::{check_tags, read_tags},
};
use crate::{
    Cloud, Issued, Refusal,
    fault::Trouble,
    keys::request_id,
    outbound::WebIdentityToken,
    principal::Arn,
    query::{Element, Parameters, Violations, no_such_operation, utc},
    sigv4::Signed,
    web_identity::{digest_of, unix_secs},
};

const DEFAULT: Duration = Duration::from_secs(300);
const LEAST_SECS: u64 = 60;
const MOST_SECS: u64 = 3600;
const MOST_AUDIENCES: usize = 10;
/// The claims as JSON, in bytes. AWS publishes no number; the real service was seen to take this one and to refuse the next.
const MOST_PAYLOAD: usize = 14_984;

pub(super) fn perform(
    cloud: &Cloud,
    signed: &Signed,
    host: &str,
    parameters: &Parameters,
    trouble: Option<&Trouble>,
) -> Result<Element, Refusal> {
    if host == GLOBAL {
        return Err(no_such_operation("GetWebIdentityToken", super::API_VERSION));
    }
    let caller = &signed.by;
    let wanted = Wanted::read(parameters)?;
    let subject = caller.principal.role.as_ref().unwrap_or(&caller.principal.arn);
    if cloud.state().outbound.is_denied(subject) {
        return Err(denied(caller));
    }
    check_signed_region(cloud, signed)?;
    let account = &caller.principal.account;
    let federation = cloud.state().outbound.enabled(account).cloned();
    let federation = federation.ok_or_else(|| known("OutboundWebIdentityFederationDisabledException"))?;
    let now = cloud.now();
    let asked = now.checked_add(wanted.life).unwrap_or(now);
    if caller.expires.is_some_and(|end| asked > end) {
        return Err(known("SessionDurationEscalationException"));
    }
    let (start, life) = match trouble {
        Some(Trouble::Expired { ago_secs }) => {
            let life = Duration::from_secs(LEAST_SECS);
            (now.checked_sub(Duration::from_secs(*ago_secs) + life).unwrap_or(now), life)
        }
        Some(Trouble::Life { secs }) => (now, Duration::from_secs(*secs)),
        _ => (now, wanted.life),
    };
    let end = start.checked_add(life).unwrap_or(start);
    let issuer = if wanted.algorithm == "ES384" { &federation.es384 } else { &federation.rs256 };
    let claims = json!({
        "iss": issuer.url(),
        "sub": subject,
        "aud": match wanted.audiences.as_slice() {
            [audience] => json!(audience),
            audiences => json!(audiences),
        },
        "iat": unix_secs(start),
        "exp": unix_secs(end),
        "jti": request_id(),
        "https://sts.amazonaws.com/": about(caller, subject, &signed.region, &wanted.tags),
    });
    if claims.to_string().len() > MOST_PAYLOAD {
        return Err(known("JWTPayloadSizeExceededException"));
    }
    let token = issuer.sign(&claims);
    cloud.state().outbound.note(WebIdentityToken {
        at: now,
        account: account.clone(),
        subject: subject.clone(),
        audiences: wanted.audiences,
        algorithm: wanted.algorithm,
        life,
        digest: digest_of(&token),
    });
    let blank = matches!(trouble, Some(Trouble::BlankCredentials));
    let shown = |text: String| if blank { String::new() } else { text };
    let answer = [Element::text("WebIdentityToken", shown(token)), Element::text("Expiration", shown(utc(end)))];
    Ok(Element::group("GetWebIdentityToken", answer))
}

/// The global endpoint. ("The `GetWebIdentityToken` API is not available on the STS Global endpoint"; its words for that are in
/// no public record.)
const GLOBAL: &str = "sts.amazonaws.com";

/// What is asked for, within its limits.
struct Wanted {
    audiences: Vec<String>,
    algorithm: &'static str,
    life: Duration,
    tags: BTreeMap<String, String>,
}

impl Wanted {
    fn read(parameters: &Parameters) -> Result<Self, Refusal> {
        let mut violations = Violations::default();
        let audiences: Vec<&str> = parameters.list("Audience", "").collect();
        if audiences.is_empty() {
            violations.required("audience", None);
        }
        violations.count("audience", &audiences, MOST_AUDIENCES);
        for (index, audience) in audiences.iter().enumerate() {
            violations.length(&format!("audience.{}.member", index + 1), audience, 1, 1000);
        }
        let algorithm = violations.required("signingAlgorithm", parameters.text("SigningAlgorithm"));
        let known = ALGORITHMS.into_iter().find(|known| *known == algorithm);
        if known.is_none() && !algorithm.is_empty() {
            violations.add("signingAlgorithm", algorithm, "Member must satisfy enum value set: [RS256, ES384]");
        }
        let life = parameters.duration()?.unwrap_or(DEFAULT);
        violations.seconds(life, LEAST_SECS, MOST_SECS);
        let tags = read_tags(parameters, &mut violations);
        violations.check()?;
        check_tags(&tags.iter().map(|(key, _)| *key).collect::<Vec<_>>(), &[])?;
        Ok(Self {
            audiences: audiences.into_iter().map(str::to_owned).collect(),
            algorithm: known.unwrap_or("RS256"),
            life,
            tags: tags.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
        })
    }
}

const ALGORITHMS: [&str; 2] = ["RS256", "ES384"];

/// What AWS adds of its own. What there is nothing to say about is left out.
fn about(caller: &Issued, subject: &str, region: &str, request_tags: &BTreeMap<String, String>) -> Value {
    let mut about = json!({
        "aws_account": caller.principal.account,
        "source_region": region,
        "principal_id": subject,
    });
    if let Some(end) = caller.expires {
        about["original_session_exp"] = json!(utc(end));
    }
    if let Some(identity) = &caller.source_identity {
        about["source_identity"] = json!(identity);
    }
    for (name, tags) in [("principal_tags", &caller.tags), ("request_tags", request_tags)] {
        if !tags.is_empty() {
            about[name] = json!(tags);
        }
    }
    about
}

/// The resource is `self`, and the second half of the sentence is what every service of AWS says when no policy allows an action.
/// (IAM User Guide, "Troubleshoot access denied error messages")
fn denied(caller: &Issued) -> Refusal {
    let principal = &caller.principal;
    let partition = Arn::parse(&principal.arn).map_or("aws", |arn| arn.partition);
    Refusal::access_denied(format!(
        "User: {} is not authorized to perform: sts:GetWebIdentityToken on resource: arn:{partition}:sts::{}:self because no identity-based policy allows the sts:GetWebIdentityToken action",
        principal.arn, principal.account
    ))
}

fn known(code: &str) -> Refusal {
    Refusal::of_code(code).expect("the table of refusals has it")
}
