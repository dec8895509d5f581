//! The simulated cloud as a process: for tests that are not written in Rust, and for trying things out by hand.
//!
//! It prints one line of JSON when it listens, and serves until it is told to stop.

use std::{error::Error, fs, io::Write as _, net::IpAddr, path::PathBuf, process::ExitCode, time::Duration};

use clap::Parser;
use serde_json::{Value, json};
use simcloud::{
    Cloud, Listening, TestAuthority, Workflow,
    control::{seed::Seed, view},
};
use tokio::{io::AsyncReadExt as _, net::TcpListener};

/// A simulated AWS: STS with real signatures and steerable faults.
#[derive(Parser)]
#[command(name = "simcloud")]
struct Arguments {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1")]
    address: IpAddr,
    /// Port of STS; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Port of the control API, always on 127.0.0.1; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    control_port: u16,
    /// Serve TLS, and write the authority's certificate to DIR/ca.pem.
    #[arg(long, value_name = "DIR")]
    tls: Option<PathBuf>,
    /// A further name for the server's certificate, beside 127.0.0.1, ::1 and localhost.
    #[arg(long, value_name = "NAME", requires = "tls")]
    name: Vec<String>,
    /// Users, roles, issuers and faults to start with.
    #[arg(long, value_name = "FILE.json")]
    seed: Option<PathBuf>,
    /// Stop when standard input closes, so that no parent leaves this process behind.
    #[arg(long)]
    until_stdin_closes: bool,
    /// Stop after this many seconds.
    #[arg(long = "for", value_name = "SECONDS")]
    seconds: Option<u64>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell when standard error is closed as well.
            let _ = writeln!(std::io::stderr(), "simcloud: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<(), Box<dyn Error + Send + Sync>> {
    let cloud = Cloud::on_system_clock();
    let users = arguments.seed.as_ref().map_or_else(|| Ok(Value::Null), |file| sow(&cloud, file))?;
    let listener = TcpListener::bind((arguments.address, arguments.port)).await?;
    let control = cloud.listen_control(TcpListener::bind(("127.0.0.1", arguments.control_port)).await?)?;
    let (sts, ca) = listen(&cloud, listener, arguments)?;
    let scheme = if ca.is_some() { "https" } else { "http" };
    let origin = format!("{scheme}://{}", sts.address());
    let workflows: Value = cloud.workflows().iter().map(|workflow| job(&origin, workflow)).collect();
    let line = json!({
        "sts": origin,
        "control": format!("http://{}/_simcloud", control.address()),
        "ca": ca,
        "users": users,
        "workflows": workflows,
        "outbound": cloud.outbound_issuers(),
    });
    writeln!(std::io::stdout(), "{line}")?;
    tokio::select! {
        () = stdin_closed(), if arguments.until_stdin_closes => {}
        () = tokio::time::sleep(Duration::from_secs(arguments.seconds.unwrap_or(0))), if arguments.seconds.is_some() => {}
        stopped = tokio::signal::ctrl_c() => stopped?,
    }
    // A read of standard input may still sit in its thread and would hold up a runtime that waits for it.
    std::process::exit(0)
}

/// Puts the population of a file into the cloud; access keys and devices by user name come back.
fn sow(cloud: &Cloud, file: &PathBuf) -> Result<Value, Box<dyn Error + Send + Sync>> {
    let text = fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let seed: Seed = serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", file.display()))?;
    if let Some(user) = seed.users.iter().find(|user| !user.is_readable()) {
        return Err(format!("{}: the seed of {}'s device is not base 32", file.display(), user.name).into());
    }
    let names: Vec<String> = seed.users.iter().map(|user| user.name.clone()).collect();
    let keys = seed.sow(cloud);
    let user = |(name, keys): (String, simcloud::Keys)| {
        let mut shown = view::user(cloud, &keys);
        if let Value::Object(fields) = &mut shown {
            fields.retain(|_, value| !value.is_null());
        }
        (name, shown)
    };
    Ok(Value::Object(names.into_iter().zip(keys).map(user).collect()))
}

/// What a job finds in its environment, with the whole URL.
fn job(origin: &str, workflow: &Workflow) -> Value {
    let mut shown = view::workflow(workflow);
    shown["request_url"] = json!(format!("{origin}{}", workflow.request_path));
    shown
}

fn listen(
    cloud: &Cloud,
    listener: TcpListener,
    arguments: &Arguments,
) -> Result<(Listening, Option<PathBuf>), Box<dyn Error + Send + Sync>> {
    let Some(directory) = &arguments.tls else { return Ok((cloud.listen(listener)?, None)) };
    let authority = TestAuthority::new()?;
    let own = ["127.0.0.1", "::1", "localhost"].into_iter();
    let names: Vec<&str> = own.chain(arguments.name.iter().map(String::as_str)).collect();
    fs::create_dir_all(directory)?;
    let ca = directory.join("ca.pem");
    fs::write(&ca, authority.ca_pem())?;
    Ok((cloud.listen_tls(listener, authority.server(&names)?)?, Some(ca)))
}

async fn stdin_closed() {
    let mut stdin = tokio::io::stdin();
    let mut bytes = [0; 1024];
    while matches!(stdin.read(&mut bytes).await, Ok(1..)) {}
}
