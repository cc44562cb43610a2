//! The ways to make `current` lead elsewhere, each as fast as it goes.
//!
//! Seedship's own are its library, called in this process: the whole command, and what it does to
//! the link alone.

use lab::{
    Error, Result, halves,
    switcher::{self, Switcher, VERSIONS, link_text},
};
use seedship::{
    disk::Kernel,
    operate::{self, Operator},
    release::{Unix, Version},
    store::{CURRENT, Site},
    switch,
};
use std::{
    fmt,
    os::unix::fs::symlink,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// A way to switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// `rm current; ln -s releases/2.0 current`, without the two processes.
    UnlinkSymlink,
    /// BusyBox's `ln -sfn`.
    BusyBox,
    /// GNU's `ln -sfn`.
    Gnu,
    /// `seedship activate`: lock, records, swap, every step durable.
    Activate,
    /// The swap of it alone, the same code, with `RENAME_EXCHANGE`.
    Exchange,
    /// The swap of it alone where a file system has no `RENAME_EXCHANGE`: a plain rename.
    Rename,
}

impl Way {
    /// All of them.
    pub(crate) const ALL: [Self; 6] = [
        Self::UnlinkSymlink,
        Self::BusyBox,
        Self::Gnu,
        Self::Activate,
        Self::Exchange,
        Self::Rename,
    ];

    /// Starts to switch to and fro in a root that [`prepare`] made.
    pub(crate) fn start(self, root: &Path) -> Result<Switcher> {
        let (root, current) = (root.to_owned(), root.join(CURRENT));
        match self {
            Self::UnlinkSymlink => Switcher::start(move || Ok(switcher::unlink_symlink(&current))),
            Self::BusyBox => Switcher::start(move || Ok(switcher::busybox_ln(&current))),
            Self::Gnu => Switcher::start(move || Ok(switcher::gnu_ln(&current))),
            Self::Activate => Switcher::start(move || activate(&root)),
            Self::Exchange => Switcher::start(move || exchange(&root)),
            Self::Rename => Switcher::start(move || rename(&root)),
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::UnlinkSymlink => "unlink+symlink",
            Self::BusyBox => "BusyBox ln",
            Self::Gnu => "GNU ln",
            Self::Activate => "seedship",
            Self::Exchange => "swap, exchange",
            Self::Rename => "swap, rename",
        })
    }
}

/// Writes a root with two releases that Seedship knows, the first one live.
pub(crate) fn prepare(root: &Path, work: Duration) -> Result<()> {
    halves::write(root, work)?;
    let current = root.join(CURRENT);
    for version in VERSIONS.into_iter().rev() {
        let made =
            std::fs::remove_file(&current).and_then(|()| symlink(link_text(version), &current));
        made.map_err(Error::new)?;
        let mut site = site(root)?;
        operate::activate(&mut site, "shop", &named(version)?, true, &operator())
            .map_err(Error::new)?;
    }
    Ok(())
}

/// The whole command, but for the start of its process.
fn activate(root: &Path) -> Result<impl FnMut(&str) -> Result<()> + use<>> {
    let mut site = site(root)?;
    Ok(move |version: &str| {
        operate::activate(&mut site, "shop", &named(version)?, false, &operator())
            .map(drop)
            .map_err(Error::new)
    })
}

/// What each switch does to the links, and nothing that makes it durable.
fn exchange(root: &Path) -> Result<impl FnMut(&str) -> Result<()> + use<>> {
    let disk = Kernel::open(root).map_err(Error::new)?;
    Ok(move |version: &str| match switch::swap_link(&disk, &link_text(version)) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Error::new("this file system has no RENAME_EXCHANGE")),
        Err(e) => Err(Error::new(e)),
    })
}

fn rename(root: &Path) -> Result<impl FnMut(&str) -> Result<()> + use<>> {
    let disk = Kernel::open(root).map_err(Error::new)?;
    Ok(move |version: &str| {
        switch::swap_link_by_rename(&disk, &link_text(version)).map_err(Error::new)
    })
}

fn site(root: &Path) -> Result<Site<Kernel>> {
    Ok(Site::new(Kernel::open(root).map_err(Error::new)?, 0o755))
}

fn named(version: &str) -> Result<Version> {
    Version::parse(version).map_err(Error::new)
}

fn operator() -> Operator {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    Operator {
        name: "experiment".to_owned(),
        now: Unix(i64::try_from(now).unwrap_or(i64::MAX)),
        random: 0,
    }
}
