//! What goes on while the command runs, without one.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;
use crate::app::Metadata;
use crate::world::{Environment, World};

const MOMENT: Duration = Duration::from_millis(50);

#[tokio::test]
async fn c38_the_token_file_of_a_running_command_is_rotated_and_its_endpoint_follows() {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join(".aws")).unwrap();
    let profile = "[profile prod]\ncredential_process = echo {}\n";
    std::fs::write(home.path().join(".aws/config"), profile).unwrap();
    let environment = [("HOME", home.path().to_str().unwrap()), ("PATH", "/usr/bin:/bin")];
    let world = World::with_environment(Arc::new(Environment::from_iter(environment)));
    let config = Arc::new(Config::load(&world).unwrap());
    let options = EndpointOptions {
        identities: vec!["prod".into()],
        command: "job".into(),
        own: Vec::new(),
        metadata: Metadata::default(),
        azure_client_id: None,
    };
    let endpoint = Endpoint::open(&world, Arc::clone(&config), options).await.unwrap();
    let address: SocketAddr = endpoint.base().strip_prefix("http://").unwrap().parse().unwrap();
    let watch = FileWatch::later(Config::files(&world).unwrap(), MOST_ARE_OVER);
    let env_files = EnvFileArgs::default().read(&world).unwrap();
    let mut files = Files::new(&world, &config, &env_files, watch).unwrap();
    let path = files.generated.write_token(endpoint.token()).unwrap();

    // the command is over when it has read three tokens, and has been let in with each
    let mut seen = BTreeSet::new();
    let command = async {
        while seen.len() < 3 {
            let token = std::fs::read_to_string(&path)?;
            if seen.insert(token.clone()) {
                assert_eq!(token.len(), 43, "whole, without a line feed");
                assert!(is_let_in(address, &token).await);
            }
            tokio::task::yield_now().await;
        }
        Ok(Ended::Code(7))
    };
    // each is good for a moment after its successor is there, and two successors are further apart than that
    let rotation = TokenRotation::new(world.clock.clone(), Timetable { period: 4 * MOMENT, overlap: MOMENT });
    let mut kept = Kept { rotation: Some(rotation), assertion: None };
    let ended = serve_until_ended(command, &mut files, &mut kept, &endpoint).await;
    assert_eq!(ended.unwrap(), Ended::Code(7));
    assert!(is_let_in(address, &std::fs::read_to_string(&path).unwrap()).await);
    assert!(!is_let_in(address, endpoint.token().expose()).await, "the first one has ended");
    assert!(seen.contains(endpoint.token().expose()));
    endpoint.close().await;
    drop(files);
    assert!(!path.exists());
}

/// Whether a token gets further than the door: the profile has nothing to give.
async fn is_let_in(address: SocketAddr, token: &str) -> bool {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET /v1/credentials HTTP/1.1\r\nHost: localhost\r\nAuthorization: {token}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 "), "{answer}");
    !answer.contains("TokenRefused")
}
