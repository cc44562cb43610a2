//! Stub until the unpacker is merged.
use crate::{config::*, error::*, manifest, release::Unix, verify::Payload};
use std::{io::Write, os::fd::BorrowedFd};
pub struct Plan<'a> {
    pub limits: &'a Limits,
    pub strip: u32,
    pub must_exist: &'a [String],
    pub shared: &'a [Shared],
    pub mode: Mode,
    pub group: u32,
    pub case: Case,
    pub time: Unix,
}
pub struct Contents {
    pub bytes: u64,
    pub files: u64,
    pub notes: Vec<String>,
}
pub fn unpack<W: Write>(
    _: Payload<'_>,
    _: BorrowedFd<'_>,
    _: BorrowedFd<'_>,
    _: &Plan<'_>,
    _: &mut manifest::Writer<W>,
) -> Result<Contents> {
    Err(Error::new(Exit::Bug, "x", "y", "z"))
}
