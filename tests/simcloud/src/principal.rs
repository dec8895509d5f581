//! Who a request comes from, in the words of IAM: users and role sessions, and the ARNs that name them.

/// A user, or a session of a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// `arn:aws:iam::111122223333:user/base` or `arn:aws:sts::111122223333:assumed-role/my-role/session`.
    pub arn: String,
    /// `AIDA...` of a user, `AROA...:session` of a role session.
    pub user_id: String,
    /// Twelve digits.
    pub account: String,
    /// The role's own ARN, when this is a session of one.
    pub role: Option<String>,
}

impl Principal {
    /// Whether a trust policy that names `statement` means this principal: `*`, an account (its digits, or its root's
    /// ARN), a user's or a role session's own ARN, or the ARN of the role that the session is of.
    /// (IAM User Guide, "AWS JSON policy elements: Principal".)
    pub fn is_meant_by(&self, statement: &str) -> bool {
        statement == "*"
            || statement == self.arn
            || statement == self.account
            || self.role.as_deref() == Some(statement)
            || Arn::parse(statement)
                .is_some_and(|arn| arn.service == "iam" && arn.resource == "root" && arn.account == self.account)
    }
}

/// The parts of an ARN that matter here: `arn:PARTITION:SERVICE::ACCOUNT:RESOURCE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arn<'a> {
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: &'a str,
    /// `iam`, `sts`.
    pub service: &'a str,
    /// Twelve digits.
    pub account: &'a str,
    /// `role/path/name`, `user/name`, `root`.
    pub resource: &'a str,
}

impl<'a> Arn<'a> {
    /// The parts of `text`, or nothing when it has too few.
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        let (arn, partition, service) = (parts.next()?, parts.next()?, parts.next()?);
        let (_region, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
        (arn == "arn").then_some(Self { partition, service, account, resource })
    }

    /// The name of the role, without its path, when this is a role's ARN.
    pub fn role_name(&self) -> Option<&'a str> {
        let path = self.resource.strip_prefix("role/").filter(|_| self.service == "iam")?;
        path.rsplit('/').next().filter(|name| !name.is_empty())
    }
}
