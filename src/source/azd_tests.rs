//! What `azd` prints and says, and how it is run.

use std::time::{Duration, SystemTime};

use super::super::azure_cli::tests::{Stage, definition, start};
use super::*;
use crate::config::AzureSource;
use crate::credential::FailureClass;

const ARM: &str = "https://management.azure.com/";

async fn issue(stage: &Stage, tenant: Option<&str>) -> Result<Made, Failure> {
    let azd = Azd {
        identity: "dev".into(),
        definition: definition(AzureSource::Azd { config_folder: None }, tenant),
        config_folder: None,
        resource: ARM.into(),
        world: stage.world.clone(),
    };
    azd.issue(Ingredient::Nothing).await
}

#[tokio::test]
async fn azd_gets_a_scope_and_its_time_is_that_of_utc() {
    let stage = Stage::of(
        "azd",
        r#"{ echo "$@"; pwd; env; } > $STAND_IN/seen; echo '{"token":"a.b.c","expiresOn":"2027-01-15T09:00:00Z"}'"#,
    );
    let Made::Token(issued) = issue(&stage, Some("contoso.com")).await.unwrap() else { panic!("no token") };
    assert_eq!(issued.expiration, start() + Duration::from_secs(3600));
    let seen = stage.read("seen");
    let first = "auth token --output json --no-prompt --scope https://management.azure.com//.default --tenant-id contoso.com\n/\n";
    assert!(seen.starts_with(first), "{seen}");
    for line in ["NO_COLOR=true", "AZURE_DEV_COLLECT_TELEMETRY=no", "CREDENZA_ASKED=azd:dev"] {
        assert!(seen.lines().any(|seen| seen == line), "{line}: {seen}");
    }
}

#[tokio::test]
async fn what_azd_says_in_json_is_read_as_sentences() {
    for (said, class, code, mend) in [
        (
            r#"{"type":"consoleMessage","timestamp":"2026-11-21T22:04:16Z","data":{"message":"\nERROR: not logged in, run `azd auth login` to login\n"}}"#,
            FailureClass::NeedsPerson,
            "LoginRequired",
            "run `azd auth login`",
        ),
        (
            r#"{"error":"fetching token: failed to authenticate:\n(interaction_required) AADSTS50076: Due to a configuration change"}"#,
            FailureClass::NeedsPerson,
            "LoginRequired",
            "run `azd auth login --scope https://management.azure.com//.default`",
        ),
        (
            r#"{"error":{"message":"fetching token","suggestion":"reauthentication required, run `azd auth login` to acquire a new token."}}"#,
            FailureClass::NeedsPerson,
            "LoginRequired",
            "run `azd auth login --scope",
        ),
        (
            "ERROR: fetching token: Post \"https://login.microsoftonline.com\": dial tcp: lookup login.microsoftonline.com: no such host",
            FailureClass::TryLater,
            "UpstreamUnavailable",
            "check the network",
        ),
        ("Error: unknown flag: --tenant-id", FailureClass::NeedsPerson, "ProcessFailed", "https://aka.ms/azd/install"),
    ] {
        let stage = Stage::of("azd", "cat $STAND_IN/said >&2; exit 1");
        std::fs::write(stage.home.path().join("said"), said).unwrap();
        let failure = issue(&stage, None).await.unwrap_err();
        assert_eq!((failure.class, failure.code), (class, code), "{said}");
        assert!(
            failure.public.contains(mend) && !failure.public.contains("configuration change"),
            "{}",
            failure.public
        );
        assert!(
            failure.private.contains("it said: ") && !failure.private.contains("consoleMessage"),
            "{}",
            failure.private
        );
    }
}

#[test]
fn output_is_read_strictly() {
    let now = Now { wall: SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000), boot: Duration::ZERO };
    for (body, why) in [
        (r#"{"token":"hunter2"}"#, "no expiresOn"),
        (r#"{"expiresOn":"2027-01-15T09:00:00Z"}"#, "no token"),
        (r#"{"token":"","expiresOn":"2027-01-15T09:00:00Z"}"#, "empty"),
        (r#"{"token":"hunter2","expiresOn":"2027-01-15T07:00:00Z"}"#, "ended before"),
        (r#"{"token":"hunter2","expiresOn":"2027-01-15 09:00:00"}"#, "no time"),
        (r#"{"token":"hunter2","expiresOn":1800003600}"#, "not of its type"),
        ("hunter2", "not JSON"),
    ] {
        let error = read(body.as_bytes(), now).unwrap_err();
        assert!(error.contains(why) && !error.contains("hunter2"), "{body}: {error}");
    }
    let good = read(br#"{"token":"a.b.c","expiresOn":"2027-01-15T10:00:00+01:00","more":[]}"#, now).unwrap();
    assert_eq!(good.expiration, now.wall + Duration::from_secs(3600));
}
