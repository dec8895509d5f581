"""One login for everyone: a sign-in of `credenza login` is one of the AWS CLI v2, boto3, aioboto3 and the AWS SDK for Rust, which
use the profile by themselves, and a sign-in of `aws sso login` is one of Credenza.

Refresh tokens are good once here, so that whoever refreshes must go on from what the one before it has written.
"""

import json

import pytest
from harness import places
from harness.clients import CLIENTS
from harness.cloud import sso_caller
from harness.home import SSO, with_sso

CALLER = sso_caller("Developer")
BY_THEMSELVES = [client for client in CLIENTS if client.name in ("aws-cli-2", "boto3", "aioboto3", "rust")]


@pytest.fixture
def sso_home(home):
    return with_sso(home, rotate_refresh_tokens=True)


@pytest.mark.parametrize("client", BY_THEMSELVES, ids=lambda client: client.name)
def test_a_client_uses_and_refreshes_the_sign_in_of_credenza_login(client, sso_home):
    home, cloud = sso_home, sso_home.cloud
    assert_no_role(home.start(client, "my-dev"))
    home.sign_in()
    registered = len(cloud.calls("RegisterClient"))

    assert_role(home.start(client, "my-dev"))
    assert cloud.refreshes() == 0

    for _ in range(2):
        ours = home.sso_cache()[1]
        home.outlive_access_token()
        assert_role(home.start(client, "my-dev"))  # with our registration and our refresh token
        theirs = home.sso_cache()[1]
        assert theirs["accessToken"] != ours["accessToken"]
        before = cloud.refreshes()
        assert_credenza_goes_on(home)
        assert home.sso_cache()[1] == theirs, "it was good enough"
        assert cloud.refreshes() == before

        home.outlive_access_token()
        assert_credenza_goes_on(home)  # with what they have written
    assert cloud.refreshes() == 4
    assert len(cloud.calls("RegisterClient")) == registered
    assert cloud.logins() == 1


@pytest.mark.parametrize("form", ["sso-session", "sso-start-url"])
def test_credenza_uses_the_sign_in_of_aws_sso_login(form, sso_home):
    home, cloud = sso_home, sso_home.cloud
    if form == "sso-start-url":
        home.write(".aws/config", "")
        home.sso_role("my-dev", "Developer", **SSO)
    aws_sso(home, "login", "--profile", "my-dev", "--use-device-code", "--no-browser")

    program = home.exec("my-dev", CLIENTS[0])
    assert_role(program)
    if form == "sso-session":
        for _ in range(2):
            home.outlive_access_token()
            assert_credenza_goes_on(home)  # with the registration of the CLI
            home.outlive_access_token()
            assert_role(home.start(AWS_CLI_2, "my-dev"))
        assert cloud.refreshes() == 4
    assert cloud.logins() == 1


def test_after_aws_sso_logout_credenza_needs_a_login(sso_home):
    sso_home.sign_in()
    assert_credenza_goes_on(sso_home)
    aws_sso(sso_home, "logout")
    assert len(sso_home.cloud.calls("Logout")) == 1
    run = sso_home.credenza("exec", "my-dev", "--", "true")
    assert run.returncode == 125
    assert "credenza login my-dev" in run.stderr


def test_after_credenza_logout_the_aws_cli_needs_a_login(sso_home):
    """What a CLI keeps in a store of its own (`~/.aws/cli/cache`) lives on to its end: that store is no affair of ours."""
    aws_sso(sso_home, "login", "--sso-session", "corp", "--use-device-code", "--no-browser")
    assert_role(sso_home.start(AWS_CLI_2, "my-dev"))
    assert sso_home.credenza("logout", "my-dev").returncode == 0
    sso_home.forget_cli_cache()
    shown = sso_home.start(AWS_CLI_2, "my-dev").call("sts")["error"]
    assert "Error loading SSO Token: Token for corp does not exist" in shown


AWS_CLI_2 = next(client for client in CLIENTS if client.name == "aws-cli-2")


def aws_sso(home, *words):
    """`aws sso WORDS` of the AWS CLI v2, which must succeed."""
    run = home.run(places.AWS_2, "sso", *words)
    assert run.returncode == 0, run.stdout + run.stderr


def assert_role(program):
    """The client is somebody with the role."""
    assert program.ok("sts").startswith(CALLER)
    program.close()


def assert_no_role(program):
    """The control: it would not be."""
    assert "error" in program.call("sts")
    program.close()


def assert_credenza_goes_on(home):
    """Credenza has a credential that the cloud takes, and needs nobody for that."""
    run = home.credenza("credential", "my-dev")
    assert run.returncode == 0, run.stderr
    keys = json.loads(run.stdout)
    names = {"access_key_id": "AccessKeyId", "secret_access_key": "SecretAccessKey", "session_token": "SessionToken"}
    judged = home.cloud.post("keys/judge", {name: keys[theirs] for name, theirs in names.items()})
    assert judged["valid"], judged
