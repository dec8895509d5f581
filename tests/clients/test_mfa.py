"""Every client, unmodified, with roles that want a one-time code: at a terminal, where `op` shows it, and without one.

One code and one session of the user serve all of them, which the simulated cloud counts. Where another code is needed they
say so as in `test_sso_login_needed.py`.
"""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from harness import places
from harness.clients import CLIENTS
from harness.cloud import ACCOUNT, REGION, role_arn
from harness.home import eventually
from harness.mfa import OP, mfa_home
from harness.program import Program
from harness.terminal import Seated, run_seated
from test_terraform import TERRAFORMS

CALLER = f"arn:aws:sts::{ACCOUNT}:assumed-role/prod/"
OTHER = f"arn:aws:sts::{ACCOUNT}:assumed-role/other/"
COMMAND = "credenza login prod"
PROCESS = {"region": REGION, "credential_process": "credenza credential prod"}
READS_THE_CODE = ["op|read|op://Private/AWS/one-time password?attribute=otp|--no-newline"]
BOTO3 = CLIENTS[0]
# Less than the ten minutes that boto3 leaves.
ROLE_SECS = 120
# Of an endpoint's answer these two show nothing, of a process the first.
SILENT = {"endpoint": ("javascript", "rust"), "process": ("javascript",)}


@pytest.fixture(scope="module")
def at_desk(storage):
    """A home where `op` shows the code to who sits at a terminal."""
    with mfa_home(storage) as home:
        home.guarded_role("prod")
        home.codes_from(OP)
        yield home


@pytest.fixture(scope="module")
def by_code(storage):
    """A home whose person has given one code, and has gone."""
    with mfa_home(storage) as home:
        for name in ("prod", "other"):
            home.guarded_role(name)
        home.profile("through", **PROCESS)
        home.login()
        yield home


def test_without_a_code_the_role_lets_nobody_in(home):
    """The control: what the other tests see is the code's doing."""
    home.cloud.add_role("prod", require_mfa=True)
    home.profile("prod", role_arn=role_arn("prod"), source_profile="base", region=REGION)
    assert "AccessDenied" in home.start(BOTO3, AWS_PROFILE="prod").call("sts")["error"]


def test_at_a_terminal_one_code_of_op_serves_every_client(client, at_desk, storage):
    program = Seated(at_desk.exec_argv("prod", client.argv), at_desk.environment)
    assert program.ok("sts").startswith(CALLER)
    assert program.ok("s3") == ["uploads"]
    assert storage.signed_with[-1] in [keys["access_key_id"] for keys in at_desk.cloud.keys_of("prod")]
    code, shown = program.close()
    assert code == 0, shown
    assert at_desk.asked() == READS_THE_CODE
    assert [code["verdict"] for code in at_desk.codes()] == ["accepted"]
    assert len(at_desk.cloud.calls("GetSessionToken")) == 1
    assert len(at_desk.cloud.calls("AssumeRole")) == 1


def test_after_a_login_by_code_every_client_works_without_a_terminal(client, by_code):
    """Under `exec` by what the environment says and by a profile that the program names, and by `credential_process`."""
    granted = [places.CREDENZA, "exec", "prod", "other", "--"]
    programs = {
        Program([*granted, *client.argv], by_code.environment): CALLER,
        Program([*granted, *client.argv, "other"], by_code.environment): OTHER,
        by_code.start(client, AWS_PROFILE="through"): CALLER,
    }
    for program, caller in programs.items():
        assert program.ok("sts").startswith(caller)
        assert program.close()[0] == 0
    assert len(by_code.codes()) == 1
    assert len(by_code.cloud.calls("GetSessionToken")) == 1
    # once for each role, however they were asked
    assert len(by_code.cloud.calls("AssumeRole")) == 2


class Over:
    """Every client, by the endpoint and by `credential_process`: what each was answered after the session had ended, and
    after another login, and what it wrote to its stderr."""

    def __init__(self, home):
        home.guarded_role("prod")
        home.profile("through", **PROCESS)
        assert home.credenza("up").returncode == 0
        grant = home.credenza("grant", "new", "prod", "--name", "job")
        assert grant.returncode == 0, grant.stderr
        home.short_session(home.login)

        self.programs = {}
        for client in CLIENTS:
            self.programs[client.name, "endpoint"] = home.granted(client, grant.stdout)
            self.programs[client.name, "process"] = home.start(client, AWS_PROFILE="through")
        called = home.cloud.get("calls")["calls"]
        self.refused = self.all(lambda program: program.call("sts"))
        self.asked_aws = home.cloud.get("calls")["calls"] != called
        home.next_code()
        home.login()
        self.answered = self.all(lambda program: program.call("sts"))
        self.said = self.all(lambda program: program.close()[1])
        self.sessions = len(home.cloud.calls("GetSessionToken"))

    def all(self, act):
        """Does this with all of them at once."""
        with ThreadPoolExecutor(len(self.programs)) as threads:
            return dict(zip(self.programs, threads.map(act, self.programs.values()), strict=True))


