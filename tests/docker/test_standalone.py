"""`compose.standalone.yaml` as it stands in docker/, brought up: Credenza signs in from its container, and remembers it."""

import os

import pytest
from harness.home import eventually, with_sso
from harness.cloud import ACCOUNT, sso_caller

from stage.containers import get, project, rotates, start

IMAGE_USER = (65532, 65532)


@pytest.fixture(scope="module")
def running(engine, image, clients, home, tmp_path_factory):
    """It, with all its services; somebody has signed in as the file says."""
    (home.aws / "config").write_text("")
    with_sso(home, rotate_refresh_tokens=True)
    home.role("my-role")
    folder = tmp_path_factory.mktemp("project")
    (folder / "aws-config").write_bytes((home.aws / "config").read_bytes())
    base = home.cloud.base
    keys = f"[base]\naws_access_key_id = {base['access_key_id']}\naws_secret_access_key = {base['secret_access_key']}\n"
    (folder / "aws-keys").write_text(keys)
    (folder / "aws-keys").chmod(0o600)
    os.chown(folder / "aws-keys", *IMAGE_USER)
    with project(engine, image, clients, home, folder, "standalone") as it:
        # what the file has in comments, and the other role for the service
        text = (folder / "standalone.toml").read_text().replace("# [identity", "[identity").replace("# keys", "keys")
        (folder / "standalone.toml").write_text(text.replace('app = ["my-dev"]', 'app = ["my-dev", "my-role"]', 1))
        it.up("credenza")
        login = it.run("exec", "-T", "credenza", "/credenza", "login", "--device-code", "my-dev")
        assert home.cloud.logins() == 1, login.stdout + login.stderr
        it.up()
        yield it


@pytest.mark.parametrize("client", ["boto3", "aws-cli-1", "aws-cli-2"])
@pytest.mark.parametrize("without", [(), ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",)], ids=["ecs", "ec2"])
def test_clients_are_served(client, without, running):
    program = start(running, "app", client, *without)
    assert program.ok("sts").startswith(sso_caller("Developer"))
    assert program.ok("s3") == ["uploads"]
    program.close()


def test_a_role_is_assumed_with_keys_of_a_secret(running):
    program = start(running, "app", "boto3", AWS_CONTAINER_CREDENTIALS_RELATIVE_URI="/creds/my-role")
    assert program.ok("sts").startswith(f"arn:aws:sts::{ACCOUNT}:assumed-role/my-role/")
    program.close()


def test_credentials_rotate_under_the_service(running, home, engine):
    def again():
        engine.run("restart", "--time", "1", running.container("credenza"))
        running.wait("credenza")

    rotates(running, home, again, "app", "http://169.254.170.2/creds/my-role")


def test_who_is_no_neighbour_gets_nothing(running):
    for url in ("http://169.254.170.2/creds/my-dev", "http://169.254.169.254/latest/meta-data/"):
        status, body = get(running, "stranger", url)
        assert status == 403, (url, body)


def test_the_sign_in_outlives_the_container(running, home, engine):
    running.run("rm", "--stop", "--force", "credenza")
    running.up("credenza")
    running.wait("credenza")
    program = start(running, "app", "aws-cli-2")
    assert eventually(lambda: "ok" in program.call("sts"), 30)
    program.close()
    assert home.cloud.logins() == 1
