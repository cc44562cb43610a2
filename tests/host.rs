//! One web server under test: its configuration, its apps' roots, its log, and the real binary.

use lab::{Flavour, Lab, Node, Torrent, rtorrent};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::{net::UnixDatagram, process::ExitStatusExt},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};

/// The binary under test.
pub(crate) const SEEDSHIP: &str = env!("CARGO_BIN_EXE_seedship");

/// An app as most scenarios need it: unsigned, nothing lingers.
pub(crate) const SHOP: &str = r#"
[apps.shop]
match    = ["shop-{version}.tar", "shop-{version}.tar.zst"]
root     = "WWW/shop"
unsigned = "accept"
linger   = "0s"
min_free = "1MiB"
"#;

/// A web server.
pub(crate) struct Host<'l> {
    pub(crate) lab: &'l Lab,
    config: PathBuf,
    log: Log,
}

/// Everything of an app that an event, a sweep or an operator may change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Picture {
    pub(crate) current: Option<String>,
    /// The version of the page that is served, if it is a whole one.
    pub(crate) page: Option<String>,
    pub(crate) releases: Vec<String>,
    /// The bytes of every record, by file name.
    pub(crate) records: BTreeMap<String, String>,
}

/// What a run of the binary came to.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl<'l> Host<'l> {
    /// A host with these apps; `WWW` stands for the directory of the roots, which are made.
    pub(crate) fn new(lab: &'l Lab, apps: &str) -> Self {
        let log = Log::listen(&lab.path().join("log.sock"));
        // rtorrent's own, which stays when it is down.
        lab.folder("node/session").unwrap();
        let host = Self { lab, config: lab.path().join("seedship.toml"), log };
        host.configure(apps);
        host
    }

    /// Other apps, or other settings of them.
    pub(crate) fn configure(&self, apps: &str) {
        let base = self.lab.path().join("node");
        let www = self.lab.path().join("www");
        let apps = apps.replace("WWW", &www.display().to_string());
        let roots = apps.lines().filter_map(|line| line.split_once("root").map(|(_, rest)| rest));
        for root in roots.filter_map(|rest| rest.split('"').nth(1)) {
            let below = Path::new(root).strip_prefix(self.lab.path()).unwrap();
            self.lab.folder(below.to_str().unwrap()).unwrap();
        }
        let text = format!(
            "[rtorrent]\nscgi = \"{base}/run/rpc.sock\"\nsession = \"{base}/session\"\n\
             [log]\nsocket = \"{log}\"\nlevel = \"debug\"\n{apps}",
            base = base.display(),
            log = self.lab.path().join("log.sock").display(),
        );
        fs::write(&self.config, text).unwrap();
    }

    /// An rtorrent with the hook, not started; its own sweep never runs.
    pub(crate) fn node(&self, flavour: Flavour) -> rtorrent::Builder {
        self.lab
            .rtorrent(flavour)
            .name("node")
            .hook(SEEDSHIP)
            .env("SEEDSHIP_CONFIG", &self.config)
            .env("SEEDSHIP_CHECKPOINTS", self.checkpoints())
            .schedule("seedship_sweep", 600_000, 600_000)
    }

    /// Where a file named like a checkpoint makes a hook park there.
    pub(crate) fn checkpoints(&self) -> PathBuf {
        self.lab.folder("checkpoints").unwrap()
    }

    /// A command of the binary, not started.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(SEEDSHIP);
        command.args(args).env("SEEDSHIP_CONFIG", &self.config).env_remove("SUDO_USER");
        command.env("SEEDSHIP_CHECKPOINTS", self.checkpoints());
        command
    }

    /// Runs the binary.
    pub(crate) fn run(&self, args: &[&str]) -> Run {
        Run::of(self.command(args).output().unwrap())
    }

    /// Runs the binary, which must succeed, and returns what it printed.
    pub(crate) fn good(&self, args: &[&str]) -> String {
        let run = self.run(args);
        assert_eq!(run.code, 0, "{args:?}: {run:?}\n{}", self.log().join("\n"));
        run.stdout
    }

    /// Runs the binary with `--json`; it must succeed, and its answer be one object.
    pub(crate) fn json(&self, args: &[&str]) -> serde_json::Value {
        let answer = self.good(&[args, &["--json"]].concat());
        serde_json::from_str(&answer).unwrap_or_else(|e| panic!("{args:?}: {e}: {answer}"))
    }

    /// The event of a download, without rtorrent, not started.
    pub(crate) fn event(&self, torrent: &Torrent, payload: &Path) -> Command {
        // Under a name of its own: another event of the same torrent may be reading its own.
        let file = self.lab.path().join(self.lab.fresh(&format!("{}.torrent-", torrent.hash)));
        torrent.write_to(&file).unwrap();
        let (file, payload) = (file.to_str().unwrap(), payload.to_str().unwrap());
        self.command(&["finished", &torrent.hash, "--torrent", file, "--payload", payload])
    }

    /// The event of a download, without rtorrent.
    pub(crate) fn finished(&self, torrent: &Torrent, payload: &Path) -> Run {
        Run::of(self.event(torrent, payload).output().unwrap())
    }

    /// A release of the small site whose event is over and went well, without rtorrent.
    pub(crate) fn landed(&self, app: &str, version: &str) -> (Torrent, PathBuf) {
        let tree = lab::site::small(version);
        let (torrent, payload) =
            crate::event::packed(self.lab, &tree, lab::Kind::Tar, &format!("{app}-{version}"));
        let run = self.finished(&torrent, &payload);
        assert_eq!(run.code, 0, "{app} {version}: {run:?}\n{}", self.log().join("\n"));
        (torrent, payload)
    }

    /// Starts a command that parks at a checkpoint, and waits until it is there. Only this one
    /// parks: a later command passes by. Dropping it kills it.
    pub(crate) fn parked(&self, command: Command, checkpoint: &str) -> Parked {
        self.parked_at(command, checkpoint, 1)
    }

    /// The same, at the checkpoint's nth passing.
    pub(crate) fn parked_at(&self, mut command: Command, checkpoint: &str, nth: usize) -> Parked {
        let asked = self.checkpoints().join(checkpoint);
        let reached = self.checkpoints().join(format!("{checkpoint}.reached"));
        let go = self.checkpoints().join(format!("{checkpoint}.go"));
        fs::write(&asked, nth.to_string()).unwrap();
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut parked = Parked { child, pid: 0, go };
        let awaited = lab::await_for(format!("reached {checkpoint} ({nth})"), || {
            reached.exists() || parked.child.try_wait().unwrap().is_some()
        });
        awaited.unwrap();
        assert!(
            reached.exists(),
            "it never came by {checkpoint} ({nth})\n{}",
            self.log().join("\n")
        );
        parked.pid = fs::read_to_string(&reached).unwrap().parse().unwrap();
        fs::remove_file(asked).unwrap();
        fs::remove_file(reached).unwrap();
        parked
    }

    /// A finished download in the session directory of an rtorrent that does not run.
    pub(crate) fn in_session(&self, torrent: &Torrent, directory: &Path) {
        let session = self.lab.folder("node/session").unwrap();
        let file = session.join(format!("{}.torrent", torrent.hash));
        torrent.write_to(&file).unwrap();
        let directory = directory.to_str().unwrap();
        let state = format!("d8:completei1e9:directory{}:{directory}e", directory.len());
        fs::write(file.with_extension("torrent.rtorrent"), state).unwrap();
    }

    /// The configuration's file.
    pub(crate) fn config(&self) -> &Path {
        &self.config
    }

    /// The root of an app.
    pub(crate) fn root(&self, app: &str) -> PathBuf {
        self.lab.path().join("www").join(app)
    }

    /// What `current` of an app says.
    pub(crate) fn current(&self, app: &str) -> Option<String> {
        let text = fs::read_link(self.root(app).join("current")).ok()?;
        Some(text.to_str().unwrap().to_owned())
    }

    /// A file of what is live.
    pub(crate) fn served(&self, app: &str, path: &str) -> Option<String> {
        fs::read_to_string(self.root(app).join("current").join(path)).ok()
    }

    /// The releases of an app that stand, in order.
    pub(crate) fn releases(&self, app: &str) -> Vec<String> {
        let entries = fs::read_dir(self.root(app).join("releases")).into_iter().flatten();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// The record of an info hash, as it lies on disk.
    pub(crate) fn record(&self, app: &str, hash: &str) -> Option<String> {
        let name = format!("{}.toml", hash.to_uppercase());
        fs::read_to_string(self.root(app).join(".seedship/records").join(name)).ok()
    }

    /// The state in the record of an info hash.
    pub(crate) fn state(&self, app: &str, hash: &str) -> Option<String> {
        let record = self.record(app, hash)?;
        let state = record.lines().find_map(|line| line.strip_prefix("state = "))?;
        Some(state.trim_matches('"').to_owned())
    }

    /// Makes a waiting record due now.
    pub(crate) fn is_due(&self, app: &str, hash: &str) {
        let file = self.root(app).join(format!(".seedship/records/{}.toml", hash.to_uppercase()));
        let record = fs::read_to_string(&file).unwrap();
        let (before, rest) = record.split_once("not_before = ").unwrap();
        let (_, after) = rest.split_once('\n').unwrap();
        fs::write(file, format!("{before}not_before = 0\n{after}")).unwrap();
    }

    /// What an app looks like now.
    pub(crate) fn picture(&self, app: &str) -> Picture {
        let records = fs::read_dir(self.root(app).join(".seedship/records")).into_iter().flatten();
        let records = records.map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(path).unwrap())
        });
        Picture {
            current: self.current(app),
            page: self.page(app),
            releases: self.releases(app),
            records: records.collect(),
        }
    }

    /// Every entry below an app's root, with all that a change of it would change.
    pub(crate) fn listing(&self, app: &str) -> Vec<String> {
        let mut find = Command::new("find");
        find.arg(self.root(app)).args(["-printf", "%P %y %m %s %i %C@ %l\\n"]);
        let printed = String::from_utf8(lab::site::run(&mut find).unwrap()).unwrap();
        let mut lines: Vec<String> = printed.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    }

    /// The version of the page that is served.
    pub(crate) fn page(&self, app: &str) -> Option<String> {
        let page = self.served(app, "index.html")?;
        lab::site::version_of(page.as_bytes()).map(str::to_owned)
    }

    /// Every line of log so far that is not debug, without its header.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lines(|line| !is_debug(line))
    }

    /// How many lines of log, those of debug among them, hold this text.
    pub(crate) fn told(&self, text: &str) -> usize {
        self.log.lines(|line| line.contains(text)).len()
    }

    /// Waits, calling rtorrent all the while, until the state of a record is this one.
    pub(crate) fn await_state(&self, node: &Node, app: &str, hash: &str, state: &str) {
        let awaited = node.await_that(&format!("{app} {hash} {state}"), || {
            self.state(app, hash).as_deref() == Some(state)
        });
        awaited.unwrap_or_else(|e| {
            panic!("{e}: {:?}\n{}", self.record(app, hash), self.log().join("\n"))
        });
    }

    /// Waits until a release is live.
    pub(crate) fn await_live(&self, node: &Node, app: &str, version: &str) {
        let link = format!("releases/{version}");
        let awaited = node.await_that(&format!("{app} {version} live"), || {
            self.current(app).as_deref() == Some(&link)
        });
        awaited.unwrap_or_else(|e| panic!("{e}\n{}", self.log().join("\n")));
    }
}

