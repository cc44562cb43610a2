//! What must hold for any body of an answer, behind headers as rtorrent sends them.

/// Tells whether a value came of it.
pub(crate) fn check(bytes: &[u8]) -> bool {
    let headers = b"Status: 200 OK\r\nContent-Type: text/xml\r\n\r\n";
    super::answer::check(&[&headers[..], bytes].concat())
}
