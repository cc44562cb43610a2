//! A frame of any size, decoded bit by bit.

use super::{
    super::decode::{Memory, damaged},
    header::{HEADER_MAX, window},
};
use std::io::{self, BufRead, Read};
use zstd::stream::raw::{DParameter, Decoder, InBuffer, Operation, OutBuffer};

pub(super) struct Stream<'a> {
    decoder: Decoder<'static>,
    memory: Memory<'a>,
    /// Bytes that were taken to look at them, still to be decoded.
    ahead: Vec<u8>,
    /// How many of them are.
    decoded: usize,
    within_frame: bool,
    /// The window of the frame.
    needs: u64,
}

impl<'a> Stream<'a> {
    pub(super) fn new(memory: Memory<'a>) -> io::Result<Self> {
        let mut decoder = Decoder::new()?;
        // The check below is exact; this one is the library's own, rounded up.
        let log = memory.left.max(1).ilog2() + 1;
        decoder.set_parameter(DParameter::WindowLogMax(log.clamp(10, 31)))?;
        let ahead = Vec::with_capacity(HEADER_MAX);
        Ok(Self { decoder, memory, ahead, decoded: 0, within_frame: false, needs: 0 })
    }

    /// Whether more of a frame is to come.
    pub(super) fn is_within(&self) -> bool {
        self.within_frame
    }

    /// The window that the frame needs, in bytes.
    pub(super) fn needs(&self) -> u64 {
        self.needs
    }

    /// Bytes that [`begin`](Self::begin) has taken.
    pub(super) fn ahead(&self) -> usize {
        self.ahead.len()
    }

    /// Gives it what somebody else took to look at: it comes before everything else.
    pub(super) fn give_back(&mut self, ahead: Vec<u8>) {
        self.ahead = ahead;
        self.decoded = 0;
    }

    /// Looks at the next frame's header; `false` at the end of the payload.
    pub(super) fn begin(&mut self, inner: &mut dyn BufRead) -> io::Result<bool> {
        while self.ahead.len() < HEADER_MAX {
            let buffer = inner.fill_buf()?;
            let amount = buffer.len().min(HEADER_MAX - self.ahead.len());
            if amount == 0 {
                break;
            }
            self.ahead.extend_from_slice(&buffer[..amount]);
            inner.consume(amount);
        }
        if self.ahead.is_empty() {
            return Ok(false);
        }
        self.needs = window(&self.ahead)?;
        if self.needs > self.memory.left {
            return Err(self.memory.too_little(self.needs, "zstd -19"));
        }
        self.within_frame = true;
        Ok(true)
    }

    /// The rest of the frame, decoded out of these bytes.
    pub(super) fn over<'s>(&'s mut self, inner: &'s mut dyn BufRead) -> impl Read {
        Over { stream: self, inner }
    }
}

struct Over<'s, 'a> {
    stream: &'s mut Stream<'a>,
    inner: &'s mut dyn BufRead,
}

impl Read for Over<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let stream = &mut *self.stream;
        while !buffer.is_empty() && stream.within_frame {
            let looked = stream.decoded < stream.ahead.len();
            let bytes = match looked {
                true => &stream.ahead[stream.decoded..],
                false => self.inner.fill_buf()?,
            };
            let last = bytes.is_empty();
            let mut input = InBuffer::around(bytes);
            let mut output = OutBuffer::around(buffer);
            let rest = stream
                .decoder
                .run(&mut input, &mut output)
                .map_err(|e| damaged(&format!("zstd: {e}")))?;
            let (taken, given) = (input.pos(), output.pos());
            match looked {
                true => stream.decoded += taken,
                false => self.inner.consume(taken),
            }
            stream.within_frame = rest > 0;
            if !stream.within_frame {
                // What was looked at behind the frame begins the next one.
                stream.ahead.drain(..stream.decoded);
                stream.decoded = 0;
            }
            if given > 0 {
                return Ok(given);
            }
            if last && stream.within_frame {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(0)
    }
}
