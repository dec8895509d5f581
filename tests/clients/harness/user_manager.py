"""systemd's user manager, as somebody has it who logs in: of a user of its own, who has a home below /home, in a mount namespace
where `/run` says that the machine was booted by systemd. The machine's own systemd, if it has one, is not asked.

Services are then what they are elsewhere: with the sandbox that their unit says, which a user's service gets by a user namespace.
"""

import contextlib
import os
import pathlib
import shutil
import subprocess
import uuid

import pytest

from . import places
from .home import eventually

SYSTEMD = "/lib/systemd/systemd"
# A number that no user of the machine has.
USER, NAME, HOME = 4321, "ada", pathlib.Path("/home/ada")
UNITS = places.ROOT / "config" / "systemd"
TIMEOUT_SECS = 60

# What is made before the manager starts: `$0` is the home's folder, and `$1` a copy of /etc/passwd that has the user. Of /run, what
# systemd as process 1 makes: that it is there, and where sandboxes are put together.
STAGE = f"""set -e
mount -t tmpfs none /run
mkdir -p /run/systemd/system /run/systemd/unit-root /run/systemd/mount-rootfs /run/user/{USER}
chown {USER}:{USER} /run/user/{USER}
chmod 0700 /run/user/{USER}
mount -t tmpfs -o mode=0755 none /home
mkdir {HOME}
mount --bind "$0" {HOME}
mount --bind "$1" /etc/passwd
shift
exec "$@"
"""


class UserManager:
    """A running manager with a home's folder as its user's home."""

    def __init__(self, home):
        if os.geteuid() != 0:
            pytest.skip("needs root, who alone can run the user manager of another user")
        assert pathlib.Path(SYSTEMD).exists() and shutil.which("systemctl"), "systemd is not installed"
        self.home = home
        self.path = home.path
        self.install()
        self.groups = [folder for folder in cgroups(f"credenza-test-{uuid.uuid4().hex[:12]}") if made(folder)]
        self.environment = home.environment | {
            "HOME": str(HOME),
            "USER": NAME,
            "SHELL": "/bin/sh",
            "PATH": f"{HOME}/.cargo/bin:/usr/bin:/bin",
            "XDG_RUNTIME_DIR": f"/run/user/{USER}",
        }
        self.log = (self.path / "systemd.log").open("w+")
        # ends with the tests, whatever they end of
        manager = as_user("setpriv", "--pdeathsig=TERM", SYSTEMD, "--user", "--log-target=console")
        argv = ["unshare", "--mount", "sh", "-c", STAGE, self.path, self.path / "passwd", *manager]
        self.process = subprocess.Popen(
            argv, env=self.environment, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, preexec_fn=self.join
        )
        if not eventually(lambda: self.process.poll() is not None or self.runs(), TIMEOUT_SECS) or self.process.poll() is not None:
            self.close()
            pytest.skip(f"systemd's user manager does not start here: {self.said()[-300:]}")

    def install(self):
        """Puts the program and the units where docs/jobs.md has them, and gives all to the user."""
        (self.path / ".cargo" / "bin").mkdir(parents=True)
        shutil.copy(places.CREDENZA, self.path / ".cargo" / "bin" / "credenza")
        units = self.path / ".config" / "systemd" / "user"
        units.mkdir(parents=True)
        for unit in UNITS.glob("credenza*"):
            shutil.copy(unit, units)
        (self.path / ".config" / "credenza").mkdir(mode=0o700, exist_ok=True)
        line = f"{NAME}:x:{USER}:{USER}::{HOME}:/bin/sh\n"
        (self.path / "passwd").write_text(pathlib.Path("/etc/passwd").read_text() + line)
        (self.path / "passwd").chmod(0o644)
        self.give()

    def give(self):
        """Gives all that is in the home to the user."""
        for folder, _, files in os.walk(self.path):
            for name in (".", *files):
                os.chown(pathlib.Path(folder) / name, USER, USER, follow_symlinks=False)

    def join(self):
        """In the child: goes into the groups of its own."""
        for group in self.groups:
            (group / "cgroup.procs").write_text(str(os.getpid()))

    def runs(self):
        """Whether it answers."""
        return self.systemctl("show", "--property=Version").returncode == 0

    def run(self, *words, **options):
        """Runs a command as the user, where the manager sees it."""
        entered = ["nsenter", f"--mount=/proc/{self.process.pid}/ns/mnt", *as_user(*words)]
        options = {"env": self.environment, "capture_output": True, "text": True, "timeout": TIMEOUT_SECS, "cwd": "/"} | options
        return subprocess.run(entered, check=False, **options)

    def ok(self, *words, **options):
        """The same, which must succeed; what it printed."""
        run = self.run(*words, **options)
        assert run.returncode == 0, f"{words}: {run.stdout}{run.stderr}\n{self.said()}"
        return run.stdout

    def systemctl(self, *words):
        """`systemctl --user WORDS`."""
        return self.run("systemctl", "--user", *words)

    def show(self, unit, name):
        """A property of a unit."""
        return self.ok("systemctl", "--user", "show", unit, f"--property={name}", "--value").strip()

    def drop_in(self, unit, text):
        """Adds to a unit, as `systemctl --user edit` does."""
        folder = self.path / ".config" / "systemd" / "user" / f"{unit}.d"
        folder.mkdir()
        # of two files of one name, that of the instance would hide that of the template
        (folder / f"{unit}.conf").write_text(text)
        self.give()
        self.ok("systemctl", "--user", "daemon-reload")

    def said(self):
        """What the manager has said, and whatever writes where it does."""
        return (self.path / "systemd.log").read_text()

    def close(self):
        """Ends it, and with it all its services."""
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=TIMEOUT_SECS)
        self.log.close()
        for group in self.groups:
            for folder, _, _ in os.walk(group, topdown=False):
                with contextlib.suppress(OSError):
                    os.rmdir(folder)


def as_user(*words):
    """A command as the user, without a right of root's."""
    return ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--inh-caps=-all", "--", *words]


def cgroups(name):
    """The folder of a group below those of this process, in each hierarchy that systemd uses."""
    for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines():
        number, controllers, path = line.split(":", 2)
        if controllers == "name=systemd":
            yield pathlib.Path(f"/sys/fs/cgroup/systemd{path}") / name
        elif number == "0":
            root = pathlib.Path("/sys/fs/cgroup/unified")
            yield pathlib.Path(f"{root if root.exists() else root.parent}{path}") / name


def made(folder):
    """Makes a group that the user may divide; whether that can be done here."""
    try:
        folder.mkdir()
        for path in (folder, *folder.glob("cgroup.*")):
            os.chown(path, USER, USER)
    except OSError:
        return False
    return True
