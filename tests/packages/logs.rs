//! The shipped rules for rsyslog and logrotate, by the real programs: what Seedship logs lands whole in
//! a file of its own and in no other, and no line is lost when that is rotated. And on a booted Debian,
//! where the files are where they belong: rsyslog, journald, and who watches.

use lab::{Booted, Lab, Owned, as_root, await_for, site, skip, workspace};
use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::Command,
};

/// The binary under test.
const SEEDSHIP: &str = env!("CARGO_BIN_EXE_seedship");

/// A file that is shipped.
fn shipped(path: &str) -> String {
    fs::read_to_string(workspace().join("packaging").join(path)).unwrap()
}

/// A program, which an ordinary user's PATH may not lead to; says so where it is not there.
fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let servers = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    let places = std::env::split_paths(&path).chain(servers);
    let found = places.map(|place| place.join(name)).find(|file| file.exists());
    if found.is_none() {
        skip(format!("{name} is not installed"));
    }
    found
}

/// An rsyslogd of the lab's own, with the shipped rule, and an app that logs to it.
struct Server {
    lab: Lab,
    rsyslogd: Owned,
}

impl Server {
    /// `None` where it is not installed, and the test is skipped.
    fn start() -> Option<Self> {
        let rsyslogd = program("rsyslogd")?;
        let lab = Lab::new().unwrap();
        for folder in ["spool", "www/shop", "log"] {
            lab.folder(folder).unwrap();
        }
        let at = |name: &str| lab.path().join(name).display().to_string();
        let mut rule = shipped("etc/rsyslog.d/seedship.conf").replace("/var/log/", &at("log/"));
        if !as_root() {
            // Nobody else can give a file away.
            rule = rule.replace(" fileOwner=\"root\" fileGroup=\"adm\"", "");
        }
        let rule = lab.write("seedship.conf", rule).unwrap();
        let conf = format!(
            "global(workDirectory=\"{}\")\n\
             module(load=\"imuxsock\" SysSock.Use=\"off\")\n\
             input(type=\"imuxsock\" Socket=\"{}\")\n\
             include(file=\"{}\")\n\
             *.* action(type=\"omfile\" file=\"{}\")\n",
            at("spool"),
            at("log.sock"),
            rule.display(),
            at("log/other.log")
        );
        let conf = lab.write("rsyslog.conf", conf).unwrap();
        let config = format!(
            "[log]\nsocket = \"{}\"\n[apps.shop]\nmatch = \"shop-{{version}}.tar\"\nroot = \"{}\"\n\
             unsigned = \"accept\"\nmin_free = \"1MiB\"\n",
            at("log.sock"),
            at("www/shop")
        );
        lab.write("config.toml", config).unwrap();
        let mut rsyslogd = Command::new(rsyslogd);
        rsyslogd.arg("-n").arg("-f").arg(&conf).arg("-i").arg(lab.path().join("rsyslogd.pid"));
        let mut rsyslogd = Owned::spawn(&lab, "rsyslogd", &mut rsyslogd).unwrap();
        let socket = lab.path().join("log.sock");
        rsyslogd.await_ready(|| socket.exists()).unwrap();
        Some(Self { lab, rsyslogd })
    }

    fn file(&self, name: &str) -> PathBuf {
        self.lab.path().join("log").join(name)
    }

