//! What the role is called. Called by the app, and by the tree, which takes no name that is not clean.

/// The role's name for a path: the last part of its ARN where that is known, else the identity's name. Of other characters
/// than a role's name has (IAM User Guide, "IAM and AWS STS quotas": letters, digits and `+=,.@_-`, 64 at most) each
/// becomes a `-`; it is never empty, and never a path of its own.
///
/// ```
/// use credenza::dialect::ec2::role_name;
/// assert_eq!(role_name("prod", Some("arn:aws:iam::123456789012:role/team/deploy")), "deploy");
/// assert_eq!(role_name("my profile", None), "my-profile");
/// ```
pub fn role_name(identity: &str, role_arn: Option<&str>) -> String {
    let named = role_arn.and_then(|arn| arn.rsplit('/').next()).filter(|name| !name.is_empty());
    clean(named.unwrap_or(identity))
}

/// A name as one part of a path.
pub(super) fn clean(name: &str) -> String {
    let dots = name.bytes().all(|byte| byte == b'.'); // `..` leads upwards: clients take it out of a URL
    let plain = |letter: &char| letter.is_ascii_alphanumeric() || "+=,.@_-".contains(*letter);
    let clean = |letter: char| if dots || !plain(&letter) { '-' } else { letter };
    let cleaned: String = name.chars().take(64).map(clean).collect();
    if cleaned.is_empty() { "role".into() } else { cleaned }
}
