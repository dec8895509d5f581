"""A host that is reached by SSH: OpenSSH's server and client, the lines of docs/ssh.md, and unmodified clients on the other end."""

import re
import shutil
import textwrap
from pathlib import Path

import pytest

from harness import places
from harness.cloud import ACCOUNT, REGION
from harness.entra import GRAPH
from harness.home import eventually
from harness.remote import SSHD, Forward, Remote, free_port

CALLER = f"arn:aws:sts::{ACCOUNT}:assumed-role/my-dev/"
BOTO3 = (places.PYTHON, places.HERE / "py" / "boto3_client.py")
AZURE = (places.PYTHON_AZURE, places.HERE / "py" / "azure_identity_client.py", "default")
PAGE = (places.ROOT / "docs" / "ssh.md").read_text()


class Work:
    """Somebody with a daemon here, a grant, and a shell there."""

    def __init__(self, home, azure):
        self.home = home
        home.role("my-dev")
        home.role("other")
        self.client_id = azure.robot("az")
        self.data = home.path / ".local" / "state" / "credenza" / "data" / "data.sock"
        self.token_file = home.path / "builder.token"
        assert home.credenza("up").returncode == 0
        # what is said there of the simulated cloud: the host knows nothing else of this home
        names = ("AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL_S3")
        told = {name: home.environment[name] for name in names} | {"AWS_DEFAULT_REGION": REGION}
        self.remote = Remote(told)
        self.port = free_port()
        self.grant()

    def grant(self):
        """Makes the grant and takes its token there, as the page says."""
        made = self.home.credenza("grant", "new", "--name", "builder", "--token-file", self.token_file, "my-dev", "az")
        assert made.returncode == 0, made.stderr
        [script] = re.findall(r"ssh builder '(.*)' < ~/builder.token", PAGE)
        self.remote.run(script, stdin=self.token_file.read_text())

    def forward(self):
        """Connects with the page's own lines."""
        words = []
        for name, value in re.findall(r"^    (\w+) (.*)$", block("ssh-config"), re.MULTILINE):
            if name != "HostName":
                value = value.replace("127.0.0.1:9711", f"127.0.0.1:{self.port}")
                words += ["-o", f"{name} {value.replace('/home/ada/.local/state/credenza/data/data.sock', str(self.data))}"]
        return Forward(self.remote, *words)

    def program(self, argv):
        """A client there, with the page's variables."""
        return self.remote.program(block("sh").replace(":9711/", f":{self.port}/"), *argv)

    def get(self, path="/creds/my-dev", token=None, **headers):
        """One request from there."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.remote.get(f"http://127.0.0.1:{self.port}{path}", named | ({"Authorization": token} if token else {}))


def block(language):
    """A block of code of the page."""
    [found] = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return textwrap.dedent(found)


@pytest.fixture
def work(home, azure):
    """It, before a connection is made."""
    if not Path(SSHD).exists() and Path("/run/systemd/system").exists():
        pytest.skip("openssh-server is not installed, and to install it would start a server on this machine")
    assert Path(SSHD).exists() and shutil.which("ssh") and shutil.which("curl"), "openssh-server, openssh-client or curl is missing"
    made = Work(home, azure)
    yield made
    made.remote.close()


@pytest.fixture
def connected(work):
    """A connection with the port forwarded."""
    forward = work.forward().is_there()
    yield forward
    forward.cut()


def test_clients_there_are_served_by_the_daemon_here(work, connected):
    boto3, azure = work.program(BOTO3), work.program(AZURE)
    assert boto3.ok("sts").startswith(CALLER)
    assert boto3.ok("s3") == ["uploads"]
    assert azure.ok(f"{GRAPH}/.default")["claims"]["appid"] == work.client_id
    assert boto3.close()[0] == 0 and azure.close()[0] == 0
    assert eventually(lambda: {line["grant"] for line in work.home.audit() if line["outcome"] == "issued"} == {"builder"})
    # the token is for its owner alone there, and no command line had it
    assert work.remote.run("stat -c %a ~/.credenza.token").stdout.strip() == "600"
    assert work.token_file.read_text() not in work.remote.log.read_text() + connected.text()


def test_who_has_no_token_or_comes_otherwise_gets_nothing(work, connected):
    token = work.token_file.read_text()
    assert work.get(token=token)[0] == 200
    assert work.get()[0] == 403
    assert work.get(token="A" * 43)[0] == 403
    assert work.get("/creds/other", token=token)[0] == 403
    for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"X_Forwarded_For": "10.0.0.1"}):
        status, body = work.get(token=token, **headers)
        assert status == 403 and "SecretAccessKey" not in body, (headers, body)


def test_clients_recover_when_the_connection_is_made_anew(work):
    # boto3 asks on every call, and goes on with what it holds where nobody answers
    work.home.cloud.short_lives(800)
    forward = work.forward().is_there()
    running = work.program(BOTO3)
    assert running.ok("sts").startswith(CALLER)
    before = work.home.answered("my-dev")

    forward.cut()
    assert running.ok("sts").startswith(CALLER)
    late = work.program(BOTO3)
    assert "error" in late.call("sts")

    # the server's end lives until it has seen that the other one is gone
    again = connect(work)
    assert late.ok("sts").startswith(CALLER)
    assert running.ok("sts").startswith(CALLER)
    assert eventually(lambda: work.home.answered("my-dev") >= before + 2)
    again.cut()


def connect(work):
    """Connects as somebody does who tries again until the port is free."""
    tries = []

    def there():
        tries.append(work.forward())
        assert eventually(lambda: tries[-1].process.poll() is not None or "remote forward success" in tries[-1].text())
        return tries[-1].process.poll() is None

    assert eventually(there, 30), tries[-1].text()
    return tries[-1]


def test_a_daemon_that_starts_anew_is_found_by_the_same_connection(work, connected):
    token = work.token_file.read_text()
    assert work.get(token=token)[0] == 200
    assert work.home.credenza("down").returncode == 0
    assert work.get(token=token)[0] == 0
    assert work.home.credenza("up").returncode == 0
    assert work.get(token=token)[0] == 200


def test_a_revoked_grant_opens_nothing_there(work, connected):
    work.home.cloud.short_lives(800)
    running = work.program(BOTO3)
    assert running.ok("sts").startswith(CALLER)
    token = work.token_file.read_text()
    assert work.home.credenza("grant", "revoke", "builder").returncode == 0
    status, body = work.get(token=token)
    assert status == 403, body
    assert "error" in work.program(BOTO3).call("sts")
    # a grant of the same name has another token
    work.grant()
    assert work.get(token=token)[0] == 403
    assert work.program(BOTO3).ok("sts").startswith(CALLER)


def test_a_port_that_somebody_has_is_seen(work, connected):
    said = work.forward().fails()
    assert f"remote port forwarding failed for listen port {work.port}" in said


def test_a_socket_there_is_for_its_owner_and_is_left_behind(work):
    there = work.remote.path / "there.sock"
    words = ("-o", "ExitOnForwardFailure yes", "-R", f"{there}:{work.data}")
    ask = f"curl -sS -o /dev/null -w '%{{http_code}}' -H @- --unix-socket {there} http://localhost/creds/my-dev"
    header = f"Authorization: {work.token_file.read_text()}"

    forward = Forward(work.remote, *words).is_there()
    assert there.stat().st_mode & 0o777 == 0o600
    assert work.remote.run(ask, stdin=header).stdout == "200"
    forward.cut()
    assert there.exists()
    assert "remote port forwarding failed" in Forward(work.remote, *words).fails()

    work.remote.restart("StreamLocalBindUnlink yes")
    again = Forward(work.remote, *words).is_there()
    assert work.remote.run(ask, stdin=header).stdout == "200"
    again.cut()
