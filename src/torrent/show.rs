//! `torrent show`: everything that a torrent says, and what this host would make of it.

use super::{Hashes, magnet, verify::path};
use crate::{
    config::{Config, Trust},
    deploy::{self, Identified},
    error::{Error, Result, escaped},
    release::Unix,
    signature::{self, Seal},
    unpack::{Compression, Kind},
};
use metainfo::Metainfo;
use serde::{Serialize, Serializer};

/// What a torrent holds. All text is escaped.
#[derive(Clone, Debug, Serialize)]
pub struct Shown {
    /// The name of the file or directory.
    pub name: String,
    /// The info hash.
    pub hash: String,
    /// The info hash of BitTorrent v2, of a hybrid torrent.
    pub hash_v2: Option<String>,
    /// The hashes that its pieces are verified by.
    pub hashes: Hashes,
    /// Why no payload of this hybrid torrent will be believed: its halves contradict each other, or
    /// the second cannot be verified.
    pub contradiction: Option<String>,
    /// What Seedship would unpack it as: `tar.zst`, `zip`, `directory`, `plain` …; null if it would
    /// refuse its name.
    pub kind: Option<&'static str>,
    /// Bytes, padding included.
    pub length: u64,
    /// Bytes in a piece.
    pub piece_length: u64,
    /// How many pieces there are.
    pub pieces: usize,
    /// Peers come from the trackers alone.
    pub private: bool,
    /// The trackers in their tiers.
    pub trackers: Vec<Vec<String>>,
    /// The web seeds.
    pub web_seeds: Vec<String>,
    /// When it was made, as it says.
    #[serde(serialize_with = "rfc3339")]
    pub created: Option<Unix>,
    /// The program that made it, as it says.
    pub created_by: Option<String>,
    /// Its comment.
    pub comment: Option<String>,
    /// Its signature, if it has one.
    pub signature: Option<Signature>,
    /// The app that would take it.
    pub app: Option<String>,
    /// The version that it would be.
    pub version: Option<String>,
    /// Why no app takes it, or why that is not known.
    pub why: Option<String>,
    /// Why the app would refuse it.
    pub refused: Option<String>,
    /// Its files, without padding.
    pub files: Vec<Listed>,
    /// How many padding files there are.
    pub padding_files: usize,
    /// Their bytes.
    pub padding_length: u64,
    /// The magnet link.
    pub magnet: String,
}

/// A minisign signature.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Signature {
    /// The id of the key that it names; null if it is not in minisign's form.
    pub key: Option<String>,
    /// Its trusted comment.
    pub comment: Option<String>,
    /// The apps of the configuration that have the key, where it verifies.
    pub verified_by: Vec<String>,
}

/// A file of a torrent.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Listed {
    /// Its path below the payload; the torrent's name for the only file.
    pub path: String,
    /// Where its bytes begin in the payload.
    pub offset: u64,
    /// How many it has.
    pub length: u64,
    /// Its owner may execute it.
    pub executable: bool,
    /// Where it leads from the payload's root, if it is a symbolic link.
    pub link: Option<String>,
}

/// Shows a torrent and its bytes; what this host would do with it is not known without a
/// configuration.
pub fn show(torrent: &Metainfo, bytes: &[u8], config: Result<&Config, &Error>) -> Shown {
    let text = |bytes: &Vec<u8>| escaped(bytes);
    let padding = || torrent.files().iter().filter(|file| file.attr.padding);
    let taken = Taken::of(torrent, bytes, config);
    Shown {
        name: escaped(torrent.name()),
        hash: torrent.info_hash().to_string(),
        hash_v2: torrent.info_hash_v2().map(|hash| magnet::hex(&hash)),
        hashes: Hashes::of(torrent),
        contradiction: torrent.version_2().err().map(ToString::to_string),
        kind: Kind::of(torrent).ok().map(called),
        length: torrent.total_length(),
        piece_length: torrent.piece_length(),
        pieces: torrent.pieces().len(),
        private: torrent.is_private(),
        trackers: torrent.tiers().iter().map(|tier| tier.iter().map(text).collect()).collect(),
        web_seeds: torrent.web_seeds().iter().map(text).collect(),
        created: torrent.created().map(Unix),
        created_by: torrent.created_by().map(escaped),
        comment: torrent.comment().map(escaped),
        signature: torrent.minisign().map(|text| Signature::of(text, torrent, config.ok())),
        app: taken.app,
        version: taken.version,
        why: taken.why,
        refused: taken.refused,
        files: files(torrent),
        padding_files: padding().count(),
        padding_length: padding().map(|file| file.length).sum(),
        magnet: magnet::link(torrent),
    }
}

