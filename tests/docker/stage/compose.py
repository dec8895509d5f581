"""A compose project from the very files that people copy, with an override that puts test clients where their services are."""

import shutil
import subprocess
import uuid

from harness import places
from harness.home import eventually

from . import unable

FILES = places.ROOT / "docker"
OVERRIDES = places.ROOT / "tests" / "docker" / "overrides"
UP_SECS, DOWN_SECS, EXEC_SECS = 180, 120, 120
HEALTHY_SECS = 90


class Project:
    """`compose.X.yaml` with `overrides/X.yaml`, in a folder of its own as somebody would copy them there."""

    def __init__(self, engine, folder, form, variables):
        self.engine, self.folder = engine, folder
        self.name = f"credenza-test-{uuid.uuid4().hex[:12]}"
        for file in FILES.iterdir():
            if file.suffix in (".yaml", ".toml"):
                shutil.copy(file, folder)
        own = f"compose.{form}.yaml" if form else "compose.yaml"
        shutil.copy(OVERRIDES / own, folder / "override.yaml")
        self.words = [*compose_cli(engine), "--project-name", self.name, "--file", own, "--file", "override.yaml"]
        self.environment = engine.environment | {name: str(value) for name, value in variables.items()}

    def run(self, *words, check=True, timeout_secs=60, **options):
        """`docker compose WORDS`, to its end."""
        options = {"env": self.environment, "capture_output": True, "text": True, "timeout": timeout_secs} | options
        run = subprocess.run([*self.words, *words], cwd=self.folder, check=False, **options)
        assert not check or run.returncode == 0, f"compose {words}: {run.stdout}{run.stderr}\n{self.logs()}"
        return run

    def up(self, *services):
        """Brings these services up, or all."""
        self.run("up", "--detach", *services, timeout_secs=UP_SECS)

    def down(self):
        """Takes away all that belongs to it."""
        self.run("down", "--volumes", "--remove-orphans", "--timeout", "1", check=False, timeout_secs=DOWN_SECS)

    def logs(self):
        """What its services have said, with how they are."""
        options = {"cwd": self.folder, "env": self.environment, "capture_output": True, "text": True, "check": False}
        commands = ("ps", "--all"), ("logs", "--no-color", "--tail", "100")
        runs = [subprocess.run([*self.words, *words], **options) for words in commands]
        checks = self.engine.run("inspect", "--format", "{{json .State.Health}}", self.container("credenza"), check=False)
        return "\n".join([*(run.stdout + run.stderr for run in runs), checks.stdout])

    def container(self, service):
        """The id of a service's container."""
        labels = (f"com.docker.compose.project={self.name}", f"com.docker.compose.service={service}")
        filters = [word for label in labels for word in ("--filter", f"label={label}")]
        return self.engine.out("ps", "--all", "--quiet", "--no-trunc", *filters)

    def network(self, name):
        """The name of one of its networks."""
        labels = (f"com.docker.compose.project={self.name}", f"com.docker.compose.network={name}")
        filters = [word for label in labels for word in ("--filter", f"label={label}")]
        return self.engine.out("network", "ls", "--format", "{{.Name}}", *filters)

    def state(self, service):
        """How a service's container is."""
        return self.engine.inspect(self.container(service))["State"]

    def health(self, service):
        """`healthy`, `unhealthy` or `starting`."""
        return self.state(service)["Health"]["Status"]

    def wait(self, service, health="healthy"):
        """Waits until its health check says so."""
        assert eventually(lambda: self.health(service) == health, HEALTHY_SECS), f"{self.state(service)}\n{self.logs()}"

    def exec_argv(self, service, *words, user=None, **variables):
        """A command in a service's container, or in another one of this id; to be run with `environment`."""
        more = [word for name, value in variables.items() for word in ("--env", f"{name}={value}")]
        more += ["--user", user] if user else []
        return [self.engine.cli, "exec", "--interactive", *more, self.container(service) or service, *words]

    def exec(self, service, *words, check=True, **options):
        """Runs a command in a service's container to its end."""
        argv = self.exec_argv(service, *words, **options)
        told = {"stdin": subprocess.DEVNULL, "env": self.environment}
        run = subprocess.run(argv, **told, capture_output=True, text=True, timeout=EXEC_SECS, check=False)
        assert not check or run.returncode == 0, f"{words}: {run.stdout}{run.stderr}\n{self.logs()}"
        return run


def compose_cli(engine):
    """Compose v2, a plugin of Docker's, or v1 before it."""
    if engine.run("compose", "version", check=False).returncode == 0:
        return [engine.cli, "compose"]
    found = shutil.which("docker-compose")
    return [found] if found else unable("docker compose is not installed")
