//! A spy in the thread that unpacks: the manifest is written there, so its writer can try what an
//! archive would like to do.

use super::{tars::Tar, *};
use crate::unpack::{Confinement, confinement};
use std::{io, thread};

/// A writer that tries, with every write, to make a file and to read one.
struct Spy {
    outside: PathBuf,
    /// Whether each trial succeeded, made by the thread that unpacks.
    confined: Vec<bool>,
    /// The same by any other.
    free: Vec<bool>,
}

impl Spy {
    fn new(outside: PathBuf) -> Self {
        Self { outside, confined: Vec::new(), free: Vec::new() }
    }
}

impl Write for Spy {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let made = fs::write(self.outside.join("made"), "x").is_ok();
        let read = fs::read(self.outside.join("sentinel")).is_ok();
        let confined = thread::current().name() == Some("unpack");
        if confined { &mut self.confined } else { &mut self.free }.extend([made, read]);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_runs_in_the_thread_that_unpacks_reaches_nothing_outside() {
    let Confinement::Landlock(_) = confinement() else {
        println!("skipped: {}", confinement());
        return;
    };
    let bench = Bench::new();
    let tar = Tar::new().file("d/f", "x").link("l", "d/f").same("h", "d/f").end();
    fs::create_dir(bench.at("payload/site")).unwrap();
    fs::write(bench.at("payload/site/f"), "x").unwrap();
    let files = [(crate::verify::tests::file("f", 1, metainfo::Attr::default()), &b"x"[..])];
    let directory = crate::verify::tests::torrent_of_files("site", &files, 16 << 10);
    let mut payloads = vec![(directory, bench.at("payload/site"))];
    for (name, bytes) in tars::packed(&tar) {
        fs::write(bench.at("payload").join(&name), &bytes).unwrap();
        payloads.push((torrent_of(&name, &bytes, 16 << 10), bench.at("payload")));
    }
    let zip = zipped::zip(&[zipped::good()]);
    fs::write(bench.at("payload/a.zip"), &zip).unwrap();
    payloads.push((torrent_of("a.zip", &zip, 16 << 10), bench.at("payload")));
    let mut tried = 0;
    for (torrent, payload) in payloads {
        fs::remove_dir_all(bench.stage()).unwrap();
        fs::create_dir(bench.stage()).unwrap();
        let spy = || Spy::new(bench.at("outside"));
        let (_, b3, tree) = bench.unpack_listed(&torrent, &payload, spy(), spy()).unwrap();
        let confined = [b3.confined, tree.confined].concat();
        assert!(confined.len() >= 2, "it was never written to there");
        tried += confined.len();
        assert!(!confined.contains(&true), "{}: {confined:?}", torrent.name().escape_ascii());
        // Who writes the first line of the list is not confined.
        assert!(!tree.free.is_empty() && !tree.free.contains(&false), "{:?}", tree.free);
    }
    let page = fs::read_to_string(bench.at("app/current/index.html")).unwrap();
    let what = "from within the thread that unpacks: make and read a file outside the stage";
    let happened = "denied by Landlock, each time";
    lab::withstood!(CHAPTER, what, tried, happened, page == OLD);
}
