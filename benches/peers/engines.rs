//! How fast each way to hash is by itself, on one core, beside what openssl does and what a core can
//! read at all.

use crate::{
    Result, failed,
    sheet::{Grid, Side, short},
};
use lab::{Error, site};
use lanes::Engine;
use std::{
    fs::File,
    hint::black_box,
    os::unix::fs::FileExt,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

/// What a verifier has of each piece in its cache at a time.
const PART: usize = 32 << 10;
/// A block of BitTorrent v2.
const BLOCK: usize = 16 << 10;
/// Messages at once: what fills every engine.
const MESSAGES: usize = 16;
/// How long each is measured, and how often: the best counts, others use the machine too.
const TIME: Duration = Duration::from_millis(200);
const ROUNDS: usize = 5;

/// A row for each engine and for openssl, in GB/s of one core.
pub(crate) fn rates() -> Result<Grid> {
    let mut grid = Grid::new()
        .column("one core, GB/s", Side::Left)
        .column("SHA-1 OF PIECES", Side::Right)
        .column("SHA-256 OF 16 KiB", Side::Right);
    let bytes = vec![0x5a; PART];
    let parts = vec![&bytes[..]; MESSAGES];
    let blocks = vec![&bytes[..BLOCK]; MESSAGES];
    for engine in Engine::available() {
        let mut sums = [[0; 20]; MESSAGES];
        let sha1 = best(PART * MESSAGES, || engine.sha1_of(black_box(&parts), &mut sums));
        let mut sums = [[0; 32]; MESSAGES];
        let sha256 = best(BLOCK * MESSAGES, || engine.sha256_of(black_box(&blocks), &mut sums));
        grid.row([engine.to_string(), short(sha1 / 1e9), short(sha256 / 1e9)]);
    }
    let [sha1, sha256] = [openssl("sha1", 1 << 20, 1)?, openssl("sha256", BLOCK, 1)?];
    grid.row(["openssl speed".to_owned(), short(sha1 / 1e9), short(sha256 / 1e9)]);
    Ok(grid)
}

/// What one core copies in memory, and reads out of the page cache, in bytes per second.
pub(crate) fn roofline(cached: &Path) -> Result<(f64, f64)> {
    let from = vec![0x5a_u8; 64 << 20];
    let mut to = vec![0; from.len()];
    // Without somebody who looks at the copy, none would be made.
    let copied = best(from.len(), || {
        to.copy_from_slice(black_box(&from));
        black_box(&to);
    });
    let file = File::open(cached).map_err(failed("open the payload"))?;
    let length = file.metadata().map_err(failed("look at the payload"))?.len();
    let mut buffer = vec![0; PART];
    let whole = (length / PART as u64).min(8192);
    let mut outcome = Ok(());
    let read = best(usize::try_from(whole).unwrap_or(0) * PART, || {
        let mut parts = 0..whole;
        outcome = parts.try_for_each(|n| file.read_exact_at(&mut buffer, n * PART as u64));
    });
    outcome.map_err(failed("read the payload"))?;
    Ok((copied, read))
}

/// The best rate at which so many bytes were worked on.
fn best(bytes: usize, mut work: impl FnMut()) -> f64 {
    work();
    let mut best = 0.0_f64;
    for _ in 0..ROUNDS {
        let (began, mut times) = (Instant::now(), 0.0);
        while began.elapsed() < TIME {
            work();
            times += 1.0;
        }
        best = best.max(times * bytes as f64 / began.elapsed().as_secs_f64());
    }
    best
}

/// What openssl hashes on so many cores, in bytes per second.
pub(crate) fn openssl(hash: &str, bytes: usize, cores: usize) -> Result<f64> {
    let (bytes, cores) = (bytes.to_string(), cores.to_string());
    let mut command = Command::new("openssl");
    command.args(["speed", "-mr", "-evp", hash, "-bytes", &bytes, "-seconds", "3"]);
    let said = site::run(command.args(["-multi", &cores]))?;
    // `+F:25:sha1:1287651328.00`, the last line for all processes together.
    let said = String::from_utf8_lossy(&said);
    let rate = said.lines().rev().find_map(|line| line.strip_prefix("+F:")?.rsplit(':').next());
    rate.and_then(|rate| rate.parse().ok())
        .ok_or_else(|| Error::new(format!("openssl speed said: {said}")))
}
