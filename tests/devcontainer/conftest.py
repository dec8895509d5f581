"""Fixtures of the dev container's tests: a Docker daemon, a home whose cloud containers reach, and a project with a dev container.

The CLI is the one that editors run, unmodified; its base image is the clients' image of tests/docker, since no image can be had
without a registry of images."""

import subprocess

import pytest
from harness import places
from harness.entra import Azure
from harness.home import Home
from stage import image as images
from stage import unable
from stage.engine import engine as running_engine
from stage.outside import BridgeCloud, BridgeStorage

from project import Project

SETUP = places.ROOT / "tests" / "devcontainer" / "setup"


@pytest.fixture(scope="session")
def binaries(tmp_path_factory):
    """The static binary in a folder, and all else that needs the network."""
    folder = tmp_path_factory.mktemp("image")
    images.prepare(folder)
    run = subprocess.run([SETUP], capture_output=True, text=True, timeout=600, check=False)
    if run.returncode != 0:
        unable(f"the dev container CLI cannot be installed: {run.stderr.strip()}")
    return folder


@pytest.fixture(scope="session")
def engine(binaries):
    """A Docker daemon, perhaps with a network of its own for all that is started from here on."""
    with running_engine() as running:
        yield running


@pytest.fixture(scope="session")
def base(engine):
    """The image that the dev container is made of."""
    name = images.import_clients(engine)
    yield name
    engine.run("rmi", "--force", name)


@pytest.fixture(scope="module")
def home(engine, tmp_path_factory):
    """A home on this machine, with `my-dev` of AWS and `az` of Azure, as the example has them."""
    cloud = BridgeCloud(engine.gateway(), tmp_path_factory.mktemp("cloud"))
    storage = BridgeStorage(engine.gateway())
    made = Home(cloud, storage)
    made.storage = storage
    made.role("my-dev")
    made.role("my-role")
    made.client_id = Azure(made).robot("az")
    yield made
    made.close()
    storage.close()
    cloud.close()


@pytest.fixture(scope="module")
def project(engine, base, home, binaries):
    """The example, brought up; afterwards nothing is left of it."""
    made = Project(engine, base, home, binaries / "root" / "credenza")
    try:
        made.up()
        yield made
    finally:
        made.down()
