//! `azure` of `[identity.X]`: whose tokens it gives and from where, as it is written.
//!
//! Which keys go with which source is said here, all complaints at once; whether what they say can be had is seen in
//! `config/resolve/azure.rs`. `${NAME}` is still in the texts that are read here. Called by [`super::Own`].

mod check;
mod parts;

use std::time::Duration;

use ::toml::de::DeTable;

use super::variables;
use crate::config::azure::Cloud;
use crate::config::duration;
use crate::config::identity::{Kind, Place};
use crate::config::toml::{Item, Keys, Reader, Written};
pub(in crate::config) use check::check;
pub use parts::{SaidOfCertificateKey, SaidOfToken};

/// `azure`, as it is written.
#[derive(Clone, Debug)]
pub struct SaidOfAzure {
    /// Where it begins.
    pub place: Place,
    /// Where tokens come from.
    pub source: SourceWord,
    /// The cloud, where it is written.
    pub cloud: Option<Written<Cloud>>,
    /// Every text, by its key.
    texts: Vec<(&'static str, Written<String>)>,
    /// For these resources alone.
    pub allow: Option<Vec<Written<String>>>,
    /// For these never.
    pub deny: Vec<Written<String>>,
    /// How much of a token's life clients get at least.
    pub min_life: Option<Written<Duration>>,
    /// Where the key of the certificate lies, where not beside it.
    pub certificate_key: Option<Written<SaidOfCertificateKey>>,
    /// Who signs in place of an AWS identity.
    pub token: Option<Written<SaidOfToken>>,
}

/// `source`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceWord {
    /// The Azure CLI.
    AzureCli,
    /// The Azure Developer CLI.
    Azd,
    /// Entra ID itself.
    Entra,
    /// Entra ID, by what another party signs.
    Federated,
}

impl SourceWord {
    /// As it is written.
    pub fn word(self) -> &'static str {
        self.kind().word()
    }

    /// The kind of an identity with it.
    pub fn kind(self) -> Kind {
        match self {
            Self::AzureCli => Kind::AzureCli,
            Self::Azd => Kind::Azd,
            Self::Entra => Kind::Entra,
            Self::Federated => Kind::Federated,
        }
    }
}

impl SaidOfAzure {
    /// Reads it; `None` where not even its source could be read.
    pub(super) fn read<'a>(reader: &mut Reader<'a>, item: &Item<'a>) -> Option<Self> {
        let table = reader.table("azure", item)?;
        reader.check_keys(&AZURE, table);
        let start = item.span().start;
        if !table.contains_key("source") {
            reader.complain(start, format!("`azure` needs `source`: one of {}", words().join(", ")));
        }
        let source = table
            .get("source")
            .and_then(|item| reader.word("source", item, &SOURCES.map(|source| (source.word(), source))));
        let mut texts = Vec::new();
        for key in TEXTS {
            let written = table.get(*key).and_then(|item| reader.parsed(key, item, |text| checked(key, text)));
            texts.extend(written.map(|written| (*key, written)));
        }
        let cloud = table.get("cloud").and_then(|item| reader.word("cloud", item, CLOUDS));
        let resources = table.get("resources").and_then(|item| parts::resources(reader, item));
        let (allow, deny) = resources.unwrap_or_default();
        let min_life = table.get("min_life").and_then(|item| reader.parsed("min_life", item, min_life));
        let certificate_key = table.get("certificate_key").and_then(|item| parts::certificate_key(reader, item));
        let token = table.get("token").and_then(|item| parts::token(reader, item));
        let source = source?.value;
        let place = reader.place(start);
        let said = Self { place, source, cloud, texts, allow, deny, min_life, certificate_key, token };
        said.check_together(reader, table, item);
        Some(said)
    }

    /// A text, by its key.
    pub fn text(&self, key: &str) -> Option<&Written<String>> {
        self.texts.iter().find(|(known, _)| *known == key).map(|(_, written)| written)
    }

    /// The same, without its place.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.text(key).map(|written| written.value.as_str())
    }

    /// What is written wrong: as it is known when every variable has its value.
    pub fn wrong(&self) -> Option<(Place, String)> {
        let texts = self.texts.iter().map(|(key, written)| (*key, written));
        let allow = self.allow.iter().flatten().map(|written| ("allow", written));
        let all = texts.chain(allow).chain(self.deny.iter().map(|written| ("deny", written)));
        let wrong = |(key, written): (&str, &Written<String>)| {
            let reason = check(key, &written.value).err()?;
            Some((written.place.clone(), format!("`{key}`: {reason}")))
        };
        let key = || {
            let written = self.certificate_key.as_ref()?;
            Some((written.place.clone(), format!("`certificate_key`: {}", written.value.wrong()?)))
        };
        all.filter_map(wrong).next().or_else(key)
    }

    /// Every text in which a variable may stand, with its key and its place.
    pub(super) fn texts_mut(&mut self) -> Vec<(&'static str, Place, &mut String)> {
        let mut all: Vec<(&'static str, Place, &mut String)> = Vec::new();
        for (key, written) in &mut self.texts {
            all.push((key, written.place.clone(), &mut written.value));
        }
        for (key, list) in [("allow", self.allow.as_mut()), ("deny", Some(&mut self.deny))] {
            for written in list.into_iter().flatten() {
                all.push((key, written.place.clone(), &mut written.value));
            }
        }
        if let Some(Written { value, place }) = &mut self.certificate_key {
            all.extend(value.texts_mut().into_iter().map(|text| ("certificate_key", place.clone(), text)));
        }
        if let Some(Written { value, place }) = &mut self.token {
            all.extend(value.texts_mut().into_iter().map(|text| ("token", place.clone(), text)));
        }
        all
    }

    /// What goes with what.
    fn check_together<'a>(&self, reader: &mut Reader<'a>, table: &DeTable<'a>, whole: &Item<'a>) {
        let source = self.source;
        let has = |key: &str| table.contains_key(key);
        let at = |key: &str| table.get_key_value(key).map(|(key, _)| key.span().start).unwrap_or_default();
        for (key, sources) in OF_SOURCES.iter().filter(|(key, sources)| has(key) && !sources.contains(&source)) {
            let others: Vec<_> = sources.iter().map(|source| format!("\"{}\"", source.word())).collect();
            let others = others.join(" or ");
            let text = format!("`{key}` goes with source = {others}, and this is \"{}\": take it out", source.word());
            reader.complain(at(key), text);
        }
        let start = whole.span().start;
        let mut needs = |key: &str, why: &str| {
            if !has(key) {
                reader.complain(start, format!("source = \"{}\" needs `{key}`: {why}", source.word()));
            }
        };
        match source {
            SourceWord::AzureCli | SourceWord::Azd => {}
            SourceWord::Entra => needs("client_id", "the id of an app registration of yours"),
            SourceWord::Federated => {
                needs(
                    "client_id",
                    "the id of the app registration, or of the managed identity, that trusts what is signed",
                );
                needs("tenant", "a statement is shown to one tenant");
            }
        }
        if source == SourceWord::AzureCli && has("tenant") && has("subscription") {
            let text =
                "`tenant` and `subscription` cannot both be had: a subscription has its tenant, so take `tenant` out";
            reader.complain(at("tenant"), text.to_owned());
        }
        if source == SourceWord::Entra {
            if has("certificate") && !has("tenant") {
                let text = "`certificate` needs `tenant`: no person says in which one the app registration is";
                reader.complain(at("certificate"), text.to_owned());
            }
            if has("certificate_key") && !has("certificate") {
                let text = "`certificate_key` needs `certificate`: the file with the certificate itself";
                reader.complain(at("certificate_key"), text.to_owned());
            }
        }
        if source == SourceWord::Federated {
            if has("from") == has("token") {
                let found = if has("from") { "both are here" } else { "neither is here" };
                let text = format!(
                    "source = \"federated\" needs one of `from`, an AWS identity that AWS signs for, and `token`, which another \
                     party signs, and {found}"
                );
                reader.complain(start, text);
            }
            if has("region") && !has("from") {
                reader.complain(at("region"), "`region` is that of `from`, which is not here: take it out".to_owned());
            }
            let of_github = self.token.as_ref().is_some_and(|token| token.value == SaidOfToken::GitHubActions);
            if has("audience") && has("token") && !of_github {
                let text = "`audience` goes with `from` and with token = { github = true }: a file and a program have a token \
                            whose audience stands already, so take it out";
                reader.complain(at("audience"), text.to_owned());
            }
        }
    }
}

