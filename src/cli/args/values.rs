//! What is typed for an option, as what it means.

use crate::release::{Unix, Version};
use metainfo::InfoHash;
use std::{str::FromStr, time::Duration};

/// A time, or a while from now.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) enum Until {
    At(Unix),
    In(Duration),
}

impl Until {
    pub(in crate::cli) fn from(self, now: Unix) -> Unix {
        match self {
            Self::At(time) => time,
            Self::In(while_) => now.plus(while_),
        }
    }
}

pub(super) fn info_hash(text: &str) -> Result<InfoHash, String> {
    InfoHash::parse(text).ok_or_else(|| "an info hash is 40 hexadecimal digits".to_owned())
}

pub(super) fn version(text: &str) -> Result<Version, String> {
    Version::parse(text).map_err(|e| e.cause)
}

pub(super) fn at_least_one<N: FromStr + PartialOrd + From<u8>>(text: &str) -> Result<N, String> {
    let number = text.parse().ok().filter(|number| *number >= N::from(1));
    number.ok_or_else(|| "write a number, 1 or more".to_owned())
}

pub(super) fn until(text: &str) -> Result<Until, String> {
    if let Some(time) = Unix::parse(text) {
        return Ok(Until::At(time));
    }
    match while_(text) {
        Ok(while_) => Ok(Until::In(while_)),
        Err(_) => Err("write a time like 2024-05-01T12:00:00Z, or a while like 30m, 2h, 7d".into()),
    }
}

pub(super) fn while_(text: &str) -> Result<Duration, String> {
    let (number, unit) = text.split_at(text.trim_end_matches(char::is_alphabetic).len());
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => 0,
    };
    let seconds = number.parse::<u64>().ok().and_then(|n| n.checked_mul(seconds));
    let seconds = seconds.filter(|seconds| *seconds > 0);
    seconds.map(Duration::from_secs).ok_or_else(|| "write a while like 30s, 2m, 1h".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hold_ends_at_a_time_or_after_a_while() {
        let now = Unix(1000);
        assert_eq!(until("2h").unwrap().from(now), Unix(8200));
        assert_eq!(until("1970-01-01T01:00:00Z").unwrap().from(now), Unix(3600));
        for bad in ["", "h", "0h", "2", "2w", "-1h", "soon"] {
            assert!(until(bad).is_err(), "{bad}");
        }
    }
}
