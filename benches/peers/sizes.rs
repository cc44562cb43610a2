//! How much is measured, from the environment: so that a quick check is the same program.

use crate::Result;
use lab::Error;

/// The sizes of one run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    /// `BENCH_MIB`: MiB of large files, otherwise 1024.
    pub(crate) mib: u64,
    /// `BENCH_FILES`: small files, otherwise 20,000.
    pub(crate) files: u64,
    /// `BENCH_ROUNDS`: how often each side is measured after its warm-up, otherwise 5.
    pub(crate) rounds: usize,
}

impl Sizes {
    /// What the environment asks for.
    pub(crate) fn asked() -> Result<Self> {
        Ok(Self {
            mib: number("BENCH_MIB", 1024)?,
            files: number("BENCH_FILES", 20_000)?,
            rounds: usize::try_from(number("BENCH_ROUNDS", 5)?).unwrap_or(usize::MAX),
        })
    }

    /// How often something is measured that takes milliseconds.
    pub(crate) fn short_rounds(&self) -> usize {
        20 * self.rounds
    }

    /// MiB of the deploy that runs while releases are switched: large enough to last.
    pub(crate) fn background_mib(&self) -> u64 {
        (4 * self.mib).max(256)
    }

    /// The most that one large payload takes, in bytes: the tree, five ways to pack it, and what
    /// either side makes of it.
    pub(crate) fn large_space(&self) -> u64 {
        (8 * self.mib) << 20
    }

    /// The same of small files, some 20 KiB each and their inodes; emptied ones keep theirs.
    pub(crate) fn small_space(&self) -> u64 {
        // Large payloads are still there.
        self.large_space() + self.files * (192 << 10)
    }

    /// The most while a rollback is measured: the large payload with its tar, and the deploy that
    /// runs meanwhile, packed and unpacked.
    pub(crate) fn background_space(&self) -> u64 {
        (2 * self.mib + 2 * self.background_mib()) << 20
    }

    /// The most while the curve is measured: eight times the large payload, packed and landed, and
    /// before that fifty times the small files, of a block each, landed twice.
    pub(crate) fn curve_space(&self) -> u64 {
        self.small_space() + ((16 * self.mib) << 20).max(100 * self.files * (6 << 10))
    }

    /// What little releases take.
    pub(crate) fn tiny_space(&self) -> u64 {
        64 << 20
    }
}

fn number(variable: &str, otherwise: u64) -> Result<u64> {
    match std::env::var(variable) {
        Err(_) => Ok(otherwise),
        Ok(text) => match text.parse() {
            Ok(number) if number > 0 => Ok(number),
            _ => Err(Error::new(format!("{variable}={text} is not a positive number"))),
        },
    }
}
