//! What `az` and `azd` say, and what is made of it. The texts of `az` are those of version 2.91 and, where it is said, of others'
//! reports.

use FailureClass::{NeedsPerson, Refused, TryLater};

use super::super::AZ;
use super::*;
use crate::credential::IdentityName;
use crate::world::World;

/// What a client is told. `tenant`: of the identity.
fn told(tenant: Option<&str>, said: &str) -> Failure {
    let (identity, world): (IdentityName, World) = ("graph".into(), World::system());
    let written = Written { identity: &identity, resource: "https://graph.microsoft.com", tenant };
    let words = written.for_az(None).unwrap();
    let running = Running { tool: &AZ, identity: &identity, config_folder: None, world: &world };
    failure(&Asked { written, running: &running, words: &words }, said)
}

const MFA: &str = "ERROR: AADSTS50076: Due to a configuration change made by your administrator, or because you moved to a new \
    location, you must use multi-factor authentication to access '00000003-0000-0000-c000-000000000000'. Trace ID: x \
    Correlation ID: y Timestamp: 2026-11-21 22:04:16Z\nRun the command below to authenticate interactively; additional \
    arguments may be added as needed:\naz logout\naz login --tenant \"contoso.com\" --scope \"https://graph.microsoft.com/.default\"";

#[test]
fn what_az_says_becomes_a_class_a_code_and_the_command_that_mends_it() {
    let here = "run `az login --tenant contoso.com`";
    let for_this = "run `az login --tenant contoso.com --scope https://graph.microsoft.com/.default`";
    for (said, class, code, mend) in [
        ("ERROR: Please run 'az login' to setup account.", NeedsPerson, "LoginRequired", here),
        (
            "User 'ada@contoso.com' does not exist in MSAL token cache. Run `az login`.",
            NeedsPerson,
            "LoginRequired",
            here,
        ),
        (
            "ERROR: Could not retrieve credential from local cache for service principal 2222. Run `az login` for this service principal.",
            NeedsPerson,
            "LoginRequired",
            here,
        ),
        (
            "Can't find token from MSAL cache.\nTo re-authenticate, please run:\naz login",
            NeedsPerson,
            "LoginRequired",
            here,
        ),
        (MFA, NeedsPerson, "LoginRequired", for_this),
        ("AADSTS700082: The refresh token has expired due to inactivity.", NeedsPerson, "LoginRequired", here),
        ("AADSTS50173: The provided grant has expired due to it being revoked.", NeedsPerson, "LoginRequired", here),
        (
            "AADSTS70043: The refresh token has expired or is invalid due to sign-in frequency checks",
            NeedsPerson,
            "LoginRequired",
            for_this,
        ),
        (
            "AADSTS53003: Access has been blocked by Conditional Access policies.",
            NeedsPerson,
            "ConditionalAccess",
            for_this,
        ),
        (
            "AADSTS65001: The user or administrator has not consented to use the application",
            NeedsPerson,
            "ConsentRequired",
            for_this,
        ),
        ("AADSTS65002: Consent between first party application", Refused, "ConsentRequired", "source = \"entra\""),
        (
            "AADSTS500011: The resource principal named x was not found in the tenant",
            Refused,
            "ResourceUnknown",
            "letter by letter",
        ),
        (
            "AADSTS90002: Tenant 'contoso.con' not found.",
            Refused,
            "TenantUnknown",
            "correct `tenant` of [identity.graph.azure]",
        ),
        ("AADSTS50020: User account from identity provider does not exist in tenant", NeedsPerson, "LoginDenied", here),
        ("AADSTS7000215: Invalid client secret provided.", NeedsPerson, "UpstreamRefused", here),
        (
            "AADSTS50196: The server terminated an operation because it encountered a client request loop.",
            TryLater,
            "Throttled",
            "soon",
        ),
        ("AADSTS90033: A transient error has occurred. Please try again.", TryLater, "UpstreamUnavailable", "soon"),
        ("AADSTS4242421: something new", NeedsPerson, "LoginRequired", for_this),
        (
            "Continuous access evaluation resulted in challenge\naz login --claims-challenge eyJ9",
            NeedsPerson,
            "LoginRequired",
            for_this,
        ),
        (
            "ERROR: No subscription found. Run 'az account set' to select a subscription.",
            NeedsPerson,
            "LoginRequired",
            "az account set",
        ),
        (
            "ERROR: Subscription 'Nope' not found. Check the spelling and casing and try again.",
            Refused,
            "SettingsContradict",
            "az account list",
        ),
        (
            "Multiple subscriptions with the name 'Dev' found. Specify the subscription ID.",
            Refused,
            "SettingsContradict",
            "the id of one",
        ),
        (
            "For managed identity account, getting access token for non-current tenants is not supported.",
            NeedsPerson,
            "LoginRequired",
            here,
        ),
        (
            "ERROR: The command failed with an unexpected error. Here is the traceback:\nERROR: HTTPSConnectionPool(host='login.\
             microsoftonline.com', port=443): Max retries exceeded with url: /t/v2.0/.well-known/openid-configuration (Caused by \
             NameResolutionError(\"Failed to resolve 'login.microsoftonline.com' ([Errno -2] Name or service not known)\"))\n\
             Traceback (most recent call last):\n  File \"msal/application.py\", line 2263, in __init__",
            TryLater,
            "UpstreamUnavailable",
            "check the network",
        ),
        (
            "requests.exceptions.ProxyError: (Caused by ProxyError('Unable to connect to proxy', NewConnectionError(\"Failed to \
             establish a new connection: [Errno 111] Connection refused\")))",
            TryLater,
            "UpstreamUnavailable",
            "HTTPS_PROXY",
        ),
        (
            "Max retries exceeded (Caused by SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify \
             failed')))",
            TryLater,
            "UpstreamUnavailable",
            "REQUESTS_CA_BUNDLE",
        ),
        // Azure/azure-cli#25485, #20749, #20273
        ("[Errno 11] Resource temporarily unavailable", TryLater, "UpstreamTimeout", "soon"),
        (
            "json.decoder.JSONDecodeError: Extra data: line 14 column 2 (char 2325)",
            TryLater,
            "SignInUnusable",
            "`az account clear`",
        ),
        (
            "[Errno 13] Permission denied: '/home/ada/.azure/msal_token_cache.json.lockfile'",
            NeedsPerson,
            "ProcessFailed",
            "ls -la",
        ),
        ("az: error: unrecognized arguments: --resource", NeedsPerson, "ProcessFailed", "install a newer one"),
        ("ModuleNotFoundError: No module named 'azure.cli'", NeedsPerson, "ProcessFailed", "install it again"),
        ("something that nobody has heard of", NeedsPerson, "ProcessFailed", "by hand"),
        ("", NeedsPerson, "ProcessFailed", "by hand"),
    ] {
        let failure = told(Some("contoso.com"), said);
        assert_eq!((failure.class, failure.code), (class, code), "{said}");
        assert!(failure.public.contains(mend), "{said}: {}", failure.public);
        assert!(failure.public.contains("graph"), "{}", failure.public);
        for theirs in ["ada@contoso.com", "Trace ID", "Traceback", "Nope", "eyJ9", "{client}", "{tenant}"] {
            assert!(!failure.public.contains(theirs), "{theirs}: {}", failure.public);
        }
    }
}

#[test]
fn a_number_is_told_to_whoever_runs_us() {
    let failure = told(None, MFA);
    assert!(failure.private.ends_with("(AADSTS50076)") && !failure.public.contains("50076"), "{failure:?}");
    assert!(failure.public.contains("multi-factor authentication"), "{}", failure.public);
    assert!(
        failure.public.ends_with("run `az login --scope https://graph.microsoft.com/.default`"),
        "{}",
        failure.public
    );
    let numbers = |said| numbers_in(said).collect::<Vec<_>>();
    assert_eq!(numbers("AADSTS700082: x. AADSTS50173: y AADSTS: AADSTSx AADSTS99999999999"), [700_082, 50173]);
}
