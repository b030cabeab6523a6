//! Decides whom to let in and in which dialect: path, key, model and beta header; between the request and the connection.

use serde_json::{json, Value};

use crate::event::ErrorBody;
use crate::gemini::endpoint::{self, Backend, Entry};
use crate::gemini::Close;
use crate::registry::{Grant, Registry, Secret};
use crate::request::{Request, Response};
use crate::shape::starting_settings;
use crate::{Beta, Dialect, Refusal, SimulatorConfig};

const KEY_PROTOCOL: &str = "openai-insecure-api-key.";
const XAI_KEY_PROTOCOL: &str = "xai-client-secret.";
const BETA_PROTOCOL: &str = "openai-beta.realtime-v1";
const DEFAULT_MODEL: &str = "gpt-realtime";

/// Paths that speak WebSocket, and their dialects.
const PATHS: &[(&str, Dialect)] = &[
    ("/v1/realtime", Dialect::Ga),
    ("/realtime", Dialect::Ga),
    ("/openai/v1/realtime", Dialect::Azure),
    ("/openai/realtime", Dialect::AzurePreview),
    ("/voice-live/realtime", Dialect::VoiceLive),
    ("/api-ws/v1/realtime", Dialect::Qwen),
];

/// What becomes of a request.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// Serve a session.
    Admit(Admission),
    /// Answer by HTTP.
    Refuse(Response),
    /// Upgrade, send the error, close 4000.
    UpgradeAndRefuse(ErrorBody),
    /// Serve a session of Gemini Live.
    AdmitGemini(Backend),
    /// Upgrade, and close without a message.
    UpgradeAndClose(Close),
}

/// Which session a client asked for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Admission {
    pub(crate) dialect: Dialect,
    pub(crate) model: String,
    pub(crate) transcription: bool,
    /// What the session begins with, as a GA update; null for the defaults.
    pub(crate) settings: Value,
    /// The call that the session stands beside.
    pub(crate) call_id: Option<String>,
}

impl Admission {
    /// A session of GA with its defaults.
    pub(crate) fn new(model: &str, transcription: bool) -> Self {
        let model = model.to_owned();
        Admission { dialect: Dialect::Ga, model, transcription, settings: Value::Null, call_id: None }
    }
}

/// Decide about a request at `now`, in seconds of Unix time.
pub(crate) fn judge(request: &Request, config: &SimulatorConfig, registry: &Registry, now: u64) -> Verdict {
    if let Some(backend) = endpoint::backend_of(request.path()) {
        return match endpoint::judge(backend, request, config) {
            Entry::Admit(backend) => Verdict::AdmitGemini(backend),
            Entry::Refuse(response) => Verdict::Refuse(response),
            Entry::UpgradeAndClose(close) => Verdict::UpgradeAndClose(close),
        };
    }
    let Some(at_path) = dialect_of(request.path()) else {
        return Verdict::Refuse(refuse_path(request));
    };
    if request.upgrade_key().is_none() {
        return Verdict::Refuse(refuse_plain());
    }
    let grant = match check_key(request, config, registry, now) {
        Ok(grant) => grant,
        Err(problem) => return refuse(401, problem, config),
    };
    let mut dialect = config.dialect.unwrap_or(at_path);
    if dialect == Dialect::Ga && asks_for_beta(request) {
        if config.beta == Beta::Refuse {
            return Verdict::UpgradeAndRefuse(beta_is_gone());
        }
        dialect = Dialect::Beta;
    }
    admit(request, dialect, grant, config, registry)
}

/// The dialect that a path speaks; None if it is none of those that speak WebSocket.
pub(crate) fn dialect_of(path: &str) -> Option<Dialect> {
    PATHS.iter().find(|(known, _)| *known == path).map(|(_, dialect)| *dialect)
}

/// What the service says to beta clients since May 2026.
pub(crate) fn beta_is_gone() -> ErrorBody {
    ErrorBody::invalid(
        "beta_api_shape_disabled",
        "The Realtime Beta API is no longer supported. Please use /v1/realtime for the GA API.",
    )
}

/// Replace keys in a target and in headers, so that a record can be shown.
pub(crate) fn mask(request: &Request) -> (String, Vec<(String, String)>) {
    let headers = request.headers.iter().map(|(name, value)| {
        let masked = match name.to_ascii_lowercase().as_str() {
            "authorization" => mask_authorization(value),
            "api-key" | "x-api-key" | "x-goog-api-key" | "cookie" => "***".to_owned(),
            "sec-websocket-protocol" => mask_protocols(value),
            _ => value.clone(),
        };
        (name.clone(), masked)
    });
    (mask_target(&request.target), headers.collect())
}

fn asks_for_beta(request: &Request) -> bool {
    request.header("openai-beta").is_some_and(|value| value.contains("realtime=v1"))
        || request.subprotocols().any(|name| name == BETA_PROTOCOL)
}

