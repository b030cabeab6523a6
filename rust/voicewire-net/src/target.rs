//! Where to connect and what to say there, as the protocol crate has worked it out.

use std::fmt;

/// One endpoint and one request; what is secret in it stays out of `Debug` and of error messages.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    /// A name or an address; IPv6 with or without brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// Whether TLS is spoken below HTTP (`wss`).
    pub tls: bool,
    /// The request target, beginning with `/`, in percent-encoded ASCII.
    pub path_and_query: String,
    /// The value of `Host`: with brackets for IPv6, with the port unless it is the scheme's own.
    pub host_header: String,
    /// The user's headers, in order; those of the upgrade itself are refused.
    pub headers: Vec<(String, String)>,
    /// The subprotocols on offer, in order of preference.
    pub subprotocols: Vec<String>,
    /// Trust and identity for TLS.
    pub tls_options: TlsOptions,
    /// The largest message taken; one byte more ends the connection with close code 1009.
    pub max_message_bytes: usize,
}

/// Trust and identity beyond the system's own.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct TlsOptions {
    /// PEM text, or the path of a PEM file, whose certificates are added to the system's roots.
    pub ca: Option<String>,
    /// Certificate chain and private key for client authentication: PEM text or paths.
    pub client_cert: Option<(String, String)>,
}

impl Target {
    /// The host without the brackets of an IPv6 literal.
    pub(crate) fn bare_host(&self) -> &str {
        let inner = self.host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        inner.unwrap_or(&self.host)
    }

    /// `host:port` as people write it, for messages.
    pub(crate) fn peer(&self) -> String {
        let host = self.bare_host();
        if host.contains(':') {
            format!("[{host}]:{}", self.port)
        } else {
            format!("{host}:{}", self.port)
        }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path_and_query.split('?').next();
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Target")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("tls", &self.tls)
            .field("path", &path.unwrap_or_default())
            .field("header_names", &names)
            .field("subprotocols", &self.subprotocols.len())
            .field("tls_options", &self.tls_options)
            .field("max_message_bytes", &self.max_message_bytes)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for TlsOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsOptions")
            .field("ca", &self.ca.is_some())
            .field("client_cert", &self.client_cert.is_some())
            .finish()
    }
}
