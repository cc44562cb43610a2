//! Why a .torrent is refused, said so that a person can find the place.
//!
//! The messages hold only words and numbers of our own, never bytes of the file: they are safe to
//! log as they are. They continue a sentence: "could not read `x.torrent`: …".

use crate::bencode::Malformed;

/// Why bytes are not a torrent that can be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// The notation itself is wrong.
    #[error("it is not proper bencode: {0}")]
    Bencode(#[from] Malformed),
    /// A torrent without v1 piece hashes (BEP 52), which rtorrent cannot download.
    #[error("it is a torrent of BitTorrent v2 only, and only v1 and hybrid torrents are supported")]
    V2Only,
    /// A key is missing or its value makes no sense.
    #[error("its key `{key}` {flaw}")]
    Key {
        /// Where: `info.files[3].path`, counted from 0 as in the file.
        key: String,
        /// What is wrong with it.
        flaw: Flaw,
    },
}

impl ParseError {
    pub(crate) fn key(key: impl Into<String>, flaw: Flaw) -> Self {
        Self::Key { key: key.into(), flaw }
    }
}

/// What can be wrong with one key of a .torrent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// The key must be there.
    #[error("is missing")]
    Missing,
    /// The value is of another kind; here the kind that it should be of.
    #[error("is not {0}")]
    NotA(&'static str),
    /// A list or string that must hold something.
    #[error("is empty")]
    Empty,
    /// A length below zero.
    #[error("is negative")]
    Negative,
    /// A piece length of zero.
    #[error("is zero")]
    Zero,
    /// A number above this bound.
    #[error("is larger than {0}")]
    Above(u64),
    /// The sum of the files' lengths does not fit 63 bits.
    #[error("has lengths whose sum is too large")]
    TotalOverflow,
    /// `length` and `files` at once.
    #[error("stands beside `info.length`, but a torrent has one file or many")]
    BothLayouts,
    /// A path component without a byte.
    #[error("has an empty name in it")]
    EmptyName,
    /// `.` or `..`.
    #[error("has a `.` or `..` in it")]
    DotName,
    /// `/` or NUL in one component.
    #[error("has a slash or a NUL byte in a name")]
    SlashOrNul,
    /// More path components than this.
    #[error("has more than {0} names in it")]
    TooDeep(usize),
    /// The same path as the file with this index.
    #[error("is the same as `info.files[{0}].path`")]
    SamePath(usize),
    /// A path below that of the file with this index, which is no directory.
    #[error("lies below the file `info.files[{0}].path`")]
    BelowFile(usize),
    /// A symbolic link (BEP 47) with bytes of its own.
    #[error("is not zero though the file is a symbolic link")]
    LinkWithBytes,
    /// A file that BEP 47 attributes make two things at once.
    #[error("says both padding and symbolic link")]
    PaddingLink,
    /// Padding (BEP 47) that is as long as a piece, which has this many bytes.
    #[error("is that of padding, which is shorter than a piece of {0} bytes")]
    LongPadding(u64),
    /// More bytes of padding in all than this.
    #[error("has more than {0} bytes of padding")]
    MuchPadding(u64),
    /// The only file of a torrent is no file.
    #[error("makes padding or a link of the torrent's only file")]
    OnlyFile,
    /// Piece hashes have 20 bytes each.
    #[error("is {0} bytes long, which is not a multiple of 20")]
    RaggedHashes(usize),
    /// There must be as many piece hashes as the length has pieces.
    #[error("has {found} hashes where the length needs {needed}")]
    HashCount {
        /// Hashes that are there.
        found: u64,
        /// Hashes that the total length and the piece length ask for.
        needed: u64,
    },
    /// A later version of BitTorrent than the second, or none that there is.
    #[error("is not 2, the only version beside the first that is known")]
    OtherVersion,
    /// Hash trees (BEP 52) stand over blocks of this many bytes.
    #[error("is not {0} times a power of two, as BitTorrent v2 needs it")]
    NoTreeOf(u64),
    /// A file of the tree has others below it.
    #[error("has a file that is a directory, too")]
    FileWithFiles,
    /// The tree has something else where version 1 has the file with this index.
    #[error("and the rest of `info` differ in file {0}: in its name, length or attributes")]
    OtherFile(usize),
    /// The tree ends before the file with this index.
    #[error("lacks file {0}, which the rest of `info` has")]
    NoFile(usize),
    /// The tree goes on after the last file of version 1.
    #[error("has more files than the rest of `info`")]
    MoreFiles,
    /// A file of a hybrid torrent shares a piece with another.
    #[error("does not begin with a piece of its own, as BitTorrent v2 needs it")]
    WithinPiece,
    /// Pieces that no file has bytes in.
    #[error("has pieces of nothing but padding")]
    PiecesOfPadding,
    /// A file with bytes has no hash.
    #[error("has a file without `pieces root`")]
    NoRoot,
    /// A root hash of another length.
    #[error("has a `pieces root` of {0} bytes in place of 32")]
    RootLength(usize),
    /// A file of more than one piece needs the hashes of its pieces.
    #[error("has no hashes for file {0}")]
    NoLayer(usize),
    /// They are too few or too many.
    #[error("does not have 32 bytes for each piece of file {0}")]
    LayerLength(usize),
    /// They are others.
    #[error("has hashes for file {0} that do not make up its `pieces root`")]
    LayerRoot(usize),
    /// [`amend`](crate::amend) does not touch this key.
    #[error("cannot be replaced: the info hash is taken over it")]
    Hashed,
}
