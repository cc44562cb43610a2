//! For whoever publishes releases, on a machine that need not be a server.

use super::Guide;
use crate::error::Exit::{Config, Done, Io, NotFound, NotOurs, Payload, Permission, Usage};

pub(super) const GUIDES: &[Guide] = &[
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
