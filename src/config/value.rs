//! The values that keys take, parsed into what cannot be wrong: sizes and times with their unit,
//! paths that stay where they belong, commands that are no shell lines.
//!
//! Each says what to write instead; serde and the TOML parser add the place.

use super::place::hinted;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, SeqAccess, Visitor, value::SeqAccessDeserializer},
};
use std::{
    fmt,
    marker::PhantomData,
    path::{Component, Path, PathBuf},
    time::Duration,
};

/// Bytes, written with their unit: `"16GiB"`, `"10GB"`, `"123B"`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(into = "String")]
pub(super) struct Size(pub(super) u64);

/// The largest first: a size is shown in the first unit that fits without remainder.
const SIZES: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("KB", 1_000),
    ("B", 1),
];

/// A time span, written with its unit: `"60s"`, `"10m"`, `"1h"`, `"7d"`; at most ten years, so
/// that it can be added to any time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(into = "String")]
pub(super) struct Period(pub(super) Duration);

const PERIODS: [(&str, u64); 4] = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];
const LONGEST: u64 = 3650 * 86_400;

impl TryFrom<&str> for Size {
    type Error = String;
    fn try_from(text: &str) -> Result<Self, String> {
        measure(text, &SIZES).map(Self).ok_or_else(|| {
            let cause = format!("`{text}` is no size");
            hinted(cause, with_unit(text, "MiB", r#""512KiB", "64MiB", "16GiB", "10GB" or "123B""#))
        })
    }
}

impl TryFrom<&str> for Period {
    type Error = String;
    fn try_from(text: &str) -> Result<Self, String> {
        match measure(text, &PERIODS) {
            Some(seconds) if seconds <= LONGEST => Ok(Self(Duration::from_secs(seconds))),
            Some(_) => Err(format!("`{text}` is longer than ten years")),
            None => {
                let cause = format!("`{text}` is no time span");
                Err(hinted(cause, with_unit(text, "s", r#""60s", "10m", "1h" or "7d""#)))
            }
        }
    }
}

impl From<Size> for String {
    fn from(size: Size) -> Self {
        in_unit(size.0, &SIZES)
    }
}

impl From<Period> for String {
    fn from(period: Period) -> Self {
        in_unit(period.0.as_secs(), &PERIODS)
    }
}

/// A whole number and one of the units, nothing between; `None` also if it overflows.
fn measure(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

fn in_unit(amount: u64, units: &[(&str, u64)]) -> String {
    let fits = |(_, factor): &&(&str, u64)| amount > 0 && amount.is_multiple_of(*factor);
    let (unit, factor) = units.iter().find(fits).or(units.last()).copied().unwrap_or(("", 1));
    format!("{}{unit}", amount / factor)
}

/// A string as TOML writes it.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// What to write instead: a bare number with a unit at it, else examples.
fn with_unit(text: &str, unit: &str, examples: &str) -> String {
    match text.parse::<u64>() {
        Ok(number) => format!("it has no unit: write \"{number}{unit}\", if that was meant"),
        Err(_) => format!("write a whole number and its unit, like {examples}"),
    }
}

/// Reads what is written as a string, and tells who wrote a bare number to write its unit.
struct Measure<T>(PhantomData<T>);

impl<T: for<'t> TryFrom<&'t str, Error = String>> Visitor<'_> for Measure<T> {
    type Value = T;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number with its unit, in quotes")
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        T::try_from(text).map_err(E::custom)
    }
    fn visit_i64<E: de::Error>(self, number: i64) -> Result<T, E> {
        T::try_from(&number.to_string()).map_err(E::custom)
    }
    fn visit_u64<E: de::Error>(self, number: u64) -> Result<T, E> {
        T::try_from(&number.to_string()).map_err(E::custom)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Measure(PhantomData))
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Measure(PhantomData))
    }
}

/// A path from `/`, without `..`; never `/` itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct AbsolutePath(pub(super) PathBuf);

impl TryFrom<String> for AbsolutePath {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let path = Path::new(&text);
        let whole = format!("write the whole path from `/`, as `/srv/{}`", text.trim_matches('/'));
        if !path.is_absolute() {
            return Err(hinted(format!("the path `{text}` does not begin with `/`"), whole));
        }
        if path.components().any(|c| c == Component::ParentDir) || text.contains(char::is_control) {
            return Err(format!("the path `{text}` holds `..` or a control character"));
        }
        if path == Path::new("/") {
            return Err("the path is `/`, which holds everything".into());
        }
        Ok(Self(path.components().collect()))
    }
}

impl From<AbsolutePath> for String {
    fn from(path: AbsolutePath) -> Self {
        path.0.to_string_lossy().into_owned()
    }
}

/// A path in a release: plain names parted by `/`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct InnerPath(pub(super) String);

impl TryFrom<String> for InnerPath {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let plain = |name: &str| !matches!(name, "" | "." | "..");
        if text.split('/').all(plain) && !text.contains(char::is_control) {
            return Ok(Self(text));
        }
        let cause = format!("`{text}` is no path inside a release");
        Err(hinted(cause, "write names parted by `/`, without `.`, `..`, or a `/` at either end"))
    }
}

