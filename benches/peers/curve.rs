//! How landing grows with what is landed: only ours, from little to much.
//!
//! A `.tar.zst` of frames is made as it is written, so that the largest costs no tree beside it. Each
//! size is landed once more than it counts, and the least counts.

use crate::{
    Result, failed,
    frames::{FRAME, Frames},
    ground::{Census, Ground, VERSION},
    payload::{Payload, Random},
    sheet::{Grid, Section, Side as Align, mib, short},
    shot::shoot,
};
use lab::Kind;
use std::{fs, path::PathBuf};

/// A large file, in MiB.
const LARGE: u64 = 16;

pub(crate) fn section(ground: &Ground) -> Result<Section> {
    let (files, mib) = (ground.sizes.files, ground.sizes.mib);
    let mut entries = grid("entries", "µs AN ENTRY");
    for count in [files / 20, files / 2, 5 * files, 49 * files] {
        let row = land(ground, |frames| small(frames, count))?;
        entries.row(row.cells(count.to_string(), 1e6 / count as f64));
    }
    let mut sizes = grid("MiB", "ms A MiB");
    for count in [mib / 16, mib / 4, mib, 8 * mib] {
        let row = land(ground, |frames| large(frames, count))?;
        sizes.row(row.cells(count.to_string(), 1e3 / count as f64));
    }
    Ok(Section::new("How landing grows").grid(entries).grid(sizes).line(
        "a .tar.zst of frames; entries are pages of a few bytes, a hundred in a directory; MiB are of \
         files of 16 MiB, every other MiB noise",
    ))
}

fn grid(what: &str, each: &str) -> Grid {
    Grid::new()
        .column(what, Align::Right)
        .column("s", Align::Right)
        .column(each, Align::Right)
        .column("CPU s", Align::Right)
        .column("PEAK", Align::Right)
}

/// The least of some landings.
struct Row {
    wall: f64,
    processor: f64,
    peak: u64,
}

impl Row {
    fn cells(&self, count: String, each: f64) -> [String; 5] {
        let wall = short(self.wall);
        [count, wall, short(self.wall * each), short(self.processor), mib(self.peak)]
    }
}

fn land(ground: &Ground, fill: impl FnOnce(&mut Frames) -> Result<Census>) -> Result<Row> {
    let folder = ground.lab.folder(&ground.lab.fresh("curve"))?;
    let path: PathBuf = folder.join(format!("shop-{VERSION}{}", Kind::TarZst.suffix()));
    let mut frames = Frames::create(&path)?;
    let census = fill(&mut frames)?;
    frames.end()?;
    let payload = Payload::new(ground, path, census)?;
    let config = ground.config(None)?;
    let mut least = Row { wall: f64::MAX, processor: f64::MAX, peak: 0 };
    for _ in 0..2 {
        ground.fresh_root()?;
        let shot = shoot(&ground.finished(&config, &payload))?;
        ground.holds(&ground.release(VERSION), census)?;
        least.wall = least.wall.min(shot.wall.as_secs_f64());
        least.processor = least.processor.min(shot.processor.as_secs_f64());
        least.peak = least.peak.max(shot.peak);
    }
    ground.clear()?;
    fs::remove_dir_all(folder).map_err(failed("remove a payload"))?;
    Ok(least)
}

/// So many pages, of a block each.
fn small(frames: &mut Frames, count: u64) -> Result<Census> {
    let mut content = Vec::with_capacity(FRAME);
    let mut bytes = 0;
    for number in 0..count {
        let page = format!("<h1>Page {number}</h1>\n");
        let path = format!("pages/{}/{}/{number}.html", number / 10_000, number / 100 % 100);
        content.extend_from_slice(&header(&path, page.len() as u64));
        content.extend_from_slice(page.as_bytes());
        content.resize(content.len().next_multiple_of(512), 0);
        bytes += page.len() as u64;
        if content.len() + 1024 > FRAME {
            frames.add(&Frames::pack(&content)?, content.len())?;
            content.clear();
        }
    }
    content.extend_from_slice(&[0; 1024]);
    frames.add(&Frames::pack(&content)?, content.len())?;
    Ok(Census { files: count, bytes })
}

/// Large files of so many MiB together; more of them than any window holds, over and over.
fn large(frames: &mut Frames, count: u64) -> Result<Census> {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let mut packed = Vec::new();
    for n in 0..2 * LARGE {
        let content = if n % 2 == 0 { random.noise(FRAME) } else { random.source(FRAME) };
        packed.push(Frames::pack(&content)?);
    }
    let mut left = count;
    let mut files = 0;
    while left > 0 {
        let now = left.min(LARGE);
        let head = header(&format!("media/film-{files}.bin"), now << 20);
        frames.add(&Frames::pack(&head)?, head.len())?;
        for n in 0..now {
            frames.add(&packed[(n + files) as usize % packed.len()], FRAME)?;
        }
        files += 1;
        left -= now;
    }
    frames.add(&Frames::pack(&[0; 1024])?, 1024)?;
    Ok(Census { files, bytes: count << 20 })
}

/// A header of the oldest form of tar, which says all that is needed here.
fn header(name: &str, size: u64) -> [u8; 512] {
    let mut header = [0; 512];
    let mut put =
        |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, name);
    put(100, "0000644");
    put(124, &format!("{size:011o}"));
    put(136, "00000000001");
    put(148, "        ");
    put(156, "0");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}
