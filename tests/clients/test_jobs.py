"""Jobs by systemd: the units of config/systemd as they are, in systemd's own user manager, with rclone and restic as Debian has them, and
an S3 that takes what is signed with a key of the cloud's and nothing else. The commands are those of docs/jobs.md."""

import re
import shutil
import subprocess
import time

import boto3
import pytest
from botocore.exceptions import ClientError

from harness import places
from harness.cloud import REGION, Cloud, role_arn
from harness.home import Home, eventually, with_sso
from harness.signed_storage import SignedStorage
from harness.user_manager import HOME, UNITS, UserManager

PAGE = (places.ROOT / "docs" / "jobs.md").read_text()
SYNC, BACKUP = "credenza-sync@photos.service", "credenza-backup@photos.service"
# rclone asks for new keys in the last five minutes of the old ones.
WINDOW_SECS = 300


@pytest.fixture
def cloud():
    running = Cloud()
    yield running
    running.close()


@pytest.fixture
def storage(cloud):
    """An S3 that verifies."""
    running = SignedStorage(cloud)
    yield running
    running.close()


@pytest.fixture
def home(cloud, storage):
    """Somebody with a profile that needs a login, `my-dev`, and some photos."""
    made = with_sso(Home(cloud, storage))
    (made.path / "photos").mkdir()
    for name in ("one", "two"):
        (made.path / "photos" / f"{name}.jpg").write_text(name)
    yield made
    shutil.rmtree(made.path, ignore_errors=True)


@pytest.fixture
def manager(home):
    """Their user manager, with the daemon as its service."""
    for tool in ("rclone", "restic"):
        assert shutil.which(tool), f"{tool} is not installed"
    running = UserManager(home)
    running.ok("systemctl", "--user", "start", "credenza.service")
    yield running
    running.close()


@pytest.fixture
def job(manager, storage):
    """The job's file, as the page has it written; the S3 is another one, and is reached by paths."""
    [script] = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert eventually(lambda: manager.run("credenza", "status").returncode == 0)
    manager.ok("sh", "-ec", script)
    file = manager.path / ".config" / "credenza" / "jobs" / "photos.env"
    assert file.stat().st_mode & 0o777 == 0o600
    text = file.read_text().replace("s3:https://s3.eu-central-1.amazonaws.com/", f"s3:{storage.url}/")
    more = ("RCLONE_CONFIG_S3_PROVIDER=Other", f"RCLONE_CONFIG_S3_ENDPOINT={storage.url}", "RCLONE_TRANSFERS=1", "RCLONE_CHECKERS=1")
    file.write_text(text + "".join(f"{line}\n" for line in more))
    (file.parent / "photos.password").write_text("a password\n")
    manager.give()
    # the journal's place: there is none here
    for unit in ("credenza-sync@.service", "credenza-backup@.service"):
        manager.drop_in(unit, f"[Service]\nStandardOutput=append:{HOME}/job.log\nStandardError=append:{HOME}/job.log\n")
    return manager


def sign_in(manager):
    """Somebody signs in, as the page says."""
    manager.ok("credenza", "login", "--device-code", "my-dev")


def start(manager, unit):
    """Runs a job to its end: whether it did what it is for, and what it said."""
    run = manager.systemctl("start", unit)
    log = manager.path / "job.log"
    return run.returncode == 0, run.stderr + (log.read_text() if log.exists() else "") + manager.said()


def ended(job, unit):
    """Waits until a job that was started has ended: whether it did what it is for, and what it said."""
    there = eventually(lambda: job.show(unit, "ActiveState") not in ("activating", "deactivating"), 60)
    log = job.path / "job.log"
    said = (log.read_text() if log.exists() else "") + job.said()
    return there and job.show(unit, "Result") == "success", said


def stored(storage, prefix):
    """What lies in the bucket below a prefix."""
    listed = storage.client.list_objects_v2(Bucket="uploads", Prefix=prefix).get("Contents", [])
    return [one["Key"].removeprefix(prefix) for one in listed]


@pytest.mark.parametrize("name", sorted(path.name for path in UNITS.iterdir()))
def test_systemd_finds_no_fault_in_a_unit(name, tmp_path):
    assert shutil.which("systemd-analyze"), "systemd is not installed"
    # with the programs where the units say: systemd looks for them
    program = tmp_path / ".cargo" / "bin" / "credenza"
    program.parent.mkdir(parents=True)
    program.symlink_to(places.CREDENZA)
    for unit in UNITS.iterdir():
        text = unit.read_text().replace("/usr/local/bin/credenza", str(program)).replace("User=ada", "User=root")
        (tmp_path / unit.name.replace("@.", "@photos.")).write_text(text)
    of = "--system" if "link-local" in name else "--user"
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path), "SYSTEMD_LOG_LEVEL": "warning"}
    argv = ["systemd-analyze", of, "--man=no", "--recursive-errors=no", "verify", tmp_path / name.replace("@.", "@photos.")]
    run = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=60, check=False)
    ours = [line for line in run.stderr.splitlines() if "credenza" in line]
    assert run.returncode == 0 and ours == [], run.stderr


