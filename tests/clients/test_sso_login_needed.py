"""Where a login is needed, each client's user reads the command that mends it; and once it is run elsewhere the client that runs
already succeeds.

boto3, aioboto3 and both AWS CLIs show what `credenza credential` writes as a process of a profile, and the body of an endpoint's
answer; Go lets the process write to its own stderr, and shows the endpoint's code and message; Rust shows the process, and of an
endpoint's answer the status alone. JavaScript says "Could not load credentials from any providers" in both cases. What they hide
stands on the stderr of `exec`, once for each sign-in that ends.
"""

import time

from harness import places
from harness.clients import CLIENTS
from harness.cloud import sso_caller
from harness.home import eventually
from harness.program import TIMEOUT_SECS, Program

CALLER = sso_caller("Developer")
COMMAND = "credenza login my-dev"
BOTO3 = CLIENTS[0]
# What these two show of an endpoint's answer: nothing.
SILENT = ("javascript", "rust")
# Less than the ten minutes that boto3 leaves.
LIFE_SECS = 120
# Begins the client as soon as the endpoint has heard that the sign-in is over; in its first two seconds it does not look.
ONCE_REFUSED = """
echo '"begun"'
while credenza credential my-dev --from-endpoint < /dev/null > /dev/null 2>&1; do sleep 0.1; done
echo '"refused"'
exec "$@"
"""
# What a client spends on its own tries, and the machine on other tests.
RETRIES_SECS = 30


def test_a_process_that_needs_a_login_says_so_at_once_and_asks_nobody(sso_home):
    took = []
    for _ in range(3):
        begin = time.monotonic()
        run = sso_home.credenza("credential", "my-dev")
        took.append(time.monotonic() - begin)
        assert run.returncode == 4
        assert COMMAND in run.stderr
        assert run.stdout == ""
    assert min(took) < 1, "of a build that is not optimised, beside other tests"
    assert sso_home.cloud.get("calls")["calls"] == []


def test_the_user_of_a_credential_process_reads_the_command_and_it_mends(client, sso_home):
    home = sso_home
    home.profile("through", region="eu-central-1", credential_process="credenza credential my-dev")
    program = home.start(client, AWS_PROFILE="through")
    answer = program.call("sts")
    assert home.cloud.get("calls")["calls"] == []

    home.sign_in()
    assert program.ok("sts").startswith(CALLER)
    _, said = program.close()
    if client.name == "javascript":
        assert COMMAND not in answer["error"] + said
    else:
        assert COMMAND in answer["error"] + said


def test_the_user_of_an_endpoint_reads_the_command_and_it_mends(client, sso_home):
    home = sso_home
    home.sign_in()
    program = Program(home.exec_argv("my-dev", ("sh", "-c", ONCE_REFUSED, "sh", *client.argv)), home.environment)
    assert program.answers.get(timeout=TIMEOUT_SECS) == "begun"
    assert home.credenza("logout", "my-dev").returncode == 0
    assert program.answers.get(timeout=TIMEOUT_SECS) == "refused"

    called = home.cloud.get("calls")["calls"]
    begin = time.monotonic()
    shown = program.call("sts")["error"]
    assert time.monotonic() - begin < RETRIES_SECS
    assert home.cloud.get("calls")["calls"] == called
    assert (COMMAND in shown) == (client.name not in SILENT)

    home.sign_in()
    # the endpoint waits a moment in which the files lie still
    assert eventually(lambda: program.call("sts").get("ok"), secs=5).startswith(CALLER)
    code, said = program.close()
    assert code == 0
    assert COMMAND in said, "by exec itself"


def test_a_job_that_keeps_asking_outlives_a_logout_of_the_aws_cli(sso_home):
    """Its credential ends so soon that boto3 asks for another before each call."""
    home = sso_home
    home.cloud.short_lives(LIFE_SECS, action="GetRoleCredentials")
    home.sign_in()
    job = home.exec("my-dev", BOTO3)
    assert job.ok("sts").startswith(CALLER)

    assert home.run(places.AWS_2, "sso", "logout").returncode == 0
    assert COMMAND in eventually(lambda: job.call("sts").get("error"))

    login = home.run(places.AWS_2, "sso", "login", "--profile", "my-dev", "--use-device-code", "--no-browser")
    assert login.returncode == 0, login.stderr
    assert eventually(lambda: job.call("sts").get("ok")).startswith(CALLER)
    assert job.close()[0] == 0


def test_where_the_portal_takes_no_token_it_is_not_renewed_again_and_again(sso_home):
    """What Credenza writes itself looks like a login elsewhere, after which everything is tried again."""
    home = sso_home
    home.sign_in()
    assert home.credenza("up").returncode == 0
    job = home.exec("my-dev", BOTO3)
    assert job.ok("sts").startswith(CALLER)
    refusal = {"kind": "error", "code": "UnauthorizedException"}
    home.cloud.post("faults", {"action": "GetRoleCredentials", "trouble": refusal})
    run = home.credenza("exec", "my-other", "--", "true")
    assert "credenza login my-other" in run.stderr
    time.sleep(3)
    # once, and once more whenever another token is told of, by each of those who follow the files
    assert 1 <= home.cloud.refreshes() <= 10
