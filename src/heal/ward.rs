//! What a heal asks of rtorrent: a trait, so that what a kill leaves between two requests can be
//! tested over a disk and an rtorrent in memory.

use super::kept;
use crate::{
    error::{Context, Error, Exit, Result},
    rtorrent::{Belongings, Client, Standing, Torrent, session},
};
use metainfo::{InfoHash, Metainfo};
use std::{fs, os::unix::fs::MetadataExt, path::Path};

/// Where damaged downloads lie: an rtorrent, or a test's.
pub trait Ward {
    /// Where a download stands; `None` if it is not there.
    fn standing(&self, hash: InfoHash) -> Result<Option<Standing>>;
    /// All that is needed to load a download again.
    fn take_stock(&self, hash: InfoHash) -> Result<Stock>;
    /// Takes it out; its payload and its watch file stay.
    fn let_go(&self, hash: InfoHash) -> Result<()>;
    /// Loads it, stopped and with a mark.
    fn load(&self, hash: InfoHash, torrent: Torrent<'_>, mark: &str) -> Result<()>;
    /// Gives what was loaded everything that it had.
    fn give_back(&self, hash: InfoHash, its: &Belongings) -> Result<()>;
    /// Starts it: it is checked, and what is wrong is fetched.
    fn start(&self, hash: InfoHash) -> Result<()>;
}

/// All that is needed to load a download again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stock {
    /// The .torrent.
    pub torrent: Vec<u8>,
    /// It does not fit into a request, and rtorrent can read the file that is kept.
    pub by_path: bool,
    /// What rtorrent would forget.
    pub belongings: Belongings,
}

/// A real one.
#[derive(Clone, Copy, Debug)]
pub struct Rtorrent<'a> {
    /// Where to ask.
    pub client: &'a Client,
    /// Its session directory.
    pub session: &'a Path,
    /// The largest .torrent that is read, in bytes.
    pub limit: u64,
}

impl Ward for Rtorrent<'_> {
    fn standing(&self, hash: InfoHash) -> Result<Option<Standing>> {
        self.client.standing(hash)
    }

    fn take_stock(&self, hash: InfoHash) -> Result<Stock> {
        let torrent = session::torrent(self.session, hash, self.limit)?;
        let whole = |bytes: &Vec<u8>| Metainfo::parse(bytes).is_ok_and(|m| m.info_hash() == hash);
        let torrent = torrent.filter(whole).ok_or_else(|| {
            unready(hash, "rtorrent's session does not have its .torrent")
                .hint("[rtorrent] session in the configuration must be rtorrent's session.path")
        })?;
        let bytes = torrent.len() as u64;
        let by_path = !(kept::is_readable(bytes) && self.client.takes(bytes)?);
        if by_path && !self.is_ours(hash)? {
            let cause = "its .torrent is too large for a request, and rtorrent, another user, cannot read ours";
            return Err(unready(hash, cause)
                .hint("raise network.xmlrpc.size_limit.set in rtorrent.rc (up to 2M), or let rtorrent check its hash (Ctrl-R)"));
        }
        let belongings = self.client.belongings(hash, self.session)?;
        Ok(Stock { torrent, by_path, belongings })
    }

    fn let_go(&self, hash: InfoHash) -> Result<()> {
        self.client.let_go(hash)
    }

    fn load(&self, hash: InfoHash, torrent: Torrent<'_>, mark: &str) -> Result<()> {
        self.client.load(hash, torrent, mark)
    }

    fn give_back(&self, hash: InfoHash, its: &Belongings) -> Result<()> {
        self.client.give_back(hash, its)
    }

    fn start(&self, hash: InfoHash) -> Result<()> {
        self.client.start(hash)
    }
}

impl Rtorrent<'_> {
    /// rtorrent runs as this user: it wrote the session.
    fn is_ours(&self, hash: InfoHash) -> Result<bool> {
        let file = self.session.join(format!("{hash}.torrent"));
        let owner = fs::metadata(&file).on("look at", &file)?.uid();
        Ok(owner == nix::unistd::geteuid().as_raw())
    }
}

fn unready(hash: InfoHash, cause: &str) -> Error {
    Error::new(Exit::Again, "heal", format!("download {hash}"), cause)
}
