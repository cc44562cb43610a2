//! One app's root: whose it is, how its file system switches, whether there is room.
//!
//! It is judged by what the hook's own process saw, where there is one that may write there; else
//! by what this process saw.

use super::{
    Area, Finding, Inside,
    inside::{Root, user_shown},
};
use crate::{
    config::App,
    error::{Exit, quoted},
    look::AppStatus,
    table::{counted, size},
};

/// What the finding of a root is called.
pub(super) const ROOT: &str = "root";

pub(super) fn judged(
    app: &App,
    own: &Inside,
    child: Option<&Inside>,
    apps: &[AppStatus],
) -> Vec<Finding> {
    let known = |root: &&Root| root.tried || root.error.is_some();
    let theirs = child.and_then(|child| child.root(&app.name)).filter(known);
    let here = own.root(&app.name);
    let Some(root) = theirs.or(here) else { return Vec::new() };
    let live = apps.iter().find(|status| status.app == app.name);
    let mut found = vec![renames(app, root)];
    let is_well_here = here.is_some_and(|root| root.error.is_none());
    if root.error.is_some() && is_well_here && child.is_some_and(|c| c.is_sandboxed(own)) {
        let cure = format!("ReadWritePaths={} in rtorrent's unit", app.root.display());
        found = found.into_iter().map(|finding| finding.cured_by(&cure)).collect();
    }
    found.extend(room(app, root, live));
    found.into_iter().map(|finding| finding.of_app(&app.name)).collect()
}

fn renames(app: &App, root: &Root) -> Finding {
    let place = quoted(&app.root);
    let owner = root.owner.map(|owner| user_shown(owner, None)).unwrap_or_default();
    if let Some(name) = &root.unsafe_file_system {
        let says = format!("{place} lies on {name}");
        return Finding::fault(Exit::NotOurs, Area::App, ROOT, says)
            .because("it does not promise that what was synced is on a disk: no release lands")
            .cured_by("put the root on a local file system such as ext4, xfs or btrfs");
    }
    if let Some(told) = &root.error {
        return told.fault(Area::App, ROOT);
    }
    if !root.tried {
        let says = format!("{place} was not tried: it belongs to `{owner}`");
        return Finding::note(Area::App, ROOT, says)
            .because("only its owner may write there")
            .cured_by(super::AS_ROOT);
    }
    let says = |how: &str| format!("{place} is `{owner}`'s and switches {how}");
    match (root.exchange, root.noreplace) {
        (true, true) => Finding::ok(Area::App, ROOT, says("in one step")),
        (false, _) => Finding::note(Area::App, ROOT, says("by a plain rename"))
            .because("its file system cannot swap two names (RENAME_EXCHANGE)")
            .cured_by("nothing: `current` is replaced in one step, `previous` after it"),
        (true, false) => Finding::note(Area::App, ROOT, says("in one step"))
            .because("its file system cannot refuse a taken name (RENAME_NOREPLACE)")
            .cured_by("nothing: a lock does, as long as only seedship writes there"),
    }
}

/// Room for one more release like the live one.
fn room(app: &App, root: &Root, live: Option<&AppStatus>) -> Option<Finding> {
    let free = root.bytes?;
    let live = live.and_then(|status| status.releases.iter().find(|release| release.live));
    let bytes = live.and_then(|release| release.size).unwrap_or(0);
    let files = live.and_then(|release| release.files).unwrap_or(0);
    let cure = format!("free space there, or `seedship prune {} --keep 2`", app.name);
    let wanted = bytes.saturating_add(app.min_free);
    if free < wanted {
        let says = format!("{} are free, and a release wants {}", size(free), size(wanted));
        let cause =
            format!("that is the live one's {}, and min_free {}", size(bytes), size(app.min_free));
        return Some(
            Finding::fault(Exit::Io, Area::App, "room", says).because(cause).cured_by(cure),
        );
    }
    if let Some(inodes) = root.inodes.filter(|inodes| *inodes < files.max(1)) {
        let says = format!(
            "{} are free, the live release has {}",
            counted(inodes, "inode"),
            counted(files, "file")
        );
        let cause = "each file of a release takes an inode";
        return Some(
            Finding::fault(Exit::Io, Area::App, "room", says).because(cause).cured_by(cure),
        );
    }
    Some(Finding::ok(Area::App, "room", format!("{} are free", size(free))))
}
