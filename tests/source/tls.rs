//! The same over real sockets: TCP, TLS, and the client that the product uses.

use std::sync::Arc;

use credenza::credential::{FailureClass, Session};
use credenza::source::{Ingredient, Renewal};
use credenza::world::{Environment, World};
use simcloud::{Cloud, Fault, TestAuthority, Trouble, Trust};
use tokio::net::TcpListener;

use crate::stage::*;

struct Machine {
    cloud: Cloud,
    home: tempfile::TempDir,
    url: String,
    _listening: simcloud::Listening,
}

/// A cloud behind TLS, and a home whose profiles use it.
async fn machine(lines: &str) -> Machine {
    let cloud = Cloud::on_system_clock();
    let keys = cloud.add_user("ada", ACCOUNT);
    cloud.add_role(&role_arn("deploy"), Trust::of([format!("arn:aws:iam::{ACCOUNT}:user/ada")]), HOUR);
    let authority = TestAuthority::new().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let listening = cloud.listen_tls(listener, authority.server(&["localhost"]).unwrap()).unwrap();
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join(".aws")).unwrap();
    let bundle = home.path().join("ca.pem");
    std::fs::write(&bundle, authority.ca_pem()).unwrap();
    let config = format!(
        "[profile base]\n{}\n[profile role]\nrole_arn = {}\nsource_profile = base\n{}",
        key_lines(&keys),
        role_arn("deploy"),
        lines.replace("BUNDLE", bundle.to_str().unwrap())
    );
    std::fs::write(home.path().join(".aws/config"), config).unwrap();
    Machine { cloud, home, url, _listening: listening }
}

impl Machine {
    fn world(&self, more: &[(&str, &str)]) -> World {
        let environment = Environment::from_iter([("AWS_ENDPOINT_URL_STS", self.url.as_str())])
            .with("HOME", self.home.path())
            .with("USER", "ada");
        let bundle = self.home.path().join("ca.pem");
        let environment = more.iter().fold(environment, |environment, (name, value)| {
            environment.with(name, value.replace("BUNDLE", bundle.to_str().unwrap()))
        });
        World::with_environment(Arc::new(environment))
    }

    async fn fetch(
        &self,
        more: &[(&str, &str)],
    ) -> Result<credenza::credential::Issued, credenza::credential::Failure> {
        let world = self.world(more);
        let source = source_in(&world, "role");
        let session = Session { renewed: source.renew(Renewal::default()).await?, received: world.clock.now() };
        let made = source.issue(Ingredient::Session(Arc::new(session))).await;
        made.map(|made| made.keys().unwrap())
    }
}

#[tokio::test]
async fn a_role_is_assumed_over_tls_with_the_authority_that_was_named() {
    for (lines, variables) in [
        ("", &[("AWS_CA_BUNDLE", "BUNDLE")] as &[_]),
        ("", &[("SSL_CERT_FILE", "BUNDLE")]),
        ("ca_bundle = BUNDLE\n", &[]),
    ] {
        let machine = machine(lines).await;
        let issued =
            machine.fetch(variables).await.unwrap_or_else(|failure| panic!("{lines}{variables:?}: {failure:?}"));
        assert!(machine.cloud.judge(&as_cloud_keys(&issued)).is_ok());
    }
}

#[tokio::test]
async fn an_untrusted_authority_is_refused_with_the_setting_that_would_mend_it() {
    let machine = machine("").await;
    let failure = machine.fetch(&[]).await.unwrap_err();
    assert_eq!((failure.class, failure.code), (FailureClass::TryLater, "UpstreamUnavailable"));
    assert!(failure.public.contains("AWS_CA_BUNDLE"), "{}", failure.public);
    assert_eq!(machine.cloud.calls().len(), 0);
}

#[tokio::test]
async fn a_bundle_that_is_none_is_named_by_its_setting() {
    let machine = machine("").await;
    for (name, path) in [("AWS_CA_BUNDLE", "/nowhere/ca.pem"), ("SSL_CERT_FILE", "/dev/null")] {
        let failure = machine.fetch(&[(name, path)]).await.unwrap_err();
        assert!(failure.public.contains(&format!("correct {name}")), "{failure:?}");
        assert!(failure.private.contains(path), "{failure:?}");
    }
}

#[tokio::test]
async fn faults_on_a_real_connection_are_tried_again_later() {
    let machine = machine("").await;
    for trouble in [
        Trouble::ResetBefore,
        Trouble::ResetAfter,
        Trouble::Torn,
        Trouble::EmptyAnswer,
        Trouble::BlankCredentials,
        Trouble::Huge { bytes: 1 << 20 },
        Trouble::WrongAnswer,
        Trouble::Redirect { to: machine.url.clone() },
    ] {
        machine.cloud.clear_faults();
        machine.cloud.forget_calls();
        machine.cloud.add_fault(Fault::new(trouble.clone()));
        let failure = machine.fetch(&[("AWS_CA_BUNDLE", "BUNDLE")]).await.unwrap_err();
        assert_eq!(failure.class, FailureClass::TryLater, "{trouble:?}: {}", failure.private);
        assert_eq!(machine.cloud.calls().len(), 1, "{trouble:?}");
    }
}
