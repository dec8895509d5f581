//! A request refused: the code, status and words of the real service.

use std::fmt;

/// Why a request got no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The code, such as `ExpiredToken`.
    pub code: String,
    /// The sentence that comes with it.
    pub message: String,
}

impl Refusal {
    /// A refusal in these words.
    pub fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into() }
    }

    /// The keys' owner may not do this.
    pub(crate) fn access_denied(message: impl Into<String>) -> Self {
        Self::new(403, "AccessDenied", message)
    }

    /// A parameter is out of its limits.
    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::new(400, "ValidationError", message)
    }

    /// A signature that does not fit the request.
    pub(crate) fn signature(message: impl Into<String>) -> Self {
        Self::new(403, "SignatureDoesNotMatch", message)
    }

    /// The access key is unknown or inactive, or the token is not the one that belongs to it.
    pub(crate) fn unknown_key() -> Self {
        Self::new(403, "InvalidClientTokenId", UNKNOWN_KEY)
    }

    /// The temporary keys are over.
    pub(crate) fn expired() -> Self {
        Self::new(403, "ExpiredToken", EXPIRED)
    }

    /// The request is not signed at all.
    pub(crate) fn unsigned() -> Self {
        Self::new(403, "MissingAuthenticationToken", UNSIGNED)
    }

    /// The request was signed with another secret, or changed since.
    pub(crate) fn wrong_signature() -> Self {
        Self::signature(WRONG_SIGNATURE)
    }

    /// The signature cannot even be looked at.
    pub(crate) fn incomplete(message: impl Into<String>) -> Self {
        Self::new(400, "IncompleteSignature", message)
    }

    /// A refusal with the status and words that go with a known code, for faults made on purpose.
    pub fn of_code(code: &str) -> Option<Self> {
        Self::found(KNOWN, code)
    }

    /// The same with what a service has of its own before; a code that nobody knows is a 400 of that name.
    pub(crate) fn among(own: &[Known], code: &str) -> Self {
        Self::found(own, code).or_else(|| Self::of_code(code)).unwrap_or_else(|| Self::new(400, code, code))
    }

    fn found(among: &[Known], code: &str) -> Option<Self> {
        among.iter().find(|known| known.1 == code).map(|(status, code, message)| Self::new(*status, code, *message))
    }

    /// Every code that [`Refusal::of_code`] knows.
    pub fn known_codes() -> impl Iterator<Item = &'static str> {
        KNOWN.iter().map(|known| known.1)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.code, self.status, self.message)
    }
}

impl std::error::Error for Refusal {}

/// What STS is known to answer: its API reference (each action's errors, and "Common Error Types"), and for throttling the
/// codes that botocore (`retries/standard.py`) and aws-runtime (`retries/classifiers.rs`) retry.
/// Status, code and words of a refusal.
pub(crate) type Known = (u16, &'static str, &'static str);

const KNOWN: &[Known] = &[
    (403, "AccessDenied", "User is not authorized to perform this operation"),
    (403, "ExpiredToken", EXPIRED),
    (400, "ExpiredTokenException", "Token expired: current date/time must be before the expiration date/time"),
    (
        400,
        "InvalidIdentityToken",
        "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)",
    ),
    (403, "IDPRejectedClaim", "The identity provider rejected the claim"),
    (400, "IDPCommunicationError", "Error communicating with the identity provider"),
    (403, "InvalidClientTokenId", UNKNOWN_KEY),
    (403, "MissingAuthenticationToken", UNSIGNED),
    (403, "SignatureDoesNotMatch", WRONG_SIGNATURE),
    (400, "IncompleteSignature", "Authorization header requires 'Signature' parameter."),
    (400, "RequestExpired", "Request has expired."),
    (403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large."),
    (403, "InvalidSignatureException", "Signature expired"),
    (400, "ValidationError", "1 validation error detected"),
    (400, "PackedPolicyTooLarge", "Packed policy consumes 112% of allotted space, please use smaller policy."),
    (400, "MalformedPolicyDocument", "Syntax errors in policy."),
    (
        403,
        "RegionDisabledException",
        "STS is not activated in this region. Your account administrator can activate STS in this region using the IAM Console.",
    ),
    (
        403,
        "OutboundWebIdentityFederationDisabledException",
        "Outbound web identity federation is disabled for this account.",
    ),
    (400, "JWTPayloadSizeExceededException", "JWT payload exceeds maximum allowed size"),
    (
        403,
        "SessionDurationEscalationException",
        "The requested token duration would extend the session beyond its original expiration time.",
    ),
    (400, "Throttling", "Rate exceeded"),
    (400, "ThrottlingException", "Rate exceeded"),
    (503, "RequestLimitExceeded", "Request limit exceeded."),
    (429, "TooManyRequestsException", "Too Many Requests"),
    (503, "SlowDown", "Please reduce your request rate."),
    (
        400,
        "RequestTimeout",
        "Your socket connection to the server was not read from or written to within the timeout period.",
    ),
    (500, "InternalFailure", "The request processing has failed because of an unknown error, exception or failure."),
    (502, "BadGateway", "Bad Gateway"),
    (503, "ServiceUnavailable", "The request has failed due to a temporary failure of the server."),
    (504, "GatewayTimeout", "Gateway Timeout"),
];

const UNKNOWN_KEY: &str = "The security token included in the request is invalid.";
const EXPIRED: &str = "The security token included in the request is expired";
const UNSIGNED: &str = "Request is missing Authentication Token";
const WRONG_SIGNATURE: &str = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.";
