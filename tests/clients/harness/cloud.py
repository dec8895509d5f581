"""The simulated cloud (`tests/simcloud`) as a process, steered over its control API."""

import json
import subprocess
import urllib.request

from . import places

ACCOUNT = "111122223333"
REGION = "eu-central-1"
START_URL = "https://d-1234567890.awsapps.com/start"
PERSON = "ada@example.com"
# Types each device code at once, on another device.
APPROVES = {"person": PERSON, "elsewhere": True}


def role_arn(name):
    """`arn:aws:iam::111122223333:role/NAME`."""
    return f"arn:aws:iam::{ACCOUNT}:role/{name}"


def sso_caller(role):
    """Who somebody is by a role of Identity Center: the ARN up to what AWS makes up itself."""
    return f"arn:aws:sts::{ACCOUNT}:assumed-role/AWSReservedSSO_{role}_"


class Cloud:
    """A running cloud with one user, `base`, whose keys may assume every role that a test makes."""

    def __init__(self, tls=None):
        """In clear text, or over TLS with an authority of its own in the folder `tls`: `ca` is what trusts it."""
        words = [] if tls is None else ["--tls", tls, "--name", "localhost", "--name", "127.0.0.1"]
        self.process = subprocess.Popen(
            [places.SIMCLOUD, "--until-stdin-closes", *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        ready = json.loads(self.process.stdout.readline())
        self.ca = ready.get("ca")
        self.sts = ready["sts"]
        self.control = ready["control"]
        self.base = self.post("users", {"name": "base", "account": ACCOUNT})

    def close(self):
        """Ends it: it serves until its stdin closes."""
        self.process.stdin.close()
        self.process.wait(timeout=10)

    def add_role(self, name, require_mfa=False, **settings):
        """A role that `base` may assume, perhaps with a one-time code alone."""
        trust = {"principals": [f"arn:aws:iam::{ACCOUNT}:user/base"], "require_mfa": require_mfa}
        self.post("roles", {"arn": role_arn(name), "trust": trust} | settings)

    def open_sso(self, **settings):
        """An instance of IAM Identity Center with one person, who signs in wherever a device code is shown."""
        self.post("sso/instances", {"start_url": START_URL, "region": REGION, "visitor": APPROVES} | settings)
        self.post("sso/people", {"name": PERSON})
        self.post("sso/accounts", {"id": ACCOUNT, "name": "development", "email": "development@example.com"})

    def assign(self, role, **settings):
        """Gives the person a role of the account."""
        self.post("sso/assignments", {"person": PERSON, "account": ACCOUNT, "role": role} | settings)

    def refuse_access_tokens(self):
        """Takes none of the access tokens any more that are out; sign-ins can be refreshed."""
        self.post("sso/people/revoke-access-tokens", {"person": PERSON})

    def logins(self):
        """How often somebody was asked to sign in so far."""
        return len(self.get("sso/logins"))

    def refreshes(self):
        """How often a sign-in was refreshed so far."""
        asked = [call["parameters"].get("grantType") for call in self.calls("CreateToken")]
        return asked.count("refresh_token")

    def short_lives(self, secs, role=None, action="AssumeRole"):
        """From now on what this role gives, or any, lives so long, whatever is asked for."""
        fault = {"action": action, "trouble": {"kind": "life", "secs": secs}}
        self.post("faults", fault if role is None else fault | {"role": role_arn(role)})

    def long_lives(self):
        """What is given from now on lives as long as it is asked for, again."""
        self.delete("faults")

    def calls(self, action, role=None):
        """The calls of an action so far, for a role or by its sessions."""
        calls = [call for call in self.get("calls")["calls"] if call["action"] == action]
        if role is None:
            return calls
        sessions = (f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/", sso_caller(role))
        return [c for c in calls if c["role"] == role_arn(role) or (c["principal"] or "").startswith(sessions)]

    def counts(self):
        """How many calls of each action there were."""
        return self.get("calls")["counts"]

    def keys_of(self, role):
        """The temporary keys that a role gave, one of Identity Center too, oldest first: `access_key_id`, `expires_secs`, ..."""
        of_sso = sso_caller(role)
        issued = [keys for keys in self.get("keys") if keys["role"] == role_arn(role) or keys["arn"].startswith(of_sso)]
        return sorted(issued, key=lambda keys: keys["expires_secs"])

    def get(self, path):
        """Asks the control API."""
        with urllib.request.urlopen(f"{self.control}/{path}", timeout=10) as answer:
            return json.load(answer)

    def post(self, path, body):
        """Steers by the control API."""
        return self.steer("POST", path, json.dumps(body).encode())

    def delete(self, path):
        """Ends what the control API has in force."""
        return self.steer("DELETE", path)

    def steer(self, method, path, body=None):
        """One request at the control API."""
        request = urllib.request.Request(f"{self.control}/{path}", body, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)
