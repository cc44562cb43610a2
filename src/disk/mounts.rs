//! What is mounted in a directory: it is not part of the tree that is to be removed.
//!
//! A stage or an old release may hold a mount point: an operator's bind mount of uploaded files, or
//! something planted. Removing the tree would empty what is mounted there and then fail at the mount
//! point. The kernel lists all mounts of a process (proc(5), `mountinfo`).

use std::{
    ffi::OsString,
    fs, io,
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
};

/// The first mount point at or below `tree`; none where there is no /proc to ask.
pub(super) fn within(tree: &Path) -> io::Result<Option<PathBuf>> {
    let tree = fs::canonicalize(tree)?;
    let mounts = fs::read("/proc/self/mountinfo").unwrap_or_default();
    Ok(points(&mounts).find(|point| point.starts_with(&tree)))
}

/// The mount points of a list: each line's fifth field.
fn points(list: &[u8]) -> impl Iterator<Item = PathBuf> {
    let lines = list.split(|byte| *byte == b'\n');
    lines.filter_map(|line| line.split(|byte| *byte == b' ').nth(4)).map(plain)
}

/// A path in which white space and backslashes stand as three octal digits.
fn plain(mut field: &[u8]) -> PathBuf {
    let mut path = Vec::with_capacity(field.len());
    while let Some((first, rest)) = field.split_first() {
        let digits = rest.first_chunk::<3>().filter(|_| *first == b'\\');
        let octal = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = octal.and_then(|digits| u8::from_str_radix(digits, 8).ok());
        path.push(byte.unwrap_or(*first));
        field = if byte.is_some() { &rest[3..] } else { rest };
    }
    PathBuf::from(OsString::from_vec(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_points_are_read_as_the_kernel_writes_them() {
        let list = b"22 1 0:20 / / rw - ext4 /dev/a rw\n\
            23 22 0:21 / /srv/a\\040b\\134c\\012 rw,nosuid shared:1 - tmpfs none rw\n\
            odd\n24 22 0:22 /x /srv/\\9 rw - tmpfs none rw\n";
        let found: Vec<_> = points(list).collect();
        assert_eq!(found, [Path::new("/"), Path::new("/srv/a b\\c\n"), Path::new("/srv/\\9")]);
    }

    #[test]
    fn what_is_mounted_in_a_tree_is_found_and_only_that() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(within(dir.path()).unwrap(), None);
        assert!(within(&dir.path().join("gone")).is_err());
        if Path::new("/proc/self/mountinfo").exists() {
            assert_eq!(within(Path::new("/proc")).unwrap().as_deref(), Some(Path::new("/proc")));
            assert!(within(Path::new("/")).unwrap().is_some());
        }
    }
}
