//! Decides whom to let in: path, key, model and beta header; between the request and the connection.

use serde_json::json;

use crate::event::ErrorBody;
use crate::request::{Request, Response};
use crate::{Beta, Refusal, SimulatorConfig};

const KEY_PROTOCOL: &str = "openai-insecure-api-key.";
const DEFAULT_MODEL: &str = "gpt-realtime";

/// What becomes of a request.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// Serve a session.
    Admit(Admission),
    /// Answer by HTTP.
    Refuse(Response),
    /// Upgrade, send the error, close 4000.
    UpgradeAndRefuse(ErrorBody),
}

/// Which session a client asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Admission {
    pub(crate) model: String,
    pub(crate) transcription: bool,
}

/// Decide about a request.
pub(crate) fn judge(request: &Request, config: &SimulatorConfig) -> Verdict {
    if !matches!(request.path(), "/v1/realtime" | "/realtime") {
        return refuse_path(request);
    }
    if request.upgrade_key().is_none() {
        return refuse_plain();
    }
    if let Some(problem) = check_key(request, config) {
        return refuse(401, problem, config);
    }
    let beta = request.header("openai-beta").is_some_and(|value| value.contains("realtime=v1"));
    if beta && config.beta == Beta::Refuse {
        return Verdict::UpgradeAndRefuse(ErrorBody::invalid(
            "beta_api_shape_disabled",
            "The Realtime Beta API is no longer supported. Please use /v1/realtime for the GA API.",
        ));
    }
    admit(request, config)
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

fn admit(request: &Request, config: &SimulatorConfig) -> Verdict {
    let transcription = request.query("intent").as_deref() == Some("transcription");
    let model = match request.query("model").filter(|model| !model.is_empty()) {
        Some(model) => model,
        None if transcription || request.query("call_id").is_some() => DEFAULT_MODEL.to_owned(),
        None => {
            let problem = ErrorBody::invalid("missing_model", "You must provide a model parameter.").about("model");
            return refuse(400, problem, config);
        }
    };
    if let Some(models) = &config.models {
        if !models.contains(&model) {
            let message = format!("The model `{model}` does not exist or you do not have access to it.");
            return refuse(404, ErrorBody::invalid("model_not_found", &message).about("model"), config);
        }
    }
    Verdict::Admit(Admission { model, transcription })
}

fn check_key(request: &Request, config: &SimulatorConfig) -> Option<ErrorBody> {
    let wanted = config.api_key.as_deref()?;
    match shown_key(request) {
        Some(key) if key == wanted => None,
        Some(key) => {
            let message = format!("Incorrect API key provided: {}.", mask_key(&key));
            Some(ErrorBody::invalid("invalid_api_key", &message))
        }
        None => Some(ErrorBody::invalid("invalid_api_key", "Missing bearer or basic authentication in header")),
    }
}

fn shown_key(request: &Request) -> Option<String> {
    let bearer = request.header("authorization").and_then(|value| {
        let (scheme, key) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim().to_owned())
    });
    let header = || request.header("api-key").map(str::to_owned);
    let protocol = || request.subprotocols().find_map(|name| name.strip_prefix(KEY_PROTOCOL)).map(str::to_owned);
    bearer.or_else(header).or_else(protocol)
}

fn refuse(status: u16, problem: ErrorBody, config: &SimulatorConfig) -> Verdict {
    match config.refusal {
        Refusal::Event => Verdict::UpgradeAndRefuse(problem),
        Refusal::Http => Verdict::Refuse(Response::json(status, problem.http_body())),
    }
}

fn refuse_path(request: &Request) -> Verdict {
    let message = format!("Invalid URL ({} {})", request.method, request.path());
    let body = json!({"error": {"message": message, "type": "invalid_request_error", "param": null, "code": null}});
    Verdict::Refuse(Response::json(404, body.to_string()))
}

fn refuse_plain() -> Verdict {
    let problem = ErrorBody::invalid("upgrade_required", "This URL speaks WebSocket only.");
    let mut response = Response::json(426, problem.http_body());
    response.headers.push(("Upgrade", "websocket".to_owned()));
    Verdict::Refuse(response)
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
    let mask = |name: &str| match name.trim().strip_prefix(KEY_PROTOCOL) {
        Some(_) => format!("{KEY_PROTOCOL}***"),
        None => name.trim().to_owned(),
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
