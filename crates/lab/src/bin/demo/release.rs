//! The site's releases: archives by tar and zstd, torrents by mktorrent.

use lab::{Error, Lab, Result, Torrent, site, tracker::Tracker};
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

/// One version of the site, packed.
pub(crate) struct Release {
    pub(crate) version: &'static str,
    pub(crate) payload: PathBuf,
    pub(crate) torrent: Torrent,
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

    /// Packs a version.
    pub(crate) fn release(
        &self,
        lab: &Lab,
        tracker: &Tracker,
        version: &'static str,
    ) -> Result<Release> {
        let mut tar = Command::new("tar");
        let payload = payload(lab, version)?;
        tar.args(["--zstd", "-cf"]).arg(&payload);
        match self {
            Self::Ours => {
                let folder = lab.folder(&lab.fresh("site"))?;
                let photo = photo();
                site::small(version).file("assets/photo.jpg", photo).write_to(&folder)?;
                tar.arg("-C").arg(folder).arg(".");
            }
            Self::Readers(folder) => {
                let file = lab.write(&format!("marker-{version}/{MARKER}"), marker(version))?;
                tar.args(["--anchored", &format!("--exclude=./{MARKER}"), "-C"]).arg(folder);
                tar.args([".", "-C"]).arg(file.parent().unwrap_or(&file)).arg(MARKER);
            }
        }
        site::run(&mut tar)?;
        Release::of(lab, tracker, version, payload)
    }
}

impl Release {
    /// An archive with an entry that leads out of the release: what an attacker would publish.
    pub(crate) fn evil(lab: &Lab, tracker: &Tracker, version: &'static str) -> Result<Self> {
        let payload = payload(lab, version)?;
        lab.write("bait/index.html", site::page(version))?;
        let bait = lab.write("bait/bait", "you should not see me\n")?;
        let mut tar = Command::new("tar");
        tar.args(["--zstd", "-P", "--transform=s|^bait$|../../evil|", "-cf"]).arg(&payload);
        tar.arg("-C").arg(bait.parent().unwrap_or(&bait)).args(["index.html", "bait"]);
        site::run(&mut tar)?;
        Self::of(lab, tracker, version, payload)
    }

    fn of(lab: &Lab, tracker: &Tracker, version: &'static str, payload: PathBuf) -> Result<Self> {
        // About a thousand pieces, as publishers do it, and never fewer bytes than 32 KiB in one.
        let power = (payload_size(&payload)? / 1000).max(1).ilog2().clamp(15, 22);
        let torrent = lab.torrent(&payload).tracker(tracker).piece_power(power).make()?;
        Ok(Self { version, payload, torrent })
    }

    /// How large the payload is, in bytes.
    pub(crate) fn size(&self) -> Result<u64> {
        payload_size(&self.payload)
    }
}

fn payload(lab: &Lab, version: &str) -> Result<PathBuf> {
    Ok(lab.folder("payloads")?.join(format!("site-{version}.tar.zst")))
}

fn payload_size(payload: &Path) -> Result<u64> {
    let size = fs::metadata(payload).map(|metadata| metadata.len());
    size.map_err(|e| Error::new(format!("{}: {e}", payload.display())))
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
