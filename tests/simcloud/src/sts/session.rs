//! What a role session carries besides its keys: tags, source identity, policies; and how its keys are written.

use std::collections::BTreeMap;

use crate::{
    Issued, Refusal,
    fault::Trouble,
    query::{Element, Parameters, Violations, utc},
};

/// `sessionPolicyDocumentType`: the plain text of the inline policy and of the ARNs together. (IAM User Guide, "IAM and AWS
/// STS quotas".)
const POLICY_LIMIT: usize = 2048;
/// The packed form of policies and tags has a limit of its own, which AWS does not publish; tags at all their limits pass it
/// by far, a dozen ordinary ones do not.
const PACKED_LIMIT: usize = 4096;

/// The session policies and tags that a request asks for, within their limits.
pub(super) struct Wanted {
    tags: BTreeMap<String, String>,
    transitive: Vec<String>,
    source_identity: Option<String>,
    packed_percent: Option<usize>,
}

impl Wanted {
    /// Reads them; what breaks a declared limit goes to `violations`.
    pub(super) fn read(parameters: &Parameters, violations: &mut Violations) -> Result<Self, Refusal> {
        let tags = read_tags(parameters, violations);
        let keys: Vec<&str> = tags.iter().map(|(key, _)| *key).collect();
        let transitive: Vec<&str> = parameters.list("TransitiveTagKeys", "").collect();
        let arns: Vec<&str> = parameters.list("PolicyArns", "arn").collect();
        violations.count("transitiveTagKeys", &transitive, 50);
        violations.count("policyArns", &arns, 10);
        let source_identity = parameters.text("SourceIdentity");
        if let Some(source_identity) = source_identity {
            violations.session_name("sourceIdentity", source_identity);
        }
        let tags: BTreeMap<String, String> =
            tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        check_tags(&keys, &transitive)?;
        let policy = parameters.text("Policy");
        policy.map_or(Ok(()), check_policy)?;
        Ok(Self {
            packed_percent: packed_percent(policy, &arns, &tags),
            tags,
            transitive: transitive.into_iter().map(str::to_owned).collect(),
            source_identity: source_identity.map(str::to_owned),
        })
    }

    /// The packed size is judged last, when everything else is in order.
    pub(super) fn check_size(&self) -> Result<(), Refusal> {
        match self.packed_percent {
            Some(percent) if percent > 100 => Err(Refusal::new(
                400,
                "PackedPolicyTooLarge",
                format!("Packed policy consumes {percent}% of allotted space, please use smaller policy."),
            )),
            _ => Ok(()),
        }
    }

    /// Adds to these what the next session inherits from the caller's: transitive tags, and the source identity, which is
    /// set once. (IAM User Guide, "Pass session tags in AWS STS", "Monitor and control actions taken with assumed roles".)
    pub(super) fn inherit(&mut self, caller: &Issued, role_arn: &str) -> Result<(), Refusal> {
        for inherited in &caller.transitive {
            if self.tags.keys().any(|key| key.eq_ignore_ascii_case(inherited)) {
                return Err(Refusal::new(
                    400,
                    "InvalidParameterValue",
                    "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.",
                ));
            }
            let value = caller.tags.get(inherited).cloned().unwrap_or_default();
            self.tags.insert(inherited.clone(), value);
            self.transitive.push(inherited.clone());
        }
        if let Some(set) = &caller.source_identity {
            if self.source_identity.as_ref().is_some_and(|wanted| wanted != set) {
                return Err(Refusal::access_denied(format!(
                    "User: {} is not authorized to perform: sts:SetSourceIdentity on resource: {role_arn}",
                    caller.principal.arn
                )));
            }
            self.source_identity = Some(set.clone());
        }
        Ok(())
    }

    /// What the answer says about them, after the credentials.
    pub(super) fn elements(&self) -> Vec<Element> {
        let packed = self.packed_percent.map(|percent| Element::text("PackedPolicySize", percent.to_string()));
        let source = self.source_identity.as_ref().map(|identity| Element::text("SourceIdentity", identity));
        packed.into_iter().chain(source).collect()
    }

    /// Puts them on a session.
    pub(super) fn put_on(self, session: Issued) -> Issued {
        Issued { tags: self.tags, transitive: self.transitive, source_identity: self.source_identity, ..session }
    }
}

/// `<Credentials>` of an answer.
pub(super) fn credentials(issued: &Issued, trouble: Option<&Trouble>) -> Element {
    let blank = matches!(trouble, Some(Trouble::BlankCredentials));
    let field = |name, text: String| Element::text(name, if blank { String::new() } else { text });
    let keys = issued.keys.clone();
    Element::group(
        "Credentials",
        [
            field("AccessKeyId", keys.access_key_id),
            field("SecretAccessKey", keys.secret_access_key),
            field("SessionToken", keys.session_token.unwrap_or_default()),
            field("Expiration", issued.expires.map(utc).unwrap_or_default()),
        ],
    )
}

/// `Tags.member.N`, in their order; what breaks a declared limit goes to `violations`.
pub(super) fn read_tags<'a>(parameters: &'a Parameters, violations: &mut Violations) -> Vec<(&'a str, &'a str)> {
    let keys: Vec<&str> = parameters.list("Tags", "Key").collect();
    let values: Vec<&str> = parameters.list("Tags", "Value").collect();
    violations.count("tags", &keys, 50);
    for (index, key) in keys.iter().enumerate() {
        violations.length(&format!("tags.{}.member.key", index + 1), key, 1, 128);
    }
    for (index, value) in values.iter().enumerate() {
        violations.length(&format!("tags.{}.member.value", index + 1), value, 0, 256);
    }
    if keys.len() != values.len() {
        violations.add("tags", "null", "Member must not be null");
    }
    keys.into_iter().zip(values).collect()
}

pub(super) fn check_tags(keys: &[&str], transitive: &[&str]) -> Result<(), Refusal> {
    let invalid = |message: &str| Err(Refusal::new(400, "InvalidParameterValue", message));
    let known = |wanted: &str| keys.iter().any(|key| key.eq_ignore_ascii_case(wanted));
    let twice = |(index, key): (usize, &&str)| keys[..index].iter().any(|earlier| earlier.eq_ignore_ascii_case(key));
    if keys.iter().enumerate().any(twice) {
        return invalid("Duplicate tag keys found. Please note that Tag keys are case insensitive.");
    }
    if !transitive.iter().all(|key| known(key)) {
        return invalid("The specified transitive tag key must be included in the requested tags.");
    }
    Ok(())
}

/// A policy must be a JSON object that says something.
fn check_policy(policy: &str) -> Result<(), Refusal> {
    let malformed = |message: &str| Refusal::new(400, "MalformedPolicyDocument", message);
    let document: serde_json::Value =
        serde_json::from_str(policy).map_err(|_| malformed("This policy contains invalid Json"))?;
    match document.get("Statement") {
        Some(serde_json::Value::Array(_) | serde_json::Value::Object(_)) => Ok(()),
        _ => Err(malformed("Syntax errors in policy.")),
    }
}

/// How much of its room the packed form takes; nothing when there is nothing to pack.
fn packed_percent(policy: Option<&str>, arns: &[&str], tags: &BTreeMap<String, String>) -> Option<usize> {
    let policies = policy.map_or(0, str::len) + arns.iter().map(|arn| arn.len()).sum::<usize>();
    let tags: usize = tags.iter().map(|(key, value)| key.len() + value.len()).sum();
    if policies + tags == 0 {
        return None;
    }
    Some((policies * 100).div_ceil(POLICY_LIMIT).max(((policies + tags) * 100).div_ceil(PACKED_LIMIT)))
}
