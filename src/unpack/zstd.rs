//! zstd frames, one after the other, to the payload's end.
//!
//! Each frame's header is read here first: libzstd would say that a window is too large, but not
//! how large, and a frame that needs a dictionary would fail without a word of it. Skippable
//! frames (the seekable format has them) are skipped.

use super::decode::{Memory, damaged};
use std::io::{self, BufRead, Read};
use zstd::stream::raw::{DParameter, Decoder, InBuffer, Operation, OutBuffer};

/// The longest frame header: magic, descriptor, window, dictionary, content size.
const HEADER_MAX: usize = 18;

pub(super) struct Zstd<'a, R> {
    inner: R,
    decoder: Decoder<'static>,
    memory: Memory<'a>,
    /// Bytes taken from `inner` to look at a header, still to be decoded.
    ahead: Vec<u8>,
    within_frame: bool,
}

impl<'a, R: BufRead> Zstd<'a, R> {
    pub(super) fn new(inner: R, memory: Memory<'a>) -> io::Result<Self> {
        let mut decoder = Decoder::new()?;
        // The check below is exact; this one is the library's own, rounded up.
        let log = memory.left.max(1).ilog2() + 1;
        decoder.set_parameter(DParameter::WindowLogMax(log.clamp(10, 31)))?;
        let ahead = Vec::with_capacity(HEADER_MAX);
        Ok(Self { inner, decoder, memory, ahead, within_frame: false })
    }

    /// Looks at the next frame's header; `false` at the end of the payload.
    fn begin_frame(&mut self) -> io::Result<bool> {
        while self.ahead.len() < HEADER_MAX {
            let buffer = self.inner.fill_buf()?;
            let amount = buffer.len().min(HEADER_MAX - self.ahead.len());
            if amount == 0 {
                break;
            }
            self.ahead.extend_from_slice(&buffer[..amount]);
            self.inner.consume(amount);
        }
        if self.ahead.is_empty() {
            return Ok(false);
        }
        let window = window(&self.ahead)?;
        if window > self.memory.left {
            return Err(self.memory.too_little(window, "zstd -19"));
        }
        self.within_frame = true;
        Ok(true)
    }
}

impl<R: BufRead> Read for Zstd<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !buffer.is_empty() {
            if !self.within_frame && !self.begin_frame()? {
                return Ok(0);
            }
            let looked = !self.ahead.is_empty();
            let bytes = if looked { &self.ahead[..] } else { self.inner.fill_buf()? };
            let last = bytes.is_empty();
            let mut input = InBuffer::around(bytes);
            let mut output = OutBuffer::around(buffer);
            let rest = self
                .decoder
                .run(&mut input, &mut output)
                .map_err(|e| damaged(&format!("zstd: {e}")))?;
            let (taken, given) = (input.pos(), output.pos());
            match looked {
                true => drop(self.ahead.drain(..taken)),
                false => self.inner.consume(taken),
            }
            self.within_frame = rest > 0;
            if given > 0 {
                return Ok(given);
            }
            if last && self.within_frame {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(0)
    }
}

/// The window a frame needs in bytes (RFC 8878, 3.1.1.1); 0 for a skippable frame.
fn window(head: &[u8]) -> io::Result<u64> {
    let short = || io::Error::from(io::ErrorKind::UnexpectedEof);
    let (magic, rest) = head.split_first_chunk::<4>().ok_or_else(short)?;
    match u32::from_le_bytes(*magic) {
        0xFD2F_B528 => {}
        0x184D_2A50..=0x184D_2A5F => return Ok(0),
        _ => return Err(damaged("bytes follow that are not a zstd frame")),
    }
    let (&descriptor, rest) = rest.split_first().ok_or_else(short)?;
    if descriptor & 3 != 0 {
        return Err(damaged("its zstd frame needs a dictionary"));
    }
    let single_segment = descriptor & 0x20 != 0;
    if !single_segment {
        let &window = rest.first().ok_or_else(short)?;
        let base = 1_u64 << (10 + (window >> 3));
        return Ok(base + base / 8 * u64::from(window & 7));
    }
    let size: usize = 1 << (descriptor >> 6);
    let mut content = [0; 8];
    content[..size].copy_from_slice(rest.get(..size).ok_or_else(short)?);
    // Two bytes begin where one ends.
    Ok(u64::from_le_bytes(content) + if size == 2 { 256 } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_read_from_headers() {
        const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
        let of = |rest: &[u8]| window(&[&MAGIC[..], rest].concat()).ok();
        assert_eq!(of(&[0x04, 0x58]), Some(2 << 20));
        assert_eq!(of(&[0x04, 0x88]), Some(128 << 20));
        assert_eq!(of(&[0x04, 0x59]), Some((2 << 20) + (2 << 20) / 8));
        assert_eq!(of(&[0x20, 7]), Some(7));
        assert_eq!(of(&[0x60, 0, 1]), Some(512));
        assert_eq!(of(&[0xe0, 0, 0, 0, 0, 1, 0, 0, 0]), Some(1 << 32));
        assert_eq!(of(&[0x01, 0x58, 1]), None, "a dictionary");
        assert_eq!(of(&[0x60, 0]), None, "cut short");
        assert_eq!(window(&[0x5f, 0x2a, 0x4d, 0x18]).ok(), Some(0));
        assert_eq!(window(b"garbage").ok(), None);
    }
}
