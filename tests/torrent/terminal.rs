//! The bar: there on a terminal, and nowhere else.

use super::Desk;
use crate::host::{Run, SEEDSHIP};
use metainfo::create::Draft;
use std::{fs, process::Command};

/// What a command prints on a terminal of its own: both streams, as the terminal gets them.
fn on_terminal(desk: &Desk, args: &str) -> Run {
    let mut script = Command::new("script");
    let command = format!("stty cols 80 rows 24; {SEEDSHIP} {args}");
    script.args(["--quiet", "--return", "--command", &command, "/dev/null"]);
    script.current_dir(&desk.dir).env("TERM", "xterm").env_remove("NO_COLOR");
    script.env("SEEDSHIP_CONFIG", "config.toml");
    Run::of(script.output().unwrap())
}

/// 256 MiB that cost nothing to write: the first piece is not what the torrent says.
fn large() -> Desk {
    let desk = Desk::new();
    let length = 256 << 20;
    let file = fs::File::create(desk.path("large.tar")).unwrap();
    file.set_len(length).unwrap();
    let zeros = vec![0; 1 << 20];
    let one = Draft::single("large.tar", 1 << 20).piece_length(1 << 20);
    let sum = one.hash(|_| Ok(&zeros[..])).unwrap()[0];
    let mut sums = vec![sum; 256];
    sums[0] = [0; 20];
    let draft = Draft::single("large.tar", length).piece_length(1 << 20);
    desk.made("large.tar", &draft, &sums);
    desk
}

#[test]
fn a_bar_shows_on_a_terminal_how_far_it_is() {
    let desk = large();
    let run = on_terminal(&desk, "torrent verify large.tar.torrent");
    assert_eq!(run.code, 65, "{run:?}");
    // Drawn at times only: what it says of wrong pieces may come too late to be drawn.
    for part in [" %  ", " of 256.00 MiB  ", "/s  "] {
        assert!(run.stdout.contains(part), "no {part} in {:?}", run.stdout);
    }
    // The line is gone before the answer comes, and the answer is whole.
    let end = run.stdout.rfind("\u{1b}[2K").unwrap();
    assert!(!run.stdout[end..].contains("MiB/s"), "{:?}", run.stdout);
    assert!(run.stdout[end..].contains("large.tar: \u{1b}[31mdamaged"), "{:?}", run.stdout);
    // It fits the terminal: no line of it wraps, and has to be gone back to.
    assert!(!run.stdout.contains("\u{1b}[1A"), "{:?}", run.stdout);
}

#[test]
fn machines_and_pipes_get_no_bar() {
    let desk = large();
    let run = on_terminal(&desk, "torrent verify large.tar.torrent --json");
    assert_eq!(run.code, 65, "{run:?}");
    assert!(serde_json::from_str::<serde_json::Value>(&run.stdout).is_ok(), "{:?}", run.stdout);
    let run = desk.run(&["torrent", "verify", "large.tar.torrent"]);
    assert_eq!(run.stderr, "");
    let expected = "large.tar: damaged, 1 of 256 pieces is wrong\n  wrong: 0\n";
    assert!(run.stdout.starts_with(expected), "{}", run.stdout);
}
