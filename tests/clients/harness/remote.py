"""A remote host: OpenSSH's own server as a process of the tests, and whoever works there over `ssh`.

It listens on a free port of 127.0.0.1 and has keys, configuration and home in a temporary folder. No file of the system is read
that says something of it but /etc/passwd, and none is written: root's server wants a folder below /run, and gets a /run of its own.
"""

import os
import pathlib
import pwd
import shlex
import shutil
import socket
import subprocess
import tempfile

from . import places
from .home import eventually
from .program import Program

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/sbin") or "/usr/sbin/sshd"
OWN_RUN = 'mount -t tmpfs none /run && mkdir -m 0755 /run/sshd && exec "$@"'
TIMEOUT_SECS = 30


class Remote:
    """A remote host; `variables` are what its environment says for every command, as that of another machine would."""

    def __init__(self, variables):
        # short: sockets lie in it
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="cz-ssh-"))
        self.home = self.path / "home"
        self.home.mkdir(mode=0o700)
        for name in ("host_key", "key"):
            words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", self.path / name]
            subprocess.run(words, check=True, stdin=subprocess.DEVNULL)
        shutil.copy(self.path / "key.pub", self.path / "authorized_keys")
        self.port = free_port()
        (self.path / "known_hosts").write_text(f"[127.0.0.1]:{self.port} {(self.path / 'host_key.pub').read_text()}")
        self.settings = []
        self.set_environment(variables)
        self.process = None
        self.log = self.path / "sshd.log"
        self.start()

    def set_environment(self, variables):
        """What commands there find in their environment."""
        said = {"HOME": str(self.home), **variables}
        self.settings = ["SetEnv " + " ".join(shlex.quote(f"{name}={value}") for name, value in said.items())]

    def start(self, *more):
        """Starts the server, perhaps with more settings of sshd_config(5)."""
        settings = [
            f"ListenAddress 127.0.0.1:{self.port}",
            f"HostKey {self.path}/host_key",
            f"AuthorizedKeysFile {self.path}/authorized_keys",
            "PidFile none",
            "StrictModes no",
            "UsePAM no",
            "PermitUserRC no",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            *self.settings,
            *more,
        ]
        (self.path / "sshd_config").write_text("\n".join(settings) + "\n")
        argv = [SSHD, "-D", "-e", "-f", self.path / "sshd_config"]
        if os.geteuid() == 0:
            argv = ["unshare", "--mount", "sh", "-c", OWN_RUN, "sh", *argv]
        with self.log.open("a") as log:
            # ends with the tests, whatever they end of
            self.process = subprocess.Popen(["setpriv", "--pdeathsig", "TERM", *argv], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        assert eventually(lambda: self.process.poll() is not None or answers(self.port)), "sshd never listened"
        assert self.process.poll() is None, self.log.read_text()

    def restart(self, *more):
        """Starts it anew: with other settings, or another environment."""
        self.stop()
        self.start(*more)

    def stop(self):
        """Ends the server; connections that are open go on."""
        self.process.terminate()
        self.process.wait(timeout=TIMEOUT_SECS)

    def close(self):
        """Ends it and removes all it had."""
        self.stop()
        shutil.rmtree(self.path, ignore_errors=True)

    def argv(self, *words):
        """`ssh WORDS`; `remote` in them is this host."""
        options = {
            "HostName": "127.0.0.1",
            "Port": self.port,
            "User": pwd.getpwuid(os.geteuid()).pw_name,
            "IdentityFile": self.path / "key",
            "IdentitiesOnly": "yes",
            "UserKnownHostsFile": self.path / "known_hosts",
            "BatchMode": "yes",
        }
        config = self.path / "ssh_config"
        config.write_text("Host remote\n" + "".join(f"    {name} {value}\n" for name, value in options.items()))
        return ["ssh", "-F", config, *words]

    def run(self, script, stdin="", check=True):
        """Runs a script there to its end."""
        run = subprocess.run(self.argv("remote", script), input=stdin, capture_output=True, text=True, timeout=60, check=False)
        assert not check or run.returncode == 0, f"{script}: {run.stdout}{run.stderr}"
        return run

    def program(self, script, *argv):
        """Starts a client there, after a script that says what it needs in its environment."""
        command = f"{script}\nexec {shlex.join(str(word) for word in argv)}"
        return Program(self.argv("remote", command), os.environ)

    def get(self, url, headers=()):
        """One request from there, by Python's own client: its status and its body; 0, where nobody answers."""
        words = [str(places.PYTHON), "-c", GET, url, *(f"{name}={value}" for name, value in dict(headers).items())]
        status, _, body = self.run(shlex.join(words)).stdout.partition("\n")
        return int(status), body


class Forward:
    """`ssh -N` with these words: what it forwards is there once this is."""

    def __init__(self, remote, *words):
        self.said = tempfile.TemporaryFile("w+")
        argv = remote.argv("-N", "-v", *words, "remote")
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.said)

    def is_there(self):
        """Waits until the remote host has what it is to have."""
        assert eventually(lambda: self.process.poll() is not None or "remote forward success" in self.text(), TIMEOUT_SECS)
        assert self.process.poll() is None, self.text()
        return self

    def fails(self):
        """Waits until it has given up; what it said."""
        self.process.wait(timeout=TIMEOUT_SECS)
        return self.text()

    def text(self):
        """What it has said so far."""
        self.said.seek(0)
        return self.said.read()

    def cut(self):
        """The connection breaks."""
        self.process.kill()
        self.process.wait(timeout=TIMEOUT_SECS)


def free_port():
    """A port of 127.0.0.1 that nobody has."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def answers(port):
    """Whether somebody listens there."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


# Prints the status of one request and its body.
GET = """
import sys, urllib.error, urllib.request
request = urllib.request.Request(sys.argv[1], headers=dict(word.split("=", 1) for word in sys.argv[2:]))
try:
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20) as answer:
        status, body = answer.status, answer.read()
except urllib.error.HTTPError as error:
    status, body = error.code, error.read()
except OSError as error:
    status, body = 0, repr(error).encode()
print(status)
print(body.decode())
"""
