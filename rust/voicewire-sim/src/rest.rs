//! The REST interface on the port of the sessions: secrets and calls; beside the path of a message.

use std::io;

use serde_json::{json, Map, Value};

use crate::connection::unix_seconds;
use crate::event::ErrorBody;
use crate::gate::{self, Admission};
use crate::ledger::RequestRecord;
use crate::listener::Shared;
use crate::multipart;
use crate::registry::Grant;
use crate::request::{Request, Response};
use crate::schema::Shape::{Integer, Nullable, Object, Text, Word};
use crate::schema::{check_fields, optional, required, Field};
use crate::schema_session::SESSION;
use crate::settings::Settings;
use crate::shape::{beta_in_ga, ga_in_beta, BETA_SESSION, BETA_TRANSCRIPTION};
use crate::stream::Stream;
use crate::Beta;

/// Seconds that a secret is good for; a beta one, which cannot choose, for a minute.
const SECRET_SECONDS: u64 = 600;
const BETA_SECRET_SECONDS: u64 = 60;

const SECRET: &[Field] = &[
    optional(
        "expires_after",
        Nullable(&Object(&[optional("anchor", Word(&["created_at"])), optional("seconds", Integer(10, 7_200))])),
    ),
    optional("session", SESSION),
];
const REJECT: &[Field] = &[optional("status_code", Nullable(&Integer(300, 699)))];
const REFER: &[Field] = &[required("target_uri", Text)];

/// What a path stands for.
#[derive(Clone, Copy)]
enum Route<'a> {
    ClientSecrets,
    BetaSessions { transcription: bool },
    Calls,
    Call { id: &'a str, action: Action },
}

#[derive(Clone, Copy)]
enum Action {
    Accept,
    Reject,
    Refer,
    Hangup,
}

/// Answer a request that is no upgrade, and record it.
pub(crate) async fn serve(stream: &mut Stream, request: &Request, rest: Vec<u8>, shared: &Shared) -> io::Result<()> {
    let (body, response) = match request.read_body(stream, rest).await? {
        Ok(bytes) => {
            let body = read_json(request, &bytes);
            let response = answer(request, &body, shared);
            (body.unwrap_or_default(), response)
        }
        Err(status) => (Value::Null, problem(status, "invalid_request", "The body of the request cannot be read.")),
    };
    shared.ledger.push_request(RequestRecord {
        method: request.method.clone(),
        path: gate::mask(request).0,
        body: body.to_string(),
        status: response.status,
    });
    response.write(stream).await
}

fn answer(request: &Request, body: &Result<Value, ErrorBody>, shared: &Shared) -> Response {
    let path = request.path();
    if gate::dialect_of(path).is_some() && request.method == "GET" {
        return gate::refuse_plain();
    }
    let Some(route) = route(path) else {
        return gate::refuse_path(request);
    };
    if request.method != "POST" {
        let message = format!("Not allowed method for {path}: {}. Allowed: POST.", request.method);
        let mut response = problem(405, "method_not_allowed", &message);
        response.headers.push(("Allow", "POST".to_owned()));
        return response;
    }
    let result = check_key(request, route, shared).and_then(|grant| {
        let body = body.as_ref().map_err(|error| refusal(400, error))?;
        act(route, request, body, grant, shared)
    });
    result.unwrap_or_else(|response| response)
}

fn route(path: &str) -> Option<Route<'_>> {
    let path = path.strip_prefix("/openai").unwrap_or(path);
    let words: Vec<_> = path.strip_prefix("/v1/realtime/")?.split('/').collect();
    match words[..] {
        ["client_secrets"] => Some(Route::ClientSecrets),
        ["sessions"] => Some(Route::BetaSessions { transcription: false }),
        ["transcription_sessions"] => Some(Route::BetaSessions { transcription: true }),
        ["calls"] => Some(Route::Calls),
        ["calls", id, action] => {
            let action = match action {
                "accept" => Action::Accept,
                "reject" => Action::Reject,
                "refer" => Action::Refer,
                "hangup" => Action::Hangup,
                _ => return None,
            };
            Some(Route::Call { id, action })
        }
        _ => None,
    }
}