    /// The lines of a log; none if it is not there.
    fn lines(&self, name: &str) -> Vec<String> {
        let text = fs::read_to_string(self.file(name)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// An operator's word, which is one line of log.
    fn hold(&self, reason: &str) {
        let mut command = Command::new(SEEDSHIP);
        command.args(["hold", "shop", "--reason", reason]).env("SUDO_USER", "anna");
        site::run(command.env("SEEDSHIP_CONFIG", self.lab.path().join("config.toml"))).unwrap();
    }

    /// Another program logs.
    fn logger(&self, tag: &str, text: &str) {
        let mut logger = Command::new("logger");
        logger.arg("-u").arg(self.lab.path().join("log.sock")).args(["-t", tag, "--", text]);
        site::run(&mut logger).unwrap();
    }
}

#[test]
fn a_line_lands_whole_in_its_own_file_and_in_no_other() {
    let Some(server) = Server::start() else { return };
    server.logger("cron", "something else");
    server.logger("seedship-hub", "a relative");
    server.hold("plain");
    server.hold("a\nb\t\u{1b}[31m <30>Jan  1 00:00:00 seedship[1]: forged app=shop | é");
    server.hold(&"long ".repeat(4000));
    server.logger("cron", "the last");
    let done = || server.lines("other.log").len() == 3 && server.lines("seedship.log").len() == 3;
    await_for("every line", done).unwrap_or_else(|e| {
        panic!("{e}: {:?} {:?}", server.lines("seedship.log"), server.lines("other.log"))
    });
    let other = server.lines("other.log");
    for (line, says) in
        other.iter().zip([" cron: something else", " seedship-hub: a relative", " cron: the last"])
    {
        assert!(line.ends_with(says), "{line}");
    }
    let own = server.lines("seedship.log");
    let begins = "shop is held until it is released app=shop by=anna reason=";
    for line in &own {
        let (head, said) = line.split_once("]: ").unwrap();
        assert!(head.rsplit_once(" seedship[").is_some() && said.starts_with(begins), "{line}");
        assert!(!line.chars().any(char::is_control), "{line}");
    }
    assert!(own[0].ends_with(" reason=plain"), "{}", own[0]);
    let told =
        " reason=\"a\\x0Ab\\x09\\x1B[31m <30>Jan  1 00:00:00 seedship[1]: forged app=shop | é\"";
    assert!(own[1].ends_with(told), "{}", own[1]);
    assert!(own[2].ends_with('…') && own[2].len() > 8000, "{} bytes", own[2].len());
    let found = fs::metadata(server.file("seedship.log")).unwrap();
    assert_eq!(found.permissions().mode() & 0o777, 0o640);
    if as_root() {
        assert_eq!((found.uid(), found.gid()), (0, 4), "root's, and adm may read");
    }
}

/// logrotate as cron starts it, while Seedship goes on.
#[test]
fn no_line_is_lost_when_the_log_is_rotated() {
    const LINES: usize = 60;
    let Some(server) = Server::start() else { return };
    let Some(logrotate) = program("logrotate") else { return };
    let hup = format!("kill -s HUP {}", server.rsyslogd.pid());
    let mut rule = shipped("etc/logrotate.d/seedship")
        .replace("/var/log/", &format!("{}/", server.lab.path().join("log").display()));
    let theirs =
        "if [ -x /usr/lib/rsyslog/rsyslog-rotate ]; then /usr/lib/rsyslog/rsyslog-rotate; fi";
    assert!(rule.contains(theirs), "{rule}");
    rule = rule.replace(theirs, &hup);
    if !as_root() {
        rule = rule.replace("create 0640 root adm", "create 0640");
    }
    let rule = server.lab.write("logrotate.conf", rule).unwrap();
    fs::set_permissions(&rule, fs::Permissions::from_mode(0o644)).unwrap();
    let rotate = || {
        let mut logrotate = Command::new(&logrotate);
        logrotate.arg("-s").arg(server.lab.path().join("state")).arg("--force").arg(&rule);
        site::run(&mut logrotate).unwrap();
    };
    // In the middle of what is said, and several times.
    std::thread::scope(|scope| {
        let said = scope.spawn(|| (0..LINES).for_each(|n| server.hold(&format!("number{n}"))));
        for part in 1..4 {
            let enough = || all(&server).len() >= part * LINES / 5;
            await_for("some lines", enough).unwrap();
            rotate();
            // A week lies between two rotations: the daemon has long gone on to the new file.
            let gone_on = || !server.lines("seedship.log").is_empty();
            await_for("a line in the new file", gone_on).unwrap();
        }
        said.join().unwrap();
    });
    await_for("every line", || all(&server).len() >= LINES).unwrap();
    let mut numbers: Vec<usize> = all(&server)
        .iter()
        .map(|line| line.rsplit_once("reason=number").unwrap().1.parse().unwrap())
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..LINES).collect::<Vec<_>>(), "each once");
    let rotated = ["seedship.log.1", "seedship.log.2.gz", "seedship.log.3.gz"];
    assert!(rotated.iter().all(|name| server.file(name).exists()));
    let found = fs::metadata(server.file("seedship.log")).unwrap();
    assert_eq!(found.permissions().mode() & 0o777, 0o640);
}

