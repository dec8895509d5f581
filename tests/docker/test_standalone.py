"""`compose.standalone.yaml` as it stands in docker/, brought up: Credenza signs in from its container, and remembers it."""

import pytest
from harness.home import eventually, with_sso
from harness.cloud import sso_caller

from stage.containers import get, project, start


@pytest.fixture(scope="module")
def running(engine, image, clients, home, tmp_path_factory):
    """It, with all its services; somebody has signed in as the file says."""
    (home.aws / "config").write_text("")
    with_sso(home, rotate_refresh_tokens=True)
    folder = tmp_path_factory.mktemp("project")
    (folder / "aws").mkdir()
    (folder / "aws" / "config").write_bytes((home.aws / "config").read_bytes())
    with project(engine, image, clients, home, folder, "standalone") as it:
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
