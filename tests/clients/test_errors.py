"""Checklist 67: what the endpoint says about a failure reaches the person who runs the client."""

import pytest
from harness import places

BOTO3 = (places.PYTHON, "-c", "import boto3; boto3.client('sts').get_caller_identity()")
SHOWN = {
    "boto3": BOTO3,
    "aws-cli-1": (places.AWS_1, "sts", "get-caller-identity"),
    "aws-cli-2": (places.AWS_2, "sts", "get-caller-identity"),
}


@pytest.mark.parametrize("argv", SHOWN.values(), ids=SHOWN.keys())
def test_c67_a_403_of_the_endpoint_is_shown_on_stderr(argv, home):
    home.role("my-role")
    stray = ("env", "AWS_CONTAINER_AUTHORIZATION_TOKEN=of-another-shell", *argv)
    run = home.run(*home.exec_argv("my-role", stray))
    assert run.returncode not in (0, 125)
    assert "403" in run.stderr
    assert "credenza" in run.stderr, "the message names the command that mends it"
