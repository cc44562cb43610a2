//! Where everything happens: one directory with payloads, an app's root and what is left over.
//!
//! It is a lab's directory in `$TMPDIR/seedship-bench`, and goes away with this process, however
//! that ends; should even what clears it up be killed, the next run clears it up first. A tree that
//! was measured is not deleted before then but moved aside and its files emptied, which gives their
//! blocks back at once: deleting frees inodes, and ext4 without a journal looks at each that was
//! freed in the last minutes whenever a new one is made, which would be measured next.

use crate::{Result, failed, payload::Payload, sizes::Sizes};
use lab::{Error, Lab, Node, syslog::Listener};
use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg},
    sys::statvfs::statvfs,
};
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

/// The binary that is measured: built by cargo together with this program, optimised.
pub(crate) const SEEDSHIP: &str = env!("CARGO_BIN_EXE_seedship");

/// The version of every release that is landed to be measured.
pub(crate) const VERSION: &str = "1.4.2";

/// The place, and how much is measured in it.
pub(crate) struct Ground {
    pub(crate) lab: Lab,
    pub(crate) sizes: Sizes,
    /// The log of every run goes here, as it goes to a daemon.
    _log: Listener,
    /// Held as long as this run goes on.
    _lock: Flock<File>,
}

/// What a tree holds: regular files and their bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Census {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
}

