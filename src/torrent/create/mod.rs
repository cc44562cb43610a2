//! Making a torrent of what lies on the disk: a file, or a directory with all that is in it.
//!
//! What is there is listed first ([`listed`]), and every fault of it told before a byte is hashed.
//! Then it is hashed on every processor, by the readers that also verify. At the end it is listed once
//! more: what changed meanwhile makes no torrent, because nobody could ever verify it. Nothing is
//! written here: whoever has the torrent's bytes puts them where they belong.

mod link;
mod made;
mod scan;
mod size;

pub use made::Made;
pub use scan::listed;
pub use size::piece_length_for;

use crate::{
    error::{Error, Exit, Result, escaped},
    verify,
};
use metainfo::{
    File,
    create::{CreateError, Draft},
};
use scan::Stamp;
use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// A payload as it was found, not hashed yet.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What the torrent is called: one component of a path, printable.
    pub name: String,
    /// Where the payload lies: a file, or a directory.
    pub payload: PathBuf,
    /// Whether the payload is a directory.
    pub is_directory: bool,
    /// Its files in the torrent's order; the only one has no path.
    pub files: Vec<File>,
    /// All of their bytes.
    pub length: u64,
    /// What a torrent cannot carry, a sentence each.
    pub notes: Vec<String>,
    /// What each file was when it was found.
    stamps: Vec<Stamp>,
}

impl Plan {
    /// A draft of it that names no piece length, tracker or date yet.
    pub fn draft(&self) -> Draft {
        match self.files.as_slice() {
            [only] if !self.is_directory => {
                Draft::single(self.name.as_str(), only.length).executable(only.attr.executable)
            }
            files => Draft::directory(self.name.as_str(), files.to_vec()),
        }
    }

    /// Hashes the payload and gives the bytes of the .torrent: of BitTorrent v1, or of v1 and v2
    /// (BEP 52). `draft` is [`Plan::draft`] with what the caller added; `watch` is told how many bytes
    /// of the torrent's payload, padding included, are hashed.
    ///
    /// # Errors
    /// 65 if a file changed since it was listed, or nobody could read the torrent; 77 or 74 if a
    /// file cannot be read.
    pub fn torrent(
        &self,
        draft: Draft,
        hybrid: bool,
        watch: &mut dyn FnMut(u64),
    ) -> Result<Vec<u8>> {
        let draft = if hybrid { draft.aligned() } else { Ok(draft) };
        let draft = draft.map_err(|e| self.refused(&e))?;
        let blank = draft.blank().map_err(|e| self.refused(&e))?;
        let (directory, only) = self.place();
        let sums = verify::sums(&blank, directory, only, hybrid, watch)?;
        self.must_be_the_same()?;
        let made = match hybrid {
            true => draft.hybrid_of(&sums.pieces, &sums.leaves),
            false => draft.torrent(&sums.pieces),
        };
        made.map_err(|e| self.refused(&e))
    }

    /// The directory that the files are found beneath, and what the only one is called there.
    fn place(&self) -> (&Path, &OsStr) {
        match (self.is_directory, self.payload.file_name()) {
            (false, Some(only)) => {
                let above = self.payload.parent().filter(|above| !above.as_os_str().is_empty());
                (above.unwrap_or(Path::new(".")), only)
            }
            _ => (&self.payload, OsStr::new("")),
        }
    }

    fn path_of(&self, file: &File) -> PathBuf {
        let parts = file.path.iter().map(|part| OsStr::from_bytes(part));
        parts.fold(self.payload.clone(), |path, part| path.join(part))
    }

    /// Everything is as it was listed.
    fn must_be_the_same(&self) -> Result<()> {
        let again = listed(&self.payload, Some(&self.name))?;
        let mut pairs = self.stamps.iter().zip(&again.stamps);
        let other = pairs.position(|(then, now)| then != now);
        let at = match other {
            None if self.stamps.len() == again.stamps.len() => return Ok(()),
            at => at.unwrap_or(self.stamps.len().min(again.stamps.len())),
        };
        let file = self.files.get(at).or(again.files.get(at));
        let path = file.map_or_else(|| self.payload.clone(), |file| self.path_of(file));
        Err(verify::changed(&path))
    }

    fn refused(&self, cause: &CreateError) -> Error {
        Error::new(
            Exit::Payload,
            "make",
            format!("the torrent `{}`", escaped(self.name.as_bytes())),
            cause,
        )
        .hint("rename what is named there, or choose other pieces")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::MetadataExt};

    /// What becomes of a torrent when this is done between listing and hashing.
    fn after(change: impl Fn(&Path)) -> Result<Vec<u8>> {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().join("site");
        fs::create_dir_all(at.join("d")).unwrap();
        fs::write(at.join("a"), "hello").unwrap();
        fs::write(at.join("d/b"), vec![7; 100_000]).unwrap();
        let plan = listed(&at, None).unwrap();
        a_tick_later(dir.path(), &at.join("a"));
        change(&at);
        let mut last = 0;
        let made = plan.torrent(plan.draft(), false, &mut |bytes| last = bytes);
        assert!(made.is_err() || last == plan.length);
        made
    }

    /// Kernels before 6.13 give all files of some milliseconds the same time.
    fn a_tick_later(dir: &Path, than: &Path) {
        let time = |path: &Path| {
            let looked = fs::metadata(path).unwrap();
            (looked.ctime(), looked.ctime_nsec())
        };
        let probe = dir.join("probe");
        fs::write(&probe, "").unwrap();
        while time(&probe) <= time(than) {
            fs::write(&probe, "").unwrap();
        }
    }

    #[test]
    fn a_payload_that_changes_makes_no_torrent() {
        assert!(after(|_| ()).is_ok());
        type Change = (&'static str, fn(&Path));
        let changes: [Change; 6] = [
            ("other bytes, the same length", |at| {
                fs::write(at.join("a"), "HELLO").unwrap();
            }),
            ("longer", |at| fs::write(at.join("d/b"), vec![7; 100_001]).unwrap()),
            ("shorter", |at| fs::write(at.join("d/b"), vec![7; 99_999]).unwrap()),
            ("gone", |at| fs::remove_file(at.join("a")).unwrap()),
            ("one more", |at| fs::write(at.join("d/c"), "").unwrap()),
            ("another file of the same bytes", |at| {
                fs::copy(at.join("a"), at.join("new")).unwrap();
                fs::rename(at.join("new"), at.join("a")).unwrap();
            }),
        ];
        for (name, change) in changes {
            let error = after(change).unwrap_err();
            assert_eq!(error.exit, Exit::Payload, "{name}: {error}");
            assert_eq!(error.cause, "it changed while it was hashed", "{name}");
        }
    }
}
