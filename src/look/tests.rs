//! Roots made by hand and by the commands that write, and what a reader says of them.

use super::*;
use crate::{
    config::{Config, Fragment},
    operate::{self, Operator},
    process::Who,
    release::{By, Mark, Record, State, Target, Version, Wait},
};
use metainfo::InfoHash;
use std::{
    fs,
    os::unix::fs::{MetadataExt, symlink},
    path::{Path, PathBuf},
};

/// Long after everything that the tests write down.
const NOW: Unix = Unix(2_000_000_000);

/// A root in a temporary directory.
struct Root {
    dir: tempfile::TempDir,
    config: Config,
}

impl Root {
    fn new() -> Self {
        Self::with("")
    }

    fn with(more: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("shop");
        fs::create_dir_all(root.join("releases")).unwrap();
        fs::create_dir_all(root.join(".seedship/records")).unwrap();
        let text = format!(
            "[apps.shop]\nmatch = \"shop-{{version}}.tar\"\nroot = \"{}\"\nunsigned = \"accept\"\n{more}\n",
            root.display()
        );
        let path = PathBuf::from("/etc/seedship/config.toml");
        let config = Config::merge(vec![Fragment { path, text }]).unwrap();
        Self { dir, config }
    }

    fn app(&self) -> &App {
        self.config.app("shop").unwrap()
    }

    fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join("shop").join(path)
    }

    fn write(&self, record: &Record) -> &Self {
        let path = self.path(".seedship/records").join(record.key.file_name());
        fs::write(path, record.to_toml().unwrap()).unwrap();
        self
    }

    /// A record in that state, its directory too where there would be one.
    fn release(&self, version: &str, state: State) -> &Self {
        let stands = !matches!(state, State::Waiting(_) | State::Refused { .. } | State::Pruned);
        if stands {
            fs::create_dir_all(self.path("releases").join(version)).unwrap();
        }
        self.write(&record(version, state))
    }

    fn link(&self, name: &str, text: &str) -> &Self {
        let _ = fs::remove_file(self.path(name));
        symlink(text, self.path(name)).unwrap();
        self
    }

    fn status(&self) -> AppStatus {
        let status = status(&self.config, None, NOW).unwrap();
        assert_eq!(status.apps.len(), 1);
        status.apps.into_iter().next().unwrap()
    }

    fn found(&self, version: &str) -> Release {
        let status = self.status();
        let mut found = status.releases.into_iter().filter(|r| r.name() == version);
        found.next().unwrap_or_else(|| panic!("no {version}"))
    }

    fn case(&self, version: &str) -> (Case, String) {
        let found = self.found(version);
        (found.state, found.why.unwrap_or_default())
    }

    fn unfinished(&self) -> Vec<(String, String)> {
        self.status().unfinished.into_iter().map(|left| (left.subject, left.what)).collect()
    }

    fn screen(&self) -> String {
        status(&self.config, None, NOW).unwrap().screen(false)
    }

    fn operator(&self) -> (Site<Kernel>, Operator) {
        let site = Site::new(Kernel::open(&self.app().root).unwrap(), 0o755);
        (site, Operator { name: "anna".into(), now: Unix(5000), random: 7 })
    }
}

fn v(version: &str) -> Version {
    Version::parse(version).unwrap()
}

/// A hash of its own for each version.
fn hash(version: &str) -> InfoHash {
    let mut bytes = [0; 20];
    bytes[..version.len()].copy_from_slice(version.as_bytes());
    InfoHash::new(bytes)
}

/// Activated ones get the number that their version ends with.
fn record(version: &str, state: State) -> Record {
    let number = version.rsplit('.').next().and_then(|n| n.parse().ok());
    let activated =
        matches!(state, State::Good | State::Bad { .. } | State::Trying | State::Pruned);
    Record {
        number: number.filter(|_| activated),
        landed: activated || state == State::Superseded,
        ..Record::open(Key::Torrent(hash(version)), v(version), Unix(1000)).now(state, Unix(1000))
    }
}

