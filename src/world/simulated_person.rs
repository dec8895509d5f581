//! A person with a browser, for tests: reads what is told, and opens addresses as the test says. No socket is needed: what
//! the browser is sent back to is a rule in the same process. Nothing in the product builds one.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::BoxFuture;
use super::person::Person;
use super::redirect::{Listening, Redirects, Rule};
use crate::secret::Secret;

/// A person for tests.
pub struct SimulatedPerson {
    browser: Option<Box<Browser>>,
    told: Mutex<Vec<String>>,
    /// What they type when they are asked, one after the other.
    codes: Mutex<VecDeque<Secret>>,
}

/// What opening an address does; false: it could not be opened.
type Browser = dyn Fn(&str) -> bool + Send + Sync;

impl SimulatedPerson {
    /// A person who reads, and has no browser here.
    pub fn without_browser() -> Self {
        Self { browser: None, told: Mutex::default(), codes: Mutex::default() }
    }

    /// A person whose browser is `open`, called with each address.
    pub fn with_browser(open: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Self { browser: Some(Box::new(open)), told: Mutex::default(), codes: Mutex::default() }
    }

    /// Types this when they are asked next, after what is to be typed already. Who has nothing left to type gives nothing.
    pub fn will_type(&self, code: &str) {
        self.codes.lock().unwrap_or_else(PoisonError::into_inner).push_back(Secret::new(code));
    }

    /// Every line that was told so far, and every question.
    pub fn told(&self) -> Vec<String> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Person for SimulatedPerson {
    fn is_there(&self) -> bool {
        true
    }

    fn tell(&self, line: &str) {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).push(line.to_owned());
    }

    fn has_browser(&self) -> bool {
        self.browser.is_some()
    }

    fn open(&self, url: &str) -> BoxFuture<'static, bool> {
        let opened = self.browser.as_ref().is_some_and(|open| open(url));
        Box::pin(async move { opened })
    }

    fn ask_code(&self, question: &str) -> BoxFuture<'static, Option<Secret>> {
        self.tell(question);
        let code = self.codes.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        Box::pin(async move { code })
    }
}

/// A loopback for tests, which a test's browser asks by [`SimulatedRedirects::follow`]. Clones are the same one.
#[derive(Clone, Default)]
pub struct SimulatedRedirects {
    listening: Arc<Mutex<BTreeMap<u16, mpsc::UnboundedSender<Asked>>>>,
}

/// A request, and where its answer goes.
type Asked = (http::Request<()>, oneshot::Sender<http::Response<Bytes>>);

impl SimulatedRedirects {
    /// What a browser does that is sent to an address such as `http://127.0.0.1:20001/oauth/callback?code=X&state=Y`.
    /// `None`: nobody listens there, or not any more.
    pub async fn follow(&self, url: &str) -> Option<http::Response<Bytes>> {
        let url: http::Uri = url.parse().ok()?;
        // a browser asks for the root where an address has no path
        let target = format!("{}?{}", url.path(), url.query().unwrap_or_default());
        let request = http::Request::get(target).header("host", url.authority()?.as_str());
        let request = request.header("sec-fetch-mode", "navigate").header("sec-fetch-site", "cross-site");
        self.ask(url.port_u16()?, request.body(()).ok()?).await
    }

    /// Asks whoever listens on a port; `None`: nobody does.
    pub async fn ask(&self, port: u16, request: http::Request<()>) -> Option<http::Response<Bytes>> {
        let listener = self.listening.lock().unwrap_or_else(PoisonError::into_inner).get(&port).cloned()?;
        let (sender, answer) = oneshot::channel();
        listener.send((request, sender)).ok()?;
        answer.await.ok()
    }
}

impl Redirects for SimulatedRedirects {
    fn listen(&self) -> io::Result<Box<dyn Listening>> {
        let mut listening = self.listening.lock().unwrap_or_else(PoisonError::into_inner);
        let port = listening.keys().next_back().map_or(FIRST_PORT, |last| last + 1);
        let (sender, asked) = mpsc::unbounded_channel();
        listening.insert(port, sender);
        Ok(Box::new(Simulated { port, asked }))
    }
}

const FIRST_PORT: u16 = 20_001;

struct Simulated {
    port: u16,
    asked: mpsc::UnboundedReceiver<Asked>,
}

impl Listening for Simulated {
    fn port(&self) -> u16 {
        self.port
    }

    fn serve(mut self: Box<Self>, mut rule: Rule) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            while let Some((request, sender)) = self.asked.recv().await {
                let answer = rule(&request);
                let _ = sender.send(answer.response); // a browser that is closed reads nothing
                if answer.last {
                    return;
                }
            }
        })
    }
}
