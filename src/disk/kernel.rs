//! [`Disk`] over the kernel: system calls relative to one open directory.

use super::{Disk, Kind, Renamed, Space, reading, remove, reserve};
use crate::error::{Context, Error, Exit, Result, escaped, quoted};
use nix::{
    dir::Dir,
    errno::Errno,
    fcntl::{
        AtFlags, Flock, FlockArg, OFlag, RenameFlags, openat, readlinkat, renameat, renameat2,
    },
    sys::{
        stat::{FileStat, Mode, SFlag, fchmod, fstat, fstatat, mkdirat},
        statfs::fstatfs,
        statvfs::fstatvfs,
    },
    unistd::{Gid, UnlinkatFlags, fchown, fsync, symlinkat, syncfs, unlinkat},
};
use std::{
    fs::File,
    io::{self, Seek, SeekFrom, Write},
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

/// The longest that a waiter sleeps before it tries a lock again: flock(2) has no time limit.
const LOCK_POLL_MAX: Duration = Duration::from_millis(50);

/// The mode of every file of Seedship's own.
const FILE_MODE: Mode = Mode::S_IRUSR.union(Mode::S_IWUSR).union(Mode::S_IRGRP);

/// File systems without a durable syncfs(2), by statfs(2)'s magic numbers.
const UNSAFE_FILE_SYSTEMS: &[(i64, &str)] = &[
    (0x6573_5546, "FUSE"),
    (0x6969, "NFS"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB"),
    (0x517b, "SMB"),
    (0x0102_1997, "9P"),
    (0x00c3_6400, "Ceph"),
    (0x5346_414f, "AFS"),
];

/// An app's root on a real file system.
pub struct Kernel {
    place: PathBuf,
    root: OwnedFd,
    /// What is set aside may be used up.
    spends: bool,
}

impl Kernel {
    /// Opens the root. It must exist: where a site lies, and whose it is, is never guessed.
    ///
    /// # Errors
    /// 73 if there is no such directory, 77 without permission.
    pub fn open(place: &Path) -> Result<Self> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        match nix::fcntl::open(place, flags, Mode::empty()) {
            Ok(root) => Ok(Self { place: place.to_owned(), root, spends: false }),
            Err(Errno::ENOENT | Errno::ENOTDIR) => Err(Error::new(
                Exit::NotOurs,
                "open",
                format!("the app's root {}", quoted(place)),
                "there is no such directory",
            )
            .hint(format!(
                "create it with its owner: install -d -o USER -g GROUP -m 0755 {}",
                place.display()
            ))),
            Err(e) => Err(Error::io("open", place, &e.into())),
        }
    }

    /// For a command that a person typed: on a full disk it may use what was [set
    /// aside](Disk::set_aside).
    #[must_use]
    pub fn spending(self) -> Self {
        Self { spends: true, ..self }
    }

    /// Does it, and on a full disk once more when there is a little room.
    fn with_room<T>(&self, step: impl Fn() -> io::Result<T>) -> io::Result<T> {
        match step() {
            Err(e) if self.spends && is_full(&e) && reserve::give_up(self) => step(),
            done => done,
        }
    }

    /// Opens a directory below the root, for bulk work through its descriptor.
    pub fn directory(&self, path: &str) -> Result<OwnedFd> {
        self.open_at(path, OFlag::O_RDONLY | OFlag::O_DIRECTORY).on("open", self.full(path))
    }

    /// The root's own descriptor.
    pub fn root(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }

    /// Creates or truncates a file, for bulk writing; synced with everything else by `syncfs`.
    pub fn create_file(&self, path: &str) -> Result<File> {
        self.open_for_writing(path, OFlag::O_WRONLY | OFlag::O_TRUNC).on("create", self.full(path))
    }

    /// The group of a path.
    pub fn group(&self, path: &str) -> Result<u32> {
        self.stat(path)?.map(|found| found.st_gid).ok_or_else(|| {
            Error::new(Exit::Io, "look at", quoted(self.full(path)), "it is not there")
                .hint("somebody removed it just now: the next command makes it again")
        })
    }

    /// The name of the root's file system if its syncfs(2) does not promise that data is on a
    /// disk: network file systems, and those in user space.
    pub fn unsafe_file_system(&self) -> Result<Option<&'static str>> {
        let found = fstatfs(&self.root).on("ask for the file system of", &self.place)?;
        let magic = found.filesystem_type().0;
        Ok(UNSAFE_FILE_SYSTEMS.iter().find(|(number, _)| *number == magic).map(|(_, name)| *name))
    }

    /// Owner, mode and times of a path, links not followed; `None` if nothing is there.
    pub fn stat(&self, path: &str) -> Result<Option<FileStat>> {
        self.stat_with(path, AtFlags::AT_SYMLINK_NOFOLLOW)
    }

    fn stat_with(&self, path: &str, flags: AtFlags) -> Result<Option<FileStat>> {
        match fstatat(&self.root, here(path), flags) {
            Ok(found) => Ok(Some(found)),
            Err(Errno::ENOENT | Errno::ENOTDIR) => Ok(None),
            Err(e) => Err(Error::io("look at", self.full(path), &e.into())),
        }
    }

    /// The whole path, for messages.
    pub fn full(&self, path: &str) -> PathBuf {
        self.place.join(path)
    }

    fn open_at(&self, path: &str, flags: OFlag) -> nix::Result<OwnedFd> {
        openat(&self.root, here(path), flags | OFlag::O_CLOEXEC, FILE_MODE)
    }

    /// Opens a file for writing that is made if need be, with its mode whatever the umask: the
    /// group may read what `status` and `history` show.
    fn open_for_writing(&self, path: &str, flags: OFlag) -> nix::Result<File> {
        let flags = OFlag::O_CREAT | OFlag::O_NOFOLLOW | flags;
        let opened = self.open_at(path, flags)?;
        self.give_group(&opened)?;
        fchmod(&opened, FILE_MODE)?;
        Ok(File::from(opened))
    }

    /// Gives what was made to the group of the root, where this user may. Not by the bit of a directory
    /// that hands its group on: who forbids a unit to make setuid files (systemd's `RestrictSUIDSGID=`)
    /// forbids that bit as well, and no deploy would begin.
    fn give_group(&self, made: &OwnedFd) -> nix::Result<()> {
        let group = fstat(&self.root)?.st_gid;
        if fstat(made)?.st_gid == group {
            return Ok(());
        }
        match fchown(made, None, Some(Gid::from_raw(group))) {
            Ok(()) | Err(Errno::EPERM) => Ok(()),
            Err(e) => Err(e),
        }
    }

    /// The lock's descriptor is still the file that others will open: the directory may have been
    /// deleted and made again while this process waited.
    fn is_at(&self, path: &str, lock: &Flock<File>) -> Result<bool> {
        let held = fstat(lock.as_fd()).on("look at", self.full(path))?;
        let there = self.stat(path)?;
        Ok(there.is_some_and(|there| (there.st_dev, there.st_ino) == (held.st_dev, held.st_ino)))
    }
}

