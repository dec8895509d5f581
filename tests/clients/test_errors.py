"""Checklist 67: what the endpoint says about a failure reaches the person who runs the client."""

import json

import pytest
from harness.home import eventually
from harness.program import Program

# What these two show of an endpoint's answer: nothing. Their users look into the audit trail.
SILENT = ("javascript", "rust")


@pytest.fixture(params=["token", "token-file"])
def stray(request, home):
    """A token of another shell, in each form: what `exec` is told, and the variable that replaces its own."""
    if request.param == "token":
        return (), "AWS_CONTAINER_AUTHORIZATION_TOKEN=of-another-shell"
    home.write("stray.token", "of-another-shell")
    return ("--token-file",), f"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE={home.path / 'stray.token'}"


def test_c67_a_403_of_the_endpoint_is_shown_with_its_code_and_its_words(client, stray, home):
    home.role("my-role")
    flags, variable = stray
    program = Program(home.exec_argv("my-role", ("env", variable, *client.argv), *flags), home.environment)
    shown = program.call("sts")["error"]
    program.close()
    if client.name not in SILENT:
        assert "TokenRefused" in shown
        assert "the local token is wrong" in shown
        assert "start anew with `credenza exec" in shown
    trail = eventually(lambda: home.credenza("logs", "--audit").stdout)
    assert json.loads(trail.splitlines()[0])["outcome"] == "token-unknown"
