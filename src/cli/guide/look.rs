//! Commands that look: no lock, nothing written.

use super::Guide;
use crate::error::Exit::{Again, Config, Done, Io, NotFound, NotOurs, Payload, Permission};

pub(super) const GUIDES: &[Guide] = &[
    Guide {
        command: "status",
        tells: "\
For each app, or the one that is named: the live release and since when, the operator's hold, and \
one line for every release of which there is something to know, newest first. The word at its \
front says what it is:

  live            `current` leads to it
  live, on trial  the same, and it is not known yet whether it is good
  gone            `current` leads to it, and its directory is not there
  being landed    a deploy reads or unpacks it now
  unfinished      a deploy was interrupted; the next sweep resumes it
  staged          landed, and not live because of what the line says
  waiting         it failed for now; when it is tried again, and why
  refused         it will always fail; why
  returned        rolled back, or failed: what is live came after it
  good            where `rollback` would go

`#2` beside the live release says that it was the second to be made live in this app.

Counted only are releases that are bad, pruned or superseded, good ones that `rollback` does not \
go to, and those that were refused before the live one came: `seedship releases` lists them, \
`seedship history` says what happened to them.

It takes no lock, waits for nothing and changes nothing; it works beside a running deploy and \
without rtorrent. The owner of the root may look, and members of the group of .seedship.",
        exits: &[
            (Done, "told; damaged records are part of the answer"),
            (NotFound, "the configuration has no such app"),
            (NotOurs, "the root is no directory"),
            (Io, "the root could not be read"),
            (Permission, "this user may not look into the root"),
            (
                Config,
                "the configuration is wrong, or an app's root is not there, or what `current` \
                      leads to",
            ),
        ],
        examples: &[
            ("seedship status", "all apps"),
            ("seedship status shop", "one app: what is live, and why 1.4.2 is not"),
            ("seedship status --json | jq -r '.apps[] | [.app, .live] | @tsv'", "for scripts"),
        ],
        see: &["releases", "history", "audit"],
    },
    Guide {
        command: "releases",
        tells: "\
A table of every release that is known, newest first by the app's order: by signed publication \
time where keys are configured, else by version. SINCE is when it became what it is, NO is 1 \
for the release that was the first to be made live in this app, 2 for the second, PUBLISHED is the signed day or that of the torrent. NOTE says `rollback` where a \
rollback would go, `previous` what was live before, `prunable` what `prune` would remove, \
`adopted` what was there before seedship.

STATE is as `seedship status` explains, and beside those: `bad` failed or was rolled back from, \
`superseded` is older than one that was live when it came, `pruned` was removed, `no record` is a directory \
that seedship knows nothing of and never touches.

It takes no lock, waits for nothing and changes nothing.",
        exits: &[
            (Done, "told"),
            (NotFound, "the configuration has no such app"),
            (NotOurs, "the root is no directory"),
            (Io, "the root could not be read"),
            (Permission, "this user may not look into the root"),
            (
                Config,
                "the configuration is wrong, or the root is not there, or what `current` leads \
                      to; or a record cannot be read, and what it would say is missing",
            ),
        ],
        examples: &[
            ("seedship releases shop", "what `rollback --to` and `activate` can name"),
            (
                "seedship releases shop --json | jq -r '.releases[] | select(.prunable).version'",
                "what would be pruned",
            ),
        ],
        see: &["status", "rollback", "activate", "prune"],
    },
    Guide {
        command: "history",
        tells: "\
The last events of an app, oldest first: what went live, landed or failed, and what operators \
typed, each with its time in UTC, the release it is about, what was live before, and who. BY is a \
user, or the command that an event or a timer ran.

Nothing is decided from the history: it is a log for people, in .seedship/history.jsonl, and may \
be rotated or removed.",
        exits: &[
            (Done, "told"),
            (NotFound, "the configuration has no such app"),
            (NotOurs, "the root is no directory"),
            (Io, "the history could not be read"),
            (Permission, "this user may not look into the root"),
            (Config, "the configuration is wrong, or the root is not there"),
        ],
        examples: &[
            ("seedship history shop", "the last 50 events"),
            ("seedship history shop -n 1", "the last one"),
            (
                "seedship history shop --json | jq '.events[] | select(.version == \"1.4.2\")'",
                "all that happened to one release",
            ),
        ],
        see: &["status", "releases"],
    },
    Guide {
        command: "audit",
        tells: "\
Reads a release, the live one if none is named, and compares it with the manifests that were \
written when it landed: content (BLAKE3), size and mode of files, modes of directories, the text of \
links. All of it must belong to the owner of the root, and the release's own directory must have the \
mode that `mode` in the configuration asks for. Not compared are group, times, access control lists, \
extended attributes and file capabilities. What lies behind links, and so behind `shared`, is not \
looked at: it is the site's own; nor is what is mounted on an entry, which is told.

A finding is `changed`, `missing`, `extra` or `unread`; a directory that is missing, extra or was \
replaced is one. At most 50 are shown; `--json` has up to 100000 of each sort, or 12 MiB of them, and \
counts the rest.

It takes no lock and changes nothing; members of the root's group may run it. It reads every byte of \
the release; on a terminal a bar shows how far it is. Something else than seedship changed what \
differs: roll back, or publish the tree as a new version, rather than repair it in place. Who can \
rewrite the manifests is not found out.",
        exits: &[
            (Done, "nothing differs"),
            (Payload, "something differs; each entry is told"),
            (NotFound, "no such app or release, or it has no manifest, as one that was adopted"),
            (NotOurs, "the root is no directory"),
            (Io, "the release could not be read, or a manifest is damaged"),
            (Again, "the release was removed while it was read"),
            (Permission, "nothing differs, but something may not be read by this user"),
            (Config, "the configuration is wrong, or the root is not there"),
        ],
        examples: &[
            ("seedship audit shop", "did anybody change the live release?"),
            ("seedship audit shop 1.4.1", "is what a rollback goes to still whole?"),
        ],
        see: &["status", "releases", "rollback"],
    },
    Guide {
        command: "monitor",
        tells: "\
A plugin for Nagios and Icinga: an exit code that is theirs (0 to 3, none of those that other commands \
have), one line that says it all with numbers for graphs, then a line for each app and for each thing \
that somebody should know. The worst of all apps counts; critical is worse than unknown, that worse \
than a warning.

Critical is:

  gone           `current` leads to a release that is not there
  empty          `current` is not there, and a release was live
  bad            what is live failed its check, with no way back
  expected       another version than that of --expect is live
  silence        no event and no sweep for too long (--silence)
  records        a record cannot be read: nothing lands until then
  space          less than `min_free` is free, or no inode
  configuration  it, or the app's table in it, is wrong
  unseen         the root is not there, or cannot be read

A warning is:

  refused        a newer release was refused
  returned       a release failed its check; that before it is live
  waiting        a release failed for now, six times or more
  unfinished     a deploy was killed, and no sweep took it up
                 within `lock_wait` of the configuration
  hold           the app is held for a week and more, without an end
  space          a release as large as the live one does not fit
  foreign        `current` was not made by seedship
  empty          nothing is live, and nothing was
  age            what is live is older than --max-age
  clock          the last sweep was at work in the future
  expected       that version is being landed, or waits for somebody

Unknown is what this user may not read, and who does not answer in time. A rollback is no problem: \
whoever did it knows.

Each app is looked at by a process of its own, as the owner of its root if root asks; one whose disk \
hangs keeps nobody from the others. It takes no lock, changes nothing, and needs no rtorrent. Members \
of the group of .seedship may run it.

With --prometheus a file for node_exporter is written in place of the answer, under another name \
first and renamed, mode 0644; the exit code says then whether it was written, 0 or 3, and the file \
how things are, also where the configuration is broken.",
        exits: &[],
        examples: &[
            ("seedship monitor", "all apps"),
            ("seedship monitor shop --expect 1.4.2", "is the new version live on this server?"),
            ("seedship monitor shop --max-age 30d --silence 2h", "other bounds"),
            (
                "seedship monitor --prometheus /var/lib/prometheus/node-exporter/seedship.prom",
                "from a timer, once a minute",
            ),
        ],
        see: &["status", "history", "doctor", "sweep"],
    },
];
