//! Why a session ends: the one way in which this service tells an error; the last step before the socket.

/// Bytes of reason that a close frame holds (RFC 6455 section 5.5).
const REASON_LIMIT: usize = 123;

/// Code and reason of a close frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Close {
    pub(crate) code: u16,
    pub(crate) reason: String,
}

impl Close {
    /// A close frame; a longer reason is cut at 123 bytes, as the service does.
    pub(crate) fn new(code: u16, reason: &str) -> Self {
        let mut end = reason.len().min(REASON_LIMIT);
        while !reason.is_char_boundary(end) {
            end -= 1;
        }
        Close { code, reason: reason[..end].to_owned() }
    }

    /// The client's message cannot be used: 1007.
    pub(crate) fn invalid(reason: &str) -> Self {
        Close::new(1007, reason)
    }

    /// 1007 in the words that the service has for most things.
    pub(crate) fn invalid_argument() -> Self {
        Close::usual(1007)
    }

    /// The code with the reason that was seen with it.
    pub(crate) fn usual(code: u16) -> Self {
        let reason = match code {
            1000 => "The operation was cancelled.",
            1007 => "Request contains an invalid argument.",
            1008 => "Operation is not implemented, or supported, or enabled.",
            1011 => "Internal error occurred.",
            _ => "",
        };
        Close::new(code, reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let close = Close::invalid(&"é".repeat(100));

        assert_eq!(close.reason.len(), 122);
    }
}
