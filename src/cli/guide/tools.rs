//! Tools beside deploying.

use super::Guide;
use crate::error::Exit::{
    Again, Config, Done, Io, NotFound, NotOurs, Payload, Permission, Unhealthy, Unreachable, Usage,
};

pub(super) const GUIDES: &[Guide] = &[
    Guide {
        command: "doctor",
        tells: "\
Looks at everything on the way from a finished download to a live release, and says of each thing \
how it is: `ok`; `note`, worth knowing or not to be seen by this user; `warning`, it works and will \
not always; `fault`, a deploy fails by it, or a stranger may deploy. What is not ok has a cause and \
a cure, a line each.

It looks at rtorrent and its version; at the handlers of `event.download.finished`, which rtorrent \
runs, or fails to run, without a word; at the hook as rtorrent's child: its user, its sandbox, the \
configuration it reads, a trial rename in each root; at who may connect to the socket; at the names of \
the downloads; at each root's owner, file system and room; at holds, leftovers and what waits for too \
long; at the clock, at children of rtorrent that pile up, and at commands that reload php-fpm.

Type it as root, which tries each root as its owner, or as the user who owns them; what another user \
cannot see is said. Without rtorrent it looks at everything else. It takes no lock of a deploy. It \
never fires the event: that would run every other handler on somebody's download. rtorrent stands \
still for less than a second while its child looks.

`--fix` binds the hook under the key zz_seedship in the running rtorrent, takes away handlers that \
were meant to call it and do not, reads both back, and prints the line of rtorrent.rc without which \
the next start forgets it. Nothing else is changed.

The exit code is that of the first fault; warnings and notes are none.",
        exits: &[
            (Done, "nothing is at fault"),
            (NotFound, "the session directory is not that of this rtorrent"),
            (Unreachable, "rtorrent does not answer, or cannot run the hook's program"),
            (NotOurs, "a root's file system will not do, or `current` is not seedship's"),
            (Io, "no room for a release, or something could not be read"),
            (Again, "rtorrent's children pile up to its bound, or a trial was disturbed"),
            (
                Permission,
                "the hook's user does not own a root or may not read; or everybody may connect",
            ),
            (
                Config,
                "the event is not bound right; the configuration is wrong or another one is read; \
                      the clock is wrong",
            ),
            (Unhealthy, "a command needs sudo, and rtorrent's sandbox forbids it"),
        ],
        examples: &[
            ("seedship doctor", "why is my hook not called?"),
            ("seedship doctor --fix --dry-run", "what would be bound?"),
            ("seedship doctor --fix", "bind it, and see what is left"),
            (
                "seedship doctor --json | jq -r '.findings[] | select(.level != \"ok\") | .id'",
                "for monitoring",
            ),
        ],
        see: &["status", "finished", "sweep", "config.toml"],
    },
    Guide {
        command: "torrent",
        tells: "\
Makes a .torrent, or looks into one or into a download that rtorrent has, by its info hash. Nothing is \
deployed, and no payload is changed.",
        exits: &[],
        examples: &[
            ("seedship torrent show shop-1.4.2.tar.zst.torrent", "what does it hold?"),
            ("seedship torrent verify shop-1.4.2.tar.zst.torrent", "is the payload whole?"),
            ("seedship torrent create shop-1.4.2.tar.zst", "make one"),
        ],
        see: &["torrent create", "torrent show", "torrent verify", "finished"],
    },
    Guide {
        command: "torrent create",
        tells: "\
Makes a .torrent of a file, or of a directory with all that is in it, and writes it beside the payload \
as NAME.torrent. Every processor reads and hashes. The same payload and options give the same bytes on \
every machine: files stand in the order of their names, and no date is written.

Of a directory, links and the right to execute are kept (BEP 47); an empty directory cannot be, and is \
told. Refused is what no server would take: names that are not UTF-8 or have control characters, links \
that are absolute or lead out, pipes and devices, a tree without a file. So is a payload that changes \
while it is hashed. Then there is no torrent: it gets its name whole, at the end.

A torrent of a file is of BitTorrent v1 and v2, one of a directory of v1 alone: v2 needs padding \
between files, which `--hybrid` adds. Transmission before 4.0 reads no torrent \
of both, and aria2 1.36 takes it for another one: `--no-hybrid` is for them. Pieces are a thousand or so, unless `--piece-length` says \
otherwise. Nothing is signed, seeded or sent anywhere: `seedship sign` signs what was made.",
        exits: &[
            (Done, "the torrent is on the disk, or was written to standard output"),
            (Usage, "a name that is none, or `--json` where the torrent goes to standard output"),
            (Payload, "no torrent can be made of it, or it changed meanwhile"),
            (NotFound, "nothing is at PATH"),
            (NotOurs, "the torrent is there already: `--force` replaces it; or there is no place for it"),
            (Io, "the disk failed or is full, or a file could not be read"),
            (Permission, "this user may not read a file, or not write the torrent"),
        ],
        examples: &[
            (
                "seedship torrent create shop-1.4.2.tar.zst --private --announce udp://tracker.example:6969",
                "a release, for the peers of one tracker",
            ),
            ("seedship torrent create site --output site-1.0.torrent --name site-1.0", "a directory"),
            ("seedship torrent create shop.tar --output - > shop.torrent", "to standard output"),
        ],
        see: &["sign", "torrent show", "torrent verify"],
    },
    Guide {
        command: "torrent show",
        tells: "\
Tells what a torrent holds: its name, info hash, files and sizes, pieces, trackers, creation date \
and signature, and a magnet link. Where there is a configuration it also tells the app and version \
that a deploy would take it for, whose key verifies the signature, and why it would be refused: that \
changes nothing about the exit code.

TORRENT is a file if it has a slash or is there, else an info hash: then rtorrent is asked, or its \
session directory where it does not answer. No payload is read. 40 files and 10 trackers are shown; \
`--json` has all.",
        exits: &[
            (Done, "told"),
            (Payload, "it is no torrent that seedship can read, or larger than `limits.torrent`"),
            (NotFound, "no such file, or rtorrent has no such download"),
            (Unreachable, "rtorrent does not answer, and its session has no such download"),
            (Io, "the file could not be read"),
            (Permission, "this user may not read the file"),
            (Config, "the configuration is wrong; it is read where an info hash is named"),
        ],
        examples: &[
            ("seedship torrent show shop-1.4.2.tar.zst.torrent", "a file"),
            (
                "seedship torrent show 0123456789abcdef0123456789abcdef01234567",
                "a download of rtorrent",
            ),
        ],
        see: &["torrent verify", "finished"],
    },
    Guide {
        command: "torrent verify",
        tells: "\
Reads a payload and compares every piece with the torrent's hashes, SHA-1 and, where the torrent is a \
hybrid one (BEP 52), SHA-256; says which pieces and which files are wrong. On a terminal a bar shows how far it is.

The payload is looked for where rtorrent has it, or beside the .torrent under the torrent's name. \
PAYLOAD names it elsewhere: the file of a single-file torrent, under any name, or a directory that \
holds it; the directory of any other. Pieces count from 0. A file is missing, short, not-a-file (a \
link is not followed), unreadable, wrong, unverified (it shares a piece with one of those) or good. \
One that is too long is told and not wrong: rtorrent leaves it so.

Nothing is changed, repaired or downloaded: let rtorrent check its hash (Ctrl-R) and fetch it again.",
        exits: &[
            (Done, "every piece is right"),
            (
                Payload,
                "pieces are wrong or files are missing, each is told; or it is no torrent that \
                 seedship can read",
            ),
            (NotFound, "no such file, payload or download"),
            (Unreachable, "rtorrent does not answer, and its session has no such download"),
            (Io, "nothing is known to be wrong, but something could not be read"),
            (Permission, "nothing is known to be wrong, but something may not be read"),
            (Config, "the configuration is wrong; it is read where an info hash is named"),
        ],
        examples: &[
            (
                "seedship torrent verify shop-1.4.2.tar.zst.torrent",
                "the payload lies beside the .torrent",
            ),
            (
                "seedship torrent verify shop-1.4.2.tar.zst.torrent /srv/build/shop-1.4.2.tar.zst",
                "the payload lies elsewhere",
            ),
            (
                "seedship torrent verify 0123456789abcdef0123456789abcdef01234567",
                "a download of rtorrent",
            ),
        ],
        see: &["torrent show", "audit"],
    },
    Guide {
        command: "config",
        tells: "\
Checks the configuration before anything depends on it, or shows what is in force. Neither looks \
into the apps' roots, and neither changes anything.",
        exits: &[],
        examples: &[
            ("seedship config check", "what is wrong, and where?"),
            ("seedship config show", "what is in force, defaults filled in"),
        ],
        see: &["config check", "config show", "config.toml"],
    },
    Guide {
        command: "config check",
        tells: "\
Reads the configuration and its config.d as every command does, and tells every table that is wrong, \
not only the first: its first fault with file, line and column, and what to write instead.

One wrong table stops its own app and no other; a check fails on any. With `--file` it reads that \
one file as a fragment, so that Puppet's validate_cmd or a script can ask before it is installed.",
        exits: &[
            (Done, "nothing is wrong"),
            (Io, "a file could not be read"),
            (Permission, "this user may not read a file"),
            (Config, "something is wrong, or there is no configuration"),
        ],
        examples: &[
            ("seedship config check", "the configuration in force"),
            ("seedship config check --file shop.toml", "a fragment before it goes to config.d"),
        ],
        see: &["config show", "config.toml"],
    },
    Guide {
        command: "config show",
        tells: "\
Prints the configuration in force as one TOML file: all files merged, every default filled in. \
With `--json` the same as an object. An app whose table is wrong is left out: `seedship config \
check` tells of it.",
        exits: &[
            (Done, "printed"),
            (Io, "a file could not be read"),
            (Permission, "this user may not read a file"),
            (Config, "it cannot be read as a whole, or there is no configuration"),
        ],
        examples: &[
            ("seedship config show", "as TOML"),
            ("seedship config show --json | jq .apps.shop.keep", "one setting"),
        ],
        see: &["config check", "config.toml"],
    },
    Guide {
        command: "completions",
        tells: "\
Prints a script by which a shell completes commands, options and files. Names of apps and \
versions are not completed: they would need the configuration and the right to read it at every \
key.",
        exits: &[(Done, "printed")],
        examples: &[
            (
                "seedship completions bash > /usr/share/bash-completion/completions/seedship",
                "for bash",
            ),
            ("seedship completions zsh > /usr/share/zsh/vendor-completions/_seedship", "for zsh"),
            (
                "seedship completions fish > /usr/share/fish/vendor_completions.d/seedship.fish",
                "for fish",
            ),
        ],
        see: &["man"],
    },
    Guide {
        command: "man",
        tells: "\
Prints the manual page of seedship, or of the command that is named, as man(1) reads it; \
`config.toml` is the page of the configuration.

With `--to` every page is written into a directory, for a package to install: seedship.1, \
seedship-rollback.1 and so on for man1, seedship-config.5 for man5.",
        exits: &[
            (Done, "printed or written"),
            (NotOurs, "the directory is not there, or is none"),
            (Io, "a page could not be written, or the disk is full"),
            (Permission, "this user may not write there"),
        ],
        examples: &[
            ("seedship man | man -l -", "read about seedship"),
            ("seedship man rollback | man -l -", "read about one command"),
            ("seedship man config.toml | man -l -", "read about the configuration"),
            ("seedship man --to debian/man", "write all pages"),
        ],
        see: &["completions", "config.toml"],
    },
];
