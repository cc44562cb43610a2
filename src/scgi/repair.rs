//! Makes an answer of rtorrent XML, such that every byte of its strings can be had back.
//!
//! rtorrent copies names into its answers as they are. One that is not UTF-8, or one control
//! character, makes the whole answer unreadable to a parser that keeps the rules. So every byte
//! that XML 1.0 does not allow becomes a private character, U+10F700 + byte, and [`restore`] turns
//! it back after parsing. That is reversible because bytes that already are such a character are
//! mapped as well. The same is done to what a parser would change: a carriage return (becomes a
//! line feed), a string of nothing but white space (is dropped), a reference that it does not know.
//!
//! Newer rtorrents send a fault's code as `<i8>`, which the `xmlrpc` crate refuses: within a
//! fault it becomes `<i4>`. And as that crate recurses, the depth is bounded here, before it.

/// The first of the 256 private characters that stand for bytes, in plane 16.
const PRIVATE: u32 = 0x0010_F700;

/// How many elements may stand in one another. rtorrent's own answers need 16.
const DEPTH_MAX: usize = 64;

/// The longest reference that is looked for: `&#x10FFFF;`.
const REFERENCE_MAX: usize = 10;

/// An answer that is not worth parsing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unfit {
    TooDeep,
    Declares,
}

impl Unfit {
    pub(super) fn cause(self) -> &'static str {
        match self {
            Self::TooDeep => "its answer is nested too deep",
            // Declarations bring entities, and comments hide tags: rtorrent sends neither.
            Self::Declares => "its answer has XML declarations that rtorrent does not make",
        }
    }
}

/// The answer as text that an XML parser takes, if it is well-formed but for its strings.
pub(super) fn repair(body: &[u8]) -> Result<String, Unfit> {
    let mut out = String::with_capacity(body.len());
    let mut depth = 0_usize;
    let mut in_fault = false;
    let mut opened = &b""[..];
    let mut rest = body;
    while let Some((text, tag, behind)) = next_tag(rest) {
        let whole = matches!(opened, b"<string>" | b"<value>") && tag.starts_with(b"</");
        write_text(text, whole, &mut out);
        match tag {
            [b'<', b'!', ..] => return Err(Unfit::Declares),
            [b'<', b'?', ..] | [.., b'/', b'>'] => {}
            [b'<', b'/', ..] => depth = depth.saturating_sub(1),
            _ => depth += 1,
        }
        if depth > DEPTH_MAX {
            return Err(Unfit::TooDeep);
        }
        in_fault |= tag == b"<fault>";
        match tag {
            b"<i8>" if in_fault => out.push_str("<i4>"),
            b"</i8>" if in_fault => out.push_str("</i4>"),
            _ => write_bytes(tag, false, &mut out),
        }
        opened = tag;
        rest = behind;
    }
    write_text(rest, false, &mut out);
    Ok(out)
}

/// The bytes that a parsed string stood for.
pub(super) fn restore(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for c in text.chars() {
        match u32::from(c).checked_sub(PRIVATE).map(u8::try_from) {
            Some(Ok(byte)) => out.push(byte),
            _ => out.extend(c.encode_utf8(&mut [0; 4]).bytes()),
        }
    }
    out
}

/// The text before the next tag, the tag with its brackets, and what is behind it.
fn next_tag(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let start = bytes.iter().position(|b| *b == b'<')?;
    let (text, rest) = bytes.split_at(start);
    let end = rest.iter().position(|b| *b == b'>')?;
    let (tag, behind) = rest.split_at(end + 1);
    Some((text, tag, behind))
}

/// Text between two tags; `whole` if it is all of a string, so that white space counts.
fn write_text(text: &[u8], whole: bool, out: &mut String) {
    let blank = text.iter().all(|b| b" \t\r\n".contains(b));
    if blank && !whole {
        return out.extend(text.iter().map(|b| char::from(*b)));
    }
    if blank {
        return text.iter().for_each(|b| out.push(private(*b)));
    }
    let mut rest = text;
    while let Some(at) = rest.iter().position(|b| *b == b'&') {
        write_bytes(&rest[..at], true, out);
        rest = write_reference(&rest[at..], out);
    }
    write_bytes(rest, true, out);
}

/// A named reference as it is, a numbered one as the private characters of what it stands for, and
/// an ampersand that begins neither as a private character. Gives what is behind.
fn write_reference<'a>(bytes: &'a [u8], out: &mut String) -> &'a [u8] {
    let end = bytes.iter().take(REFERENCE_MAX).position(|b| *b == b';');
    let name = end.and_then(|end| str::from_utf8(&bytes[1..end]).ok());
    let number =
        name.and_then(|name| name.strip_prefix('#')).and_then(|n| match n.strip_prefix('x') {
            Some(hex) => u32::from_str_radix(hex, 16).ok(),
            None => n.parse().ok(),
        });
    match (end, name, number.and_then(char::from_u32)) {
        (Some(end), _, Some(c)) => {
            // Decoded here; private, so that `&#60;` does not open a tag.
            c.encode_utf8(&mut [0; 4]).bytes().for_each(|b| out.push(private(b)));
            &bytes[end + 1..]
        }
        (Some(end), Some(name @ ("lt" | "gt" | "amp" | "quot" | "apos")), None) => {
            out.extend(['&'].into_iter().chain(name.chars()).chain([';']));
            &bytes[end + 1..]
        }
        _ => {
            out.push(private(b'&'));
            &bytes[1..]
        }
    }
}

