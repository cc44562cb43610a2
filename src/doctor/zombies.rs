//! Do children that ended pile up under rtorrent. 0.16 waits for none of them, and each counts as
//! a task until rtorrent ends.

use super::{Area, Finding};
use crate::{process, table::count};

/// Without a known bound so many are too many.
const MANY: u64 = 2000;

pub(super) fn look(pid: Option<u32>) -> Option<Finding> {
    let pid = pid?;
    let Some(children) = process::children(pid) else {
        let says = format!("rtorrent's process {pid} cannot be looked at");
        return Some(
            Finding::note(Area::Rtorrent, "zombies", says)
                .because("it runs elsewhere, or /proc shows no process of another user")
                .cured_by("type it as root, where rtorrent runs: sudo seedship doctor"),
        );
    };
    Some(judged(children.zombies, process::task_limit(pid)))
}

fn judged(zombies: u64, limit: Option<u64>) -> Finding {
    let most = limit.unwrap_or(2 * MANY).max(1);
    let count = match zombies {
        0 => "none of its children is a zombie".to_owned(),
        1 => "1 child is a zombie".to_owned(),
        more => format!("{} children are zombies", count(more)),
    };
    let says = match limit.filter(|_| zombies > 0) {
        Some(limit) => format!("{count}, of {limit} tasks it may have"),
        None => count,
    };
    let bad = |finding: Finding| {
        finding
            .because("at the bound no hook can be started; 0.16 waits for no child that ended")
            .cured_by("restart rtorrent at leisure; run the sweep by a timer, not by its schedule")
    };
    match zombies {
        // Nine tenths, without overflow.
        zombies if zombies >= most - most / 10 => {
            bad(Finding::fault(crate::error::Exit::Again, Area::Rtorrent, "zombies", says))
        }
        zombies if zombies >= most / 2 => bad(Finding::warning(Area::Rtorrent, "zombies", says)),
        _ => Finding::ok(Area::Rtorrent, "zombies", says),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    #[test]
    fn they_are_told_long_before_there_is_no_room() {
        let level = |zombies, limit| judged(zombies, limit).level;
        assert_eq!(level(0, Some(100)), Level::Ok);
        assert_eq!(level(49, Some(100)), Level::Ok);
        assert_eq!(level(50, Some(100)), Level::Warning);
        assert_eq!(level(90, Some(100)), Level::Fault);
        assert_eq!(level(1, Some(0)), Level::Fault);
        assert_eq!((level(1999, None), level(2000, None)), (Level::Ok, Level::Warning));
        assert_eq!(judged(1, None).says, "1 child is a zombie");
        assert_eq!(judged(2, Some(9)).says, "2 children are zombies, of 9 tasks it may have");
    }
}
