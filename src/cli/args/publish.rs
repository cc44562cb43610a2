//! The arguments of whoever publishes releases.

use super::{version, while_};
use crate::{
    config::Scgi,
    publish::{Destination, Layout},
    release::{Unix, Version},
    verify::PIECE_MAX,
};
use clap::{Args as Arguments, ValueHint, value_parser};
use std::{num::NonZeroUsize, path::PathBuf, time::Duration};

#[derive(Arguments, Debug)]
pub(in crate::cli) struct Keygen {
    /// Where to write the secret key [default: ~/.minisign/minisign.key]
    ///
    /// Only its owner may read it. `$MINISIGN_CONFIG_DIR` stands for ~/.minisign if it is set.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(in crate::cli) secret: Option<PathBuf>,
    /// Where to write the public key [default: minisign.pub]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(in crate::cli) public: Option<PathBuf>,
    /// Ask for no password: whoever can read the secret key can sign
    #[arg(long, conflicts_with = "password_file")]
    pub(in crate::cli) no_password: bool,
    /// Take the password from the first line of this file, or of - for standard input
    ///
    /// A pipe will do as well: /dev/fd/3, or <(pass show releases) of a shell.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(in crate::cli) password_file: Option<PathBuf>,
}

#[derive(Arguments, Debug)]
pub(in crate::cli) struct Sign {
    /// The .torrent, which is replaced by the signed one
    #[arg(value_hint = ValueHint::FilePath)]
    pub(in crate::cli) torrent: PathBuf,
    /// The secret key [default: ~/.minisign/minisign.key]
    ///
    /// `$MINISIGN_CONFIG_DIR` stands for ~/.minisign if it is set.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(in crate::cli) key: Option<PathBuf>,
    /// The app that it is for [default: whose `match` fits the torrent's name]
    #[arg(long, value_name = "APP")]
    pub(in crate::cli) app: Option<String>,
    /// The version that it is [default: as the torrent's name has it]
    #[arg(long, value_name = "VERSION", value_parser = version)]
    pub(in crate::cli) version: Option<Version>,
    /// When it was published, 2024-05-01T12:00:00Z [default: now]
    ///
    /// Servers put signed releases in the order of this time, and wait with one that is more than
    /// 24 hours ahead.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(in crate::cli) published: Option<Unix>,
    /// A fact to be signed too, such as git=4f2a1c9; can be given again
    #[arg(long = "fact", visible_alias = "meta", value_name = "KEY=VALUE")]
    pub(in crate::cli) facts: Vec<String>,
    /// Replace a signature that is there
    #[arg(long)]
    pub(in crate::cli) force: bool,
    /// Take the password from the first line of this file, or of - for standard input
    ///
    /// A pipe will do as well: /dev/fd/3, or <(pass show releases) of a shell. Without it the password
    /// is that in `$SEEDSHIP_KEY_PASSWORD`, or it is asked for.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(in crate::cli) password_file: Option<PathBuf>,
}

#[derive(Arguments, Debug)]
pub(in crate::cli) struct Publish {
    /// A directory, or an archive or file that is published as it is
    #[arg(value_hint = ValueHint::AnyPath)]
    pub(in crate::cli) path: PathBuf,
    /// The app that it is for, as the configuration of the servers names it
    #[arg(long, value_name = "APP")]
    pub(in crate::cli) app: String,
    /// The version that it is
    #[arg(long, value_name = "VERSION", value_parser = version)]
    pub(in crate::cli) version: Version,
    /// Where payload and .torrent go [default: rtorrent's with --seed, else .]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(in crate::cli) directory: Option<PathBuf>,
    /// Where the .torrent goes instead; - for standard output
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(in crate::cli) output: Option<PathBuf>,
    /// Say what would be published, and write nothing
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,

    /// What becomes of a directory
    #[arg(long, value_name = "LAYOUT", default_value = "archive", help_heading = PACKING)]
    pub(in crate::cli) layout: Layout,
    /// Leave out what matches, as a line of a .gitignore does; can be given again
    #[arg(long, value_name = "PATTERN", help_heading = PACKING)]
    pub(in crate::cli) exclude: Vec<String>,
    /// How hard zstd tries, 1 to 19
    #[arg(long, value_name = "N", default_value_t = LEVEL, value_parser = value_parser!(i32).range(1..=19), help_heading = PACKING)]
    pub(in crate::cli) level: i32,
    /// How many threads work [default: one for each processor]
    ///
    /// What comes of it is the same with any number.
    #[arg(long, value_name = "N", value_parser = threads, help_heading = PACKING)]
    pub(in crate::cli) threads: Option<NonZeroUsize>,

