//! A home whose person may enter some accounts by IAM Identity Center, played by the simulated cloud.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use credenza::config::SsoSession;
use credenza::secret::Secret;
use credenza::store::{Registration, StoredToken, TokenStore};
use credenza::world::{Environment, World};
use simcloud::{Cloud, Listening, sso};
use tokio::runtime::Runtime;

use crate::home::Home;

pub(crate) const START: &str = "https://d-1234567890.awsapps.com/start";
pub(crate) const REGION: &str = "eu-central-1";
const ADA: &str = "ada@example.com";

/// Ada may be `Admin` and `ReadOnly` in `Prod EU` (111122223333), and `ReadOnly` in `Test` (444455556666).
pub(crate) struct Center {
    pub(crate) home: Home,
    pub(crate) cloud: Cloud,
    runtime: Runtime,
    _listening: Listening,
}

impl Center {
    /// With this in `~/.aws/config`; `None`: with no `~/.aws` at all.
    pub(crate) fn with(config: Option<&str>) -> Self {
        let cloud = Cloud::on_system_clock();
        cloud.add_instance(sso::Instance::new(START, REGION));
        cloud.add_person(ADA);
        for (id, name, roles) in
            [("111122223333", "Prod EU", &["Admin", "ReadOnly"][..]), ("444455556666", "Test", &["ReadOnly"])]
        {
            let email = format!("{id}@example.com");
            cloud.add_account(sso::Account { id: id.into(), name: name.into(), email, start_url: None });
            roles.iter().for_each(|role| cloud.assign(ADA, id, role, Duration::from_secs(3600)));
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listening = runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            cloud.listen(listener).unwrap()
        });
        let mut home = Home::new();
        match config {
            Some(config) => home.write(".aws/config", config),
            None => fs::remove_dir_all(home.path(".aws")).unwrap(),
        }
        for name in ["AWS_ENDPOINT_URL_SSO", "AWS_ENDPOINT_URL_SSO_OIDC"] {
            home.variables.push((name, format!("http://{}", listening.address())));
        }
        Self { home, cloud, runtime, _listening: listening }
    }

    /// The same with an `[sso-session corp]` and with Ada signed in to it.
    pub(crate) fn of_corp() -> Self {
        let center = Self::with(Some(CORP));
        center.sign_in("corp");
        center
    }

    /// Ada has signed in to a session of this name, elsewhere.
    pub(crate) fn sign_in(&self, name: &str) {
        let environment = Environment::from_iter([("HOME", self.home.path(""))]);
        let session = SsoSession::of_start_url(START, REGION, Some(name), &environment).unwrap();
        let world = World::with_environment(Arc::new(environment));
        let there = self.cloud.sign_in(START, ADA).unwrap();
        let token = StoredToken {
            access_token: Secret::new(there.access_token),
            expires_at: there.expires,
            refresh_token: Some(Secret::new(there.refresh_token)),
            registration: Some(Registration {
                client_id: there.client_id,
                client_secret: Secret::new(there.client_secret),
                expires_at: there.registration_expires,
            }),
            start_url: None,
            region: None,
        };
        self.runtime.block_on(TokenStore::of(&session, &world).unwrap().save(&token)).unwrap();
    }

    /// Ada sits there, and confirms codes on another device.
    pub(crate) fn seat(&mut self) {
        let visitor = Some(sso::Visitor::approves(ADA).elsewhere());
        assert!(self.cloud.change_instance(START, |instance| instance.visitor = visitor));
        // no browser is opened over SSH
        self.home.variables.push(("SSH_TTY", "/dev/pts/0".to_owned()));
    }

    /// An assignment is gone.
    pub(crate) fn take_away(&self, account: &str, role: &str) {
        assert!(self.cloud.remove_assignment(ADA, account, role));
    }

    /// `~/.aws/config` as it is now.
    pub(crate) fn config(&self) -> String {
        fs::read_to_string(self.home.path(".aws/config")).unwrap()
    }
}

pub(crate) const CORP: &str = "\
[sso-session corp]
sso_start_url = https://d-1234567890.awsapps.com/start
sso_region = eu-central-1
";
