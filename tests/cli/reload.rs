//! Files that change under a running daemon.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use crate::home::{Granted, Home, keys_of, until};
use crate::wire::{get, key};

#[test]
fn a_changed_profile_is_noticed_and_its_old_keys_are_dropped() {
    let home = Home::new();
    let _daemon = home.serve();
    let granted = home.grant(&["prod", "dev"]);
    assert_eq!(key(&granted), "ASIAPROD");
    std::fs::write(home.path("other.json"), keys_of("other")).unwrap();
    let config = home.profiles(&["prod", "dev"]).replacen("prod.json", "other.json", 1);
    home.write(".aws/config", &config);
    until("the other keys are served", || get(&granted).unwrap().body.contains("ASIAOTHER"));
    let dev = Granted { path: "/creds/dev".into(), ..granted };
    assert_eq!(key(&dev), "ASIADEV");
}

#[test]
fn a_new_profile_can_be_granted_and_a_removed_one_is_gone() {
    let home = Home::new();
    let _daemon = home.serve();
    let granted = home.grant(&["dev"]);
    assert_eq!(key(&granted), "ASIADEV");
    home.write(".aws/config", &home.profiles(&["prod", "new"]));
    until("the new one can be granted", || home.run(&["grant", "new", "new"]).code == Some(0));
    let answer = get(&granted).unwrap();
    assert!((400..500).contains(&answer.status) && answer.status != 404, "{answer:?}");
}

#[test]
fn our_own_file_that_cannot_be_used_changes_nothing() {
    let home = Home::new();
    home.good(&["up"]);
    let granted = home.grant(&["prod"]);
    home.configure("[server]\nprot = 1\n");
    until("it is logged", || std::fs::read_to_string(home.state("daemon.log")).unwrap().contains("config.toml:2"));
    assert_eq!(key(&granted), "ASIAPROD");
    let first = home.json(&["status", "--json"])["warnings"][0].as_str().unwrap().to_owned();
    assert!(first.starts_with("the configuration stays as it was: ") && first.contains("config.toml:2"), "{first}");
    assert!(home.good(&["status"]).contains(&first));
    home.configure("");
    until("status says nothing more of it", || {
        !home.json(&["status", "--json"])["warnings"].to_string().contains("stays as it was")
    });
    // what down needs is no configuration
    home.good(&["down"]);
}

/// Puts a folder in the place of `~/.aws/config`, which even root cannot read; the file is back when `then` is over, with
/// other keys for `prod`.
fn while_unreadable(home: &Home, then: impl FnOnce()) {
    let (file, aside) = (home.path(".aws/config"), home.path(".aws/aside"));
    std::fs::rename(&file, &aside).unwrap();
    std::fs::create_dir(&file).unwrap();
    then();
    std::fs::remove_dir(&file).unwrap();
    std::fs::write(home.path("other.json"), keys_of("other")).unwrap();
    let config = std::fs::read_to_string(&aside).unwrap().replace("prod.json", "other.json");
    std::fs::write(&aside, config).unwrap();
    std::fs::rename(&aside, &file).unwrap();
}

#[test]
fn a_shared_file_that_cannot_be_read_for_a_while_costs_the_daemon_nothing() {
    let home = Home::new();
    home.good(&["up"]);
    let granted = home.grant(&["prod"]);
    assert_eq!(key(&granted), "ASIAPROD");
    while_unreadable(&home, || {
        until("status says so", || {
            let warnings = home.json(&["status", "--json"])["warnings"].to_string();
            warnings.contains("stays as it was: ") && warnings.contains(".aws/config cannot be read")
        });
        assert_eq!(key(&granted), "ASIAPROD");
    });
    until("it follows", || key(&granted) == "ASIAOTHER");
}

#[test]
fn a_shared_file_that_cannot_be_read_for_a_while_costs_a_job_nothing() {
    let home = Home::new();
    let words = "echo $AWS_CONTAINER_CREDENTIALS_FULL_URI; echo $AWS_CONTAINER_AUTHORIZATION_TOKEN; read end";
    let mut exec = home.credenza(&["exec", "prod", "--", "sh", "-c", words]);
    let mut exec = exec.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(exec.stdout.take().unwrap()).lines().map(Result::unwrap);
    let (mut stderr, log) = (exec.stderr.take().unwrap(), Arc::new(Mutex::new(String::new())));
    let heard = Arc::clone(&log);
    let hearing = std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(length @ 1..) = stderr.read(&mut bytes) {
            heard.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..length]));
        }
    });
    let granted = Granted::of(&said.next().unwrap(), said.next().unwrap());
    assert_eq!(key(&granted), "ASIAPROD");
    while_unreadable(&home, || {
        until("it says so", || log.lock().unwrap().contains(".aws/config cannot be read"));
        assert_eq!(key(&granted), "ASIAPROD");
    });
    until("it follows", || key(&granted) == "ASIAOTHER");
    drop(exec.stdin.take());
    exec.wait().unwrap();
    hearing.join().unwrap();
    let log = log.lock().unwrap();
    assert_eq!(log.matches("stays as it was").count(), 1, "it is said once: {log}");
}

#[test]
fn a_shared_file_that_could_never_be_read_keeps_no_change_of_another_from_being_noticed() {
    let home = Home::new();
    std::fs::create_dir(home.path(".aws/credentials")).unwrap();
    let _daemon = home.serve();
    let granted = home.grant(&["prod"]);
    assert_eq!(key(&granted), "ASIAPROD");
    std::fs::write(home.path("other.json"), keys_of("other")).unwrap();
    home.write(".aws/config", &home.profiles(&["prod"]).replace("prod.json", "other.json"));
    until("it follows", || key(&granted) == "ASIAOTHER");
}

#[test]
fn a_changed_credentials_file_is_noticed() {
    let home = Home::new();
    let credentials = |name: &str| home.profiles(&[name]).replace(&format!("[profile {name}]"), "[only-there]");
    home.write(".aws/credentials", &credentials("first"));
    let _daemon = home.serve();
    let granted = home.grant(&["only-there"]);
    assert_eq!(key(&granted), "ASIAFIRST");
    home.write(".aws/credentials", &credentials("second"));
    until("the new keys are served", || get(&granted).unwrap().body.contains("ASIASECOND"));
    std::fs::remove_file(home.path(".aws/credentials")).unwrap();
    until("without the file there are none", || get(&granted).unwrap().status != 200);
}

#[test]
fn a_change_of_our_own_file_drops_what_was_made_without_it() {
    let home = Home::new();
    home.configure("[identity.job]\nprofile = \"prod\"\n");
    let _daemon = home.serve();
    let granted = home.grant(&["job"]);
    assert_eq!(key(&granted), "ASIAPROD");
    home.configure("[identity.job]\nprofile = \"dev\"\n");
    until("the other profile's keys are served", || key(&granted) == "ASIADEV");
}

#[test]
fn what_our_own_file_is_to_keep_warm_is_fetched_before_anybody_asks() {
    let home = Home::new();
    home.configure("");
    let _daemon = home.serve();
    assert_eq!(home.json(&["status", "--json"])["asks"], serde_json::json!([]));
    home.configure("[identity.prod]\nkeep_warm = true\n");
    until("it is fetched", || {
        let asks = &home.json(&["status", "--json"])["asks"];
        asks[0]["identity"] == "prod" && asks[0]["fetched"] == 1 && asks[0]["uses"] == 0
    });
}
