"""A project with the dev container of docker/devcontainer/example, as somebody has it who copied the files there."""

import json
import shutil
import subprocess

from harness import places
from harness.program import Program
from stage.image import ARCH

KIT = places.ROOT / "docker" / "devcontainer"
CLI = ("node", places.ROOT / "target" / "devcontainer" / "node_modules" / "@devcontainers" / "cli" / "devcontainer.js")
UP_SECS = 300


class Project:
    """The files, and the CLI that works with them."""

    def __init__(self, engine, base, home, binary):
        self.engine, self.home = engine, home
        self.folder = home.path / "shop"
        there = self.folder / ".devcontainer"
        there.mkdir(parents=True)
        shutil.copytree(KIT / "src" / "credenza", there / "credenza")
        shutil.copy(binary, there / "credenza" / f"credenza-{ARCH}")
        example = (KIT / "example" / ".devcontainer" / "devcontainer.json").read_text()
        assert example.count('"debian:bookworm"') == 1
        (there / "devcontainer.json").write_text(example.replace("debian:bookworm", base))
        shutil.copytree(places.HERE / "py", self.folder / "clients")
        shutil.copy(home.cloud.ca, self.folder / "ca.pem")
        named = ("DOCKER_HOST", "DOCKER_BUILDKIT")
        self.environment = home.environment | {name: engine.environment[name] for name in named if name in engine.environment}
        self.token_file = home.path / ".local" / "share" / "credenza" / "devcontainers" / "shop" / "token"
        # where the simulated cloud is
        self.told = {
            "AWS_ENDPOINT_URL_STS": home.cloud.sts,
            "AWS_ENDPOINT_URL_S3": home.storage.url,
            "AWS_CA_BUNDLE": "/workspaces/shop/ca.pem",
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def argv(self, command, *words):
        """`devcontainer COMMAND` for this project."""
        return [*CLI, command, "--workspace-folder", self.folder, "--docker-path", self.engine.cli, *words]

    def run(self, command, *words):
        """It, to its end."""
        return self.finish(self.argv(command, *words))

    def finish(self, argv):
        """Runs a command to its end."""
        options = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True, "timeout": UP_SECS}
        return subprocess.run(argv, env=self.environment, check=False, **options)

    def up(self):
        """Brings it up, or finds that it is: what the CLI says of it."""
        run = self.run("up")
        assert run.returncode == 0, run.stdout + run.stderr
        return json.loads(run.stdout.splitlines()[-1])

    def down(self):
        """Takes its container away, and the images that the CLI has made."""
        for id in self.engine.out("ps", "--all", "--quiet", "--filter", f"label=devcontainer.local_folder={self.folder}").split():
            self.engine.run("rm", "--force", id)
        for name in self.engine.out("images", "--format", "{{.Repository}}").split():
            if name.startswith("vsc-shop-"):
                self.engine.run("rmi", "--force", name, check=False)

    def exec_argv(self, *words):
        """`devcontainer exec WORDS`."""
        told = [word for name, value in self.told.items() for word in ("--remote-env", f"{name}={value}")]
        return self.argv("exec", *told, *words)

    def start(self, program, *words):
        """A client of the matrix in the container."""
        return Program(self.exec_argv("python3", f"/workspaces/shop/clients/{program}", *words), self.environment)

    def sh(self, script):
        """A script in the container: its exit code, and what it printed."""
        run = self.finish(self.exec_argv("sh", "-c", script))
        return run.returncode, run.stdout + run.stderr

    def status(self, path="/v1/credentials", **headers):
        """The status of one request in the container, by Python's own client."""
        code = (
            "import sys, urllib.request, urllib.error\n"
            f"request = urllib.request.Request('http://127.0.0.1:9711{path}', headers={headers!r})\n"
            "try: print(urllib.request.urlopen(request, timeout=10).status)\n"
            "except urllib.error.HTTPError as error: print(error.code)\n"
            "except OSError as error: print(error)\n"
        )
        return self.finish(self.exec_argv("python3", "-c", code)).stdout.strip()
