"""Where codes come from, and the real clients that wait for them: `op` that hangs for ever, a YubiKey that wants a touch,
aws-vault's `mfa_process`, codes of our own making, and a code in the call of one role."""

import contextlib
import json
import statistics
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from harness.clients import CLIENTS
from harness.cloud import ACCOUNT
from harness.home import eventually
from harness.mfa import LAST_MINUTE_SECS, OP, SERIAL, SHORT_SECS, mfa_home
from harness.terminal import Seated, run_seated

CALLER = f"arn:aws:sts::{ACCOUNT}:assumed-role/prod/"
COMMAND = "credenza login prod"
BOTO3 = CLIENTS[0]
CTRL_C = "\x03"
# Of `exec` where the command was never started.
NOT_STARTED = 125
FOUR_HOURS_SECS = 14400


def test_while_op_hangs_the_endpoint_answers_by_itself(storage):
    """Before anybody sits at a terminal, and while somebody waits there for an `op` that never answers."""
    with mfa_home(storage) as home:
        home.guarded_role("prod")
        home.codes_from(OP)
        (home.programs / "hang").touch()
        assert home.credenza("up").returncode == 0
        grant = home.credenza("grant", "new", "prod", "--name", "job")
        assert grant.returncode == 0, grant.stderr

        took = [refused(grant.stdout) for _ in range(10)]
        assert home.asked() == []
        assert home.cloud.get("calls")["calls"] == []

        waiting = Seated(home.exec_argv("prod", BOTO3.argv), home.environment)
        assert eventually(lambda: (home.programs / "pids").exists())
        took += [refused(grant.stdout) for _ in range(10)]
        print(f"answered within {statistics.median(took) * 1000:.1f} ms")
        assert len(home.asked()) == 1
        assert home.codes() == []

        waiting.terminal.type(CTRL_C)
        code = waiting.process.wait(timeout=20)
        shown = waiting.terminal.close()
        assert code != 0, shown
        assert gone(pids(home))


def test_a_command_that_hangs_is_ended_and_exec_says_so(storage):
    """What it printed before is shown nowhere, and none of its processes is left."""
    with mfa_home(storage) as home:
        home.guarded_role("prod")
        marker = f"of-{home.path.name}"
        home.codes_from(f'{{ command = ["hanging", "{marker}"], timeout = "2s" }}')
        home.program("hanging", f'#!/bin/sh\necho 135790\nsh -c "sleep 600; : {marker}" &\ntouch "$HOME/hangs"\nwait\n')

        code, printed, shown = run_seated(home.exec_argv("prod", ["echo", "started"]), home.environment)
        assert code == NOT_STARTED, shown
        assert (home.path / "hangs").exists()
        assert "did not answer within 2 s and was ended" in shown
        assert "run the command of `otp` by hand" in shown
        assert printed == ""
        assert processes_with(marker) == []
        logs = home.credenza("logs")
        told = shown + logs.stdout + logs.stderr + "".join(texts(home.path / ".local" / "state"))
        assert "135790" not in told
        assert marker not in told
        assert home.cloud.calls("GetSessionToken") == []


def test_a_key_that_wants_a_touch_is_touched(storage):
    with mfa_home(storage) as home:
        home.guarded_role("prod")
        home.codes_from('{ preset = "ykman", name = "Amazon Web Services:ada@prod" }')
        (home.programs / "ask").write_text("Touch your YubiKey...")
        program = Seated(home.exec_argv("prod", BOTO3.argv), home.environment)
        program.terminal.expect("Touch your YubiKey...")
        assert home.codes() == []
        program.terminal.type("\n")
        assert program.ok("sts").startswith(CALLER)
        assert program.close()[0] == 0
        assert home.asked() == ["ykman|oath|accounts|code|--single|Amazon Web Services:ada@prod"]
        assert len(home.codes()) == 1


