//! TLS under a WebSocket: one cached configuration per set of options, and failures in plain words.

mod pinned;

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::danger::ServerCertVerifier;
use rustls::client::WebPkiServerVerifier;
use rustls::crypto::{ring, CryptoProvider};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{CertificateError, ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;
use tokio_rustls::client::TlsStream;
use tokio_rustls::TlsConnector;

use crate::connect_error::ConnectError;
use crate::socket::ReadAhead;
use crate::target::{Target, TlsOptions};
use pinned::Pinned;

/// Building a configuration takes 4–6 ms, and tickets for resumption live in it (performance.md,
/// 3.9). When full, the one that was unused longest goes.
static CACHE: Mutex<Vec<(Material, Arc<ClientConfig>)>> = Mutex::new(Vec::new());
const CACHE_CAPACITY: usize = 16;
const STEP: &str = "TLS handshake";

/// Everything that a configuration is made of, read from where the options and the environment
/// point: a renewed file is another key.
#[derive(Clone, PartialEq, Eq)]
struct Material {
    ca: Option<Vec<u8>>,
    client_cert: Option<(Vec<u8>, Vec<u8>)>,
    system_file: Option<Vec<u8>>,
    system_dir: Option<OsString>,
}

/// Speaks TLS over `tcp` and checks that the peer is `target`'s host.
pub(crate) async fn handshake(target: &Target, tcp: ReadAhead) -> Result<TlsStream<ReadAhead>, ConnectError> {
    let host = target.bare_host().to_owned();
    let name = ServerName::try_from(host)
        .map_err(|_| ConnectError::tls(format!("host name not valid for TLS: {}", target.host)))?;
    let options = target.tls_options.clone();
    // Reads files and may take milliseconds, in which other sessions want their audio.
    let built = tokio::task::spawn_blocking(move || client_config(&options)).await;
    let config = built.map_err(|error| ConnectError::tls(format!("TLS setup failed: {error}")))??;
    let connected = TlsConnector::from(config).connect(name, tcp).await;
    connected.map_err(|error| stream_error(STEP, target, &error))
}

/// Tells an error of TLS from one of the connection below it.
pub(crate) fn stream_error(step: &str, target: &Target, error: &io::Error) -> ConnectError {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(error) => ConnectError::tls(describe(error, target)),
        None => ConnectError::broken(step, &target.peer(), error),
    }
}

fn describe(error: &rustls::Error, target: &Target) -> String {
    use rustls::CertificateError as Cert;
    let (host, peer) = (target.bare_host(), target.peer());
    match error {
        rustls::Error::InvalidCertificate(error) => match error {
            Cert::Expired | Cert::ExpiredContext { .. } => {
                format!("certificate expired: {host} ({error})")
            }
            Cert::NotValidYet | Cert::NotValidYetContext { .. } => {
                format!("certificate not yet valid: {host} ({error})")
            }
            Cert::UnknownIssuer => format!(
                "certificate not trusted: {host} (unknown issuer: self-signed, or a CA that the \
                 system does not know and `ca` does not add)"
            ),
            Cert::NotValidForName => format!("certificate is for another host: {host}"),
            Cert::NotValidForNameContext { presented, .. } => {
                format!("certificate is for another host: {host} (it names {})", presented.join(", "))
            }
            Cert::Revoked => format!("certificate revoked: {host}"),
            _ if is_ca_as_end_entity(error) => {
                format!("certificate not trusted: {host} (self-signed CA certificate; `ca` can add it)")
            }
            _ => format!("certificate not accepted: {host} ({error})"),
        },
        rustls::Error::InvalidMessage(_) => format!("peer does not speak TLS: {peer} ({error})"),
        _ => format!("{STEP} failed: {peer} ({error})"),
    }
}

/// Whether the only fault is that a CA's own certificate is used by a server.
pub(crate) fn is_ca_as_end_entity(error: &CertificateError) -> bool {
    // webpki's error type is not ours to name: it is no direct dependency.
    matches!(error, CertificateError::Other(other) if format!("{:?}", other.0) == "CaUsedAsEndEntity")
}

