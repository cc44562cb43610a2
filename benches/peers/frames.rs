//! The zstd seekable format: independent frames, each of which says its size, and a skippable frame that
//! lists them.

use crate::{Result, failed};
use lab::Error;
use std::{
    fs::File,
    io::{BufWriter, Read, Write},
    path::Path,
    process::{Command, Stdio},
};

/// What is in a frame.
pub(crate) const FRAME: usize = 1 << 20;
/// zstd's own default.
const LEVEL: i32 = 3;

/// An archive that is written frame by frame.
pub(crate) struct Frames {
    out: BufWriter<File>,
    /// Of each frame: its length, its content's.
    table: Vec<[u32; 2]>,
}

impl Frames {
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let out = File::create(path).map_err(failed(format!("make {}", path.display())))?;
        Ok(Self { out: BufWriter::new(out), table: Vec::new() })
    }

    /// Packs what a program writes.
    pub(crate) fn of_output(program: &mut Command, path: &Path) -> Result {
        let mut frames = Self::create(path)?;
        let mut child =
            program.stdout(Stdio::piped()).spawn().map_err(failed("start what packs"))?;
        let mut output = child.stdout.take().ok_or_else(|| Error::new("it has no output"))?;
        loop {
            let mut content = Vec::with_capacity(FRAME);
            let all = output.by_ref().take(FRAME as u64).read_to_end(&mut content);
            if all.map_err(failed("read what is packed"))? == 0 {
                break;
            }
            frames.add(&Self::pack(&content)?, content.len())?;
        }
        let ended = child.wait().map_err(failed("wait for what packs"))?;
        if !ended.success() {
            return Err(Error::new(format!("packing ended with {ended}")));
        }
        frames.end()
    }

    /// One frame.
    pub(crate) fn pack(content: &[u8]) -> Result<Vec<u8>> {
        zstd::bulk::compress(content, LEVEL).map_err(failed("compress"))
    }

    /// Adds a frame that decodes to so many bytes.
    pub(crate) fn add(&mut self, frame: &[u8], content: usize) -> Result {
        let [length, content] = [frame.len(), content].map(u32::try_from);
        let too_large = |_| Error::new("a frame is too large");
        self.table.push([length.map_err(too_large)?, content.map_err(too_large)?]);
        self.out.write_all(frame).map_err(failed("write a frame"))
    }

    /// Adds the seek table.
    pub(crate) fn end(mut self) -> Result {
        let count = u32::try_from(self.table.len()).unwrap_or(u32::MAX).to_le_bytes();
        let rows = self.table.iter().flatten().flat_map(|number| number.to_le_bytes());
        let table: Vec<u8> =
            rows.chain(count).chain([0]).chain(0x8F92_EAB1_u32.to_le_bytes()).collect();
        let length = u32::try_from(table.len()).unwrap_or(u32::MAX).to_le_bytes();
        let skippable = [&0x184D_2A5E_u32.to_le_bytes()[..], &length, &table].concat();
        self.out
            .write_all(&skippable)
            .and_then(|()| self.out.flush())
            .map_err(failed("write the seek table"))
    }
}
