//! `credenza keys`, with a played keyring and the simulated cloud: keys move out of the credentials file, are used, are rotated
//! and removed; and what lies about in clear text is found.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use simcloud::{Fault, Keys, Trouble};

use crate::support::{Home, Said, fed, played_keyring, role};
use crate::terminal::{Terminal, ends_well_at_a_question};

/// A home with a keyring.
struct Stage {
    home: Home,
    keyring: PathBuf,
}

impl Stage {
    fn new() -> Self {
        let mut home = Home::new();
        let (tools, keyring) = played_keyring(&home);
        let path = home.variables().into_iter().rfind(|(name, _)| name == "PATH").unwrap().1;
        home.more.push(("PATH", format!("{}:{path}", tools.display())));
        home.more.push(("AWS_ENDPOINT_URL_IAM", home.cloud_url().to_owned()));
        Self { home, keyring }
    }

    /// The same with the profile's keys in the keyring, as `ada`, and an identity `mine` that has them.
    fn with_keys() -> Self {
        let stage = Self::new();
        let Keys { access_key_id, secret_access_key, .. } = &stage.home.keys;
        stage.fed(&["add", "ada"], &format!("{access_key_id}\n{secret_access_key}\n")).good();
        fs::create_dir_all(stage.home.path(".config/credenza")).unwrap();
        let role = role("my-role");
        let config =
            format!("[identity.mine]\nkeys = \"keyring:ada\"\nrole_arn = \"{role}\"\nregion = \"eu-west-1\"\n");
        stage.home.write(".config/credenza/config.toml", &config);
        stage
    }

    fn keys(&self, words: &[&str]) -> Said {
        self.home.run(&[&["keys"], words].concat())
    }

    fn fed(&self, words: &[&str], input: &str) -> Said {
        fed(self.home.credenza(&[&["keys"], words].concat()), input)
    }

    fn listed(&self) -> serde_json::Value {
        serde_json::from_str(&self.keys(&["list", "--json"]).good()).unwrap()
    }

