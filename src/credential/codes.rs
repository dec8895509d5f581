//! The codes of failures, for who is handed one as text: a command keeps the code that its daemon gave.
//!
//! `tests/house.rs` checks that none is missing. Called by `source/daemon.rs`.

/// The code as this build has it; `None` for one of a later version.
pub fn known(code: &str) -> Option<&'static str> {
    KNOWN.iter().copied().find(|known| *known == code)
}

const KNOWN: &[&str] = &[
    "AccessDenied",
    "ClockSkewed",
    "CodeMissing",
    "CodeRefused",
    "CodeRequired",
    "CredentialExpired",
    "DurationRefused",
    "ExpiredToken",
    "ExpiredTokenException",
    "IdentityProviderUnreachable",
    "InternalError",
    "InvalidClientTokenId",
    "InvalidIdentityToken",
    "KeyringFailed",
    "KeyringMissing",
    "KeysTemporary",
    "KeysUnusable",
    "LoginDenied",
    "LoginRequired",
    "MalformedPolicyDocument",
    "NoAccess",
    "PackedPolicyTooLarge",
    "Pending",
    "ProcessAsksItself",
    "ProcessFailed",
    "RegionDisabled",
    "SessionEnded",
    "SessionTokenDead",
    "SettingsContradict",
    "SignInUnreachable",
    "SignInUnusable",
    "SignatureDoesNotMatch",
    "SourceProfileLoop",
    "StartUrlUnusable",
    "SurroundingsUnusable",
    "Throttled",
    "TokenFileUnusable",
    "TooManyIdentities",
    "UnknownIdentity",
    "Unusable",
    "UnusableCredential",
    "UpstreamRefused",
    "UpstreamTimeout",
    "UpstreamUnavailable",
    "ValidationError",
];
