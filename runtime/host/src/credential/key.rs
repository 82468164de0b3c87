//! Keys that sign: HMAC for webhooks, RSA for claims, and whatever else the contract names.

use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;

const NOT_RSA: &str = "it is no RSA private key in PEM (`-----BEGIN PRIVATE KEY-----`)";
const NOT_EC: &str = "it is no P-256 private key in PEM (PKCS #8)";
const NOT_ED: &str = "it is no Ed25519 private key in PEM (PKCS #8)";
const FAILED: &str = "it could not be signed";

/// Reads an RSA private key.
pub(crate) fn rsa(pem: &str) -> Result<RsaKeyPair, &'static str> {
    match PrivateKeyDer::from_pem_slice(pem.as_bytes()) {
        Ok(PrivateKeyDer::Pkcs8(der)) => {
            RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).map_err(|_| NOT_RSA)
        }
        Ok(PrivateKeyDer::Pkcs1(der)) => {
            RsaKeyPair::from_der(der.secret_pkcs1_der()).map_err(|_| NOT_RSA)
        }
        _ => Err(NOT_RSA),
    }
}

/// Signs with RSASSA-PKCS1-v1_5 and SHA-256.
pub(crate) fn rs256(pem: &str, data: &[u8]) -> Result<Vec<u8>, &'static str> {
    let key = rsa(pem)?;
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        data,
        &mut signature,
    )
    .map_err(|_| FAILED)?;
    Ok(signature)
}

/// Signs as the contract's `secrets.sign` says.
pub(crate) fn sign(key: &str, algorithm: &str, data: &[u8]) -> Result<Vec<u8>, String> {
    let mac = |algorithm| {
        hmac::sign(&hmac::Key::new(algorithm, key.as_bytes()), data)
            .as_ref()
            .to_vec()
    };
    match algorithm {
        "hmac-sha256" => Ok(mac(hmac::HMAC_SHA256)),
        "hmac-sha1" => Ok(mac(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY)),
        "rs256" => rs256(key, data).map_err(str::to_owned),
        "es256" => es256(key, data).map_err(str::to_owned),
        "ed25519" => {
            let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&pkcs8(key).ok_or(NOT_ED)?)
                .map_err(|_| NOT_ED)?;
            Ok(pair.sign(data).as_ref().to_vec())
        }
        other => Err(format!(
            "`{other}` is no algorithm of this host: hmac-sha256, hmac-sha1, rs256, es256, ed25519"
        )),
    }
}

fn es256(pem: &str, data: &[u8]) -> Result<Vec<u8>, &'static str> {
    let random = SystemRandom::new();
    let der = pkcs8(pem).ok_or(NOT_EC)?;
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der, &random)
        .map_err(|_| NOT_EC)?;
    pair.sign(&random, data)
        .map(|signature| signature.as_ref().to_vec())
        .map_err(|_| FAILED)
}

fn pkcs8(pem: &str) -> Option<Vec<u8>> {
    match PrivateKeyDer::from_pem_slice(pem.as_bytes()) {
        Ok(PrivateKeyDer::Pkcs8(der)) => Some(der.secret_pkcs8_der().to_vec()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hmac_gives_the_published_value() {
        // RFC 4231, test case 2.
        let signature = sign("Jefe", "hmac-sha256", b"what do ya want for nothing?").unwrap();
        let signature = muster_core::id::Digest(signature.try_into().unwrap());
        assert_eq!(
            signature.to_string(),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn a_wrong_key_or_algorithm_is_said_without_showing_the_key() {
        for algorithm in ["rs256", "es256", "ed25519", "md5"] {
            let error = sign("canary-key", algorithm, b"x").unwrap_err();
            assert!(!error.contains("canary"), "{error}");
        }
    }
}