    /// What lies in the keyring, all of it.
    fn kept(&self) -> String {
        fs::read_dir(&self.keyring).unwrap().map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap()).collect()
    }

    /// The files beside the credentials file that begin with its name and hold more.
    fn backups(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.home.path(".aws")).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.display().to_string().contains(".credenza-backup-")).collect()
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn keys_move_out_of_the_credentials_file() {
    let stage = Stage::new();
    let Keys { access_key_id, secret_access_key, .. } = &stage.home.keys;
    let before = format!(
        "# mine\n[other]\nregion = x\n[base]\naws_access_key_id = {access_key_id}\n# note\naws_secret_access_key = {secret_access_key}\nregion = eu-west-1\n"
    );
    stage.home.write(".aws/credentials", &before);
    let said = stage.keys(&["add", "base", "--from-profile", "base"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let path = stage.home.path(".aws/credentials");
    let after = fs::read_to_string(&path).unwrap();
    assert_eq!(after, "# mine\n[other]\nregion = x\n[base]\n# note\nregion = eu-west-1\n");
    let [backup] = stage.backups().try_into().unwrap();
    assert_eq!((fs::read_to_string(&backup).unwrap(), mode(&backup), mode(&path)), (before, 0o600, 0o600));
    assert!(said.err.contains(&format!("rm {}", backup.display())), "{said:?}");
    assert!(said.err.contains("[identity.base]\n    keys = \"keyring:base\""), "{said:?}");
    assert!(
        !format!("{said:?}").contains(secret_access_key.as_str()) && stage.kept().contains(secret_access_key.as_str())
    );

    // whoever rested on them is served at once
    assert!(said.err.contains("on the keys of [base] rest: ") && said.err.contains("my-role"), "{said:?}");
    let config = stage.home.path(".config/credenza/config.toml");
    let written = fs::read_to_string(&config).unwrap();
    assert_eq!((written.as_str(), mode(&config)), ("[identity.base]\nkeys = \"keyring:base\"\n", 0o600));
    assert_eq!(stage.home.exec(&["my-role", "--", "true"]).code, Some(0));
    stage.home.run(&["credential", "my-role"]).good();
    let again = stage.keys(&["add", "other", "--from-profile", "base"]);
    assert!(again.code == Some(3) && again.err.contains("[base]"), "{again:?}");
}

#[test]
fn what_the_configuration_says_already_is_kept_and_extended() {
    let stage = Stage::new();
    fs::create_dir_all(stage.home.path(".config/credenza")).unwrap();
    let config = stage.home.path(".config/credenza/config.toml");
    let before = "# mine\r\n[identity.my-role]\nregion = \"eu-west-1\" # theirs";
    fs::write(&config, before).unwrap();
    fs::set_permissions(&config, fs::Permissions::from_mode(0o640)).unwrap();
    stage.home.run(&["up"]).good();
    stage.home.run(&["credential", "my-role"]).good();
    stage.keys(&["add", "ada", "--from-profile", "base"]).good();
    let written = fs::read_to_string(&config).unwrap();
    assert_eq!(written, format!("{before}\n\n[identity.base]\nkeys = \"keyring:ada\"\n"));
    assert_eq!(mode(&config), 0o640);
    assert_eq!(stage.home.exec(&["my-role", "--", "true"]).code, Some(0));
    stage.home.run(&["credential", "my-role"]).good();
}

#[test]
fn keys_stay_until_their_owner_has_written_where_they_lie() {
    for (config, table) in [
        ("[identity.base]\nregion = \"eu-west-1\"\n", "[identity.base]"),
        ("[identity.mine]\nprofile = \"base\"\n", "[identity.mine]"),
    ] {
        let stage = Stage::new();
        fs::create_dir_all(stage.home.path(".config/credenza")).unwrap();
        stage.home.write(".config/credenza/config.toml", config);
        let lying = fs::read_to_string(stage.home.path(".aws/credentials")).unwrap();
        let said = stage.keys(&["add", "base", "--from-profile", "base"]);
        let line = format!("Write keys = \"keyring:base\" into {table} of ");
        assert!(said.code == Some(3) && said.err.contains(&line), "{said:?}");
        assert!(said.err.contains("credenza keys add base --from-profile base"), "{said:?}");
        assert_eq!(fs::read_to_string(stage.home.path(".aws/credentials")).unwrap(), lying);
        assert_eq!(fs::read_to_string(stage.home.path(".config/credenza/config.toml")).unwrap(), config);
        assert!(stage.backups().is_empty());
        stage.home.run(&["credential", "my-role"]).good();
        // they did, and nothing is asked
        stage.home.write(".config/credenza/config.toml", &config.replace("]\n", "]\nkeys = \"keyring:base\"\n"));
        stage.keys(&["add", "base", "--from-profile", "base"]).good();
        assert!(!fs::read_to_string(stage.home.path(".aws/credentials")).unwrap().contains("aws_access_key_id"));
        stage.home.run(&["credential", "my-role"]).good();
    }
}

#[test]
fn keys_that_aws_does_not_take_stay_where_they_are() {
    let stage = Stage::new();
    let before = "[base]\naws_access_key_id = AKIAQ3EGUZ7XKTLQ5B2C\naws_secret_access_key = wrong\n";
    stage.home.write(".aws/credentials", before);
    let said = stage.keys(&["add", "base", "--from-profile", "base"]);
    assert!(said.code == Some(1) && said.err.contains("...5B2C"), "{said:?}");
    assert_eq!(fs::read_to_string(stage.home.path(".aws/credentials")).unwrap(), before);
    assert!(stage.backups().is_empty() && stage.kept().is_empty());
    let piped = stage.fed(&["add", "base"], "AKIAQ3EGUZ7XKTLQ5B2C\nwrong\n");
    assert!(piped.code == Some(1) && stage.kept().is_empty(), "{piped:?}");
}

#[test]
fn keys_are_listed_replaced_and_removed() {
    let stage = Stage::with_keys();
    let Keys { access_key_id, secret_access_key, .. } = stage.home.keys.clone();
    let ends = &access_key_id[16..];
    let listed = stage.listed();
    let ada = &listed["keys"][0];
    assert_eq!((&ada["name"], &ada["ends"], &ada["unfinished"]), (&"ada".into(), &ends.into(), &false.into()));
    assert_eq!(ada["used_by"], serde_json::json!(["mine"]));
    let table = stage.keys(&["list"]).good();
    assert!(table.contains(&format!("ada   ...{ends}")) && !table.contains(&access_key_id), "{table}");
    stage.home.run(&["credential", "mine"]).good();

    let pair =
        format!(r#"{{"AccessKey":{{"AccessKeyId":"{access_key_id}","SecretAccessKey":"{secret_access_key}"}}}}"#);
    let refused = stage.fed(&["add", "mine"], &pair);
    assert!(refused.code == Some(1) && refused.err.contains("credenza keys add ada --replace"), "{refused:?}");
    stage.fed(&["add", "mine", "--replace"], &pair).good();

    let refused = stage.keys(&["remove", "ada"]);
    assert!(refused.code == Some(2) && refused.err.contains("credenza keys remove ada --yes"), "{refused:?}");
    stage.keys(&["remove", "ada", "--yes"]).good();
    assert!(stage.kept().is_empty() && stage.listed()["keys"].as_array().unwrap().is_empty());
    assert_eq!(stage.keys(&["remove", "ada", "--yes"]).code, Some(1));
    let without = stage.home.run(&["credential", "mine"]);
    assert!(without.code == Some(4) && without.err.contains("credenza keys add ada"), "{without:?}");
}

#[test]
fn keys_are_rotated_and_go_on_where_they_were_cut_off() {
    let stage = Stage::with_keys();
    let refused = stage.keys(&["rotate", "mine"]);
    assert!(refused.code == Some(2) && refused.err.contains("credenza keys rotate mine --yes"), "{refused:?}");
    let said = stage.keys(&["rotate", "mine", "--yes"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let old = &stage.home.keys;
    assert!(stage.home.cloud.judge(old).is_err() && !stage.kept().contains(&old.secret_access_key));
    stage.home.run(&["credential", "mine"]).good();

    // the answer with the new secret never arrives
    stage.home.cloud.add_fault(Fault::new(Trouble::ResetAfter).on_action("CreateAccessKey").times(1));
    let cut_off = stage.keys(&["rotate", "ada", "--yes"]);
    assert_eq!(cut_off.code, Some(5), "{cut_off:?}");
    assert_eq!(stage.listed()["keys"][0]["unfinished"], true);
    // it may be somebody's: nobody deletes it unasked
    let own = |issued: &simcloud::Issued| issued.keys.session_token.is_none();
    let left = stage.home.cloud.all_issued().into_iter().filter(own).map(|issued| issued.keys.access_key_id);
    let listed = stage.listed();
    let lost = left.map(|id| id[16..].to_owned()).find(|ends| listed["keys"][0]["ends"] != *ends).unwrap();
    let asked = stage.keys(&["rotate", "mine", "--yes"]);
    assert!(
        asked.code == Some(1) && asked.err.contains(&format!("credenza keys rotate ada --delete-lost {lost}")),
        "{asked:?}"
    );
    let said = stage.keys(&["rotate", "mine", "--delete-lost", &lost]);
    assert!(
        said.code == Some(0) && said.err.contains("it goes on") && said.err.contains("which a rotation"),
        "{said:?}"
    );
    let left: Vec<String> =
        stage.home.cloud.all_issued().into_iter().filter(own).map(|issued| issued.keys.secret_access_key).collect();
    assert!(left.len() == 1 && stage.kept().contains(&left[0]), "{} keys", left.len());
    let listed = stage.listed();
    assert!(listed["keys"][0]["unfinished"] == false && listed["keys"][0]["ends"] != old.access_key_id[16..]);
    stage.home.run(&["credential", "mine"]).good();
}

#[test]
fn a_key_that_may_be_somebodys_is_asked_about_at_a_terminal() {
    let stage = Stage::with_keys();
    stage.home.cloud.add_fault(Fault::new(Trouble::ResetAfter).on_action("CreateAccessKey").times(1));
    assert_eq!(stage.keys(&["rotate", "ada", "--yes"]).code, Some(5));
    let mut terminal = Terminal::new(&stage.home);
    for (answer, code) in [("", "code-1."), ("y", "code-0.")] {
        terminal.enter("credenza keys rotate ada; echo code-$?.");
        let shown = terminal.expect("Delete it? [y/N]");
        assert!(shown.contains(", made 2"), "{shown}");
        terminal.enter(answer);
        terminal.expect(code);
    }
    stage.home.run(&["credential", "mine"]).good();
}

#[test]
fn the_keys_of_a_user_with_a_device_are_rotated_by_a_session_with_a_code() {
    let stage = Stage::with_keys();
    let serial = "arn:aws:iam::111122223333:mfa/base";
    let cloud = &stage.home.cloud;
    cloud.add_device("base", serial);
    cloud.set_code_required("base", true);
    let config = fs::read_to_string(stage.home.path(".config/credenza/config.toml")).unwrap();
    stage.home.write(".config/credenza/config.toml", &format!("{config}mfa_serial = \"{serial}\"\n"));
    // no session, and nobody to ask for a code
    let said = stage.keys(&["rotate", "mine", "--yes"]);
    assert!(said.code == Some(4) && said.err.contains("credenza login mine"), "{said:?}");
    assert_eq!(cloud.count("CreateAccessKey"), 0);
    let code = cloud.code_of(serial);
    assert_eq!(stage.home.run(&["login", "mine", "--code", &code]).code, Some(0));
    let said = stage.keys(&["rotate", "mine", "--yes"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let of_iam = ["ListAccessKeys", "CreateAccessKey", "UpdateAccessKey", "DeleteAccessKey"];
    let calls: Vec<_> = cloud.calls().into_iter().filter(|call| of_iam.contains(&call.action.as_str())).collect();
    assert!(of_iam.iter().all(|action| calls.iter().any(|call| call.action == *action)), "{calls:?}");
    let by_session = |call: &simcloud::Call| call.access_key_id.as_ref().is_some_and(|id| id.starts_with("ASIA"));
    assert!(calls.iter().all(by_session), "{calls:?}");
    assert!(cloud.judge(&stage.home.keys).is_err() && !stage.kept().contains(&stage.home.keys.secret_access_key));
    assert_eq!(cloud.codes_sent(serial).len(), 1);
}

#[test]
fn keys_are_typed_unseen_and_removed_at_a_terminal() {
    let stage = Stage::new();
    let Keys { access_key_id, secret_access_key, .. } = stage.home.keys.clone();
    ends_well_at_a_question(&stage.home, &["keys", "add", "ada"], "Access key id of ada");
    assert!(stage.kept().is_empty());
    let mut terminal = Terminal::new(&stage.home);
    terminal.enter("credenza keys add ada; echo code-$?.");
    terminal.expect("Access key id of ada (is not shown): ");
    terminal.enter(&access_key_id);
    let mut shown = terminal.expect("Secret access key (is not shown): ");
    terminal.enter(&secret_access_key);
    shown += &terminal.expect("code-0.");
    assert!(!shown.contains(&access_key_id) && !shown.contains(&secret_access_key), "{shown}");
    assert!(stage.kept().contains(&secret_access_key));
    // longer than any key
    let seed = format!("otpauth://totp/AWS:ada?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer={}", "x".repeat(200));
    terminal.enter("credenza keys add --totp ada; echo code-$?.");
    terminal.expect("Seed of ada (is not shown): ");
    terminal.enter(&seed);
    terminal.expect("code-0.");
    assert!(stage.kept().contains(&seed));
    for (answer, code, there) in [("", "code-1.", true), ("n", "code-1.", true), ("y", "code-0.", false)] {
        terminal.enter("credenza keys remove ada; echo code-$?.");
        terminal.expect("Remove the keys ada from the keyring? [y/N]");
        terminal.enter(answer);
        terminal.expect(code);
        assert_eq!(stage.kept().contains(&secret_access_key), there);
    }
    // Ctrl-C at it ends it
    terminal.enter("sh -c 'trap : INT; credenza keys remove --totp ada; echo code-$?.'");
    terminal.expect("[y/N]");
    terminal.press("\u{3}");
    terminal.expect("code-130.");
    assert!(stage.kept().contains(&seed));
}

#[test]
fn keys_that_lie_elsewhere_are_not_rotated() {
    let stage = Stage::new();
    let said = stage.keys(&["rotate", "my-role", "--yes"]);
    assert!(said.code == Some(1) && said.err.contains("credenza keys add base --from-profile base"), "{said:?}");
    fs::create_dir_all(stage.home.path(".config/credenza")).unwrap();
    stage
        .home
        .write(".config/credenza/config.toml", "[identity.mine]\nkeys = \"op://Work/aws\"\nregion = \"eu-west-1\"\n");
    let said = stage.keys(&["rotate", "mine", "--yes"]);
    assert!(said.code == Some(1) && said.err.contains("writes nothing into 1Password"), "{said:?}");
}

#[test]
fn a_mistyped_name_is_said_before_anything_is_asked() {
    let stage = Stage::with_keys();
    stage.fed(&["add", "--totp", "seed"], "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\n").good();
    for (words, why, mend) in [
        (&["rotate", "adda"][..], "the keyring has no keys called adda", "credenza keys rotate ada"),
        (&["remove", "aad"], "the keyring has no keys called aad", "credenza keys remove ada"),
        (&["remove", "sed", "--totp"], "the keyring has no seed called sed", "credenza keys remove --totp seed"),
        (&["rotate", "else", "--yes"], "the keyring has no keys called else", "credenza keys list"),
        (&["remove", "else", "--yes"], "the keyring has no keys called else", "credenza keys list"),
    ] {
        let said = stage.keys(words);
        assert!(said.code == Some(1) && said.err.contains(why) && said.err.contains(mend), "{words:?}: {said:?}");
        assert!(!said.err.contains("--yes"), "{words:?}: {said:?}");
    }
    assert!(stage.kept().contains(&stage.home.keys.secret_access_key));
    // an identity's keys that are gone
    stage.keys(&["remove", "ada", "--yes"]).good();
    let said = stage.keys(&["rotate", "mine"]);
    assert!(said.code == Some(1) && said.err.contains("credenza keys add ada"), "{said:?}");
}

#[test]
fn a_seed_is_kept_with_a_warning() {
    let stage = Stage::new();
    let said = stage.fed(&["add", "--totp", "ada"], "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\n");
    assert!(said.code == Some(0) && said.err.contains("in one place"), "{said:?}");
    assert!(stage.kept().contains("GEZDGNBV") && !format!("{said:?}").contains("GEZDGNBV"));
    assert_eq!(stage.listed()["seeds"][0]["name"], "ada");
    let odd = stage.fed(&["add", "--totp", "odd"], "not-base32!\n");
    assert!(odd.code == Some(2) && odd.err.contains("base32"), "{odd:?}");
    stage.keys(&["remove", "--totp", "ada", "--yes"]).good();
    assert!(stage.kept().is_empty());
}

#[test]
fn what_lies_in_clear_text_is_found() {
    let stage = Stage::new();
    let pair =
        "AWS_ACCESS_KEY_ID=AKIAQ3EGUZ7XKTLQ5B2C\nAWS_SECRET_ACCESS_KEY=kV7dh2+Qz0pLw9sXbTn4RfYc8EuJ1mGa/6iHoSvK\n";
    stage.home.write(".aws/credentials", &format!("[prod]\n{}", pair.replace("AWS_", "aws_")));
    fs::create_dir(stage.home.path("work")).unwrap();
    stage.home.write("work/.env", &format!("# the key\n{pair}"));
    let work = stage.home.path("work").display().to_string();
    let said = stage.keys(&["scan", &work]);
    assert_eq!(said.code, Some(1), "{said:?}");
    for told in [
        ".aws/credentials:2: the access key ...5B2C with its secret\n  try: credenza keys add prod --from-profile prod\n",
        "work/.env:2: the access key ...5B2C with its secret\n  try: credenza keys add NAME",
    ] {
        assert!(said.out.contains(told), "{said:?}");
    }
    assert!(!format!("{said:?}").contains("kV7dh2") && said.err.contains("2 secrets in 2 files ("), "{said:?}");
    let json: serde_json::Value = serde_json::from_str(&stage.keys(&["scan", "--json", &work]).out).unwrap();
    assert!(said.err.contains(&format!(" ({} files read)", json["files"])) && json["files"] != 2, "{said:?}");
    assert_eq!((&json["schema"], &json["found"][0]["line"]), (&1.into(), &2.into()));
    fs::remove_dir_all(stage.home.path("work")).unwrap();
    fs::create_dir(stage.home.path("work")).unwrap();
    fs::remove_file(stage.home.path(".aws/credentials")).unwrap();
    let said = stage.keys(&["scan", &work]);
    assert!(said.code == Some(0) && said.out.is_empty() && said.err.contains("no secret in "), "{said:?}");
    assert_eq!(stage.keys(&["scan", "/no/such/folder"]).code, Some(2));
}
