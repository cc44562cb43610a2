//! `status`, `releases` and `history`, through the real binary: what people see, what machines get.
//!
//! The roots are written by hand, as an older Seedship or a backup may have left them. Every time
//! lies years back or ahead, so that no age changes while the tests run.

use serde_json::{Value, json};
use std::{
    fs,
    os::unix::{
        fs::{PermissionsExt, chown, symlink},
        net::UnixDatagram,
        process::CommandExt,
    },
    path::PathBuf,
    process::{Command, Output},
};

const SEEDSHIP: &str = env!("CARGO_BIN_EXE_seedship");

/// A configuration, the roots that it names, and a socket for its log.
struct Host {
    dir: tempfile::TempDir,
    _log: UnixDatagram,
}

impl Host {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let log = UnixDatagram::bind(dir.path().join("log")).unwrap();
        let host = Self { dir, _log: log };
        host.write("config.toml", &format!("[log]\nsocket = \"{}\"\n", host.path("log").display()));
        host
    }

    fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// An app in the configuration, without its root.
    fn configured(&self, app: &str, more: &str) {
        let path = self.path("config.toml");
        let text = fs::read_to_string(&path).unwrap();
        let root = self.path(app);
        let table = format!(
            "[apps.{app}]\nmatch = \"{app}-{{version}}.tar\"\nroot = \"{}\"\n\
             unsigned = \"accept\"\n{more}\n",
            root.display()
        );
        fs::write(path, text + &table).unwrap();
    }

    /// An app with releases that stand, the last of them live.
    fn app(&self, app: &str, releases: &[&str]) {
        self.configured(app, "");
        for release in releases {
            self.write(&format!("{app}/releases/{release}/index.html"), "It works.");
        }
        if let Some(live) = releases.last() {
            symlink(format!("releases/{live}"), self.path(app).join("current")).unwrap();
        }
    }

    /// The record of the info hash that is this byte repeated.
    fn record(&self, app: &str, byte: u8, text: &str) {
        let name = format!("{byte:02x}").repeat(20);
        self.write(&format!("{app}/.seedship/records/{name}.toml"), text);
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(SEEDSHIP);
        command.arg("--config").arg(self.path("config.toml")).args(args).env_remove("NO_COLOR");
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// What it printed and how it ended, with the host's own directory as `/srv`.
    fn said(&self, args: &[&str]) -> (String, String, i32) {
        let output = self.run(args);
        let home = self.dir.path().to_str().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap().replace(home, "/srv");
        (text(output.stdout), text(output.stderr), output.status.code().unwrap())
    }

    fn json(&self, args: &[&str]) -> (Value, i32) {
        let (out, _, code) = self.said(&[args, &["--json"]].concat());
        (serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out}")), code)
    }
}

const LIVE: &str = "\
format = 1\nversion = \"1.4.2\"\nstate = \"good\"\nat = 1400000000\nlanded = true\nnumber = 2\n\
from = \"1.4.1\"\ncreated = 1390000000\nsize = 12900000\nfiles = 345\nfuture = \"unknown\"\n";
const BEFORE: &str = "\
format = 1\nversion = \"1.4.1\"\nstate = \"good\"\nat = 1300000000\nlanded = true\nnumber = 1\n\
from = \"-\"\nleft = 1400000000\nsize = 9\nfiles = 1\n";
const STAGED: &str =
    "format = 1\nversion = \"1.5.0\"\nstate = \"open\"\nat = 1400000100\nsize = 9\nfiles = 1\n";
const WAITING: &str = "\
format = 1\nversion = \"1.6.0\"\nstate = \"waiting\"\nat = 1400000200\n\
not_before = 4102444800\ntries = 2\nexit = 75\nreason = \"piece 3 is \\u001b[31mdamaged\"\n";
const PRUNED: &str = "\
format = 1\nversion = \"1.3.0\"\nstate = \"pruned\"\nat = 1300000000\nlanded = true\nnumber = 0\n";
const HOLD: &str = "format = 1\nby = \"anna\"\nat = 1400000000\nreason = \"freeze\"\n";
const HISTORY: &str = "\
{\"at\":1300000000,\"event\":\"live\",\"version\":\"1.4.1\",\"by\":\"finished\"}\n\
{\"at\":1400000000,\"event\":\"live\",\"version\":\"1.4.2\",\"from\":\"1.4.1\",\"by\":\"finished\"}\n\
{\"at\":1400000050,\"event\":\"hold\",\"by\":\"anna\",\"note\":\"freeze\\u001b[31m\"}\n\
{\"at\":14000";

