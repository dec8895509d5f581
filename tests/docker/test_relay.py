"""`compose.yaml` as it stands in docker/, brought up: a relay over the daemon's socket, and unmodified clients beside it."""

import pytest
from harness.cloud import ACCOUNT
from harness.entra import GRAPH
from harness.home import eventually

from stage.containers import invitation, project, start

MIB = 1 << 20
GRAPH_SCOPE = f"{GRAPH}/.default"


@pytest.fixture(scope="module")
def running(engine, image, clients, home, tmp_path_factory):
    """It, with all its services."""
    folder = tmp_path_factory.mktemp("project")
    invitation(home, folder, "my-dev", "my-role", "az")
    with project(engine, image, clients, home, folder) as it:
        it.up()
        yield it


@pytest.mark.parametrize("client", ["boto3", "aws-cli-1", "aws-cli-2", "rclone", "restic"])
@pytest.mark.parametrize(("service", "role", "dialect"), [("app", "my-dev", "ecs"), ("worker", "my-role", "ec2")])
def test_clients_of_aws_are_served_by_who_they_are(service, role, dialect, client, running, home, storage):
    program = start(running, service, client)
    if client not in ("rclone", "restic"):
        assert program.ok("sts").startswith(f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/")
    assert program.ok("s3") == ["uploads"]
    assert program.close()[0] == 0
    assert storage.signed_with[-1] in {keys["access_key_id"] for keys in home.cloud.keys_of(role)}
    assert eventually(lambda: audited(home, role, dialect, service)), home.audit()[-3:]


@pytest.mark.parametrize("client", ["azure-python", "azure-python-managed"])
def test_clients_of_azure_are_served_by_who_they_are(client, running, home):
    program = start(running, "worker", client)
    assert program.ok(GRAPH_SCOPE)["claims"]["appid"] == home.client_id
    assert program.close()[0] == 0
    assert eventually(lambda: audited(home, "az", "azure-imds", "worker")), home.audit()[-3:]


def test_the_relay_has_no_right_and_no_way_out(running, engine):
    container = engine.inspect(running.container("credenza"))
    assert container["HostConfig"]["ReadonlyRootfs"] and container["HostConfig"]["CapDrop"] == ["ALL"]
    assert list(container["NetworkSettings"]["Networks"]) == [running.network("metadata")]
    status = process(engine, running)
    assert status["Uid"].split() != ["0"] * 4
    assert {status[name].strip() for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert status["NoNewPrivs"].strip() == "1"


def test_the_relay_is_small(running, engine):
    """After all that the tests before have asked of it: what it has for itself, without the pages of the file that it is."""
    status = process(engine, running)
    print(", ".join(f"{name}: {status[name].strip()}" for name in ("VmRSS", "VmHWM", "RssAnon", "RssFile")))
    assert int(status["VmRSS"].split()[0]) * 1024 < 8 * MIB


def audited(home, identity, dialect, service):
    """Whether the audit trail has an answer for this service."""
    lines = [line for line in home.audit() if line["identity"] == identity and line["outcome"] == "issued"]
    return any((line["dialect"], line["grant"], line.get("container")) == (dialect, "web", service) for line in lines)


def process(engine, running):
    """What the kernel says of the relay's process."""
    pid = engine.inspect(running.container("credenza"))["State"]["Pid"]
    with open(f"/proc/{pid}/status") as status:
        return dict(line.split(":", 1) for line in status)
