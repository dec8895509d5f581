"""Checklist 70: the daemon is killed and comes back; shells that took `credenza env` go on as if nothing had been.

The credentials live for 130 s, so that every client but one asks at each call and must find the same address and token
again. The SDK for Rust asks in the last ten seconds only, so here it goes on with what it holds: that it finds the new
daemon is shown in `test_rotation.py`.
"""

from harness.home import kill


def test_c70_a_shell_of_env_outlives_kill_9_and_restart_of_the_daemon(client, home):
    home.role("my-role")
    home.cloud.short_lives(130, "my-role")
    shell = home.shell("my-role", client)
    before = shell.ok("sts")
    first = home.status()

    kill(first["pid"])
    up = home.credenza("up")
    assert up.returncode == 0, up.stderr
    second = home.status()
    assert second["pid"] != first["pid"]
    assert second["address"] == first["address"]

    assert shell.ok("sts") == before or client.process_a_call
    assert shell.ok("s3") == ["uploads"]
    assert shell.close()[0] == 0
    if client.name != "rust":
        assert sum(ask["uses"] for ask in home.status()["asks"]) > 0, "the new daemon was asked"


def test_c70_a_child_of_exec_never_notices_that_the_daemon_is_killed(client, form, home):
    home.role("my-role")
    home.cloud.short_lives(130, "my-role")
    assert home.credenza("up").returncode == 0
    child = home.exec("my-role", client, *form)
    child.ok("sts")
    kill(home.status()["pid"])
    child.ok("sts")
    assert child.ok("s3") == ["uploads"]
    assert child.close()[0] == 0
