"""`compose.tls.yaml` as it stands in docker/, brought up: the relay comes over TLS, and mounts nothing but its invitation."""

import socket

import pytest
from harness.cloud import ACCOUNT
from harness.entra import GRAPH
from harness.home import eventually

from stage.containers import get, invitation, project, rotates, start

KEYS = "http://169.254.170.2/creds/my-dev"


@pytest.fixture(scope="module")
def running(engine, image, clients, home, tmp_path_factory):
    """It, with all its services, and a daemon that listens where Linux has host.docker.internal."""
    folder = tmp_path_factory.mktemp("project")
    address = f"{engine.gateway()}:{free_port(engine.gateway())}"
    home.azure.write(f'[server]\nrelay_listen = "{address}"\n')
    invitation(home, folder, "--tls", "my-dev", "my-role", "az")
    with project(engine, image, clients, home, folder, "tls") as it:
        it.up()
        yield it


@pytest.mark.parametrize("client", ["boto3", "aws-cli-2", "rclone"])
@pytest.mark.parametrize(("service", "role"), [("app", "my-dev"), ("worker", "my-role")])
def test_clients_of_aws_are_served_by_who_they_are(service, role, client, running, home, storage):
    program = start(running, service, client)
    if client != "rclone":
        assert program.ok("sts").startswith(f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/")
    assert program.ok("s3") == ["uploads"]
    program.close()
    assert storage.signed_with[-1] in {keys["access_key_id"] for keys in home.cloud.keys_of(role)}


def test_clients_of_azure_are_served_by_who_they_are(running, home):
    program = start(running, "worker", "azure-python")
    assert program.ok(f"{GRAPH}/.default")["claims"]["appid"] == home.client_id
    program.close()


def test_credentials_rotate_under_the_services(running, home):
    def again():
        assert home.credenza("down").returncode == 0
        assert home.credenza("up").returncode == 0

    rotates(running, home, again, "app", KEYS)


def test_who_is_no_neighbour_gets_nothing(running):
    for url in (KEYS, "http://169.254.169.254/latest/meta-data/"):
        status, body = get(running, "stranger", url)
        assert status == 403, (url, body)


def test_daemon_and_sidecar_start_anew_and_the_services_go_on(running, home, engine):
    assert home.credenza("down").returncode == 0
    assert eventually(lambda: get(running, "app", KEYS)[0] == 503)
    assert home.credenza("up").returncode == 0
    assert eventually(lambda: get(running, "app", KEYS)[0] == 200)
    engine.run("restart", "--time", "1", running.container("credenza"))
    assert eventually(lambda: get(running, "app", KEYS)[0] == 200, 30)


def test_the_way_to_the_daemon_is_cut_and_the_services_go_on_afterwards(running, engine):
    assert get(running, "app", KEYS)[0] == 200
    name, relay = running.network("uplink"), running.container("credenza")
    engine.run("network", "disconnect", name, relay)
    # what was ready before the cut is silent at first
    assert eventually(lambda: get(running, "app", KEYS)[0] == 503, 60)
    engine.run("network", "connect", name, relay)
    assert eventually(lambda: get(running, "app", KEYS)[0] == 200, 30)


def test_a_grant_that_is_revoked_ends_all(running, home):
    assert home.credenza("grant", "revoke", "web").returncode == 0
    for service, url in [("app", KEYS), ("worker", "http://169.254.170.2/creds/my-role")]:
        assert eventually(lambda: get(running, service, url)[0] in (403, 503)), get(running, service, url)


def free_port(address):
    """A port that nobody has there at the moment."""
    with socket.socket() as free:
        free.bind((address, 0))
        return free.getsockname()[1]