def test_the_storage_takes_nothing_that_is_signed_otherwise(storage, cloud):
    cloud.add_role("my-role")
    base = cloud.base
    sts = client("sts", cloud.sts, (base["access_key_id"], base["secret_access_key"], None))
    given = sts.assume_role(RoleArn=role_arn("my-role"), RoleSessionName="night")["Credentials"]
    key, secret, token = given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]
    assert client("s3", storage.url, (key, secret, token)).list_objects_v2(Bucket="uploads")["Name"] == "uploads"
    for keys in ((key, "another", token), (key, secret, None), (key, secret, token + "x"), ("ASIA" + "A" * 16, secret, token)):
        with pytest.raises(ClientError):
            client("s3", storage.url, keys).list_objects_v2(Bucket="uploads")
    assert storage.refused == ["SignatureDoesNotMatch", "InvalidToken", "InvalidToken", "InvalidAccessKeyId"]
    cloud.short_lives(1)
    given = sts.assume_role(RoleArn=role_arn("my-role"), RoleSessionName="night")["Credentials"]
    dying = client("s3", storage.url, (given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]))
    assert eventually(lambda: time.time() > given["Expiration"].timestamp())
    with pytest.raises(ClientError, match="ExpiredToken"):
        dying.list_objects_v2(Bucket="uploads")


def client(service, url, keys):
    """boto3 with these keys."""
    key, secret, token = keys
    return boto3.client(
        service,
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=token,
    )


def test_a_job_waits_for_the_login_and_then_does_its_work(job, storage, cloud):
    assert job.systemctl("start", "--no-block", SYNC).returncode == 0
    assert eventually(lambda: job.show(SYNC, "SubState") == "start-pre"), job.said()
    # it asks nothing of S3 before somebody has signed in, which ends the waiting by itself
    assert storage.puts == []
    sign_in(job)
    ok, said = ended(job, SYNC)
    assert ok, said
    assert stored(storage, "photos/") == ["one.jpg", "two.jpg"]
    keys = {one["access_key_id"] for one in cloud.keys_of("Developer")}
    assert {key for _, key in storage.puts} <= keys and storage.refused == []
    assert eventually(lambda: {line["grant"] for line in job.home.audit() if line["dialect"] == "ecs"} == {"photos"})


def test_where_nobody_signs_in_the_job_says_what_to_run_and_is_tried_again(job):
    unit = (UNITS / "credenza-sync@.service").read_text()
    [line] = re.findall(r"^ExecStartPre=.*$", unit, re.MULTILINE)
    job.drop_in(SYNC, f"[Service]\nExecStartPre=\n{line.replace('--timeout 1h', '--timeout 1s')}\n")
    ok, said = start(job, SYNC)
    assert not ok and "credenza login my-dev" in said, said
    assert job.show(SYNC, "SubState") == "auto-restart"
    assert job.show(SYNC, "RestartUSec") == "5min"


def test_a_transfer_goes_on_with_a_new_key_over_a_restart_of_the_daemon(job, storage, cloud):
    cloud.short_lives(WINDOW_SECS + 3, action="GetRoleCredentials")
    sign_in(job)
    storage.hold_puts()
    assert job.systemctl("start", "--no-block", SYNC).returncode == 0
    assert eventually(lambda: storage.puts, 30), job.said()
    [(_, first)] = storage.puts
    # the keys come to where rclone asks anew, and are replaced meanwhile
    assert job.systemctl("restart", "credenza.service").returncode == 0
    assert eventually(lambda: job.run("credenza", "wait", "--timeout", "10s", "my-dev").returncode == 0)
    [ends] = [one["expires_secs"] for one in cloud.keys_of("Developer") if one["access_key_id"] == first]
    assert eventually(lambda: time.time() > ends - WINDOW_SECS)
    storage.go_on.set()
    ok, said = ended(job, SYNC)
    assert ok, said
    assert stored(storage, "photos/") == ["one.jpg", "two.jpg"]
    assert storage.puts[-1][1] != first and storage.refused == []


def test_a_backup_is_made_and_is_whole(job, storage):
    sign_in(job)
    [line] = re.findall(r"^\$ (\(set -a;.*restic init\))$", PAGE, re.MULTILINE)
    job.ok("sh", "-ec", line)
    ok, said = start(job, BACKUP)
    assert ok, said
    ok, said = start(job, BACKUP)
    assert ok, said
    check = line.replace("restic init", "restic check --read-data").replace("/dev/null restic", "/dev/null RESTIC_CACHE_DIR=/tmp restic")
    assert "no errors were found" in job.ok("sh", "-ec", check)
    assert storage.refused == []
    # the cache lies where the unit says, and nowhere else
    assert (job.path / ".cache" / "credenza-backup" / "photos").is_dir()


def test_a_job_writes_none_of_your_files(job, storage):
    sign_in(job)
    ok, said = start(job, SYNC)
    assert ok, said
    file = job.path / ".config" / "credenza" / "jobs" / "photos.env"
    text = re.sub(r"^SOURCE=.*$", "SOURCE=s3:uploads/photos", file.read_text(), flags=re.MULTILINE)
    file.write_text(re.sub(r"^DESTINATION=.*$", f"DESTINATION={HOME}/taken", text, flags=re.MULTILINE))
    ok, said = start(job, SYNC)
    assert not ok and "read-only file system" in said, said
    assert not (job.path / "taken").exists()


def test_a_job_whose_grant_is_revoked_gets_nothing(job, storage):
    sign_in(job)
    job.ok("credenza", "grant", "revoke", "photos")
    ok, said = start(job, SYNC)
    assert not ok and storage.puts == [], said
