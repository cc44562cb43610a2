//! The smallest pieces of bencode: numbers, strings, and where containers open and close.

use std::fmt;

/// One step through bencoded bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    Integer(i64),
    Bytes(&'a [u8]),
    List,
    Dictionary,
    End,
}

/// Bytes that are not bencode, or not in the one spelling that is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// The offset of the value, key or number that is wrong.
    pub at: usize,
    /// What is wrong there.
    pub defect: Defect,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at byte {}: {}", self.at, self.defect)
    }
}

impl std::error::Error for Malformed {}

/// What can be wrong with bencode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Defect {
    /// Nothing follows, though something is open or was never begun.
    #[error("it ends too early")]
    Ends,
    /// Neither `i`, `l`, `d`, `e` nor a digit.
    #[error("no value begins")]
    NoToken,
    /// A number that is empty, has leading zeros or anything but digits, or is `-0`.
    #[error("a number is written wrongly")]
    Number,
    /// A number beyond 64 bits.
    #[error("a number is too large")]
    Overflow,
    /// A string's length is not followed by a colon.
    #[error("a string's length has no colon")]
    NoColon,
    /// A string that would run past the end.
    #[error("a string is longer than the file")]
    LongString,
    /// The outermost value is not a dictionary.
    #[error("no dictionary begins")]
    NotDictionary,
    /// A dictionary's key is not a string.
    #[error("a dictionary's key is not a string")]
    KeyNotString,
    /// A dictionary ends after a key.
    #[error("a dictionary's last key has no value")]
    NoValue,
    /// A key comes twice in one dictionary.
    #[error("a dictionary has a key twice")]
    DuplicateKey,
    /// A key of an inner dictionary comes after a greater one.
    #[error("a dictionary's keys are out of order")]
    UnsortedKey,
    /// More containers in one another than [`MAX_DEPTH`](super::MAX_DEPTH).
    #[error("lists and dictionaries are nested too deeply")]
    TooDeep,
    /// More outermost keys than [`MAX_OUTER_KEYS`](super::MAX_OUTER_KEYS).
    #[error("the outermost dictionary has too many keys")]
    TooManyKeys,
}

/// A walk through bencoded bytes. After an error it stays where the error is.
#[derive(Clone)]
pub(super) struct Tokens<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Begins behind the opening letter of a container.
    pub(super) fn inside(container: &'a [u8]) -> Self {
        Self { bytes: container, at: 1 }
    }

    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// The bytes from an earlier position to this one.
    pub(super) fn since(&self, start: usize) -> &'a [u8] {
        &self.bytes[start..self.at]
    }

    pub(super) fn next(&mut self) -> Result<Token<'a>, Malformed> {
        let (token, length) =
            token(&self.bytes[self.at..]).map_err(|defect| Malformed { at: self.at, defect })?;
        self.at += length;
        Ok(token)
    }
}

/// The token that the bytes begin with, and its length.
fn token(bytes: &[u8]) -> Result<(Token<'_>, usize), Defect> {
    match bytes.first().ok_or(Defect::Ends)? {
        b'i' => integer(bytes),
        b'l' => Ok((Token::List, 1)),
        b'd' => Ok((Token::Dictionary, 1)),
        b'e' => Ok((Token::End, 1)),
        b'0'..=b'9' => string(bytes),
        _ => Err(Defect::NoToken),
    }
}

/// `i42e`, `i-42e`, `i0e`.
fn integer(bytes: &[u8]) -> Result<(Token<'_>, usize), Defect> {
    let negative = bytes.get(1) == Some(&b'-');
    let start = if negative { 2 } else { 1 };
    // gathered below zero, where there is room for the least number too
    let (below, digits) =
        number(&bytes[start..], |n, digit| n.checked_mul(10)?.checked_sub(digit))?;
    let end = start + digits;
    match bytes.get(end) {
        Some(b'e') => {}
        Some(_) => return Err(Defect::Number),
        None => return Err(Defect::Ends),
    }
    let number = match (negative, below) {
        (true, 0) => return Err(Defect::Number),
        (true, below) => below,
        (false, below) => below.checked_neg().ok_or(Defect::Overflow)?,
    };
    Ok((Token::Integer(number), end + 1))
}

/// `4:spam`
fn string(bytes: &[u8]) -> Result<(Token<'_>, usize), Defect> {
    let (length, digits) = number(bytes, |n, digit| n.checked_mul(10)?.checked_add(digit))?;
    match bytes.get(digits) {
        Some(b':') => {}
        Some(_) => return Err(Defect::NoColon),
        None => return Err(Defect::Ends),
    }
    let start = digits + 1;
    let end = usize::try_from(length).ok().and_then(|length| start.checked_add(length));
    let string = end.and_then(|end| bytes.get(start..end)).ok_or(Defect::LongString)?;
    Ok((Token::Bytes(string), start + string.len()))
}

/// The decimal digits that the bytes begin with, added up by `push`, and how many they are.
fn number(bytes: &[u8], push: fn(i64, i64) -> Option<i64>) -> Result<(i64, usize), Defect> {
    let digits = bytes.iter().take_while(|b| b.is_ascii_digit()).count();
    match bytes[..digits] {
        [] if bytes.is_empty() => return Err(Defect::Ends),
        [] | [b'0', _, ..] => return Err(Defect::Number),
        _ => {}
    }
    let sum = bytes[..digits].iter().try_fold(0, |n, digit| push(n, i64::from(digit - b'0')));
    Ok((sum.ok_or(Defect::Overflow)?, digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_one_spelling() {
        for n in [0, 7, -7, i64::MAX, i64::MIN] {
            let text = format!("i{n}e");
            assert_eq!(token(text.as_bytes()), Ok((Token::Integer(n), text.len())));
        }
        for bad in ["i-0e", "i00e", "i01e", "i-01e", "i+1e", "i 1e", "ie", "i-e", "i1.5e", "i--1e"]
        {
            assert_eq!(token(bad.as_bytes()), Err(Defect::Number), "{bad}");
        }
        for big in ["i9223372036854775808e", "i-9223372036854775809e", "i99999999999999999999999e"]
        {
            assert_eq!(token(big.as_bytes()), Err(Defect::Overflow), "{big}");
        }
        for cut in ["", "i", "i-", "i1"] {
            assert_eq!(token(cut.as_bytes()), Err(Defect::Ends), "{cut}");
        }
    }

    #[test]
    fn strings_stay_within_the_bytes() {
        assert_eq!(token(b"4:spamx"), Ok((Token::Bytes(b"spam"), 6)));
        assert_eq!(token(b"0:"), Ok((Token::Bytes(b""), 2)));
        let most = format!("{}:x", i64::MAX);
        let over = format!("{}:x", u64::MAX);
        for (bad, defect) in [
            ("04:spam", Defect::Number),
            ("4;spam", Defect::NoColon),
            ("4", Defect::Ends),
            ("5:spam", Defect::LongString),
            (most.as_str(), Defect::LongString),
            (over.as_str(), Defect::Overflow),
            ("-1:x", Defect::NoToken),
            ("x", Defect::NoToken),
        ] {
            assert_eq!(token(bad.as_bytes()), Err(defect), "{bad}");
        }
    }

    #[test]
    fn a_defect_reads_as_a_sentence_with_its_place() {
        let place = |defect| Malformed { at: 7, defect }.to_string();
        assert_eq!(place(Defect::LongString), "at byte 7: a string is longer than the file");
    }
}
