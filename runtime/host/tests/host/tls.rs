//! TLS: the app's certificate has to be one that is trusted, the machine's way or the target's own.

use std::path::Path;
use std::sync::Arc;

use muster_core::connector::Problem;
use muster_host::{HostPattern, PrivateAccess, TargetOptions};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;

use crate::support::{change, host, target};

/// An app with the certificate of an authority that was made for these tests.
async fn app() -> (u16, tokio::task::JoinHandle<()>) {
    let certificate = CertificateDer::from(include_bytes!("../data/throwaway-leaf.der").to_vec());
    let key = PrivatePkcs8KeyDer::from(include_bytes!("../data/throwaway-leaf.pk8").to_vec());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], PrivateKeyDer::Pkcs8(key))
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let accepting = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // A client that does not trust the certificate goes away: that is one of the tests.
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    return;
                };
                let mut bytes = [0; 4096];
                assert!(stream.read(&mut bytes).await.unwrap() > 0);
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
                    .await
                    .unwrap();
                stream.flush().await.unwrap();
            });
        }
    });
    (port, accepting)
}

fn options(port: u16, trusts: bool) -> TargetOptions {
    let authority = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/throwaway-ca.pem");
    let server = |name: &str| HostPattern::parse(&format!("https://{name}:{port}")).unwrap();
    TargetOptions {
        name: "crm".to_owned(),
        hosts: vec![
            server("localhost"),
            server("127.0.0.1"),
            server("127.0.0.2"),
        ],
        private: PrivateAccess::everything(),
        ca_file: trusts.then_some(authority),
        ..TargetOptions::default()
    }
}

#[tokio::test]
async fn a_certificate_of_an_own_authority_is_trusted_where_it_says_so() {
    let host = host();
    let (port, accepting) = app().await;
    let trusting = target(&host, options(port, true)).await;
    for name in ["localhost", "127.0.0.1"] {
        let what = json!({ "method": "POST", "url": format!("https://{name}:{port}/") });
        change(&trusting, what, 1).await.unwrap();
    }
    // The certificate is not for this address.
    let what = json!({ "method": "POST", "url": format!("https://127.0.0.2:{port}/") });
    let problem = change(&trusting, what, 2).await.unwrap_err();
    assert!(matches!(&problem, Problem::Transient { .. }), "{problem:?}");
    let strict = target(&host, options(port, false)).await;
    let what = json!({ "method": "POST", "url": format!("https://localhost:{port}/") });
    let problem = change(&strict, what, 3).await.unwrap_err();
    // Nothing was sent, and the text says what is wrong.
    assert!(
        matches!(&problem, Problem::Transient { text, .. } if text.contains("certificate")),
        "{problem:?}"
    );
    accepting.abort();
}
