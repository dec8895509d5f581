//! What the child must find as we found it: signals, limits, umask, descriptors, group, folder, input.

use std::process::Command;

use crate::support::{Home, Said, fed};

/// Has one shell run a probe, once by itself and once through us; both must say the same.
fn same_with_and_without(setup: &str, probe: &str) -> String {
    same_at(&Home::new(), setup, probe)
}

fn same_at(home: &Home, setup: &str, probe: &str) -> String {
    let script = format!("{setup}\n{probe} > ~/without\ncredenza exec my-role -- {probe} > ~/with");
    Said::of(home.command("bash", &["-c", &script]).current_dir(home.path(".")).output().unwrap()).good();
    let said = |name: &str| std::fs::read_to_string(home.path(name)).unwrap();
    assert_eq!(said("with"), said("without"), "{setup}");
    said("with")
}

#[test]
fn limits_are_those_that_we_were_started_with() {
    let said = same_with_and_without("ulimit -Sn 77; ulimit -Sc 0; ulimit -Hn 1000", "cat /proc/self/limits");
    assert!(said.lines().any(|line| line.starts_with("Max open files") && line.contains("77 ")), "{said}");
    same_with_and_without("ulimit -Sc unlimited 2>/dev/null || ulimit -Sc $(ulimit -Hc)", "cat /proc/self/limits");
}

#[test]
fn signal_mask_and_dispositions_are_those_that_we_were_started_with() {
    let probe = "grep -E ^Sig(Blk|Ign|Cgt) /proc/self/status";
    let probe = probe.replace("(", "\\(").replace(")", "\\)").replace("|", "\\|");
    for setup in ["", "trap '' HUP USR1", "trap '' PIPE INT CHLD"] {
        let said = same_with_and_without(setup, &probe);
        assert_eq!(said.lines().count(), 3, "{said}");
    }
}

#[test]
fn a_blocked_signal_stays_blocked_and_ends_are_still_seen() {
    let home = Home::new();
    let blocked =
        ["--block-signal=USR2,CHLD,TERM", "credenza", "exec", "my-role", "--", "grep", "SigBlk", "/proc/self/status"];
    let said = Said::of(home.command("env", &blocked).output().unwrap()).good();
    let bits = u64::from_str_radix(said.split_whitespace().nth(1).unwrap(), 16).unwrap();
    assert_eq!(bits, [12, 17, 15].iter().map(|signal| 1_u64 << (signal - 1)).sum::<u64>(), "{said}");
}

#[test]
fn umask_and_folder_are_kept() {
    assert_eq!(same_with_and_without("umask 0027; cd .aws", "sh -c 'umask; basename $PWD'"), "0027\n.aws\n");
}

#[test]
fn descriptors_beyond_the_standard_three_are_passed_on_and_ours_are_not() {
    // the probe lists its own: a shell's would change while it looks
    let setup = "exec 7</dev/null 9</dev/zero";
    let with_daemon = Home::new();
    with_daemon.run(&["up"]).good();
    for home in [&Home::new(), &with_daemon] {
        let said = same_at(home, setup, "ls /proc/self/fd");
        assert!(["7", "9"].iter().all(|open| said.lines().any(|line| line == *open)), "{said}");
    }
    let sockets = "bash -c 'for fd in /proc/$PPID/fd/*; do readlink $fd; done'";
    let ours = Said::of(
        with_daemon.command("bash", &["-c", &format!("credenza exec my-role -- {sockets}")]).output().unwrap(),
    );
    assert!(ours.good().matches("socket:").count() >= 2, "the endpoint and the control connection were there");
    let said = same_with_and_without(setup, "readlink /proc/self/fd/7 /proc/self/fd/9");
    assert_eq!(said, "/dev/null\n/dev/zero\n");
}

#[test]
fn the_child_is_in_our_process_group_and_session() {
    let home = Home::new();
    // of /proc/PID/stat: the parent, the group, the session
    let script = "set -- $(cat /proc/$$/stat); echo $5 $6; set -- $(cat /proc/$4/stat); echo $2 $5 $6";
    let said = home.exec(&["my-role", "--", "sh", "-c", script]).good();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[1], format!("(credenza) {}", lines[0]));
}

#[test]
fn standard_input_is_the_childs_alone() {
    let home = Home::new();
    let text = "a line\n".repeat(100_000);
    let said = fed(home.credenza(&["exec", "my-role", "--", "cat"]), &text).good();
    assert!(said == text);
    // what the child leaves unread is there for the next
    let script = "credenza exec my-role -- head -c 7 >/dev/null; cat";
    let said = fed(home.command("bash", &["-c", script]), "a line\nanother\n").good();
    assert_eq!(said, "another\n");
}

#[test]
fn arguments_come_through_as_they_are() {
    let home = Home::new();
    let said = home.exec(&["my-role", "--", "printf", "[%s]", "", "a b", "--", "*", "'\"\\", "-v"]).good();
    assert_eq!(said, "[][a b][--][*]['\"\\][-v]");
}

#[test]
fn without_a_command_it_is_the_shell() {
    let home = Home::new();
    home.write("my-shell", "#!/bin/sh\necho \"shell $# $CREDENZA_IDENTITY\"\n");
    let shell = home.path("my-shell");
    assert!(Command::new("chmod").arg("+x").arg(&shell).status().unwrap().success());
    let output = home.credenza(&["exec", "my-role"]).env("SHELL", &shell).output().unwrap();
    assert_eq!(Said::of(output).good(), "shell 0 my-role\n");
    let said = fed(home.credenza(&["exec", "my-role"]), "echo sh $CREDENZA_IDENTITY\n").good();
    assert_eq!(said, "sh my-role\n");
}
