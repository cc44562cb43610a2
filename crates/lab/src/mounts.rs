//! Mounts for one test alone.
//!
//! A test that mounts is run again by itself, in a mount namespace of its own (an ordinary user's
//! in a user namespace too, where it is root): what it mounts nobody else sees, and all of it goes
//! when its process ends, however that is.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Error, Result};
use crate::lab::{as_root, skip};
use crate::site::run;

/// Says, in the environment, that a test is in a namespace of its own.
const INSIDE: &str = "SEEDSHIP_LAB_MOUNTS";

/// Whether the calling test may mount. If not, it has been run again where it may, and is over, or
/// was skipped. Call it through [`own_mounts!`](crate::own_mounts), which knows the test's name.
///
/// # Panics
/// If the test fails there.
pub fn own(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let flags = if as_root() { "-m" } else { "-Urm" };
    let probe =
        Command::new("unshare").args([flags, "mount", "-t", "tmpfs", "none", "/mnt"]).output();
    if !probe.is_ok_and(|output| output.status.success()) {
        skip("`unshare` may make no mount namespace here, or nothing may be mounted in it");
        return false;
    }
    let again = std::env::current_exe().and_then(|tests| {
        let mut again = Command::new("unshare");
        again.arg(flags).arg(tests).args(["--exact", test, "--nocapture"]);
        again.env(INSIDE, test).status()
    });
    assert!(
        matches!(&again, Ok(status) if status.success()),
        "{test}, with its own mounts: {again:?}"
    );
    false
}

/// Whether this test may mount: see [`mounts::own`](crate::mounts::own).
///
/// ```ignore
/// if !lab::own_mounts!() {
///     return;
/// }
/// ```
#[macro_export]
macro_rules! own_mounts {
    () => {{
        fn here() {}
        let name = ::std::any::type_name_of_val(&here);
        let test = name.split_once("::").map_or(name, |(_, rest)| rest);
        $crate::mounts::own(test.strip_suffix("::here").unwrap_or(test))
    }};
}

/// Something that is mounted. Dropping it unmounts it, also where it is in use.
#[derive(Debug)]
pub struct Mount(PathBuf);

impl Mount {
    /// Mounts at a directory, with these arguments of mount(8) before it.
    pub fn new(arguments: &[&str], at: &Path) -> Result<Self> {
        run(Command::new("mount").args(arguments).arg(at))?;
        Ok(Self(at.to_owned()))
    }

    /// The same, with other options from now on.
    pub fn remount(&self, options: &str) -> Result<()> {
        // With a source named, nothing is added to the options: not the owner either, whose number
        // is another one in a user namespace.
        let options = format!("remount,{options}");
        run(Command::new("mount").args(["-o", &options, "none"]).arg(&self.0)).map(drop)
    }

    /// Unmounts it in good order.
    pub fn unmount(self) -> Result<()> {
        let unmounted = run(Command::new("umount").arg(&self.0)).map(drop);
        if unmounted.is_ok() {
            std::mem::forget(self);
        }
        unmounted
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

/// A file system in a file, of `ext4` or `xfs`.
pub fn image(kind: &str, file: &Path) -> Result<()> {
    // The least that xfs takes; a file with a hole.
    let made = std::fs::File::create(file).and_then(|file| file.set_len(320 << 20));
    made.map_err(|e| Error::new(format!("{}: {e}", file.display())))?;
    run(Command::new(format!("mkfs.{kind}")).arg("-q").arg(file)).map(drop)
}

/// Cuts the power of the file system at this path: nothing that is not on the disk by now will ever
/// be, its journal included (`EXT4_IOC_SHUTDOWN`, `XFS_IOC_GOINGDOWN`, without a flush).
pub fn cut(at: &Path) -> Result<()> {
    const CUT: &str = "import fcntl, os, struct, sys\n\
        fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587D, struct.pack('I', 2))";
    run(Command::new("python3").args(["-c", CUT]).arg(at)).map(drop)
}
