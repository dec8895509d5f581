//! Tokens that are taken and tokens that are refused, each of them really signed.

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::signing::{AUDIENCE, ISSUER, Signer, base64url, claims, jwks, set_of};
use super::*;

const NOW_SECS: u64 = 1_795_298_656;

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOW_SECS)
}

fn rules() -> Rules {
    Rules { issuer: ISSUER.into(), audience: AUDIENCE.into() }
}

/// One key of either kind.
struct Cluster {
    rsa: Signer,
    p256: Signer,
    keys: KeySet,
}

static CLUSTER: LazyLock<Cluster> = LazyLock::new(|| {
    let (rsa, p256) = (Signer::rs256("rsa"), Signer::es256("p256"));
    let keys = set_of(&[&rsa, &p256]);
    Cluster { rsa, p256, keys }
});

fn judged(token: &[u8]) -> Result<ServiceAccount, Invalid> {
    verify(token, &CLUSTER.keys, &rules(), now())
}

/// What is said of a token that is signed as it must be, with one claim changed; `None`: left out.
fn claiming(name: &str, value: Option<Value>) -> Result<ServiceAccount, Invalid> {
    let mut claims = claims(NOW_SECS);
    match value {
        Some(value) => claims[name] = value,
        None => drop(claims.as_object_mut().unwrap().remove(name)),
    }
    judged(&CLUSTER.p256.token(&claims))
}

/// What is said of a token that is signed by this key, with this header.
fn headed(signer: &Signer, header: &str) -> Result<ServiceAccount, Invalid> {
    judged(&signer.sign(header, &claims(NOW_SECS).to_string()))
}

#[test]
fn a_token_of_either_algorithm_names_its_service_account() {
    for signer in [&CLUSTER.rsa, &CLUSTER.p256] {
        let account = judged(&signer.token(&claims(NOW_SECS))).unwrap();
        assert_eq!((&*account.namespace, &*account.name), ("jobs", "nightly-sync"));
        assert_eq!(account.until, now() + Duration::from_secs(3000));
    }
}

#[test]
fn the_algorithm_none_is_refused() {
    let claims = claims(NOW_SECS).to_string();
    for alg in ["none", "None", "NONE", ""] {
        let header = json!({"alg": alg, "kid": "rsa"}).to_string();
        let message = format!("{}.{}.", base64url(header.as_bytes()), base64url(claims.as_bytes()));
        assert_eq!(judged(message.as_bytes()), Err(Invalid::Algorithm), "{alg}, unsigned");
        assert_eq!(headed(&CLUSTER.rsa, &header), Err(Invalid::Algorithm), "{alg}, signed");
    }
}

#[test]
fn a_public_key_is_no_shared_secret() {
    let modulus = CLUSTER.rsa.jwk()["n"].as_str().unwrap().to_owned();
    let modulus = BASE64_URL_SAFE_NO_PAD.decode(modulus).unwrap();
    for secret in [modulus, CLUSTER.rsa.jwk().to_string().into_bytes(), jwks(&[CLUSTER.rsa.jwk()])] {
        for alg in ["HS256", "RS256", "ES256"] {
            let header = json!({"alg": alg, "kid": "rsa"}).to_string();
            let message =
                format!("{}.{}", base64url(header.as_bytes()), base64url(claims(NOW_SECS).to_string().as_bytes()));
            let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &secret);
            let tag = ring::hmac::sign(&key, message.as_bytes());
            let token = format!("{message}.{}", base64url(tag.as_ref()));
            let expected = if alg == "RS256" { Invalid::Signature } else { Invalid::Algorithm };
            assert_eq!(judged(token.as_bytes()), Err(expected), "{alg}");
        }
    }
}

#[test]
fn the_algorithm_is_the_keys_and_not_the_tokens() {
    for (signer, alg) in [(&CLUSTER.p256, "RS256"), (&CLUSTER.rsa, "ES256")] {
        let header = json!({"alg": alg, "kid": signer.kid}).to_string();
        assert_eq!(headed(signer, &header), Err(Invalid::Algorithm), "{alg}");
    }
    for alg in ["RS384", "RS512", "PS256", "ES384", "EdDSA", "HS512", "rs256", "RS256 "] {
        let header = json!({"alg": alg, "kid": "rsa"}).to_string();
        assert_eq!(headed(&CLUSTER.rsa, &header), Err(Invalid::Algorithm), "{alg}");
    }
}

