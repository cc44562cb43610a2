//! Small frames that say their size: found without decoding, decoded whole by several threads, put
//! back in order.
//!
//! A frame's end is found by going from block to block (3 bytes of header each), which libzstd does.
//! Most frames lie in one window of the payload and are handed out as they lie there; one that lies in
//! two is copied.

use super::{super::crew::Crew, header::window};
use crate::{
    unpack::{crew::deserted_io, queue::Queue, source::Source},
    verify::{Buffer, Pool, Slice},
};
use std::{
    collections::VecDeque,
    io,
    ops::Deref,
    sync::mpsc::{Receiver, RecvError, SyncSender, sync_channel},
};
use zstd::{bulk::Decompressor, zstd_safe};

/// A frame that is to be decoded.
#[derive(Debug)]
pub(in crate::unpack) struct Frame {
    packed: Packed,
    /// Bytes that it says it decodes to.
    content: usize,
    room: Buffer,
    to: SyncSender<Decoded>,
}

/// What became of a frame: its content; or itself, if it is not what it says.
type Decoded = Result<Slice, Undecoded>;

/// A frame that is not what it says. It waits for its turn, and whoever reads may wait for the next
/// window meanwhile: so it lets go of its own, and keeps the room that bounds how many there are.
#[derive(Debug)]
pub(super) struct Undecoded {
    pub(super) packed: Vec<u8>,
    _room: Buffer,
}

/// The bytes of a frame, as they lie in the payload or copied.
#[derive(Debug)]
pub(super) enum Packed {
    There(Slice),
    Copied(Vec<u8>),
}

impl Packed {
    /// Its bytes, and nothing of the payload.
    fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::There(slice) => slice.to_vec(),
            Self::Copied(bytes) => bytes,
        }
    }
}

impl Deref for Packed {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::There(slice) => slice,
            Self::Copied(bytes) => bytes,
        }
    }
}

/// What comes next in the payload.
pub(super) enum Found {
    /// A frame to be decoded whole, and the bytes of its content.
    Whole(Packed, usize),
    /// Anything else, the end included; what was taken to look at it.
    Other(Vec<u8>),
}

/// The frames that are being decoded.
#[derive(Debug)]
pub(super) struct Frames<'a> {
    crew: &'a Crew,
    rooms: Pool,
    /// How many buffers there are, and how much memory windows and they may have together.
    count: usize,
    memory: u64,
    /// The oldest first.
    away: VecDeque<Receiver<Decoded>>,
}

impl<'a> Frames<'a> {
    /// In half of the `memory` that a decoder may have: the other half is for frames that are copied
    /// because they lie in two windows.
    pub(super) fn new(crew: &'a Crew, memory: u64) -> Self {
        let frame = crew.hands.frame;
        let fit = usize::try_from(memory / 2).unwrap_or(usize::MAX) / frame;
        let count = fit.min(2 * crew.hands.decoders + 4);
        // The one that is read, and two to be decoded: fewer are not worth the threads.
        let count = if count < 3 { 0 } else { count };
        Self { crew, rooms: Pool::new(count, frame), count, memory, away: VecDeque::new() }
    }

    /// Room for one more frame. Waits for it only if no frame is being decoded.
    pub(super) fn room(&self) -> Option<Buffer> {
        match self.count {
            0 => None,
            _ if self.away.is_empty() => Some(self.rooms.take()),
            _ => self.rooms.try_take(),
        }
    }

    /// Finds where the next frame ends, and takes it.
    pub(super) fn find(&self, inner: &mut dyn Source) -> io::Result<Found> {
        let mut copied = Vec::new();
        loop {
            let here = inner.fill_buf()?;
            if copied.is_empty()
                && let Some((length, content)) = self.whole(here)
            {
                let slice = inner.slice(length, &self.crew.chunks)?;
                return Ok(match slice {
                    Some(slice) => Found::Whole(Packed::There(slice), content),
                    None => Found::Other(copied),
                });
            }
            let before = copied.len();
            let now = here.len().min(self.longest() - before);
            if now == 0 || (before == 0 && !self.may_be_whole(here)) {
                return Ok(Found::Other(copied));
            }
            copied.extend_from_slice(&here[..now]);
            if let Some((length, content)) = self.whole(&copied) {
                inner.consume(length - before);
                copied.truncate(length);
                return Ok(Found::Whole(Packed::Copied(copied), content));
            }
            inner.consume(now);
        }
    }

    /// Has a frame decoded.
    pub(super) fn send(&mut self, packed: Packed, content: usize, room: Buffer) -> io::Result<()> {
        let (to, from) = sync_channel(1);
        let frame = Frame { packed, content, room, to };
        self.crew.frames.add(frame).map_err(|_| deserted_io())?;
        self.away.push_back(from);
        Ok(())
    }

    /// The oldest frame's content, waited for; `None` if no frame is being decoded.
    pub(super) fn next(&mut self) -> Option<Result<Decoded, RecvError>> {
        Some(self.away.pop_front()?.recv())
    }

    /// Leaves so much memory to another decoder: all buffers are waited for and given back, if there
    /// is not enough beside them.
    pub(super) fn leave(&mut self, needs: u64) {
        let held = (self.count * self.rooms.size()) as u64;
        if needs.saturating_add(held) > self.memory {
            (0..self.count).for_each(|_| self.rooms.take().forget());
            self.count = 0;
        }
    }

    /// The most bytes that a frame can have of which no block is larger than its content; some more.
    fn longest(&self) -> usize {
        self.rooms.size() + self.rooms.size() / 128 + 1024
    }

    /// The length of the frame that these bytes begin with, and of its content, if it is one to be
    /// decoded whole and all of it is there.
    fn whole(&self, bytes: &[u8]) -> Option<(usize, usize)> {
        let bytes = &bytes[..bytes.len().min(self.longest())];
        let content = self.content(bytes)?;
        let length = zstd_safe::find_frame_compressed_size(bytes).ok()?;
        Some((length, content))
    }

    /// Whether these bytes, which may be cut short, may begin such a frame.
    fn may_be_whole(&self, bytes: &[u8]) -> bool {
        bytes.len() < super::header::HEADER_MAX || self.content(bytes).is_some()
    }

    fn content(&self, bytes: &[u8]) -> Option<usize> {
        let window = window(bytes).ok().filter(|window| (1..=self.memory).contains(window));
        let content = zstd_safe::get_frame_content_size(bytes).ok().flatten();
        let content = usize::try_from(window.and(content)?).ok()?;
        (content <= self.rooms.size()).then_some(content)
    }
}

/// Decodes frames until there are no more: the work of one thread.
pub(in crate::unpack) fn decode(frames: &Queue<Frame>) {
    let mut decoder = Decompressor::new();
    while let Some(Frame { packed, content, mut room, to }) = frames.take() {
        let decoded = match &mut decoder {
            Ok(decoder) => decoder.decompress_to_buffer(&packed, &mut room[..content]).ok(),
            Err(_) => None,
        };
        let decoded = match decoded {
            Some(length) if length == content => Ok(room.share(content)),
            _ => Err(Undecoded { packed: packed.into_bytes(), _room: room }),
        };
        // Nobody waits for it if something else was refused before.
        let _ = to.send(decoded);
    }
}
