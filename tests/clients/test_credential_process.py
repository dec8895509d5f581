"""`credenza credential` as the `credential_process` of a profile, for the AWS CLI and boto3."""

import json

from harness import places
from harness.cloud import ACCOUNT

CALLER = f"arn:aws:sts::{ACCOUNT}:assumed-role/my-role/"
PYTHON_LINE = "import boto3; print(boto3.Session(profile_name='through').client('sts').get_caller_identity()['Arn'])"


def test_the_process_form_is_what_the_documentation_says(home):
    home.role("my-role")
    run = home.credenza("credential", "my-role")
    assert run.returncode == 0, run.stderr
    document = json.loads(run.stdout)
    keys = home.cloud.keys_of("my-role")[-1]
    assert document["Version"] == 1
    assert document["AccessKeyId"] == keys["access_key_id"]
    assert document["SecretAccessKey"] == keys["secret_access_key"]
    assert document["SessionToken"] == keys["session_token"]
    assert document["Expiration"] == keys["expires"]


def test_the_aws_cli_takes_it_as_credential_process(aws_cli, home):
    home.role("my-role")
    home.profile("through", region="eu-central-1", credential_process="credenza credential my-role")
    run = home.run(aws_cli, "sts", "get-caller-identity", "--profile", "through")
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["Arn"].startswith(CALLER)


def test_boto3_takes_it_as_credential_process(home):
    home.role("my-role")
    home.profile("through", region="eu-central-1", credential_process="credenza credential my-role")
    run = home.run(places.PYTHON, "-c", PYTHON_LINE)
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith(CALLER)


def test_with_a_daemon_one_upstream_call_serves_many_processes(home):
    home.role("my-role")
    assert home.credenza("up").returncode == 0
    printed = {home.credenza("credential", "my-role").stdout for _ in range(5)}
    assert len(printed) == 1
    assert len(home.cloud.calls("AssumeRole", "my-role")) == 1
