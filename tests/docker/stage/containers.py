"""Compose projects of a test, and the clients in them."""

import contextlib
import json
import os
import pathlib

from harness import places
from harness.home import eventually
from harness.program import Program

from .compose import Project

# Each client of the matrix that runs in a container, by its command there.
PROGRAMS = {
    "boto3": ("python3", "/clients/boto3_client.py"),
    "aws-cli-1": ("python3", "/clients/aws_cli_client.py", "aws-1"),
    "aws-cli-2": ("python3", "/clients/aws_cli_client.py", "aws-2"),
    "rclone": ("python3", "/programs/command_client.py", "rclone"),
    "restic": ("python3", "/programs/command_client.py", "restic"),
    "azure-python": ("python3", "/clients/azure_identity_client.py", "default"),
    "azure-python-managed": ("python3", "/clients/azure_identity_client.py", "managed"),
}


# Whoever runs the tests; for root somebody else, since no relay should be root.
USER = os.getuid() or 4321


def private(path):
    """Gives a file or a folder to the user of the containers alone."""
    path.chmod(0o700 if path.is_dir() else 0o600)
    os.chown(path, USER, USER)


def invitation(home, folder, *words):
    """Starts the daemon, and makes an invitation `web` where the compose files look for it."""
    up = home.credenza("up")
    assert up.returncode == 0, up.stderr
    file = folder / "relay.invite"
    made = home.credenza("relay", "invite", "--name", "web", "--out", file, *words)
    assert made.returncode == 0, made.stderr
    private(file)


@contextlib.contextmanager
def project(engine, image, clients, home, folder, form="", **variables):
    """A compose project that is not up yet; afterwards nothing is left of it."""
    folder = pathlib.Path(folder)
    told = {
        "AWS_ENDPOINT_URL_STS": home.cloud.sts,
        "AWS_ENDPOINT_URL_S3": home.storage.url,
        "AWS_CA_BUNDLE": "/ca.pem",
        "SSL_CERT_FILE": "/ca.pem",
        "REQUESTS_CA_BUNDLE": "/ca.pem",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    (folder / "clients.env").write_text("".join(f"{name}={value}\n" for name, value in told.items()))
    usual = {
        "CREDENZA_IMAGE": image,
        "CREDENZA_DATA": home.data,
        "CREDENZA_USER": f"{USER}:{USER}",
        "CLIENTS_IMAGE": clients,
        "CLIENTS_PROGRAMS": places.HERE / "py",
        "OWN_PROGRAMS": places.ROOT / "tests" / "docker" / "programs",
        "CLOUD": home.cloud.sts,
        "CLOUD_CA": home.cloud.ca,
    }
    made = Project(engine, folder, form, usual | variables)
    try:
        yield made
    finally:
        made.down()


def start(project, service, client, *without, **variables):
    """Starts a client in a service's container, but without some of its variables: it lives as long as a job does."""
    unset = ("env", *(word for name in without for word in ("--unset", name)))
    return Program(project.exec_argv(service, *unset, *PROGRAMS[client], **variables), project.environment)


# Prints the status and the body of one request, or how it failed.
GET = """
import json, socket, sys, urllib.error, urllib.request
try:
    answer = urllib.request.urlopen(urllib.request.Request(sys.argv[1], headers=json.loads(sys.argv[2])), timeout=3)
except urllib.error.HTTPError as error:
    answer = error
except OSError as error:
    why = getattr(error, "reason", error)
    word = {ConnectionRefusedError: "refused", TimeoutError: "timeout"}.get(type(why), "unreachable")
    sys.exit(print(json.dumps([word, str(why)])))
print(json.dumps([answer.status, answer.read().decode()]))
"""


def get(running, service, url, headers=None):
    """One request of our own from a service's container, or from another one of this id: its status and its body."""
    argv = ("python3", "-c", GET, url, json.dumps(headers or {}))
    return json.loads(running.exec(service, *argv).stdout)


# Lives so long that a test can wait for their end: what is that short is replaced after 0.7 of it, or a minute.
SHORT_SECS = 90


def rotates(running, home, start_anew, service, url, headers=None):
    """Has what a service gets replaced while it asks; `start_anew` has whoever serves it forget what lives longer."""

    def key():
        status, body = get(running, service, url, headers)
        return json.loads(body)["AccessKeyId"] if status == 200 else None

    home.cloud.short_lives(SHORT_SECS)
    try:
        start_anew()
        assert eventually(key, 30), running.logs()
        first = key()
        assert eventually(lambda: key() not in (None, first), 2 * SHORT_SECS), running.logs()
        # and it is one that the cloud takes
        program = start(running, service, "boto3")
        assert "ok" in program.call("sts")
        program.close()
    finally:
        home.cloud.long_lives()