    /// A tracker; can be given again
    #[arg(long, value_name = "URL", value_parser = announce, help_heading = TORRENT)]
    pub(in crate::cli) announce: Vec<String>,
    /// Bytes in a piece: 256KiB, 1MiB [default: by the size of the input]
    #[arg(long, value_name = "SIZE", value_parser = piece_length, help_heading = TORRENT)]
    pub(in crate::cli) piece_length: Option<u64>,
    /// Let peers be found otherwise than by the trackers
    #[arg(long, help_heading = TORRENT)]
    pub(in crate::cli) no_private: bool,
    /// Leave out the hashes of BitTorrent v2
    #[arg(long, help_heading = TORRENT)]
    pub(in crate::cli) no_hybrid: bool,

    /// The secret key [default: ~/.minisign/minisign.key]
    ///
    /// `$MINISIGN_CONFIG_DIR` stands for ~/.minisign if it is set.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = SIGNATURE)]
    pub(in crate::cli) key: Option<PathBuf>,
    /// Take the password from the first line of this file, or of - for standard input
    ///
    /// A pipe will do as well: /dev/fd/3, or <(pass show releases) of a shell. Without it the password
    /// is that in `$SEEDSHIP_KEY_PASSWORD`, or it is asked for.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = SIGNATURE)]
    pub(in crate::cli) password_file: Option<PathBuf>,
    /// A fact to be signed too, such as git=4f2a1c9; can be given again
    #[arg(long = "fact", visible_alias = "meta", value_name = "KEY=VALUE", help_heading = SIGNATURE)]
    pub(in crate::cli) facts: Vec<String>,
    /// When it was published, 2024-05-01T12:00:00Z [default: now]
    ///
    /// Servers put signed releases in the order of this time.
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = SIGNATURE)]
    pub(in crate::cli) published: Option<Unix>,
    /// Sign it not: only servers that say `unsigned = "accept"` take it
    #[arg(long, conflicts_with_all = ["key", "password_file", "facts"], help_heading = SIGNATURE)]
    pub(in crate::cli) unsigned: bool,

    /// Have rtorrent seed it, and wait until it does
    #[arg(long, help_heading = AWAY)]
    pub(in crate::cli) seed: bool,
    /// Where that rtorrent listens: the path of its socket, or HOST:PORT [default: as configured]
    #[arg(long, value_name = "ADDRESS", requires = "seed", value_parser = Scgi::typed, help_heading = AWAY)]
    pub(in crate::cli) scgi: Option<Scgi>,
    /// Bring the .torrent to a directory, here or on user@host:DIR; can be given again
    #[arg(long, value_name = "DEST", help_heading = AWAY)]
    pub(in crate::cli) to: Vec<Destination>,
    /// How hosts are reached: a program and its first arguments, parted at spaces
    #[arg(long, value_name = "COMMAND", default_value = "ssh", help_heading = AWAY)]
    pub(in crate::cli) ssh: String,
    /// How long one host may take
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = while_, help_heading = AWAY)]
    pub(in crate::cli) timeout: Duration,
}

/// Headings of its many options.
const PACKING: &str = "Packing";
const TORRENT: &str = "Torrent";
const SIGNATURE: &str = "Signature";
const AWAY: &str = "Seeding and delivery";

/// Beyond it a site takes much longer to pack for little: frames are small, so that a server can
/// unpack several at once and a later release shares them.
const LEVEL: i32 = 3;

fn threads(text: &str) -> Result<NonZeroUsize, String> {
    text.parse().map_err(|_| "write a number, 1 or more".to_owned())
}

fn announce(text: &str) -> Result<String, String> {
    let known = ["http://", "https://", "udp://"].iter().any(|scheme| text.starts_with(scheme));
    match known && text.bytes().all(|b| b.is_ascii_graphic()) {
        true => Ok(text.to_owned()),
        false => Err("a tracker is a URL such as http://tracker.example.org/announce".to_owned()),
    }
}

/// BEP 52 wants a power of two from 16 KiB on; a deploy takes none over 64 MiB.
fn piece_length(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = match &text[digits.len()..] {
        "" => Some(1),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        _ => None,
    };
    let bytes = digits.parse::<u64>().ok().zip(unit).and_then(|(n, unit)| n.checked_mul(unit));
    bytes
        .filter(|bytes| bytes.is_power_of_two() && (16 << 10..=PIECE_MAX).contains(bytes))
        .ok_or_else(|| "write a power of two from 16KiB to 16MiB".to_owned())
}

fn time(text: &str) -> Result<Unix, String> {
    Unix::parse(text).ok_or_else(|| "write a time in UTC like 2024-05-01T12:00:00Z".to_owned())
}
