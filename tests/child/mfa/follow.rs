//! A command that runs follows the session that it rests on, wherever somebody begins or forgets one.

use std::fs;
use std::process::Stdio;

use super::stage::Stage;
use crate::support::until;

#[test]
fn a_running_command_goes_on_with_a_session_that_is_begun_elsewhere() {
    let stage = Stage::new();
    stage.login("one");
    let ask = "credenza credential one --from-endpoint > ~/told 2>&1; echo $? >> ~/told; mv ~/told ~/answer.$1";
    let job = format!("while read number; do set -- $number; {ask}; done");
    let mut job = stage.command(&["exec", "one", "--", "sh", "-c", &job]).stdin(Stdio::piped()).spawn().unwrap();
    let mut asks = job.stdin.take().unwrap();
    let mut answer = |number: usize| {
        std::io::Write::write_all(&mut asks, format!("{number}\n").as_bytes()).unwrap();
        let file = stage.home.path(&format!("answer.{number}"));
        until("an answer", || file.exists());
        fs::read_to_string(file).unwrap()
    };
    assert!(answer(1).ends_with("\n0\n"));
    assert_eq!(stage.run(&["logout", "one", "--yes"]).code, Some(0));
    let mut number = 1;
    until("what was forgotten is handed out no more", || {
        number += 1;
        answer(number).contains("credenza login one")
    });
    stage.next_code();
    stage.login("five");
    until("another session is used", || {
        number += 1;
        answer(number).ends_with("\n0\n")
    });
    drop(asks);
    assert!(job.wait().unwrap().success());
    assert_eq!(stage.codes(), 2);
}
