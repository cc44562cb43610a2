//! What every command says, kept as reviewed screens: one host through a whole story, as people see
//! it and as machines do.

use crate::{
    event::packed,
    host::{Host, Run, SHOP},
};
use lab::{Kind, Lab, Torrent, site};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

const DAY: u64 = 24 * 60 * 60;

/// Who types: sudo says so.
const OPERATOR: (&str, &str) = ("SUDO_USER", "anna");

/// A reviewed text.
pub(crate) fn reviewed(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// Text without what differs from run to run; what stands instead is as wide.
pub(crate) fn stable(text: &str, lab: &Lab) -> String {
    let text = text.replace(lab.path().to_str().unwrap(), "/srv");
    let marks = [
        ("####-##-##T##:##:##Z", "YYYY-MM-DDThh:mm:ssZ"),
        ("####-##-##", "YYYY-MM-DD"),
        ("switch_ms=N.#", "switch_ms=N"),
        ("ms=N", "ms=N"),
        ("pid N", "pid N"),
        ("process N (", "process N ("),
        ("\"pid\": N", "\"pid\": N"),
    ];
    let text = masked(&text, &"x".repeat(40), "HASH");
    let text = masked(&text, "xxxxxxxxxxxx…", "0123456789AB…");
    marks.iter().fold(text, |text, (shape, mark)| masked(&text, shape, mark))
}

/// Puts `mark` wherever the text has this shape: `#` is a digit, `N` are some, `x` is hexadecimal.
pub(crate) fn masked(text: &str, shape: &str, mark: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        match length(rest, shape) {
            Some(length) => {
                out.push_str(mark);
                rest = &rest[length..];
            }
            None => {
                out.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    out
}

/// How much of the text's beginning has the shape.
fn length(text: &str, shape: &str) -> Option<usize> {
    let mut at = 0;
    for part in shape.bytes() {
        let byte = *text.as_bytes().get(at)?;
        let digits = text.as_bytes()[at..].iter().take_while(|b| b.is_ascii_digit()).count();
        at += match part {
            b'#' if byte.is_ascii_digit() => 1,
            b'x' if byte.is_ascii_hexdigit() => 1,
            b'N' if digits > 0 => digits,
            other if other == byte => 1,
            _ => return None,
        };
    }
    Some(at)
}

/// Lets two days pass in an app, so that no age changes while a test runs: what happened is longer
/// ago, and what waits for its time goes on waiting.
pub(crate) fn two_days_pass(host: &Host<'_>, app: &str) {
    let own = host.root(app).join(".seedship");
    let records = fs::read_dir(own.join("records")).into_iter().flatten();
    let files = records.map(|entry| entry.unwrap().path());
    for file in files.chain([own.join("hold.toml")]).filter(|file| file.exists()) {
        let text = fs::read_to_string(&file).unwrap();
        let lines = text.lines().map(|line| match line.split_once(" = ") {
            Some(("not_before", time)) if !text.contains(&format!("\nat = {time}\n")) => {
                "not_before = 4102444800".to_owned()
            }
            Some((key @ ("at" | "left" | "not_before"), time)) => {
                format!("{key} = {}", time.parse::<u64>().unwrap() - 2 * DAY)
            }
            _ => line.to_owned(),
        });
        let text: Vec<String> = lines.collect();
        fs::write(file, text.join("\n") + "\n").unwrap();
    }
}

/// A release of the small site, its torrent, and the payload: the same bytes on every machine.
pub(crate) fn release(lab: &Lab, version: &str) -> (Torrent, PathBuf) {
    packed(lab, &site::small(version), Kind::Tar, &format!("shop-{version}"))
}

/// Changes one byte in the middle of a file.
pub(crate) fn damage(file: &Path) {
    let mut bytes = fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(file, bytes).unwrap();
}

/// A host, and what is typed on it.
struct Story<'l> {
    host: Host<'l>,
    json: bool,
    screen: String,
}

impl<'l> Story<'l> {
    fn new(lab: &'l Lab, json: bool) -> Self {
        Self { host: Host::new(lab, SHOP), json, screen: String::new() }
    }

    /// Types a line, as a shell parts it.
    fn types(&mut self, line: &str) -> i32 {
        let parts = line.split('\'').enumerate();
        let words = parts.flat_map(|(n, part)| match n % 2 {
            1 => vec![part],
            _ => part.split_whitespace().collect(),
        });
        let words: Vec<&str> = words.collect();
        let command = self.host.command(&words);
        self.run(line, command)
    }

    /// A download is complete.
    fn event(&mut self, torrent: &Torrent, payload: &Path, more: &str) -> i32 {
        let mut command = self.host.event(torrent, payload);
        command.args(more.split_whitespace());
        let line = format!("finished HASH --torrent FILE --payload PATH {more}");
        self.run(line.trim_end(), command)
    }

    fn run(&mut self, line: &str, mut command: Command) -> i32 {
        command.env(OPERATOR.0, OPERATOR.1).env_remove("COLUMNS").stdin(Stdio::null());
        let logged = self.host.log().len();
        let json = if self.json { " --json" } else { "" };
        let run = Run::of(command.args(json.split_whitespace()).output().unwrap());
        // Where the configuration is not read the machine's own log is told, which may not be there.
        let about_log = |line: &&str| line.starts_with("seedship: warning: could not log to ");
        let said: Vec<&str> = run.stderr.lines().filter(|line| !about_log(line)).collect();
        let said = said.iter().map(|line| format!("{line}\n")).collect::<String>();
        let screen = format!("$ seedship {line}{json}\n{}{said}", run.stdout);
        self.screen.push_str(&screen);
        if !run.stdout.is_empty() && self.json {
            let object = serde_json::from_str::<serde_json::Value>(&run.stdout);
            assert!(object.is_ok_and(|object| object.is_object()), "{screen}");
        }
        for line in run.stdout.lines().filter(|_| !self.json && run.code == 0) {
            let line = stable(line, self.host.lab);
            assert!(line.chars().count() <= 80, "{line}");
        }
        if run.code != 0 {
            self.screen.push_str(&format!("[exit {}]\n", run.code));
        }
        if !self.json {
            for line in self.host.log().split_off(logged) {
                self.screen.push_str(&format!("[syslog] {line}\n"));
            }
        }
        run.code
    }

    /// The end of a chapter: what was on the screen is as it was when it was read last.
    fn ends(&mut self, chapter: &str) {
        let screen = stable(&std::mem::take(&mut self.screen), self.host.lab);
        let form = if self.json { "json" } else { "text" };
        reviewed(&format!("screens-{chapter}-{form}"), &screen);
    }

    /// A release whose event is over, some days ago by now.
    fn deploys(&mut self, version: &str) {
        let (torrent, payload) = release(self.host.lab, version);
        self.event(&torrent, &payload, "");
        two_days_pass(&self.host, "shop");
    }

    /// Types what changes something, some days ago by now.
    fn acts(&mut self, line: &str) {
        self.types(line);
        two_days_pass(&self.host, "shop");
    }

    fn looks(&mut self) {
        for command in ["status", "releases shop", "history shop"] {
            self.types(command);
        }
    }
}

/// Tells a story in both forms.
fn told(story: impl Fn(&mut Story<'_>)) {
    for json in [false, true] {
        let lab = Lab::new().unwrap();
        story(&mut Story::new(&lab, json));
    }
}

#[test]
fn a_site_from_nothing_to_its_second_release_and_back() {
    told(|story| {
        story.types("--config /nowhere/config.toml status");
        story.host.configure("");
        story.types("status");
        story.types("status shop");
        story.ends("1-nothing-configured");

        story.host.configure(SHOP);
        story.looks();
        story.types("rollback shop");
        story.types("activate shop 1.4.2");
        story.types("unhold shop --dry-run");
        story.types("prune shop");
        story.types("sweep");
        story.ends("2-an-empty-app");

        let (torrent, payload) = release(story.host.lab, "1.4.1");
        story.event(&torrent, &payload, "--dry-run");
        story.event(&torrent, &payload, "");
        story.event(&torrent, &payload, "--dry-run");
        story.event(&torrent, &payload, "");
        two_days_pass(&story.host, "shop");
        let pictures = packed(story.host.lab, &site::small("1"), Kind::Tar, "pictures");
        story.event(&pictures.0, &pictures.1, "--dry-run");
        story.event(&pictures.0, &pictures.1, "");
        story.looks();
        story.types("rollback shop");
        story.ends("3-the-first-release");

        story.deploys("1.4.2");
        story.looks();
        story.ends("4-the-second-release");

        story.types("rollback shop --dry-run");
        story.acts("rollback shop");
        story.looks();
        story.types("rollback shop");
        story.types("rollback shop --to 1.4.0");
        story.ends("5-a-rollback");
    });
}

#[test]
fn a_hold_from_its_word_to_its_end() {
    told(|story| {
        story.deploys("1.4.1");
        story.screen.clear();
        story.types("hold shop --until 2h --dry-run");
        story.types("hold shop --until 2001-01-01T00:00:00Z");
        story.acts("hold shop --until 2099-05-01T12:00:00Z --reason 'sale until Monday'");
        story.types("status");
        let (torrent, payload) = release(story.host.lab, "1.4.2");
        story.event(&torrent, &payload, "--dry-run");
        story.deploys("1.4.2");
        story.looks();
        story.ends("6-a-hold");

        story.types("unhold shop --dry-run");
        story.types("unhold shop");
        story.types("unhold shop");
        story.types("status");
        story.types("sweep --dry-run");
        story.types("sweep");
        story.acts("sweep");
        story.types("status");
        story.ends("7-its-end");

        story.types("activate shop 1.4.1 --dry-run");
        story.acts("activate shop 1.4.1");
        story.types("activate shop 1.4.1 --dry-run");
        story.types("activate shop 1.4.1");
        story.types("activate shop 9.9");
        story.types("status");
        story.types("history shop -n 1");
        story.ends("8-activate");
    });
}

#[test]
fn releases_that_do_not_go_live() {
    told(|story| {
        story.host.configure(&format!("{SHOP}keep = 1\n"));
        story.deploys("1.4.1");
        story.deploys("1.3.8");
        story.screen.clear();
        story.types("activate shop 1.3.8 --dry-run");
        story.types("activate shop 1.3.8");
        let (torrent, payload) = release(story.host.lab, "1.4.2");
        damage(&payload);
        story.event(&torrent, &payload, "");
        two_days_pass(&story.host, "shop");
        story.types("status");
        story.types("activate shop 1.4.2");
        story.ends("9-waiting");

        story.host.configure(&format!("{SHOP}must_exist = [\"web/index.php\"]\n"));
        story.deploys("1.4.3");
        story.looks();
        story.types("activate shop 1.4.3");
        story.ends("10-refused");

        story.host.configure(SHOP);
        story.deploys("1.3.9");
        story.host.configure(&format!("{SHOP}activate = \"manual\"\n"));
        story.deploys("1.5.0");
        let (torrent, payload) = release(story.host.lab, "1.6.0");
        let parked = story.host.parked(story.host.event(&torrent, &payload), "unpack-entry");
        story.types("status");
        story.types("prune shop");
        parked.kill();
        story.types("status");
        story.types("sweep --dry-run");
        story.ends("11-staged-landing-unfinished");
    });
}

#[test]
fn pruning_says_what_goes() {
    told(|story| {
        for version in ["1.4.0", "1.4.1", "1.4.2", "1.4.3"] {
            story.deploys(version);
        }
        story.screen.clear();
        story.types("prune shop --dry-run");
        story.types("prune shop --keep 2 --dry-run");
        story.acts("prune shop --keep 2");
        story.types("prune shop --keep 2");
        story.types("activate shop 1.4.0");
        story.types("releases shop");
        story.ends("12-prune");
    });
}

#[test]
fn every_mistake_on_the_command_line() {
    told(|story| {
        for line in [
            "rolback shop",
            "rollback",
            "rollback shop --to ../1.4.1",
            "rollback blog",
            "activate shop",
            "hold shop --until soon",
            "history shop -n 0",
            "history shop -n few",
            "prune shop --keep 0",
            "finished 12345",
            "finished 0123456789abcdef0123456789abcdef01234567 --torrent x",
            "config",
            "man rolback",
            "completions csh",
            "man --to /nowhere",
        ] {
            story.types(line);
        }
        let directory = story.host.lab.path().display().to_string();
        story.types(&format!("--config {directory} status"));
        story.ends("13-mistakes");
    });
}

#[test]
fn a_configuration_and_what_is_wrong_with_it() {
    told(|story| {
        story.types("config check");
        story.types("config show");
        let wrong = SHOP.replace("linger   = \"0s\"", "linger   = \"5 parsecs\"\nkep = 3");
        story.host.configure(&format!("{SHOP}{}", wrong.replace("shop", "blog")));
        story.types("config check");
        story.types("status");
        story.types("rollback blog");
        story.types("sweep");
        story.ends("14-configuration");
    });
}