/// A browser begins its call with an ephemeral key; everything else is for the holder of the real one.
fn check_key(request: &Request, route: Route<'_>, shared: &Shared) -> Result<Option<Grant>, Response> {
    let grant = gate::check_key(request, &shared.config, &shared.registry, unix_seconds());
    match grant.map_err(|error| refusal(401, &error))? {
        Some(_) if !matches!(route, Route::Calls) && shared.config.api_key.is_some() => {
            let message = "An ephemeral key cannot do this: use a standard API key.";
            Err(problem(401, "invalid_api_key", message))
        }
        grant => Ok(grant),
    }
}

fn act(
    route: Route<'_>,
    request: &Request,
    body: &Value,
    grant: Option<Grant>,
    shared: &Shared,
) -> Result<Response, Response> {
    let bad = |error: ErrorBody| refusal(400, &error);
    match route {
        Route::ClientSecrets => client_secret(body, shared).map_err(bad),
        Route::BetaSessions { .. } if shared.config.beta == Beta::Refuse => Err(bad(gate::beta_is_gone())),
        Route::BetaSessions { transcription } => beta_session(transcription, body, shared).map_err(bad),
        Route::Calls => open_call(request, body, grant.unwrap_or_default(), shared).map_err(bad),
        Route::Call { id, action } => direct_call(id, action, body, shared),
    }
}

fn client_secret(body: &Value, shared: &Shared) -> Result<Response, ErrorBody> {
    let body = if body.is_null() { json!({}) } else { body.clone() };
    check_fields("", &body, SECRET)?;
    let wanted = if body["session"].is_null() { json!({"type": "realtime"}) } else { body["session"].clone() };
    let (mut grant, session) = read_session("session", &wanted, shared)?;
    if body["session"].is_null() {
        // Each dialect has defaults of its own, which an update would hide.
        grant.settings = Value::Null;
    }
    let expires_at = unix_seconds() + body["expires_after"]["seconds"].as_u64().unwrap_or(SECRET_SECONDS);
    let value = shared.registry.mint(grant, expires_at);
    let secret = json!({"value": value, "expires_at": expires_at, "session": session});
    Ok(Response::json(200, secret.to_string()))
}

/// The beta way: the session's fields at the top, the secret among them.
fn beta_session(transcription: bool, body: &Value, shared: &Shared) -> Result<Response, ErrorBody> {
    let body = if body.is_null() { json!({}) } else { body.clone() };
    check_fields("", &body, if transcription { BETA_TRANSCRIPTION } else { BETA_SESSION })?;
    let kind = if transcription { "transcription" } else { "realtime" };
    let (update, extras) = beta_in_ga(kind, &body);
    let (grant, session) = read_session("session", &update, shared)?;
    let expires_at = unix_seconds() + BETA_SECRET_SECONDS;
    let value = shared.registry.mint(grant, expires_at);
    let mut fields = ga_in_beta(&session, extras);
    fields["client_secret"] = json!({"value": value, "expires_at": expires_at});
    Ok(Response::json(200, fields.to_string()))
}

/// Answer an offer of WebRTC. No media flows: the answer mirrors the offer's sections, and the call can be joined.
fn open_call(request: &Request, body: &Value, granted: Grant, shared: &Shared) -> Result<Response, ErrorBody> {
    let offer = body["sdp"].as_str().unwrap_or_default();
    if !offer.starts_with("v=0") {
        return Err(ErrorBody::invalid("invalid_offer", "The SDP offer cannot be parsed.").about("sdp"));
    }
    let mut grant = match &body["session"] {
        Value::Null => granted,
        session => read_session("session", session, shared)?.0,
    };
    grant.model = grant.model.or_else(|| request.query("model"));
    let id = shared.registry.open_call(grant);
    let mut response = Response::json(201, sdp_answer(offer));
    response.content_type = "application/sdp";
    response.headers.push(("Location", format!("/v1/realtime/calls/{id}")));
    Ok(response)
}

