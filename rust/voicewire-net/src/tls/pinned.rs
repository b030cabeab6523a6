//! Trusts a server that presents one of the trusted certificates itself.
//!
//! `openssl req -x509` marks what it makes as a CA, and webpki refuses a CA's certificate as a
//! server's own even when the user has named exactly that certificate as trusted. Other TLS stacks
//! take it. Time and name are still checked.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{DigitallySignedStruct, Error, SignatureScheme};

use crate::tls::is_ca_as_end_entity;

/// A verifier that asks `inner` first.
#[derive(Debug)]
pub(crate) struct Pinned {
    inner: Arc<dyn ServerCertVerifier>,
    trusted: Vec<CertificateDer<'static>>,
}

impl Pinned {
    pub(crate) fn new(inner: Arc<dyn ServerCertVerifier>, trusted: Vec<CertificateDer<'static>>) -> Self {
        Self { inner, trusted }
    }

    /// Whether `error` says no more than that a trusted certificate is a CA's. webpki looks at the
    /// dates before it looks at that, so they hold.
    fn may_overrule(&self, error: &Error, end_entity: &CertificateDer<'_>) -> bool {
        let harmless = matches!(error, Error::InvalidCertificate(e) if is_ca_as_end_entity(e));
        harmless && self.trusted.iter().any(|trusted| trusted == end_entity)
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(error) if self.may_overrule(&error, end_entity) => {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            result => result,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
