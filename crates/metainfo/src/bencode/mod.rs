//! Bencode (BEP 3), read where it lies: checked once from end to end, then looked at by borrowing.
//!
//! A decoder of our own, because the ones at hand are either lax (duplicate keys, wrapping numbers,
//! recursion without bound) or strict about the one thing that must not be: rtorrent loads a file
//! whose *outermost* keys are out of order, so such a file must still be readable. What is promised:
//!
//! - Numbers and lengths have one spelling (no leading zeros, no `-0`) and fit an `i64`.
//! - Keys are unique in every dictionary, and ascending in all but the outermost. So `info` has one
//!   spelling only, and its hash is the same whether raw bytes or a re-encoding are hashed.
//! - Nesting is bounded by [`MAX_DEPTH`] and kept on the heap; the call stack never grows with the
//!   input, and memory only by a constant per open container and per outermost key.
//! - Bytes after the outermost dictionary are left alone: rtorrent does so too.

mod item;
mod tokens;
mod walk;

pub use item::Item;
pub use tokens::{Defect, Malformed};
use tokens::{Token, Tokens};
pub(crate) use walk::Step;

/// How many dictionaries and lists may stand in one another. A file tree (BEP 52) needs one for
/// each directory; the deepest path that Linux can name has half as many as the path has bytes,
/// and nobody's release comes near this.
pub const MAX_DEPTH: usize = 512;

/// How many keys the outermost dictionary may have: there they are remembered, since they may come
/// in any order.
pub const MAX_OUTER_KEYS: usize = 4096;

/// Any value, borrowed from checked bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// `i42e`
    Integer(i64),
    /// `4:spam`
    Bytes(&'a [u8]),
    /// `l…e`
    List(List<'a>),
    /// `d…e`
    Dictionary(Dictionary<'a>),
}

/// A dictionary, borrowed from checked bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dictionary<'a> {
    raw: &'a [u8],
}

/// A list, borrowed from checked bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct List<'a> {
    raw: &'a [u8],
}

impl<'a> Dictionary<'a> {
    /// Checks the dictionary that `bytes` begin with, through all its depths; gives it and the
    /// bytes that follow it.
    pub fn parse(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), Malformed> {
        let (raw, rest) = bytes.split_at(check(bytes)?);
        Ok((Self { raw }, rest))
    }

    /// The bytes from `d` to `e`, as they came.
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// The value of a key.
    pub fn get(&self, key: &[u8]) -> Option<Value<'a>> {
        self.entries().find_map(|(found, value)| (found == key).then_some(value))
    }

    /// Keys and values in the order they came.
    pub fn entries(&self) -> impl Iterator<Item = (&'a [u8], Value<'a>)> + use<'a> {
        self.spans().map(|span| (span.key, span.value))
    }

    /// The entries, and where in [`raw`](Self::raw) they stand.
    pub(crate) fn spans(&self) -> impl Iterator<Item = Span<'a>> + use<'a> {
        let mut tokens = Tokens::inside(self.raw);
        std::iter::from_fn(move || {
            let start = tokens.position();
            let Some(Value::Bytes(key)) = value(&mut tokens) else { return None };
            let value = value(&mut tokens)?;
            Some(Span { key, value, start, end: tokens.position() })
        })
    }
}

/// One entry of a dictionary with its place in the dictionary's raw bytes.
pub(crate) struct Span<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) value: Value<'a>,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl<'a> List<'a> {
    /// The items in order.
    pub fn items(&self) -> impl Iterator<Item = Value<'a>> + use<'a> {
        let mut tokens = Tokens::inside(self.raw);
        std::iter::from_fn(move || value(&mut tokens))
    }
}

/// Takes one whole value; `None` at the end of the container. The bytes were checked, so that the
/// other reasons for `None` do not happen.
fn value<'a>(tokens: &mut Tokens<'a>) -> Option<Value<'a>> {
    let start = tokens.position();
    let token = tokens.next().ok()?;
    match token {
        Token::Integer(number) => return Some(Value::Integer(number)),
        Token::Bytes(bytes) => return Some(Value::Bytes(bytes)),
        Token::End => return None,
        Token::List | Token::Dictionary => {}
    }
    let mut open = 1_usize;
    while open > 0 {
        match tokens.next().ok()? {
            Token::List | Token::Dictionary => open += 1,
            Token::End => open -= 1,
            Token::Integer(_) | Token::Bytes(_) => {}
        }
    }
    let raw = tokens.since(start);
    Some(match token {
        Token::List => Value::List(List { raw }),
        _ => Value::Dictionary(Dictionary { raw }),
    })
}

