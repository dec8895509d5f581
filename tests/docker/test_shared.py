"""`compose.shared.yaml` as it stands in docker/, brought up: the relay in the network of the one service that it is for."""

import pytest
from harness.cloud import ACCOUNT
from harness.entra import GRAPH
from harness.home import eventually

from stage.containers import get, private, project, rotates, start

FULL_URI = "AWS_CONTAINER_CREDENTIALS_FULL_URI"


@pytest.fixture(scope="module")
def running(engine, image, clients, home, tmp_path_factory):
    """It, with all its services."""
    folder = tmp_path_factory.mktemp("project")
    # a grant's bare token does as well as an invitation
    assert home.credenza("up").returncode == 0
    token = folder / "web.token"
    made = home.credenza("grant", "new", "--name", "web", "--token-file", token, "my-dev", "az")
    assert made.returncode == 0, made.stderr
    private(token)
    with project(engine, image, clients, home, folder, "shared", CREDENZA_INVITATION=token) as it:
        it.up()
        it.wait("credenza")
        yield it


@pytest.mark.parametrize("client", ["boto3", "aws-cli-2"])
def test_the_service_is_served(client, running):
    by_ecs = start(running, "app", client)
    by_instance = start(running, "app", client, FULL_URI, AWS_EC2_METADATA_SERVICE_ENDPOINT="http://127.0.0.1:9722/")
    for program in (by_ecs, by_instance):
        assert program.ok("sts").startswith(f"arn:aws:sts::{ACCOUNT}:assumed-role/my-dev/")
        program.close()


def test_the_service_is_served_by_azure(running, home):
    program = start(running, "app", "azure-python")
    assert program.ok(f"{GRAPH}/.default")["claims"]["appid"] == home.client_id
    program.close()


def test_credentials_rotate_under_the_service(running, home):
    def again():
        assert home.credenza("down").returncode == 0
        assert home.credenza("up").returncode == 0

    rotates(running, home, again, "app", "http://127.0.0.1:9721/creds/my-dev")


def test_nobody_else_reaches_it(running, engine):
    networks = engine.inspect(running.container("app"))["NetworkSettings"]["Networks"]
    [there] = [network["IPAddress"] for network in networks.values()]
    for port in (9721, 9722):
        assert get(running, "stranger", f"http://{there}:{port}/healthz")[0] == "refused"


def test_the_relay_starts_anew_and_the_service_goes_on(running, engine):
    program = start(running, "app", "aws-cli-2")
    assert "ok" in program.call("sts")
    engine.run("restart", "--time", "1", running.container("credenza"))
    assert eventually(lambda: "ok" in program.call("sts"), 30)
    program.close()
