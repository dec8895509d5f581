"""Every client, unmodified, as a pod of EKS has it: the address in one variable, the token in a file that the other names.

Under `credenza exec --pod-identity`, whose token is ours, and at a `[[listener]]` of the daemon, whose tokens are those of a
cluster's service accounts. Checklist 33, 36 to 38 and 65 to 68; what holds under `credenza exec` in every dialect is in
`test_matrix.py`. There is no cluster here: the tests sign as one does.
"""

import pytest
from harness.clients import CLIENTS
from harness.cloud import ACCOUNT
from harness.cluster import Key, KeyServer, cluster
from harness.home import eventually
from harness.listener import CONFIG
from harness.program import Program
from test_errors import SILENT
from test_matrix import dead_proxy

CALLER = f"arn:aws:sts::{ACCOUNT}:assumed-role/my-role/"
DIALECT = "pod-identity"


def outcomes(home):
    """What came of the requests in this dialect, and of none but these."""
    assert {line["dialect"] for line in home.audit()} <= {DIALECT}
    return {line["outcome"] for line in home.audit()}


def one_call(home, pod):
    """What a fresh boto3 is answered."""
    program = home.start(CLIENTS[0], **pod.environment)
    answer = program.call("sts")
    program.close()
    return answer


def test_c33_c36_the_token_file_is_private_and_has_no_line_end_and_the_address_is_the_agents(home):
    home.role("my-role")
    look = """if True:
        import json, os, stat, sys
        address, file = (os.environ[f"AWS_CONTAINER_{name}"] for name in ("CREDENTIALS_FULL_URI", "AUTHORIZATION_TOKEN_FILE"))
        others = [name for name in os.environ if name.startswith("AWS_CONTAINER_")]
        held = open(file, "rb").read().decode()
        mode = stat.S_IMODE(os.stat(file).st_mode)
        for line in sys.stdin:
            print(json.dumps({"ok": [address, file, held, mode, len(others)]}), flush=True)
    """
    program = Program(home.exec_argv("my-role", ["python3", "-c", look], "--pod-identity"), home.environment)
    address, file, held, mode, variables = program.ok("look")
    assert address.startswith("http://127.0.0.1:")
    assert address.endswith("/v1/credentials")
    assert (mode, variables, len(held)) == (0o600, 2, len(held.strip()))
    program.close()
    assert not (home.path / file).exists(), "it goes with the command"


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_c36_c65_a_service_accounts_token_opens_every_client_its_identity(client, algorithm, home, storage):
    home.role("my-role", duration_seconds=3000)
    # a first answer that is slow because the machine is would be asked for again by JavaScript, after a second
    (home.path / CONFIG).parent.mkdir(parents=True, mode=0o700)
    home.write(CONFIG, "[identity.my-role]\nkeep_warm = true\n")
    with cluster(home, Key(algorithm)) as pod, dead_proxy() as proxy:
        assert eventually(lambda: [ask["state"] for ask in home.status()["asks"]] == ["fresh"])
        program = home.start(client, **pod.environment, **proxy)
        assert program.ok("sts").startswith(CALLER)
        for _ in range(9):
            assert program.ok("s3") == ["uploads"]
        assert storage.signed_with[-1] == home.cloud.keys_of("my-role")[-1]["access_key_id"]
        assert program.close()[0] == 0
    asked = 10 if client.process_a_call else 1
    assert eventually(lambda: home.answered("my-role", DIALECT) == asked)
    assert outcomes(home) == {"issued"}
    assert len(home.cloud.calls("AssumeRole", "my-role")) == 1


def test_c38_a_newer_token_and_a_newer_key_are_taken_while_a_client_runs(client, home):
    """The kubelet replaces the file before its token ends; here the key that signed the old one is gone, too."""
    home.role("my-role")
    # so short that clients ask again at each call, but for Rust's, which waits for the last seconds
    home.cloud.short_lives(130, "my-role")
    old, new = Key("RS256"), Key("ES256")
    with cluster(home, old) as pod:
        program = home.start(client, **pod.environment)
        assert program.ok("sts").startswith(CALLER)
        pod.publish(old, new)
        pod.project(new.token())
        # the file of keys is looked at once a second
        assert eventually(lambda: "ok" in one_call(home, pod))
        asked = home.answered("my-role", DIALECT)
        pod.publish(new)
        assert program.ok("sts").startswith(CALLER)
        assert program.ok("s3") == ["uploads"]
        assert program.close()[0] == 0
        if client.name != "rust":
            assert eventually(lambda: home.answered("my-role", DIALECT) > asked)


def test_keys_at_a_url_are_fetched_once_and_again_for_a_key_that_is_new(home):
    home.role("my-role")
    old, new = Key("RS256"), Key("RS256")
    server = KeyServer(old)
    with cluster(home, old, jwks=server.url) as pod:
        for _ in range(3):
            assert one_call(home, pod)["ok"].startswith(CALLER)
        assert len(server.asked) == 1
        server.keys = (new,)
        pod.project(new.token())
        # a kid that nobody knows is looked for every ten seconds at most
        assert eventually(lambda: "ok" in one_call(home, pod), secs=20)
        assert len(server.asked) == 2
        pod.project(old.token())
        assert "no key of the issuer has the kid" in one_call(home, pod)["error"]
        assert all("Authorization" not in headers for headers in server.asked)
        server.close()
        # the keys at hand serve on
        pod.project(new.token())
        assert one_call(home, pod)["ok"].startswith(CALLER)


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ({"audience": "sts.amazonaws.com"}, "meant for another audience"),
        ({"begins": -7200}, "it has ended"),
        ({"begins": 600}, "it begins later than now"),
        ({"account": "jobs/another"}, "no identity is written down for jobs/another"),
    ],
    ids=["audience", "expired", "not-yet-valid", "not-mapped"],
)
def test_c67_what_is_wrong_with_a_token_is_shown(client, token, words, home):
    home.role("my-role")
    key = Key("ES256")
    with cluster(home, key) as pod:
        pod.project(key.token(**token))
        program = home.start(client, **pod.environment)
        shown = program.call("sts")["error"]
        assert program.close()[0] == 0
        if client.name not in SILENT:
            assert words in shown
        # JavaScript's chain ends with an older provider, which knows no token file and asks without one
        also = {"token-missing"} if client.name == "javascript" else set()
        refused = "not-mapped" if "account" in token else "service-account-refused"
        assert eventually(lambda: outcomes(home) == {refused} | also), outcomes(home)
    assert home.cloud.calls("AssumeRole", "my-role") == [], "nothing is fetched for nobody"


def test_c37_an_empty_token_file_is_an_error_that_every_client_outlives(client, home):
    home.role("my-role")
    with cluster(home, Key("ES256")) as pod:
        pod.project("")
        program = home.start(client, **pod.environment)
        assert "error" in program.call("sts")
        assert program.close()[0] == 0
    assert home.cloud.calls("AssumeRole", "my-role") == []


def test_a_missing_file_of_keys_is_said_by_status_and_mended_without_a_restart(home):
    home.role("my-role")
    key = Key("RS256")
    with cluster(home, key) as pod:
        pod.keys.unlink()
        home.credenza("down")
        assert home.credenza("up").returncode == 0
        shown = one_call(home, pod)["error"]
        assert "the file with the cluster's public keys (`jwks`) cannot be read" in shown
        [listener] = home.status()["listeners"]
        assert str(pod.keys) in listener["reason"]
        pod.publish(key)
        assert eventually(lambda: "ok" in one_call(home, pod))
        [listener] = home.status()["listeners"]
        assert listener.get("reason") is None
