//! An unmodified client: the AWS SDK for Rust with its default chain, as any application would use it. It asks STS who it is
//! and prints the answer as one line of JSON.
//!
//! It knows nothing of Credenza. What it honours (`AWS_CONTAINER_CREDENTIALS_FULL_URI`, `AWS_PROFILE`,
//! `AWS_ENDPOINT_URL_STS`, `SSL_CERT_FILE` ...) is what the SDK honours.

use std::{error::Error, io::Write as _, process::ExitCode, time::Duration};

use aws_config::BehaviorVersion;
use aws_sdk_sts::error::DisplayErrorContext;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use clap::Parser;
use serde_json::json;

/// Prints the caller's identity, as `aws sts get-caller-identity` does.
#[derive(Parser)]
#[command(name = "sdk-client")]
struct Arguments {
    /// The profile to use, as if AWS_PROFILE named it.
    #[arg(long)]
    profile: Option<String>,
    /// How often to ask, with one client: credentials are the SDK's own affair between the calls.
    #[arg(long, default_value_t = 1)]
    repeat: u32,
    /// Seconds between two calls.
    #[arg(long, default_value_t = 1.0, value_parser = seconds)]
    interval: f64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(&Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell when standard error is closed as well.
            let _ = writeln!(std::io::stderr(), "sdk-client: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let http = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http);
    if let Some(profile) = &arguments.profile {
        loader = loader.profile_name(profile);
    }
    let sts = aws_sdk_sts::Client::new(&loader.load().await);
    for call in 0..arguments.repeat {
        if call > 0 {
            tokio::time::sleep(Duration::from_secs_f64(arguments.interval)).await;
        }
        let identity =
            sts.get_caller_identity().send().await.map_err(|error| DisplayErrorContext(error).to_string())?;
        let line = json!({ "Arn": identity.arn(), "Account": identity.account(), "UserId": identity.user_id() });
        writeln!(std::io::stdout(), "{line}")?;
    }
    Ok(())
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    if (0.0..=86_400.0).contains(&seconds) { Ok(seconds) } else { Err("not between 0 and a day".to_owned()) }
}
