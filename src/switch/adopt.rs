//! Taking over what was at `current` before Seedship: another tool's link, or a real directory.

use super::{Switched, clear_mark, mark::close};
use crate::{
    checkpoint,
    disk::{Disk, Renamed},
    error::{Error, Exit, Result, quoted},
    release::{By, Key, Mark, Record, State, Target, Unix, Version},
    store::{CURRENT, Current, Foreign, RELEASES, Seen, Switching, TRIAL},
};

/// Names what is taken over after the moment it was; a clock that went back may say a moment that
/// was used before.
fn adopted_version(seen: &Seen, now: Unix) -> Result<Version> {
    let time: String = now.to_string().chars().filter(char::is_ascii_alphanumeric).collect();
    let mut version = Version::parse(&format!("adopted-{time}"))?;
    let mut others = 2_u32..;
    while seen.stands(&version) || seen.records.iter().any(|r| r.version == version) {
        let other = others.next().unwrap_or_default();
        version = Version::parse(&format!("adopted-{time}-{other}"))?;
    }
    Ok(version)
}

/// Gives another tool's link a record, so that it can be left and come back to like any release.
/// Nothing is switched.
pub fn adopt_link<D: Disk>(lock: &mut Switching<'_, D>, text: &str, now: Unix) -> Result<Version> {
    let free = |v: &Version| lock.seen().owner(v).is_none() && lock.seen().stands(v);
    let named = match &lock.seen().current {
        Current::Foreign(Foreign::Link { release, .. }) => release.clone(),
        _ => None,
    };
    let version = match named.filter(free) {
        Some(version) => version,
        None => adopted_version(lock.seen(), now)?,
    };
    let record = Record {
        landed: true,
        link: (text != version.path()).then(|| text.to_owned()),
        ..Record::open(Key::Adopted(version.clone()), version.clone(), now).now(State::Good, now)
    };
    lock.write(record)?;
    lock.refresh()?;
    Ok(version)
}

/// Makes a real directory at `current` a release and `current` a link to `to`, in one step: the
/// link is made at the place of the release-to-be and exchanged with the directory.
///
/// # Errors
/// 73, with nothing changed, where the file system cannot exchange or `current` is a mount of its
/// own.
pub fn adopt_directory<D: Disk>(
    lock: &mut Switching<'_, D>,
    to: &Record,
    now: Unix,
) -> Result<Switched> {
    let disk = lock.disk();
    let adopted = adopted_version(lock.seen(), now)?;
    let place = adopted.path();
    try_out(disk, &adopted)?;
    clear_mark(lock, Some(&to.key))?;
    checkpoint::reach("trial-removed");
    disk.symlink(&to.link_text(), &place)?;
    checkpoint::reach("adopt-linked");
    let key = Key::Adopted(adopted.clone());
    let mark = Mark { to: Target::Release(to.version.clone()), by: By::Activate };
    let open = Record::open(key.clone(), adopted.clone(), now);
    lock.write(Record { leave: Some(mark.clone()), left: Some(now), ..open })?;
    checkpoint::reach("adopt-recorded");
    let refusal = match disk.exchange(&place, CURRENT) {
        Ok(true) => None,
        Ok(false) => Some("this file system cannot exchange a directory with a link".to_owned()),
        // A mount of its own, for example.
        Err(e) => Some(e.cause),
    };
    if let Some(cause) = refusal {
        disk.remove(&place)?;
        lock.forget(&key)?;
        return Err(cannot(disk, &cause));
    }
    checkpoint::reach("adopt-exchanged");
    disk.fsync("")?;
    disk.fsync(RELEASES)?;
    lock.refresh()?;
    close(lock, &key, &mark, now)?;
    Ok(Switched { from: Target::Release(adopted), to: mark.to })
}

/// Whether a directory can move from the root to `releases/`: two mounts of one disk look like
/// one until a rename is tried.
fn try_out<D: Disk>(disk: &D, adopted: &Version) -> Result<()> {
    let (here, there) = (TRIAL, format!("{RELEASES}/.trash-{adopted}-trial"));
    disk.make_dir(here, 0o700)?;
    checkpoint::reach("trial-made");
    let renamed = disk.rename_new(here, &there);
    checkpoint::reach("trial-renamed");
    disk.remove_tree(if matches!(renamed, Ok(Renamed::Done)) { &there } else { here })?;
    match renamed {
        Ok(Renamed::Done) => Ok(()),
        Ok(_) => Err(cannot(disk, "a trial rename into `releases` found its name taken")),
        Err(e) => Err(cannot(disk, &e.cause)),
    }
}

fn cannot<D: Disk>(disk: &D, cause: &str) -> Error {
    let current = disk.place().join(CURRENT);
    Error::new(Exit::NotOurs, "adopt", quoted(&current), cause).hint(
        "nothing was changed; in a maintenance window move the directory into `releases/` by hand and activate a release",
    )
}
