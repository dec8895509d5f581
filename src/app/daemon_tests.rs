//! The daemon in this process: what a test of the whole binary cannot time.

use super::*;
use crate::world::Environment;

#[tokio::test]
async fn a_change_between_the_start_and_the_serving_is_noticed() {
    let home = tempfile::tempdir().unwrap();
    let config = home.path().join("config");
    let folder = |name: &str| home.path().join(name).display().to_string();
    std::fs::write(&config, "[profile one]\n").unwrap();
    let environment = Environment::from_iter([
        ("HOME", folder("")),
        ("AWS_CONFIG_FILE", folder("config")),
        ("CREDENZA_STATE_DIR", folder("state")),
        ("CREDENZA_RUNTIME_DIR", folder("run")),
    ]);
    let app = App::build(World { environment: Arc::new(environment), ..World::system() }).await.unwrap();
    std::fs::write(&config, "[profile one]\n[profile two]\n").unwrap();
    let (daemon, stop) = (Arc::clone(&app.daemon), app.stop());
    let running = tokio::spawn(app.run());
    let noticed = async {
        while !daemon.config().identities.contains_key("two") {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(10), noticed).await.is_ok());
    stop.send_replace(true);
    running.await.unwrap().unwrap();
}
