//! pax records: `<length> <key>=<value>` and a line feed, the length counting all of it.
//!
//! Read by their lengths alone. A value may hold line feeds, and whatever looks like a record
//! inside of one (a file's extended attribute, which anybody could set) is none.

use crate::unpack::entry::Time;

/// The records that mean something here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pax {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) time: Option<Time>,
}

/// Keys of archives in which a file's bytes are not its content.
const SPARSE: [&[u8]; 3] = [b"GNU.sparse.", b"SCHILY.realsize", b"SUN.holesdata"];

impl Pax {
    /// Reads all records. Keys that mean nothing here (owners, attributes, comments) are passed
    /// over.
    pub(super) fn parse(mut data: &[u8]) -> Result<Self, String> {
        let mut pax = Self::default();
        while !data.is_empty() {
            let (key, value, rest) = record(data).ok_or("its pax records are malformed")?;
            data = rest;
            if SPARSE.iter().any(|sparse| key.starts_with(sparse)) {
                return Err("it is sparse".into());
            }
            let malformed = || format!("its pax {} is malformed", crate::error::escaped(key));
            let twice = match key {
                b"path" => pax.path.replace(some(value).ok_or_else(malformed)?).is_some(),
                b"linkpath" => pax.link.replace(some(value).ok_or_else(malformed)?).is_some(),
                b"size" => pax.size.replace(decimal(value).ok_or_else(malformed)?).is_some(),
                b"mtime" => pax.time.replace(time(value).ok_or_else(malformed)?).is_some(),
                _ => false,
            };
            if twice {
                return Err(format!("its pax {} stands twice", crate::error::escaped(key)));
            }
        }
        Ok(pax)
    }

    /// Whether none of the records says anything here.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The first record's key and value, and what follows it.
fn record(data: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = data.iter().take(8).position(|b| *b == b' ')?;
    let length = usize::try_from(decimal(&data[..space])?).ok()?;
    let (record, rest) = data.split_at_checked(length)?;
    let record = record.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|b| *b == b'=')?;
    let (key, value) = (&record[..equals], &record[equals + 1..]);
    // To a program that reads it as a string of C, `path`, a NUL and more is `path`.
    (equals > 0 && !key.contains(&0)).then_some((key, value, rest))
}

/// A value that is not empty: an empty one would delete what stands in the header.
fn some(value: &[u8]) -> Option<Vec<u8>> {
    (!value.is_empty()).then(|| value.to_vec())
}

/// Digits and nothing else.
fn decimal(value: &[u8]) -> Option<u64> {
    let digits = value.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(value).ok().filter(|_| digits)?.parse().ok()
}

/// Seconds since 1970, with a sign and a fraction if need be. What is finer than a nanosecond is
/// cut, away from zero before 1970, as GNU tar does.
fn time(value: &[u8]) -> Option<Time> {
    let (negative, value) = match value.strip_prefix(b"-") {
        Some(value) => (true, value),
        None => (false, value),
    };
    let mut parts = value.splitn(2, |b| *b == b'.');
    let whole = i64::try_from(decimal(parts.next()?)?).ok()?;
    let fraction = parts.next().unwrap_or_default();
    if !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digit = |n: usize| fraction.get(n).map_or(0, |b| u32::from(b - b'0'));
    let nanos = (0..9).fold(0, |sum, n| sum * 10 + digit(n));
    let finer = fraction.iter().skip(9).any(|b| *b != b'0');
    if !negative {
        return Some(Time { seconds: whole, nanos });
    }
    Some(match nanos + u32::from(finer) {
        0 => Time { seconds: -whole, nanos: 0 },
        nanos => Time { seconds: -whole - 1, nanos: 1_000_000_000 - nanos },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_by_their_lengths() {
        let hidden = b"41 SCHILY.xattr.user.x=\n16 path=../evil\n\n11 path=ab\n";
        assert_eq!(hidden.len(), 52);
        assert_eq!(Pax::parse(hidden).unwrap().path.unwrap(), b"ab");
        let pax = Pax::parse(b"12 size=100\n20 mtime=12.5000001\n11 path=\na\n");
        let pax = pax.unwrap();
        assert_eq!((pax.size, pax.path.as_deref()), (Some(100), Some(&b"\na"[..])));
        assert_eq!(pax.time, Some(Time { seconds: 12, nanos: 500_000_100 }));
    }

    #[test]
    fn what_is_malformed_is_refused() {
        for bad in [
            &b"10 path=a"[..],
            b"8 path=a\n",
            b"11 path=a\n",
            b"+10 path=a\n",
            b" 10 path=a\n",
            b"10 path=a\n\0",
            b"99999999999999999999 path=a\n",
            b"3 \n",
            b"5 =a\n",
            b"9 path=\n ",
            b"8 path=\n",
            b"11 size=1a\n",
            b"11 size=-1\n",
            b"10 path=a\n10 path=b\n",
            b"25 GNU.sparse.realsize=1\n",
            b"13 mtime=1.x\n",
            b"0 a=b\n",
            b"12 path\0x=a\n",
        ] {
            assert!(Pax::parse(bad).is_err(), "{:?}", String::from_utf8_lossy(bad));
        }
    }

    #[test]
    fn times_before_1970_are_times_too() {
        assert_eq!(time(b"-1.25"), Some(Time { seconds: -2, nanos: 750_000_000 }));
        assert_eq!(time(b"-3"), Some(Time { seconds: -3, nanos: 0 }));
        assert_eq!(time(b"0.0000000001"), Some(Time { seconds: 0, nanos: 0 }));
        assert_eq!(time(b"1e5"), None);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
            let _ = Pax::parse(&bytes);
        }
    }
}