/// `""` is the root itself.
fn here(path: &str) -> &str {
    if path.is_empty() { "." } else { path }
}

/// No bytes, no inodes, or the user's share of them is used up.
fn is_full(e: &io::Error) -> bool {
    matches!(e.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// The kernel or the file system does not have this flag; every other error is an error.
fn unsupported(e: Errno) -> bool {
    matches!(e, Errno::EINVAL | Errno::ENOSYS)
}

impl Disk for Kernel {
    type Lock = Flock<File>;
    type Watch = Vec<(PathBuf, OwnedFd)>;

    fn place(&self) -> &Path {
        &self.place
    }

    fn kind(&self, path: &str) -> Result<Option<Kind>> {
        Ok(self.stat(path)?.map(|found| {
            match SFlag::from_bits_truncate(found.st_mode & SFlag::S_IFMT.bits()) {
                SFlag::S_IFDIR => Kind::Directory,
                SFlag::S_IFLNK => Kind::Link,
                SFlag::S_IFREG => Kind::File,
                _ => Kind::Other,
            }
        }))
    }

    fn leads_to_directory(&self, path: &str) -> Result<bool> {
        let found = self.stat_with(path, AtFlags::empty());
        let format = |found: FileStat| found.st_mode & SFlag::S_IFMT.bits();
        match found {
            Ok(found) => Ok(found.map(format) == Some(SFlag::S_IFDIR.bits())),
            // A link that leads nowhere sensible (a loop, a closed directory) leads to none.
            Err(_) => Ok(false),
        }
    }

    fn is_same_directory(&self, a: &str, b: &str) -> Result<bool> {
        let found = |path: &str| self.stat_with(path, AtFlags::empty()).ok().flatten();
        let (Some(one), Some(other)) = (found(a), found(b)) else { return Ok(false) };
        let is_one = (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino);
        Ok(is_one && one.st_mode & SFlag::S_IFMT.bits() == SFlag::S_IFDIR.bits())
    }

    fn list(&self, path: &str) -> Result<Vec<String>> {
        let opened = match self.open_at(path, OFlag::O_RDONLY | OFlag::O_DIRECTORY) {
            Ok(fd) => Dir::from_fd(fd).on("list", self.full(path))?,
            Err(Errno::ENOENT | Errno::ENOTDIR) => return Ok(Vec::new()),
            Err(e) => return Err(Error::io("list", self.full(path), &e.into())),
        };
        let mut names = Vec::new();
        for entry in opened {
            let entry = entry.on("list", self.full(path))?;
            match entry.file_name().to_str() {
                Ok("." | "..") | Err(_) => {}
                Ok(name) => names.push(name.to_owned()),
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn read(&self, path: &str) -> Result<Option<Vec<u8>>> {
        reading::whole(self, path)
    }

    fn read_end(&self, path: &str, most: u64) -> Result<Option<(Vec<u8>, bool)>> {
        reading::end(self, path, most)
    }

    fn read_link(&self, path: &str) -> Result<Option<String>> {
        match readlinkat(&self.root, here(path)) {
            Ok(text) => Ok(Some(match text.to_str() {
                Some(text) => text.to_owned(),
                None => escaped(text.as_bytes()),
            })),
            Err(Errno::ENOENT | Errno::ENOTDIR | Errno::EINVAL) => Ok(None),
            Err(e) => Err(Error::io("read the link", self.full(path), &e.into())),
        }
    }

    fn owner(&self, path: &str) -> Result<Option<u32>> {
        Ok(self.stat(path)?.map(|found| found.st_uid))
    }

    fn space(&self) -> Result<Space> {
        let found = fstatvfs(&self.root).on("ask for free space at", &self.place)?;
        Ok(Space {
            bytes: found.blocks_available().saturating_mul(found.fragment_size()),
            inodes: (found.files() > 0).then(|| found.files_available()),
        })
    }

    fn set_aside(&self) {
        reserve::keep(self);
    }

    fn make_dir(&self, path: &str, mode: u32) -> Result<bool> {
        let mode = Mode::from_bits_truncate(mode);
        match mkdirat(&self.root, path, mode) {
            Ok(()) => {}
            Err(Errno::EEXIST) => return Ok(false),
            Err(e) => return Err(Error::io("create", self.full(path), &e.into())),
        }
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW;
        let made = self.open_at(path, flags).on("open", self.full(path))?;
        self.give_group(&made).on("set the group of", self.full(path))?;
        fchmod(&made, mode).on("set the mode of", self.full(path))?;
        Ok(true)
    }

    fn write(&self, path: &str, content: &[u8]) -> Result<()> {
        let written = self.with_room(|| {
            let mut file = self.open_for_writing(path, OFlag::O_WRONLY | OFlag::O_TRUNC)?;
            file.write_all(content)?;
            file.sync_all()
        });
        written.on("write", self.full(path))
    }

    fn append(&self, path: &str, content: &[u8]) -> Result<()> {
        let mut file = self
            .open_for_writing(path, OFlag::O_WRONLY | OFlag::O_APPEND)
            .on("write", self.full(path))?;
        file.write_all(content).on("write", self.full(path))
    }

    fn symlink(&self, text: &str, path: &str) -> Result<()> {
        let made = self.with_room(|| Ok(symlinkat(text, &self.root, path)?));
        made.on("make the link", self.full(path))
    }

    fn remove(&self, path: &str) -> Result<()> {
        match unlinkat(&self.root, path, UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(e) => Err(Error::io("remove", self.full(path), &e.into())),
        }
    }

    fn remove_tree(&self, path: &str) -> Result<()> {
        remove::tree(&self.full(path))
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        renameat(&self.root, from, &self.root, to)
            .on("rename", self.full(from))
            .map_err(|e| Error { thing: format!("{} to {}", e.thing, quoted(self.full(to))), ..e })
    }

    fn rename_new(&self, from: &str, to: &str) -> Result<Renamed> {
        let flags = RenameFlags::RENAME_NOREPLACE;
        let mut renamed = renameat2(&self.root, from, &self.root, to, flags);
        if renamed.is_err_and(unsupported) {
            if self.kind(to)?.is_some() {
                return Ok(Renamed::Taken);
            }
            renamed = renameat(&self.root, from, &self.root, to);
        }
        match renamed {
            Ok(()) => Ok(Renamed::Done),
            Err(Errno::EEXIST | Errno::ENOTEMPTY) => Ok(Renamed::Taken),
            Err(Errno::ENOENT) => Ok(Renamed::Gone),
            Err(e) => Err(Error::io("rename", self.full(from), &e.into())),
        }
    }

    fn exchange(&self, a: &str, b: &str) -> Result<bool> {
        match renameat2(&self.root, a, &self.root, b, RenameFlags::RENAME_EXCHANGE) {
            Ok(()) => Ok(true),
            Err(e) if unsupported(e) => Ok(false),
            Err(e) => Err(Error::io("switch", self.full(b), &e.into())),
        }
    }

    fn fsync(&self, path: &str) -> Result<()> {
        fsync(self.directory(path)?).on("sync", self.full(path))
    }

    fn watch(&self) -> Result<Self::Watch> {
        let mut watched: Self::Watch = Vec::new();
        let mut devices = Vec::new();
        for path in ["", "releases", ".seedship"] {
            let opened = self.directory(path)?;
            let device = fstat(&opened).on("look at", self.full(path))?.st_dev;
            if !devices.contains(&device) {
                devices.push(device);
                watched.push((self.full(path), opened));
            }
        }
        Ok(watched)
    }

    fn syncfs(&self, watch: &Self::Watch) -> Result<()> {
        watch.iter().try_for_each(|(path, opened)| {
            syncfs(opened).map_err(|e| {
                Error::io("write to the disk what belongs to", path, &e.into())
                    .hint("the disk lost data or is full: look at `dmesg`; the deploy is retried")
            })
        })
    }

    fn lock(&self, path: &str, wait: Duration) -> Result<Option<Self::Lock>> {
        let deadline = Instant::now().checked_add(wait);
        let mut pause = Duration::from_millis(1);
        loop {
            let file =
                self.open_for_writing(path, OFlag::O_RDWR).on("open the lock", self.full(path))?;
            match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(lock) if self.is_at(path, &lock)? => return Ok(Some(lock)),
                // Deleted and made again by somebody: take the one that is there now.
                Ok(_) => continue,
                Err((_, Errno::EWOULDBLOCK | Errno::EINTR)) => {}
                Err((_, e)) => return Err(Error::io("lock", self.full(path), &e.into())),
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Ok(None);
            }
            thread::sleep(pause);
            pause = (pause * 2).min(LOCK_POLL_MAX);
        }
    }

    fn inscribe(&self, lock: &mut Self::Lock, line: &str) -> Result<()> {
        let inscribed = (|| {
            lock.set_len(0)?;
            lock.seek(SeekFrom::Start(0))?;
            lock.write_all(line.as_bytes())
        })();
        inscribed.on("write the holder's line into the lock of", &self.place)
    }
}

#[cfg(test)]
mod tests;
