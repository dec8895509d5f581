"""The dev container feature, by the CLI that editors run: a project that copied the example, and unmodified clients in it."""

import json
import subprocess

from harness.cloud import ACCOUNT
from harness.entra import GRAPH
from harness.home import eventually

from project import KIT

CALLER = f"arn:aws:sts::{ACCOUNT}:assumed-role/my-dev/"
GRANT = "devcontainer-shop"


def grants(home):
    """The names of the grants that are in force."""
    run = home.credenza("grant", "list", "--json")
    return [line["grant"] if "grant" in line else line["name"] for line in json.loads(run.stdout)["grants"]]


def test_programs_in_it_have_what_the_grant_has(project, home):
    boto3 = project.start("boto3_client.py")
    assert boto3.ok("sts").startswith(CALLER)
    assert boto3.ok("s3") == ["uploads"]
    assert boto3.close()[0] == 0
    azure = project.start("azure_identity_client.py", "default")
    assert azure.ok(f"{GRAPH}/.default")["claims"]["appid"] == home.client_id
    assert azure.close()[0] == 0
    assert eventually(lambda: {line["grant"] for line in home.audit() if line["outcome"] == "issued"} == {GRANT})


def test_who_has_no_token_gets_nothing(project):
    assert project.status() == "403"
    assert project.status(Authorization="A" * 43) == "403"
    token = project.token_file.read_text()
    assert project.status(Authorization=token) == "200"
    assert project.status("/creds/my-role", Authorization=token) == "403"
    assert project.status(Authorization=token, Origin="http://127.0.0.1:9711") == "403"


def test_what_is_mounted_is_not_written(project):
    code, said = project.sh("touch /run/credenza-grant/other /run/credenza/other")
    assert code != 0 and said.count("Read-only file system") == 2, said


def test_it_is_brought_up_twice_and_has_one_grant(project, home):
    token, container = project.token_file.read_text(), project.up()["containerId"]
    assert project.up()["containerId"] == container
    assert project.token_file.read_text() == token
    assert grants(home).count(GRANT) == 1


def test_a_daemon_and_a_container_that_start_anew_find_each_other(project, home, engine):
    token = project.token_file.read_text()
    assert home.credenza("down").returncode == 0
    assert project.status(Authorization=token) != "200"
    assert home.credenza("up").returncode == 0
    assert project.status(Authorization=token) == "200"
    engine.run("restart", "--time", "1", project.up()["containerId"])
    assert eventually(lambda: project.status(Authorization=token) == "200", 30)


def test_a_revoked_grant_is_made_anew_by_the_next_start(project, home):
    token = project.token_file.read_text()
    assert home.credenza("grant", "revoke", GRANT).returncode == 0
    assert project.status(Authorization=token) == "403"
    assert not project.token_file.exists()
    project.up()
    boto3 = project.start("boto3_client.py")
    assert boto3.ok("sts").startswith(CALLER)
    assert boto3.close()[0] == 0


def test_without_its_binary_it_says_what_is_missing(tmp_path):
    install = tmp_path / "install.sh"
    install.write_text((KIT / "src" / "credenza" / "install.sh").read_text())
    run = subprocess.run(["sh", install], capture_output=True, text=True, timeout=10, check=False)
    assert run.returncode == 1 and "docker/build --binary" in run.stderr, run
