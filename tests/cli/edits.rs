//! Files that the daemon does not read.

use crate::home::{Home, Said};

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
