//! A test's own view of rtorrent: XML-RPC over SCGI, a call a connection.
//!
//! Deliberately not Seedship's client: what a test reads back must not come through the code under
//! test. It reads what rtorrent really sends (i4, i8, strings, arrays, structs, faults) and makes
//! a panic-free error of everything else.

use std::fmt;
use std::io::{Read, Write};
use std::net::{SocketAddrV4, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use crate::error::{During, Error, Result};

/// Where an rtorrent takes its orders.
#[derive(Clone, Debug)]
pub enum Control {
    /// A socket.
    Unix(PathBuf),
    /// A port.
    Tcp(SocketAddrV4),
}

/// A value of an XML-RPC call or answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `i4` in calls that fit, `i8` otherwise; both in answers.
    Int(i64),
    /// Text. Bytes of an answer that are not UTF-8 are replaced: ask for hashes and numbers.
    Str(String),
    /// Bytes, sent as base64.
    Bytes(Vec<u8>),
    /// A list.
    Array(Vec<Value>),
    /// Names with their values, in rtorrent's order.
    Struct(Vec<(String, Value)>),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Str(text.to_owned())
    }
}
impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::Str(text.clone())
    }
}
impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}
impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl Value {
    /// The number, or `None` if it is something else.
    pub fn int(&self) -> Option<i64> {
        if let Self::Int(number) = self { Some(*number) } else { None }
    }
    /// The text, or `None` if it is something else.
    pub fn text(&self) -> Option<&str> {
        if let Self::Str(text) = self { Some(text) } else { None }
    }
    /// The items of an array; nothing if it is something else.
    pub fn items(&self) -> &[Value] {
        if let Self::Array(items) = self { items } else { &[] }
    }
    /// A field of a struct.
    pub fn field(&self, name: &str) -> Option<&Value> {
        let Self::Struct(fields) = self else { return None };
        fields.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }
}

/// As rtorrent would write it in its own command language: for reading in a failed assertion.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(number) => write!(f, "{number}"),
            Self::Str(text) => f.write_str(text),
            Self::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
            Self::Array(items) => {
                let items: Vec<_> = items.iter().map(Self::to_string).collect();
                write!(f, "({})", items.join(","))
            }
            Self::Struct(fields) => {
                let fields: Vec<_> = fields.iter().map(|(k, v)| format!("{k}={v}")).collect();
                write!(f, "{{{}}}", fields.join(","))
            }
        }
    }
}

/// One call. A fault is an error with rtorrent's own code and text.
pub fn call(control: &Control, method: &str, params: &[Value]) -> Result<Value> {
    let answer = exchange(control, &request(method, params)).during(format!("call {method}"))?;
    let answer = String::from_utf8_lossy(&answer);
    let (_, body) = answer
        .split_once("\r\n\r\n")
        .ok_or_else(|| Error::new(format!("call {method}: no answer: {answer:?}")))?;
    let mut xml = Xml { rest: body };
    let fault = body.contains("<fault>");
    let value = xml
        .skip_to("<value>")
        .and_then(|()| xml.value())
        .ok_or_else(|| Error::new(format!("call {method}: not understood: {body}")))?;
    match (fault, value.field("faultCode"), value.field("faultString")) {
        (true, Some(code), Some(text)) => {
            Err(Error::new(format!("call {method}: fault {code}: {text}")))
        }
        _ => Ok(value),
    }
}

const PATIENCE: Option<Duration> = Some(Duration::from_secs(10));

fn exchange(control: &Control, body: &str) -> std::io::Result<Vec<u8>> {
    match control {
        Control::Unix(socket) => {
            let stream = UnixStream::connect(socket)?;
            stream.set_read_timeout(PATIENCE)?;
            stream.set_write_timeout(PATIENCE)?;
            carry(stream, body)
        }
        Control::Tcp(address) => {
            let stream = TcpStream::connect(address)?;
            stream.set_read_timeout(PATIENCE)?;
            stream.set_write_timeout(PATIENCE)?;
            carry(stream, body)
        }
    }
}