/// A shop with something of everything.
fn host() -> Host {
    let host = Host::new();
    host.app("shop", &["1.4.1", "1.5.0", "1.4.2"]);
    symlink("releases/1.4.1", host.path("shop/previous")).unwrap();
    for (byte, record) in [(1, BEFORE), (2, LIVE), (3, STAGED), (4, WAITING), (5, PRUNED)] {
        host.record("shop", byte, record);
    }
    host.write("shop/.seedship/hold.toml", HOLD);
    host.write("shop/.seedship/history.jsonl", HISTORY);
    host
}

/// Ages are years, and the years go on: every one becomes `N y ago`.
fn without_ages(text: &str) -> String {
    let mut words: Vec<&str> = text.split(' ').collect();
    for i in 0..words.len().saturating_sub(1) {
        if words[i + 1] == "y" {
            words[i] = if words[i].starts_with('(') { "(N" } else { "NN" };
        }
    }
    words.join(" ")
}

#[test]
fn status_shows_people_what_is_live_and_what_waits() {
    let (out, err, code) = host().said(&["status"]);
    let expected = "\
shop: 1.4.2 is live since 2014-05-13T16:53:20Z (N y ago), #2, 12.3 MiB
  held by anna since 2014-05-13T16:53:20Z: freeze
  waiting  1.6.0  for the next sweep: piece 3 is \\x1B[31mdamaged
  staged   1.5.0  held by anna
  good     1.4.1  `rollback` goes there
  and 1 pruned
";
    assert_eq!((without_ages(&out).as_str(), err.as_str(), code), (expected, "", 0));
    assert!(out.lines().all(|line| line.len() <= 80), "{out}");
}

#[test]
fn releases_is_a_table_that_lines_up() {
    let (out, err, code) = host().said(&["releases", "shop"]);
    let expected = "\
VERSION  STATE    SINCE     NO      SIZE  FILES  PUBLISHED   NOTE
1.6.0    waiting  NN y ago
1.5.0    staged   NN y ago           9 B      1
1.4.2    live     NN y ago   2  12.3 MiB    345  2014-01-17
1.4.1    good     NN y ago   1       9 B      1              rollback
1.3.0    pruned   NN y ago   0
";
    assert_eq!((without_ages(&out).as_str(), err.as_str(), code), (expected, "", 0));
}

#[test]
fn history_is_told_oldest_first() {
    let (out, err, code) = host().said(&["history", "shop"]);
    let expected = "\
TIME                  EVENT  VERSION  FROM   BY        NOTE
2011-03-13T07:06:40Z  live   1.4.1           finished
2014-05-13T16:53:20Z  live   1.4.2    1.4.1  finished
2014-05-13T16:54:10Z  hold                   anna      freeze\\x1B[31m
";
    assert_eq!((out.as_str(), err.as_str(), code), (expected, "", 0));
    let (out, _, _) = host().said(&["history", "shop", "-n", "1"]);
    assert_eq!(out.lines().count(), 2, "{out}");
    let (json, code) = host().json(&["history", "shop", "-n", "1"]);
    let event = json!({"at": "2014-05-13T16:54:10Z", "event": "hold", "version": null,
        "from": null, "hash": null, "by": "anna", "note": "freeze\u{1b}[31m"});
    assert_eq!((json, code), (json!({"app": "shop", "events": [event], "unreadable": 0}), 0));
}

#[test]
fn machines_get_everything_with_times_as_rfc_3339() {
    let (mut json, code) = host().json(&["status"]);
    let at = json["at"].take();
    let years_after = |time: &str| at.as_str().unwrap() > time;
    assert!(years_after("2024-") && at.as_str().unwrap().ends_with('Z'), "{at}");
    let shop = &mut json["apps"][0];
    let releases = shop["releases"].take();
    let hold = json!({"by": "anna", "since": "2014-05-13T16:53:20Z", "until": null,
        "reason": "freeze", "binds": true});
    let shop = json!({"app": "shop", "root": "/srv/shop", "live": "1.4.2", "gone": false,
        "foreign": null,
        "hold": hold, "releases": null, "unfinished": [], "unreadable": [], "error": null});
    assert_eq!((json, code), (json!({"at": null, "apps": [shop], "unreadable": []}), 0));
    let live = json!({"version": "1.4.2", "hash": "02".repeat(20), "state": "live", "why": null,
        "since": "2014-05-13T16:53:20Z", "not_before": null, "tries": null, "exit": null,
        "pid": null, "number": 2, "from": "1.4.1", "left": null, "size": 12900000, "files": 345,
        "published": null, "created": "2014-01-17T23:06:40Z", "signer": null, "facts": null,
        "stands": true, "live": true, "previous": false, "rollback_target": false,
        "prunable": false, "adopted": false});
    assert_eq!(releases[2], live);
    let states: Vec<&str> =
        releases.as_array().unwrap().iter().map(|r| r["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["waiting", "staged", "live", "good", "pruned"]);
    assert_eq!(releases[0]["not_before"], "2100-01-01T00:00:00Z");
    assert_eq!(releases[0]["why"], "for the next sweep: piece 3 is \u{1b}[31mdamaged");
    assert_eq!(
        (&releases[3]["previous"], &releases[3]["rollback_target"]),
        (&json!(true), &json!(true))
    );

    let (json, code) = host().json(&["releases", "shop"]);
    assert_eq!((&json["app"], code), (&json!("shop"), 0));
    assert_eq!(json["releases"], releases, "the same, wherever it is asked");
}

#[test]
fn a_broken_record_is_named_and_the_rest_is_told() {
    let host = host();
    host.record("shop", 6, "format = 1\nstate = 17\n");
    let name = format!("/srv/shop/.seedship/records/{}.toml", "06".repeat(20));
    let (out, err, code) = host.said(&["status", "shop"]);
    assert!(out.starts_with("shop: 1.4.2 is live since "), "{out}");
    assert!(out.contains(&format!("\n  could not read record\n    `{name}`:\n")), "{out}");
    assert_eq!((err.as_str(), code), ("", 0));
    let (json, code) = host.json(&["status", "shop"]);
    assert_eq!((&json["apps"][0]["unreadable"][0]["exit"], code), (&json!(78), 0));
    let (out, _, code) = host.said(&["releases", "shop"]);
    assert!(out.contains("\n1.4.2    live ") && out.contains(&name), "{out}");
    assert_eq!(code, 78);
    assert_eq!(host.said(&["history", "shop"]).2, 0, "it needs no record");
}

#[test]
fn what_seedship_did_not_make_is_said_with_what_to_type() {
    let host = Host::new();
    host.configured("blog", "");
    host.write("blog/current/index.html", "by hand");
    host.configured("forge", "");
    host.write("forge/releases/2.0/index.html", "another tool's");
    symlink("../elsewhere", host.path("forge/current")).unwrap();
    host.app("lost", &["1.0", "1.1"]);
    let expected = "\
blog: not ours: `current` is a real directory
  hint: seedship activate blog VERSION --adopt
forge: not ours: `current` is a link to `../elsewhere` that seedship did not make
  hint: seedship activate forge VERSION --adopt
  and 1 without a record
lost: 1.1 is live, without a record
  hint: seedship activate lost 1.1 --adopt
  and 1 without a record
";
    assert_eq!(host.said(&["status"]), (expected.to_owned(), String::new(), 0));
    let expected = "\
VERSION  STATE      SINCE  NO  SIZE  FILES  PUBLISHED  NOTE
1.1      no record              9 B                    live
1.0      no record              9 B
";
    assert_eq!(host.said(&["releases", "lost"]), (expected.to_owned(), String::new(), 0));
}

#[test]
fn an_app_that_cannot_be_looked_at_hides_no_other() {
    let host = Host::new();
    host.app("shop", &["1.0"]);
    host.configured("blog", "");
    host.configured("wrong", "keep = 0");
    let (out, err, code) = host.said(&["status"]);
    let expected = "\
blog: could not open `/srv/blog`: it does not exist
  hint: make the directory and give it to the user that shall deploy
shop: 1.0 is live, without a record
  hint: seedship activate shop 1.0 --adopt
wrong: could not read `/srv/config.toml`, ";
    assert!(out.starts_with(expected), "{out}");
    assert_eq!((err.as_str(), code), ("", 78));
    let (json, code) = host.json(&["status"]);
    assert_eq!((&json["apps"][0]["error"]["exit"], code), (&json!(78), 78));
    assert_eq!(json["apps"][1]["live"], "1.0");
    assert_eq!(host.said(&["status", "shop"]).2, 0, "what was not asked about is no failure");
}

#[test]
fn an_unknown_app_is_told_with_those_there_are() {
    let host = host();
    for args in [["status", "blog"], ["releases", "blog"], ["history", "blog"]] {
        let (out, err, code) = host.said(&args);
        let expected = "seedship: could not find app `blog`: the configuration has no such app\n  \
                        hint: configured are `shop`\n";
        assert_eq!((out.as_str(), err.as_str(), code), ("", expected, 66));
    }
    let (json, code) = host.json(&["status", "blog"]);
    assert_eq!((&json["error"]["exit"], code), (&json!(66), 66));
}

/// `script` of util-linux gives a program a terminal.
#[test]
fn colours_are_for_terminals_and_for_who_did_not_refuse_them() {
    let host = host();
    let screen = |no_color: Option<&str>| {
        let config = host.path("config.toml");
        let typed = format!("{SEEDSHIP} --config '{}' status", config.display());
        let mut script = Command::new("script");
        script.args(["-qec", &typed, "/dev/null"]).env("TERM", "xterm").env_remove("NO_COLOR");
        script.env_remove("CLICOLOR").envs(no_color.map(|value| ("NO_COLOR", value)));
        String::from_utf8(script.output().unwrap().stdout).unwrap()
    };
    let coloured = screen(None);
    assert!(coloured.starts_with("shop: 1.4.2 is \u{1b}[32mlive\u{1b}[0m since "), "{coloured:?}");
    let refused = screen(Some("1"));
    assert!(refused.starts_with("shop: 1.4.2 is live since "), "{refused:?}");
    let piped = host.command(&["status"]).env("CLICOLOR_FORCE", "1").output().unwrap();
    assert!(!piped.stdout.contains(&b'\x1b'), "{piped:?}");
}

/// Somebody else, as whom only root can run a command: skipped for everybody but root.
#[test]
fn members_of_the_group_may_look_and_others_are_told_who_may() {
    let host = host();
    let (nobody, group) = (65_534, 54_321);
    let closed = [".", "shop/.seedship", "shop/.seedship/records"];
    for directory in closed {
        if chown(host.path(directory), None, Some(group)).is_err() {
            return println!("skipped: only root can become another user");
        }
        fs::set_permissions(host.path(directory), PermissionsExt::from_mode(0o750)).unwrap();
    }
    fs::set_permissions(host.path("."), PermissionsExt::from_mode(0o755)).unwrap();
    let program = host.path("seedship");
    fs::copy(SEEDSHIP, &program).unwrap();
    let status = |gid| {
        let mut command = Command::new(&program);
        command.arg("--config").arg(host.path("config.toml")).arg("status").uid(nobody).gid(gid);
        let output = command.output().unwrap();
        (String::from_utf8(output.stdout).unwrap(), output.status.code().unwrap())
    };
    let (out, code) = status(group);
    assert!(out.starts_with("shop: 1.4.2 is live since ") && code == 0, "{out}");
    let (out, code) = status(nobody);
    assert!(out.contains(": permission denied\n  hint: its owner `root` may read it"), "{out}");
    assert_eq!(code, 77);
}

/// One command for everything an operator may look at: none of them leaves a trace.
#[test]
fn nothing_is_written() {
    let host = host();
    fs::create_dir(host.path("shop/releases/.stage-x")).unwrap();
    let listing = || {
        let find = ["-printf", "%p %i %C@ %s %l\n"];
        let output = Command::new("find").arg(host.path("shop")).args(find).output().unwrap();
        assert!(output.status.success() && !output.stdout.is_empty(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let before = listing();
    for args in [&["status"][..], &["releases", "shop"], &["history", "shop"]] {
        assert_eq!(host.run(args).status.code(), Some(0));
    }
    assert_eq!(listing(), before);
}
