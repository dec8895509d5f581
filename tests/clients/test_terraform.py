"""Terraform with its S3 backend, by the environment and by `profile`: the release that is installed, and PyPI's.

The role's credentials live for 130 s and are replaced after the minute that Credenza leaves between two calls to STS. What
is applied waits for that, so the lock is taken with one credential and the state written with the next.
"""

import json
import shutil
import subprocess
import time

import pytest
from harness import places
from harness.home import eventually

TERRAFORMS = {"pypi": (places.PYTHON, places.HERE / "py" / "terraform.py")}
if shutil.which("terraform"):
    TERRAFORMS["installed"] = (shutil.which("terraform"),)
LIFE_SECS = 130
MINUTE_SECS = 60

CONFIGURATION = """
terraform {
  backend "s3" {
    bucket         = "uploads"
    key            = "%(key)s.tfstate"
    region         = "eu-central-1"
    use_path_style = true
    use_lockfile   = true
    %(credentials)s
  }
}

resource "terraform_data" "example" {
  input = "made under credenza"

  provisioner "local-exec" {
    command = "timeout 100 sh -c 'until [ -e replaced ]; do sleep 0.2; done'"
  }
}

output "example" {
  value = terraform_data.example.output
}
"""


@pytest.mark.parametrize("terraform", TERRAFORMS.values(), ids=TERRAFORMS.keys())
def test_terraform_keeps_its_state_in_s3_while_its_credential_is_replaced(terraform, home, storage):
    works = [Work(home, terraform, "by-environment", ""), Work(home, terraform, "by-profile", 'profile = "by-profile"')]
    assert home.credenza("up").returncode == 0
    seen = len(storage.signed_with)
    begin = time.monotonic()

    for work in works:
        work.run("init", "-no-color")
    applying = [work.start("apply", "-auto-approve", "-no-color") for work in works]
    for work in works:
        assert eventually(lambda role=work.role: len(home.cloud.keys_of(role)) > 1, secs=90)
        (work.folder / "replaced").touch()
    for apply in applying:
        out, err = apply.communicate(timeout=60)
        assert apply.returncode == 0, out + err

    for work in works:
        assert json.loads(work.run("output", "-json"))["example"]["value"] == "made under credenza"
        state = storage.client.get_object(Bucket="uploads", Key=f"{work.key}.tfstate")["Body"].read()
        assert b"made under credenza" in state

        keys = [keys["access_key_id"] for keys in home.cloud.keys_of(work.role)]
        used = list(dict.fromkeys(key for key in storage.signed_with[seen:] if key in keys))
        assert len(used) > 1
        assert used == [key for key in keys if key in used], "in the order of their making"
        upstream = len(home.cloud.calls("AssumeRole", work.role))
        assert upstream <= 1 + (time.monotonic() - begin) // MINUTE_SECS, "by the timetable, not by requests"
        assert home.answered(work.role) > upstream


class Work:
    """A folder of infrastructure, with a role of its own."""

    def __init__(self, home, terraform, role, credentials):
        self.home, self.terraform, self.role = home, terraform, role
        home.role(role)
        home.cloud.short_lives(LIFE_SECS, role)
        self.key = f"{home.path.name}-{role}"
        self.folder = home.path / role
        self.folder.mkdir()
        (self.folder / "main.tf").write_text(CONFIGURATION % {"key": self.key, "credentials": credentials})

    def argv(self, *words):
        """Terraform in this folder, under `credenza exec`."""
        return self.home.exec_argv(self.role, ["env", "-C", self.folder, *self.terraform, *words])

    def run(self, *words):
        """Runs it to its end, which must be a good one; what it printed."""
        done = self.home.run(*self.argv(*words))
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self, *words):
        """Starts it."""
        pipe = subprocess.PIPE
        return subprocess.Popen(self.argv(*words), env=self.home.environment, stdout=pipe, stderr=pipe, text=True)
