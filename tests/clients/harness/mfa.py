"""A home whose roles want a one-time code, the device that shows it, and the scripted programs that read it out
(`tests/otp/programs`)."""

import contextlib
import sys
from datetime import datetime

from . import places
from .cloud import ACCOUNT, REGION, Cloud, role_arn
from .home import Home, eventually

SERIAL = f"arn:aws:iam::{ACCOUNT}:mfa/base"
SCRIPTED = places.ROOT / "tests" / "otp" / "programs"
OP = '{ preset = "op", item = "op://Private/AWS" }'
# What the device shows when it is asked, by the cloud's clock.
SHOW = f"""exec {sys.executable} - <<'END'
import json, urllib.request
with urllib.request.urlopen("%s/devices/code?serial={SERIAL}") as answer:
    print(json.load(answer)["code"])
END
"""
# AWS takes a code once, and the next one is this far away.
STEP_SECS = 30
# In its last minute a session is not used any more, so that this one is over in a moment.
LAST_MINUTE_SECS = 60
SHORT_SECS = LAST_MINUTE_SECS + 5
# What the daemon may think of the cloud's clock, which it sees in whole seconds.
A_LITTLE_SECS = 2
# libsecret's `secret-tool`, with a folder for a keyring: a file for the attributes of each entry.
SECRET_TOOL = """#!/bin/sh
command=$1; shift
case $1 in --label=*) shift ;; esac
entry=%s/$(printf '%%s_' "$@" | tr / -)
case $command in
    store) cat >"$entry" ;;
    lookup) [ -e "$entry" ] && cat "$entry" ;;
    clear) rm -f "$entry"* ;;
esac
"""


class MfaHome(Home):
    """A home whose user has a device, SERIAL."""

    def __init__(self, cloud, storage):
        super().__init__(cloud, storage)
        self.seed = cloud.post("devices", {"user": "base", "serial": SERIAL})["seed"]
        self.programs = self.path / "programs"
        self.programs.mkdir()
        for program in SCRIPTED.iterdir():
            (self.programs / program.name).symlink_to(program)
        (self.programs / "code-command").write_text(SHOW % cloud.control)
        self.environment["PATH"] = f"{self.programs}:{self.environment['PATH']}"
        # nobody waits for the next code
        self.code_lasts(STEP_SECS - 1)

    def guarded_role(self, name, max_session_secs=3600, **settings):
        """Adds a role that lets nobody in without a code, and a profile of its name as every AWS tool knows them."""
        self.cloud.add_role(name, require_mfa=True, max_session_secs=max_session_secs)
        base = {"role_arn": role_arn(name), "source_profile": "base", "mfa_serial": SERIAL, "region": REGION}
        self.profile(name, **base, **settings)

    def codes_from(self, otp, identity="prod"):
        """Says in our own configuration where codes come from."""
        folder = self.path / ".config" / "credenza"
        folder.mkdir(parents=True, exist_ok=True)
        self.write(".config/credenza/config.toml", f"[identity.{identity}]\notp = {otp}\n")

    def login(self, name="prod"):
        """`credenza login NAME --code CODE`, with what the device shows."""
        run = self.credenza("login", name, "--code", self.device()["code"])
        assert run.returncode == 0, run.stderr

    def device(self):
        """What the device shows."""
        return self.cloud.get(f"devices/code?serial={SERIAL}")

    def code_lasts(self, secs):
        """Moves the cloud's clock to where the device shows its code for so long yet."""
        self.cloud.post("clock", {"advance_secs": (self.device()["left_secs"] - secs) % STEP_SECS})

    def next_code(self):
        """Has the device show the next code at once."""
        self.cloud.post("clock", {"advance_secs": STEP_SECS})

    def short_session(self, begin):
        """Has a session begun that is over in a moment, and waits for that."""
        self.cloud.short_lives(SHORT_SECS, action="GetSessionToken")
        begin()
        self.cloud.long_lives()
        assert eventually(self.is_over, secs=2 * SHORT_SECS)

    def is_over(self):
        """Whether the session has begun its last minute."""
        [session] = self.status()["user_sessions"]
        return self.left(session["ends"]) < LAST_MINUTE_SECS - A_LITTLE_SECS

    def left(self, time):
        """How many seconds there are until a time, by the cloud's clock."""
        return datetime.fromisoformat(time).timestamp() - self.cloud.get("clock")["now_secs"]

    def keyring(self):
        """A keyring, with nothing in it."""
        folder = self.path / "keyring"
        folder.mkdir(mode=0o700)
        self.program("secret-tool", SECRET_TOOL % folder)

    def program(self, name, script):
        """A program of the test's own, before all others."""
        path = self.programs / name
        path.write_text(script)
        path.chmod(0o755)

    def codes(self):
        """Every code that was sent, oldest first."""
        return self.cloud.get("codes").get(SERIAL, [])

    def asked(self):
        """What the scripted programs were called with so far."""
        calls = self.programs / "calls"
        return calls.read_text().splitlines() if calls.exists() else []


@contextlib.contextmanager
def mfa_home(storage):
    """A home with a device, and a cloud of its own."""
    cloud = Cloud()
    home = MfaHome(cloud, storage)
    try:
        yield home
    finally:
        home.close()
        cloud.close()
