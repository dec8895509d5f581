"""Clients in a shell that took `credenza env`, started there as a person types it."""

from harness import places
from harness.cloud import ACCOUNT

CALLER = f"arn:aws:sts::{ACCOUNT}:assumed-role/my-role/"


def test_a_client_in_a_shell_that_took_env(client, home, storage):
    home.role("my-role")
    shell = home.shell("my-role", client)
    assert shell.ok("sts").startswith(CALLER)
    assert shell.ok("s3") == ["uploads"]
    assert storage.signed_with[-1] == home.cloud.keys_of("my-role")[-1]["access_key_id"]
    assert shell.close()[0] == 0


def test_several_commands_in_one_shell_cause_one_upstream_call(aws_cli, home):
    home.role("my-role")
    script = 'eval "$(credenza env my-role)" && "$0" sts get-caller-identity && "$0" s3 ls'
    run = home.run("bash", "-c", script, aws_cli)
    assert run.returncode == 0, run.stderr
    assert CALLER in run.stdout
    assert "uploads" in run.stdout
    assert len(home.cloud.calls("AssumeRole", "my-role")) == 1


def test_after_unset_the_shell_has_no_credentials(home):
    home.role("my-role")
    call = f"{places.PYTHON} -c 'import boto3; boto3.client(\"sts\").get_caller_identity()'"
    script = f'eval "$(credenza env my-role)" && {call} && eval "$(credenza env --unset)" && {call}'
    run = home.run("bash", "-c", script, AWS_DEFAULT_REGION="eu-central-1")
    assert run.returncode != 0
    assert "NoCredentialsError" in run.stderr
