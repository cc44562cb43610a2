//! Where a payload lies, from what a person typed.

use crate::error::{Context, Error, Exit, Result, escaped, quoted};
use metainfo::Metainfo;
use std::{
    ffi::{OsStr, OsString},
    fs, io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// A payload that is there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The payload itself: a file for a single-file torrent, a directory for any other.
    pub payload: PathBuf,
    /// The directory that its files are found beneath.
    pub(super) directory: PathBuf,
    /// What the file of a single-file torrent is called in it.
    pub(super) only: OsString,
}

impl Place {
    /// The payload at `path`: the file of a single-file torrent, under whatever name, or a directory
    /// that has it under the torrent's own; the directory of any other torrent.
    ///
    /// # Errors
    /// 66 if nothing is there, 65 if a file stands in place of a directory, 77 or 74 if it cannot be
    /// looked at.
    pub fn of(torrent: &Metainfo, path: &Path) -> Result<Self> {
        if torrent.is_multi_file() {
            Self::of_many(torrent, path)
        } else {
            Self::of_one(torrent, path)
        }
    }

    /// The payload beside its .torrent, where most programs put the two.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub fn beside(torrent: &Metainfo, file: &Path) -> Result<Self> {
        let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty());
        let path = directory.unwrap_or(Path::new(".")).join(name(torrent));
        Self::of(torrent, &path)
            .map_err(|e| if e.exit == Exit::NotFound { e.hint(NAME_IT) } else { e })
    }

    fn of_many(torrent: &Metainfo, path: &Path) -> Result<Self> {
        if !fs::metadata(path).or_else(|e| missing(path, e))?.is_dir() {
            let cause = "it is a file, and the torrent's payload is a directory";
            return Err(Error::new(Exit::Payload, "verify", quoted(path), cause)
                .hint("name the directory that holds the torrent's files"));
        }
        // The one mistake that looks like a loss of everything: the directory above.
        let inner = path.join(name(torrent));
        let has = |at: &Path| {
            let first = torrent.files().iter().filter_map(|file| file.path.first());
            first.map(|part| at.join(OsStr::from_bytes(part))).any(|path| path.exists())
        };
        if inner.is_dir() && !has(path) {
            let cause =
                format!("none of the torrent's files lies in it, but {} is there", quoted(&inner));
            return Err(Error::new(Exit::NotFound, "verify", quoted(path), cause)
                .hint("name that directory, the payload itself"));
        }
        Ok(Self { payload: path.to_owned(), directory: path.to_owned(), only: OsString::new() })
    }

    fn of_one(torrent: &Metainfo, path: &Path) -> Result<Self> {
        let own = name(torrent);
        let looked = fs::symlink_metadata(path).or_else(|e| missing(path, e))?;
        // A directory, or a link to one, is where the file lies; unless it stands in its place.
        let holds = looked.is_dir() || (looked.is_symlink() && path.is_dir());
        let file = match path.file_name() {
            Some(last) if !holds || (last == own && !path.join(own).exists()) => {
                let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
                (parent.unwrap_or(Path::new(".")), last)
            }
            _ => {
                let inside = path.join(own);
                fs::symlink_metadata(&inside).or_else(|e| missing(&inside, e))?;
                (path, own)
            }
        };
        let (directory, only) = (file.0.to_owned(), file.1.to_owned());
        Ok(Self { payload: directory.join(&only), directory, only })
    }

    /// The payload as people read it.
    pub(super) fn shown(&self) -> String {
        escaped(self.payload.as_os_str().as_bytes())
    }
}

const NAME_IT: &str = "the payload is looked for beside the .torrent: name it if it lies elsewhere";

fn name(torrent: &Metainfo) -> &OsStr {
    OsStr::from_bytes(torrent.name())
}

/// What is not there is not found; the rest is the system's word.
fn missing(path: &Path, error: io::Error) -> Result<fs::Metadata> {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            Err(Error::new(Exit::NotFound, "verify", quoted(path), "there is no such payload")
                .hint("name where it lies: the torrent's file, or the directory that holds it"))
        }
        _ => Err(error).on("verify", path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::tests::{file, torrent_of, torrent_of_files};
    use metainfo::Attr;
    use std::os::unix::fs::symlink;

    fn told(place: Result<Place>) -> (u8, String) {
        let error = place.unwrap_err();
        (error.exit.code(), error.to_string())
    }

    #[test]
    fn a_single_file_is_named_itself_or_by_its_directory() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let torrent = torrent_of("a", b"hello", 16384);
        assert_eq!(told(Place::of(&torrent, &at("a"))).0, 66);
        assert_eq!(told(Place::of(&torrent, dir.path())).0, 66);
        fs::write(at("a"), "hello").unwrap();
        let place = Place::of(&torrent, &at("a")).unwrap();
        assert_eq!((&place.directory, &*place.only), (&dir.path().to_owned(), OsStr::new("a")));
        assert_eq!(Place::of(&torrent, dir.path()).unwrap(), place);
        assert_eq!(Place::beside(&torrent, &at("x.torrent")).unwrap(), place);
        // Under another name, and through a link to the directory.
        fs::rename(at("a"), at("b")).unwrap();
        assert_eq!(Place::of(&torrent, &at("b")).unwrap().only, "b");
        fs::rename(at("b"), at("a")).unwrap();
        symlink(".", at("link")).unwrap();
        assert_eq!(Place::of(&torrent, &at("link")).unwrap().payload, at("link/a"));
        // What stands in the file's own place is judged, not entered.
        fs::remove_file(at("a")).unwrap();
        fs::create_dir(at("a")).unwrap();
        assert_eq!(Place::of(&torrent, &at("a")).unwrap().payload, at("a"));
    }

    #[test]
    fn many_files_have_a_directory() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let torrent = torrent_of_files("n", &[(file("x", 1, Attr::default()), b"x")], 16384);
        assert_eq!(told(Place::of(&torrent, &at("n"))).0, 66);
        fs::write(at("n"), "").unwrap();
        assert_eq!(told(Place::of(&torrent, &at("n"))).0, 65);
        fs::remove_file(at("n")).unwrap();
        fs::create_dir(at("n")).unwrap();
        assert_eq!(Place::of(&torrent, &at("n")).unwrap().directory, at("n"));
        let (code, above) = told(Place::of(&torrent, dir.path()));
        assert!(code == 66 && above.contains("but `"), "{above}");
        // The directory above that is a payload itself is taken at its word.
        fs::write(at("x"), "x").unwrap();
        assert_eq!(Place::of(&torrent, dir.path()).unwrap().directory, dir.path());
    }
}