/// Bytes of a text or (as they are, but for what XML forbids) of a tag.
fn write_bytes(bytes: &[u8], text: bool, out: &mut String) {
    for chunk in bytes.utf8_chunks() {
        chunk.valid().chars().for_each(|c| write_char(c, text, out));
        chunk.invalid().iter().for_each(|b| out.push(private(*b)));
    }
}

fn write_char(c: char, text: bool, out: &mut String) {
    let ours = u32::from(c).checked_sub(PRIVATE).is_some_and(|d| d < 256);
    let legal = matches!(c, '\t' | '\n' | ' '..='\u{FFFD}' | '\u{10000}'..);
    let changed = text && c == '>' || !text && c == '\r';
    if (legal && !ours) != changed {
        return out.push(c);
    }
    c.encode_utf8(&mut [0; 4]).bytes().for_each(|b| out.push(private(b)));
}

fn private(byte: u8) -> char {
    // The sum is always a character: plane 16 has no surrogates.
    char::from_u32(PRIVATE + u32::from(byte)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use xmlrpc::{Request, Transport, Value};

    /// Hands a body to the parser that the door uses.
    struct Canned(String);

    impl Transport for Canned {
        type Stream = std::io::Cursor<String>;
        fn transmit(
            self,
            _: &Request<'_>,
        ) -> Result<Self::Stream, Box<dyn std::error::Error + Send + Sync>> {
            Ok(std::io::Cursor::new(self.0))
        }
    }

    fn parsed(body: &[u8]) -> Result<Value, xmlrpc::Error> {
        Request::new("x").call(Canned(repair(body).unwrap()))
    }

    fn reply(inner: &[u8]) -> Vec<u8> {
        let before = b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<methodResponse>\r\n<params>\r\n<param>";
        [before, inner, b"</param>\r\n</params>\r\n</methodResponse>\r\n"].concat()
    }

    /// As rtorrent writes a string: only the markup is escaped.
    fn escape(raw: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        for byte in raw {
            match byte {
                b'<' => out.extend(b"&lt;"),
                b'>' => out.extend(b"&gt;"),
                b'&' => out.extend(b"&amp;"),
                byte => out.push(*byte),
            }
        }
        out
    }

    fn through(escaped: &[u8]) -> Vec<u8> {
        let inner = [b"<value><string>", escaped, b"</string></value>"].concat();
        let value = parsed(&reply(&inner)).unwrap();
        restore(value.as_str().unwrap())
    }

    proptest! {
        #[test]
        fn every_string_comes_back(raw in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..64),
            "[ \\t\\r\\n]{0,4}".prop_map(String::into_bytes),
            "[\u{10F6F0}-\u{10F810}\u{0}-\u{20}&;#x<>\\]]{0,16}".prop_map(String::into_bytes),
        ]) {
            prop_assert_eq!(through(&escape(&raw)), raw);
        }

        #[test]
        fn no_bytes_panic(body in proptest::collection::vec(
            prop_oneof![any::<u8>(), prop::sample::select(&b"<>/&;?!#x"[..])], 0..256)
        ) {
            if let Ok(text) = repair(&body) {
                let _ = Request::new("x").call(Canned(text));
            }
        }

        /// The same for bytes that get further: pieces of real answers in any order.
        #[test]
        fn no_answer_panics(pieces in proptest::collection::vec(prop::sample::select(&[
            "<methodResponse>", "</methodResponse>", "<params>", "<param>", "<value>", "</value>",
            "<array><data>", "</data></array>", "<struct>", "<member>", "<name>", "</name>",
            "</member>", "</struct>", "<string>", "</string>", "<i4>", "</i4>", "<i8>", "</i8>",
            "<base64>", "</base64>", "<dateTime.iso8601>", "</dateTime.iso8601>", "<double>",
            "</double>", "<fault>", "</fault>", "<nil/>", "faultCode", "17", "=", "20200101T1:2:3",
        ][..]), 0..24)) {
            let body = format!("<methodResponse><params><param><value>{}", pieces.concat());
            if let Ok(text) = repair(body.as_bytes()) {
                let _ = Request::new("x").call(Canned(text));
            }
        }
    }

    #[test]
    fn references_are_bytes_too() {
        assert_eq!(
            through(b"&#60;a&#x0d;&#1;&quot;&nope;&;&#x110000;& b]]>"),
            b"<a\r\x01\"&nope;&;&#x110000;& b]]>"
        );
        assert_eq!(through(b"&#32;"), b" ");
    }

    #[test]
    fn a_fault_may_have_a_long_code() {
        let fault = b"<methodResponse><fault><value><struct><member><name>faultCode</name>\r\n<value><i8>-503</i8></value></member><member><name>faultString</name>\r\n<value><string>no \xff</string></value></member></struct></value></fault></methodResponse>";
        let error = parsed(fault).unwrap_err();
        let fault = error.fault().unwrap();
        assert_eq!((fault.fault_code, restore(&fault.fault_string)), (-503, b"no \xff".to_vec()));
    }

    #[test]
    fn other_long_numbers_stay_long() {
        let value = parsed(&reply(b"<value><i8>4294967296</i8></value>")).unwrap();
        assert_eq!(value.as_i64(), Some(1 << 32));
    }

    #[test]
    fn depth_and_declarations_are_refused_before_parsing() {
        assert_eq!(repair(&b"<value><array><data>".repeat(7000)), Err(Unfit::TooDeep));
        assert_eq!(repair(b"<!DOCTYPE a [<!ENTITY b \"c\">]>"), Err(Unfit::Declares));
        assert!(repair(&b"<a></a><b/>".repeat(1000)).is_ok());
    }
}
