//! The simulated AWS of the tour: an account, a person in IAM Identity Center, and the two addresses that it listens on.

use std::{error::Error, net::SocketAddr, time::Duration};

use simcloud::{
    Cloud, Listening, TestAuthority, Trust,
    sso::{Account, Instance, Visitor},
};
use tokio::net::TcpListener;

pub(crate) const ACCOUNT: &str = "111122223333";
pub(crate) const ROLE: &str = "arn:aws:iam::111122223333:role/my-role";
pub(crate) const START_URL: &str = "https://d-1234567890.awsapps.com/start";
pub(crate) const REGION: &str = "eu-central-1";
pub(crate) const PERMISSION_SET: &str = "Developer";
const PERSON: &str = "ada@example.com";

/// A simulated AWS that listens until it is dropped.
pub(crate) struct Stage {
    pub(crate) cloud: Cloud,
    pub(crate) ca_pem: String,
    api: Listening,
    pages: Listening,
}

impl Stage {
    /// `visitor`: the person approves by themself whatever page is opened. Else the page waits for whoever reads it.
    pub(crate) async fn new(visitor: bool) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let cloud = Cloud::on_system_clock();
        // Also a code that is confirmed elsewhere: in a container no browser is opened.
        let visitor = if visitor { Visitor::approves(PERSON).elsewhere() } else { Visitor::waits(PERSON) };
        cloud.add_instance(Instance { visitor: Some(visitor), ..Instance::new(START_URL, REGION) });
        cloud.add_person(PERSON);
        cloud.add_account(Account {
            id: ACCOUNT.to_owned(),
            name: "development".to_owned(),
            email: "development@example.com".to_owned(),
            start_url: None,
        });
        cloud.assign(PERSON, ACCOUNT, PERMISSION_SET, HOUR);
        cloud.add_role(ROLE, Trust::of([ACCOUNT]), HOUR);
        let authority = TestAuthority::new()?;
        let listener = || TcpListener::bind("127.0.0.1:0");
        let api = cloud.listen_tls(listener().await?, authority.server(&["127.0.0.1"])?)?;
        // A real browser knows nothing of the test authority: it opens plain pages on loopback without a warning.
        let pages = cloud.listen(listener().await?)?;
        Ok(Self { ca_pem: authority.ca_pem(), cloud, api, pages })
    }

    /// Where STS and the access portal are, over TLS.
    pub(crate) fn api(&self) -> SocketAddr {
        self.api.address()
    }

    /// Where sign-in and its pages are, over plain HTTP.
    pub(crate) fn pages(&self) -> SocketAddr {
        self.pages.address()
    }
}

const HOUR: Duration = Duration::from_secs(3600);
