"""A job of GitHub Actions, as `config/github-actions.toml` has it: each client's keys come from the job's own token, and no key of
AWS lies anywhere."""

import shutil

from harness import places
from harness.cloud import ACCOUNT, role_arn

ISSUER = "https://token.actions.githubusercontent.com"
CALLER = f"arn:aws:sts::{ACCOUNT}:assumed-role/deploy/"


def test_a_job_without_any_secret_calls_aws(client, home, storage):
    job = home.cloud.post("workflows", {"repository": "octo-org/octo-repo"})
    home.cloud.post("roles", {"arn": role_arn("deploy"), "trust": {"federated": [{"issuer": ISSUER}]}})
    shutil.rmtree(home.aws)
    home.environment |= {
        "CREDENZA_CONFIG": str(places.ROOT / "config" / "github-actions.toml"),
        "ACTIONS_ID_TOKEN_REQUEST_URL": home.cloud.sts + job["request_path"],
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": job["request_token"],
    }
    program = home.exec("ci-deploy", client)
    assert program.ok("sts").startswith(CALLER)
    assert program.ok("s3") == ["uploads"]
    assert program.close()[0] == 0
    assert [one["subject"] for one in home.cloud.get("exchanges")] == ["repo:octo-org/octo-repo:ref:refs/heads/main"]
