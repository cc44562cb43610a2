//! zstd frames, one after the other, to the payload's end.
//!
//! What is made of many frames, each small and saying its size (the seekable format, pzstd), is decoded
//! by several threads, whole frames at a time, and put back in order ([`whole`]). The seek table is not
//! believed: it is a skippable frame, and skipped. Every other frame is decoded as a stream
//! ([`stream`]), and so is one that does not decode whole: what is told of it, and what comes before
//! that, is then the same.

mod header;
mod stream;
mod whole;

pub(super) use whole::{Frame, decode};

use super::{
    crew::{Crew, deserted_io},
    decode::{Memory, damaged},
    source::{Source, fill},
};
use crate::verify::{Pool, Slice};
use std::io::{self, BufRead, Read};
use stream::Stream;
use whole::{Found, Frames, Undecoded};

/// The archive's bytes.
pub(super) struct Zstd<'a, S> {
    inner: S,
    stream: Stream<'a>,
    frames: Frames<'a>,
    chunks: Pool,
    /// What was decoded and not yet taken.
    at_hand: Option<Slice>,
    /// A frame that did not decode whole, to be decoded as a stream.
    again: Option<(Undecoded, usize)>,
    /// What comes next is no frame to be decoded whole.
    streams: bool,
    /// What was taken of it to look at it.
    ahead: Vec<u8>,
    /// What comes behind all that was decoded.
    failed: Option<io::Error>,
}

impl<'a, S: Source> Zstd<'a, S> {
    pub(super) fn new(inner: S, memory: Memory<'a>, crew: &'a Crew) -> io::Result<Self> {
        Ok(Self {
            inner,
            stream: Stream::new(memory)?,
            frames: Frames::new(crew, memory.left),
            chunks: crew.chunks.clone(),
            at_hand: None,
            again: None,
            streams: false,
            ahead: Vec::new(),
            failed: None,
        })
    }

    fn more(&mut self) -> io::Result<Option<&mut Slice>> {
        while self.at_hand.as_ref().is_none_or(|slice| slice.is_empty()) {
            // First of all it goes back: it may be the one that is waited for.
            self.at_hand = None;
            if let Some(failed) = self.failed.take() {
                return Err(failed);
            }
            if self.stream.is_within() {
                self.chunk()?;
                continue;
            }
            if let Some((frame, at)) = self.again.take()
                && at < frame.packed.len()
            {
                return Err(damaged("zstd: a frame is shorter than its blocks"));
            }
            if !self.streams
                && self.stream.ahead() == 0
                && let Err(failed) = self.send()
            {
                // Behind what is still being decoded.
                self.failed = Some(failed);
                self.streams = true;
            }
            match self.frames.next() {
                Some(Ok(Ok(content))) => self.at_hand = Some(content),
                Some(Ok(Err(frame))) => {
                    self.stream.begin(&mut &frame.packed[..])?;
                    let looked = self.stream.ahead();
                    self.again = Some((frame, looked));
                }
                Some(Err(_)) => return Err(deserted_io()),
                None if self.failed.is_some() => {}
                None if !self.begin()? => return Ok(None),
                None => {}
            }
        }
        Ok(self.at_hand.as_mut())
    }

    /// Begins a frame that is read as a stream; `false` at the end of the payload.
    fn begin(&mut self) -> io::Result<bool> {
        if self.streams {
            self.stream.give_back(std::mem::take(&mut self.ahead));
            self.streams = false;
        }
        let begun = self.stream.begin(&mut self.inner)?;
        self.frames.leave(self.stream.needs());
        Ok(begun)
    }

    /// Decodes more of a frame that is read as a stream.
    fn chunk(&mut self) -> io::Result<()> {
        let mut buffer = self.chunks.take();
        let (length, failed) = match &mut self.again {
            Some((frame, at)) => {
                let mut rest = &frame.packed[*at..];
                let filled = fill(&mut self.stream.over(&mut rest), &mut buffer);
                *at = frame.packed.len() - rest.len();
                filled
            }
            None => fill(&mut self.stream.over(&mut self.inner), &mut buffer),
        };
        self.at_hand = Some(buffer.share(length));
        self.failed = failed;
        Ok(())
    }

    /// Sends frames to be decoded, as many as there is room for.
    fn send(&mut self) -> io::Result<()> {
        while let Some(room) = self.frames.room() {
            match self.frames.find(&mut self.inner)? {
                Found::Whole(packed, content) => self.frames.send(packed, content, room)?,
                Found::Other(ahead) => {
                    self.ahead = ahead;
                    self.streams = true;
                    break;
                }
            }
        }
        Ok(())
    }
}

impl<S: Source> BufRead for Zstd<'_, S> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(self.more()?.map(|slice| &**slice).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        if let Some(slice) = &mut self.at_hand {
            slice.advance(amount);
        }
    }
}

impl<S: Source> Read for Zstd<'_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let amount = self.fill_buf()?.read(buffer)?;
        self.consume(amount);
        Ok(amount)
    }
}

impl<S: Source> Source for Zstd<'_, S> {
    fn slice(&mut self, most: usize, _: &Pool) -> io::Result<Option<Slice>> {
        Ok(self.more()?.map(|slice| slice.split_front(most)))
    }
}
