//! Points in time: seconds of Unix time, passed in, never read from a clock here.

use serde::{Deserialize, Serialize};
use std::{fmt, time::Duration};

/// Seconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Unix(pub i64);

impl Unix {
    /// This time and `by` later; the end of time where that overflows.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_secs()).unwrap_or(i64::MAX)))
    }
    /// How long after `earlier` this is; nothing if it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_secs(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
    /// Reads an RFC 3339 time (`2024-05-01T12:00:00Z`).
    pub fn parse(text: &str) -> Option<Self> {
        text.parse::<jiff::Timestamp>().ok().map(|t| Self(t.as_second()))
    }
}

/// RFC 3339 in UTC with seconds: `2024-05-01T12:00:00Z`.
impl fmt::Display for Unix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_second(self.0) {
            Ok(time) => f.pad(&time.to_string()),
            Err(_) => write!(f, "@{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339() {
        let time = Unix::parse("2024-05-01T12:00:00Z").unwrap();
        assert_eq!(time.to_string(), "2024-05-01T12:00:00Z");
        assert_eq!(time.plus(Duration::from_secs(60)).since(time).as_secs(), 60);
        assert_eq!(time.since(time.plus(Duration::from_secs(60))).as_secs(), 0);
        assert_eq!(Unix::parse("yesterday"), None);
    }
}
