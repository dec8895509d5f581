//! `--token-file`.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;

use crate::support::{Home, ask};

#[test]
fn c33_the_token_file_is_0600_has_no_line_feed_and_opens_the_endpoint() {
    let home = Home::new();
    let script = "env | grep -c ^AWS_CONTAINER_AUTHORIZATION; file=$AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE; \
                  echo $file; stat -c '%a %s' $file; tr -cd '\\n\\r' < $file | wc -c; \
                  credenza credential my-role --from-endpoint >/dev/null && echo taken; \
                  echo $AWS_CONTAINER_CREDENTIALS_FULL_URI; read line";
    let mut exec = home.credenza(&["exec", "my-role", "--token-file", "--", "sh", "-c", script]);
    let mut exec = exec.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let said = BufReader::new(exec.stdout.take().unwrap()).lines().take(6);
    let said: Vec<String> = said.map(Result::unwrap).collect();
    let token = std::fs::read_to_string(&said[1]).unwrap();
    let status = ask(&said[5], &token).unwrap().0;
    exec.stdin.take().unwrap().write_all(b"end\n").unwrap();
    assert!(exec.wait().unwrap().success());
    assert!(said[1].starts_with(&home.run_folder().display().to_string()), "{said:?}");
    assert_eq!([&said[0], &said[2], &said[3], &said[4]], ["1", "600 43", "0", "taken"]);
    assert_eq!(status, 200);
}