fn refused(digest: &str) -> State {
    State::Refused {
        exit: 65,
        reason: "it holds `../evil`".into(),
        digest: digest.into(),
        beside: String::new(),
    }
}

fn waiting(not_before: i64) -> State {
    let reason = "no space".to_owned();
    State::Waiting(Wait {
        not_before: Unix(not_before),
        tries: 3,
        exit: 74,
        reason,
        healing: false,
    })
}

fn bad() -> State {
    State::Bad { reason: "failed its check".into() }
}

/// Everything below a directory, with what changes when it is written.
fn trace(path: &Path, found: &mut Vec<(PathBuf, u64, i64, i64)>) {
    let meta = fs::symlink_metadata(path).unwrap();
    found.push((path.to_owned(), meta.ino(), meta.ctime(), meta.ctime_nsec()));
    if meta.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            trace(&entry.unwrap().path(), found);
        }
    }
}

#[test]
fn a_reader_writes_nothing_whatever_is_unfinished() {
    let root = Root::new();
    root.release("1.1", State::Trying).release("1.2", State::Trying).release("1.3", State::Open);
    root.link("current", "releases/1.1").link(".current-next", "releases/1.3");
    fs::create_dir(root.path(&format!("releases/.stage-{}-0000000000000001", hash("1.4"))))
        .unwrap();
    fs::write(root.path(".seedship/records/.new-x.toml"), "").unwrap();
    let (mut before, mut after) = (Vec::new(), Vec::new());
    trace(root.dir.path(), &mut before);
    root.screen();
    releases(root.app(), NOW).unwrap().screen(true);
    history(root.app(), 10).unwrap().screen();
    trace(root.dir.path(), &mut after);
    assert_eq!(before, after);
}

#[test]
fn an_empty_root_is_no_error() {
    let root = Root::new();
    fs::remove_dir_all(root.path(".seedship")).unwrap();
    fs::remove_dir_all(root.path("releases")).unwrap();
    assert_eq!(root.screen(), "shop: nothing is live\n");
    let screen = releases(root.app(), NOW).unwrap().screen(false);
    assert_eq!(screen, "shop: no release is known\n");
    let screen = history(root.app(), 10).unwrap().screen();
    assert_eq!(screen, "shop: nothing is written in its history");
}

#[test]
fn after_a_rollback_it_says_since_when_and_why() {
    let root = Root::new();
    let second = Record { from: Some(Target::Release(v("1.1"))), ..record("1.2", State::Good) };
    root.release("1.1", State::Good).release("1.2", State::Good).write(&second);
    root.link("current", "releases/1.2");
    assert_eq!(root.case("1.1"), (Case::Good, "`rollback` goes there".into()));
    assert!(root.found("1.1").rollback_target);
    let (mut site, who) = root.operator();
    operate::rollback(&mut site, "shop", &operate::Rollback::default(), &who).unwrap();
    let live = root.found("1.1");
    assert_eq!((live.state, live.since), (Case::Live, Some(who.now)));
    assert_eq!(root.case("1.2"), (Case::Returned, "to 1.1: rolled back by anna".into()));
    assert!(root.found("1.2").previous);
    assert!(root.screen().contains("  returned  1.2  to 1.1: rolled back by anna\n"));
}

#[test]
fn a_bad_release_that_something_else_followed_is_an_old_story() {
    let root = Root::new();
    root.release("1.1", State::Good).release("1.3", State::Good).link("current", "releases/1.3");
    root.release("1.2", bad()).write(&Record { left: Some(Unix(10)), ..record("1.2", bad()) });
    root.write(&Record { left: Some(Unix(20)), ..record("1.1", State::Good) });
    assert_eq!(root.case("1.2"), (Case::Bad, "failed its check".into()));
    assert!(root.screen().ends_with("\n  and 1 bad, 1 good\n"), "{}", root.screen());
}

