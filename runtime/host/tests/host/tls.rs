//! TLS: the app's certificate has to be one that is trusted, the machine's way or the target's own.

use std::path::Path;
use std::sync::Arc;

use muster_core::connector::Problem;
use muster_host::{HostPattern, PrivateAccess, TargetOptions};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;

use crate::support::{change, host, target, tell};

/// An app with the certificate of an authority that was made for these tests.
async fn app() -> (u16, tokio::task::JoinHandle<()>) {
    app_with(
        include_bytes!("../data/throwaway-leaf.der"),
        include_bytes!("../data/throwaway-leaf.pk8"),
    )
    .await
}

/// An app with this certificate.
async fn app_with(certificate: &[u8], key: &[u8]) -> (u16, tokio::task::JoinHandle<()>) {
    let certificate = CertificateDer::from(certificate.to_vec());
    let key = PrivatePkcs8KeyDer::from(key.to_vec());
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

#[tokio::test]
async fn c54_a_certificate_that_nobody_knows_is_said_with_the_setting_that_has_it_trusted() {
    let host = host();
    let own = app_with(
        include_bytes!("../data/throwaway-self.der"),
        include_bytes!("../data/throwaway-self.pk8"),
    );
    let (port, accepting) = own.await;
    let request =
        |name: &str| json!({ "method": "POST", "url": format!("https://{name}:{port}/") });
    let strict = target(&host, options(port, false)).await;
    let problem = change(&strict, request("localhost"), 1).await.unwrap_err();
    let text = problem.text();
    assert!(
        text.contains("NET-021") && text.contains(r#"[target.crm]: ca_file = "ca.pem""#),
        "{text}"
    );
    // The app signed it itself, and it even says that it is an authority.
    let pem = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/throwaway-self.pem");
    let trusting = TargetOptions {
        ca_file: Some(pem),
        ..options(port, false)
    };
    let trusting = target(&host, trusting).await;
    change(&trusting, request("localhost"), 2).await.unwrap();
    // It is not for this name, and what is known as it is does not change that.
    let problem = change(&trusting, request("127.0.0.1"), 3)
        .await
        .unwrap_err();
    assert!(problem.text().contains("another name"), "{problem:?}");
    accepting.abort();
}

/// A proxy that tunnels where it is asked to connect, and answers everything else itself with what it was asked.
async fn proxy(lets_through: bool) -> (String, tokio::task::JoinHandle<()>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let accepting = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut asked = Vec::new();
                while !asked.ends_with(b"\r\n\r\n") {
                    let Ok(byte) = stream.read_u8().await else {
                        return;
                    };
                    asked.push(byte);
                }
                let first = String::from_utf8_lossy(&asked);
                let first = first.lines().next().unwrap_or_default().to_owned();
                let server = first.strip_prefix("CONNECT ");
                let server = server.and_then(|rest| rest.split(' ').next());
                let answer = match server {
                    Some(server) if lets_through => {
                        let mut onward = tokio::net::TcpStream::connect(server).await.unwrap();
                        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                        drop(tokio::io::copy_bidirectional(&mut stream, &mut onward).await);
                        return;
                    }
                    Some(_) => "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n".to_owned(),
                    None => format!(
                        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{first}",
                        first.len()
                    ),
                };
                drop(stream.write_all(answer.as_bytes()).await);
            });
        }
    });
    (address, accepting)
}

#[tokio::test]
async fn c54_a_proxy_leads_to_the_granted_servers_and_to_no_others() {
    let host = host();
    let (port, accepting) = app().await;
    let (address, proxying) = proxy(true).await;
    let behind = TargetOptions {
        hosts: vec![
            HostPattern::parse(&format!("https://localhost:{port}")).unwrap(),
            HostPattern::parse("http://app.invalid").unwrap(),
        ],
        proxy: Some(address.parse().unwrap()),
        ..options(port, true)
    };
    let crm = target(&host, behind.clone()).await;
    // TLS is spoken with the app itself, through the proxy.
    let what = json!({ "method": "POST", "url": format!("https://localhost:{port}/") });
    change(&crm, what.clone(), 1).await.unwrap();
    // A name that only the proxy knows.
    let asked = json!({ "do": "send", "url": "http://app.invalid/v1?x=1" });
    let shown = tell(&crm, asked).await.unwrap();
    assert_eq!(shown["body"], "GET http://app.invalid/v1?x=1 HTTP/1.1");
    let elsewhere = json!({ "do": "send", "url": "http://other.invalid/" });
    let shown = tell(&crm, elsewhere).await.unwrap();
    assert!(
        shown["denied"].as_str().unwrap().contains("NET-001"),
        "{shown}"
    );

    // What leads inside is refused as without a proxy.
    let inside = TargetOptions {
        private: PrivateAccess::nothing(),
        ..behind.clone()
    };
    let inside = target(&host, inside).await;
    let shown = tell(
        &inside,
        json!({ "do": "send", "url": format!("https://localhost:{port}/") }),
    );
    let shown = shown.await.unwrap();
    assert!(
        shown["denied"].as_str().unwrap().contains("NET-002"),
        "{shown}"
    );

    let (address, refusing) = proxy(false).await;
    let refused = TargetOptions {
        proxy: Some(address.parse().unwrap()),
        ..behind
    };
    let refused = target(&host, refused).await;
    let problem = change(&refused, what, 2).await.unwrap_err();
    assert!(
        matches!(&problem, Problem::Transient { text, .. }
            if text.contains("NET-022") && text.contains("403 Forbidden")),
        "{problem:?}"
    );
    for task in [accepting, proxying, refusing] {
        task.abort();
    }
}
