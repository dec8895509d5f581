//! `--token-file`.

use crate::support::Home;

#[test]
fn c33_the_token_file_is_0600_has_no_line_feed_and_opens_the_endpoint() {
    let home = Home::new();
    let script = "env | grep -c ^AWS_CONTAINER_AUTHORIZATION; file=$AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE; \
                  echo $file; stat -c '%a %s' $file; tr -cd '\\n\\r' < $file | wc -c; \
                  curl -s -o /dev/null -w '%{http_code}\\n' -H \"Authorization: $(cat $file)\" $AWS_CONTAINER_CREDENTIALS_FULL_URI; \
                  credenza credential my-role --from-endpoint >/dev/null && echo taken";
    let said = home.exec(&["my-role", "--token-file", "--", "sh", "-c", script]).good();
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[1].starts_with(&home.run_folder().display().to_string()), "{said}");
    assert_eq!([lines[0], lines[2], lines[3], lines[4], lines[5]], ["1", "600 43", "0", "200", "taken"], "{said}");
}
