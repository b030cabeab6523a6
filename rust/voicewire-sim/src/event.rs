//! The body of an error, as an event of a session and as the body of an HTTP refusal.

use serde_json::{json, Value};

/// The object `error` of an `error` event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ErrorBody {
    pub(crate) kind: &'static str,
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) param: Option<String>,
}

impl ErrorBody {
    /// An `invalid_request_error`.
    pub(crate) fn invalid(code: &str, message: &str) -> Self {
        ErrorBody { kind: "invalid_request_error", code: code.to_owned(), message: message.to_owned(), param: None }
    }

    /// The same error, blamed on a parameter.
    pub(crate) fn about(mut self, param: &str) -> Self {
        self.param = Some(param.to_owned());
        self
    }

    /// The object as it stands in an event; `event_id` is the client's.
    pub(crate) fn event(&self, event_id: Option<&str>) -> Value {
        json!({
            "type": self.kind,
            "code": self.code,
            "message": self.message,
            "param": self.param,
            "event_id": event_id,
        })
    }

    pub(crate) fn http_body(&self) -> String {
        let error = json!({"message": self.message, "type": self.kind, "param": self.param, "code": self.code});
        json!({ "error": error }).to_string()
    }

    /// The reason of the close frame that follows a refusal after the upgrade.
    pub(crate) fn close_reason(&self) -> String {
        format!("{}.{}", self.kind, self.code)
    }
}
