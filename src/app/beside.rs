//! What `exec` opens for its child beside its own endpoint: a listener without a token, for the instance metadata services of
//! EC2 and Azure, and for task metadata.
//!
//! On a free port of 127.0.0.1, for processes of our own user and root's. Called by [`super::endpoint`].

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::AppError;
use super::terms::{AzureChild, Machine, Own, terms_of_child};
use crate::config::{Config, Dialect};
use crate::credential::IdentityName;
use crate::server::listener::Listener;
use crate::server::service::Service;
use crate::server::terms::Terms;
use crate::world::Random;

/// What is opened for a child on an address of its own: nothing by default.
#[derive(Clone, Debug, Default)]
pub struct Metadata {
    /// The instance metadata service.
    pub ec2: bool,
    /// Where a container learns which task it is part of.
    pub ecs_task: bool,
    /// Azure's instance metadata service.
    pub azure_imds: bool,
    /// The region that both say, before the identity's own.
    pub region: Option<String>,
}

impl Metadata {
    /// What is asked for and has somebody to be asked of.
    fn dialects(&self, whose: &Whose) -> Vec<Dialect> {
        let (aws, azure) = (whose.aws.is_some(), !whose.azure.is_empty());
        let asked = [
            (self.ec2 && aws, Dialect::Ec2),
            (self.ecs_task && aws, Dialect::EcsTask),
            (self.azure_imds && azure, Dialect::AzureImds),
        ];
        asked.into_iter().filter_map(|(asked, dialect)| asked.then_some(dialect)).collect()
    }
}

/// Whose machine it is, in either cloud.
#[derive(Clone, Debug, Default)]
pub(super) struct Whose {
    /// Whose instance and task it is.
    pub(super) aws: Option<IdentityName>,
    /// The identities that a machine of Azure has, the default first.
    pub(super) azure: Vec<IdentityName>,
    /// The client id that the child's environment names.
    pub(super) azure_client_id: Option<String>,
}

/// A listener that serves.
#[derive(Debug)]
pub(super) struct Beside {
    address: SocketAddr,
    whose: Whose,
    asked: Metadata,
    own: Own,
    terms: watch::Sender<Arc<Terms>>,
    serving: JoinHandle<()>,
}

impl Beside {
    /// Opens it, where something is asked for.
    pub(super) fn open(
        asked: Metadata,
        whose: Whose,
        config: &Config,
        service: &Service,
        random: &dyn Random,
        stop: watch::Receiver<bool>,
    ) -> Result<Option<Self>, AppError> {
        if asked.dialects(&whose).is_empty() {
            return Ok(None);
        }
        let listener = Listener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?.beside_another();
        let (address, own) = (listener.address(), Own::new(random));
        let terms = terms(&asked, &whose, address, config, &own).map_err(AppError::Metadata)?;
        let (terms, current) = watch::channel(Arc::new(terms));
        let serving = tokio::spawn(service.on(current).serve(listener, stop));
        Ok(Some(Self { address, whose, asked, own, terms, serving }))
    }

    /// The configuration was read again. What it says and cannot be served changes nothing.
    pub(super) fn follow(&self, config: &Config) {
        match terms(&self.asked, &self.whose, self.address, config, &self.own) {
            Ok(terms) => {
                self.terms.send_replace(Arc::new(terms));
            }
            Err(why) => tracing::warn!(reason = %why, "what is said of the machine stays as it was"),
        }
    }

    /// The base of its URLs, such as `http://127.0.0.1:40124`.
    pub(super) fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where its task is described.
    pub(super) fn task_url(&self) -> Option<String> {
        let terms = self.terms.borrow();
        terms.task.as_ref().map(|task| format!("{}/v4/{}", self.base(), task.documents.container_id()))
    }

    pub(super) async fn closed(self) {
        let _ = self.serving.await;
    }
}

fn terms(asked: &Metadata, whose: &Whose, address: SocketAddr, config: &Config, own: &Own) -> Result<Terms, String> {
    let identity = whose.aws.as_ref().or(whose.azure.first()).ok_or("no identity is named")?;
    let machine = Machine { identity, region: asked.region.as_deref(), address };
    let azure = AzureChild { identities: &whose.azure, client_id: whose.azure_client_id.as_deref() };
    terms_of_child(&machine, &azure, &asked.dialects(whose), config, own)
}
