"""Every client, unmodified, over the instance metadata service: at a `[[listener]]` of the daemon, and what keeps it from one.
Checklist 63, 65, 68 and 70; what holds under `credenza exec` in every dialect is in `test_matrix.py`.

The simulated STS verifies the signature, the session token and its end, so a `GetCallerIdentity` that succeeds is the
proof that what was handed out works.
"""

import pytest
from harness.clients import CLIENTS
from harness.cloud import ACCOUNT
from harness.home import REGIONS, eventually, kill
from harness.listener import listener
from harness.program import Program
from test_matrix import BY_PROXY, dead_proxy

CALLER = f"arn:aws:sts::{ACCOUNT}:assumed-role/my-role/"


@pytest.mark.parametrize("client", BY_PROXY, ids=lambda client: client.name)
def test_c68_without_the_injected_no_proxy_the_dead_proxy_is_in_the_way(client, home):
    """The control: it is `NO_PROXY` that lets these clients through."""
    home.role("my-role")
    with dead_proxy() as proxy:
        bare = ("env", "NO_PROXY=", "no_proxy=", *client.argv)
        program = Program(home.exec_argv("my-role", bare, "--ec2"), home.environment | proxy)
        assert "error" in program.call("sts")
        program.close()


def test_c63_a_login_that_is_needed_crashes_no_client(client, sso_home):
    """The credential's document is refused with 403: every client says that it has no credentials, and lives on."""
    home = sso_home
    home.sign_in()
    with listener(home, "my-dev") as at:
        assert home.credenza("logout", "my-dev").returncode == 0
        program = home.start(client, **at.environment)
        for _ in range(2):
            assert program.call("sts").get("error"), "no credential, and an error that can be caught"
        assert program.close()[0] == 0
    refused = eventually(lambda: [line for line in home.audit() if line["dialect"] == "ec2" and line["outcome"] == "LoginRequired"])
    assert refused


def test_c70_clients_outlive_kill_9_and_restart_of_the_daemon(client, home):
    """Session tokens outlive the daemon that made them, for clients that keep one whatever they are answered."""
    home.role("my-role")
    home.cloud.short_lives(130, "my-role")
    with listener(home, "my-role") as at:
        program = home.start(client, **at.environment)
        assert program.ok("sts").startswith(CALLER)
        kill(home.status()["pid"])
        up = home.credenza("up")
        assert up.returncode == 0, up.stderr
        assert program.ok("sts").startswith(CALLER)
        assert program.ok("s3") == ["uploads"]
        assert program.close()[0] == 0


def test_a_listener_serves_every_client_and_tells_its_region(client, home, storage):
    home.role("my-role")
    with listener(home, "my-role") as at:
        program = Program(client.argv, home.environment | REGIONS | at.environment)
        assert program.ok("sts").startswith(CALLER)
        assert program.ok("s3") == ["uploads"]
        assert storage.signed_with[-1] == home.cloud.keys_of("my-role")[-1]["access_key_id"]
        program.close()


@pytest.mark.parametrize("client", [one for one in CLIENTS if one.name == "aws-cli-2"], ids=lambda client: client.name)
def test_the_aws_cli_2_looks_its_region_up(client, home):
    """Without a region anywhere the AWS CLI v2 takes the availability zone's, less its last letter."""
    home.role("my-role")
    with listener(home, "my-role") as at:
        program = Program(client.argv, home.environment | at.environment)
        assert program.ok("sts").startswith(CALLER)
        program.close()
    described = [line for line in home.audit() if line["dialect"] == "ec2" and line["outcome"] == "described"]
    assert described
