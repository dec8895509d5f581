"""Fixtures of the client matrix. `tests/run` installs what they need; a missing piece is an error, never a skip:
only who is not root has no network of their own, and skips what needs one."""

import pytest

from harness import places
from harness.clients import AZURE_DEFAULT, AZURE_MANAGED, CLIENTS
from harness.cloud import Cloud
from harness.entra import Azure
from harness.home import Home, with_sso
from harness.storage import Storage


@pytest.fixture
def cloud():
    """A simulated cloud of the test's own, so that no role, fault or call of another test is in it."""
    running = Cloud()
    yield running
    running.close()


@pytest.fixture(scope="session")
def storage():
    """The simulated S3, with one bucket."""
    running = Storage()
    yield running
    running.close()


@pytest.fixture
def home(cloud, storage):
    """A home of its own."""
    made = Home(cloud, storage)
    yield made
    made.close()


@pytest.fixture
def sso_home(home):
    """A home of its own with two profiles of one sign-in, `my-dev` and `my-other`, which nobody has begun."""
    return with_sso(home)


@pytest.fixture
def azure(home):
    """A tenant of Entra ID, and what the home says of it."""
    return Azure(home)


@pytest.fixture(
    params=[*((client, "default") for client in AZURE_DEFAULT), *((client, "managed") for client in AZURE_MANAGED)],
    ids=lambda param: f"{param[0].name}-{param[1]}",
)
def azure_client(request):
    """Each SDK of Azure, by each credential that it has for this."""
    return request.param[0]


@pytest.fixture(params=AZURE_MANAGED, ids=lambda client: client.name)
def azure_sdk(request):
    """Each SDK of Azure, by its ManagedIdentityCredential."""
    return request.param


@pytest.fixture(params=CLIENTS, ids=lambda client: client.name)
def client(request):
    """Each client of the matrix."""
    return request.param


@pytest.fixture(params=[places.AWS_1, places.AWS_2], ids=["aws-cli-1", "aws-cli-2"])
def aws_cli(request):
    """Each AWS CLI."""
    return request.param


@pytest.fixture(params=[(), ("--token-file",)], ids=["token", "token-file"])
def form(request):
    """Each form of the token that every client of the matrix knows: the variable, and a file."""
    return request.param


@pytest.fixture(
    params=[((), "ecs"), (("--token-file",), "ecs"), (("--ec2",), "ec2"), (("--pod-identity",), "pod-identity")],
    ids=["token", "token-file", "ec2", "pod-identity"],
)
def wired(request):
    """Each way in which `exec` has a client find its endpoint: the flags, and the dialect of the requests."""
    return request.param
