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
    """One, and where it is."""
    address = address or f"127.0.0.1:{free_port()}"
    serve(home, section(address, *identities, dialects=dialects, more=more))
    yield Listener(address, environment(address))


def section(address, *identities, dialects, more=""):
    """One as it is written."""
    lines = [f"dialects = {quoted(dialects)}", f'address = "{address}"', f"identities = {quoted(identities)}", more]
    return "\n".join(["[[listener]]", *lines, ""])


def serve(home, *sections):
    """Writes them behind what is configured already, starts the daemon, and waits until it serves all."""
    config = home.path / CONFIG
    config.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    before = [config.read_text()] if config.exists() else []
    text = "\n".join([*before, *sections])
    home.write(CONFIG, text)
    up = home.credenza("up")
    assert up.returncode == 0, up.stderr
    assert eventually(lambda: all_serve(home, text.count("[[listener]]"))), home.status()


def all_serve(home, count):
    """Whether the daemon serves as many as are written, and each of them."""
    return [one["state"] for one in home.status()["listeners"]] == ["serving"] * count


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
