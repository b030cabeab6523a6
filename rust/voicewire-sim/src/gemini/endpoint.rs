//! Paths and credentials of Gemini Live: whom to let in, between the request and the session.

use serde_json::json;

use super::Close;
use crate::request::{Request, Response};
use crate::{Refusal, SimulatorConfig};

const VERSIONS: &[&str] = &["v1", "v1beta", "v1alpha", "v1beta1"];
const AI_STUDIO: &str = "google.ai.generativelanguage.";
const VERTEX: &str = "google.cloud.aiplatform.";
const METHODS: &[&str] = &["BidiGenerateContentConstrained", "BidiGenerateContent"];

/// Which of Google's two services a client believes to speak to; they differ in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    AiStudio,
    Vertex,
}

/// What becomes of a request at such a path.
#[derive(Debug)]
pub(crate) enum Entry {
    Admit(Backend),
    Refuse(Response),
    UpgradeAndClose(Close),
}

/// The service behind a path; None if the path is none of Gemini Live's.
pub(crate) fn backend_of(path: &str) -> Option<Backend> {
    let words: Vec<_> = path.split('/').filter(|word| !word.is_empty()).collect();
    match words.as_slice() {
        [.., service, method] if METHODS.contains(method) => {
            is_versioned(service.strip_prefix(VERTEX)?).then_some(Backend::Vertex)
        }
        [.., service] => {
            let method = METHODS.iter().find_map(|method| service.strip_suffix(method))?;
            is_versioned(method.strip_prefix(AI_STUDIO)?).then_some(Backend::AiStudio)
        }
        [] => None,
    }
}

/// Decide about a request at such a path.
pub(crate) fn judge(backend: Backend, request: &Request, config: &SimulatorConfig) -> Entry {
    if request.upgrade_key().is_none() {
        return Entry::Refuse(error(426, "FAILED_PRECONDITION", "This URL speaks WebSocket only."));
    }
    let Some(wanted) = config.api_key.as_deref() else {
        return Entry::Admit(backend);
    };
    let (status, word, message) = match shown_key(request) {
        Some(key) if key == wanted => return Entry::Admit(backend),
        Some(_) => (403, "PERMISSION_DENIED", "API key not valid. Please pass a valid API key."),
        None => (401, "UNAUTHENTICATED", "Request is missing required authentication credential."),
    };
    match config.refusal {
        Refusal::Http => Entry::Refuse(error(status, word, message)),
        Refusal::Event => Entry::UpgradeAndClose(Close::invalid(message)),
    }
}

/// As `v1beta.GenerativeService.`.
fn is_versioned(rest: &str) -> bool {
    rest.split('.').next().is_some_and(|version| VERSIONS.contains(&version))
}

/// The key or token, wherever the client put it.
fn shown_key(request: &Request) -> Option<String> {
    let header = request.header("x-goog-api-key").map(str::to_owned);
    let bearer = || {
        let (scheme, token) = request.header("authorization")?.split_once(' ')?;
        let known = ["bearer", "token"].iter().any(|name| scheme.eq_ignore_ascii_case(name));
        known.then(|| token.trim().to_owned())
    };
    let query = |name: &str| request.query(name);
    header.or_else(bearer).or_else(|| query("key")).or_else(|| query("access_token"))
}

fn error(status: u16, word: &str, message: &str) -> Response {
    let body = json!({"error": {"code": status, "message": message, "status": word}});
    Response::json(status, body.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const STUDIO: &str = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent";

    #[test]
    fn both_services_are_known_by_their_paths() {
        assert_eq!(backend_of(STUDIO), Some(Backend::AiStudio));
        assert_eq!(backend_of(&format!("/{STUDIO}Constrained")), Some(Backend::AiStudio));
        let vertex = "//ws/google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent";
        assert_eq!(backend_of(vertex), Some(Backend::Vertex));
    }

    #[test]
    fn other_versions_and_methods_are_not() {
        assert_eq!(backend_of(&STUDIO.replace("v1beta", "v9")), None);
        assert_eq!(backend_of(&STUDIO.replace("Bidi", "Uni")), None);
        assert_eq!(backend_of("/v1/realtime"), None);
        assert_eq!(backend_of("/"), None);
    }
}
