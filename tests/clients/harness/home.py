"""A home of its own: `~/.aws` files, and the `credenza` binary as a person there runs it."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from . import places
from .cloud import ACCOUNT, REGION, START_URL, role_arn
from .program import Program

# boto3 and the AWS CLI v1 read the second alone.
REGIONS = {"AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION}
SSO = {"sso_start_url": START_URL, "sso_region": REGION}


class Home:
    """A temporary home whose profile `base` has keys of the cloud; `role` adds what a test serves from them."""

    def __init__(self, cloud, storage):
        self.cloud = cloud
        # Short, since the daemon's socket lies in it and a socket's path has 103 bytes at most.
        self.path = Path(tempfile.mkdtemp(prefix="cz-"))
        self.aws = self.path / ".aws"
        self.aws.mkdir(mode=0o700)
        self.environment = {
            "HOME": str(self.path),
            "USER": "tester",
            "SHELL": "/bin/bash",
            "LANG": "C.UTF-8",
            "PATH": f"{places.BINARIES}:{os.environ['PATH']}",
            "AWS_ENDPOINT_URL_STS": cloud.sts,
            "AWS_ENDPOINT_URL_SSO": cloud.sts,
            "AWS_ENDPOINT_URL_SSO_OIDC": cloud.sts,
            "AWS_ENDPOINT_URL_S3": storage.url,
            # Nothing here may look for 169.254.169.254.
            "AWS_EC2_METADATA_DISABLED": "true",
            "CHECKPOINT_DISABLE": "1",
            "NODE_PATH": str(places.CLIENTS / "js" / "node_modules"),
            "NODE_NO_WARNINGS": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        if cloud.ca:
            # each client's own name for the file; SSL_CERT_FILE is ours, and Go's
            trusting = ("AWS_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
            self.environment |= dict.fromkeys(trusting, cloud.ca)
        keys = cloud.base
        self.write(".aws/credentials", credentials_file("base", keys))
        self.write(".aws/config", "")

    def close(self):
        """Ends the daemon, if there is one, and removes the home."""
        self.credenza("down")
        shutil.rmtree(self.path, ignore_errors=True)

    def write(self, name, text):
        """A file of this home, private as the AWS CLI makes them."""
        path = self.path / name
        path.write_text(text)
        path.chmod(0o600)

    def role(self, name, **settings):
        """Adds a role to the cloud and a profile of its name to `~/.aws/config`."""
        self.cloud.add_role(name)
        self.profile(name, role_arn=role_arn(name), source_profile="base", region=REGION, **settings)

    def sso_role(self, name, role, **sign_in):
        """Gives the person of the cloud's Identity Center a role, and adds a profile for it, as `aws configure sso` does."""
        self.cloud.assign(role)
        sign_in = sign_in or {"sso_session": "corp"}
        self.profile(name, **sign_in, sso_account_id=ACCOUNT, sso_role_name=role, region=REGION)

    def sso_session(self):
        """Adds the sign-in that profiles share."""
        self.section("sso-session corp", **SSO, sso_registration_scopes="sso:account:access")

    def sign_in(self, name="my-dev"):
        """`credenza login` with a code, which the person of the cloud approves."""
        run = self.credenza("login", "--device-code", name)
        assert run.returncode == 0, run.stderr

    def sso_cache(self):
        """The sign-in as it lies in the cache of the AWS CLI: its file, and what that holds."""
        folder = self.aws / "sso" / "cache"
        found = {file: json.loads(file.read_text()) for file in folder.glob("*.json")}
        [one] = [(file, content) for file, content in found.items() if "accessToken" in content]
        return one

    def outlive_access_token(self):
        """Puts the end of the access token into the past: in the file, and at the cloud. The sign-in is not over.

        The AWS CLI's own store of role credentials goes as well, which would hide it."""
        file, content = self.sso_cache()
        self.write(file.relative_to(self.path), json.dumps(content | {"expiresAt": "2026-01-01T00:00:00Z"}))
        self.cloud.refuse_access_tokens()
        self.forget_cli_cache()

    def forget_cli_cache(self):
        """Removes the role credentials that an AWS CLI has kept for itself."""
        shutil.rmtree(self.aws / "cli" / "cache", ignore_errors=True)

    def profile(self, name, **settings):
        """Adds a profile to `~/.aws/config`."""
        self.section(f"profile {name}", **settings)

    def section(self, header, **settings):
        """Adds a section to `~/.aws/config`."""
        lines = [f"[{header}]", *(f"{key} = {value}" for key, value in settings.items())]
        with (self.aws / "config").open("a") as config:
            config.write("\n".join(lines) + "\n\n")

    def credenza(self, *words, **options):
        """Runs one command of credenza to its end."""
        options = {"env": self.environment, "capture_output": True, "text": True, "timeout": 60} | options
        return subprocess.run([places.CREDENZA, *words], check=False, **options)

    def run(self, *words, timeout_secs=120, **more):
        """Runs a command under this home's environment, without credenza."""
        options = {"env": self.environment | more, "capture_output": True, "text": True, "timeout": timeout_secs}
        return subprocess.run(words, check=False, **options)

    def start(self, client, *words, **more):
        """Starts a client of the matrix without credenza."""
        return Program((*client.argv, *words), self.environment | REGIONS | more)

    def audit(self):
        """The audit trail: who used what, one dictionary a line."""
        trail = self.path / ".local" / "state" / "credenza" / "audit.jsonl"
        if not trail.exists():
            return []
        return [json.loads(line) for line in trail.read_text().splitlines()]

    def answered(self, identity, dialect="ecs"):
        """How many requests at an endpoint were answered with this identity's credential, as the audit trail counts."""
        lines = [line for line in self.audit() if line["dialect"] == dialect and line["outcome"] == "issued"]
        return sum(line["count"] for line in lines if line["identity"] == identity)

    def status(self):
        """What `credenza status --json` says of the daemon."""
        run = self.credenza("status", "--json")
        assert run.returncode == 0, run.stderr
        return json.loads(run.stdout)

    def exec_argv(self, identity, argv, *flags):
        """`credenza exec IDENTITY -- ARGV`, to be run."""
        return [places.CREDENZA, "exec", *flags, identity, "--", *argv]

    def exec(self, identity, client, *flags, **more):
        """Starts a client of the matrix under `credenza exec`."""
        return Program(self.exec_argv(identity, client.argv, *flags), self.environment | more)

    def shell(self, identity, client):
        """Starts a client of the matrix in a shell that took `credenza env`."""
        script = f'set -e; taken="$(credenza env {identity})"; eval "$taken"; exec "$@"'
        return Program(["bash", "-c", script, "bash", *client.argv], self.environment)

    def granted(self, client, printed):
        """Starts a client of the matrix with the variables that `credenza grant new` printed."""
        variables = dict(line.split("=", 1) for line in printed.splitlines())
        return Program(client.argv, self.environment | REGIONS | variables)


def with_sso(home, **instance):
    """The home, with two profiles of one sign-in, `my-dev` (Developer) and `my-other` (ReadOnly), which nobody has begun."""
    home.cloud.open_sso(**instance)
    home.sso_session()
    home.sso_role("my-dev", "Developer")
    home.sso_role("my-other", "ReadOnly")
    return home


def eventually(check, secs=10):
    """What `check` returns as soon as it is true of anything: the daemon writes its trail after it has answered."""
    end = time.monotonic() + secs
    while not (found := check()) and time.monotonic() < end:
        time.sleep(0.05)
    return found


def credentials_file(profile, keys):
    """A `~/.aws/credentials` with one profile."""
    return (
        f"[{profile}]\n"
        f"aws_access_key_id = {keys['access_key_id']}\n"
        f"aws_secret_access_key = {keys['secret_access_key']}\n"
    )


def kill(pid):
    """kill -9 of one process that a test started."""
    os.kill(pid, signal.SIGKILL)
