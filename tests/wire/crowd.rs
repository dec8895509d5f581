//! Many at once on a cold cache: one upstream call, everyone answered (checklist 21).

use std::time::Duration;

use tokio::task::JoinSet;

use crate::client::send;
use crate::stage::{Does, MINUTE, Stage};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c21_two_hundred_at_once_cost_one_call() {
    let (stage, address) = Stage::listening(Does::Lasts(50 * MINUTE));
    stage.source.now_takes(Duration::from_millis(300));
    let mut crowd = JoinSet::new();
    for _ in 0..200 {
        let request = stage.get("/creds/default");
        crowd.spawn(async move { send(address, request).await.status });
    }
    let statuses = crowd.join_all().await;
    assert_eq!(statuses, [200; 200]);
    assert_eq!(stage.source.calls(), 1);
}