impl From<InnerPath> for String {
    fn from(path: InnerPath) -> Self {
        path.0
    }
}

/// An item of a list that is written as a string: what is wrong with it is told at its own place,
/// not at the list's.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(transparent)]
pub(super) struct Item<T>(pub(super) T);

impl<'de, T: TryFrom<String, Error = String>> Deserialize<'de> for Item<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Text<T>(PhantomData<T>);
        impl<T: TryFrom<String, Error = String>> Visitor<'_> for Text<T> {
            type Value = Item<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Item<T>, E> {
                T::try_from(text.to_owned()).map(Item).map_err(E::custom)
            }
        }
        from.deserialize_any(Text(PhantomData))
    }
}

/// One string, or a list of them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(transparent)]
pub(super) struct OneOrMany<T>(pub(super) Vec<T>);

impl<'de, T: TryFrom<String, Error = String>> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Either<T>(PhantomData<T>);
        impl<'de, T: TryFrom<String, Error = String>> Visitor<'de> for Either<T> {
            type Value = OneOrMany<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a list of strings")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<OneOrMany<T>, E> {
                T::try_from(text.to_owned()).map(|one| OneOrMany(vec![one])).map_err(E::custom)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<OneOrMany<T>, A::Error> {
                let items = Vec::<Item<T>>::deserialize(SeqAccessDeserializer::new(seq))?;
                Ok(OneOrMany(items.into_iter().map(|item| item.0).collect()))
            }
        }
        from.deserialize_any(Either(PhantomData))
    }
}

/// A command: program and arguments, never a line for a shell.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(transparent)]
pub(super) struct Argv(pub(super) Vec<String>);

impl<'de> Deserialize<'de> for Argv {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Words;
        impl<'de> Visitor<'de> for Words {
            type Value = Argv;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of strings: the program and its arguments")
            }
            fn visit_str<E: de::Error>(self, line: &str) -> Result<Argv, E> {
                let words: Vec<_> = line.split_whitespace().map(quoted).collect();
                let more = if words.len() < 2 { ", …" } else { "" };
                let cause = format!("the command `{line}` is a string, and no shell will read it");
                let list = format!(
                    "write a list of commands, each a list of words: [[{}{more}]]",
                    words.join(", ")
                );
                Err(E::custom(hinted(cause, list)))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Argv, A::Error> {
                let words = Vec::<String>::deserialize(SeqAccessDeserializer::new(seq))?;
                if words.first().is_none_or(String::is_empty) {
                    return Err(de::Error::custom("the command names no program"));
                }
                if words.iter().any(|word| word.contains('\0')) {
                    return Err(de::Error::custom("a word of the command holds a NUL"));
                }
                Ok(Argv(words))
            }
        }
        from.deserialize_any(Words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes_and_periods_have_units() {
        for (text, bytes) in [("16GiB", 16 << 30), ("10GB", 10_000_000_000), ("0B", 0)] {
            assert_eq!(Size::try_from(text).unwrap().0, bytes);
            assert_eq!(String::from(Size(bytes)), text);
        }
        for (text, seconds) in [("61s", 61), ("10m", 600), ("1h", 3600), ("7d", 604_800), ("0s", 0)]
        {
            assert_eq!(Period::try_from(text).unwrap().0.as_secs(), seconds);
            assert_eq!(String::from(Period(Duration::from_secs(seconds))), text);
        }
        for bad in ["", "B", "-1B", "1.5GiB", "1 GiB", "1gib", "18446744073709551615KiB", "+1B"] {
            assert!(Size::try_from(bad).is_err(), "{bad}");
        }
        assert!(Period::try_from("3651d").is_err());
        assert!(Period::try_from("60").unwrap_err().contains(r#"write "60s""#));
    }

    #[test]
    fn paths_stay_where_they_belong() {
        let absolute = |text: &str| AbsolutePath::try_from(text.to_owned()).map(String::from);
        assert_eq!(absolute("/srv//www/./shop/").unwrap(), "/srv/www/shop");
        for bad in ["", "srv", "./srv", "/", "//", "/srv/../etc", "/srv/\n"] {
            assert!(absolute(bad).is_err(), "{bad:?}");
        }
        for bad in ["", "/a", "a/", "a//b", "./a", "a/../b", "..", "a\tb", "a\0"] {
            assert!(InnerPath::try_from(bad.to_owned()).is_err(), "{bad:?}");
        }
        assert!(InnerPath::try_from("sites/default/…files".to_owned()).is_ok());
    }

    proptest! {
        #[test]
        fn every_amount_comes_back_from_its_text(bytes: u64, seconds in 0..=LONGEST) {
            prop_assert_eq!(Size::try_from(&*String::from(Size(bytes))), Ok(Size(bytes)));
            let period = Period(Duration::from_secs(seconds));
            prop_assert_eq!(Period::try_from(&*String::from(period)), Ok(period));
        }
    }
}
