//! Files and directories that get their names when they are whole.
//!
//! A file has no name at all until then (`O_TMPFILE`, open(2)), so that not even SIGKILL leaves
//! something of it. Where a file system cannot do that, and for a directory, it has a name that
//! begins with a dot, and is listed among the [`leftovers`](super::leftovers): an error and a signal
//! take it away. Whoever sees the real name finds everything under it, and on the disk.

use super::leftovers::Leftover;
use rustix::{
    fs::{AtFlags, CWD, RenameFlags, linkat, renameat_with},
    io::Errno,
};
use std::{
    fs::{self, File, OpenOptions, Permissions},
    io,
    os::{
        fd::AsRawFd,
        unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    },
    path::{Path, PathBuf},
};

/// Readable by the rtorrent of another user, whatever the umask.
const FILE_MODE: u32 = 0o644;

/// A file that is being written.
#[derive(Debug)]
pub(super) struct Unfinished {
    file: File,
    directory: PathBuf,
    /// Its passing name, where it needs one.
    named: Option<Leftover>,
}

impl Unfinished {
    /// An empty file in this directory.
    pub(super) fn within(directory: &Path) -> io::Result<Self> {
        let mut open = OpenOptions::new();
        open.read(true).write(true).mode(0o600).custom_flags(nix::libc::O_TMPFILE);
        match open.open(directory) {
            Ok(file) if by_number(&file).exists() => {
                Ok(Self { file, directory: directory.to_owned(), named: None })
            }
            _ => Self::named(directory),
        }
    }

    /// The same with a passing name.
    fn named(directory: &Path) -> io::Result<Self> {
        let named = Leftover::at(passing_name(directory)?);
        let mut open = OpenOptions::new();
        open.read(true).write(true).mode(0o600).create_new(true);
        let file = open.open(named.path())?;
        Ok(Self { file, directory: directory.to_owned(), named: Some(named) })
    }

    /// To be read and written.
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Puts it on the disk, under a name that nothing has yet.
    ///
    /// # Errors
    /// `AlreadyExists` where something has the name.
    pub(super) fn becomes(self, path: &Path) -> io::Result<()> {
        self.settle()?;
        match self.named {
            None => give_name(&self.file, path)?,
            Some(named) => named.becomes(path)?,
        }
        sync(&self.directory)
    }

    /// Puts it on the disk, in place of what has the name, if anything has.
    pub(super) fn replaces(self, path: &Path) -> io::Result<()> {
        self.settle()?;
        let named = match self.named {
            Some(named) => named,
            None => {
                let named = Leftover::at(passing_name(&self.directory)?);
                give_name(&self.file, named.path())?;
                named
            }
        };
        fs::rename(named.path(), path)?;
        named.keep();
        sync(&self.directory)
    }

    fn settle(&self) -> io::Result<()> {
        self.file.set_permissions(Permissions::from_mode(FILE_MODE))?;
        self.file.sync_all()
    }
}

/// A directory that is being filled.
#[derive(Debug)]
pub(super) struct UnfinishedDirectory(Leftover);

impl UnfinishedDirectory {
    /// An empty directory within this one.
    pub(super) fn within(directory: &Path) -> io::Result<Self> {
        let named = Leftover::at(passing_name(directory)?);
        fs::DirBuilder::new().mode(0o755).create(named.path())?;
        fs::set_permissions(named.path(), Permissions::from_mode(0o755))?;
        Ok(Self(named))
    }

    /// Where it is for now.
    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Puts all of it on the disk, under a name that nothing has yet.
    ///
    /// # Errors
    /// `AlreadyExists` where something has the name.
    pub(super) fn becomes(self, path: &Path) -> io::Result<()> {
        // One call for thousands of files; it also waits for what others write there.
        rustix::fs::syncfs(File::open(self.path())?)?;
        self.0.becomes(path)?;
        sync(directory_of(path))
    }
}

impl Leftover {
    /// Gives it a name that nothing has.
    fn becomes(self, path: &Path) -> io::Result<()> {
        rename_to_new(self.path(), path)?;
        self.keep();
        Ok(())
    }
}

/// Gives what is there a name that nothing has.
///
/// # Errors
/// `AlreadyExists` where something has the name.
pub(super) fn rename_to_new(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // File systems that cannot refuse a taken name: nobody else makes this one meanwhile.
        Err(Errno::INVAL | Errno::NOSYS) if fs::symlink_metadata(to).is_err() => {
            fs::rename(from, to)
        }
        Err(Errno::INVAL | Errno::NOSYS) => Err(io::ErrorKind::AlreadyExists.into()),
        renamed => Ok(renamed?),
    }
}

/// The directory that a path is in.
pub(super) fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A name of a hidden file that ends otherwise than a .torrent, so that no watch directory loads it.
fn passing_name(directory: &Path) -> io::Result<PathBuf> {
    let mut bytes = [0; 8];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())?;
    Ok(directory.join(format!(".seedship.{:016x}", u64::from_ne_bytes(bytes))))
}

fn by_number(file: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

fn give_name(file: &File, path: &Path) -> io::Result<()> {
    Ok(linkat(CWD, by_number(file), CWD, path, AtFlags::SYMLINK_FOLLOW)?)
}

/// Puts the names in a directory on the disk.
fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_has_its_name_when_it_is_whole_and_takes_no_other_ones() {
        for (begin, seen) in [(Unfinished::within as fn(&Path) -> _, 0), (Unfinished::named, 1)] {
            let dir = tempfile::tempdir().unwrap();
            let write = |text: &str| {
                let unfinished: Unfinished = begin(dir.path()).unwrap();
                unfinished.file().write_all(text.as_bytes()).unwrap();
                unfinished
            };
            let at = dir.path().join("a");
            let first = write("first");
            assert_eq!(names(dir.path()).len(), seen);
            first.becomes(&at).unwrap();
            let taken = write("second").becomes(&at).unwrap_err();
            assert_eq!(taken.kind(), io::ErrorKind::AlreadyExists);
            assert_eq!(fs::read_to_string(&at).unwrap(), "first");
            write("third").replaces(&at).unwrap();
            assert_eq!(fs::read_to_string(&at).unwrap(), "third");
            assert_eq!(fs::metadata(&at).unwrap().permissions().mode() & 0o777, FILE_MODE);
            drop(write("fourth"));
            assert_eq!(names(dir.path()), ["a"]);
        }
    }

    #[test]
    fn a_directory_has_its_name_when_it_is_whole_or_goes() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().join("a");
        let fill = || {
            let unfinished = UnfinishedDirectory::within(dir.path()).unwrap();
            fs::write(unfinished.path().join("file"), "x").unwrap();
            unfinished
        };
        fill().becomes(&at).unwrap();
        assert_eq!(fill().becomes(&at).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        drop(fill());
        assert_eq!((names(dir.path()), names(&at)), (vec!["a".into()], vec!["file".into()]));
    }
}
