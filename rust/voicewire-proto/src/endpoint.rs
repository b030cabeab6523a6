//! Where a session connects and what the handshake says: URL, headers, subprotocols.

use url::{Host, Url};

use crate::config::ConfigError;
use crate::secret::Secrets;

/// What the user gave.
#[derive(Clone, Default)]
pub struct EndpointOptions {
    /// Base or full URL; None for the service's own.
    pub url: Option<String>,
    /// Model name.
    pub model: String,
    /// Key or token; None to connect without one.
    pub api_key: Option<String>,
    /// Whether the key is a token, which goes into `Authorization` everywhere.
    pub is_token: bool,
    /// A call to join, in place of a model.
    pub call_id: Option<String>,
    /// Further query parameters.
    pub query: Vec<(String, String)>,
    /// Further headers.
    pub headers: Vec<(String, String)>,
    /// Whether the key travels as a WebSocket subprotocol, where headers cannot be set.
    pub subprotocol_auth: bool,
    /// Whether a key may go over an unencrypted connection to another machine.
    pub allow_insecure: bool,
}

/// What differs between services that are reached in the same way.
#[derive(Clone, Copy, Debug)]
pub struct EndpointProfile {
    /// The service's own URL; None where every customer has an address of his own.
    pub base: Option<&'static str>,
    /// Path of the API below a bare host.
    pub root: &'static str,
    /// Path of a WebSocket session below the base; `{version}` stands for the version of the API.
    pub path: &'static str,
    /// Version of the API, where the path names one.
    pub version: &'static str,
    /// Versions that a URL may end in, to choose another.
    pub versions: &'static [&'static str],
    /// Query parameter that holds the model; empty where the session's first message names it.
    pub model_parameter: &'static str,
    /// Query parameters that are added where the URL has none of that name.
    pub query: &'static [(&'static str, &'static str)],
    /// Headers that select the dialect.
    pub headers: &'static [(&'static str, &'static str)],
    /// Header of a key; None for `Authorization: Bearer`.
    pub key_header: Option<&'static str>,
    /// How a token is shown.
    pub token: TokenRule,
    /// Subprotocol to ask for when the key travels as one.
    pub subprotocol: &'static str,
    /// What the key is prefixed with as a subprotocol.
    pub key_subprotocol: &'static str,
    /// Subprotocols that select the dialect when the key travels as one.
    pub subprotocols: &'static [&'static str],
}

/// How a token, which is no key, is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenRule {
    /// `Authorization: Bearer`.
    Bearer,
    /// Google's short-lived `auth_tokens/…` have a scheme and a method of their own; others are bearers.
    GoogleEphemeral,
}

/// A checked address with all that the handshake needs.
#[derive(Clone)]
pub struct Endpoint {
    /// ws or wss URL.
    pub url: Url,
    /// Headers, the credentials among them.
    pub headers: Vec<(String, String)>,
    /// Subprotocols to offer, the credentials among them.
    pub subprotocols: Vec<String>,
    /// What must not be shown.
    pub secrets: Secrets,
}

impl Endpoint {
    /// Checks the options and builds the address.
    ///
    /// # Errors
    /// [`ConfigError`] that names the option.
    pub fn new(profile: &EndpointProfile, options: &EndpointOptions) -> Result<Self, ConfigError> {
        check_text("model", &options.model)?;
        for (name, value) in &options.headers {
            check_header(name, value)?;
        }
        let url = session_url(profile, options)?;
        let mut headers = options.headers.clone();
        for (name, value) in profile.headers {
            if !has_header(&headers, name) {
                headers.push(((*name).to_owned(), (*value).to_owned()));
            }
        }
        let mut endpoint = Self { url, headers, subprotocols: Vec::new(), secrets: Secrets::default() };
        if let Some(key) = &options.api_key {
            endpoint.authenticate(profile, options, key)?;
        }
        Ok(endpoint)
    }

    fn authenticate(
        &mut self,
        profile: &EndpointProfile,
        options: &EndpointOptions,
        key: &str,
    ) -> Result<(), ConfigError> {
        if key.is_empty() {
            return Err(ConfigError::new("api_key", "''", "key is empty"));
        }
        if key.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
            return Err(ConfigError::new("api_key", "***", "key holds a space or a control character"));
        }
        if self.url.scheme() == "ws" && !options.allow_insecure && !is_loopback(&self.url) {
            let problem = "a key would travel unencrypted; use wss:// or allow_insecure=True";
            return Err(ConfigError::new("url", self.shown_url(), problem));
        }
        self.secrets.add(key);
        if options.subprotocol_auth && profile.subprotocol.is_empty() {
            return Err(ConfigError::new("subprotocol_auth", "True", "this service takes no key as a subprotocol"));
        }
        if options.subprotocol_auth {
            if !key.bytes().all(is_token_byte) {
                return Err(ConfigError::new("api_key", "***", "key cannot be a subprotocol: it holds a separator"));
            }
            self.subprotocols = vec![profile.subprotocol.to_owned(), format!("{}{key}", profile.key_subprotocol)];
            self.subprotocols.extend(profile.subprotocols.iter().map(|&name| name.to_owned()));
            return Ok(());
        }
        let (name, value) = match profile.key_header {
            _ if profile.token == TokenRule::GoogleEphemeral && is_google_token(key) => {
                ("Authorization", format!("Token {key}"))
            }
            Some(header) if !options.is_token => (header, key.to_owned()),
            _ => ("Authorization", format!("Bearer {key}")),
        };
        if !has_header(&self.headers, name) {
            self.headers.push((name.to_owned(), value));
        }
        Ok(())
    }

    /// The URL without user, password and query values that may be secret.
    pub fn shown_url(&self) -> String {
        let mut url = self.url.clone();
        // Both fail only for URLs that cannot have a host; ours were checked to have one.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url.set_query(None);
        for (name, value) in self.url.query_pairs().filter(|(name, _)| HARMLESS.contains(&name.as_ref())) {
            url.query_pairs_mut().append_pair(&name, &value);
        }
        self.secrets.mask(url.as_str())
    }
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint").field("url", &self.shown_url()).finish_non_exhaustive()
    }
}

