//! The tour itself: from a profile of IAM Identity Center to an unmodified client, and to its end.

use std::{env, error::Error, ffi::OsString};

use serde_json::Value;

use crate::{
    build::{self, Programs},
    home::Home,
    run::{Step, say},
    stage::Stage,
};

/// What a session of each identity is called, without the session's name, which says who runs this.
const OF_MY_DEV: &str = "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Developer_";
const OF_MY_ROLE: &str = "arn:aws:sts::111122223333:assumed-role/my-role/";
const BOTO3: &str =
    r#"import boto3, json; print(json.dumps({"Arn": boto3.client("sts").get_caller_identity()["Arn"]}))"#;

/// `own_browser`: the person signs in by themself, on the simulated page.
pub(crate) async fn tour(own_browser: bool) -> Result<(), Box<dyn Error + Send + Sync>> {
    say("Building credenza, and a client on the AWS SDK for Rust (the first time this takes some minutes) ...")?;
    let programs = build::programs().await?;
    let stage = Stage::new(!own_browser).await?;
    let home = Home::new(&stage, if own_browser { None } else { Some(visitor()?) })?;
    let tour = Tour { programs, home };
    say(&format!(
        "\nA simulated AWS listens on https://{}, and this shell has a home of its own: nothing here is yours.\n",
        stage.api()
    ))?;
    Step::new("cat ~/.aws/config").program("cat").arguments([tour.home.config()]).run(&tour.home).await?;
    tour.credenza(&["list"]).run(&tour.home).await?;
    let _daemon = tour.step("credenza serve &", &["serve"]).start(&tour.home).await?;

    say(if own_browser {
        "The one thing that needs you. Press \"Allow access\" on the page, as ada@example.com:"
    } else {
        "The one thing that needs a person, who is played here (cargo demo -- --browser: by you):"
    })?;
    tour.credenza(&["login", "my-dev"]).waits_for_person(own_browser).run(&tour.home).await?;
    say("From here on nobody is asked. Each client is unmodified, and finds its credentials as it would on ECS:\n")?;
    tour.clients().await?;
    tour.credenza(&["status"]).run(&tour.home).await?;

    say("A client that goes on after the sign-in has ended:")?;
    tour.log_out_under_a_client().await?;
    say(&format!(
        "The simulated AWS gave keys for the sign-in {} time(s) and for the role {} time(s), and was asked {} time(s) who is \
         calling; it verified each signature.",
        stage.cloud.count("GetRoleCredentials"),
        stage.cloud.count("AssumeRole"),
        stage.cloud.count("GetCallerIdentity")
    ))?;
    say("Now the real thing:\n\n    cargo install --path .\n    credenza exec PROFILE -- aws sts get-caller-identity")?;
    Ok(())
}

/// This program, as `BROWSER` names it.
fn visitor() -> Result<OsString, Box<dyn Error + Send + Sync>> {
    let program = env::current_exe()?;
    let program = program.to_str().filter(|path| !path.contains(['\'', ':', '%']));
    let program = program.ok_or("the path of this program has a letter that BROWSER cannot hold")?;
    Ok(format!("'{program}' --visit %s").into())
}

struct Tour {
    programs: Programs,
    home: Home,
}

impl Tour {
    async fn clients(&self) -> Result<(), Box<dyn Error + Send + Sync>> {
        let sdk_client = self.sdk_client()?;
        let aws = ["aws", "sts", "get-caller-identity", "--output", "json"];
        check(&self.exec("my-dev", "sdk-client", &[sdk_client]).run(&self.home).await?, OF_MY_DEV)?;
        if self.works(&["aws", "--version"]).await {
            check(&self.exec("my-dev", &aws.join(" "), &aws).run(&self.home).await?, OF_MY_DEV)?;
        } else {
            say("(The AWS CLI is not on PATH: left out.)\n")?;
        }
        if self.works(&["python3", "-c", "import boto3"]).await {
            let python = ["python3", "-c", BOTO3];
            check(&self.exec("my-dev", &format!("python3 -c '{BOTO3}'"), &python).run(&self.home).await?, OF_MY_DEV)?;
        } else {
            say("(boto3 is not there for python3: left out.)\n")?;
        }
        check(&self.exec("my-role", "sdk-client", &[sdk_client]).run(&self.home).await?, OF_MY_ROLE)
    }

    /// A client is served, its person logs out, and the next client in the same place is refused: what they held is dropped.
    /// `exec` looks at the files of sign-ins two seconds after it began.
    async fn log_out_under_a_client(&self) -> Result<(), Box<dyn Error + Send + Sync>> {
        let shown = "sh -c 'sdk-client; credenza logout my-dev; sleep 3; sdk-client'";
        // In one stream, so that each line stands where it was said.
        let script = r#"exec 2>&1; "$1"; "$2" logout my-dev; sleep 3; "$1""#;
        let credenza = self.programs.credenza.to_str().ok_or("the path of credenza is not UTF-8")?;
        let words = ["sh", "-c", script, "sh", self.sdk_client()?, credenza];
        let printed = self.exec("my-dev", shown, &words).fails().run(&self.home).await?;
        match printed.split_once("signed out of corp") {
            Some((before, after)) if before.contains(OF_MY_DEV) && after.contains("403") => Ok(()),
            _ => Err("the client should have been served until the logout, and refused after it".into()),
        }
    }

    fn credenza(&self, arguments: &[&str]) -> Step {
        self.step(&format!("credenza {}", arguments.join(" ")), arguments)
    }

    fn exec(&self, identity: &str, shown: &str, client: &[&str]) -> Step {
        let arguments: Vec<&str> = ["exec", identity, "--"].iter().chain(client).copied().collect();
        self.step(&format!("credenza exec {identity} -- {shown}"), &arguments)
    }

    fn step(&self, shown: &str, arguments: &[&str]) -> Step {
        Step::new(shown).program(&self.programs.credenza).arguments(arguments.iter().copied())
    }

    /// Whether a program is there and answers in the tour's own home.
    async fn works(&self, command: &[&str]) -> bool {
        let Some((program, arguments)) = command.split_first() else { return false };
        let step = Step::new("").program(program).arguments(arguments.iter().copied());
        step.output(&self.home).await.is_ok_and(|output| output.status.success())
    }

    fn sdk_client(&self) -> Result<&str, Box<dyn Error + Send + Sync>> {
        Ok(self.programs.sdk_client.to_str().ok_or("the path of sdk-client is not UTF-8")?)
    }
}

/// The client must have been such a session, and nobody else.
fn check(printed: &str, session: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
    let identity: Value = serde_json::from_str(printed).map_err(|_| "the client printed no JSON")?;
    match identity["Arn"].as_str() {
        Some(arn) if arn.starts_with(session) => Ok(()),
        other => Err(format!("the client should be a session {session}..., and is {other:?}").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_session_of_the_role_will_do() {
        assert!(check(r#"{"Arn": "arn:aws:sts::111122223333:assumed-role/my-role/me@here"}"#, OF_MY_ROLE).is_ok());
        for printed in [
            r#"{"Arn": "arn:aws:iam::111122223333:user/base"}"#,
            r#"{"Arn": "arn:aws:sts::111122223333:assumed-role/my-role-2/me@here"}"#,
            r#"{"Account": "111122223333"}"#,
            "",
        ] {
            assert!(check(printed, OF_MY_ROLE).is_err(), "{printed}");
        }
    }
}