def test_the_mfa_process_of_a_profile_gives_the_code(storage):
    """As aws-vault knows it: nothing is written for Credenza."""
    with mfa_home(storage) as home:
        home.guarded_role("prod", mfa_process="generator --for \"$USER\" | tr -d ' '")
        prints = ["credenza", "credential", "prod", "--from-endpoint"]
        code, printed, shown = run_seated(home.exec_argv("prod", prints), home.environment)
        assert code == 0, shown
        assert json.loads(printed)["AccessKeyId"] == home.cloud.keys_of("prod")[-1]["access_key_id"]
        assert home.asked() == ["generator|--for|tester"]
        assert len(home.codes()) == 1


def test_codes_of_our_own_making_need_no_person_when_a_session_ends(storage):
    with mfa_home(storage) as home:
        home.guarded_role("prod")
        home.keyring()
        store = ("secret-tool", "store", "--label=seed", "service", "credenza", "name", "totp/aws", "part", "0")
        # as `src/world/keyring/secret_tool.rs` writes: how many parts there are and a mark of this writing, then the secret
        subprocess.run(store, env=home.environment, input=f"1 0\n{home.seed}", text=True, check=True)
        home.codes_from('{ preset = "totp", name = "aws" }')
        assert home.credenza("up").returncode == 0
        # the device shows another one by the time that the session is over
        home.code_lasts(SHORT_SECS - LAST_MINUTE_SECS)
        home.short_session(lambda: home.credenza("login", "prod"))
        assert len(home.codes()) == 1

        job = home.exec("prod", BOTO3)
        assert job.ok("sts").startswith(CALLER)
        code, said = job.close()
        assert code == 0
        assert COMMAND not in said
        assert [code["verdict"] for code in home.codes()] == ["accepted", "accepted"]
        assert len(home.cloud.calls("GetSessionToken")) == 2
        assert home.asked() == []


def test_one_role_that_wants_four_hours_has_them_by_a_code_in_its_call(storage):
    with mfa_home(storage) as home:
        home.guarded_role("prod", max_session_secs=FOUR_HOURS_SECS, duration_seconds=FOUR_HOURS_SECS)
        home.codes_from(OP)
        program = Seated(home.exec_argv("prod", BOTO3.argv), home.environment)
        assert program.ok("sts").startswith(CALLER)
        assert program.close()[0] == 0

        run = home.credenza("credential", "prod")
        assert run.returncode == 0, run.stderr
        assert FOUR_HOURS_SECS - 120 < home.left(json.loads(run.stdout)["Expiration"]) <= FOUR_HOURS_SECS
        [call] = home.cloud.calls("AssumeRole")
        assert call["parameters"]["SerialNumber"] == SERIAL
        assert home.cloud.calls("GetSessionToken") == []
        assert len(home.codes()) == 1


def refused(granted):
    """Asks the endpoint, which says that a login is needed; how long that took, in seconds."""
    variables = dict(line.split("=", 1) for line in granted.splitlines())
    token = {"Authorization": variables["AWS_CONTAINER_AUTHORIZATION_TOKEN"]}
    request = urllib.request.Request(variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"], headers=token)
    begin = time.monotonic()
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            raise AssertionError(f"it was answered with {answer.status}")
    except urllib.error.HTTPError as error:
        took = time.monotonic() - begin
        assert error.code == 403
        said = json.load(error)
    assert said["code"] == "CodeRequired"
    assert COMMAND in said["message"]
    return took


def pids(home):
    """The processes that hang."""
    return (home.programs / "pids").read_text().split()


def gone(pids):
    """Whether none of these runs any more."""
    return eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))


def processes_with(marker):
    """The processes that have this among their arguments."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        # one may end meanwhile
        with contextlib.suppress(OSError):
            if marker in (process / "cmdline").read_text(errors="replace"):
                found.append(process.name)
    return found


def texts(folder):
    """What the files of a folder hold."""
    return [file.read_text(errors="replace") for file in folder.rglob("*") if file.is_file()]
