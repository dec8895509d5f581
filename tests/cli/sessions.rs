//! Two sessions of one user, of which only one has a runtime folder: a desktop's, and a cron job's.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::home::Home;
use crate::wire::key;

#[test]
fn every_command_finds_the_daemon_of_another_session() {
    for daemon_has_one in [true, false] {
        let mut home = Home::new();
        fs::create_dir(home.path("xdg")).unwrap();
        fs::set_permissions(home.path("xdg"), fs::Permissions::from_mode(0o700)).unwrap();
        let xdg = ("XDG_RUNTIME_DIR", home.path("xdg").display().to_string());
        home.variables.extend(daemon_has_one.then(|| xdg.clone()));
        let mut daemon = home.serve();
        home.variables = if daemon_has_one { Vec::new() } else { vec![xdg] };
        assert_eq!(home.good(&["up"]), format!("ready http://{}\n", daemon.address));
        assert_eq!(home.json(&["status", "--json"])["pid"], daemon.pid());
        assert_eq!(key(&home.grant(&["prod"])), "ASIAPROD");
        assert!(home.good(&["env", "prod"]).contains(&daemon.address.to_string()));
        assert!(home.good(&["credential", "prod"]).contains("ASIAPROD"));
        let program = env!("CARGO_BIN_EXE_credenza");
        let jobs = home.good(&["exec", "prod", "--", program, "status", "--json"]);
        let status: serde_json::Value = serde_json::from_str(&jobs).unwrap();
        assert_eq!(status["jobs"][0]["command"], "credenza", "it supplies exec: {status}");
        assert_eq!(status["pid"], daemon.pid());
        let said = home.run(&["down"]);
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
        assert_eq!(daemon.ended(), Some(0));
    }
}
