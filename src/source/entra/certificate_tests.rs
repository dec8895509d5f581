//! What an application says of itself, and what its key may lie in.

use ring::signature::{RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};

use super::*;
use crate::world::pem::{self, PrivateKey};
use crate::world::random::SystemRandom;

const CERTIFICATE: &str = include_str!("../../../tests/simcloud/testdata/entra-app-cert.pem");
const KEY: &str = include_str!("../../../tests/simcloud/testdata/entra-app-key.pem");

fn key_pair() -> KeyPair {
    match pem::private_key(KEY.as_bytes()) {
        Some(PrivateKey::Pkcs8(der)) => KeyPair::from_pkcs8(&der).unwrap(),
        Some(PrivateKey::Pkcs1(der)) => KeyPair::from_der(&der).unwrap(),
        _ => panic!("no key"),
    }
}

fn part(token: &str, number: usize) -> serde_json::Value {
    let part = token.split('.').nth(number).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[test]
fn a_statement_is_what_entra_id_wants_and_the_key_has_signed_it() {
    let thumbprint = Digest::of(&pem::certificate(CERTIFICATE.as_bytes()).unwrap());
    let statement = Statement {
        audience: "https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token",
        client_id: "app-1",
        thumbprint,
        now: UNIX_EPOCH + Duration::from_secs(1_800_000_000),
    };
    let key = key_pair();
    let (one, other) = (statement.signed(&key, &SystemRandom).unwrap(), statement.signed(&key, &SystemRandom).unwrap());
    let (header, claims) = (part(one.expose(), 0), part(one.expose(), 1));
    assert_eq!(header["alg"], "PS256");
    assert_eq!(header["typ"], "JWT");
    assert_eq!(header["x5t#S256"], URL_SAFE_NO_PAD.encode(thumbprint.0));
    assert_eq!(claims["aud"], statement.audience);
    assert_eq!((&claims["iss"], &claims["sub"]), (&"app-1".into(), &"app-1".into()));
    assert_eq!((&claims["nbf"], &claims["iat"]), (&1_800_000_000.into(), &1_800_000_000.into()));
    assert_eq!(claims["exp"], 1_800_000_600);
    assert_ne!(claims["jti"], part(other.expose(), 1)["jti"]);
    assert_eq!(claims["jti"].as_str().unwrap().len(), 36);

    let (signed, signature) = one.expose().rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let public = UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, key.public().as_ref().to_vec());
    public.verify(signed.as_bytes(), &signature).unwrap();
    assert!(public.verify(format!("{signed}x").as_bytes(), &signature).is_err());
}
