//! The test lab: real programs on loopback, for the integration tests and the demonstration.
//!
//! A [`Lab`] is one temporary directory and everything that runs in it: rtorrents started from
//! the shipped configuration, a tracker, web servers, load generators. Nothing has a fixed port,
//! nothing is left behind: every program is killed by its owner when that is dropped, and a
//! reaper (see [`Lab`]) cleans up even after a `kill -9` of the test itself. Works as root and as
//! an ordinary user.
//!
//! ```no_run
//! # fn main() -> lab::Result<()> {
//! use lab::{Flavour, Kind, Lab, site};
//! let lab = Lab::new()?;
//! let tracker = lab.tracker()?;
//! let payload = site::small("1.0.0").pack(Kind::TarZst, &lab.folder("payload")?, "shop-1.0.0")?;
//! let torrent = lab.torrent(&payload).tracker(&tracker).make()?;
//! let seeder = lab.rtorrent(Flavour::Old).start()?;
//! seeder.seed(&torrent, &payload)?;
//! let node = lab.rtorrent(Flavour::Sid).hook("/usr/bin/seedship").start()?;
//! node.watch(&torrent)?;
//! node.await_complete(&torrent.hash)?;
//! # Ok(())
//! # }
//! ```

pub mod apache;
pub mod booted;
mod error;
pub mod fleet;
mod flavour;
pub mod halves;
pub mod hook;
mod lab;
pub mod ledger;
pub mod load;
pub mod lookups;
pub mod mounts;
pub mod net;
pub mod nginx;
mod owned;
pub mod php;
mod rc;
pub mod rpc;
pub mod rtorrent;
pub mod signer;
pub mod site;
pub mod sshd;
pub mod strace;
pub mod switcher;
pub mod syslog;
pub mod torrent;
pub mod tracker;
pub mod wrk;

pub use booted::Booted;
pub use error::{Error, Result};
pub use flavour::Flavour;
pub use fleet::Fleet;
pub use lab::{Lab, as_ordinary_user, as_root, await_for, await_until, free_port, skip, workspace};
pub use net::{Machine, Net};
pub use owned::Owned;
pub use rtorrent::Node;
pub use site::{Kind, Tree};
pub use sshd::Login;
pub use torrent::Torrent;

/// Makes of each scenario `fn name(lab: &Lab, flavour: Flavour)` two tests, `old::name` and
/// `sid::name`; one whose rtorrent cannot be had is skipped and says why.
#[macro_export]
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod old {
            $(#[test] fn $name() { $crate::scenario($crate::Flavour::Old, super::$name); })*
        }
        mod sid {
            $(#[test] fn $name() { $crate::scenario($crate::Flavour::Sid, super::$name); })*
        }
    };
}

/// Runs one scenario in a lab of its own: what [`on_both!`] makes its tests of.
pub fn scenario(flavour: Flavour, run: impl FnOnce(&Lab, Flavour)) {
    if let Some(lab) = Lab::with(flavour) {
        run(&lab, flavour);
    }
}
