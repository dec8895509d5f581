"""What two readers of ECS's task metadata make of ours: OpenTelemetry's detector, and the types of the Datadog agent as Go
decodes them. Under `credenza exec --ecs-task`, and at a `[[listener]]` of the daemon. Checklist 44 and 45.
"""

import json
import re

import pytest
from harness import places
from harness.cloud import ACCOUNT, REGION
from harness.home import eventually
from harness.listener import CONFIG, free_port, listener

DETECTOR = ("node", places.HERE / "js" / "ecs_detector.cjs")
DATADOG = (places.CLIENTS / "go-ecs-task",)
VARIABLES = ("ECS_CONTAINER_METADATA_URI", "ECS_CONTAINER_METADATA_URI_V4")

TASK = rf"arn:aws:ecs:{REGION}:{ACCOUNT}:task/credenza/[0-9a-f]{{32}}"

# Of another region than the identity's, with two containers, the first of which logs to CloudWatch.
ORDERS = """
[listener.task]
Cluster = "arn:aws:ecs:eu-north-1:111122223333:cluster/blue"
TaskARN = "arn:aws:ecs:eu-north-1:111122223333:task/blue/0123456789abcdef0123456789abcdef"
Family = "orders"
Revision = "7"
LaunchType = "EC2"
ServiceName = "orders"
Limits = { CPU = 0.25, Memory = 512 }
PullStartedAt = "2026-11-21T22:04:16.123456789Z"
TaskTags = { team = "blue" }
EphemeralStorageMetrics = { Utilized = 261, Reserved = 20496 }

[[listener.task.Containers]]
Name = "web"
Image = "registry.example/orders:7"
Limits = { CPU = 128, Memory = 256 }
Ports = [{ ContainerPort = 8080, Protocol = "tcp", HostPort = 8080, HostIp = "127.0.0.1" }]
Labels = { stage = "test" }
LogDriver = "awslogs"
LogOptions = { awslogs-group = "/orders", awslogs-stream = "web/1", awslogs-region = "eu-north-1" }
Health = { status = "HEALTHY", statusSince = "2026-11-21T22:05:00Z", exitCode = 0 }
RestartCount = 2

[[listener.task.Containers]]
Name = "sidecar"
"""

# One word is wrong, and the sentence says which was meant.
WRONG = ORDERS.replace("Family", "Famly")
SENTENCE = "[listener.task]: unknown member `Famly`: did you mean `Family`?"


def under_exec(home, reader):
    """What a reader finds under `exec --ecs-task`."""
    run = home.run(*home.exec_argv("my-role", reader, "--ecs-task"))
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def at(home, address, container, reader):
    """What a reader finds that is told an address of the daemon's."""
    said = home.run(*reader, ECS_CONTAINER_METADATA_URI_V4=f"http://{address}/v4/{container}")
    assert said.returncode == 0, said.stderr
    return json.loads(said.stdout)


def test_c44_opentelemetry_finds_the_real_account_and_region(home):
    home.role("my-role")
    found = under_exec(home, DETECTOR)
    assert found["cloud.provider"] == "aws"
    assert found["cloud.platform"] == "aws_ecs"
    assert found["cloud.account.id"] == ACCOUNT
    assert found["cloud.region"] == REGION
    assert found["cloud.availability_zone"] == f"{REGION}a"
    assert re.fullmatch(TASK, found["aws.ecs.task.arn"])
    assert found["aws.ecs.cluster.arn"] == f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/credenza"
    assert (found["aws.ecs.task.family"], found["aws.ecs.task.revision"]) == ("my-role", "1")
    assert found["aws.ecs.launchtype"] == "fargate"
    container = found["aws.ecs.task.arn"].replace(":task/", ":container/")
    assert re.fullmatch(rf"{re.escape(container)}/[0-9a-f-]{{36}}", found["aws.ecs.container.arn"])
    assert found["cloud.resource_id"] == found["aws.ecs.container.arn"]
    assert "aws.log.group.names" not in found, "nothing says that it logs to CloudWatch"


def test_c45_go_decodes_container_and_task_into_datadogs_types(home):
    home.role("my-role")
    found = under_exec(home, DATADOG)
    container, task = found["Container"], found["Task"]
    assert re.fullmatch(TASK, task["TaskARN"])
    assert (task["Cluster"], task["Family"], task["Revision"]) == ("credenza", "my-role", "1")
    assert (task["KnownStatus"], task["LaunchType"]) == ("RUNNING", "FARGATE")
    assert task["Containers"] == [container], "the container is the task's own, and the only one"
    assert re.fullmatch("[0-9a-f]{64}", container["DockerID"])
    assert (container["Name"], container["Type"], container["KnownStatus"]) == ("app", "NORMAL", "RUNNING")
    assert container["Networks"][0]["IPv4Addresses"] == ["127.0.0.1"]
    assert container["Labels"]["com.amazonaws.ecs.task-arn"] == task["TaskARN"]
    assert found["Tagged"] == task, "there are no tags"


