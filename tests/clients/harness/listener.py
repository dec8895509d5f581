"""A `[[listener]]` of a home's configuration, and the daemon that serves it."""

import contextlib
import dataclasses
import socket

from .home import eventually

CONFIG = ".config/credenza/config.toml"


@dataclasses.dataclass(frozen=True)
class Listener:
    """Where it is, and what tells a client so."""

    address: str
    environment: dict


@contextlib.contextmanager
def listener(home, *identities, dialects=("ec2",), address=None, more=""):
    """Writes it behind what is configured already, starts the daemon, and waits until it serves."""
    address = address or f"127.0.0.1:{free_port()}"
    (home.path / CONFIG).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    before = (home.path / CONFIG).read_text() if (home.path / CONFIG).exists() else ""
    lines = [f"dialects = {quoted(dialects)}", f'address = "{address}"', f"identities = {quoted(identities)}", more]
    home.write(CONFIG, "\n".join([before, "[[listener]]", *lines, ""]))
    up = home.credenza("up")
    assert up.returncode == 0, up.stderr
    assert eventually(lambda: serving(home, address)), home.status()
    yield Listener(address, environment(address))


def serving(home, address):
    """Whether the daemon serves this address by now."""
    return any(one["address"] == address and one["state"] == "serving" for one in home.status()["listeners"])


def environment(address):
    """The variables by which clients find an instance metadata service: object_store has one of its own."""
    return {
        "AWS_EC2_METADATA_DISABLED": "false",
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": f"http://{address}/",
        "AWS_METADATA_ENDPOINT": f"http://{address}",
        "NO_PROXY": "127.0.0.1,localhost",
    }


def free_port():
    """A port that nobody has at the moment."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def quoted(words):
    """A list of TOML."""
    return "[" + ", ".join(f'"{word}"' for word in words) + "]"
