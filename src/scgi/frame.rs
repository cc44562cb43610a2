//! The SCGI frame: a netstring of headers before the body, CRLF headers before the answer.
//!
//! rtorrent reads `CONTENT_LENGTH` only where SCGI puts it, first; it waits for ever for a body
//! that is shorter than announced, and closes without a word on a `CONTENT_TYPE` that is neither
//! absent nor exactly this one.

/// A request as it goes over the wire.
pub(super) fn request(body: &[u8]) -> Vec<u8> {
    let headers = format!("CONTENT_LENGTH\0{}\0SCGI\x001\0CONTENT_TYPE\0text/xml\0", body.len());
    let mut frame = format!("{}:{headers},", headers.len()).into_bytes();
    frame.extend(body);
    frame
}

/// What follows the answer's headers; `None` if they do not end. The headers themselves are not
/// looked at: one rtorrent (0.15.7) was seen to garble them around an answer that was right.
pub(super) fn body(reply: &[u8]) -> Option<&[u8]> {
    const END: &[u8] = b"\r\n\r\n";
    reply.windows(END.len()).position(|w| w == END).map(|at| &reply[at + END.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_comes_first_and_is_exact() {
        let frame = request("é".as_bytes());
        let headers = b"CONTENT_LENGTH\x002\x00SCGI\x001\x00CONTENT_TYPE\x00text/xml\x00";
        assert_eq!(frame, [b"46:", &headers[..], b",", "é".as_bytes()].concat());
        assert_eq!(headers.len(), 46);
    }

    #[test]
    fn the_body_begins_after_the_first_empty_line() {
        assert_eq!(
            body(b"Status: 200 OK\r\ntext/xgarbage\r\n\r\na\r\n\r\nb"),
            Some(&b"a\r\n\r\nb"[..])
        );
        assert_eq!(body(b"Status: 200 OK\r\n\r"), None);
        assert_eq!(body(b""), None);
    }
}
