//! For whoever publishes releases, on a machine that need not be a server.

use super::Guide;
use crate::error::Exit::{
    Again, Config, Done, Io, NotFound, NotOurs, Payload, Permission, Unreachable, Usage,
};

pub(super) const GUIDES: &[Guide] = &[
    Guide {
        command: "publish",
        tells: "\
Makes a release of a build and brings it to the servers: packs a directory, hashes it in the same \
pass, signs the torrent, has rtorrent seed it and delivers the .torrent to the watch directories of \
the fleet. What each step needs is an option of its own; none needs a configuration, but for \
`--seed` without `--scgi`.

A directory becomes APP-VERSION.tar.zst: what is in it, without owners and with times that come from \
the content, so that the same content gives the same bytes on every machine. A file named \
.seedshipignore in it says what is left out, as `--exclude` does, by the rules of a .gitignore; the \
last line that matches wins. An archive or a file is published as it is, under that name with its own \
ending. `--layout directory` copies the tree as it is into a torrent of many files; a note names \
each empty directory, which a torrent cannot carry.

Payload and .torrent lie in `--directory`, which for `--seed` must be one that rtorrent reads under the \
same path, and outside of what is published. They get their names when they are whole and on the disk, \
the payload first. A failure leaves nothing of them, a signal nothing half: at worst a whole payload \
without its .torrent, which the same again completes. Where the machine itself stops, something \
hidden may stay that begins with .seedship.

A version is published once. The same again, with the same content, changes nothing and is delivered \
and seeded again: a job can be repeated. Other content under the same version is refused.

rtorrent is told which pieces are there, so that it need not hash them once more, and is asked until \
it seeds. Each `--to` is delivered to by itself, up to 16 hosts at once, by `ssh` with the user's own \
keys and known hosts, and never a question; one line tells of each as it is done. A directory there \
must exist. `--ssh 'ssh -p 2222 -F FILE'` says how hosts are reached.",
        exits: &[
            (Done, "it is published, and every destination has it"),
            (Usage, "an argument that cannot be, or no terminal to ask for a password"),
            (
                Payload,
                "what was named cannot be a release, holds its own key, or changed while it was read; the \
                 key is none",
            ),
            (NotFound, "no such file, key, or directory to deliver to"),
            (Unreachable, "rtorrent or a host cannot be reached"),
            (
                NotOurs,
                "the version is published already, with other content; or it would be written into \
                 what is published",
            ),
            (Io, "the disk failed or is full, here or on a host"),
            (Again, "rtorrent does not find the payload, or somebody published the same meanwhile"),
            (Permission, "the password is wrong, or this user may not read or write a file"),
            (Config, "the configuration is wrong, or rtorrent's directory must be named"),
        ],
        examples: &[
            (
                "seedship publish build/ --app shop --version 1.4.2 --announce http://t.example.org/announce",
                "payload and .torrent into this directory, signed by the usual key",
            ),
            (
                "seedship publish build/ --app shop --version 1.4.2 --announce http://t.example.org/announce --key ci.key --seed --to deploy@web1:/srv/watch --to deploy@web2:/srv/watch",
                "seeded here, and delivered to two servers",
            ),
            (
                "seedship publish shop.zip --app shop --version 1.4.2 --meta git=4f2a1c9 --meta build=7 --output -",
                "an archive as it is; its origin is shown on every server",
            ),
            (
                "seedship publish . --app shop --version 1.4.2 --exclude .git --directory /srv/seed",
                "a checkout as it stands, without its history",
            ),
        ],
        see: &["keygen", "sign", "torrent show", "finished", "config.toml"],
    },
    Guide {
        command: "keygen",
        tells: "\
Makes a pair of keys: a secret one, which signs releases, and a public one, by which every server \
knows them. It prints the line for `public_keys` in the configuration of the servers. Both files are \
those of minisign(1): either program uses what the other made.

It asks for a password on the terminal, twice. A machine gives it by `--password-file`, or makes a key \
without one by `--no-password`: then who can read the file can deploy to every server.

It never overwrites a key. Keys are changed without a gap: add the new public key to `public_keys` \
of every server, sign with the new secret key from then on, remove the old public key. What is live \
stays live; a release of the removed key goes live only when somebody names it.",
        exits: &[
            (Done, "both files are written and on the disk"),
            (Usage, "no terminal to ask on, or passwords that differ or are empty"),
            (NotOurs, "a file is there already, or its directory is not"),
            (Io, "the disk failed or is full"),
            (Permission, "this user may not write there"),
        ],
        examples: &[
            ("seedship keygen", "for a person: asks for a password"),
            (
                "seedship keygen --no-password --secret ci.key --public ci.pub",
                "for a machine that keeps secrets",
            ),
        ],
        see: &["sign", "config.toml"],
    },
    Guide {
        command: "sign",
        tells: "\
Puts a signature into a .torrent: of its info, which names every byte of the payload, for this app, \
version and time of publication. The info hash stays as it is, so that whoever seeds the torrent goes \
on. Servers with the key in `public_keys` take the release, and refuse one that is not signed, for \
another app or version, or changed. `seedship torrent show` shows what a signature says.

App and version are those that the configuration takes the torrent's name for; `--app` and \
`--version` together need no configuration. The time puts releases in order: sign anew, under a \
new version, what is to come after another.

The file is replaced in one step: what else it holds stays, byte for byte. A key of the minisign \
program with a password takes 1 GiB of memory and some seconds to open, one of `seedship keygen` \
32 MiB.",
        exits: &[
            (Done, "the torrent is signed and on the disk"),
            (Usage, "no terminal to ask on, or a fact that cannot be written"),
            (Payload, "it is no torrent, none that a server would take, or the key is no secret key"),
            (NotFound, "no such torrent or key, or no app takes the torrent"),
            (NotOurs, "it is signed already: `--force` replaces that"),
            (Io, "the disk failed or is full"),
            (Permission, "the password is wrong, or this user may not read or write a file"),
            (Config, "the configuration is wrong; it is read where app or version is not named"),
        ],
        examples: &[
            (
                "seedship sign shop-1.4.2.tar.zst.torrent --app shop --version 1.4.2",
                "with the usual key",
            ),
            (
                "seedship sign shop.torrent --key ci.key --fact git=4f2a1c9 --fact build=7",
                "with facts that `seedship status` shows",
            ),
            (
                "seedship sign shop.torrent --password-file /run/secrets/key",
                "by a machine, the password from a file",
            ),
        ],
        see: &["keygen", "torrent show", "config.toml"],
    },
];
