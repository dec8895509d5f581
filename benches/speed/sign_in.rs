//! The first credential of a sign-in whose token lies there already: beside the round trip to the access portal alone.
//!
//! The portal is the simulated cloud, in this process, over plain HTTP on loopback.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use simcloud::Cloud;
use simcloud::sso::{Account, Instance, SignedIn};

use crate::process::time_command;

const START: &str = "https://d-1234567890.awsapps.com/start";
const PERSON: &str = "ada@example.com";
const ACCOUNT: &str = "111122223333";

/// A home with a token in the AWS CLI's folder, and the cloud that gave it.
pub struct SignIn {
    home: tempfile::TempDir,
    portal: SocketAddr,
    token: String,
    _serving: (tokio::runtime::Runtime, simcloud::Listening),
}

impl SignIn {
    pub fn begin() -> Self {
        let cloud = Cloud::on_system_clock();
        cloud.add_instance(Instance::new(START, "eu-central-1"));
        cloud.add_person(PERSON);
        let account = Account { id: ACCOUNT.into(), name: "bench".into(), email: PERSON.into(), start_url: None };
        cloud.add_account(account);
        cloud.assign(PERSON, ACCOUNT, "Bench", Duration::from_secs(3600));
        let signed_in = cloud.sign_in(START, PERSON).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listening = runtime
            .block_on(async { cloud.listen(tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap()).unwrap() });
        let home = tempfile::tempdir().unwrap();
        let cache = home.path().join(".aws/sso/cache");
        std::fs::create_dir_all(&cache).unwrap();
        // SHA-1 of `bench`
        std::fs::write(cache.join("e5c89c529dccb9b42716f4d9118d61079c883d9e.json"), file(&signed_in)).unwrap();
        let config = format!(
            "[sso-session bench]\nsso_start_url = {START}\nsso_region = eu-central-1\n[profile bench]\nsso_session = bench\n\
             sso_account_id = {ACCOUNT}\nsso_role_name = Bench\nregion = eu-central-1\n"
        );
        std::fs::write(home.path().join(".aws/config"), config).unwrap();
        let (portal, token) = (listening.address(), signed_in.access_token);
        Self { home, portal, token, _serving: (runtime, listening) }
    }

    /// How long the portal takes for a role's credentials on a new connection, in milliseconds.
    pub fn time_upstream(&self) -> f64 {
        let begun = Instant::now();
        let mut stream = TcpStream::connect(self.portal).unwrap();
        let request = format!(
            "GET /federation/credentials?role_name=Bench&account_id={ACCOUNT} HTTP/1.1\r\nHost: {}\r\n\
             x-amz-sso_bearer_token: {}\r\nConnection: close\r\n\r\n",
            self.portal, self.token
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
        begun.elapsed().as_secs_f64() * 1e3
    }

    /// How long `credenza credential` takes from its start to its end where no daemon runs, in milliseconds.
    pub fn time_credential(&self) -> f64 {
        let (home, url) = (self.home.path(), format!("http://{}", self.portal));
        let mut command = Command::new(env!("CARGO_BIN_EXE_credenza"));
        command
            .args(["credential", "bench"])
            .env_clear()
            .env("HOME", home)
            .env("CREDENZA_STATE_DIR", home.join("state"))
            .env("CREDENZA_RUNTIME_DIR", home.join("run"))
            .env("AWS_ENDPOINT_URL_SSO", &url)
            .env("AWS_ENDPOINT_URL_SSO_OIDC", &url);
        time_command(&mut command)
    }
}

fn file(signed_in: &SignedIn) -> String {
    let time = |time| jiff::Timestamp::try_from(time).unwrap().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    serde_json::json!({
        "startUrl": START, "region": "eu-central-1",
        "accessToken": signed_in.access_token, "expiresAt": time(signed_in.expires),
        "clientId": signed_in.client_id, "clientSecret": signed_in.client_secret,
        "registrationExpiresAt": time(signed_in.registration_expires), "refreshToken": signed_in.refresh_token,
    })
    .to_string()
}
