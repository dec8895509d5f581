//! [`Query`]: what stands behind the question mark, as Azure's clients write it; and [`TokenWanted`], what they want by it.
//!
//! Called by the server, for every dialect of Azure.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::{Fault, versions};
use crate::credential::Resource;

/// A query, taken apart. Each parameter stands there once (Microsoft Learn, "Azure Instance Metadata Service", "Query
/// parameters": duplicates are rejected), whatever the case of its name.
#[derive(Debug)]
pub struct Query<'q>(Vec<(Cow<'q, str>, Cow<'q, str>)>);

impl<'q> Query<'q> {
    /// Reads a query.
    ///
    /// # Errors
    ///
    /// [`Fault::Repeated`], [`Fault::Unreadable`].
    pub fn read(query: Option<&'q str>) -> Result<Self, Fault> {
        let mut pairs: Vec<(Cow<'q, str>, Cow<'q, str>)> = Vec::new();
        for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name)?, decode(value)?);
            if pairs.iter().any(|(known, _)| known.eq_ignore_ascii_case(&name)) {
                return Err(Fault::Repeated);
            }
            pairs.push((name, value));
        }
        Ok(Self(pairs))
    }

    /// What a parameter says; one that says nothing is not there.
    pub fn value(&self, name: &str) -> Option<&str> {
        let mut pairs = self.0.iter().filter(|(known, value)| known.eq_ignore_ascii_case(name) && !value.is_empty());
        pairs.next().map(|(_, value)| &**value)
    }

    /// The version of the metadata service that is spoken to.
    ///
    /// # Errors
    ///
    /// [`Fault::VersionMissing`], [`Fault::VersionUnknown`].
    pub fn version(&self) -> Result<&str, Fault> {
        let version = self.value("api-version").ok_or(Fault::VersionMissing)?;
        versions::is_known(version).then_some(version).ok_or(Fault::VersionUnknown)
    }

    /// For what a token is wanted, and of whom.
    ///
    /// # Errors
    ///
    /// [`Fault::ResourceMissing`], [`Fault::ResourceUnusable`], [`Fault::TwoPrincipals`].
    pub fn token(&self) -> Result<TokenWanted, Fault> {
        let resource = self.value("resource").ok_or(Fault::ResourceMissing)?;
        // what follows goes into a scope, a command's arguments and lines that people read
        if resource.len() > LONGEST || !resource.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Fault::ResourceUnusable);
        }
        Ok(TokenWanted { resource: resource.into(), principal: self.principal()? })
    }

    /// The one principal that is named, in whichever spellings.
    fn principal(&self) -> Result<Option<Principal>, Fault> {
        let named =
            SPELLINGS.iter().filter_map(|&(name, kind)| Some(Principal { kind, id: self.value(name)?.to_owned() }));
        named.into_iter().try_fold(None, |before: Option<Principal>, principal| match before {
            Some(before) if !before.is(&principal) => Err(Fault::TwoPrincipals),
            _ => Ok(Some(principal)),
        })
    }
}

/// What is asked for where a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenWanted {
    /// What it is for, to the letter as it was sent, but for escapes: `https://management.azure.com/`.
    pub resource: Resource,
    /// Whose it is to be; `None`: that of the one who is there.
    pub principal: Option<Principal>,
}

/// A principal, as a client names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// By what.
    pub kind: PrincipalKind,
    /// Its id.
    pub id: String,
}

impl Principal {
    /// Whether it is this id: GUIDs and the ids of Azure Resource Manager have no case.
    pub fn is_called(&self, id: &str) -> bool {
        self.id.eq_ignore_ascii_case(id)
    }

    fn is(&self, other: &Self) -> bool {
        self.kind == other.kind && self.is_called(&other.id)
    }
}

/// By what a principal is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrincipalKind {
    /// The application's id.
    Client,
    /// The object's id.
    Object,
    /// The id of a user-assigned identity at Azure Resource Manager.
    Resource,
}

/// Every spelling there is: `clientid` is App Service's of 2017 and Azure ML's, `principal_id` App Service's for `object_id`,
/// `msi_res_id` IMDS's and `mi_res_id` App Service's and Java's, `msi-res-id` that of .NET's probe
/// (Azure.Identity, `ImdsManagedIdentityProbeSource.cs`), `resource_id` what azure-identity's asynchronous half sends of an
/// `identity_config` that its other half takes (`aio/_internal/managed_identity_client.py`).
const SPELLINGS: [(&str, PrincipalKind); 9] = [
    ("client_id", PrincipalKind::Client),
    ("clientid", PrincipalKind::Client),
    ("object_id", PrincipalKind::Object),
    ("principal_id", PrincipalKind::Object),
    ("principalId", PrincipalKind::Object),
    ("msi_res_id", PrincipalKind::Resource),
    ("mi_res_id", PrincipalKind::Resource),
    ("msi-res-id", PrincipalKind::Resource),
    ("resource_id", PrincipalKind::Resource),
];

/// No resource is longer: a line, an argument and a key of our tables hold it.
const LONGEST: usize = 600;

/// A plus stands for itself: a resource and an id have no spaces.
fn decode(text: &str) -> Result<Cow<'_, str>, Fault> {
    percent_decode_str(text).decode_utf8().map_err(|_| Fault::Unreadable)
}