#[test]
fn a_landed_release_says_what_keeps_it() {
    let root = Root::new();
    root.release("1.2", State::Good).link("current", "releases/1.2");
    root.release("1.3", State::Open).release("1.1", State::Open);
    assert_eq!(root.case("1.3"), (Case::Staged, "the next sweep makes it live".into()));
    assert_eq!(root.case("1.1"), (Case::Staged, "not newer than 1.2, which was live".into()));
    let (mut site, who) = root.operator();
    let until = Unix::parse("2033-05-18T03:33:21Z");
    operate::hold(&mut site, until, Some("freeze\u{1b}[31m".into()), &who).unwrap();
    assert_eq!(root.case("1.3"), (Case::Staged, "held by anna until 2033-05-18T03:33:21Z".into()));
    let lines = "\n  held by anna since 1970-01-01T01:23:20Z until 2033-05-18T03:33:21Z:\n\
                 \x20   freeze\\x1B[31m\n";
    assert!(root.screen().contains(lines), "{}", root.screen());
    operate::hold(&mut site, Some(Unix(6000)), None, &who).unwrap();
    assert!(root.screen().contains("\n  was held by anna until 1970-01-01T01:40:00Z\n"));
    assert_eq!(root.case("1.3").1, "the next sweep makes it live");

    let manual = Root::with("activate = \"manual\"");
    manual.release("1.3", State::Open);
    assert_eq!(manual.case("1.3"), (Case::Staged, "activation is manual".into()));
    fs::create_dir(manual.path("current")).unwrap();
    assert_eq!(manual.case("1.3").1, "`current` was not made by seedship");
    let screen = manual.screen();
    let heading = "shop: not ours: `current` is a real directory\n  \
                   hint: seedship activate shop 1.3 --adopt\n";
    assert!(screen.starts_with(heading), "{screen}");
}

#[test]
fn a_failure_says_whether_it_is_tried_again() {
    let root = Root::new();
    let digest = root.app().digest.clone();
    root.release("1.1", waiting(NOW.0 + 1)).release("1.2", waiting(NOW.0));
    root.release("1.3", refused(&digest)).release("1.4", refused("another"));
    assert_eq!(root.case("1.1"), (Case::Waiting, "until 2033-05-18T03:33:21Z: no space".into()));
    assert_eq!(root.case("1.2").1, "for the next sweep: no space");
    let waits = root.found("1.1");
    assert_eq!((waits.tries, waits.exit, waits.stands), (Some(3), Some(74), false));
    assert_eq!(root.case("1.3"), (Case::Refused, "it holds `../evil`".into()));
    let again = "it holds `../evil` (tried again: the configuration changed)";
    assert_eq!(root.case("1.4"), (Case::Refused, again.into()));
    assert_eq!(root.found("1.4").exit, Some(65));
}

#[test]
fn what_is_long_gone_is_counted_and_what_matters_is_told() {
    let root = Root::new();
    root.release("1.5", State::Good).link("current", "releases/1.5");
    root.release("1.1", State::Pruned).release("1.2", State::Pruned);
    root.release("1.4", State::Superseded);
    // Older than what is live, and refused before it came; then newer; then later.
    let of = |version, at| Record { at: Unix(at), ..record(version, refused("d")) };
    root.write(&of("1.3", 900)).write(&of("1.6", 900)).write(&of("1.0", 1001));
    let status = root.status();
    let told: Vec<String> = status.telling().map(Release::name).collect();
    assert_eq!(told, ["1.6", "1.0"]);
    assert!(
        root.screen().ends_with("\n  and 1 refused, 1 superseded, 2 pruned\n"),
        "{}",
        root.screen()
    );
    assert_eq!(status.releases.len(), 7, "machines get all of it");
}

