//! Files that were edited a moment ago, and files that the daemon does not read.

use crate::home::{Home, Said};

#[test]
fn a_grant_right_after_an_edit_knows_what_was_written() {
    let home = Home::new();
    let _daemon = home.serve();
    for round in 0..10 {
        let name = format!("new-{round}");
        home.write(".aws/config", &home.profiles(&["prod", &name]));
        let said = home.run(&["grant", "new", &name]);
        assert_eq!(said.code, Some(0), "round {round}: {said:?}");
        home.write(".aws/config", &home.profiles(&["prod", &name]).replace("cat", "cat -u"));
        let said = home.run(&["env", &name, "--format", "json"]);
        assert_eq!(said.code, Some(0), "round {round}, another definition: {said:?}");
    }
}

#[test]
fn what_other_files_say_is_refused_with_what_mends_it() {
    let home = Home::new();
    let _daemon = home.serve();
    home.write("other", &home.profiles(&["prod", "elsewhere"]).replace("cat", "cat -u"));
    for (name, why) in [("prod", "prod means something else to the daemon"), ("elsewhere", "knows no identity")] {
        let mut command = home.credenza(&["grant", "new", name]);
        let said = Said::of(command.env("AWS_CONFIG_FILE", home.path("other")).output().unwrap());
        said.failed(3, &[why, "try: credenza down && credenza up"]);
    }
    home.run(&["grant", "new", "nobody"]).failed(3, &["knows no identity nobody", "try: credenza list"]);
}