def orders_seen(detected, decoded, web="web"):
    """Both readers see what ORDERS says."""
    assert detected["cloud.region"] == "eu-north-1"
    assert detected["cloud.account.id"] == ACCOUNT
    assert detected["aws.ecs.cluster.arn"] == "arn:aws:ecs:eu-north-1:111122223333:cluster/blue"
    assert (detected["aws.ecs.task.family"], detected["aws.ecs.task.revision"]) == ("orders", "7")
    assert detected["aws.ecs.launchtype"] == "ec2"
    assert detected["aws.log.group.names"] == ["/orders"]
    assert detected["aws.log.group.arns"] == [f"arn:aws:logs:eu-north-1:{ACCOUNT}:log-group:/orders"]
    assert detected["aws.log.stream.names"] == ["web/1"]

    container, task, tagged = decoded["Container"], decoded["Task"], decoded["Tagged"]
    assert task["Cluster"] == "arn:aws:ecs:eu-north-1:111122223333:cluster/blue"
    assert (task["Family"], task["Revision"], task["ServiceName"]) == ("orders", "7", "orders")
    assert task["AvailabilityZone"] == "eu-north-1a"
    assert task["Limits"] == {"CPU": 0.25, "Memory": 512}
    assert task["PullStartedAt"] == "2026-11-21T22:04:16.123456789Z"
    assert task["EphemeralStorageMetrics"] == {"Utilized": 261, "Reserved": 20496}
    assert (task["TaskTags"], tagged["TaskTags"]) == (None, {"team": "blue"})
    assert [one["Name"] for one in task["Containers"]] == ["web", "sidecar"]
    assert (container["Name"], container["Image"]) == (web, "registry.example/orders:7")
    assert container["Limits"] == {"CPU": 128, "Memory": 256}
    assert container["Ports"] == [{"ContainerPort": 8080, "Protocol": "tcp", "HostPort": 8080, "HostIP": "127.0.0.1"}]
    assert container["Labels"]["stage"] == "test"
    assert container["Labels"]["com.amazonaws.ecs.task-definition-family"] == "orders"
    assert (container["LogDriver"], container["LogOptions"]["awslogs-group"]) == ("awslogs", "/orders")
    assert (container["Health"]["status"], container["Health"]["exitCode"]) == ("HEALTHY", 0)
    assert container["RestartCount"] == 2


def test_both_see_what_is_written_of_the_task_at_the_listener_and_under_exec(home):
    home.role("my-role")
    with listener(home, "my-role", dialects=("ecs", "ecs-task"), more=ORDERS) as there:
        orders_seen(at(home, there.address, "web", DETECTOR), at(home, there.address, "web", DATADOG))
        sidecar = at(home, there.address, "sidecar", DATADOG)["Container"]
        assert (sidecar["Name"], sidecar["LogDriver"]) == ("sidecar", "")
        # a command's own endpoint says what the listener of its identity does
        orders_seen(under_exec(home, DETECTOR), under_exec(home, DATADOG))
    described = [line for line in home.audit() if line["dialect"] == "ecs-task"]
    assert described
    assert {line["outcome"] for line in described} == {"described"}


def test_a_wrong_member_is_not_served_and_the_sentence_says_which(home):
    home.role("my-role")
    address = f"127.0.0.1:{free_port()}"
    (home.path / CONFIG).parent.mkdir(parents=True, mode=0o700)
    head = f'[[listener]]\ndialects = ["ecs-task"]\naddress = "{address}"\nidentities = ["my-role"]\n'
    home.write(CONFIG, head + WRONG)
    up = home.credenza("up")
    assert up.returncode == 0, "the other listeners go on"
    [shown] = home.status()["listeners"]
    assert shown["state"] == "not-served"
    # with the file and the line before it
    assert shown["reason"].endswith(f"config.toml:1: {SENTENCE}")
    said = home.credenza("status")
    assert "not-served" in said.stdout
    assert SENTENCE in said.stdout

    run = home.run(*home.exec_argv("my-role", ("echo", "it ran"), "--ecs-task"))
    assert (run.returncode, run.stdout) == (125, "")
    assert SENTENCE in run.stderr
    # what does not ask for it does not stumble over it
    run = home.run(*home.exec_argv("my-role", ("echo", "it ran")))
    assert (run.returncode, run.stdout) == (0, "it ran\n"), run.stderr

    # mended, it is served without a restart
    home.write(CONFIG, head + ORDERS)
    assert eventually(lambda: home.status()["listeners"][0]["state"] == "serving"), home.status()
    assert at(home, address, "web", DATADOG)["Task"]["Family"] == "orders"


@pytest.mark.parametrize("flags", [(), ("--ec2",), ("--pod-identity",)], ids=lambda flags: flags[0] if flags else "ecs")
def test_nothing_says_ecs_that_is_not_asked_to(home, flags):
    """Software that finds the variables believes that it runs on ECS."""
    home.role("my-role")
    with listener(home, "my-role", dialects=("ecs-task",)):
        shown = home.run(*home.exec_argv("my-role", ("env",), *flags))
        assert shown.returncode == 0, shown.stderr
        names = {line.partition("=")[0] for line in shown.stdout.splitlines()}
        assert names.isdisjoint(VARIABLES)
        found = home.run(*home.exec_argv("my-role", DETECTOR, *flags))
        assert (found.returncode, json.loads(found.stdout)) == (0, {})
