//! A file for node_exporter, which reads it at any moment: the old one or the new one, never half.
//!
//! It is not synced. After a power cut it may be empty or the one before; the next run, a minute
//! later, writes it anew.

use crate::error::{Context, Error, Exit, Result, quoted};
use std::{
    fs::{self, File, Permissions},
    io::{self, Write},
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::Path,
};

/// What node_exporter reads; whatever ends in another way, it passes over without a word.
const ENDING: &[u8] = b".prom";

/// Writes the file under another name beside it, which `random` makes one of its own, and renames it.
///
/// # Errors
/// 64 if its name would not be read; 77 or 74 if it cannot be written.
pub fn write(file: &Path, text: &str, random: u64) -> Result<()> {
    let named = file.file_name().filter(|name| name.as_bytes().ends_with(ENDING));
    let Some(name) = named else {
        let cause = "its name does not end in .prom, and node_exporter would not read it";
        return Err(Error::new(Exit::Usage, "write", quoted(file), cause)
            .hint("name a file such as /var/lib/prometheus/node-exporter/seedship.prom"));
    };
    let mut new = std::ffi::OsString::from(".");
    new.push(name);
    new.push(format!(".{random:016x}"));
    let new = file.with_file_name(new);
    let renamed = filled(&new, text).and_then(|()| fs::rename(&new, file));
    renamed
        .inspect_err(|_| {
            let _ = fs::remove_file(&new);
        })
        .on("write", file)
}

/// A file that was not there, readable by the exporter whatever the umask.
fn filled(new: &Path, text: &str) -> io::Result<()> {
    let mut file = File::create_new(new)?;
    file.set_permissions(Permissions::from_mode(0o644))?;
    file.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_as_a_whole_and_readable_by_all() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("seedship.prom");
        std::os::unix::fs::symlink("elsewhere", &file).unwrap();
        for text in ["one\n", "two\n"] {
            write(&file, text, 1).unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), text);
        }
        let found = fs::symlink_metadata(&file).unwrap();
        assert!(found.is_file(), "a link is replaced, not followed");
        assert_eq!(found.permissions().mode() & 0o777, 0o644);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_cannot_be_written_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let refused = |file: &Path| write(file, "x", 1).unwrap_err().exit;
        assert_eq!(refused(&dir.path().join("seedship.txt")), Exit::Usage);
        assert_eq!(refused(&dir.path().join("none/seedship.prom")), Exit::Io);
        fs::create_dir(dir.path().join("seedship.prom")).unwrap();
        assert_eq!(refused(&dir.path().join("seedship.prom")), Exit::Io);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        // What stands at the other name is not written through.
        let planted = dir.path().join(".a.prom.0000000000000001");
        std::os::unix::fs::symlink(dir.path().join("theirs"), planted).unwrap();
        assert!(write(&dir.path().join("a.prom"), "x", 1).is_err());
        assert!(!dir.path().join("theirs").exists());
    }
}