#[test]
fn an_algorithm_must_be_named() {
    assert_eq!(headed(&CLUSTER.rsa, r#"{"kid":"rsa"}"#), Err(Invalid::Algorithm));
    assert_eq!(headed(&CLUSTER.rsa, r#"{"kid":"rsa","alg":null}"#), Err(Invalid::Algorithm));
    assert_eq!(headed(&CLUSTER.rsa, r#"{"kid":"rsa","alg":["RS256"]}"#), Err(Invalid::Malformed));
}

#[test]
fn an_extension_that_must_be_understood_is_refused() {
    for extension in [r#""crit":["exp"]"#, r#""crit":[]"#, r#""crit":null"#, r#""b64":false"#, r#""b64":true"#] {
        let header = format!(r#"{{"alg":"RS256","kid":"rsa",{extension}}}"#);
        assert_eq!(headed(&CLUSTER.rsa, &header), Err(Invalid::Algorithm), "{extension}");
    }
}

#[test]
fn a_key_that_the_token_brings_is_never_used() {
    let stranger = Signer::es256("p256");
    let jwk = stranger.jwk();
    for header in [
        json!({"alg": "ES256", "kid": "p256", "jwk": jwk}),
        json!({"alg": "ES256", "kid": "p256", "jku": "https://evil.test/keys"}),
        json!({"alg": "ES256", "kid": "p256", "x5u": "https://evil.test/chain"}),
    ] {
        assert_eq!(headed(&stranger, &header.to_string()), Err(Invalid::Signature), "{header}");
    }
    let header = json!({"alg": "ES256", "jwk": jwk, "kid": "mine"}).to_string();
    assert_eq!(headed(&stranger, &header), Err(Invalid::UnknownKey));
    // and such words do not hurt who has them by right
    let header = json!({"alg": "ES256", "kid": "p256", "jku": "https://evil.test", "typ": "JWT"}).to_string();
    assert!(headed(&CLUSTER.p256, &header).is_ok());
}

#[test]
fn an_unknown_kid_is_refused() {
    assert_eq!(judged(&Signer::es256("other").token(&claims(NOW_SECS))), Err(Invalid::UnknownKey));
    assert_eq!(headed(&CLUSTER.rsa, r#"{"alg":"RS256","kid":"RSA"}"#), Err(Invalid::UnknownKey));
}

#[test]
fn a_kid_is_needed_though_there_be_one_key_only() {
    let keys = set_of(&[&CLUSTER.rsa]);
    let verdict = |header| verify(&CLUSTER.rsa.sign(header, &claims(NOW_SECS).to_string()), &keys, &rules(), now());
    assert_eq!(verdict(r#"{"alg":"RS256"}"#), Err(Invalid::UnknownKey));
    assert_eq!(verdict(r#"{"alg":"RS256","kid":null}"#), Err(Invalid::UnknownKey));
    assert_eq!(verdict(r#"{"alg":"RS256","kid":7}"#), Err(Invalid::Malformed));
    assert!(verdict(r#"{"alg":"RS256","kid":"rsa"}"#).is_ok());
    assert_eq!(
        verify(&CLUSTER.rsa.token(&claims(NOW_SECS)), &KeySet::default(), &rules(), now()),
        Err(Invalid::UnknownKey)
    );
}

#[test]
fn a_signature_of_another_key_or_text_is_refused() {
    assert_eq!(judged(&Signer::es256("p256").token(&claims(NOW_SECS))), Err(Invalid::Signature));
    for signer in [&CLUSTER.rsa, &CLUSTER.p256] {
        let token = String::from_utf8(signer.token(&claims(NOW_SECS))).unwrap();
        let (message, signature) = token.rsplit_once('.').unwrap();
        let (header, _) = message.split_once('.').unwrap();
        let mut others = claims(NOW_SECS);
        others["sub"] = json!("system:serviceaccount:kube-system:default");
        for forged in [
            format!("{header}.{}.{signature}", base64url(others.to_string().as_bytes())),
            format!("{message}."),
            format!("{message}.{}", base64url(&[0; 64])),
            format!("{message}.{}", &signature[..signature.len() / 4 / 2 * 4]),
            format!("{message}.{}", base64url(&signer.signature(b"something else"))),
        ] {
            assert_eq!(judged(forged.as_bytes()), Err(Invalid::Signature), "{}", signer.kid);
        }
    }
}

#[test]
fn another_issuer_is_refused() {
    for issuer in
        ["", "https://kubernetes.default.svc.cluster.local/", "https://oidc.eks.eu-central-1.amazonaws.com/id/X"]
    {
        assert_eq!(claiming("iss", Some(json!(issuer))), Err(Invalid::Issuer), "{issuer}");
    }
    assert_eq!(claiming("iss", None), Err(Invalid::Issuer));
    assert_eq!(claiming("iss", Some(json!([ISSUER]))), Err(Invalid::Malformed));
}

#[test]
fn another_audience_is_refused() {
    for audience in [json!("sts.amazonaws.com"), json!([]), json!([ISSUER, "x"]), json!(format!("{AUDIENCE} x"))] {
        assert_eq!(claiming("aud", Some(audience.clone())), Err(Invalid::Audience), "{audience}");
    }
    assert_eq!(claiming("aud", None), Err(Invalid::Audience));
    assert_eq!(claiming("aud", Some(json!({AUDIENCE: true}))), Err(Invalid::Malformed));
    for audience in [json!(AUDIENCE), json!([AUDIENCE]), json!(["x", AUDIENCE])] {
        assert!(claiming("aud", Some(audience.clone())).is_ok(), "{audience}");
    }
}

#[test]
fn an_expired_token_is_refused() {
    for (ago, verdict) in [(0_i64, true), (29, true), (30, false), (3600, false)] {
        let said = claiming("exp", Some(json!(NOW_SECS as i64 - ago)));
        assert_eq!(said.is_ok(), verdict, "{ago}");
        assert!(verdict || said == Err(Invalid::Expired));
    }
}

#[test]
fn a_token_without_an_end_is_refused() {
    assert_eq!(claiming("exp", None), Err(Invalid::Expired));
    assert_eq!(claiming("exp", Some(json!(null))), Err(Invalid::Expired));
    for odd in [json!("1795298656"), json!(1e300), json!(-1), json!(253_402_300_800_u64), json!(true)] {
        assert_eq!(claiming("exp", Some(odd.clone())), Err(Invalid::Malformed), "{odd}");
    }
}

#[test]
fn a_token_that_is_not_yet_valid_is_refused() {
    for name in ["nbf", "iat"] {
        assert!(claiming(name, Some(json!(NOW_SECS + 30))).is_ok(), "{name}");
        assert_eq!(claiming(name, Some(json!(NOW_SECS + 31))), Err(Invalid::NotYetValid), "{name}");
        assert_eq!(claiming(name, Some(json!("soon"))), Err(Invalid::Malformed), "{name}");
        assert!(claiming(name, None).is_ok(), "{name}");
    }
    assert!(claiming("nbf", Some(json!(NOW_SECS as f64 + 0.5))).is_ok());
}

#[test]
fn a_subject_that_is_no_service_account_is_refused() {
    for subject in [
        "",
        "nightly-sync",
        "system:node:jobs",
        "system:serviceaccount:jobs",
        "system:serviceaccount:jobs:",
        "system:serviceaccount::nightly-sync",
        "system:serviceaccount:jobs:nightly-sync:x",
        "system:serviceaccount:Jobs:nightly-sync",
        "system:serviceaccount:jobs:nightly sync",
        "system:serviceaccount:jobs:-x",
        "system:serviceaccount:jobs:a..b",
        "system:serviceaccount:a.b:nightly-sync",
        "system:serviceaccount:jobs:nightly-sync\n",
        "SYSTEM:serviceaccount:jobs:nightly-sync",
        &format!("system:serviceaccount:{}:x", "n".repeat(64)),
        &format!("system:serviceaccount:jobs:{}", "n".repeat(254)),
    ] {
        let mut claims = claims(NOW_SECS);
        claims["sub"] = json!(subject);
        claims.as_object_mut().unwrap().remove("kubernetes.io");
        assert_eq!(judged(&CLUSTER.p256.token(&claims)), Err(Invalid::Subject), "{subject:?}");
    }
    assert_eq!(claiming("sub", None), Err(Invalid::Subject));
}

#[test]
fn what_kubernetes_says_must_agree_with_the_subject() {
    let both = |namespace: &str, name: &str| json!({"namespace": namespace, "serviceaccount": {"name": name}});
    assert!(claiming("kubernetes.io", None).is_ok());
    assert!(claiming("kubernetes.io", Some(both("jobs", "nightly-sync"))).is_ok());
    for claim in [
        both("kube-system", "nightly-sync"),
        both("jobs", "default"),
        json!({"namespace": "jobs"}),
        json!({"serviceaccount": {"name": "nightly-sync"}}),
        json!({}),
        json!([]),
        json!("jobs"),
    ] {
        assert_eq!(claiming("kubernetes.io", Some(claim.clone())), Err(Invalid::Subject), "{claim}");
    }
}

#[test]
fn a_member_twice_is_refused_though_it_be_signed() {
    let claims = claims(NOW_SECS).to_string();
    let header = r#"{"alg":"ES256","kid":"p256","kid":"p256"}"#;
    assert_eq!(judged(&CLUSTER.p256.sign(header, &claims)), Err(Invalid::Malformed));
    for twice in
        [r#"{"sub":"system:serviceaccount:jobs:other","#, r#"{"s\u0075b":"x","#, r#"{"unknown":1,"unknown":1,"#]
    {
        let claims = claims.replacen('{', twice, 1);
        let token = CLUSTER.p256.sign(&CLUSTER.p256.header().to_string(), &claims);
        assert_eq!(judged(&token), Err(Invalid::Malformed), "{twice}");
    }
}

#[test]
fn trailing_data_is_refused_though_it_be_signed() {
    let (header, claims) = (CLUSTER.p256.header().to_string(), claims(NOW_SECS).to_string());
    assert_eq!(judged(&CLUSTER.p256.sign(&format!("{header}x"), &claims)), Err(Invalid::Malformed));
    assert_eq!(judged(&CLUSTER.p256.sign(&header, &format!("{claims}{{}}"))), Err(Invalid::Malformed));
    assert_eq!(judged(&CLUSTER.p256.sign(&header, "[]")), Err(Invalid::Malformed));
}

#[test]
fn a_token_has_one_spelling() {
    let token = String::from_utf8(CLUSTER.p256.token(&claims(NOW_SECS))).unwrap();
    let padded = |part: &str| part.to_owned() + &"=".repeat((4 - part.len() % 4) % 4);
    let parts: Vec<&str> = token.split('.').collect();
    // 64 bytes leave four bits over in the last letter
    let last = token.chars().last().unwrap();
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let next = alphabet.chars().nth(alphabet.find(last).unwrap() + 1).unwrap();
    for spelling in [
        format!("{}.{}.{}", parts[0], parts[1], padded(parts[2])),
        format!("{token}=="),
        format!("{}{next}", &token[..token.len() - 1]),
        format!("{token}\n"),
        format!(" {token}"),
        format!("Bearer {token}"),
        token.replace(['-', '_'], "+") + "+",
    ] {
        assert_eq!(judged(spelling.as_bytes()), Err(Invalid::Malformed), "{spelling}");
    }
    assert!(judged(token.as_bytes()).is_ok());
}

#[test]
fn what_is_not_three_parts_is_refused() {
    let token = String::from_utf8(CLUSTER.p256.token(&claims(NOW_SECS))).unwrap();
    let (message, _) = token.rsplit_once('.').unwrap();
    for text in [
        "",
        ".",
        "..",
        "...",
        "opaque-token",
        message,
        &format!("{token}."),
        &format!("{token}.x"),
        &format!(".{token}"),
    ] {
        assert_eq!(judged(text.as_bytes()), Err(Invalid::Malformed), "{text}");
    }
}

#[test]
fn a_token_over_16_kib_is_refused() {
    let with_room = |room: usize| {
        let mut claims = claims(NOW_SECS);
        claims["room"] = json!("x".repeat(room));
        CLUSTER.p256.token(&claims)
    };
    let (fits, over) = (with_room(11_000), with_room(12_000));
    assert!(fits.len() <= LONGEST_TOKEN && over.len() > LONGEST_TOKEN);
    assert!(judged(&fits).is_ok());
    assert_eq!(judged(&over), Err(Invalid::Malformed));
}

#[test]
fn every_sentence_fits_its_refusal() {
    use Invalid::*;
    let mut said = std::collections::BTreeSet::new();
    for invalid in [Malformed, Algorithm, UnknownKey, Signature, Issuer, Audience, Expired, NotYetValid, Subject] {
        let sentence = invalid.sentence();
        assert!(sentence.starts_with("i") || sentence.starts_with("another") || sentence.starts_with("no key"));
        assert!(!sentence.contains('\n') && !sentence.ends_with('.') && said.insert(sentence));
    }
}

proptest::proptest! {
    #[test]
    fn no_bytes_are_taken_for_a_token(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
        proptest::prop_assert!(judged(&bytes).is_err());
    }

    #[test]
    fn no_letter_of_a_token_may_change(at in 0_usize..10_000, to in "[A-Za-z0-9_-]") {
        let token = CLUSTER.p256.token(&claims(NOW_SECS));
        let mut changed = token.clone();
        let at = at % token.len();
        changed[at] = to.as_bytes()[0];
        proptest::prop_assert_eq!(judged(&changed).is_ok(), changed == token);
    }
}
