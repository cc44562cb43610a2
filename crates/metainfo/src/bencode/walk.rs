//! A walk through dictionaries in one another, token by token: each byte is looked at once, however
//! deep it lies, and nothing grows with the depth.

use super::{
    Dictionary, Value,
    tokens::{Token, Tokens},
    value,
};

/// One step of a [walk](Dictionary::walk).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step<'a> {
    /// A dictionary begins under this key.
    Into(&'a [u8]),
    /// The innermost dictionary that was begun ends.
    Out,
    /// Any other value. A dictionary under the empty key is one too: file trees (BEP 52) have there
    /// what they say of one file.
    Value(&'a [u8], Value<'a>),
}

impl<'a> Dictionary<'a> {
    /// Every entry of this dictionary and of those below it, in the order they came.
    pub(crate) fn walk(&self) -> impl Iterator<Item = Step<'a>> + use<'a> {
        let mut tokens = Tokens::inside(self.raw);
        let mut open = 0_usize;
        std::iter::from_fn(move || match tokens.next().ok()? {
            Token::End => {
                open = open.checked_sub(1)?;
                Some(Step::Out)
            }
            Token::Bytes(key) => {
                let mut ahead = tokens.clone();
                if !key.is_empty() && matches!(ahead.next(), Ok(Token::Dictionary)) {
                    tokens = ahead;
                    open += 1;
                    return Some(Step::Into(key));
                }
                Some(Step::Value(key, value(&mut tokens)?))
            }
            Token::Integer(_) | Token::List | Token::Dictionary => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_comes_once_and_in_order() {
        let bytes = b"d1:ad0:d6:lengthi1ee1:xi2ee1:bde1:cl1:zee tail";
        let (tree, _) = Dictionary::parse(bytes).unwrap();
        let (file, _) = Dictionary::parse(b"d6:lengthi1ee").unwrap();
        let steps: Vec<_> = tree.walk().collect();
        let expected = [
            Step::Into(b"a"),
            Step::Value(b"", Value::Dictionary(file)),
            Step::Value(b"x", Value::Integer(2)),
            Step::Out,
            Step::Into(b"b"),
            Step::Out,
        ];
        assert_eq!(steps[..6], expected);
        assert!(matches!(steps[6..], [Step::Value(b"c", Value::List(_))]));
    }
}
