"""Every client, unmodified, under `credenza exec`: checklist 65, 66 and 68 in each way to find the endpoint.

The simulated STS verifies the signature, the session token and its end, so a `GetCallerIdentity` that succeeds is the
proof that what was handed out works.
"""

import contextlib
import socket

import pytest
from harness.clients import CLIENTS
from harness.cloud import ACCOUNT
from harness.home import credentials_file
from harness.program import Program

BY_PROXY = [client for client in CLIENTS if client.name not in ("javascript", "go")]
CALLER = f"arn:aws:sts::{ACCOUNT}:assumed-role/my-role/"


def test_without_credenza_no_client_has_credentials(client, home):
    """The control: what the other tests see comes from Credenza and from nowhere else."""
    home.role("my-role")
    assert "error" in home.start(client).call("sts")


def test_c65_an_s3_list_and_a_caller_identity_succeed(client, wired, home, storage):
    flags, dialect = wired
    home.role("my-role")
    program = home.exec("my-role", client, *flags)
    assert program.ok("sts").startswith(CALLER)
    assert program.ok("s3") == ["uploads"]
    assert storage.signed_with[-1] == home.cloud.keys_of("my-role")[-1]["access_key_id"]
    assert program.close()[0] == 0
    assert home.answered("my-role", dialect) >= 1
    assert {line["dialect"] for line in home.audit()} == {dialect}, "nobody asked in another one"


def test_c66_ten_calls_cause_one_endpoint_request_with_50_minutes_left(client, wired, home):
    flags, dialect = wired
    home.role("my-role", duration_seconds=3000)
    program = home.exec("my-role", client, *flags)
    for _ in range(10):
        program.ok("s3")
    program.close()
    # A process a call cannot remember: it asks each time, and Credenza answers from memory.
    assert home.answered("my-role", dialect) == (10 if client.process_a_call else 1)
    assert len(home.cloud.calls("AssumeRole", "my-role")) == 1


def test_c66_one_aws_cli_run_of_ten_calls_causes_one_endpoint_request(aws_cli, form, home, storage):
    home.role("my-role", duration_seconds=3000)
    folder = home.path / "ten"
    folder.mkdir()
    for number in range(10):
        (folder / f"{number}.txt").write_text("x")
    seen = len(storage.signed_with)
    run = home.run(*home.exec_argv("my-role", [aws_cli, "s3", "cp", "--recursive", folder, "s3://uploads/ten/"], *form))
    assert run.returncode == 0, run.stderr
    assert len(storage.signed_with) - seen >= 10
    assert home.answered("my-role") == 1


def test_c68_a_dead_proxy_and_the_injected_no_proxy(client, wired, home):
    flags, _ = wired
    home.role("my-role")
    with dead_proxy() as proxy:
        program = home.exec("my-role", client, *flags, **proxy)
        assert program.ok("sts").startswith(CALLER)
        assert program.ok("s3") == ["uploads"]
        program.close()


@pytest.mark.parametrize("client", BY_PROXY, ids=lambda client: client.name)
def test_c68_without_the_injected_no_proxy_the_dead_proxy_is_in_the_way(client, home):
    """The control: it is `NO_PROXY` that lets these clients through. JavaScript and Go never use a proxy for loopback."""
    home.role("my-role")
    with dead_proxy() as proxy:
        bare = ("env", "NO_PROXY=", "no_proxy=", *client.argv)
        program = Program(home.exec_argv("my-role", bare), home.environment | proxy)
        assert "error" in program.call("sts")
        program.close()
    # The SDK for Rust asks even the endpoint by the proxy, with the token; the others only the services.
    asked = home.answered("my-role")
    assert asked == 0 if client.name == "rust" else asked > 0


@contextlib.contextmanager
def dead_proxy():
    """The variables that name a proxy which refuses every connection."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound, never listening
        proxy = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        yield {"HTTP_PROXY": proxy, "http_proxy": proxy}


def test_the_endpoint_wins_over_keys_that_lie_about(client, form, home):
    """Left alone, each of these clients takes keys of the environment and of `[default]` before it asks an endpoint."""
    home.role("my-role")
    other = home.cloud.post("users", {"name": "somebody-else", "account": ACCOUNT})
    with (home.aws / "credentials").open("a") as credentials:
        credentials.write(credentials_file("default", other))
    assert home.start(client).ok("sts").endswith("user/somebody-else"), "they would be taken"

    keys = {"AWS_ACCESS_KEY_ID": other["access_key_id"], "AWS_SECRET_ACCESS_KEY": other["secret_access_key"]}
    program = home.exec("my-role", client, *form, **keys)
    assert program.ok("sts").startswith(CALLER)
    program.close()


def test_every_client_of_the_matrix_is_there():
    names = [client.name for client in CLIENTS]
    assert names == ["boto3", "aioboto3", "aws-cli-1", "aws-cli-2", "javascript", "rust", "go"]
