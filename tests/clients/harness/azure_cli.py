"""The Azure CLI with a folder of its own: signed in nowhere, as a managed identity, as an application, or as a person.

It works against a simulated Entra ID and a simulated ARM, in a network with nothing but loopback, once it is told so:

- both speak https only, and `REQUESTS_CA_BUNDLE` names the authority of their certificates: no setting in the folder does;
- a cloud of its own is registered and chosen. Without one, `az login --identity` asks management.azure.com for
  subscriptions, with `--allow-no-subscriptions` as well, which only says that there may be none;
- `instance_discovery` is off, or it asks login.microsoftonline.com whether it knows the authority (`authority.py` of MSAL).

Everything but the authority of the certificates lies in the folder, so that whoever runs `az` there, as Credenza does, has it.
For a person or an application it says in each request that it can answer claims challenges (CP1), and so is given tokens of a
day, unless `AZURE_IDENTITY_DISABLE_CP1` is set (`identity.py` of azure-cli-core).
"""

import json
import re
import subprocess

from . import places

CLOUD = "simulated"
SETTINGS = """[core]
collect_telemetry = no
no_color = true
instance_discovery = false
login_experience_v2 = false
"""
CODE = re.compile(r"open the page (\S+) and enter the code (\S+)")
TIMEOUT_SECS = 60


class AzureCli:
    """An Azure CLI of a home, with the folder where the real one looks first, or with another."""

    def __init__(self, home, folder=".azure"):
        self.home = home
        self.folder = home.path / folder
        self.folder.mkdir(mode=0o700)
        self.environment = {"AZURE_CONFIG_DIR": str(self.folder)}
        home.write(f"{folder}/config", SETTINGS)

    def join(self, resource_manager, authority, bundle):
        """Makes the simulated cloud the one it works with: where ARM and Entra ID are (`https://localhost:PORT`), and a file
        with the certificate of who vouches for both."""
        self.environment["REQUESTS_CA_BUNDLE"] = str(bundle)
        where = ("--endpoint-resource-manager", resource_manager, "--endpoint-active-directory", authority)
        self.ok("cloud", "register", "--name", CLOUD, *where)
        self.ok("cloud", "set", "--name", CLOUD)

    def publish(self):
        """Has every program of the home find this one, by the name of `az`: Credenza, and the SDKs that run it."""
        programs = self.home.path / "bin"
        programs.mkdir(exist_ok=True)
        (programs / "az").symlink_to(places.AZ)
        self.home.environment["PATH"] = f"{programs}:{self.home.environment['PATH']}"
        self.home.environment.update(self.environment)

    def sign_in_managed(self, *words, **variables):
        """`az login --identity`, at the endpoint that the variables name; the words may be `--client-id` and an id.

        Nothing of it is kept but that it is so: each command asks the endpoint anew, so each needs the variables."""
        return self.ok("login", "--identity", "--allow-no-subscriptions", *words, **variables)

    def sign_in_application(self, tenant, client_id, **proof):
        """`az login --service-principal`, by one of: `secret`; `certificate`, a PEM file with a key and its certificate, of which
        it makes an assertion by RS256 and `x5t` without `nbf`, whose times are no whole seconds (`assertion.py` of MSAL); or
        `assertion`, of somebody else, which it keeps and sends again and again."""
        [(kind, value)] = proof.items()
        option = {"secret": "--password", "certificate": "--certificate", "assertion": "--federated-token"}[kind]
        who = ("--tenant", tenant, "--username", client_id, option, value)
        return self.ok("login", "--service-principal", "--allow-no-subscriptions", *who)

    def sign_in_person(self, tenant, approve=lambda page, code: None):
        """`az login --use-device-code`; `approve` is told the page and the code, unless the person approves unasked. It looks at
        once and then each interval, so one who approves after having been told costs an interval."""
        words = ("login", "--use-device-code", "--allow-no-subscriptions", "--tenant", tenant, "--output", "json")
        process = subprocess.Popen(
            [places.AZ, *words],
            env=self.home.environment | self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            shown = process.stderr.readline()
            found = CODE.search(shown)
            if found:
                approve(*found.groups())
            out, said = process.communicate(timeout=TIMEOUT_SECS)
        finally:
            process.kill()
        assert process.returncode == 0, f"az login: {shown}{said}"
        return json.loads(out)

    def token(self, resource, *words, **variables):
        """What `az account get-access-token` prints: `accessToken`, `expires_on`, `expiresOn` in local time, `tenant`, ..."""
        return self.ok("account", "get-access-token", "--resource", resource, *words, **variables)

    def ok(self, *words, **variables):
        """Runs one command that must succeed; what it printed, if anything."""
        run = self.run(*words, "--output", "json", **variables)
        assert run.returncode == 0, f"az {' '.join(words)}: {run.stderr}"
        return json.loads(run.stdout) if run.stdout else None

    def run(self, *words, **variables):
        """Runs one command to its end."""
        return self.home.run(places.AZ, *words, **self.environment | variables)

    def forget_tokens(self):
        """Removes the access tokens that it keeps, so that the next command asks Entra ID; the sign-in stays."""
        cache = self.folder / "msal_token_cache.json"
        held = json.loads(cache.read_text())
        self.home.write(cache.relative_to(self.home.path), json.dumps(held | {"AccessToken": {}}))
        self.forget_refusals()

    def forget_refusals(self):
        """Removes what Entra ID has answered, which it would repeat for a minute without asking (`throttled_http_client.py` of
        MSAL)."""
        (self.folder / "msal_http_cache.bin").unlink(missing_ok=True)
