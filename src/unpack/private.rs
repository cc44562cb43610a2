//! Files without a name: they are nobody else's, and gone when the process is.

use crate::error::{Context, Error, Result};
use nix::{
    errno::Errno,
    fcntl::{OFlag, openat},
    sys::stat::Mode,
    unistd::{UnlinkatFlags, unlinkat},
};
use std::{fs::File, os::fd::BorrowedFd};

/// Makes a file without a name on the file system of `dir`, readable and writable.
pub(super) fn unnamed(dir: BorrowedFd<'_>) -> Result<File> {
    let mode = Mode::S_IRUSR | Mode::S_IWUSR;
    let flags = OFlag::O_RDWR | OFlag::O_CLOEXEC;
    match openat(dir, ".", flags | OFlag::O_TMPFILE, mode) {
        Ok(fd) => return Ok(File::from(fd)),
        // Older overlays and some network file systems have no O_TMPFILE.
        Err(Errno::EOPNOTSUPP | Errno::EISDIR | Errno::EINVAL) => {}
        Err(e) => {
            let error = Error::io("make", ".", &e.into());
            return Err(Error { thing: "an unnamed file in the app's root".to_owned(), ..error });
        }
    }
    let name = format!(".unnamed-{}", std::process::id());
    let made = openat(dir, name.as_str(), flags | OFlag::O_CREAT | OFlag::O_EXCL, mode);
    // A process of this number that was killed here left its name: it is nobody's.
    let made = match made {
        Err(Errno::EEXIST) => {
            unlinkat(dir, name.as_str(), UnlinkatFlags::NoRemoveDir).on("remove", &name)?;
            openat(dir, name.as_str(), flags | OFlag::O_CREAT | OFlag::O_EXCL, mode)
        }
        made => made,
    };
    let fd = made.on("make", &name)?;
    unlinkat(dir, name.as_str(), UnlinkatFlags::NoRemoveDir).on("remove", &name)?;
    Ok(File::from(fd))
}
