//! A daemon of another version, played by a few lines: it understands what a later one would, and says the least that it
//! must.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::home::Home;

/// It answers as long as this lives; its socket goes with it.
pub(crate) struct StandIn<'a> {
    home: &'a Home,
    asked: Arc<Mutex<Vec<String>>>,
}

impl<'a> StandIn<'a> {
    /// One that speaks this version of the protocol at the home's socket.
    pub(crate) fn of(home: &'a Home, version: u32) -> Self {
        make_run_folder(home);
        let _ = std::fs::remove_file(home.socket());
        let listener = UnixListener::bind(home.socket()).unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heard = asked.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let heard = heard.clone();
                std::thread::spawn(move || serve(&stream, version, &heard));
            }
        });
        Self { home, asked }
    }

    /// The first lines of the requests that came.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for StandIn<'_> {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(self.home.socket());
    }
}

/// The folder of the control socket, as a daemon makes it.
pub(crate) fn make_run_folder(home: &Home) {
    for folder in [".local", ".local/state", ".local/state/credenza", ".local/state/credenza/run"] {
        std::fs::create_dir_all(home.path(folder)).unwrap();
        std::fs::set_permissions(home.path(folder), std::fs::Permissions::from_mode(0o700)).unwrap();
    }
}

fn serve(stream: &UnixStream, version: u32, heard: &Mutex<Vec<String>>) -> io::Result<()> {
    let mut lines = BufReader::new(stream);
    loop {
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if lines.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let line = line.trim_end().to_lowercase();
            if line.is_empty() {
                break;
            }
            length = line.strip_prefix("content-length: ").map_or(length, |text| text.parse().unwrap());
            head = if head.is_empty() { line } else { head };
        }
        let mut body = vec![0; length];
        lines.read_exact(&mut body)?;
        let (status, answer) = answer(&head, &serde_json::from_slice(&body).unwrap_or_default());
        heard.lock().unwrap().push(head);
        let answer = answer.to_string();
        let head = format!("HTTP/1.1 {status} X\r\ncredenza-protocol: {version}\r\ncontent-length: {}", answer.len());
        write!(&*stream, "{head}\r\n\r\n{answer}")?;
    }
}

fn answer(head: &str, body: &Value) -> (u16, Value) {
    let path = head.split(' ').nth(1).unwrap_or_default();
    let answer = match path {
        "/v1/job" => json!({ "not_supplied": [], "invented_later": 1 }),
        "/v1/credential" => json!({
            "digest": body["digest"], "access_key_id": "ASIASTANDIN", "secret_access_key": "secret",
            "session_token": "token", "expiration": "2099-01-01T00:00:00Z", "invented_later": {},
        }),
        "/v1/grant" => json!({
            "name": "later", "token": "token", "address": "http://127.0.0.1:1", "config_file": "/nowhere/config",
            "credentials_file": "/nowhere/credentials", "invented_later": [],
        }),
        _ => return (404, json!({ "code": "NoSuchRoute", "message": "there is no such route" })),
    };
    (200, answer)
}
