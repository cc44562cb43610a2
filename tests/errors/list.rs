//! The list as people read it: a chapter an exit code.

use super::{
    made::{Made, all, doings, mistakes, reasons},
    source::Function,
};
use seedship::error::Exit;
use std::{collections::BTreeMap, fmt::Write};

/// The list for people.
pub(super) fn list(functions: &[Function]) -> String {
    let all = all(functions);
    let mut text = String::from(
        "# Errors\n\n\
         Every error that Seedship tells, by its exit code: what it could not do, why, and what \
         can be done about it. On a terminal the hint stands on a line of its own, in the log in \
         brackets behind the sentence. `…` stands for what is only known when it happens: a path, \
         a version, a number, another program's words.\n\n\
         This list is made from the sources, and a test holds it: `UPDATE_DOCS=1 make test` writes it \
         anew.\n",
    );
    for (exit, name, meaning) in CHAPTERS {
        let of_exit: Vec<&Made> = all.iter().filter(|made| made.exit == *name).collect();
        let _ = write!(text, "\n## {}: {meaning}\n", exit.code());
        let mut told: BTreeMap<String, BTreeMap<&str, Vec<&str>>> = BTreeMap::new();
        for made in of_exit {
            let sentence = format!("could not {} {}", made.verb, made.thing);
            let hint = made.hint.as_deref().unwrap_or_default();
            told.entry(sentence).or_default().entry(hint).or_default().push(&made.cause);
        }
        for (sentence, hints) in &told {
            let _ = write!(text, "\n**{sentence}:**\n\n");
            for (hint, causes) in hints {
                causes.iter().for_each(|cause| {
                    let _ = writeln!(text, "- {cause}");
                });
                if !hint.is_empty() {
                    let _ = writeln!(text, "  - *{hint}*");
                }
            }
        }
        if *exit == Exit::Config {
            text += "\nIn a configuration file, with file, line and column:\n\n";
            for (cause, hint) in mistakes(functions) {
                let _ = writeln!(text, "- {cause}\n  - *{hint}*");
            }
        }
        if *exit == Exit::Io {
            let doings: Vec<String> = doings(functions).into_iter().collect();
            let _ = write!(
                text,
                "\n**could not … `…`:** followed by the operating system's own words, where it \
                 refuses to {}. Exit code 77 where a permission is missing or the file system is \
                 read-only.\n",
                doings.join(", ")
            );
        }
    }
    text += "\n## Where the cause is `…`\n";
    let mut room = String::new();
    for (of, reason) in reasons(functions) {
        if of != room {
            let _ = write!(text, "\n**{of}:**\n\n");
            room = of;
        }
        let _ = writeln!(text, "- {reason}");
    }
    text
}

/// The codes as the list has them.
pub(super) const CHAPTERS: &[(Exit, &str, &str)] = &[
    (Exit::Usage, "Usage", "the command line is wrong"),
    (Exit::Payload, "Payload", "the payload, or a limit: the same bytes will fail again"),
    (Exit::NotFound, "NotFound", "not found"),
    (Exit::Unreachable, "Unreachable", "rtorrent cannot be reached"),
    (Exit::Bug, "Bug", "a bug in Seedship: please report it"),
    (Exit::NotOurs, "NotOurs", "it cannot be created, or `current` is not ours"),
    (Exit::Io, "Io", "input or output failed, or the disk is full"),
    (Exit::Again, "Again", "try again later"),
    (Exit::Permission, "Permission", "a permission, or a signature"),
    (Exit::Config, "Config", "the configuration is wrong"),
    (Exit::Unhealthy, "Unhealthy", "a command of the app failed"),
];
