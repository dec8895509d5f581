"""The simulated cloud (`tests/simcloud`) as a process, steered over its control API."""

import json
import subprocess
import urllib.request

from . import places

ACCOUNT = "111122223333"


def role_arn(name):
    """`arn:aws:iam::111122223333:role/NAME`."""
    return f"arn:aws:iam::{ACCOUNT}:role/{name}"


class Cloud:
    """A running cloud with one user, `base`, whose keys may assume every role that a test makes."""

    def __init__(self):
        self.process = subprocess.Popen(
            [places.SIMCLOUD, "--until-stdin-closes"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        ready = json.loads(self.process.stdout.readline())
        self.sts = ready["sts"]
        self.control = ready["control"]
        self.base = self.post("users", {"name": "base", "account": ACCOUNT})

    def close(self):
        """Ends it: it serves until its stdin closes."""
        self.process.stdin.close()
        self.process.wait(timeout=10)

    def add_role(self, name):
        """A role that `base` may assume."""
        trust = {"principals": [f"arn:aws:iam::{ACCOUNT}:user/base"]}
        self.post("roles", {"arn": role_arn(name), "trust": trust})

    def short_lives(self, secs, role=None):
        """From now on what this role gives, or any, lives so long, whatever is asked for."""
        fault = {"action": "AssumeRole", "trouble": {"kind": "life", "secs": secs}}
        self.post("faults", fault if role is None else fault | {"role": role_arn(role)})

    def calls(self, action, role=None):
        """The calls of an action so far, for a role or by its sessions."""
        calls = [call for call in self.get("calls")["calls"] if call["action"] == action]
        if role is None:
            return calls
        session = f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/"
        return [c for c in calls if c["role"] == role_arn(role) or (c["principal"] or "").startswith(session)]

    def keys_of(self, role):
        """The temporary keys that a role gave, oldest first: `access_key_id`, `expires_secs`, ..."""
        issued = [keys for keys in self.get("keys") if keys["role"] == role_arn(role)]
        return sorted(issued, key=lambda keys: keys["expires_secs"])

    def get(self, path):
        """Asks the control API."""
        with urllib.request.urlopen(f"{self.control}/{path}", timeout=10) as answer:
            return json.load(answer)

    def post(self, path, body):
        """Steers by the control API."""
        request = urllib.request.Request(f"{self.control}/{path}", json.dumps(body).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)
