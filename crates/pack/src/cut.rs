//! Where a stream is cut: after bytes that say so, wherever they stand.
//!
//! A hash that remembers the last 64 bytes rolls over the stream; where it is small enough, a part
//! ends. So a change moves the cuts around itself and no others: behind it the same bytes are cut
//! in the same places. As in FastCDC (Xia and others, USENIX ATC 2016) the first bytes of a part
//! are not looked at, and a cut is less likely before the average than behind it, which keeps parts
//! near the average.

/// No part is shorter, but for the last.
pub(crate) const LEAST: usize = 256 << 10;
/// What most parts are near to: larger ones compress better, of smaller ones fewer bytes change with
/// a change.
pub(crate) const AVERAGE: usize = 512 << 10;
/// No part is longer: what is decoded as a whole must fit into little memory.
pub(crate) const MOST: usize = 2 << 20;

/// One place in so many would be an end if all were alike; before the average it is [`PULL`] times
/// fewer, behind it as many times more.
const EXPECTED: u64 = (AVERAGE - LEAST) as u64;
const PULL: u64 = 2;
const STRICT: u64 = u64::MAX / (EXPECTED * PULL);
const LOOSE: u64 = u64::MAX / (EXPECTED / PULL);

/// Looks for the end of a part while its bytes come in.
#[derive(Debug, Default)]
pub(crate) struct Cutter {
    hash: u64,
    /// How much of the part was looked at.
    seen: usize,
}

impl Cutter {
    /// Where the part ends, of which these are all bytes so far and maybe more. `None` if that is
    /// not among them; then it is asked again with the same bytes and further ones.
    pub(crate) fn end(&mut self, part: &[u8]) -> Option<usize> {
        self.seen = self.seen.max(LEAST);
        let end = self
            .below(STRICT, part, AVERAGE)
            .or_else(|| self.below(LOOSE, part, MOST))
            .or_else(|| (part.len() >= MOST).then_some(MOST))?;
        *self = Self::default();
        Some(end)
    }

    /// The first place up to `most` where the hash is below `limit`.
    fn below(&mut self, limit: u64, part: &[u8], most: usize) -> Option<usize> {
        let fresh = part.get(self.seen..part.len().min(most))?;
        let mut hash = self.hash;
        for (n, byte) in fresh.iter().enumerate() {
            hash = (hash << 1).wrapping_add(GEAR[usize::from(*byte)]);
            if hash < limit {
                return Some(self.seen + n + 1);
            }
        }
        self.hash = hash;
        self.seen += fresh.len();
        None
    }
}

/// A number for each byte, without pattern: splitmix64, so that no table must be believed.
const GEAR: [u64; 256] = {
    let mut gear = [0; 256];
    let mut state: u64 = 0;
    let mut at = 0;
    while at < gear.len() {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        gear[at] = z ^ (z >> 31);
        at += 1;
    }
    gear
};

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes without pattern, the same every time.
    fn noise(length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        blake3::Hasher::new().finalize_xof().fill(&mut bytes);
        bytes
    }

    /// The lengths of the parts, the bytes coming in pieces of this size.
    fn parts(mut bytes: &[u8], piece: usize) -> Vec<usize> {
        let (mut cutter, mut parts, mut have) = (Cutter::default(), Vec::new(), 0);
        while !bytes.is_empty() {
            have = (have + piece).min(bytes.len());
            while let Some(end) = cutter.end(&bytes[..have]) {
                parts.push(end);
                (bytes, have) = (&bytes[end..], have - end);
            }
            if have == bytes.len() {
                parts.push(have);
                break;
            }
        }
        parts
    }

    #[test]
    fn parts_are_near_the_average_however_the_bytes_come_in() {
        let bytes = noise(64 << 20);
        let all = parts(&bytes, 1 << 20);
        assert_eq!(all.iter().sum::<usize>(), bytes.len());
        let inner = &all[..all.len() - 1];
        assert!(inner.iter().all(|part| (LEAST + 1..=MOST).contains(part)), "{inner:?}");
        let mean = bytes.len() / all.len();
        assert!((AVERAGE * 3 / 4..AVERAGE * 4 / 3).contains(&mean), "{mean}");
        for piece in [511, 65_536, usize::MAX / 2] {
            assert_eq!(parts(&bytes, piece), all, "pieces of {piece}");
        }
    }

    #[test]
    fn what_has_no_end_is_cut_at_the_most() {
        assert_eq!(parts(&vec![0; 2 * MOST + 5], 100_000), [MOST, MOST, 5]);
    }

    #[test]
    fn behind_a_change_the_cuts_are_the_same() {
        let bytes = noise(48 << 20);
        let mut changed = bytes.clone();
        changed.splice(10_000_000..10_000_000, *b"something more");
        let ends = |bytes: &[u8]| {
            let add = |sum: &mut usize, part| {
                *sum += part;
                Some(bytes.len() - *sum)
            };
            parts(bytes, 1 << 20).into_iter().scan(0, add).collect::<Vec<_>>()
        };
        // Counted from the end of the stream, all but those around the change are in both.
        let (before, after) = (ends(&bytes), ends(&changed));
        let lost = before.iter().filter(|end| !after.contains(end)).count();
        let tail = before.iter().filter(|end| **end < bytes.len() - 10_000_000 - 3 * MOST);
        assert!(tail.clone().count() > 10);
        assert!(tail.clone().all(|end| after.contains(end)));
        // Those before it are further from the end by what was put in.
        let head = before.iter().filter(|end| **end > bytes.len() - 10_000_000);
        assert!(head.clone().all(|end| after.contains(&(end + 14))));
        assert!(lost <= head.count() + 3, "{lost}");
    }
}
