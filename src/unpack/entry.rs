//! What an archive says of one entry, before anything is believed.

use crate::release::Unix;
use nix::sys::time::TimeSpec;

/// One entry as it is archived.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'a> {
    /// Its path, as it came.
    pub(super) path: &'a [u8],
    pub(super) what: What<'a>,
    /// Permission bits, set-id bits included.
    pub(super) mode: u32,
    /// Its modification time; `None`: the release's.
    pub(super) time: Option<Time>,
}

/// What an entry is.
#[derive(Clone, Copy, Debug)]
pub(super) enum What<'a> {
    /// A regular file of so many bytes.
    File(u64),
    Directory,
    /// A symbolic link to this target.
    Link(&'a [u8]),
    /// A hard link to the file archived at this path.
    Same(&'a [u8]),
}

/// A modification time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Time {
    pub(super) seconds: i64,
    pub(super) nanos: u32,
}

impl Time {
    /// `None` for the zero that archivers write who want no times.
    pub(super) fn unless_zero(self) -> Option<Self> {
        (self.seconds != 0 || self.nanos != 0).then_some(self)
    }

    /// For the kernel: the access time is left alone.
    pub(super) fn spec(self) -> [TimeSpec; 2] {
        [TimeSpec::UTIME_OMIT, TimeSpec::new(self.seconds, i64::from(self.nanos))]
    }
}

impl From<Unix> for Time {
    fn from(time: Unix) -> Self {
        Self { seconds: time.0, nanos: 0 }
    }
}
