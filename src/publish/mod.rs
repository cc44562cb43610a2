//! `publish`: a build becomes a signed torrent, seeded here and delivered to every host.
//!
//! Told from the beginning: an [`Input`] is looked at, [`make`] packs it in one pass that also
//! hashes, and puts payload and .torrent into their places when both are whole; [`seed`] hands them
//! to an rtorrent; [`deliver`] brings the .torrent to the hosts. A version is published once: the
//! same again is no error and changes nothing, so that a job can be repeated; other bytes under the
//! same version are refused.
//!
//! What dies half-way leaves nothing under a real name: the payload gets its name before its .torrent,
//! and both are on the disk then. Neither a configuration nor a server's rights are needed.

mod already;
mod content;
mod deliver;
mod describe;
mod directory;
mod file;
mod input;
mod leftovers;
mod name;
mod screen;
mod seed;
mod unfinished;

pub use deliver::{Delivery, Destination, Outcome, Ssh, There, deliver, look};
pub use input::Input;
pub use name::Name;
pub use seed::seed;

use crate::{
    error::{Context, Error, Result, quoted},
    release::{Unix, Version},
    rtorrent::Seeding,
    signature::{Comment, Secret, Signed},
};
use already::Stand;
use content::Content;
use describe::Written;
use leftovers::Tidy;
use metainfo::Metainfo;
use serde::{Serialize, Serializer};
use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
};

/// What a directory becomes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub enum Layout {
    /// A `.tar.zst` of what is in it
    #[default]
    Archive,
    /// A torrent of many files
    Directory,
}

/// What is to be published, and as what.
#[derive(Clone, Copy)]
pub struct Order<'a> {
    /// What the payload and the torrent are called.
    pub name: &'a Name,
    /// Where the payload is to lie: rtorrent's directory; absolute.
    pub directory: &'a Path,
    /// Where the .torrent goes; `None` if it is only given out.
    pub output: Option<&'a Path>,
    /// The trackers, a tier each.
    pub announce: &'a [String],
    /// Peers come from the trackers alone (BEP 27).
    pub private: bool,
    /// A payload of one file is hashed for BitTorrent v2 as well (BEP 52).
    pub hybrid: bool,
    /// Bytes in a piece; chosen by the size of the input where nobody says.
    pub piece_length: Option<u64>,
    /// The level of zstd, 1 to 19.
    pub level: i32,
    /// How many threads compress and hash. The bytes do not depend on it.
    pub threads: NonZeroUsize,
    /// When it is published.
    pub published: Unix,
    /// Somebody named that time: a signature that says another one gives way.
    pub exactly_then: bool,
    /// Facts that are signed.
    pub facts: &'a [String],
    /// Who signs it; nobody, if that is what was asked for.
    pub secret: Option<&'a Secret>,
}

impl Order<'_> {
    /// Finds what is wrong with it before anything is done.
    ///
    /// # Errors
    /// 64 if no signature could say it.
    pub fn check(&self) -> Result<()> {
        self.comment().map(drop)
    }

    /// Where the payload is to lie.
    pub fn payload(&self) -> PathBuf {
        self.directory.join(self.name.as_str())
    }

    /// Bytes in a piece, for an input of so many bytes: what comes of packing them is not known yet.
    pub fn piece_length(&self, bytes: u64) -> u64 {
        self.piece_length.unwrap_or_else(|| crate::torrent::create::piece_length_for(bytes))
    }

    /// What is worth knowing of it, a sentence each.
    fn notes(&self, input: &Input) -> Vec<String> {
        let mut notes = input.notes();
        if self.announce.is_empty() {
            notes.push(
                "it names no tracker (--announce): rtorrent 0.9.8 does not load it".to_owned(),
            );
        }
        notes
    }

    /// What a signature is to say.
    fn comment(&self) -> Result<Comment> {
        crate::torrent::comment(self.name.app(), self.name.version(), self.published, self.facts)
    }
}

