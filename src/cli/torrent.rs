//! A torrent by itself, outside of any deploy: what it holds, and whether a payload is what it says.
//! `seedship torrent verify` and `seedship torrent show`; to make one is [`create`](super::create).

use super::{args::Torrent, client, output::Output, progress::Progress};
use crate::{
    config::{self, Config},
    error::{Error, Exit, Result, quoted},
    rtorrent::Asked,
    table::count,
    torrent::{self, Place},
};
use metainfo::{Authentic, InfoHash, Metainfo};
use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    time::Duration,
};

/// Runs one of them. To verify, the configuration at `config` is read only where an info hash is
/// named; to show, it is told where there is none.
pub(super) fn run(command: &Torrent, config: &Path, output: &Output) -> Result<u8> {
    match command {
        Torrent::Verify { torrent, payload } => {
            verify(Source::of(torrent, config)?, payload.as_deref(), output)
        }
        Torrent::Create(typed) => super::create::run(typed, output),
        Torrent::Show { torrent } => {
            let source = Source::of(torrent, config)?;
            let config = config::read(config).and_then(Config::merge);
            let shown = torrent::show(&source.torrent, &source.bytes, config.as_ref());
            output.answer(shown.screen(), &shown);
            Ok(Exit::Done.code())
        }
    }
}

fn verify(source: Source, payload: Option<&Path>, output: &Output) -> Result<u8> {
    let torrent = &source.torrent;
    let place = match (payload, &source.from) {
        (Some(payload), _) => Place::of(torrent, payload)?,
        (None, Origin::Rtorrent(payload)) => Place::of(torrent, payload)?,
        (None, Origin::File(file)) => Place::beside(torrent, file)?,
    };
    let progress = Progress::new(torrent.total_length(), output);
    let verdict = torrent::verify(torrent, &place, &mut |at| {
        progress.at(at.bytes, format_args!("{} wrong", count(at.wrong)));
    })?;
    drop(progress);
    output.answer(verdict.screen(output.colour()), &verdict);
    Ok(verdict.exit().code())
}

/// A torrent, its bytes, and where they came from.
struct Source {
    torrent: Metainfo,
    bytes: Vec<u8>,
    from: Origin,
}

enum Origin {
    File(PathBuf),
    /// Where rtorrent has the payload.
    Rtorrent(PathBuf),
}

impl Source {
    /// What has a slash or is there is a file; else 40 hexadecimal digits are an info hash.
    fn of(typed: &OsStr, config: &Path) -> Result<Self> {
        let path = Path::new(typed);
        let hash = typed.to_str().and_then(InfoHash::parse);
        match hash.filter(|_| !typed.as_bytes().contains(&b'/') && !path.exists()) {
            Some(hash) => Self::of_download(hash, config),
            None => Self::of_file(path),
        }
    }

    fn of_file(path: &Path) -> Result<Self> {
        let bytes = torrent::read(path).map_err(|error| match error.exit {
            Exit::NotFound => error.hint(
                "name a .torrent file, or the info hash of a download: 40 hexadecimal digits",
            ),
            _ => error,
        })?;
        let torrent = torrent::parse(&quoted(path), &bytes)?;
        Ok(Self { torrent, bytes, from: Origin::File(path.to_owned()) })
    }

    fn of_download(hash: InfoHash, config: &Path) -> Result<Self> {
        let config = config::read(config).and_then(Config::merge)?;
        let session = &config.rtorrent.session;
        // Nobody has just added what an operator asks for.
        let patience = Duration::ZERO;
        let asked = Asked { session, limit: config.torrent_limit(), patience };
        let found = client(&config).find(hash, &asked)?;
        let thing = format!("the .torrent of {hash}");
        torrent::parse(&thing, &found.torrent)?;
        let torrent = Authentic::check(&found.torrent, hash).map_err(|cause| {
            Error::new(Exit::Payload, "take", thing, cause)
                .hint("rtorrent's session holds another torrent under that name: load it anew")
        })?;
        let from = Origin::Rtorrent(found.payload);
        Ok(Self { torrent: Metainfo::clone(&torrent), bytes: found.torrent, from })
    }
}
