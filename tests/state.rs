//! What an older Seedship left on the disk, a newer one takes: a tree of each format that was ever
//! released is kept in `tests/state`, and every command works on a copy of it and loses nothing.
//!
//! `make_a_tree` (ignored) makes the tree of the format that the program writes now. A tree that is
//! there is never made anew: it is what people have.

use crate::{
    event::packed,
    host::{Host, Run},
    screens::reviewed,
};
use lab::{Kind, Lab, Torrent, Tree, site, workspace};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// `shop` has a record of every state, and is held; what a killed process left is in `blog`.
const APPS: &str = r#"
[apps.shop]
match      = ["shop-{version}.tar", "shop-{version}.tar.zst"]
root       = "WWW/shop"
unsigned   = "accept"
linger     = "0s"
min_free   = "1MiB"
keep       = 3
must_exist = ["index.html"]
shared     = ["files"]
[apps.shop.run]
check      = [["test", "!", "-e", "bad"]]
timeout    = "1s"

[apps.blog]
match      = "blog-{version}.tar"
root       = "WWW/blog"
unsigned   = "accept"
linger     = "0s"
min_free   = "1MiB"
[apps.blog.run]
check      = [["true"]]
"#;

/// Where the trees are, one directory for each format.
fn kept() -> PathBuf {
    workspace().join("tests/state")
}

/// A host on whose disk lies what this format's tree holds.
fn host<'l>(lab: &'l Lab, format: &str) -> Host<'l> {
    let host = Host::new(lab, APPS);
    let mut tar = Command::new("tar");
    tar.arg("-xpzf").arg(kept().join(format).join("roots.tar.gz")).arg("--no-same-owner");
    site::run(tar.arg("-C").arg(lab.path().join("www"))).unwrap();
    host
}

/// The formats of which a tree is kept.
fn formats() -> Vec<String> {
    let entries = fs::read_dir(kept()).unwrap().map(|entry| entry.unwrap().file_name());
    let mut formats: Vec<String> = entries.map(|name| name.into_string().unwrap()).collect();
    formats.retain(|name| name.parse::<u32>().is_ok());
    formats.sort();
    assert!(!formats.is_empty());
    formats
}

/// What every record says of itself that no command may lose: its version and where it came from.
fn essence(host: &Host<'_>, app: &str) -> BTreeMap<String, Vec<String>> {
    let lasting = ["version", "published", "created", "size", "files"];
    let lines = |text: &String| {
        let of_kind = |line: &&str| lasting.iter().any(|key| line.starts_with(&format!("{key} =")));
        text.lines().filter(of_kind).map(str::to_owned).collect()
    };
    host.picture(app).records.iter().map(|(name, text)| (name.clone(), lines(text))).collect()
}

/// A command's answer, which may be any exit code but those that say that the state is unreadable.
fn told(host: &Host<'_>, args: &[&str], code: i32) -> Run {
    let run = host.run(args);
    assert_eq!(run.code, code, "{args:?}: {run:?}\n{}", host.log().join("\n"));
    run
}

#[test]
fn the_format_that_is_written_has_a_tree() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, crate::host::SHOP);
    let (torrent, _) = host.landed("shop", "1.0");
    let record = host.record("shop", &torrent.hash).unwrap();
    let format = record.lines().find_map(|line| line.strip_prefix("format = ")).unwrap();
    host.good(&["hold", "shop"]);
    let hold = fs::read_to_string(host.root("shop").join(".seedship/hold.toml")).unwrap();
    assert!(hold.starts_with(&format!("format = {format}\n")), "one number for both: {hold}");
    assert!(
        formats().iter().any(|kept| kept == format),
        "there is no tree of format {format} in tests/state: see tests/state/README.md"
    );
}

#[test]
fn who_only_looks_changes_nothing_of_any_format() {
    for format in formats() {
        let lab = Lab::new().unwrap();
        let host = host(&lab, &format);
        let before = (host.listing("shop"), host.listing("blog"));
        let mut answers = String::new();
        for args in [
            &["status"][..],
            &["releases", "shop"],
            &["releases", "blog"],
            &["history", "shop"],
            &["audit", "shop"],
            &["audit", "blog"],
        ] {
            let people = host.run(args);
            assert_eq!((people.code, people.stderr.as_str()), (0, ""), "{args:?}");
            // For machines, times are dates, which stay, and no ages.
            let answer = host.good(&[args, &["--json"]].concat());
            let answer = answer.replace(lab.path().to_str().unwrap(), "LAB");
            // Without the moment in which it was asked, and what is said by saying nothing.
            let said = |line: &&str| !line.starts_with("  \"at\"") && !line.contains(": null");
            let answer: Vec<&str> = answer.lines().filter(said).collect();
            let answer = answer.join("\n");
            answers.push_str(&format!("$ seedship {} --json\n{answer}\n", args.join(" ")));
        }
        assert_eq!((host.listing("shop"), host.listing("blog")), before);
        reviewed(&format!("state-{format}-answers"), &answers);
    }
}

