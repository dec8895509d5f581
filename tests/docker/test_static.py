"""`compose.static.yaml` as it stands in docker/, brought up under `credenza exec --static-env`."""

import pytest
from harness.cloud import ACCOUNT

from stage.containers import project, start

KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


@pytest.fixture(scope="module")
def running(engine, image, clients, home, tmp_path_factory):
    """It, up, with the keys that `exec` gave to compose."""
    with project(engine, image, clients, home, tmp_path_factory.mktemp("project"), "static") as it:
        # what `exec` is given goes on to the command
        environment = it.environment | home.environment
        command = ("exec", "--static-env", "my-dev", "--", *it.words, "up", "--detach")
        run = home.credenza(*command, cwd=it.folder, env=environment, timeout=180)
        assert run.returncode == 0, run.stdout + run.stderr
        it.said = run.stderr
        yield it


def test_the_service_has_temporary_keys_and_exec_says_when_they_end(running):
    program = start(running, "app", "boto3")
    assert program.ok("sts").startswith(f"arn:aws:sts::{ACCOUNT}:assumed-role/my-dev/")
    program.close()
    assert "until" in running.said or "end" in running.said, running.said


def test_they_stand_where_the_file_says_that_they_stand(running, engine):
    environment = dict(line.split("=", 1) for line in engine.inspect(running.container("app"))["Config"]["Env"])
    assert environment["AWS_ACCESS_KEY_ID"].startswith("ASIA")
    assert all(environment[name] for name in KEYS)


def test_no_key_is_kept_in_a_file(running):
    text = "\n".join(path.read_text() for path in running.folder.rglob("*") if path.is_file())
    secrets = running.exec("app", "sh", "-c", "printenv AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN").stdout.split()
    assert len(secrets) == 2 and not any(secret in text for secret in secrets)
