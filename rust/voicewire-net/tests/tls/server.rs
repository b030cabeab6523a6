//! An echo server over TLS, the certificates it shows, and targets that lead to it.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use rcgen::{date_time_ymd, BasicConstraints, CertificateParams, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, Mutex};

use tokio_rustls::{server::TlsStream, TlsAcceptor};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::WebSocketStream;
use voicewire_net::connect_error::ConnectError;
use voicewire_net::socket::{open, Opened};
use voicewire_net::target::{Target, TlsOptions};

pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// A certificate and its key, as PEM.
pub(crate) struct Identity {
    pub(crate) certificate: String,
    pub(crate) key: String,
    pub(crate) params: CertificateParams,
}

impl Identity {
    pub(crate) fn of(name: &str) -> Self {
        Self::from(params(&[name]))
    }

    pub(crate) fn authority(names: &[&str]) -> Self {
        let mut params = params(names);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self::from(params)
    }

    pub(crate) fn from(params: CertificateParams) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().pem();
        Self { certificate, key: key.serialize_pem(), params }
    }

    pub(crate) fn issue(&self, name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let issuer_key = KeyPair::from_pem(&self.key).unwrap();
        let issuer = rcgen::Issuer::from_params(&self.params, &issuer_key);
        let params = params(&[name]);
        let certificate = params.signed_by(&key, &issuer).unwrap().pem();
        Self { certificate, key: key.serialize_pem(), params }
    }
}

pub(crate) fn params(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2100, 1, 1);
    params
}

/// An echo server over TLS.
pub(crate) struct Server {
    pub(crate) port: u16,
    pub(crate) identity: Identity,
    close_codes: Mutex<mpsc::UnboundedReceiver<Option<u16>>>,
}

impl Server {
    pub(crate) async fn start(identity: Identity) -> Self {
        Self::start_at("127.0.0.1:0", identity).await
    }

    pub(crate) async fn start_at(address: &str, identity: Identity) -> Self {
        Self::start_with(address, identity, None).await
    }

    pub(crate) async fn start_with(address: &str, identity: Identity, client: Option<&Identity>) -> Self {
        let acceptor = TlsAcceptor::from(Arc::new(server_config(&identity, client)));
        let listener = TcpListener::bind(address).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (report, close_codes) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let (acceptor, report) = (acceptor.clone(), report.clone());
                tokio::spawn(async move {
                    if let Ok(tls) = acceptor.accept(tcp).await {
                        let _ = report.send(echo(tls).await);
                    }
                });
            }
        });
        Self { port, identity, close_codes: close_codes.into() }
    }

    pub(crate) async fn connect(&self, host: &str, options: TlsOptions) -> Result<Opened, ConnectError> {
        connect(&self.target(host, options)).await
    }

    pub(crate) async fn next_close_code(&self) -> Option<u16> {
        self.close_codes.lock().await.recv().await.unwrap()
    }

    pub(crate) fn target(&self, host: &str, options: TlsOptions) -> Target {
        target(host, self.port, options)
    }
}

pub(crate) fn server_config(identity: &Identity, client: Option<&Identity>) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions().unwrap();
    let builder = match client {
        Some(client) => {
            let mut roots = RootCertStore::empty();
            roots.add(der(client)).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.unwrap())
        }
        None => builder.with_no_client_auth(),
    };
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
    let mut config = builder.with_single_cert(vec![der(identity)], key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}

pub(crate) fn der(identity: &Identity) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(identity.certificate.as_bytes()).unwrap()
}

/// Answers the upgrade and echoes; returns the close code it receives.
pub(crate) async fn echo(mut tls: TlsStream<TcpStream>) -> Option<u16> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        if tls.read_buf(&mut request).await.unwrap_or(0) == 0 {
            return None;
        }
    }
    let request = String::from_utf8(request).unwrap();
    let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
    let accept = derive_accept_key(key.as_bytes());
    let answer = format!(
        "HTTP/1.1 101 OK\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    tls.write_all(answer.as_bytes()).await.unwrap();
    let mut websocket = WebSocketStream::from_raw_socket(tls, Role::Server, None).await;
    while let Some(Ok(message)) = websocket.next().await {
        match message {
            Message::Close(frame) => return frame.map(|frame| frame.code.into()),
            message => websocket.send(message).await.ok()?,
        }
    }
    None
}

/// A file that is gone when the test is over.
pub(crate) struct TemporaryFile {
    pub(crate) path: String,
}

impl TemporaryFile {
    pub(crate) fn new(name: &str, text: &str) -> Self {
        let thread = std::thread::current().id();
        let file = format!("voicewire-{}-{thread:?}-{name}.pem", std::process::id());
        let path = std::env::temp_dir().join(file);
        std::fs::write(&path, text).unwrap();
        Self { path: path.to_str().unwrap().to_owned() }
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Accepts one connection and plays `part`; returns the port.
pub(crate) async fn raw_peer<F, P>(part: P) -> u16
where
    P: FnOnce(TcpStream) -> F + Send + 'static,
    F: Future<Output: Send> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { part(listener.accept().await.unwrap().0).await });
    port
}

pub(crate) async fn connect(target: &Target) -> Result<Opened, ConnectError> {
    open(target, Instant::now() + PATIENCE).await
}

pub(crate) fn ca(pem: &str) -> TlsOptions {
    TlsOptions { ca: Some(pem.to_owned()), client_cert: None }
}

pub(crate) fn target(host: &str, port: u16, tls_options: TlsOptions) -> Target {
    Target {
        host: host.to_owned(),
        port,
        tls: true,
        path_and_query: "/".to_owned(),
        host_header: "localhost".to_owned(),
        headers: Vec::new(),
        subprotocols: Vec::new(),
        tls_options,
        max_message_bytes: 1 << 20,
    }
}
