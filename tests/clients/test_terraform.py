"""Terraform with its S3 backend, by the environment and by `profile`: the release that is installed, and PyPI's."""

import json
import shutil

import pytest
from harness import places

TERRAFORMS = {"pypi": (places.PYTHON, places.HERE / "py" / "terraform.py")}
if shutil.which("terraform"):
    TERRAFORMS["installed"] = (shutil.which("terraform"),)

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
}

output "example" {
  value = terraform_data.example.output
}
"""


@pytest.mark.parametrize("terraform", TERRAFORMS.values(), ids=TERRAFORMS.keys())
@pytest.mark.parametrize("credentials", ["", 'profile = "my-dev"'], ids=["environment", "profile"])
def test_terraform_keeps_its_state_in_s3(terraform, credentials, home, storage):
    home.role("my-dev")
    folder = home.path / "infrastructure"
    folder.mkdir()
    key = home.path.name
    (folder / "main.tf").write_text(CONFIGURATION % {"key": key, "credentials": credentials})

    def run(*words):
        argv = ["env", "-C", folder, *terraform, *words]
        done = home.run(*home.exec_argv("my-dev", argv))
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    seen = len(storage.signed_with)
    run("init", "-no-color")
    run("apply", "-auto-approve", "-no-color")
    assert json.loads(run("output", "-json"))["example"]["value"] == "made under credenza"

    state = storage.client.get_object(Bucket="uploads", Key=f"{key}.tfstate")["Body"].read()
    assert b"made under credenza" in state
    ours = {keys["access_key_id"] for keys in home.cloud.keys_of("my-dev")}
    assert set(storage.signed_with[seen:]) - {"AKIATEST"} <= ours