/// The lines of all generations of the log.
fn all(server: &Server) -> Vec<String> {
    let mut zcat = Command::new("sh");
    let script =
        "cat seedship.log seedship.log.1 2> /dev/null; zcat -f seedship.log.*.gz 2> /dev/null; :";
    zcat.args(["-c", script]).current_dir(server.lab.path().join("log"));
    let text = String::from_utf8(site::run(&mut zcat).unwrap()).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// A script of root that must end well.
#[track_caller]
fn shell(system: &Booted, script: &str) -> String {
    system.shell(script).unwrap()
}

/// Everything in its place: what a server that was set up by the guide logs and is watched by.
#[test]
fn on_a_server_rsyslog_journald_and_whoever_watches_are_told() {
    if !lab::own_mounts!() {
        return;
    }
    let lab = Lab::new().unwrap();
    let Some(system) = Booted::boot(&lab) else { return };
    let system = &system;
    let packaging = workspace().join("packaging");
    system.copy_in(Path::new(SEEDSHIP), "/usr/bin/seedship").unwrap();
    for file in ["etc/rsyslog.d/seedship.conf", "etc/logrotate.d/seedship"] {
        system.copy_in(&packaging.join(file), file).unwrap();
    }
    for unit in ["seedship-prometheus.service", "seedship-prometheus.timer"] {
        let example = packaging.join("usr/share/doc/seedship/examples").join(unit);
        system.copy_in(&example, &format!("/etc/systemd/system/{unit}")).unwrap();
    }
    let app = "[apps.shop]\nmatch = \"shop-{version}.tar\"\nroot = \"/srv/www/shop\"\n\
               unsigned = \"accept\"\nmin_free = \"1MiB\"\n";
    system.write("/etc/seedship/config.toml", app).unwrap();
    shell(
        system,
        "useradd --system deploy
         useradd --system --groups deploy nagios
         useradd --system stranger
         install -d -o deploy -g deploy -m 0755 /srv/www/shop
         install -d -m 0755 /var/lib/prometheus/node-exporter /var/lib/rtorrent/session
         systemctl restart rsyslog.service && systemctl daemon-reload",
    );
    // The log: in its own file, in no other, and in the journal.
    shell(system, "SUDO_USER=anna seedship hold shop --reason $'first\\nline'");
    let line = "shop is held until it is released app=shop by=anna reason=first\\x0Aline";
    system.write("/line", format!("{line}\n")).unwrap();
    let heard = system.await_that("the line", "grep -qFf /line /var/log/seedship.log");
    heard.unwrap_or_else(|e| {
        let state = "systemctl status --no-pager rsyslog; tail -n5 /var/log/seedship.log \
                     /var/log/syslog /line; journalctl -q --no-pager | tail -n20; :";
        panic!("{e}\n{}", shell(system, state))
    });
    assert_eq!(
        shell(system, "cat /var/log/syslog /var/log/daemon.log 2>/dev/null | grep -cFf /line || :")
            .trim(),
        "0"
    );
    assert_eq!(shell(system, "journalctl -q -t seedship -o cat").trim(), line);
    assert_eq!(shell(system, "stat -c '%a %U %G' /var/log/seedship.log").trim(), "640 root adm");
    // Where this kernel's control groups are not systemd's alone, systemctl signals the daemon and then
    // complains that it cannot look for others.
    let said = shell(system, "logrotate --force /etc/logrotate.d/seedship 2>&1 || echo failed");
    assert!(said.is_empty() || said.contains("SIGHUP to auxiliary processes"), "{said}");
    shell(system, "SUDO_USER=anna seedship unhold shop");
    let second = "grep -q 'shop is not held any more' /var/log/seedship.log";
    system.await_that("a line after the rotation", second).unwrap();
    shell(
        system,
        "grep -qFf /line /var/log/seedship.log.1 && ! grep -qFf /line /var/log/seedship.log",
    );
    assert_eq!(shell(system, "stat -c '%a %U %G' /var/log/seedship.log").trim(), "640 root adm");
    // Who watches: as Nagios' user, in the owner's group; and as somebody else.
    shell(system, "seedship sweep");
    let plugin = |user: &str| system.shell_as(user, "seedship monitor shop || echo $?").unwrap();
    let said = plugin("nagios");
    assert!(said.starts_with("SEEDSHIP WARNING - shop: nothing is live | shop_silence="), "{said}");
    assert!(said.ends_with("\n1\n"), "{said}");
    let said = plugin("stranger");
    assert!(said.starts_with("SEEDSHIP UNKNOWN - shop: could not "), "{said}");
    assert!(said.ends_with("\n3\n"), "{said}");
    // Prometheus: the unit writes its file, in its sandbox.
    shell(system, "systemctl start seedship-prometheus.service");
    let file = "/var/lib/prometheus/node-exporter/seedship.prom";
    assert_eq!(shell(system, &format!("stat -c '%a %U' {file}")).trim(), "644 root");
    let metrics = shell(system, &format!("cat {file}"));
    assert!(metrics.contains("\nseedship_app_state{app=\"shop\"} 1\n"), "{metrics}");
    let verify =
        "systemd-analyze verify seedship-prometheus.service seedship-prometheus.timer 2>&1 || :";
    // The package brings the manual page that both name.
    let complaints = shell(system, verify);
    let complaints: Vec<_> =
        complaints.lines().filter(|line| !line.contains("man seedship")).collect();
    assert!(complaints.is_empty(), "{complaints:?}");
}
