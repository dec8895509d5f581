//! The AWS SDK for Rust of the client matrix: one pair of clients for the life of the process.
//!
//! It reads one call a line from stdin (`sts`, `s3`) and answers each with one line of JSON on stdout; an argument is the
//! profile that it names, else the environment says which. What it is built without is the SDK's default HTTP client, which
//! would bring a second crypto provider into the tree; the one in its place is made as that one is.

use std::error::Error;
use std::io::{BufRead, Write};

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::{Builder, ConnectorBuilder, tls};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::error::display::DisplayErrorContext;
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut config = aws_config::from_env().http_client(http_client());
    if let Some(profile) = std::env::args().nth(1) {
        config = config.profile_name(profile);
    }
    let config = config.load().await;
    let sts = aws_sdk_sts::Client::new(&config);
    let s3 = aws_sdk_s3::Client::new(&config);

    let mut out = std::io::stdout();
    for line in std::io::stdin().lock().lines() {
        let answer = match line?.as_str() {
            "sts" => match sts.get_caller_identity().send().await {
                Ok(caller) => json!({ "ok": caller.arn() }),
                Err(error) => failed(&error),
            },
            _ => match s3.list_buckets().send().await {
                Ok(list) => {
                    json!({ "ok": list.buckets().iter().map(aws_sdk_s3::types::Bucket::name).collect::<Vec<_>>() })
                }
                Err(error) => failed(&error),
            },
        };
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}

/// The SDK's default (`default_https_client` in aws-smithy-runtime's `client/http.rs`), with another crypto provider: a
/// proxy that the environment names is used, as it is since behaviour version 2025-08-07. The builder's own
/// `build_https` never uses one.
fn http_client() -> SharedHttpClient {
    Builder::new().build_with_connector_fn(|settings, components| {
        let tls = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
        let mut connector = ConnectorBuilder::default().tls_provider(tls).proxy_config(ProxyConfig::from_env());
        connector.set_connector_settings(settings.cloned());
        if let Some(components) = components {
            connector.set_sleep_impl(components.sleep_impl());
        }
        connector.build()
    })
}

fn failed(error: &(dyn Error + 'static)) -> Value {
    json!({ "error": DisplayErrorContext(error).to_string() })
}
