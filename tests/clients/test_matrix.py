"""Every client, unmodified, under `credenza exec`: checklist 65, 66 and 68 with each form of the token.

The simulated STS verifies the signature, the session token and its end, so a `GetCallerIdentity` that succeeds is the
proof that what was handed out works.
"""

import socket

from harness.clients import CLIENTS
from harness.cloud import ACCOUNT

CALLER = f"arn:aws:sts::{ACCOUNT}:assumed-role/my-role/"


def test_without_credenza_no_client_has_credentials(client, home):
    """The control: what the other tests see comes from Credenza and from nowhere else."""
    home.role("my-role")
    assert "error" in home.start(client).call("sts")


def test_c65_an_s3_list_and_a_caller_identity_succeed(client, form, home, storage):
    home.role("my-role")
    program = home.exec("my-role", client, *form)
    assert program.ok("sts").startswith(CALLER)
    assert program.ok("s3") == ["uploads"]
    assert storage.signed_with[-1] == home.cloud.keys_of("my-role")[-1]["access_key_id"]
    assert program.close()[0] == 0


def test_c66_ten_calls_cause_one_endpoint_request_with_50_minutes_left(client, form, home):
    home.role("my-role", duration_seconds=3000)
    before = len(home.cloud.calls("AssumeRole", "my-role"))
    program = home.exec("my-role", client, *form)
    for _ in range(10):
        program.ok("s3")
    program.close()
    # A process a call cannot remember: it asks each time, and Credenza answers from memory.
    assert home.answered("my-role") == (10 if client.process_a_call else 1)
    assert len(home.cloud.calls("AssumeRole", "my-role")) - before == 1


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


def test_c68_a_dead_proxy_and_the_injected_no_proxy(client, form, home):
    home.role("my-role")
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound, never listening: every connection is refused
        proxy = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        program = home.exec("my-role", client, *form, HTTP_PROXY=proxy, http_proxy=proxy)
        assert program.ok("sts").startswith(CALLER)
        assert program.ok("s3") == ["uploads"]
        program.close()


def test_every_client_of_the_matrix_is_there():
    names = [client.name for client in CLIENTS]
    assert names == ["boto3", "aioboto3", "aws-cli-1", "aws-cli-2", "javascript", "rust", "go"]
