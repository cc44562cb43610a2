//! Which of two releases is the newer; Debian's version order (`deb-version(7)`), so that `1.10` is above `1.9` and `1.0~rc1` below
//! `1.0`.
//!
//! Pure and total; different texts can be equal (`1.0` and `1.00`), as they are for dpkg: nobody
//! may take "equal" for "the same release".

use super::{Key, Record};
use std::cmp::Ordering;

/// What says which of two releases of an app is the newer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// The signed publication time.
    Published,
    /// The version ([`debian_order`]).
    Debian,
    /// The torrent's creation date.
    Created,
}

impl Order {
    /// The app's one order of releases, total and the same on every host. What was adopted is
    /// below everything, and what lacks the order's date is below what has it; equal dates are
    /// told apart by the version.
    pub fn compare(self, a: &Record, b: &Record) -> Ordering {
        let adopted = |r: &Record| matches!(r.key, Key::Adopted(_));
        let by_version = || debian_order(a.version.as_str(), b.version.as_str());
        let by_order = || match self {
            Self::Published => a.published.cmp(&b.published),
            Self::Created => a.created.cmp(&b.created),
            Self::Debian => by_version(),
        };
        let by_name = || a.version.cmp(&b.version);
        adopted(b).cmp(&adopted(a)).then_with(by_order).then_with(by_version).then_with(by_name)
    }
}

/// Compares as `dpkg --compare-versions` does, one leading `v` dropped on either side.
///
/// Without epochs: a [`super::Version`] holds no `:`.
pub fn debian_order(a: &str, b: &str) -> Ordering {
    let (a_upstream, a_revision) = split(a);
    let (b_upstream, b_revision) = split(b);
    part_order(a_upstream, b_upstream).then_with(|| part_order(a_revision, b_revision))
}

/// Upstream version and Debian revision: what follows the last hyphen, if there is one.
fn split(version: &str) -> (&[u8], &[u8]) {
    let version = version.strip_prefix('v').unwrap_or(version);
    let (upstream, revision) = version.rsplit_once('-').unwrap_or((version, ""));
    (upstream.as_bytes(), revision.as_bytes())
}

/// Compares runs of non-digits and runs of digits in turn, from the left.
fn part_order(mut a: &[u8], mut b: &[u8]) -> Ordering {
    while !a.is_empty() || !b.is_empty() {
        let (a_text, b_text) = (take(&mut a, is_text), take(&mut b, is_text));
        let (a_number, b_number) = (take(&mut a, is_digit), take(&mut b, is_digit));
        let order = text_order(a_text, b_text).then_with(|| number_order(a_number, b_number));
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

/// Byte by byte: `~` before the end of the run, that before letters, those before all else.
fn text_order(a: &[u8], b: &[u8]) -> Ordering {
    let weight = |text: &[u8], at: usize| match text.get(at).copied() {
        Some(b'~') => -1,
        None => 0,
        Some(letter) if letter.is_ascii_alphabetic() => i32::from(letter),
        Some(other) => i32::from(other) + 256,
    };
    (0..a.len().max(b.len()))
        .map(|at| weight(a, at).cmp(&weight(b, at)))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

/// Digits of any length as a number: none is 0, leading zeros do not count.
fn number_order(a: &[u8], b: &[u8]) -> Ordering {
    let strip = |digits: &[u8]| digits.iter().position(|d| *d != b'0').unwrap_or(digits.len());
    let (a, b) = (&a[strip(a)..], &b[strip(b)..]);
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

/// Cuts the leading run of bytes that `belong` off `rest`.
fn take<'t>(rest: &mut &'t [u8], belong: fn(&u8) -> bool) -> &'t [u8] {
    let end = rest.iter().position(|b| !belong(b)).unwrap_or(rest.len());
    let (run, tail) = rest.split_at(end);
    *rest = tail;
    run
}

fn is_digit(byte: &u8) -> bool {
    byte.is_ascii_digit()
}

fn is_text(byte: &u8) -> bool {
    !byte.is_ascii_digit()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{
        prelude::*,
        strategy::ValueTree,
        test_runner::{TestRng, TestRunner},
    };
    use std::process::Command;

    #[test]
    fn versions_people_write_come_in_their_order() {
        let rising = [
            "0.9",
            "1.0~alpha",
            "1.0~rc1",
            "1.0~rc2",
            "1.0",
            "v1.0-1",
            "1.0a",
            "1.0+git7",
            "1.0.1",
            "1.9",
            "v1.10",
            "1.10.0",
            "2024.01.31",
            "2024.2.1",
        ];
        for (i, a) in rising.iter().enumerate() {
            for (j, b) in rising.iter().enumerate() {
                assert_eq!(debian_order(a, b), i.cmp(&j), "{a} {b}");
            }
        }
        assert_eq!(debian_order("v1.00", "1.0"), Ordering::Equal);
    }

    /// Versions that a pattern can find, short and of few letters, so that they nearly agree.
    fn versions() -> impl Strategy<Value = String> {
        "v?[01][019abZ.+~_-]{0,6}"
    }

    proptest! {
        #[test]
        fn the_order_is_total(a in versions(), b in versions(), c in versions()) {
            let (ab, bc) = (debian_order(&a, &b), debian_order(&b, &c));
            prop_assert_eq!(ab.reverse(), debian_order(&b, &a));
            prop_assert_eq!(debian_order(&a, &a), Ordering::Equal);
            if ab == bc || ab.is_eq() || bc.is_eq() {
                prop_assert_eq!(debian_order(&a, &c), ab.then(bc));
            }
        }

        #[test]
        fn nothing_makes_it_panic(a in ".*", b in ".*") {
            prop_assert_eq!(debian_order(&a, &b), debian_order(&b, &a).reverse());
        }
    }

    /// What dpkg says of two versions; `None` if it takes one of them for no version at all.
    fn dpkg(a: &str, b: &str) -> Option<Ordering> {
        let holds = |relation: &str| {
            let status = Command::new("dpkg")
                .args(["--compare-versions", a, relation, b])
                .stderr(std::process::Stdio::null())
                .status()
                .unwrap();
            status.code().filter(|code| *code < 2).map(|code| code == 0)
        };
        Some(match (holds("lt")?, holds("eq")?) {
            (true, _) => Ordering::Less,
            (_, true) => Ordering::Equal,
            _ => Ordering::Greater,
        })
    }

    #[test]
    fn dpkg_says_the_same_of_hundreds_of_pairs() {
        if Command::new("dpkg").arg("--version").output().is_err() {
            println!("skipped: no dpkg here to compare with");
            return;
        }
        let mut runner = TestRunner::new_with_rng(
            ProptestConfig::default(),
            TestRng::deterministic_rng(prop::test_runner::RngAlgorithm::ChaCha),
        );
        let mut judged = 0;
        for _ in 0..400 {
            let pair = (versions(), versions()).new_tree(&mut runner).unwrap().current();
            let (a, b) = (pair.0.trim_start_matches('v'), pair.1.trim_start_matches('v'));
            if let Some(order) = dpkg(a, b) {
                assert_eq!(debian_order(&pair.0, &pair.1), order, "{a} {b}");
                judged += 1;
            }
        }
        assert!(judged > 250, "only {judged} pairs were versions to dpkg");
    }
}
