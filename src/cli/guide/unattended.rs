//! What rtorrent and timers call.

use super::Guide;
use crate::error::Exit::{
    Again, Config, Done, Io, NotFound, NotOurs, Payload, Permission, Unhealthy, Unreachable,
};

pub(super) const GUIDES: &[Guide] = &[
    Guide {
        command: "finished",
        tells: "\
rtorrent's event calls it with the info hash of a download that is complete. It asks rtorrent, or \
reads its session directory, for the rest; takes the app whose `match` fits the torrent's name; \
checks the signature; verifies every byte and unpacks those same bytes; flushes the release to \
the disk; swaps `current`; prunes. A torrent that is no app's ends with 0 and changes nothing.

Commands of `[apps.NAME.run]` run on the way: `prepare` in the unpacked release, `activated` when \
it is live, `check` until it passes. A release that does not pass is bad: the one before is live \
again, and `activated` runs for that.

The line of rtorrent.rc, in the background, for it asks rtorrent back:

  method.set_key = event.download.finished, zz_seedship, \\
    ((execute.nothrow.bg, /usr/bin/seedship, finished, ((d.hash))))

A damaged download (a wrong piece, a short or missing file) is healed: rtorrent lets go of it and \
loads it again, with everything that it had, fetches only what is wrong, and its event comes again. \
At most three times, and only where rtorrent's socket answers.

It never writes to the download itself, never follows a path out of the release, and never lets a byte be \
parsed that was not verified. An event that comes twice does nothing the second time; that of a refused release ends with the \
same code again. What it came to it says in one line. While \
another release of the app is being deployed it waits, up to `lock_wait` of the configuration. \
Killed at any instant it leaves the old release serving, and the next sweep goes on. By root it \
works as the owner of the app's root. What it came to is one line of syslog, and one of \
`seedship history`.",
        exits: &[
            (Done, "live, landed, passed over, known already, or no app's"),
            (Payload, "refused: payload, archive, a limit, or a version that is taken"),
            (NotFound, "rtorrent has no such download, or it is not the one of the .torrent"),
            (Unreachable, "rtorrent does not answer, nor is its session directory enough"),
            (
                NotOurs,
                "`current` was not made by seedship, or the root or its file system will not \
                       do",
            ),
            (Io, "the disk failed or is full; a sweep tries again"),
            (Again, "incomplete, damaged, or a deploy runs; a sweep tries again"),
            (Permission, "refused: no right signature; or this user may not write the root"),
            (
                Config,
                "the configuration is wrong, a shared path or a command's program is not there, \
                      or a record cannot be read",
            ),
            (
                Unhealthy,
                "`prepare` failed and nothing changed; or `activated` or `check` did, and the \
                         earlier release is back",
            ),
        ],
        examples: &[
            (
                "seedship finished 0123456789abcdef0123456789abcdef01234567 --dry-run",
                "what would come of that download?",
            ),
            (
                "seedship finished 0123456789abcdef0123456789abcdef01234567",
                "the event by hand, if it was lost",
            ),
        ],
        see: &["sweep", "status", "config.toml"],
    },
    Guide {
        command: "sweep",
        tells: "\
Brings every app to where its downloads say it should be. It resumes what an interrupted deploy \
left; lands complete downloads whose event was lost, and those that wait, once their time has \
come; lets the newest landed release go live where nothing forbids it; goes on with the \
healing of damaged downloads; prunes; removes the downloads of pruned releases. Without rtorrent it reads the session directory.

Run it by a timer, every ten minutes, as the user who owns the roots or as root, which works as \
each owner in turn. Apps of other users are passed over and named. The shipped rtorrent.rc.example \
has a schedule for it.

It never waits for a running deploy: that app is left for the next time. It never undoes what an \
operator decided. What still waits and was told before is no failure.",
        exits: &[
            (Done, "done, nothing to do, or all that is left waits for its time"),
            (Payload, "the first failure: a release was refused"),
            (NotFound, "the first failure: a payload is not there"),
            (Unreachable, "neither rtorrent nor its session directory could be read"),
            (NotOurs, "the first failure: `current` was not made by seedship"),
            (Io, "the first failure: the disk failed or is full"),
            (Again, "the first failure: a payload is damaged, still changing, or could not be healed"),
            (
                Permission,
                "the first failure: no right signature, or no right to write; or every app is \
                 another user's",
            ),
            (Config, "the configuration or one of its apps is wrong; the others were swept"),
            (Unhealthy, "the first failure: a command of the app failed"),
        ],
        examples: &[
            ("seedship sweep --dry-run", "what would it do?"),
            ("seedship sweep", "do it now, without waiting for the timer"),
            ("seedship sweep --json", "what it did, for scripts"),
        ],
        see: &["finished", "hold", "status"],
    },
];