fn direct_call(id: &str, action: Action, body: &Value, shared: &Shared) -> Result<Response, Response> {
    let bad = |error: ErrorBody| refusal(400, &error);
    let empty = json!({});
    let body = if body.is_null() { &empty } else { body };
    let registry = &shared.registry;
    let known = match action {
        _ if !registry.is_running(id) => false,
        Action::Accept => registry.accept_call(id, read_session("", body, shared).map_err(bad)?.0),
        Action::Reject => {
            check_fields("", body, REJECT).map_err(bad)?;
            registry.end_call(id)
        }
        Action::Refer => {
            check_fields("", body, REFER).map_err(bad)?;
            true
        }
        Action::Hangup => registry.end_call(id),
    };
    if !known {
        return Err(refusal(404, &gate::unknown_call(id)));
    }
    Ok(Response::json(200, String::new()))
}

/// Check a session in GA; what it grants, and how the service shows it.
fn read_session(path: &str, session: &Value, shared: &Shared) -> Result<(Grant, Value), ErrorBody> {
    SESSION.check(path, session)?;
    let mut settings = session.clone();
    let model = match &mut settings {
        Value::Object(fields) => fields.shift_remove("model"),
        _ => None,
    };
    let model = model.and_then(|model| model.as_str().map(str::to_owned));
    let transcription = session["type"] == "transcription";
    let admission = Admission::new(model.as_deref().unwrap_or("gpt-realtime"), transcription);
    let id = shared.registry.make_id("sess");
    let mut shown = Settings::new(&admission, &id, 0);
    shown.update(&settings, false)?;
    Ok((Grant { model, transcription, settings }, shown.json().clone()))
}

/// The body as JSON: of a form its parts, of an offer the offer; null if there is none.
fn read_json(request: &Request, bytes: &[u8]) -> Result<Value, ErrorBody> {
    let kind = request.header("content-type").unwrap_or_default();
    let text = || std::str::from_utf8(bytes).map_err(|_| ErrorBody::invalid("invalid_body", "The body is no UTF-8."));
    if kind.starts_with("multipart/form-data") {
        let parts = multipart::parts(bytes, kind);
        let parts = parts.ok_or_else(|| ErrorBody::invalid("invalid_body", "The form cannot be read."))?;
        let mut fields = Map::new();
        for (name, content) in parts {
            let value = if name == "session" { parse(content)? } else { content.into() };
            fields.insert(name, value);
        }
        return Ok(Value::Object(fields));
    }
    if kind.starts_with("application/sdp") {
        return Ok(json!({ "sdp": text()? }));
    }
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    parse(text()?)
}

fn parse(text: &str) -> Result<Value, ErrorBody> {
    serde_json::from_str(text).map_err(|problem| {
        let message = format!("We could not parse the JSON body of your request: {problem}.");
        ErrorBody::invalid("invalid_json", &message)
    })
}

/// The sections of the offer, answered.
fn sdp_answer(offer: &str) -> String {
    let mut answer = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n".to_owned();
    for line in offer.lines().map(str::trim_end) {
        if line.starts_with("m=") {
            answer += &format!("{line}\r\nc=IN IP4 127.0.0.1\r\na=setup:passive\r\n");
        } else if ["a=group:", "a=mid:", "a=rtpmap:", "a=sctp-port:"].iter().any(|prefix| line.starts_with(prefix)) {
            answer += &format!("{line}\r\n");
        }
    }
    answer
}

fn refusal(status: u16, error: &ErrorBody) -> Response {
    Response::json(status, error.http_body())
}

fn problem(status: u16, code: &str, message: &str) -> Response {
    refusal(status, &ErrorBody::invalid(code, message))
}