/// A container that is not closed yet.
enum Open<'a> {
    List,
    /// Waits for a key, which must come after this one.
    Key(Option<&'a [u8]>),
    /// Waits for the value of this key.
    Value(&'a [u8]),
}

/// Checks the dictionary at the start of `bytes` and tells where it ends.
fn check(bytes: &[u8]) -> Result<usize, Malformed> {
    let mut tokens = Tokens::new(bytes);
    if !matches!(tokens.next()?, Token::Dictionary) {
        return Err(Malformed { at: 0, defect: Defect::NotDictionary });
    }
    let mut outer = Vec::new();
    let mut open = vec![Open::Key(None)];
    while let Some(mut top) = open.pop() {
        let at = tokens.position();
        let fail = |defect| Err(Malformed { at, defect });
        let token = tokens.next()?;
        // what the token means to the container it stands in
        top = match (top, &token) {
            (Open::List | Open::Key(_), Token::End) => continue,
            (Open::Value(_), Token::End) => return fail(Defect::NoValue),
            (Open::Key(_), Token::Bytes(key)) if open.is_empty() => {
                if outer.len() == MAX_OUTER_KEYS {
                    return fail(Defect::TooManyKeys);
                }
                outer.push((*key, at));
                Open::Value(key)
            }
            (Open::Key(Some(last)), Token::Bytes(key)) if last == *key => {
                return fail(Defect::DuplicateKey);
            }
            (Open::Key(Some(last)), Token::Bytes(key)) if last > *key => {
                return fail(Defect::UnsortedKey);
            }
            (Open::Key(_), Token::Bytes(key)) => Open::Value(key),
            (Open::Key(_), _) => return fail(Defect::KeyNotString),
            (Open::Value(key), _) => Open::Key(Some(key)),
            (Open::List, _) => Open::List,
        };
        open.push(top);
        // and what it opens
        let inner = match token {
            Token::List => Open::List,
            Token::Dictionary => Open::Key(None),
            Token::Integer(_) | Token::Bytes(_) | Token::End => continue,
        };
        if open.len() == MAX_DEPTH {
            return fail(Defect::TooDeep);
        }
        open.push(inner);
    }
    unique(outer)?;
    Ok(tokens.position())
}

/// Refuses a key that comes twice, wherever the two stand.
fn unique(mut keys: Vec<(&[u8], usize)>) -> Result<(), Malformed> {
    keys.sort_unstable();
    match keys.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        Some(pair) => Err(Malformed { at: pair[1].1, defect: Defect::DuplicateKey }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defect(bytes: &[u8]) -> Option<(usize, Defect)> {
        Dictionary::parse(bytes).err().map(|e| (e.at, e.defect))
    }

    #[test]
    fn values_are_found_where_they_lie() {
        let bytes = b"d1:ai-7e1:bl1:x0:lee1:cd1:zi1eee tail";
        let (outer, rest) = Dictionary::parse(bytes).unwrap();
        assert_eq!(rest, b" tail");
        assert_eq!(outer.raw(), &bytes[..bytes.len() - 5]);
        assert_eq!(outer.get(b"a"), Some(Value::Integer(-7)));
        let Some(Value::List(list)) = outer.get(b"b") else { panic!("no list") };
        let items: Vec<_> = list.items().collect();
        assert_eq!(items[..2], [Value::Bytes(b"x"), Value::Bytes(b"")]);
        assert_eq!(items.len(), 3);
        let Some(Value::Dictionary(inner)) = outer.get(b"c") else { panic!("no dictionary") };
        assert_eq!(inner.raw(), b"d1:zi1ee");
        assert_eq!(inner.get(b"z"), Some(Value::Integer(1)));
        assert_eq!(outer.get(b"z"), None);
    }

    #[test]
    fn the_outermost_keys_may_come_in_any_order_but_once() {
        assert_eq!(defect(b"d1:bi1e1:ai2ee"), None);
        assert_eq!(defect(b"d1:ai1e1:bi2e1:ai3ee"), Some((13, Defect::DuplicateKey)));
    }

    #[test]
    fn inner_keys_ascend() {
        assert_eq!(defect(b"d0:d1:ai1e2:aai1e1:bi1eee"), None);
        assert_eq!(defect(b"d0:d1:bi1e1:ai2eee"), Some((10, Defect::UnsortedKey)));
        assert_eq!(defect(b"d0:d1:ai1e1:ai2eee"), Some((10, Defect::DuplicateKey)));
        assert_eq!(defect(b"d0:ld1:ai1e1:ai2eeee"), Some((11, Defect::DuplicateKey)));
    }

    #[test]
    fn a_dictionary_is_keys_with_values() {
        assert_eq!(defect(b"le"), Some((0, Defect::NotDictionary)));
        assert_eq!(defect(b"d1:ae"), Some((4, Defect::NoValue)));
        assert_eq!(defect(b"di1e1:ae"), Some((1, Defect::KeyNotString)));
        assert_eq!(defect(b"dlei1ee"), Some((1, Defect::KeyNotString)));
        assert_eq!(defect(b"d1:ai1e"), Some((7, Defect::Ends)));
        assert_eq!(defect(b""), Some((0, Defect::Ends)));
    }

    #[test]
    fn depth_is_bounded_and_costs_no_stack() {
        let nested = |open: &[u8], deep: usize| {
            let mut bytes = b"d0:".to_vec();
            (0..deep).for_each(|_| bytes.extend(open));
            bytes.extend(vec![b'e'; deep + 1]);
            bytes
        };
        assert_eq!(defect(&nested(b"l", MAX_DEPTH - 1)), None);
        for open in [&b"l"[..], b"d0:"] {
            let at = 3 + (MAX_DEPTH - 1) * open.len();
            assert_eq!(defect(&nested(open, 100_000)), Some((at, Defect::TooDeep)));
        }
    }

    #[test]
    fn the_outermost_keys_are_counted() {
        let mut bytes = b"d".to_vec();
        (0..=MAX_OUTER_KEYS).for_each(|n| bytes.extend(format!("4:{n:04}0:").bytes()));
        let at = bytes.len() - 8;
        bytes.push(b'e');
        assert_eq!(defect(&bytes), Some((at, Defect::TooManyKeys)));
    }
}
