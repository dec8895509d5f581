//! A client that signs by hand, speaks over a pipe in memory, and shows an answer as it came.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use simcloud::{Cloud, Keys};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// A request before it is sent: every part may be spoilt.
#[derive(Clone)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

/// What a request is signed with.
pub struct Signing<'a> {
    pub keys: &'a Keys,
    pub at: SystemTime,
    pub region: &'a str,
    pub service: &'a str,
}

impl<'a> Signing<'a> {
    pub fn new(keys: &'a Keys, at: SystemTime) -> Self {
        Self { keys, at, region: "eu-central-1", service: "sts" }
    }
}

impl Request {
    /// A form for an action of STS, unsigned.
    pub fn new(action: &str, parameters: &[(&str, &str)]) -> Self {
        Self::of_version("2011-06-15", action, parameters)
    }

    /// A form for an action of whatever service has this version, unsigned.
    pub fn of_version(version: &str, action: &str, parameters: &[(&str, &str)]) -> Self {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("Action", action).append_pair("Version", version).extend_pairs(parameters);
        Self {
            method: "POST".to_owned(),
            path: "/".to_owned(),
            headers: vec![
                ("host".to_owned(), "127.0.0.1:9999".to_owned()),
                ("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()),
            ],
            body: form.finish(),
        }
    }

    /// The same, signed.
    pub fn signed(mut self, signing: &Signing<'_>) -> Self {
        let keys = signing.keys;
        let identity =
            Credentials::new(&keys.access_key_id, &keys.secret_access_key, keys.session_token.clone(), None, "test")
                .into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(signing.region)
            .name(signing.service)
            .time(signing.at)
            .settings(SigningSettings::default())
            .build()
            .unwrap()
            .into();
        let uri = format!("http://{}{}", self.header("host").unwrap(), self.path);
        let headers: Vec<_> = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let body = SignableBody::Bytes(self.body.as_bytes());
        let signable = SignableRequest::new(&self.method, uri, headers.into_iter(), body).unwrap();
        let (instructions, _) = sign(signable, &parameters).unwrap().into_parts();
        let (added, _) = instructions.into_parts();
        let added: Vec<_> = added.iter().map(|added| (added.name().to_owned(), added.value().to_owned())).collect();
        self.headers.extend(added);
        self
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(key, _)| key != name);
        self
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self = self.without(name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sends it over a fresh pipe and reads until the cloud closes.
    pub async fn send(&self, cloud: &Cloud) -> Answer {
        let (mut near, far) = tokio::io::duplex(1 << 16);
        let serving = tokio::spawn(cloud.serve(far));
        let mut text = format!("{} {} HTTP/1.1\r\n", self.method, self.path);
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str(&format!("connection: close\r\ncontent-length: {}\r\n\r\n{}", self.body.len(), self.body));
        near.write_all(text.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        near.read_to_end(&mut bytes).await.unwrap();
        serving.await.unwrap();
        Answer { text: String::from_utf8(bytes).unwrap() }
    }
}

/// An answer, as it came over the wire.
#[derive(Debug)]
pub struct Answer {
    pub text: String,
}

impl Answer {
    pub fn status(&self) -> u16 {
        self.text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    pub fn head(&self) -> &str {
        self.text.split_once("\r\n\r\n").map_or(self.text.as_str(), |(head, _)| head)
    }

    pub fn body(&self) -> &str {
        self.text.split_once("\r\n\r\n").map_or("", |(_, body)| body)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.head().lines().filter_map(|line| line.split_once(": "));
        fields.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The text of the first element of this name.
    pub fn element(&self, name: &str) -> Option<&str> {
        let (_, rest) = self.body().split_once(&format!("<{name}>"))?;
        rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
    }

    /// Status, code and message of an error.
    pub fn error(&self) -> (u16, &str, &str) {
        (self.status(), self.element("Code").unwrap_or(""), self.element("Message").unwrap_or(""))
    }

    /// The credentials of an answer that gives some.
    pub fn keys(&self) -> Keys {
        let text = |name| self.element(name).unwrap_or_else(|| panic!("no {name} in {self:?}")).to_owned();
        Keys {
            access_key_id: text("AccessKeyId"),
            secret_access_key: text("SecretAccessKey"),
            session_token: Some(text("SessionToken")),
        }
    }
}

/// Sends a signed request, as a client with a right clock would.
pub async fn call(cloud: &Cloud, keys: &Keys, action: &str, parameters: &[(&str, &str)]) -> Answer {
    Request::new(action, parameters).signed(&Signing::new(keys, cloud.now())).send(cloud).await
}
