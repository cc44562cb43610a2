//! What an operator decides: none of it needs network, rtorrent or a payload.

use super::Guide;
use crate::error::Exit::{Again, Config, Done, Io, NotFound, NotOurs, Permission, Unhealthy};

pub(super) const GUIDES: &[Guide] = &[
    Guide {
        command: "rollback",
        tells: "\
Makes the release live that was live before, or the one that `--to` names. What is left becomes \
bad: no event and no sweep brings it back, only an operator who names it. A second rollback goes \
further back, never to and fro. A release whose key was removed from `public_keys` must be named. A newer version than any before still goes live when it comes: \
`seedship hold` keeps it back.

It swaps one link, in milliseconds, and needs neither network nor rtorrent. It never waits for a \
deploy that runs, and removes nothing. It waits up to a minute for another command that is \
switching at this moment. After the switch `activated` and `check` of `[apps.NAME.run]` run; \
whatever they say, nothing is switched again. `--no-run` skips them.",
        exits: &[
            (Done, "the target is live, and will be after a power cut"),
            (
                NotFound,
                "no such app or release, or nothing to go back to; it says what `--to` can \
                        take",
            ),
            (NotOurs, "`current` is a real directory, or the root is none"),
            (Io, "the disk failed; what was live is live"),
            (Again, "another command is switching and did not end"),
            (
                Permission,
                "this user does not own the root, it says who does; or the key of the release \
                 before was removed",
            ),
            (
                Config,
                "the configuration is wrong, the root is not there, or a record cannot be \
                      read: `--to` goes without",
            ),
            (Unhealthy, "it is live, and `activated` or `check` failed: it stays live"),
        ],
        examples: &[
            ("seedship rollback shop --dry-run", "where would it go?"),
            ("seedship rollback shop", "go there"),
            ("seedship rollback shop --to 1.4.0", "go to a certain release"),
            ("seedship rollback shop --no-run", "go there, and run nothing"),
        ],
        see: &["activate", "hold", "releases"],
    },
    Guide {
        command: "activate",
        tells: "\
Makes a release live that landed, whatever its age: a staged one, an older one, a bad one because \
you name it. What was live stays good, and `rollback` comes back to it. Naming the live release \
says that it is good.

A release that was passed over as too old was never unpacked: the next sweep lands it, then \
activate it.

Like `rollback` it swaps one link, needs neither network nor rtorrent, waits for no deploy and \
removes nothing. After the switch `activated` and `check` of `[apps.NAME.run]` run; whatever they \
say, nothing is switched again. `--no-run` skips them.",
        exits: &[
            (Done, "it is live, or was; or the next sweep lands it, which is told"),
            (NotFound, "no such app, or no release of that version stands; why, and which do"),
            (
                NotOurs,
                "`current` was not made by seedship: `--adopt` takes it over; or the root is \
                       no directory",
            ),
            (Io, "the disk failed; what was live is live"),
            (Again, "another command is switching and did not end"),
            (Permission, "this user does not own the root; it says who does"),
            (
                Config,
                "the configuration is wrong, the root is not there, or a record cannot be \
                      read",
            ),
            (Unhealthy, "it is live, and `activated` or `check` failed: it stays live"),
        ],
        examples: &[
            ("seedship activate shop 1.4.2 --dry-run", "what would it replace?"),
            ("seedship activate shop 1.4.2", "let a staged release go live"),
            ("seedship activate shop 1.4.2 --adopt", "take over a site that was made by hand"),
        ],
        see: &["rollback", "adopt", "releases"],
    },
    Guide {
        command: "adopt",
        tells: "\
Takes over a tree of Capistrano, Deployer, Ansistrano or Mina in the app's root: what `current` leads \
to and the finished releases beside it get records, in the other tool's order, so that `rollback` goes \
where its own would have gone. Nothing is moved, nothing switched, no command run: `current` keeps its \
text, absolute or not, until the first switch.

What the other tool did not finish gets no record, and neither does what has no place in its order; \
what it took back becomes bad. `rollback --to` reaches them all the same. Adopted releases are never \
pruned: remove the directory of one that is not wanted any more, and the next sweep forgets it.

A release of yours that landed meanwhile goes live by the next sweep: `seedship hold` before keeps it \
back. Typed again, it takes over what is left. A real directory at `current`, or a link that leads out \
of the root, is taken over by `activate --adopt`.",
        exits: &[
            (Done, "taken over, or there was nothing to take over"),
            (NotFound, "no such app, no `current`, or it leads to nothing"),
            (
                NotOurs,
                "`current` is no link, leads out of the root, or to a name in no known order; or \
                       the root is no directory",
            ),
            (Io, "the disk failed; typed again, it goes on"),
            (Again, "the other tool is deploying, or another command is switching"),
            (
                Permission,
                "this user does not own the root, or another one owns what is to be taken over; \
                 it says who",
            ),
            (
                Config,
                "the configuration is wrong, the root is not there, or a record cannot be \
                      read",
            ),
        ],
        examples: &[
            ("seedship adopt shop --dry-run", "what would become of each release?"),
            ("seedship adopt shop", "take them over"),
        ],
        see: &["activate", "rollback", "releases"],
    },
    Guide {
        command: "hold",
        tells: "\
From now on releases of the app are verified and land as ever, and none goes live by itself: they \
are staged. `seedship status` shows who holds it, since when, until when and why. A hold in force \
is replaced. `rollback` and `activate` work all the same.

The live release is not touched, and a release that is going live at this moment is not stopped.",
        exits: &[
            (Done, "it is held"),
            (NotFound, "the configuration has no such app"),
            (NotOurs, "the root is no directory"),
            (Io, "the hold could not be written"),
            (Again, "another command is switching and did not end"),
            (Permission, "this user does not own the root; it says who does"),
            (Config, "the configuration is wrong, or the root is not there"),
        ],
        examples: &[
            ("seedship hold shop --reason 'sale until Monday'", "until `seedship unhold shop`"),
            ("seedship hold shop --until 2h", "for two hours"),
            ("seedship hold shop --until 2030-05-01T12:00:00Z", "until noon of a day, in UTC"),
        ],
        see: &["unhold", "status", "activate"],
    },
    Guide {
        command: "unhold",
        tells: "\
Ends the hold. Nothing goes live in this moment: the next `seedship sweep`, or the event of the \
next release, lets the newest that landed go live. Older ones that landed meanwhile stay staged.",
        exits: &[
            (Done, "it is not held, or was not"),
            (NotFound, "the configuration has no such app"),
            (NotOurs, "the root is no directory"),
            (Io, "the hold could not be removed"),
            (Again, "another command is switching and did not end"),
            (Permission, "this user does not own the root; it says who does"),
            (Config, "the configuration is wrong, or the root is not there"),
        ],
        examples: &[
            ("seedship unhold shop", "releases go live by themselves again"),
            ("seedship unhold shop --dry-run", "is it held?"),
        ],
        see: &["hold", "sweep", "status"],
    },
    Guide {
        command: "prune",
        tells: "\
Removes the oldest releases beyond `keep` of the configuration. Every deploy and sweep does the \
same; type it to free space now, or with `--keep` to go further once.

Bad releases do not count for `keep`. Whatever it says, these stay:

  what is live, what that came from, and where `rollback` would go
  what `previous` names
  what is staged, on trial, or named by an unfinished decision
  what ceased to be live within `linger`
  the newest bad release, for study
  what was adopted or has no record

While `current` is not Seedship's nothing goes. Downloads stay: the next \
sweep removes those of pruned releases, where `downloads` says so. A pruned release does not come \
back by itself; its tree can come back under a new version.

It does not wait for a running deploy, which prunes by itself at its end.",
        exits: &[
            (Done, "pruned, or there was nothing to prune"),
            (NotFound, "the configuration has no such app"),
            (NotOurs, "the root is no directory"),
            (Io, "the disk failed; what was not removed is removed by the next sweep"),
            (Again, "a deploy runs; it says which"),
            (Permission, "this user does not own the root; it says who does"),
            (
                Config,
                "the configuration is wrong, the root is not there, or a record cannot be \
                      read",
            ),
        ],
        examples: &[
            ("seedship prune shop --dry-run", "what would be removed"),
            ("seedship prune shop", "remove it"),
            ("seedship prune shop --keep 2 --dry-run", "what would go if only two were kept"),
        ],
        see: &["releases", "sweep", "config.toml"],
    },
];
