//! Sets of pieces, kept and printed as ranges: a torrent has hundreds of thousands, and damage comes
//! in runs.

use serde::{Serialize, Serializer};
use std::{fmt, ops::Range};

/// Some of a torrent's pieces, counted from 0, in their order. Prints as `3, 17-21`; to machines
/// each is a number.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Pieces(Vec<Range<usize>>);

impl Pieces {
    /// How many there are.
    pub fn count(&self) -> u64 {
        self.0.iter().map(|range| range.len() as u64).sum()
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those of them in `range`.
    #[must_use]
    pub fn within(&self, range: Range<usize>) -> Self {
        let first = self.0.partition_point(|one| one.end <= range.start);
        let inside = self.0[first..].iter().take_while(|one| one.start < range.end);
        let cut = |one: &Range<usize>| one.start.max(range.start)..one.end.min(range.end);
        Self(inside.map(cut).collect())
    }

    /// As many ranges as fit into so many characters, at least one, and how many pieces are left.
    pub fn within_columns(&self, columns: usize) -> String {
        let whole = self.0.iter().take(columns);
        let mut text = String::new();
        let mut shown = 0;
        for range in whole {
            let next = said(range);
            let comma = if text.is_empty() { 0 } else { 2 };
            if !text.is_empty() && text.len() + comma + next.len() > columns {
                break;
            }
            text.push_str(if comma > 0 { ", " } else { "" });
            text.push_str(&next);
            shown += range.len() as u64;
        }
        match self.count() - shown {
            0 => text,
            more => format!("{text} and {} more", crate::table::count(more)),
        }
    }
}

fn said(range: &Range<usize>) -> String {
    match range.len() {
        1 => range.start.to_string(),
        _ => format!("{}-{}", range.start, range.end - 1),
    }
}

/// From ascending indices.
impl FromIterator<usize> for Pieces {
    fn from_iter<I: IntoIterator<Item = usize>>(indices: I) -> Self {
        let mut ranges: Vec<Range<usize>> = Vec::new();
        for index in indices {
            match ranges.last_mut() {
                Some(last) if last.end == index => last.end += 1,
                _ => ranges.push(index..index + 1),
            }
        }
        Self(ranges)
    }
}

impl fmt::Display for Pieces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ranges: Vec<String> = self.0.iter().map(said).collect();
        f.write_str(&ranges.join(", "))
    }
}

impl Serialize for Pieces {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.0.iter().cloned().flatten())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn pieces_print_as_ranges() {
        let pieces: Pieces = [3, 17, 18, 19, 20, 21, 30, 31].into_iter().collect();
        assert_eq!(pieces.to_string(), "3, 17-21, 30-31");
        assert_eq!(pieces.count(), 8);
        assert_eq!(pieces.within_columns(80), pieces.to_string());
        assert_eq!(pieces.within_columns(9), "3, 17-21 and 2 more");
        assert_eq!(pieces.within_columns(1), "3 and 7 more");
        assert_eq!(serde_json::to_string(&pieces.within(4..19)).unwrap(), "[17,18]");
        assert_eq!(Pieces::default().to_string(), "");
    }

    proptest! {
        #[test]
        fn ranges_hold_what_went_in(indices in proptest::collection::btree_set(0..200_usize, 0..60), a in 0..210_usize, b in 0..210_usize) {
            let pieces: Pieces = indices.iter().copied().collect();
            let back = |pieces: &Pieces| -> BTreeSet<usize> {
                let json = serde_json::to_string(pieces).unwrap();
                serde_json::from_str::<Vec<usize>>(&json).unwrap().into_iter().collect()
            };
            prop_assert_eq!(back(&pieces), indices.clone());
            prop_assert_eq!(pieces.count(), indices.len() as u64);
            let range = a.min(b)..a.max(b);
            let inside: BTreeSet<usize> = indices.into_iter().filter(|i| range.contains(i)).collect();
            prop_assert_eq!(back(&pieces.within(range)), inside);
        }
    }
}
