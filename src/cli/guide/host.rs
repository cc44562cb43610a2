//! The program as a whole: what it works with, and what lies where.

use super::Guide;

/// Something with a name, and what it is.
#[derive(Debug)]
pub(in crate::cli) struct Named {
    pub(in crate::cli) name: &'static str,
    pub(in crate::cli) is: &'static str,
}

/// What every page tells of files.
pub(in crate::cli) const FILES: &[Named] = &[
    Named { name: "/etc/seedship/config.toml", is: "the configuration" },
    Named {
        name: "/etc/seedship/config.d/*.toml",
        is: "further files of it, read in byte order; tables merge, an app stands in one file",
    },
    Named { name: "ROOT/current", is: "the link to the live release; what the web server serves" },
    Named { name: "ROOT/previous", is: "the link to what was live before, for people" },
    Named { name: "ROOT/releases/VERSION", is: "a release; never changed after it landed" },
    Named { name: "ROOT/shared", is: "what all releases share, as the configuration says" },
    Named {
        name: "ROOT/.seedship",
        is: "records, manifests, the hold, locks and history.jsonl; without it the site is served \
             all the same",
    },
];

/// What every page tells of the environment.
pub(in crate::cli) const ENVIRONMENT: &[Named] = &[
    Named { name: "SEEDSHIP_CONFIG", is: "the configuration, where `--config` does not name one" },
    Named {
        name: "SEEDSHIP_KEY_PASSWORD",
        is: "the password of the secret key, where `--password-file` does not name a file",
    },
    Named { name: "MINISIGN_CONFIG_DIR", is: "where the secret key lies, in place of ~/.minisign" },
    Named { name: "NO_COLOR", is: "set to anything, it keeps colours off a terminal" },
    Named { name: "SUDO_USER", is: "who typed the command, for history and log; sudo sets it" },
];

/// The program itself.
pub(super) const SEEDSHIP: Guide = Guide {
    command: "",
    tells: "\
An app is one site that is deployed: a table such as [apps.shop] in the configuration and a root \
such as /srv/www/shop. A release is one directory below it, releases/1.4.2, named by its version \
and never changed. The web server serves ROOT/current, a link to the live release.

The life of a release:

  rtorrent finishes the download, its event calls `seedship finished`
    verified  every byte against the torrent, that by its signature
    landed    unpacked, flushed to the disk, named releases/1.4.2
    live      `current` is swapped to it, in one step
    good      `rollback` can go there; bad: rolled back, or failed
    pruned    removed when newer ones are enough, its download too

What cannot land now waits and is tried again by `seedship sweep`; what would always fail is \
refused. A release that landed and may not go live (a hold, manual activation, an older version) \
is staged until an operator activates it. `seedship status` says which is which, and why.

Only the owner of an app's root changes the app. Root may type every command: it becomes that \
user first. Commands that look take no lock and change nothing.",
    exits: &[],
    examples: &[
        (
            "seedship status",
            "which version is live in each app and since when, what waits, and why",
        ),
        ("seedship rollback shop", "go back to the release before; it takes milliseconds"),
        ("seedship hold shop --reason 'sale until Monday'", "keep newer releases from going live"),
        ("seedship prune shop --dry-run", "what would be removed"),
        ("seedship man rollback | man -l -", "read the manual page of a command"),
    ],
    see: &["status", "rollback", "finished", "sweep", "config.toml"],
};
