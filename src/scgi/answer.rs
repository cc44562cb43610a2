//! What rtorrent answers, freed from what XML and XML-RPC do to it: byte strings, one kind of
//! integer, and its own refusals as a type.

use super::repair;
use crate::error::{Error, Exit, escaped};
use std::collections::BTreeMap;

/// A value that rtorrent answered with.
#[derive(Clone, PartialEq, Debug)]
pub enum Answer {
    /// `i4`, `i8` or a boolean.
    Integer(i64),
    /// A string: the bytes that rtorrent sent, of whatever encoding.
    Text(Vec<u8>),
    /// An array.
    List(Vec<Answer>),
    /// A struct.
    Struct(BTreeMap<String, Answer>),
    /// What rtorrent never sends: a floating-point number, a date, nil.
    Other,
}

impl Answer {
    /// The integer, if it is one.
    pub fn integer(&self) -> Option<i64> {
        if let Self::Integer(number) = self { Some(*number) } else { None }
    }

    /// The string, if it is one.
    pub fn text(&self) -> Option<&[u8]> {
        if let Self::Text(bytes) = self { Some(bytes) } else { None }
    }

    /// The items, if it is a list.
    pub fn list(&self) -> Option<&[Self]> {
        if let Self::List(items) = self { Some(items) } else { None }
    }

    /// Within the list that `system.multicall` answers, a call's result is a list of one, and its
    /// fault a struct: the one, or the fault.
    pub fn of_multicall(self) -> Result<Self, Failure> {
        match self {
            Self::List(mut items) if items.len() == 1 => Ok(items.remove(0)),
            Self::Struct(members) => match (members.get("faultCode"), members.get("faultString")) {
                (Some(Self::Integer(code)), Some(Self::Text(text))) => {
                    Err(Failure::Fault(Fault { code: *code, text: escaped(text) }))
                }
                _ => Err(Failure::unexpected()),
            },
            _ => Err(Failure::unexpected()),
        }
    }
}

impl From<xmlrpc::Value> for Answer {
    fn from(value: xmlrpc::Value) -> Self {
        use xmlrpc::Value;
        match value {
            Value::Int(number) => Self::Integer(number.into()),
            Value::Int64(number) => Self::Integer(number),
            Value::Bool(truth) => Self::Integer(truth.into()),
            Value::String(text) => Self::Text(repair::restore(&text)),
            Value::Base64(bytes) => Self::Text(bytes),
            Value::Array(items) => Self::List(items.into_iter().map(Self::from).collect()),
            Value::Struct(members) => {
                Self::Struct(members.into_iter().map(|(k, v)| (k, v.into())).collect())
            }
            Value::Double(_) | Value::DateTime(_) | Value::Nil => Self::Other,
        }
    }
}

/// rtorrent's own refusal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// rtorrent's number; its meaning differs between versions.
    pub code: i64,
    /// rtorrent's own text, escaped for a log.
    pub text: String,
}

impl Fault {
    /// rtorrent does not have the download that was asked about.
    ///
    /// 0.9.8 says -501 `Could not find info-hash.`, 0.16 says -503 `invalid parameters: info-hash
    /// not found`, others -500: the codes are used for other things too, so the words decide.
    pub fn is_unknown_download(&self) -> bool {
        let text = self.text.to_ascii_lowercase();
        let about_it =
            ["info-hash", "info hash", "infohash"].iter().any(|word| text.contains(word));
        about_it
            && ["not find", "not found", "unknown"].iter().any(|word| text.contains(word))
            && (-503..=-500).contains(&self.code)
    }
}

impl From<&xmlrpc::Fault> for Fault {
    fn from(fault: &xmlrpc::Fault) -> Self {
        let text = escaped(&repair::restore(&fault.fault_string));
        Self { code: fault.fault_code.into(), text }
    }
}

/// Why a call brought no answer.
#[derive(Clone, Debug)]
pub enum Failure {
    /// rtorrent understood the call and refused it.
    Fault(Fault),
    /// There was no answer, or none that can be read.
    Broken(Error),
}

impl Failure {
    /// An answer of another shape than the question calls for.
    pub fn unexpected() -> Self {
        let cause = "its answer has another form than this seedship knows";
        let hint = "this seedship knows rtorrent 0.9.8 to 0.16";
        Self::Broken(Error::new(Exit::Unreachable, "ask", "rtorrent", cause).hint(hint))
    }

    /// The error for an operator, where `what` was asked of rtorrent (`d.erase`).
    pub fn asking(self, what: &str) -> Error {
        match self {
            Self::Broken(error) => error,
            Self::Fault(Fault { code, text }) => Error::new(
                Exit::Unreachable,
                "ask",
                format!("rtorrent for `{}`", escaped(what.as_bytes())),
                format!("it answered: {text} ({code})"),
            )
            .hint("this seedship knows rtorrent 0.9.8 to 0.16"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_download_is_known_by_the_words_of_every_version() {
        let fault = |code, text: &str| Fault { code, text: text.into() }.is_unknown_download();
        assert!(fault(-501, "Could not find info-hash."));
        assert!(fault(-503, "invalid parameters: info-hash not found"));
        assert!(fault(-500, "info-hash not found"));
        assert!(!fault(-503, "Could not find view."));
        assert!(!fault(-506, "Method 'nope' not defined"));
        assert!(!fault(-501, "Unsupported target type found."));
    }
}