/// Whether the URL names this machine.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn session_url(profile: &EndpointProfile, options: &EndpointOptions) -> Result<Url, ConfigError> {
    let Some(given) = options.url.as_deref().or(profile.base) else {
        return Err(ConfigError::new("url", "None", "this dialect has no address of its own; give url="));
    };
    check_text("url", given)?;
    let problem = |problem: &str| ConfigError::new("url", without_credentials(given), problem);
    let scheme = match given.trim_start().split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase()).as_deref() {
        Some("ws" | "http") => "ws",
        Some("wss" | "https") => "wss",
        _ => return Err(problem("URL does not begin with wss://, ws://, https:// or http://")),
    };
    let mut url = Url::parse(given).map_err(|error| problem(&format!("not a URL ({error})")))?;
    // The URL standard reads `wss:///v1` as host `v1`.
    let has_authority = given.split_once("://").is_some_and(|(_, rest)| !rest.is_empty() && !rest.starts_with('/'));
    if !has_authority || url.host_str().is_none_or(str::is_empty) {
        return Err(problem("URL has no host"));
    }
    url.set_scheme(scheme).map_err(|()| problem("not a WebSocket URL"))?;
    url.set_fragment(None);
    let short_lived =
        profile.token == TokenRule::GoogleEphemeral && options.api_key.as_deref().is_some_and(is_google_token);
    if let Some(path) = session_path(profile, url.path().trim_end_matches('/')) {
        url.set_path(&format!("{path}{}", if short_lived { "Constrained" } else { "" }));
    }
    add_query(profile, options, &mut url)?;
    Ok(url)
}

/// The path of a session below `path` where that is a base; None where it is a session's path already.
fn session_path(profile: &EndpointProfile, path: &str) -> Option<String> {
    if !profile.versions.is_empty() {
        return versioned_path(profile, path);
    }
    // A bare /v1 is what every compatible server calls its base, also a relay of a service with another root.
    if path.is_empty() || path == "/v1" {
        return Some(format!("{}{}", profile.root, profile.path));
    }
    (path.ends_with("/v1") || path == profile.root).then(|| format!("{path}{}", profile.path))
}

/// The same for a service whose path names a version: a base may end in one.
fn versioned_path(profile: &EndpointProfile, path: &str) -> Option<String> {
    let (prefix, last) = path.rsplit_once('/').unwrap_or((path, ""));
    let is_version = profile.versions.contains(&last);
    let (prefix, version) = if is_version { (prefix, last) } else { (path, profile.version) };
    let is_base = is_version || prefix.is_empty() || prefix.ends_with(profile.root);
    let prefix = prefix.strip_suffix(profile.root).unwrap_or(prefix);
    is_base.then(|| format!("{prefix}{}{}", profile.root, profile.path.replace("{version}", version)))
}

/// Whether a key is one of Google's short-lived tokens.
fn is_google_token(key: &str) -> bool {
    key.starts_with("auth_tokens/")
}

fn add_query(profile: &EndpointProfile, options: &EndpointOptions, url: &mut Url) -> Result<(), ConfigError> {
    let mut wanted: Vec<(&str, &str)> = profile.query.to_vec();
    match &options.call_id {
        Some(call_id) => {
            check_text("call_id", call_id)?;
            wanted.push(("call_id", call_id));
        }
        None if !options.model.is_empty() && !profile.model_parameter.is_empty() => {
            wanted.push((profile.model_parameter, &options.model))
        }
        None => {}
    }
    wanted.extend(options.query.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    for (name, value) in wanted {
        if !url.query_pairs().any(|(known, _)| known == name) {
            url.query_pairs_mut().append_pair(name, value);
        }
    }
    Ok(())
}

fn without_credentials(url: &str) -> String {
    let at = url.find("://").map_or(0, |at| at + 3);
    let (scheme, rest) = url.split_at(at);
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    // A password may hold a slash: what stands before the last @ is not shown.
    let shown = rest.rsplit_once('@').map_or(rest, |(_, shown)| shown);
    format!("{scheme}{shown}")
}

fn check_text(field: &str, value: &str) -> Result<(), ConfigError> {
    if value.contains(['\r', '\n', '\0']) {
        return Err(ConfigError::new(field, format!("{value:?}"), "value holds CR, LF or NUL"));
    }
    Ok(())
}

fn check_header(name: &str, value: &str) -> Result<(), ConfigError> {
    let field = format!("headers[{name:?}]");
    if name.is_empty() || !name.bytes().all(is_token_byte) {
        return Err(ConfigError::new(field, "***", "not a header name"));
    }
    if value.bytes().any(|byte| (byte < b' ' && byte != b'\t') || byte == 0x7f) {
        return Err(ConfigError::new(field, "***", "header value holds a control character"));
    }
    let lower = name.to_ascii_lowercase();
    if matches!(lower.as_str(), "host" | "connection" | "upgrade") || lower.starts_with("sec-websocket-") {
        return Err(ConfigError::new(field, "***", "this header belongs to the handshake and cannot be set"));
    }
    Ok(())
}

fn has_header(headers: &[(String, String)], wanted: &str) -> bool {
    headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(wanted))
}

/// Query parameters that may be shown; any other may hold a secret.
const HARMLESS: &[&str] = &["model", "deployment", "api-version", "call_id", "intent"];

/// Whether RFC 9110 allows the byte in a token.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