fn client_config(options: &TlsOptions) -> Result<Arc<ClientConfig>, ConnectError> {
    let material = Material::read(options)?;
    if let Some(config) = cached(&material) {
        return Ok(config);
    }
    let config = Arc::new(material.build()?);
    let mut cache = CACHE.lock().unwrap_or_else(PoisonError::into_inner);
    if cache.len() == CACHE_CAPACITY {
        cache.remove(0);
    }
    cache.push((material, Arc::clone(&config)));
    Ok(config)
}

fn cached(material: &Material) -> Option<Arc<ClientConfig>> {
    let mut cache = CACHE.lock().unwrap_or_else(PoisonError::into_inner);
    let at = cache.iter().position(|(key, _)| key == material)?;
    // The end is where the latest used stands.
    let entry = cache.remove(at);
    let config = Arc::clone(&entry.1);
    cache.push(entry);
    Some(config)
}

impl Material {
    fn read(options: &TlsOptions) -> Result<Self, ConnectError> {
        let client_cert = match &options.client_cert {
            Some((chain, key)) => Some((read_pem("client certificate", chain)?, read_pem("client key", key)?)),
            None => None,
        };
        Ok(Self {
            ca: options.ca.as_deref().map(|ca| read_pem("ca", ca)).transpose()?,
            client_cert,
            // An unreadable one is the platform verifier's to report.
            system_file: env::var_os("SSL_CERT_FILE").and_then(|path| fs::read(path).ok()),
            system_dir: env::var_os("SSL_CERT_DIR"),
        })
    }

    fn build(&self) -> Result<ClientConfig, ConnectError> {
        let failed = |error: rustls::Error| ConnectError::tls(format!("TLS setup failed: {error}"));
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(failed)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(self.verifier(provider)?));
        let mut config = match &self.client_cert {
            Some((chain, key)) => builder
                .with_client_auth_cert(certificates("client certificate", chain)?, private_key(key)?)
                .map_err(failed)?,
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }

    fn verifier(&self, provider: Arc<CryptoProvider>) -> Result<Pinned, ConnectError> {
        let extra = match &self.ca {
            Some(ca) => certificates("ca", ca)?,
            None => Vec::new(),
        };
        // Asked without `extra`, the platform says when it has no roots of its own.
        let inner: Arc<dyn ServerCertVerifier> = match Verifier::new(Arc::clone(&provider)) {
            Ok(verifier) if extra.is_empty() => Arc::new(verifier),
            Ok(_) => platform_with(extra.clone(), provider)?,
            Err(_) => bundled_with(&extra, provider)?,
        };
        let system = self.system_file.as_deref().map(|pem| certificates("SSL_CERT_FILE", pem));
        let named = system.and_then(Result::ok).unwrap_or_default();
        Ok(Pinned::new(inner, extra.into_iter().chain(named).collect()))
    }
}

fn platform_with(
    extra: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, ConnectError> {
    let verifier = Verifier::new_with_extra_roots(extra, provider).map_err(|e| bad_root(&e))?;
    Ok(Arc::new(verifier))
}

/// Mozilla's roots as of this build, for systems (containers, most of all) that have none.
fn bundled_with(
    extra: &[CertificateDer<'static>],
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, ConnectError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for certificate in extra {
        roots.add(certificate.clone()).map_err(|error| bad_root(&error))?;
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
    Ok(verifier.map_err(|error| ConnectError::tls(format!("TLS setup failed: {error}")))?)
}

fn bad_root(error: &rustls::Error) -> ConnectError {
    ConnectError::tls(format!("ca not usable as a root: {error}"))
}

/// `source` itself when it is PEM text, else the contents of the file it names.
fn read_pem(what: &str, source: &str) -> Result<Vec<u8>, ConnectError> {
    if source.contains("-----BEGIN") {
        return Ok(source.as_bytes().to_vec());
    }
    fs::read(source).map_err(|e| ConnectError::tls(format!("{what} not readable: {source} ({e})")))
}

fn certificates(what: &str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, ConnectError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(found) if found.is_empty() => Err(ConnectError::tls(format!("{what} holds no PEM certificate"))),
        Ok(found) => Ok(found),
        Err(error) => Err(ConnectError::tls(format!("{what} is not valid PEM: {error}"))),
    }
}

fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, ConnectError> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| ConnectError::tls(format!("client key not readable: {error}")))
}