/// What was published. All text is escaped.
#[derive(Clone, Debug, Serialize)]
pub struct Published {
    /// The app.
    pub app: String,
    /// Its version.
    pub version: Version,
    /// What payload and torrent are called.
    pub name: String,
    /// The info hash.
    pub info_hash: String,
    /// That of BitTorrent v2, of a hybrid torrent.
    pub info_hash_v2: Option<String>,
    /// Nothing was written: payload and .torrent were there, and are the same.
    pub already: bool,
    /// Where the payload lies.
    pub payload: String,
    /// Where the .torrent lies, if it lies anywhere.
    pub torrent: Option<String>,
    /// Files of the input, and links.
    pub files: u64,
    /// Bytes of the input.
    pub content: u64,
    /// Bytes of the payload.
    pub length: u64,
    /// Bytes in a piece.
    pub piece_length: u64,
    /// How many pieces there are.
    pub pieces: usize,
    /// How many frames the archive has, each of which can be fetched by itself.
    pub frames: usize,
    /// The id of the key that signed it.
    pub key: Option<String>,
    /// When it was published, as the signature or the .torrent says.
    #[serde(serialize_with = "rfc3339")]
    pub published: Unix,
    /// The signed facts.
    pub facts: String,
    /// The magnet link.
    pub magnet: String,
    /// What is worth knowing of the input, a sentence each.
    pub notes: Vec<String>,
    /// Where rtorrent seeds it, if it was asked to.
    pub seeding: Option<Seeds>,
    /// What became of each delivery.
    pub results: Vec<Delivery>,
    /// The whole .torrent.
    #[serde(skip)]
    pub bytes: Vec<u8>,
    /// The directory that holds the payload.
    #[serde(skip)]
    pub directory: PathBuf,
}

/// Who seeds it.
#[derive(Clone, Debug, Serialize)]
pub struct Seeds {
    /// rtorrent's address.
    pub rtorrent: String,
    /// Whether it did before.
    pub state: Seeding,
}

/// Makes payload and .torrent, and puts both into their places. `watch` is told how many bytes of the
/// input are done.
///
/// # Errors
/// 65 if the input cannot be a release, or changed meanwhile; 73 if the version is published with
/// other content; 77 or 74 if something cannot be read or written. Nothing is left of it then.
pub fn make(order: &Order<'_>, input: Input, watch: &mut dyn FnMut(u64)) -> Result<Published> {
    let _tidy = Tidy::begin().on("read", "/proc/self/status")?;
    let mut notes = order.notes(&input);
    let (files, content) = (input.files(), input.bytes());
    let made = Content::make(order, input, watch)?;
    let stand = Stand::look(order, &made)?;
    let bytes = match stand.kept {
        Some(bytes) => bytes,
        None => describe::signed(order, &made.torrent)?,
    };
    let unwritten = order.output.filter(|_| !stand.torrent);
    let written = unwritten.map(|at| Written::beside(at, &bytes)).transpose()?;
    let already = stand.payload && written.is_none();
    let placed = if stand.payload { made.drop_it() } else { made.place(order)? };
    if let Some(written) = written {
        written.place().inspect_err(|_| {
            if !stand.payload {
                content::take_back(&placed);
            }
        })?;
    }
    let torrent = parsed(&bytes)?;
    let signed = describe::said(order, &torrent);
    let said = |signed: &Signed| order.facts.is_empty() || signed.facts == order.facts.join(" ");
    if !signed.as_ref().is_none_or(said) {
        notes.push("the facts are those of its first publication: they are signed once".to_owned());
    }
    Ok(Published {
        app: order.name.app().to_owned(),
        version: order.name.version().clone(),
        name: order.name.to_string(),
        info_hash: torrent.info_hash().to_string(),
        info_hash_v2: torrent.info_hash_v2().map(|hash| crate::torrent::hex(&hash)),
        already,
        payload: shown(&placed),
        torrent: order.output.map(shown),
        files,
        content,
        length: torrent.total_length(),
        piece_length: torrent.piece_length(),
        pieces: torrent.pieces().len(),
        frames: torrent.frames().map_or(0, <[_]>::len),
        key: signed.as_ref().map(|signed| signed.signer.clone()),
        published: signed
            .as_ref()
            .map(|signed| signed.published)
            .unwrap_or_else(|| torrent.created().map_or(order.published, Unix)),
        facts: signed.map(|signed| signed.facts).unwrap_or_default(),
        magnet: crate::torrent::magnet(&torrent),
        notes,
        seeding: None,
        results: Vec::new(),
        bytes,
        directory: order.directory.to_owned(),
    })
}

/// What we made ourselves, read as everybody else reads it.
fn parsed(bytes: &[u8]) -> Result<Metainfo> {
    crate::torrent::parse("the torrent just made", bytes)
}

/// A path for people and machines, without quotes.
fn shown(path: impl AsRef<Path>) -> String {
    quoted(path).trim_matches('`').to_owned()
}

fn rfc3339<S: Serializer>(time: &Unix, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(time)
}

/// Cannot be packed, whoever says so.
fn unpackable(path: impl AsRef<Path>, cause: impl std::fmt::Display) -> Error {
    Error::new(crate::error::Exit::Payload, "publish", quoted(path), cause)
}
