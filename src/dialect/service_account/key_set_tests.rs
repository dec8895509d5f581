//! Which keys of a set are used.

use serde_json::json;

use super::super::signing::{Signer, base64url, jwks};
use super::*;

fn with(mut key: Value, name: &str, value: Value) -> Value {
    key[name] = value;
    key
}

fn without(mut key: Value, name: &str) -> Value {
    key.as_object_mut().unwrap().remove(name);
    key
}

/// A key with a modulus of so many bits; only its length is looked at.
fn rsa_of(bits: usize) -> Value {
    let mut modulus = vec![0xff_u8; bits.div_ceil(8)];
    modulus[0] >>= (8 - bits % 8) % 8;
    with(Signer::rs256("long").jwk(), "n", json!(base64url(&modulus)))
}

#[test]
fn keys_of_both_kinds_are_used() {
    let (rsa, p256) = (Signer::rs256("a").jwk(), Signer::es256("b").jwk());
    let keys = KeySet::parse(&jwks(&[rsa, p256])).unwrap();
    assert_eq!((keys.len(), keys.is_empty()), (2, false));
    assert!(keys.has("a") && keys.has("b") && !keys.has("c"));
}

#[test]
fn what_a_key_need_not_say_may_be_missing() {
    for name in ["alg", "use"] {
        for key in [Signer::rs256("a").jwk(), Signer::es256("a").jwk()] {
            assert_eq!(KeySet::parse(&jwks(&[without(key, name)])).map(|keys| keys.len()), Ok(1), "{name}");
        }
    }
    for bits in [2048, 3072, 8192] {
        assert_eq!(KeySet::parse(&jwks(&[rsa_of(bits)])).map(|keys| keys.len()), Ok(1), "{bits}");
    }
    let verifies = with(Signer::es256("a").jwk(), "key_ops", json!(["verify"]));
    assert!(KeySet::parse(&jwks(&[verifies])).is_ok());
}

#[test]
fn a_key_that_cannot_be_used_is_left_out() {
    let (rsa, p256) = (|| Signer::rs256("no").jwk(), || Signer::es256("no").jwk());
    for key in [
        with(rsa(), "alg", json!("HS256")),
        with(rsa(), "alg", json!("RS512")),
        with(rsa(), "alg", json!("PS256")),
        with(rsa(), "alg", json!("ES256")),
        with(p256(), "alg", json!("RS256")),
        with(p256(), "alg", json!(null)),
        with(rsa(), "use", json!("enc")),
        with(p256(), "use", json!("enc")),
        with(p256(), "key_ops", json!(["sign"])),
        with(p256(), "key_ops", json!("verify")),
        with(p256(), "crv", json!("P-384")),
        with(p256(), "crv", json!("secp256k1")),
        with(p256(), "kty", json!("OKP")),
        with(rsa(), "kty", json!("rsa")),
        json!({"kty": "oct", "kid": "no", "alg": "HS256", "k": "AAAA"}),
        json!({"kty": "RSA", "kid": "no"}),
        rsa_of(2047),
        rsa_of(1024),
        rsa_of(8193),
        with(rsa(), "e", json!(base64url(&[1]))),
        with(rsa(), "e", json!(base64url(&[1, 0, 0]))),
        with(rsa(), "e", json!(base64url(&[0, 1, 0, 1]))),
        with(rsa(), "e", json!("")),
        with(rsa(), "n", json!("")),
        with(rsa(), "n", json!("not base64url!")),
        with(p256(), "x", json!(base64url(&[7; 31]))),
        with(p256(), "y", json!(base64url(&[7; 33]))),
        with(rsa(), "d", json!("AQAB")),
        with(p256(), "d", json!("AQAB")),
        with(rsa(), "p", json!("AQAB")),
        without(rsa(), "kid"),
        with(rsa(), "kid", json!("")),
        with(rsa(), "kid", json!(7)),
    ] {
        let beside = KeySet::parse(&jwks(&[key.clone(), Signer::es256("good").jwk()])).unwrap();
        assert!(beside.len() == 1 && beside.has("good"), "{key}");
        assert!(KeySet::parse(&jwks(&[key])).unwrap_err().contains("none of its 1 keys can be used"));
    }
}

#[test]
fn a_kid_of_two_different_keys_says_nothing_of_either() {
    let (one, other, third) = (Signer::es256("a").jwk(), Signer::es256("a").jwk(), Signer::es256("b").jwk());
    let keys = KeySet::parse(&jwks(&[one.clone(), other.clone(), one.clone(), third])).unwrap();
    assert!(keys.len() == 1 && keys.has("b"));
    assert_eq!(KeySet::parse(&jwks(&[one.clone(), one])).unwrap().len(), 1, "the same twice is one");
    assert_eq!(KeySet::parse(&jwks(&[other])).unwrap().len(), 1);
}

#[test]
fn what_is_no_key_set_is_refused_in_one_sentence() {
    let key = Signer::es256("a").jwk();
    let twice = format!(r#"{{"keys":[{key}],"keys":[{key}]}}"#);
    let inner = format!(r#"{{"keys":[{}]}}"#, key.to_string().replacen('{', r#"{"kid":"b","#, 1));
    let trailing = format!(r#"{{"keys":[{key}]}} {{}}"#);
    for text in ["", "{}", "[]", "null", "<html>", r#"{"keys":{}}"#, r#"{"keys":["a"]}"#, &twice, &inner, &trailing] {
        let why = KeySet::parse(text.as_bytes()).unwrap_err();
        assert!(why.starts_with("it is no JSON Web Key Set") && !why.contains('\n'), "{text}: {why}");
    }
    assert!(KeySet::parse(br#"{"keys":[]}"#).unwrap_err().starts_with("none of its 0 keys"));
}

#[test]
fn a_set_shows_names_and_nothing_else() {
    assert_eq!(format!("{:?}", KeySet::parse(&jwks(&[Signer::es256("a").jwk()])).unwrap()), r#"{"a"}"#);
}
