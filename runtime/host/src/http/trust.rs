//! Which certificates are trusted: those that the machine's authorities signed, those that the target's own
//! authorities signed, and the very ones that stand in the target's file, such as one that an app signed
//! itself.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

/// What a target trusts.
#[derive(Clone, Debug)]
pub(crate) struct Trust {
    pub(crate) roots: Arc<RootCertStore>,
    /// Certificates that are trusted as they are.
    pub(crate) own: Vec<CertificateDer<'static>>,
}

impl Trust {
    /// TLS with this trust.
    pub(crate) fn tls(self) -> Result<ClientConfig, Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?;
        if self.own.is_empty() {
            return Ok(builder
                .with_root_certificates(self.roots)
                .with_no_client_auth());
        }
        let usual = WebPkiServerVerifier::builder_with_provider(self.roots, provider)
            .build()
            .map_err(|error| Error::General(error.to_string()))?;
        let verifier = Arc::new(Own {
            usual,
            own: self.own,
        });
        Ok(builder
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth())
    }
}

/// Trusts as usual, and certificates that are known as they are: an app that signed its own has no
/// authority above it, and its certificate may even say that it is one itself.
#[derive(Debug)]
struct Own {
    usual: Arc<WebPkiServerVerifier>,
    own: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Own {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let usual = self.usual.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        match usual {
            Err(Error::InvalidCertificate(error))
                if !is_about_itself(&error) && self.own.iter().any(|own| own == end_entity) =>
            {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.usual.supported_verify_schemes()
    }
}

/// Whether a certificate is wrong whoever signed it.
fn is_about_itself(error: &CertificateError) -> bool {
    matches!(
        error,
        CertificateError::BadEncoding
            | CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. }
            | CertificateError::Revoked
            | CertificateError::NotValidForName
            | CertificateError::NotValidForNameContext { .. }
    )
}

/// What is wrong with a server's certificate, in words, and whether trusting it would help.
pub(crate) fn explained(error: &CertificateError) -> (String, bool) {
    let text = match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the server's certificate has expired, or this machine's clock is wrong"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the server's certificate is not valid yet, or this machine's clock is wrong"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the server's certificate is for another name than the one that was asked for"
        }
        CertificateError::Revoked => "the server's certificate was revoked",
        _ => {
            let text = "the server's certificate was signed by nobody whom this machine trusts";
            return (format!("{text} ({error})"), true);
        }
    };
    (format!("{text} ({error})"), false)
}
