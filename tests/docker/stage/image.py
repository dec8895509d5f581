"""The image under test, and the one of the clients beside it."""

import os
import pathlib
import platform
import shutil
import subprocess
import uuid

from harness import places

from . import unable
from .engine import CLIENTS, answering

ARCH = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine())
BUILD = places.ROOT / "docker" / "build"
SETUP = places.ROOT / "tests" / "docker" / "setup"
# Compiling takes minutes on two processors.
COMPILE_SECS = 1800


def prepare(folder):
    """What needs the network, before the tests have one of their own: compiles, and makes the clients' file system."""
    answering()  # else nothing of it is worth while
    compiler()
    run = subprocess.run([BUILD, "--binary", ARCH, folder], capture_output=True, text=True, timeout=COMPILE_SECS, check=False)
    assert run.returncode == 0, run.stderr
    if os.geteuid() != 0 and not CLIENTS.exists():
        unable("only root can make the clients' image")
    run = subprocess.run([SETUP], capture_output=True, text=True, timeout=COMPILE_SECS, check=False)
    if run.returncode != 0:
        unable(f"the clients' image cannot be made: {run.stderr.strip()}")


def compiler():
    """Leaves the tests out where the static binary cannot be compiled."""
    target = f"{platform.machine()}-unknown-linux-musl"
    sysroot = subprocess.run(["rustc", "--print", "sysroot"], capture_output=True, text=True, check=True).stdout.strip()
    if not (pathlib.Path(sysroot) / "lib" / "rustlib" / target).exists():
        unable(f"Rust has no musl here: rustup target add {target}")
    found = {"amd64": "musl-gcc", "arm64": "aarch64-linux-gnu-gcc"}[ARCH]
    if not shutil.which(found):
        unable(f"{found} is not installed")


def build(engine):
    """Builds the image with docker/build, as a person does; its name."""
    name = f"credenza-test-{uuid.uuid4().hex[:12]}"
    words = [BUILD, "--arch", ARCH, "--tag", name]
    run = subprocess.run(words, env=engine.environment, capture_output=True, text=True, timeout=COMPILE_SECS, check=False)
    assert run.returncode == 0, run.stderr
    return name


def import_clients(engine):
    """The clients' image, from its file system; its name."""
    name = f"credenza-clients-{uuid.uuid4().hex[:12]}"
    engine.run("import", CLIENTS, name, timeout_secs=300)
    return name