/// A process that stands still at a checkpoint.
pub(crate) struct Parked {
    /// What was started: the process itself, or what runs it.
    child: Child,
    /// The process that stands there.
    pub(crate) pid: i32,
    go: PathBuf,
}

impl Parked {
    /// Whether it is still there.
    pub(crate) fn stands(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Kills it at once, as a power cut would, and waits for its end.
    pub(crate) fn kill(self) {}

    /// Lets it go on, and returns its exit code.
    pub(crate) fn go(mut self) -> i32 {
        fs::write(&self.go, "").unwrap();
        let ended = self.child.wait().unwrap();
        fs::remove_file(&self.go).unwrap();
        ended.code().unwrap_or(-1)
    }

    /// Sends it a signal that it does not survive, and says by which it ended.
    pub(crate) fn end_by(mut self, signal: Signal) -> Option<i32> {
        kill(Pid::from_raw(self.pid), signal).unwrap();
        self.child.wait().unwrap().signal()
    }
}

impl Drop for Parked {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            if self.pid > 0 {
                let _ = kill(Pid::from_raw(self.pid), Signal::SIGKILL);
            }
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

impl Run {
    /// Whatever is run, what it says is for people.
    pub(crate) fn of(output: Output) -> Self {
        let run = Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        };
        for text in [&run.stdout, &run.stderr] {
            let rust = IN_RUSTS_WORDS.iter().find(|words| text.contains(*words));
            assert_eq!(rust, None, "{text}");
        }
        run
    }
}

/// What shows that a value of the program was printed as the program sees it.
const IN_RUSTS_WORDS: [&str; 9] =
    ["(os error", "Os {", "Custom {", "Error {", "Some(", "Ok(", "Err(", "panicked", "Error(\""];

/// A syslog socket and what came through it.
struct Log {
    path: PathBuf,
    lines: Arc<Mutex<Vec<String>>>,
    marks: mpsc::Receiver<()>,
}

/// Sent by the reader of the log itself: everything before it has been taken in.
const MARK: &[u8] = b"lab: mark";

impl Log {
    fn listen(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).unwrap();
        // Whoever the binary runs as may log.
        lab::site::run(Command::new("chmod").arg("0666").arg(path)).unwrap();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (marked, marks) = mpsc::channel();
        let taken = Arc::clone(&lines);
        thread::spawn(move || {
            let mut buffer = vec![0; 64 * 1024];
            while let Ok(size) = socket.recv(&mut buffer) {
                match &buffer[..size] {
                    MARK if marked.send(()).is_err() => return,
                    MARK => {}
                    line => taken.lock().unwrap().push(String::from_utf8_lossy(line).into_owned()),
                }
            }
        });
        Self { path: path.to_owned(), lines, marks }
    }

    fn lines(&self, shown: impl Fn(&str) -> bool) -> Vec<String> {
        UnixDatagram::unbound().unwrap().send_to(MARK, &self.path).unwrap();
        self.marks.recv_timeout(Duration::from_secs(5)).unwrap();
        let lines = self.lines.lock().unwrap();
        let shown = lines.iter().filter(|line| shown(line));
        shown
            .map(|line| line.split_once("]: ").map_or(line.as_str(), |(_, l)| l).to_owned())
            .collect()
    }
}

/// The severity, the last three bits of the number at the front (RFC 3164), is debug.
fn is_debug(line: &str) -> bool {
    let number = line.strip_prefix('<').and_then(|rest| rest.split_once('>'));
    number.and_then(|(number, _)| number.parse::<u8>().ok()).is_some_and(|n| n & 7 == 7)
}
