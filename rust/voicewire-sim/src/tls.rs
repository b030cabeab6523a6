//! The certificate of a simulator that serves TLS: made at start, its authority in a file that clients can trust.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use std::{fs, io, process};

use rcgen::{
    date_time_ymd, BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::crypto::ring;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::ServerConfig;
use tokio_rustls::TlsAcceptor;

/// Names that the certificate is good for, besides the configured host.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// A certificate in use, and the file of its authority; dropping it removes the file.
pub(crate) struct Identity {
    pub(crate) acceptor: TlsAcceptor,
    pub(crate) ca_file: CaFile,
}

/// A PEM file in a directory of its own.
#[derive(Debug)]
pub(crate) struct CaFile {
    directory: PathBuf,
    path: PathBuf,
}

type Problem = Box<dyn std::error::Error + Send + Sync>;

impl Identity {
    /// Make an authority and a certificate for this machine and `host`, and write the authority down.
    pub(crate) fn make(host: &str) -> Result<Identity, Problem> {
        let authority_key = KeyPair::generate()?;
        let authority = authority_params()?;
        let authority_pem = authority.self_signed(&authority_key)?.pem();
        let key = KeyPair::generate()?;
        let certificate = server_params(host)?.signed_by(&key, &Issuer::new(authority, authority_key))?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)?;
        let ca_file = CaFile::write(&authority_pem)?;
        Ok(Identity { acceptor: TlsAcceptor::from(Arc::new(config)), ca_file })
    }
}

impl CaFile {
    fn write(pem: &str) -> io::Result<CaFile> {
        let directory = fresh_directory()?;
        let path = directory.join("ca.pem");
        let file = CaFile { directory, path };
        fs::write(&file.path, pem)?;
        Ok(file)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for CaFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
        let _ = fs::remove_dir(&self.directory);
    }
}

/// Making a directory that exists fails, so nobody can have laid one out for us.
fn fresh_directory() -> io::Result<PathBuf> {
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_nanos());
    let directory = std::env::temp_dir().join(format!("voicewire-sim-{}-{nanos:x}", process::id()));
    fs::create_dir(&directory)?;
    Ok(directory)
}

fn authority_params() -> Result<CertificateParams, rcgen::Error> {
    let mut params = dated(CertificateParams::new(Vec::new())?);
    params.distinguished_name.push(DnType::CommonName, "voicewire simulator");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

fn server_params(host: &str) -> Result<CertificateParams, rcgen::Error> {
    let mut names: Vec<_> = NAMES.iter().map(|name| (*name).to_owned()).collect();
    if !host.is_empty() && !names.iter().any(|name| name == host) {
        names.push(host.to_owned());
    }
    let mut params = dated(CertificateParams::new(names)?);
    params.distinguished_name.push(DnType::CommonName, "localhost");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    // Python 3.13 refuses a certificate that does not name its authority's key.
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn dated(mut params: CertificateParams) -> CertificateParams {
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2100, 1, 1);
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
}
