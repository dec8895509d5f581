"""Fixtures of the image's tests: a Docker daemon, the image, the clients' image, and a home whose cloud containers reach."""

import pytest
from harness.entra import Azure
from harness.home import Home

from stage import image as images
from stage.engine import engine as running_engine
from stage.outside import BridgeCloud, BridgeStorage


@pytest.fixture(scope="session")
def prepared(tmp_path_factory):
    """All that needs the network."""
    folder = tmp_path_factory.mktemp("image")
    images.prepare(folder)
    return folder


@pytest.fixture(scope="session")
def engine(prepared):
    """A Docker daemon, perhaps with a network of its own for all that is started from here on."""
    with running_engine() as running:
        yield running


@pytest.fixture(scope="session")
def image(engine):
    """The image under test."""
    name = images.build(engine)
    yield name
    engine.run("rmi", "--force", name)


@pytest.fixture(scope="session")
def clients(engine):
    """The image of the clients."""
    name = images.import_clients(engine)
    yield name
    engine.run("rmi", "--force", name)


@pytest.fixture(scope="module")
def cloud(engine, tmp_path_factory):
    """A simulated cloud, over TLS by an authority of its own."""
    running = BridgeCloud(engine.gateway(), tmp_path_factory.mktemp("cloud"))
    yield running
    running.close()


@pytest.fixture(scope="module")
def storage(engine):
    """A simulated S3."""
    running = BridgeStorage(engine.gateway())
    yield running
    running.close()


@pytest.fixture(scope="module")
def home(cloud, storage):
    """A home on this machine, with the identities that the files in `docker/` speak of: two of AWS, and `az` of Azure."""
    made = Home(cloud, storage)
    made.storage = storage
    made.data = made.path / ".local" / "state" / "credenza" / "data"
    made.role("my-dev")
    made.role("my-role")
    made.azure = Azure(made)
    made.client_id = made.azure.robot("az")
    yield made
    made.close()
