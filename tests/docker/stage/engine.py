"""A Docker daemon: the one that answers, or one of the tests' own.

Their own one lives in a network namespace of its own, and with it whatever this thread starts meanwhile: its bridges, its
rules and the fixed addresses at 169.254 stay away from the machine, whose own metadata service may be at one of them, and
two runs have nothing in common.
"""

import contextlib
import fcntl
import ipaddress
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile

from harness import places
from harness.home import eventually
from harness.namespace import own_network

from . import unable

TARGET = places.ROOT / "target" / "docker"
CLIENTS = TARGET / "clients.tar"
START_SECS, STOP_SECS = 60, 60


class Engine:
    """A Docker daemon that answers at `host`, or where the environment says."""

    def __init__(self, host=None):
        self.own = host is not None
        self.cli = docker_cli()
        # BuildKit skips the stages of a Dockerfile that are not wanted.
        self.environment = os.environ | {"DOCKER": self.cli, "DOCKER_BUILDKIT": "1"} | ({"DOCKER_HOST": host} if host else {})

    def run(self, *words, check=True, timeout_secs=120, **options):
        """`docker WORDS`, to its end."""
        options = {"env": self.environment, "capture_output": True, "text": True, "timeout": timeout_secs} | options
        run = subprocess.run([self.cli, *words], check=False, **options)
        assert not check or run.returncode == 0, f"docker {words}: {run.stderr}"
        return run

    def out(self, *words, **options):
        """What `docker WORDS` prints."""
        return self.run(*words, **options).stdout.strip()

    def inspect(self, name):
        """All that Docker says of a container, an image or a network."""
        return json.loads(self.out("inspect", name))[0]

    def answers(self):
        """Whether the daemon does."""
        return self.run("info", check=False).returncode == 0

    def gateway(self):
        """The address at which containers of every network but an internal one reach this machine: `172.17.0.1`."""
        network = self.inspect("bridge")["IPAM"]["Config"][0]
        # Docker 20.10 does not say it of its own bridge
        address = network.get("Gateway") or str(ipaddress.ip_network(network["Subnet"])[1])
        with socket.socket() as there:
            try:
                there.bind((address, 0))
            except OSError:
                unable("Docker runs in a machine of its own, so containers cannot reach what the tests listen on")
        return address


def docker_cli():
    """The one that belongs to the distribution's daemon: a newer one beside it lacks its plugins, and cannot build."""
    found = shutil.which("docker", path="/usr/bin") or shutil.which("docker")
    return found or unable("docker is not installed")


@contextlib.contextmanager
def engine():
    """One that runs, and is ended afterwards if it was started here."""
    found = answering()
    if found:
        yield found
    else:
        with own_network(), own_engine() as started:
            yield started


def answering():
    """The one that answers; `None`: the tests have to start their own, and can."""
    found = Engine()
    if found.answers():
        return found
    for tool in ("dockerd", "setpriv"):
        if not shutil.which(tool):
            unable(f"no Docker daemon answers, and {tool} is not installed")
    if os.geteuid() != 0:
        unable("no Docker daemon answers, and only root can start one")
    return None


@contextlib.contextmanager
def own_engine():
    """Starts a daemon that shares nothing with another one, and ends it by its own process id."""
    TARGET.mkdir(parents=True, exist_ok=True)
    sweep()
    data = pathlib.Path(tempfile.mkdtemp(prefix="data-", dir=TARGET))
    # Short, since sockets lie in it.
    state = pathlib.Path(tempfile.mkdtemp(prefix="cz-docker-"))
    host = f"unix://{state}/docker.sock"
    words = ["--host", host, "--data-root", data, "--exec-root", state / "exec", "--pidfile", state / "pid"]
    log = TARGET / f"{data.name}.log"
    with log.open("w") as output:
        # for `sweep`; the daemon inherits it
        fcntl.flock(output, fcntl.LOCK_EX)
        # Ends with this process, whatever that ends of.
        process = subprocess.Popen(["setpriv", "--pdeathsig", "TERM", "dockerd", *words], stdout=output, stderr=output)
    started = Engine(host)
    try:
        if not eventually(lambda: process.poll() is not None or started.answers(), START_SECS) or process.poll() is not None:
            unable(f"dockerd does not start here: {last_line(log)}")
        yield started
    finally:
        process.terminate()
        process.wait(timeout=STOP_SECS)
        shutil.rmtree(data, ignore_errors=True)
        shutil.rmtree(state, ignore_errors=True)
        log.unlink()


def sweep():
    """Removes what runs have left that were killed: whose log nobody holds any more."""
    for log in TARGET.glob("data-*.log"):
        with log.open() as held, contextlib.suppress(BlockingIOError):
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(log.with_suffix(""), ignore_errors=True)
            log.unlink()


def last_line(log):
    """Where a daemon says why it ended."""
    return (log.read_text().splitlines() or ["it says nothing"])[-1]