fn admit(
    request: &Request,
    dialect: Dialect,
    granted: Option<Grant>,
    config: &SimulatorConfig,
    registry: &Registry,
) -> Verdict {
    if let Some(problem) = missing_version(request) {
        return refuse(400, problem, config);
    }
    let call_id = request.query("call_id");
    let grant = match call_id.as_deref().map(|id| (id, registry.join_call(id))) {
        Some((id, None)) => return refuse(404, unknown_call(id), config),
        Some((_, Some(grant))) => grant,
        None => granted.unwrap_or_default(),
    };
    let transcription = grant.transcription || request.query("intent").as_deref() == Some("transcription");
    let named = ["model", "deployment"].iter().find_map(|name| request.query(name)).filter(|model| !model.is_empty());
    // An agent of Voice Live brings its own model.
    let needs_none = transcription || call_id.is_some() || request.query("agent-id").is_some();
    let Some(model) = named.or(grant.model).or_else(|| needs_none.then(|| DEFAULT_MODEL.to_owned())) else {
        let name = if request.path() == "/openai/realtime" { "deployment" } else { "model" };
        let message = format!("You must provide a {name} parameter.");
        return refuse(400, ErrorBody::invalid("missing_model", &message).about(name), config);
    };
    if let Some(models) = &config.models {
        if !models.contains(&model) {
            let message = format!("The model `{model}` does not exist or you do not have access to it.");
            return refuse(404, ErrorBody::invalid("model_not_found", &message).about("model"), config);
        }
    }
    let settings = if grant.settings.is_null() { starting_settings(dialect) } else { grant.settings };
    Verdict::Admit(Admission { dialect, model, transcription, settings, call_id })
}

/// Azure's dated paths want their date.
fn missing_version(request: &Request) -> Option<ErrorBody> {
    let dated = matches!(request.path(), "/openai/realtime" | "/voice-live/realtime");
    let missing = dated && request.query("api-version").is_none_or(|version| version.is_empty());
    missing.then(|| {
        let message = "Missing required query parameter: 'api-version'.";
        ErrorBody::invalid("missing_required_parameter", message).about("api-version")
    })
}

pub(crate) fn unknown_call(id: &str) -> ErrorBody {
    ErrorBody::invalid("call_id_not_found", &format!("No session found for call_id {id}.")).about("call_id")
}

/// What an ephemeral key grants, or nothing for another key that is right.
pub(crate) fn check_key(
    request: &Request,
    config: &SimulatorConfig,
    registry: &Registry,
    now: u64,
) -> Result<Option<Grant>, ErrorBody> {
    let shown = shown_key(request);
    let secret = shown.as_deref().map(|key| registry.secret(key, now));
    if let Some(Secret::Valid(grant)) = secret {
        return Ok(Some(grant));
    }
    let Some(wanted) = config.api_key.as_deref() else {
        return Ok(None);
    };
    match shown {
        Some(key) if key == wanted => Ok(None),
        Some(_) if secret == Some(Secret::Expired) => {
            Err(ErrorBody::invalid("invalid_api_key", "The ephemeral key has expired."))
        }
        Some(key) => {
            let message = format!("Incorrect API key provided: {}.", mask_key(&key));
            Err(ErrorBody::invalid("invalid_api_key", &message))
        }
        None => Err(ErrorBody::invalid("invalid_api_key", "Missing bearer or basic authentication in header")),
    }
}

fn shown_key(request: &Request) -> Option<String> {
    let bearer = request.header("authorization").and_then(|value| {
        let (scheme, key) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim().to_owned())
    });
    let header = || request.header("api-key").map(str::to_owned);
    let prefixes = [KEY_PROTOCOL, XAI_KEY_PROTOCOL];
    let stripped = |name: &str| prefixes.iter().find_map(|prefix| name.strip_prefix(prefix)).map(str::to_owned);
    let protocol = || request.subprotocols().find_map(stripped);
    let is_azure = ["/openai/", "/voice-live/"].iter().any(|prefix| request.path().starts_with(prefix));
    let query = || request.query("api-key").filter(|_| is_azure);
    bearer.or_else(header).or_else(protocol).or_else(query)
}

fn refuse(status: u16, problem: ErrorBody, config: &SimulatorConfig) -> Verdict {
    match config.refusal {
        Refusal::Event => Verdict::UpgradeAndRefuse(problem),
        Refusal::Http => Verdict::Refuse(Response::json(status, problem.http_body())),
    }
}

/// There is nothing at this path.
pub(crate) fn refuse_path(request: &Request) -> Response {
    let message = format!("Invalid URL ({} {})", request.method, request.path());
    let body = json!({"error": {"message": message, "type": "invalid_request_error", "param": null, "code": null}});
    Response::json(404, body.to_string())
}

/// There is a WebSocket at this path, and nothing else.
pub(crate) fn refuse_plain() -> Response {
    let problem = ErrorBody::invalid("upgrade_required", "This URL speaks WebSocket only.");
    let mut response = Response::json(426, problem.http_body());
    response.headers.push(("Upgrade", "websocket".to_owned()));
    response
}

fn mask_key(key: &str) -> String {
    let mut chars = key.chars();
    let head: String = chars.by_ref().take(3).collect();
    let tail: String = chars.rev().take(2).collect::<Vec<_>>().into_iter().rev().collect();
    format!("{head}***{tail}")
}

fn mask_authorization(value: &str) -> String {
    match value.split_once(' ') {
        Some((scheme, _)) => format!("{scheme} ***"),
        None => "***".to_owned(),
    }
}

fn mask_protocols(value: &str) -> String {
    let mask = |name: &str| {
        let name = name.trim();
        match [KEY_PROTOCOL, XAI_KEY_PROTOCOL].iter().find(|prefix| name.starts_with(**prefix)) {
            Some(prefix) => format!("{prefix}***"),
            None => name.to_owned(),
        }
    };
    value.split(',').map(mask).collect::<Vec<_>>().join(", ")
}

fn mask_target(target: &str) -> String {
    let Some((path, query)) = target.split_once('?') else {
        return target.to_owned();
    };
    let mask = |pair: &str| match pair.split_once('=') {
        Some((key @ ("api-key" | "api_key" | "key" | "access_token" | "token"), _)) => {
            format!("{key}=***")
        }
        _ => pair.to_owned(),
    };
    let query: Vec<_> = query.split('&').map(mask).collect();
    format!("{path}?{}", query.join("&"))
}