@pytest.fixture(scope="module")
def over(storage):
    """The end of a session, once for all clients."""
    with mfa_home(storage) as home:
        yield Over(home)


@pytest.mark.parametrize("way", ["endpoint", "process"])
def test_after_the_end_the_user_reads_the_command_and_it_mends(client, way, over):
    one = client.name, way
    shown = over.refused[one]["error"] + (over.said[one] if way == "process" else "")
    assert (COMMAND in shown) == (client.name not in SILENT[way]), shown
    assert over.answered[one].get("ok", "").startswith(CALLER), over.answered[one]


def test_who_is_refused_asks_aws_nothing_and_one_login_is_enough(over):
    assert not over.asked_aws
    assert over.sessions == 2


def test_a_job_outlives_its_session_and_exec_says_what_it_needs(storage):
    """What the role gives ends so soon that boto3 asks for another before each call."""
    with mfa_home(storage) as home:
        home.guarded_role("prod")
        home.cloud.short_lives(ROLE_SECS)
        home.login()
        job = home.exec("prod", BOTO3)
        assert job.ok("sts").startswith(CALLER)

        assert home.credenza("logout", "prod", "--yes").returncode == 0
        assert COMMAND in eventually(lambda: job.call("sts").get("error"))

        home.next_code()
        home.login()
        assert job.ok("sts").startswith(CALLER)
        code, said = job.close()
        assert code == 0
        assert COMMAND in said, "by exec itself"


INFRASTRUCTURE = """
terraform {
  backend "s3" {
    bucket         = "uploads"
    key            = "%s.tfstate"
    region         = "eu-central-1"
    use_path_style = true
    use_lockfile   = true
  }
}

resource "terraform_data" "example" {
  input = "made with a code"
}

output "example" {
  value = terraform_data.example.output
}
"""


@pytest.mark.parametrize("terraform", TERRAFORMS.values(), ids=TERRAFORMS.keys())
def test_terraform_plans_and_applies_with_its_state_in_the_bucket(terraform, at_desk, storage, tmp_path):
    key = tmp_path.name
    (tmp_path / "main.tf").write_text(INFRASTRUCTURE % key)
    seen = len(storage.signed_with)

    def run(*words):
        argv = at_desk.exec_argv("prod", ["env", "-C", tmp_path, *terraform, *words])
        code, printed, shown = run_seated(argv, at_desk.environment)
        assert code == 0, printed + shown
        return printed

    run("init", "-no-color")
    assert "1 to add" in run("plan", "-no-color", "-out=planned")
    run("apply", "-no-color", "planned")
    assert json.loads(run("output", "-json"))["example"]["value"] == "made with a code"
    assert_signed_by_the_role(storage.signed_with[seen:], at_desk)
    assert b"made with a code" in storage.client.get_object(Bucket="uploads", Key=f"{key}.tfstate")["Body"].read()


def test_the_aws_cli_copies_into_the_bucket(aws_cli, at_desk, storage, tmp_path):
    file = tmp_path / "report.txt"
    file.write_text("made with a code")
    seen = len(storage.signed_with)
    argv = at_desk.exec_argv("prod", [aws_cli, "s3", "cp", file, f"s3://uploads/{tmp_path.name}/"])
    code, printed, shown = run_seated(argv, at_desk.environment)
    assert code == 0, printed + shown
    assert_signed_by_the_role(storage.signed_with[seen:], at_desk)
    kept = storage.client.get_object(Bucket="uploads", Key=f"{tmp_path.name}/report.txt")
    assert kept["Body"].read() == b"made with a code"


def assert_signed_by_the_role(keys, home):
    """All of these requests were signed with what the role gave, and one code was enough for it."""
    assert keys and set(keys) <= {keys["access_key_id"] for keys in home.cloud.keys_of("prod")}
    assert len(home.codes()) == 1
    assert len(home.cloud.calls("GetSessionToken")) == 1