fn carry(mut stream: impl Read + Write, body: &str) -> std::io::Result<Vec<u8>> {
    let head = format!("CONTENT_LENGTH\0{}\0SCGI\x001\0", body.len());
    stream.write_all(format!("{}:{head},{body}", head.len()).as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}

fn request(method: &str, params: &[Value]) -> String {
    let mut xml = format!("<?xml version=\"1.0\"?><methodCall><methodName>{method}</methodName>");
    xml.push_str("<params>");
    for param in params {
        xml.push_str("<param>");
        write_value(param, &mut xml);
        xml.push_str("</param>");
    }
    xml.push_str("</params></methodCall>");
    xml
}

/// Always typed: an untyped value is a fault on some versions and a crash on others.
fn write_value(value: &Value, xml: &mut String) {
    xml.push_str("<value>");
    match value {
        Value::Int(n) if i32::try_from(*n).is_ok() => xml.push_str(&format!("<i4>{n}</i4>")),
        Value::Int(n) => xml.push_str(&format!("<i8>{n}</i8>")),
        Value::Str(text) => {
            let text = text.replace('&', "&amp;").replace('<', "&lt;");
            xml.push_str(&format!("<string>{text}</string>"));
        }
        Value::Bytes(bytes) => xml.push_str(&format!("<base64>{}</base64>", base64(bytes))),
        Value::Array(items) => {
            xml.push_str("<array><data>");
            items.iter().for_each(|item| write_value(item, xml));
            xml.push_str("</data></array>");
        }
        Value::Struct(fields) => {
            xml.push_str("<struct>");
            for (name, value) in fields {
                xml.push_str(&format!("<member><name>{name}</name>"));
                write_value(value, xml);
                xml.push_str("</member>");
            }
            xml.push_str("</struct>");
        }
    }
    xml.push_str("</value>");
}

/// RFC 4648, with padding.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let word = (0..3).fold(0, |w, i| w << 8 | u32::from(group.get(i).copied().unwrap_or(0)));
        for i in 0..4 {
            match i <= group.len() {
                true => out.push(char::from(ALPHABET[(word >> (18 - 6 * i)) as usize & 63])),
                false => out.push('='),
            }
        }
    }
    out
}

/// What is left of an answer.
struct Xml<'a> {
    rest: &'a str,
}

impl<'a> Xml<'a> {
    /// Goes on behind the next `mark`.
    fn skip_to(&mut self, mark: &str) -> Option<()> {
        self.until(mark).map(drop)
    }

    /// What stands before the next `mark`; goes on behind it.
    fn until(&mut self, mark: &str) -> Option<&'a str> {
        let (before, after) = self.rest.split_once(mark)?;
        self.rest = after;
        Some(before)
    }

    /// Takes `mark` if it is next, white space aside.
    fn eat(&mut self, mark: &str) -> bool {
        let next = self.rest.trim_start().strip_prefix(mark);
        self.rest = next.unwrap_or(self.rest);
        next.is_some()
    }

    /// A value whose opening tag was taken, with its closing tag.
    fn value(&mut self) -> Option<Value> {
        let value = if self.eat("<array>") {
            self.skip_to("<data>")?;
            let mut items = Vec::new();
            while self.eat("<value>") {
                items.push(self.value()?);
            }
            self.skip_to("</array>")?;
            Value::Array(items)
        } else if self.eat("<struct>") {
            let mut fields = Vec::new();
            while self.eat("<member>") {
                self.skip_to("<name>")?;
                let name = unescape(self.until("</name>")?);
                self.skip_to("<value>")?;
                fields.push((name, self.value()?));
                self.skip_to("</member>")?;
            }
            self.skip_to("</struct>")?;
            Value::Struct(fields)
        } else if self.eat("<i4>") || self.eat("<i8>") || self.eat("<int>") {
            Value::Int(self.until("</i")?.trim().parse().ok()?)
        } else if self.eat("<string/>") {
            Value::Str(String::new())
        } else if self.eat("<string>") {
            Value::Str(unescape(self.until("</string>")?))
        } else {
            return Some(Value::Str(unescape(self.until("</value>")?)));
        };
        self.skip_to("</value>")?;
        Some(value)
    }
}

fn unescape(text: &str) -> String {
    let plain = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    plain.replace("&apos;", "'").replace("&#13;", "\r").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_as_they_were_written() {
        let value = Value::Array(vec![
            Value::Int(-3),
            Value::Int(1 << 40),
            Value::from("a <b> & \"c\""),
            Value::from(""),
            Value::Array(vec![]),
            Value::Struct(vec![("k".into(), Value::from("v")), ("l".into(), Value::Int(1))]),
        ]);
        let mut xml = String::new();
        write_value(&value, &mut xml);
        let mut read = Xml { rest: xml.strip_prefix("<value>").unwrap() };
        assert_eq!(read.value(), Some(value));
        assert_eq!(read.rest, "");
    }

    #[test]
    fn base64_is_the_one_of_the_rfc() {
        let all = ["", "f", "fo", "foo", "foob", "fooba", "foobar"].map(|t| base64(t.as_bytes()));
        assert_eq!(all, ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"]);
    }
}