fn called(kind: Kind) -> &'static str {
    match kind {
        Kind::Tar(Compression::None) => "tar",
        Kind::Tar(Compression::Gzip) => "tar.gz",
        Kind::Tar(Compression::Zstd) => "tar.zst",
        Kind::Tar(Compression::Xz) => "tar.xz",
        Kind::Tar(Compression::Bzip2) => "tar.bz2",
        Kind::Zip => "zip",
        Kind::Directory => "directory",
        Kind::Plain => "plain",
    }
}

fn files(torrent: &Metainfo) -> Vec<Listed> {
    let mut next = 0;
    let mut files = Vec::new();
    for file in torrent.files() {
        let offset = next;
        next += file.length;
        if !file.attr.padding {
            files.push(Listed {
                path: path(torrent, file),
                offset,
                length: file.length,
                executable: file.attr.executable,
                link: file.attr.symlink.as_ref().map(|target| escaped(&target.join(&b'/'))),
            });
        }
    }
    files
}

impl Signature {
    fn of(text: &[u8], torrent: &Metainfo, config: Option<&Config>) -> Self {
        let Some(seal) = Seal::read(text) else {
            return Self { key: None, comment: None, verified_by: Vec::new() };
        };
        let apps = config.map_or(&[][..], |config| &config.apps);
        let knows = |trust: &Trust| match trust {
            Trust::Keys(keys) => keys.iter().any(|key| seal.is_by(key, torrent.raw_info())),
            Trust::Unsigned => false,
        };
        let verified_by = apps.iter().filter(|app| knows(&app.trust));
        Self {
            verified_by: verified_by.map(|app| app.name.clone()).collect(),
            comment: Some(escaped(seal.comment.as_bytes())),
            key: Some(seal.id),
        }
    }
}

/// What the configuration makes of a torrent.
#[derive(Default)]
struct Taken {
    app: Option<String>,
    version: Option<String>,
    why: Option<String>,
    refused: Option<String>,
}

impl Taken {
    fn of(torrent: &Metainfo, bytes: &[u8], config: Result<&Config, &Error>) -> Self {
        let unknown = |why: String| Self { why: Some(why), ..Self::default() };
        let config = match config {
            Ok(config) => config,
            Err(error) => return unknown(format!("not known: {error}")),
        };
        let job = match deploy::identify(config, torrent.info_hash(), bytes) {
            Ok(Identified::Job(job)) => job,
            Ok(Identified::NoApp(_)) => return unknown("no app takes it".to_owned()),
            Err(error) => return unknown(error.to_string()),
        };
        let name = &job.app.name;
        let refused = match (&job.app.trust, torrent.minisign()) {
            (Trust::Unsigned, _) => None,
            (Trust::Keys(_), None) => Some(signature::missing(name)),
            (Trust::Keys(keys), Some(text)) => {
                signature::verify(keys, torrent.raw_info(), text, name, &job.version).err()
            }
        };
        Self {
            app: Some(name.clone()),
            version: Some(job.version.to_string()),
            why: None,
            refused: refused.map(|error| error.to_string()).or_else(|| contradiction(torrent)),
        }
    }
}

fn contradiction(torrent: &Metainfo) -> Option<String> {
    let why = torrent.version_2().err()?;
    Some(format!("for BitTorrent v2 {why}"))
}

/// A time as RFC 3339, or null.
fn rfc3339<S: Serializer>(time: &Option<Unix>, to: S) -> Result<S::Ok, S::Error> {
    time.map(|time| time.to_string()).serialize(to)
}