#[test]
fn who_writes_goes_on_where_any_format_ended() {
    for format in formats() {
        let lab = Lab::new().unwrap();
        let host = host(&lab, &format);
        let before = [essence(&host, "shop"), essence(&host, "blog")];
        let releases = host.releases("shop");
        assert_eq!(host.page("shop").as_deref(), Some("1.4"));

        told(&host, &["rollback", "shop"], 0);
        assert_eq!(host.page("shop").as_deref(), Some("1.2"));
        told(&host, &["activate", "shop", "1.4"], 0);
        assert_eq!(host.page("shop").as_deref(), Some("1.4"));
        let adopted = releases.iter().find(|name| name.starts_with("adopted-")).unwrap();
        told(&host, &["activate", "shop", adopted], 0);
        assert_eq!(host.page("shop").as_deref(), Some("theirs"));
        told(&host, &["activate", "shop", "1.4"], 0);

        // What was on trial when its process was killed is checked again, and is good.
        told(&host, &["sweep"], 0);
        assert_eq!(host.page("blog").as_deref(), Some("2.0"));
        let notes = fs::read_dir(host.root("blog").join(".seedship")).unwrap();
        let names = notes.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        assert_eq!(names.filter(|name| name.starts_with("run-")).count(), 0, "nothing is owed");

        // The hold is over: what waited for that goes live by the next sweep.
        assert_eq!(host.page("shop").as_deref(), Some("1.4"), "it is held");
        told(&host, &["unhold", "shop"], 0);
        told(&host, &["sweep"], 0);
        assert_eq!(host.page("shop").as_deref(), Some("1.6"));
        told(&host, &["audit", "shop"], 0);

        assert_eq!([essence(&host, "shop"), essence(&host, "blog")], before, "nothing is lost");
        let now = host.releases("shop");
        assert!(now.contains(adopted), "what was adopted stays: {now:?}");
        let history = told(&host, &["history", "shop", "--lines", "1000"], 0).stdout;
        assert!(history.contains("1.1") && history.contains("1.6"), "{history}");
    }
}

/// A release of the small site with something beside.
fn with(lab: &Lab, version: &str, beside: &str) -> (Torrent, PathBuf) {
    let tree = site::small(version).file(beside, "");
    packed(lab, &tree, Kind::Tar, &format!("shop-{version}"))
}

/// Makes the tree of the format that is written now, where there is none.
#[test]
#[ignore = "for a new format, once: tests/state/README.md"]
fn make_a_tree() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, APPS);
    lab.folder("www/shop/shared/files").unwrap();
    // A docroot that was there before, and is taken over.
    lab.write("www/shop/current/index.html", site::page("theirs")).unwrap();
    let finished = |(torrent, payload): &(Torrent, PathBuf), code| {
        let run = host.finished(torrent, payload);
        assert_eq!(run.code, code, "{run:?}\n{}", host.log().join("\n"));
    };
    finished(&with(&lab, "1.0", "a"), 73);
    host.good(&["activate", "shop", "1.0", "--adopt"]);
    for version in ["1.1", "1.2"] {
        finished(&with(&lab, version, "a"), 0);
    }
    // It fails its check, and 1.2 is live again.
    finished(&with(&lab, "1.3", "bad"), 79);
    // 1.0 and 1.1 are pruned when this is live.
    finished(&with(&lab, "1.4", "a"), 0);
    host.good(&["prune", "shop", "--keep", "2"]);
    // Too late.
    finished(&with(&lab, "1.1.5", "a"), 0);
    // Without what must exist: refused.
    let refused = Tree::new().file("page.html", "");
    finished(&packed(&lab, &refused, Kind::Tar, "shop-1.4.5"), 65);
    // Damaged: it waits.
    let (torrent, payload) = with(&lab, "1.5", "a");
    let mut bytes = fs::read(&payload).unwrap();
    bytes[1000] ^= 1;
    fs::write(&payload, bytes).unwrap();
    finished(&(torrent, payload), 75);
    host.good(&["hold", "shop", "--reason", "the sale"]);
    finished(&with(&lab, "1.6", "a"), 0);

    host.landed("blog", "1.0");
    let (torrent, payload) = packed(&lab, &site::small("2.0"), Kind::Tar, "blog-2.0");
    host.parked(host.event(&torrent, &payload), "trial-live").kill();

    let states: BTreeMap<String, usize> =
        host.picture("shop").records.values().fold(BTreeMap::new(), |mut all, record| {
            let state = record.lines().find(|line| line.starts_with("state = ")).unwrap();
            *all.entry(state.to_owned()).or_default() += 1;
            all
        });
    println!("{states:#?}");
    let record = host.record("blog", &torrent.hash).unwrap();
    assert!(record.contains("state = \"trying\""), "{record}");
    let format = record.lines().find_map(|line| line.strip_prefix("format = ")).unwrap();
    keep(&lab.path().join("www"), &kept().join(format));
}

/// Packs the roots, unless a tree of this format is kept already.
fn keep(roots: &Path, folder: &Path) {
    assert!(!folder.exists(), "{} is what people have: it stays", folder.display());
    fs::create_dir(folder).unwrap();
    let mut tar = Command::new("tar");
    tar.args(["-cz", "--sort=name", "--owner=0", "--group=0", "--numeric-owner"]);
    tar.arg("-f").arg(folder.join("roots.tar.gz"));
    site::run(tar.arg("-C").arg(roots).args(["blog", "shop"])).unwrap();
}