impl Ground {
    /// An empty ground. What a run left that was killed together with its reaper goes away first;
    /// a run that still goes on keeps its own.
    pub(crate) fn new(sizes: Sizes) -> Result<Self> {
        let place = std::env::temp_dir().join("seedship-bench");
        let what = || failed(format!("use {} (TMPDIR names another place)", place.display()));
        fs::create_dir_all(&place).map_err(what())?;
        let file = File::create(place.join("lock")).map_err(what())?;
        let lock =
            Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, e)| match e {
                Errno::EWOULDBLOCK => Error::new(format!(
                    "another run goes on in {}: wait for its end",
                    place.display()
                )),
                e => what()(e.into()),
            })?;
        for left in fs::read_dir(&place).map_err(what())? {
            let left = left.map_err(what())?;
            if left.file_type().is_ok_and(|kind| kind.is_dir()) {
                fs::remove_dir_all(left.path()).map_err(what())?;
            }
        }
        let lab = Lab::new_in(&place)?;
        let log = Listener::bind(&lab.path().join("log.sock"))?;
        Ok(Self { lab, sizes, _log: log, _lock: lock })
    }

    /// Refuses what does not fit on this file system: `most` is what the ground holds at its
    /// largest, and what lies there of it is not asked for again.
    pub(crate) fn room_for(&self, most: u64) -> Result {
        let place = self.lab.path();
        let free = statvfs(place).map_err(failed("look for room"))?;
        let free = free.blocks_available() * free.fragment_size();
        let wanted = most.saturating_sub(census(place)?.bytes);
        if free >= wanted {
            return Ok(());
        }
        let place = place.parent().unwrap_or(place).display();
        let remedy = "TMPDIR names another place, BENCH_MIB and BENCH_FILES smaller sizes";
        Err(Error::new(format!(
            "{place}: {} MiB are free, {} more are wanted ({remedy})",
            free >> 20,
            wanted >> 20
        )))
    }

    /// Gives back the blocks of what was measured last.
    pub(crate) fn clear(&self) -> Result {
        for place in [self.root(), self.unpacked()] {
            if place.exists() {
                self.fresh(&place)?;
            }
        }
        Ok(())
    }

    /// Where a release is unpacked to beside the app's root.
    pub(crate) fn unpacked(&self) -> PathBuf {
        self.lab.path().join("unpacked")
    }

    /// The app's root.
    pub(crate) fn root(&self) -> PathBuf {
        self.lab.path().join("www")
    }

    /// A release of the app, where it lies when it has landed.
    pub(crate) fn release(&self, version: &str) -> PathBuf {
        self.root().join("releases").join(version)
    }

    /// What `current` of the app says.
    pub(crate) fn current(&self) -> Option<PathBuf> {
        fs::read_link(self.root().join("current")).ok()
    }

    /// An empty root for the app; the one before is moved aside, and all of it is on the disk.
    pub(crate) fn fresh_root(&self) -> Result<PathBuf> {
        self.fresh(&self.root())
    }

    /// An empty directory where something measured was, which is moved aside; nothing is left to
    /// be written to the disk.
    pub(crate) fn fresh(&self, place: &Path) -> Result<PathBuf> {
        if place.exists() {
            let aside = self.lab.path().join(self.lab.fresh("spent"));
            fs::rename(place, &aside).map_err(failed(format!("move {} aside", place.display())))?;
            empty(&aside)?;
        }
        fs::create_dir(place).map_err(failed(format!("make {}", place.display())))?;
        self.settle()?;
        Ok(place.to_owned())
    }

    /// Puts everything of this file system on the disk: nobody is measured writing another's.
    pub(crate) fn settle(&self) -> Result {
        let folder = File::open(self.lab.path()).map_err(failed("sync"))?;
        nix::unistd::syncfs(folder).map_err(failed("sync"))
    }

    /// The configuration of the app, whose downloads this rtorrent has, or none that runs.
    pub(crate) fn config(&self, node: Option<&Node>) -> Result<PathBuf> {
        let base = node.map_or_else(|| self.lab.path().join("nobody"), |node| node.base().into());
        let name = format!("{}.toml", node.map_or("nobody", Node::name));
        let text = format!(
            r#"[rtorrent]
scgi    = "{base}/run/rpc.sock"
session = "{base}/session"

[log]
socket = "{log}"

[apps.shop]
match    = ["shop-{{version}}.tar", "shop-{{version}}.tar.gz", "shop-{{version}}.tar.zst", "shop-{{version}}"]
root     = "{root}"
unsigned = "accept"
min_free = "16MiB"
"#,
            base = base.display(),
            log = self.lab.path().join("log.sock").display(),
            root = self.root().display(),
        );
        self.lab.write(&name, text)
    }

    /// A command of the binary, as rtorrent or an operator calls it.
    pub(crate) fn seedship(&self, config: &Path, args: &[&str]) -> Command {
        let mut command = self.lab.command(SEEDSHIP);
        command.args(args).env("SEEDSHIP_CONFIG", config).env_remove("SUDO_USER");
        command
    }

    /// The event of a download, without rtorrent.
    pub(crate) fn finished(&self, config: &Path, payload: &Payload) -> Command {
        let mut command = self.seedship(config, &["finished", &payload.torrent.hash]);
        command.arg("--torrent").arg(&payload.file).arg("--payload").arg(&payload.path);
        command
    }

    /// A shell's one-liner; `$0`, `$1` … are the arguments.
    pub(crate) fn shell(&self, script: &str, args: &[&Path]) -> Command {
        let mut command = self.lab.command("sh");
        command.args(["-ec", script]).args(args);
        command
    }

    /// Holds a tree against what should be in it.
    pub(crate) fn holds(&self, place: &Path, wanted: Census) -> Result {
        let found = census(place)?;
        if found == wanted {
            return Ok(());
        }
        Err(Error::new(format!("{}: {found:?} instead of {wanted:?}", place.display())))
    }
}

/// Counts a tree.
pub(crate) fn census(tree: &Path) -> Result<Census> {
    let mut census = Census::default();
    each_file(tree, &mut |_, size| {
        census.files += 1;
        census.bytes += size;
        Ok(())
    })?;
    Ok(census)
}

fn empty(tree: &Path) -> Result {
    each_file(tree, &mut |path, _| {
        let file = File::options().write(true).open(path).and_then(|file| file.set_len(0));
        file.map_err(failed(format!("empty {}", path.display())))
    })
}

/// Gives every regular file of a tree and its size to `act`.
fn each_file(tree: &Path, act: &mut dyn FnMut(&Path, u64) -> Result) -> Result {
    let what = || failed(format!("look into {}", tree.display()));
    for entry in fs::read_dir(tree).map_err(what())? {
        let entry = entry.map_err(what())?;
        let found = entry.metadata().map_err(what())?;
        if found.is_dir() {
            each_file(&entry.path(), act)?;
        } else if found.is_file() {
            act(&entry.path(), found.len())?;
        }
    }
    Ok(())
}