#[test]
fn a_deploy_that_runs_is_told_with_its_process() {
    let root = Root::new();
    let line = |version| Who::me("finished", Some(hash(version))).unwrap().to_string() + "\n";
    let lock = root.path(".seedship/deploy.lock");
    let stage = root.path(&format!("releases/.stage-{}-0000000000000001", hash("1.2")));
    fs::create_dir(stage).unwrap();
    fs::write(&lock, line("1.2")).unwrap();
    let pid = std::process::id();
    let status = root.status();
    let landing = &status.releases[0];
    assert_eq!((landing.version.as_ref(), landing.state), (None, Case::Landing));
    assert_eq!(landing.hash, Some(hash("1.2").to_string()));
    assert_eq!(landing.pid, Some(pid));
    assert!(landing.why.as_ref().unwrap().ends_with(&format!("by finished, pid {pid}")));
    assert_eq!(status.unfinished, [], "its stage is its own");
    assert!(root.screen().contains("being landed  312E32000000…  since "), "{}", root.screen());

    // Known from an earlier try; then with its record, and the stage not yet committed.
    for state in [waiting(5), State::Open] {
        root.write(&record("1.2", state));
        assert_eq!(root.found("1.2").state, Case::Landing);
        assert_eq!(root.status().releases.len(), 1);
    }
    // The process lives on after what it landed.
    root.release("1.2", State::Good);
    assert_eq!(root.found("1.2").state, Case::Good);
    // On trial, in its hands; then in nobody's.
    root.release("1.2", State::Trying).link("current", "releases/1.2");
    let trial = root.found("1.2");
    assert_eq!((trial.state, trial.pid), (Case::Trial, Some(pid)));
    assert!(root.screen().starts_with("shop: 1.2 is live, on trial since 1970-01-01T00:16:40Z"));
    assert_eq!(root.unfinished(), []);
    fs::write(&lock, line("1.2").replace("boot=", "boot=other")).unwrap();
    assert_eq!(root.found("1.2").pid, None);
    assert_eq!(root.unfinished()[0], ("1.2".into(), "its trial was interrupted".into()));
}

#[test]
fn a_failure_that_the_running_process_wrote_ends_its_landing() {
    let root = Root::new();
    let lock = root.path(".seedship/deploy.lock");
    fs::write(&lock, Who::me("sweep", Some(hash("1.2"))).unwrap().to_string()).unwrap();
    let since = Unix(fs::metadata(lock).unwrap().mtime());
    let failed = |at| Record { at, ..record("1.2", waiting(i64::MAX)) };
    root.write(&failed(Unix(since.0 - 1)));
    assert_eq!(root.found("1.2").state, Case::Landing);
    root.write(&failed(since));
    assert_eq!(root.found("1.2").state, Case::Waiting);
}

#[test]
fn what_was_interrupted_is_told_one_by_one() {
    let root = Root::new();
    let stage = |version| format!("releases/.stage-{}-0000000000000001", hash(version));
    root.write(&record("1.1", State::Open));
    assert_eq!(root.case("1.1"), (Case::Unfinished, "its deploy was interrupted".into()));
    fs::create_dir(root.path(&stage("1.1"))).unwrap();
    assert_eq!(root.unfinished(), [], "its record tells it already");
    root.release("1.2", State::Trying);
    assert_eq!(root.case("1.2"), (Case::Unfinished, "its trial never began".into()));
    fs::create_dir(root.path(&stage("1.3"))).unwrap();
    root.release("1.4", waiting(5));
    fs::create_dir(root.path(&stage("1.4"))).unwrap();
    fs::create_dir(root.path("releases/.trash-1.0-0000000000000001")).unwrap();
    root.link(".current-next", "releases/1.2").link("releases/adopted-1", "releases/1.2");
    let told = root.unfinished();
    let told: Vec<(&str, &str)> = told.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    let expected = [
        ("312E33000000…", "a stage was left"),
        ("1.4", "a stage was left"),
        ("", "a switch was interrupted"),
        ("adopted-1", "adopting it was interrupted"),
        ("", "1 pruned release is not deleted yet"),
    ];
    assert_eq!(told, expected);

    // What is on its way out while somebody works there is not left over.
    fs::write(root.path(".seedship/deploy.lock"), Who::me("prune", None).unwrap().to_string())
        .unwrap();
    assert_eq!(root.unfinished().len(), expected.len() - 1);
}

