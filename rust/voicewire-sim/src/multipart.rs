//! The parts of a form (RFC 7578), as a call's offer comes in; between the request and `rest`.

/// Names and contents of the parts; None if it is no form of this boundary, or no UTF-8.
pub(crate) fn parts<'a>(body: &'a [u8], content_type: &str) -> Option<Vec<(String, &'a str)>> {
    let boundary = content_type.split(';').find_map(|part| part.trim().strip_prefix("boundary="))?;
    let delimiter = format!("--{}", boundary.trim_matches('"'));
    let text = std::str::from_utf8(body).ok()?;
    let mut parts = Vec::new();
    for piece in text.split(&delimiter).skip(1) {
        if piece.starts_with("--") {
            return Some(parts);
        }
        let (head, content) = piece.split_once("\r\n\r\n")?;
        parts.push((name(head)?, content.strip_suffix("\r\n")?));
    }
    None
}

fn name(head: &str) -> Option<String> {
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    let disposition = lines.into_iter().find(|(name, _)| name.trim().eq_ignore_ascii_case("content-disposition"))?.1;
    let name = disposition.split(';').find_map(|part| part.trim().strip_prefix("name="))?;
    Some(name.trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: &str =
        "--x\r\nContent-Disposition: form-data; name=\"sdp\"\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n\
                        \r\n--x\r\ncontent-disposition: form-data; name=session\r\n\r\n{}\r\n--x--\r\n";

    #[test]
    fn parts_are_found_by_name() {
        let found = parts(FORM.as_bytes(), "multipart/form-data; boundary=\"x\"").unwrap();

        assert_eq!(found, [("sdp".to_owned(), "v=0\r\n"), ("session".to_owned(), "{}")]);
    }

    #[test]
    fn what_is_no_form_gives_nothing() {
        assert_eq!(parts(FORM.as_bytes(), "multipart/form-data"), None);
        assert_eq!(parts(&FORM.as_bytes()[..60], "multipart/form-data; boundary=x"), None);
        assert_eq!(parts(b"\xff", "multipart/form-data; boundary=x"), None);
    }
}