/// A text whose variables are still in it is checked when they are not any more.
fn checked(key: &str, text: &str) -> Result<String, String> {
    variables::check(text)?;
    if !text.contains("${") {
        check(key, text)?;
    }
    Ok(text.to_owned())
}

/// With less than five minutes every client takes a token for none; of an hour's token with more than half nothing is left to
/// renew it in.
fn min_life(text: &str) -> Result<Duration, String> {
    let life = duration::parse(text)?;
    let fits = (5 * 60..=30 * 60).contains(&life.as_secs());
    if fits { Ok(life) } else { Err("clients get 5m to 30m of a token's life at least".to_owned()) }
}

pub(in crate::config::own) const AZURE: Keys = Keys {
    table: "azure",
    known: &[
        "source",
        "tenant",
        "client_id",
        "cloud",
        "resource",
        "resources",
        "min_life",
        "object_id",
        "resource_id",
        "subscription",
        "config_folder",
        "certificate",
        "certificate_key",
        "from",
        "region",
        "audience",
        "token",
    ],
    later: &[],
};

const TEXTS: &[&str] = &[
    "tenant",
    "client_id",
    "resource",
    "object_id",
    "resource_id",
    "subscription",
    "config_folder",
    "certificate",
    "from",
    "region",
    "audience",
];

/// The keys that mean something to some sources alone.
const OF_SOURCES: &[(&str, &[SourceWord])] = &[
    ("subscription", &[SourceWord::AzureCli]),
    ("config_folder", &[SourceWord::AzureCli, SourceWord::Azd]),
    ("certificate", &[SourceWord::Entra]),
    ("certificate_key", &[SourceWord::Entra]),
    ("from", &[SourceWord::Federated]),
    ("region", &[SourceWord::Federated]),
    ("audience", &[SourceWord::Federated]),
    ("token", &[SourceWord::Federated]),
];

const SOURCES: [SourceWord; 4] = [SourceWord::AzureCli, SourceWord::Azd, SourceWord::Entra, SourceWord::Federated];

const CLOUDS: &[(&str, Cloud)] =
    &[("public", Cloud::Public), ("us-government", Cloud::UsGovernment), ("china", Cloud::China)];

fn words() -> Vec<&'static str> {
    SOURCES.iter().map(|source| source.word()).collect()
}
