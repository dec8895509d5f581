//! `cargo demo`: one minute from nothing to an unmodified client that has credentials. A simulated AWS, a home of its own, the
//! real `credenza` binary. It reads nothing of the person's own `~/.aws`, and leaves nothing behind.

mod build;
mod home;
mod run;

use std::{error::Error, io::Write as _, process::ExitCode, time::Duration};

use serde_json::Value;
use simcloud::{Cloud, TestAuthority, Trust};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

use home::Home;
use run::{Step, say};

const ACCOUNT: &str = "111122223333";
const USER: &str = "arn:aws:iam::111122223333:user/base";
const ROLE: &str = "arn:aws:iam::111122223333:role/my-role";
/// What a session of the role is called, without the session's name, which says who runs this.
const SESSION: &str = "arn:aws:sts::111122223333:assumed-role/my-role/";
const BOTO3: &str =
    r#"import boto3, json; print(json.dumps({"Arn": boto3.client("sts").get_caller_identity()["Arn"]}))"#;

#[tokio::main]
async fn main() -> ExitCode {
    // Stopped, the tour is dropped where it stands: its processes are ended and its home is removed.
    let toured = tokio::select! {
        toured = tour() => toured,
        stopped = stopped() => stopped.map_err(Into::into).and_then(|()| Err("stopped".into())),
    };
    match toured {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell when standard error is closed as well.
            let _ = writeln!(std::io::stderr(), "demo: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn stopped() -> std::io::Result<()> {
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminated.recv() => Ok(()),
    }
}

async fn tour() -> Result<(), Box<dyn Error + Send + Sync>> {
    say("Building credenza, and a client on the AWS SDK for Rust (the first time this takes some minutes) ...")?;
    let programs = build::programs().await?;

    let cloud = Cloud::on_system_clock();
    let keys = cloud.add_user("base", ACCOUNT);
    cloud.add_role(ROLE, Trust::of([USER]), Duration::from_secs(3600));
    let authority = TestAuthority::new()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let listening = cloud.listen_tls(listener, authority.server(&["127.0.0.1"])?)?;
    let home = Home::new(&keys, &authority.ca_pem(), listening.address())?;
    say(&format!(
        "\nA simulated AWS listens on https://{}, and this shell has a home of its own: nothing here is yours.\n",
        listening.address()
    ))?;

    Step::new("cat ~/.aws/config").program("cat").arguments([home.config()]).run(&home).await?;
    Step::new("credenza list").program(&programs.credenza).arguments(["list"]).run(&home).await?;

    let exec = |shown: &str, client: &[&str]| {
        let arguments = ["exec", "my-role", "--"].iter().chain(client).map(|argument| (*argument).to_owned());
        Step::new(format!("credenza exec my-role -- {shown}")).program(&programs.credenza).arguments(arguments)
    };
    let sdk_client = programs.sdk_client.to_str().ok_or("the path of sdk-client is not UTF-8")?;
    check(&exec("sdk-client", &[sdk_client]).run(&home).await?)?;
    let aws = ["aws", "sts", "get-caller-identity", "--output", "json"];
    if works(&home, &["aws", "--version"]).await {
        check(&exec(&aws.join(" "), &aws).run(&home).await?)?;
    } else {
        say("(The AWS CLI is not on PATH: left out.)\n")?;
    }
    if works(&home, &["python3", "-c", "import boto3"]).await {
        check(&exec(&format!("python3 -c '{BOTO3}'"), &["python3", "-c", BOTO3]).run(&home).await?)?;
    } else {
        say("(boto3 is not there for python3: left out.)\n")?;
    }

    say(&format!(
        "The simulated AWS was asked for the role {} time(s), and {} time(s) who is calling; it verified each signature.",
        cloud.count("AssumeRole"),
        cloud.count("GetCallerIdentity")
    ))?;
    say("Now the real thing:\n\n    cargo install --path .\n    credenza exec PROFILE -- aws sts get-caller-identity")?;
    Ok(())
}

/// Whether a program is there and answers in the tour's own home.
async fn works(home: &Home, command: &[&str]) -> bool {
    let Some((program, arguments)) = command.split_first() else { return false };
    let step = Step::new("").program(program).arguments(arguments.iter().copied());
    step.output(home).await.is_ok_and(|output| output.status.success())
}

/// The client must have been a session of the role, and nobody else.
fn check(printed: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
    let identity: Value = serde_json::from_str(printed).map_err(|_| "the client printed no JSON")?;
    match identity["Arn"].as_str() {
        Some(arn) if arn.starts_with(SESSION) => Ok(()),
        other => Err(format!("the client should be a session {SESSION}..., and is {other:?}").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_session_of_the_role_will_do() {
        assert!(check(r#"{"Arn": "arn:aws:sts::111122223333:assumed-role/my-role/me@here"}"#).is_ok());
        for printed in [
            r#"{"Arn": "arn:aws:iam::111122223333:user/base"}"#,
            r#"{"Arn": "arn:aws:sts::111122223333:assumed-role/my-role-2/me@here"}"#,
            r#"{"Account": "111122223333"}"#,
            "",
        ] {
            assert!(check(printed).is_err(), "{printed}");
        }
    }
}
