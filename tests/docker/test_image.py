"""What the image is made of, and that it runs with as little right as can be had."""

import io
import subprocess
import tarfile

import pytest
from harness import places

from stage.containers import USER, private

MIB = 1 << 20
# What Docker puts into every container by itself.
OF_DOCKER = (".dockerenv", "dev", "etc", "proc", "sys")
LEAST = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")


@pytest.fixture(scope="module")
def files(engine, image):
    """All that is in it, by name."""
    container = engine.out("create", image)
    try:
        archive = engine.run("export", container, text=False).stdout
    finally:
        engine.run("rm", container)
    with tarfile.open(fileobj=io.BytesIO(archive)) as tree:
        return {member.name: member for member in tree if member.name.split("/")[0] not in OF_DOCKER}


def test_it_holds_the_binary_and_the_folder_of_its_state_alone(files):
    assert sorted(files) == ["credenza", "var", "var/lib", "var/lib/credenza"]
    owners = {name: (file.uid, file.gid, oct(file.mode & 0o7777)) for name, file in files.items()}
    assert owners["credenza"] == (0, 0, "0o755")
    assert owners["var/lib"] == (0, 0, "0o755")
    assert owners["var/lib/credenza"] == (65532, 65532, "0o700")


def test_it_is_small(engine, image):
    assert engine.inspect(image)["Size"] < 12 * MIB


def test_the_binary_is_static(prepared):
    binary = prepared / "root" / "credenza"
    headers = subprocess.check_output(["readelf", "--program-headers", "--wide", binary], text=True)
    assert "INTERP" not in headers
    assert "NEEDED" not in subprocess.check_output(["readelf", "--dynamic", "--wide", binary], text=True)


def test_the_binary_tells_nothing_of_the_machine_that_made_it(prepared):
    binary = (prepared / "root" / "credenza").read_bytes()
    for told in ("/.cargo/", "/registry/src/index", "/root/", "/home/", f"{places.ROOT}/"):
        assert told.encode() not in binary


def test_it_runs_as_nobody_of_this_machine(engine, image):
    config = engine.inspect(image)["Config"]
    assert config["User"] == "65532:65532"
    assert config["Entrypoint"] == ["/credenza"]
    assert config["Healthcheck"]["Test"] == ["CMD", "/credenza", "health"]
    assert {"HOME=/var/lib/credenza", "CREDENZA_STATE_DIR=/var/lib/credenza"} <= set(config["Env"])


def test_it_runs_without_any_right(engine, image):
    assert engine.out("run", "--rm", "--network", "none", *LEAST, image, "--version").startswith("credenza ")


@pytest.mark.parametrize("shell", ["sh", "/bin/sh", "/bin/bash", "/busybox/sh"])
def test_it_has_no_shell(shell, engine, image):
    run = engine.run("run", "--rm", "--network", "none", "--entrypoint", shell, image, "-c", "true", check=False)
    assert run.returncode == 127, run.stderr


def test_a_named_volume_is_private_to_it(engine, image):
    """The daemon refuses a folder that others may look into: that it finds none running says it took the volume."""
    volume = engine.out("volume", "create")
    try:
        mounted = ("--mount", f"type=volume,source={volume},target=/var/lib/credenza")
        run = engine.run("run", "--rm", "--network", "none", *LEAST, *mounted, image, "status", check=False)
        assert "no daemon runs" in run.stderr, run.stderr
    finally:
        engine.run("volume", "rm", volume)


def test_it_asks_upstream_over_tls_and_trusts_whom_it_is_told(engine, image, home, cloud, aws):
    run = in_container(engine, image, home, aws, "credential", "my-dev", "--format", "env", ca=cloud.ca)
    assert run.returncode == 0, run.stderr
    assert cloud.keys_of("my-dev")[-1]["access_key_id"] in run.stdout


def test_it_refuses_an_upstream_whose_authority_it_does_not_know(engine, image, home, cloud, aws):
    before = len(cloud.calls("AssumeRole"))
    run = in_container(engine, image, home, aws, "credential", "my-dev", "--format", "env")
    assert run.returncode != 0 and run.stdout == ""
    assert "certificate" in run.stderr, run.stderr
    assert len(cloud.calls("AssumeRole")) == before


@pytest.fixture
def aws(home, tmp_path):
    """A copy of the home's files of AWS which the image's user alone may read."""
    for name in ("config", "credentials"):
        file = tmp_path / name
        file.write_bytes((home.aws / name).read_bytes())
        private(file)
    private(tmp_path)
    return tmp_path


def in_container(engine, image, home, aws, *words, ca=None):
    """Runs a command of Credenza in a container that is given these files of AWS."""
    mounts = ["--mount", f"type=bind,source={aws},target=/aws,readonly"]
    variables = {
        "AWS_CONFIG_FILE": "/aws/config",
        "AWS_SHARED_CREDENTIALS_FILE": "/aws/credentials",
        "AWS_ENDPOINT_URL_STS": home.cloud.sts,
    }
    if ca:
        mounts += ["--mount", f"type=bind,source={ca},target=/ca.pem,readonly"]
        variables["SSL_CERT_FILE"] = "/ca.pem"
    environment = [word for name, value in variables.items() for word in ("--env", f"{name}={value}")]
    state = f"/var/lib/credenza:mode=0700,uid={USER},gid={USER}"
    options = ["--rm", "--user", f"{USER}:{USER}", "--tmpfs", state, *LEAST, *mounts, *environment]
    return engine.run("run", *options, image, *words, check=False)