#[test]
fn a_mark_says_how_far_it_was_carried_out() {
    let root = Root::new();
    let to = |version: &str| {
        let to = Target::Release(v(version));
        Some(Mark { to, by: By::Rollback })
    };
    root.release("1.1", State::Good).release("1.2", bad()).release("1.3", State::Good);
    root.write(&Record { leave: to("1.1"), ..record("1.2", bad()) });
    let told = |current| {
        root.link("current", current);
        root.unfinished()
    };
    let said = |what: &str| vec![("1.2".to_owned(), what.to_owned())];
    assert_eq!(told("releases/1.2"), said("is to be left for 1.1"));
    assert_eq!(root.case("1.2"), (Case::Live, "bad: failed its check".into()));
    assert_eq!(told("releases/1.1"), said("was left for 1.1, whose record does not say so yet"));
    assert_eq!(told("releases/1.3"), said("holds a mark to leave it for 1.1, which is void"));
}

#[test]
fn with_records_lost_the_directories_are_told() {
    let root = Root::new();
    for version in ["1.9", "1.10"] {
        fs::create_dir(root.path("releases").join(version)).unwrap();
    }
    fs::write(root.path("releases/1.10/index.php"), [0; 300]).unwrap();
    fs::remove_dir_all(root.path(".seedship")).unwrap();
    root.link("current", "releases/1.10");
    let expected = "\
shop: 1.10 is live, without a record
  hint: seedship activate shop 1.10 --adopt
  and 1 without a record
";
    assert_eq!(root.screen(), expected);
    let expected = "\
VERSION  STATE      SINCE  NO   SIZE  FILES  PUBLISHED  NOTE
1.10     no record             300 B                    live
1.9      no record               0 B
";
    assert_eq!(releases(root.app(), NOW).unwrap().screen(false), expected);
}

#[test]
fn an_adopted_link_is_measured_where_it_leads() {
    let root = Root::new();
    let elsewhere = root.dir.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::write(elsewhere.join("index.php"), [0; 17]).unwrap();
    symlink("/etc", elsewhere.join("etc")).unwrap();
    root.link("current", "../elsewhere");
    let (mut site, who) = root.operator();
    root.release("1.1", State::Open);
    operate::activate(&mut site, "shop", &v("1.1"), true, &who).unwrap();
    let all = releases(root.app(), NOW).unwrap().releases;
    let adopted = all.iter().find(|release| release.adopted).unwrap();
    assert_eq!((adopted.state, adopted.hash.as_ref()), (Case::Good, None));
    assert_eq!(adopted.size, Some(17 + 4), "the file, and the text of the link");
    assert_eq!(adopted.files, None);
    assert_eq!(all[0].name(), "1.1", "what was adopted is below everything");
}

#[test]
fn what_cannot_be_read_is_named_and_hides_nothing_else() {
    let root = Root::new();
    root.release("1.2", State::Good).link("current", "releases/1.2");
    let name = format!(".seedship/records/{}.toml", hash("1.3"));
    fs::write(root.path(&name), "format = 1\nversion = \"1.3\"\n").unwrap();
    fs::write(root.path(".seedship/hold.toml"), "by = 5").unwrap();
    let status = status(&root.config, None, NOW).unwrap();
    assert_eq!(status.exit(), Exit::Done, "damage in an app is part of the answer");
    let screen = status.screen(false);
    assert!(screen.starts_with("shop: 1.2 is live since "), "{screen}");
    // Wherever the line is broken.
    let words = screen.split_whitespace().collect::<Vec<_>>().join(" ");
    let record = format!(" could not read record `{}`: ", root.path(&name).display());
    assert!(words.contains(&record), "{screen}");
    assert!(screen.contains("\n    hint: `seedship unhold APP` removes it"), "{screen}");
    let json = serde_json::to_value(&status).unwrap();
    assert_eq!(json["apps"][0]["unreadable"][0]["exit"], 78);
    let releases = releases(root.app(), NOW).unwrap();
    assert_eq!(releases.exit(), Exit::Config, "a list with a gap is no list");
}

