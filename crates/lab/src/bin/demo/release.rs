//! The site's releases, and the directories that they are built in.

use lab::{Error, Lab, Result, Torrent, site};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The page of a reader's site that differs between its versions.
const MARKER: &str = "seedship-demo.txt";

/// What is deployed.
pub(crate) enum Source {
    /// A small site of our own.
    Ours,
    /// The reader's directory. It is read and never written.
    Readers(PathBuf),
}

/// One version of the site.
pub(crate) struct Release {
    pub(crate) version: &'static str,
    /// As it will be published.
    pub(crate) torrent: Torrent,
    /// Bytes of its payload.
    pub(crate) size: u64,
    /// The directory it was built in, or an archive.
    pub(crate) from: PathBuf,
}

impl Source {
    /// The reader's site.
    pub(crate) fn readers(folder: PathBuf) -> Result<Self> {
        let why = |cause: &str| Error::new(format!("SITE={}: {cause}", folder.display()));
        let folder = folder.canonicalize().map_err(|e| why(&e.to_string()))?;
        if !folder.is_dir() {
            return Err(why("not a directory"));
        }
        match holds_a_file(&folder) {
            true => Ok(Self::Readers(folder)),
            false => Err(why("there is no file in it that this user can read")),
        }
    }

    /// The page that tells the version.
    pub(crate) fn front(&self) -> &'static str {
        match self {
            Self::Ours => "/",
            Self::Readers(_) => "/seedship-demo.txt",
        }
    }

    /// The front page of a version.
    pub(crate) fn body(&self, version: &str) -> Vec<u8> {
        match self {
            Self::Ours => site::page(version).into_bytes(),
            Self::Readers(_) => marker(version).into_bytes(),
        }
    }

    /// The pages under load, each with every body that it has in a release that may go live.
    pub(crate) fn pages(&self, versions: &[&str]) -> Vec<(&'static str, Vec<Vec<u8>>)> {
        let bodies = versions.iter().map(|version| self.body(version)).collect();
        let mut pages = vec![(self.front(), bodies)];
        if let Self::Readers(folder) = self
            && let Ok(index) = fs::read(folder.join("index.html"))
        {
            pages.push(("/index.html", vec![index]));
        }
        pages
    }

    /// Builds a version; the reader's site is copied once.
    pub(crate) fn build(&self, lab: &Lab, version: &str) -> Result<PathBuf> {
        match self {
            Self::Ours => {
                let build = lab.folder(&format!("build-{version}"))?;
                site::small(version).file("assets/photo.jpg", photo()).write_to(&build)?;
                Ok(build)
            }
            Self::Readers(folder) => {
                let build = lab.path().join("build");
                if !build.exists() {
                    let mut copy = Command::new("cp");
                    copy.args(["-a", "--reflink=auto", "-T"]).arg(folder).arg(&build);
                    site::run(&mut copy)?;
                    // What is read-only there must go away here.
                    site::run(Command::new("chmod").args(["-R", "u+w"]).arg(&build))?;
                }
                // It may be the reader's own, or a link.
                let file = build.join(MARKER);
                let _ = fs::remove_file(&file);
                let written = fs::write(&file, marker(version));
                written.map_err(|e| Error::new(format!("{}: {e}", file.display())))?;
                Ok(build)
            }
        }
    }
}

/// Says its version on every line: a body of two releases shows.
fn marker(version: &str) -> String {
    format!("This is version {version} of the site.\n").repeat(50)
}

/// A megabyte that does not compress: the payload gets as many pieces as a real one has.
fn photo() -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..128 * 1024).flat_map(|_| next()).collect()
}

fn holds_a_file(folder: &Path) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).any(|path| match path.symlink_metadata() {
        Ok(what) if what.is_dir() => holds_a_file(&path),
        Ok(what) => what.is_file() && fs::File::open(&path).is_ok(),
        Err(_) => false,
    })
}
