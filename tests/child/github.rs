//! A job of GitHub Actions, with the configuration that `config/github-actions.toml` shows: no key and no secret anywhere, and a
//! token of its own for each exchange.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use simcloud::Trust;

use crate::support::{Home, Said, role};

const BEARER: &str = "ACTIONS_ID_TOKEN_REQUEST_TOKEN";

/// A runner: an empty home, and the variables of a job whose workflow may have a token.
struct Job {
    home: Home,
    bearer: String,
}

impl Job {
    fn new() -> Self {
        let mut home = Home::new();
        let job = home.cloud.add_workflow("octo-org/octo-repo", "refs/heads/main");
        let trust = Trust::of_issuer(simcloud::github::ISSUER);
        home.cloud.add_role(&role("deploy"), trust, Duration::from_secs(3600));
        fs::remove_dir_all(home.path(".aws")).unwrap();
        home.write("github-actions.toml", include_str!("../../config/github-actions.toml"));
        home.more = vec![
            ("CREDENZA_CONFIG", home.path("github-actions.toml").display().to_string()),
            ("ACTIONS_ID_TOKEN_REQUEST_URL", format!("{}{}", home.cloud_url(), job.request_path)),
            (BEARER, job.request_token.clone()),
        ];
        Self { home, bearer: job.request_token }
    }

    /// `credenza exec ci-deploy -- PROGRAM`, which has its keys from the endpoint and prints them.
    fn deploy(&self) -> Said {
        let said = self.home.run(&["-vv", "exec", "ci-deploy", "--", "sh", "-c", DEPLOY]);
        assert_eq!(said.code, Some(0), "{said:?}");
        self.home.is_good(said.out.lines().last().unwrap());
        said
    }

    /// Neither a token of GitHub's nor what asks for one stands in a text.
    fn shows_nothing(&self, what: &str, text: &str) {
        // the claims of a JWT: a dot, and base64 of `{"`
        assert!(!text.contains(".eyJ") && !text.contains(&self.bearer), "{what}: {text}");
    }

    /// The digests of the tokens that STS was sent.
    fn tokens(&self) -> Vec<String> {
        self.home.cloud.exchanges().into_iter().map(|exchange| exchange.digest).collect()
    }
}

/// What a program of the job sees: its region, that GitHub's own variables are left to it, and its keys.
const DEPLOY: &str = "echo region-$AWS_REGION; env | grep -c '^ACTIONS_ID_TOKEN_REQUEST_'; env | grep -c '[.]eyJ'; \
                      credenza credential ci-deploy --from-endpoint | tr -d '\\n'";

#[test]
fn a_job_deploys_without_a_secret_and_with_a_fresh_token_for_each_exchange() {
    let job = Job::new();
    for with_daemon in [false, true] {
        if with_daemon {
            job.home.run(&["up"]).good();
        }
        let before = job.tokens().len();
        let said = job.deploy();
        let lines: Vec<&str> = said.out.lines().take(3).collect();
        assert_eq!(lines, ["region-eu-central-1", "2", "0"], "with a daemon: {with_daemon}");
        job.shows_nothing("the log", &said.err);
        // once, by `exec` itself: a daemon has no token of its starter's job
        assert_eq!(job.tokens().len(), before + 1, "with a daemon: {with_daemon}");
    }
    let keys = job.home.run(&["credential", "ci-deploy"]).good();
    job.shows_nothing("a credential", &keys);
    let tokens = job.tokens();
    assert_eq!((tokens.len(), tokens.iter().collect::<BTreeSet<_>>().len()), (3, 3), "no token is sent twice");
    assert_eq!(job.home.cloud.count("AssumeRoleWithWebIdentity"), 3);
    assert_eq!(job.home.cloud.exchanges()[0].subject, "repo:octo-org/octo-repo:ref:refs/heads/main");
    let mut searched = 0;
    for entry in fs::read_dir(job.home.path(".local/state/credenza")).unwrap().flatten() {
        if let Ok(bytes) = fs::read(entry.path()) {
            searched += 1;
            job.shows_nothing(&entry.path().display().to_string(), &String::from_utf8_lossy(&bytes));
        }
    }
    assert!(searched > 2);
}

#[test]
fn a_workflow_that_may_have_no_token_is_told_what_to_write() {
    let mut job = Job::new();
    job.home.more.retain(|(name, _)| *name != BEARER);
    for daemon in [false, true] {
        if daemon {
            job.home.run(&["up"]).good();
        }
        let said = job.home.exec(&["ci-deploy", "--", "echo", "started"]);
        assert!(!said.out.contains("started") && said.code == Some(125), "{said:?}");
        assert!(said.err.contains("permissions: id-token: write"), "{said:?}");
    }
    assert_eq!(job.home.cloud.calls(), []);
}

#[test]
fn a_job_that_is_over_gets_no_token_and_its_bearer_is_not_shown() {
    let job = Job::new();
    job.home.cloud.end_workflow(&job.bearer);
    let said = job.home.run(&["-vv", "credential", "ci-deploy"]);
    assert_ne!(said.code, Some(0), "{said:?}");
    assert!(said.err.contains("the OIDC endpoint of GitHub Actions"), "{said:?}");
    job.shows_nothing("the failure", &said.err);
    assert_eq!(job.tokens(), Vec::<String>::new());
}