#[test]
fn one_signer_is_told_once_and_several_in_a_column() {
    let root = Root::new();
    let signed = |version, by: &str| Record {
        signer: Some(by.into()),
        facts: Some("git=abc\u{1b}".into()),
        published: Some(Unix(1000)),
        ..record(version, State::Good)
    };
    root.release("1.1", State::Good).release("1.2", State::Good).link("current", "releases/1.2");
    root.write(&signed("1.1", "A")).write(&signed("1.2", "A"));
    assert!(root.screen().contains("\n  signed by A: git=abc\\x1B\n"), "{}", root.screen());
    let screen = || releases(root.app(), NOW).unwrap().screen(false);
    assert!(screen().ends_with("\nall signed by A\n"), "{}", screen());
    assert!(!screen().contains("SIGNER"));
    root.write(&signed("1.1", "B"));
    assert!(screen().lines().next().unwrap().ends_with("NOTE  SIGNER"), "{}", screen());
    assert!(!screen().contains("all signed"));
}

#[test]
fn a_root_that_is_not_there_hides_no_other_app() {
    let root = Root::with(&format!(
        "[apps.gone]\nmatch = \"gone-{{version}}.tar\"\nroot = \"{}\"\nunsigned = \"accept\"\n\
         [apps.wrong]\nmatch = \"x\"\n",
        "/nonexistent/gone"
    ));
    root.release("1.2", State::Good).link("current", "releases/1.2");
    let all = status(&root.config, None, NOW).unwrap();
    assert_eq!(all.exit(), Exit::Config);
    let apps: Vec<&str> = all.apps.iter().map(|app| app.app.as_str()).collect();
    assert_eq!(apps, ["gone", "shop", "wrong"]);
    let screen = all.screen(false);
    assert!(screen.starts_with("gone: could not open `/nonexistent/gone`"), "{screen}");
    assert!(screen.contains("\nshop: 1.2 is live"), "{screen}");
    assert!(screen.contains("\nwrong: could not read "), "{screen}");
    let one = status(&root.config, Some("shop"), NOW).unwrap();
    assert_eq!((one.exit(), one.apps.len()), (Exit::Done, 1));
    assert_eq!(status(&root.config, Some("blog"), NOW).unwrap_err().exit, Exit::NotFound);
}

#[test]
fn history_shows_the_last_events_and_skips_what_is_torn() {
    let root = Root::new();
    let lines = "{\"at\":1,\"event\":\"live\",\"by\":\"x\"}\n\
                 {\"at\":2,\"event\":\"hold\",\"by\":\"y\",\"note\":\"a\\u001bb\"}\n\
                 {\"at\":3,\"event\":\"unhold\",\"by\":\"y\"}\n{\"at\":4,\"ev";
    fs::write(root.path(".seedship/history.jsonl"), lines).unwrap();
    let events = history(root.app(), 2).unwrap();
    let expected = "\
TIME                  EVENT   VERSION  FROM  BY  NOTE
1970-01-01T00:00:02Z  hold                   y   a\\x1Bb
1970-01-01T00:00:03Z  unhold                 y
";
    assert_eq!(events.screen(), expected);
    let json = serde_json::to_value(&events).unwrap();
    assert_eq!(json["events"][0]["at"], "1970-01-01T00:00:02Z");
    assert_eq!(history(root.app(), 0).unwrap().events, []);
    assert_eq!(events.unreadable, 0, "the last line may be torn");
    // What is no event in the middle is counted, whatever is asked for.
    let garbage = format!("{{\"at\":0}}\n\n\u{7f}garbage\n{lines}");
    fs::write(root.path(".seedship/history.jsonl"), garbage).unwrap();
    let events = history(root.app(), 2).unwrap();
    assert_eq!(events.unreadable, 2);
    let line = "… 2 lines are no events and were passed over: look into .seedship/history.jsonl\n";
    assert_eq!(events.screen(), format!("{expected}{line}"));
    // Of a long one only the end is read, from the first whole line on.
    let line = "{\"at\":1,\"event\":\"live\",\"by\":\"x\"}\n";
    let long = line.repeat((5 << 20) / line.len());
    fs::write(root.path(".seedship/history.jsonl"), long).unwrap();
    let events = history(root.app(), usize::MAX).unwrap();
    assert_eq!((events.events.len(), events.unreadable), ((4 << 20) / line.len(), 0));
}
