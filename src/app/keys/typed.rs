//! Keys as a person or a program gives them to `credenza keys add`: JSON, two lines, or the console's file. Pure.

use serde::Deserialize;

use crate::credential::AwsKeys;
use crate::secret::Secret;
use crate::source::keys::check;

/// Reads long-term keys:
///
/// - what `aws iam create-access-key` prints, or the pair within it, or `{"access_key_id": ..., "secret_access_key": ...}`
/// - the id and the secret, a line each
/// - the file that IAM's console offers: `Access key ID,Secret access key`, and the two below
///
/// The error says what is wrong, in words that hold nothing of it.
pub fn read(text: &Secret) -> Result<AwsKeys, &'static str> {
    let text = text.expose().trim_start_matches('\u{feff}').trim();
    let keys = match text.starts_with('{') {
        true => of_json(text).ok_or("this JSON holds no AccessKeyId and SecretAccessKey")?,
        false => of_words(text).ok_or("that is not two lines, an access key id and its secret")?,
    };
    of_pair(keys)
}

/// The two halves, if they are long-term keys.
pub fn of_pair((access_key_id, secret_access_key): (String, Secret)) -> Result<AwsKeys, &'static str> {
    if access_key_id.starts_with("ASIA") {
        return Err("these keys are temporary (ASIA...): only long-term keys are kept");
    }
    let keys = AwsKeys { access_key_id, secret_access_key, session_token: None };
    check(&keys).map(|()| keys)
}

fn of_json(text: &str) -> Option<(String, Secret)> {
    #[derive(Deserialize)]
    struct Printed {
        #[serde(alias = "AccessKey")]
        access_key: Option<Pair>,
        #[serde(alias = "AccessKeyId")]
        access_key_id: Option<String>,
        #[serde(alias = "SecretAccessKey")]
        secret_access_key: Option<Secret>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Pair {
        access_key_id: String,
        secret_access_key: Secret,
    }
    let printed: Printed = serde_json::from_str(text).ok()?;
    match printed.access_key {
        Some(pair) => Some((pair.access_key_id, pair.secret_access_key)),
        None => Some((printed.access_key_id?, printed.secret_access_key?)),
    }
}

fn of_words(text: &str) -> Option<(String, Secret)> {
    let words = text.split(['\n', ',']).map(str::trim).filter(|word| !word.is_empty());
    let mut words = words.filter(|word| !HEADS.iter().any(|head| word.eq_ignore_ascii_case(head)));
    let pair = (words.next()?.to_owned(), Secret::new(words.next()?));
    words.next().is_none().then_some(pair)
}

const HEADS: [&str; 2] = ["access key id", "secret access key"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_they_are_given() {
        for text in [
            "AKIA1\ns/+\n",
            "  AKIA1\r\n\r\ns/+\r\n",
            "AKIA1,s/+",
            "\u{feff}Access key ID,Secret access key\r\nAKIA1,s/+\r\n",
            r#"{"AccessKey":{"UserName":"ada","AccessKeyId":"AKIA1","Status":"Active","SecretAccessKey":"s/+"}}"#,
            r#"{"Version":1,"AccessKeyId":"AKIA1","SecretAccessKey":"s/+"}"#,
            r#"{"access_key_id":"AKIA1","secret_access_key":"s/+"}"#,
        ] {
            let keys = read(&Secret::new(text)).unwrap_or_else(|why| panic!("{text}: {why}"));
            assert_eq!((keys.access_key_id.as_str(), keys.secret_access_key.expose()), ("AKIA1", "s/+"), "{text}");
        }
        for (text, why) in [
            ("", "not two lines"),
            ("AKIA1", "not two lines"),
            ("AKIA1\ns\nmore", "not two lines"),
            ("{}", "holds no"),
            ("{\"AccessKeyId\":\"AKIA1\"}", "holds no"),
            ("{", "holds no"),
            ("ASIA1\ns", "temporary"),
            ("AKIA1\na b", "characters"),
        ] {
            let error = read(&Secret::new(text)).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
