//! The Debian package, installed, upgraded, taken back, removed and purged on a booted Debian; where
//! no systemd runs; and killed at every step. A deploy that runs meanwhile ends well.

use crate::package;
use lab::{Booted, Kind, Lab, site, skip};
use std::{fmt::Write, fs, path::Path, process::Command};

/// A text that was looked at.
fn reviewed(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_snapshot_path("../snapshots");
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// A site whose releases wait, before they are complete, until `/srv/go` is there.
const SHOP: &str = r#"
[apps.shop]
match    = "shop-{version}.tar.zst"
root     = "/srv/www/shop"
unsigned = "accept"
linger   = "0s"
min_free = "1MiB"
[apps.shop.run]
prepare  = [["sh", "-c", "touch /var/lib/rtorrent/parked; until test -e /srv/go; do sleep 0.1; done"]]
"#;

/// What an administrator has done by the first upgrade: a site, a rtorrent, a line in a file of ours,
/// another mode for one of our directories, no timer.
const ADMINISTRATE: &str = r"
    install -d /etc/rtorrent
    install -d -o rtorrent -g rtorrent /srv/www/shop
    echo '# a word of the administrator' >> /etc/seedship/config.toml
    echo 'd /var/lib/rtorrent/session 2750 rtorrent rtorrent -' > /etc/tmpfiles.d/00-session.conf
    systemd-tmpfiles --create 00-session.conf
    sed '/^schedule = seedship_sweep,/d' /usr/share/doc/seedship/examples/rtorrent.rc.example \
        > /etc/rtorrent/rtorrent.rc
    systemctl enable --now rtorrent@rtorrent
    systemctl disable --now seedship-sweep.timer
";

/// What no upgrade may change.
const KEPT: &str = r"
    systemctl show --property MainPID --value rtorrent@rtorrent
    systemctl is-enabled rtorrent@rtorrent
    systemctl is-enabled seedship-sweep.timer || true
    systemctl is-active seedship-sweep.timer || true
    stat --format '%A %n' /var/lib/rtorrent/session
    getent passwd rtorrent
    cat /etc/seedship/config.toml /etc/seedship/config.d/shop.toml
";

/// Each file and directory of the package and those that its installation makes.
const TABLE: &str = r#"
    { dpkg -L seedship | grep -E 'seedship|rtorrent' \
        | grep -vE '/usr/share/(man/man1/.*-|puppet/modules/seedship/.*/)'
      find /etc/seedship /var/lib/rtorrent /run/rtorrent; } \
    | sort -u | xargs stat --format '%A %U:%G %n' | awk '{printf "%s  %-17s  %s\n", $1, $2, $3}'
"#;

/// What an installation decides, a line each: a name, and what says it.
const STATE: &[(&str, &str)] = &[
    ("package", "dpkg-query -W -f='${Status}' seedship"),
    ("user", "getent passwd rtorrent | cut -d: -f1,5-"),
    ("group", "getent group seedship | cut -d: -f1,4"),
    (
        "timer",
        "systemctl is-enabled seedship-sweep.timer; systemctl is-active seedship-sweep.timer",
    ),
    ("rtorrent", "systemctl list-units --plain --no-legend 'rtorrent@*'"),
    ("changed files", "dpkg --verify seedship"),
    ("failed units", "systemctl list-units --failed --plain --no-legend"),
];

/// Everything in the system but what its own programs write at any time.
const EVERYTHING: &str = "find / -xdev -not -path '/var/log/journal/*' -not -path '/var/cache/*' \
    -not -path '/root/*' -not -path '/var/log/dpkg.log' -not -path '/srv/deb/*' | sort";

/// A booted Debian, and packages in it.
struct Server<'l> {
    lab: &'l Lab,
    system: Booted,
}

impl<'l> Server<'l> {
    fn boot(lab: &'l Lab) -> Option<Self> {
        let system = Booted::boot(lab).filter(package::fits)?;
        let server = Self { lab, system };
        server.bring(&package::built(), "seedship");
        Some(server)
    }

    /// A package becomes `/srv/deb/NAME.deb`.
    fn bring(&self, package: &Path, name: &str) {
        self.system.copy_in(package, &format!("/srv/deb/{name}.deb")).unwrap();
    }

    /// What a script prints, without its last line's end.
    #[track_caller]
    fn told(&self, script: &str) -> String {
        self.system.shell(script).unwrap_or_else(|e| panic!("{e}")).trim_end().to_owned()
    }

    #[track_caller]
    fn install(&self, name: &str) {
        self.told(&format!("dpkg --force-confold -i /srv/deb/{name}.deb < /dev/null"));
    }

    fn state(&self) -> String {
        let mut told = String::new();
        for (what, script) in STATE {
            let said = self.told(script).replace('\n', ", ");
            let line = format!("{what:<15}{said}");
            writeln!(told, "{}", line.trim_end()).unwrap();
        }
        told
    }

    /// Starts a release's deploy, as rtorrent's event does.
    fn deploy(&self, version: &str) {
        let folder = self.lab.folder(&self.lab.fresh("payload")).unwrap();
        let name = format!("shop-{version}");
        let payload = site::small(version).pack(Kind::TarZst, &folder, &name).unwrap();
        let torrent = self.lab.torrent(&payload).make().unwrap();
        self.system.write(&format!("/srv/deb/{name}.torrent"), &torrent.bytes).unwrap();
        self.system.copy_in(&payload, &format!("/srv/deb/{name}.tar.zst")).unwrap();
        self.told(&format!(
            "systemd-run --quiet --uid=rtorrent --unit=deploy-{version} --remain-after-exit seedship \
             finished {} --torrent /srv/deb/{name}.torrent --payload /srv/deb/{name}.tar.zst",
            torrent.hash
        ));
    }

    /// Waits until the deploy has ended well, and its release is served.
    fn await_deployed(&self, version: &str) {
        let show = format!("systemctl show --property SubState --value deploy-{version}");
        let ended = format!("{show} | grep -E 'exited|failed'");
        self.system.await_that(&format!("the end of the deploy of {version}"), &ended).unwrap();
        assert_eq!(self.told(&show), "exited");
        assert_eq!(self.served().as_deref(), Some(version));
    }

    /// The version of the page that is served.
    fn served(&self) -> Option<String> {
        let page = fs::read(self.system.path("/srv/www/shop/current/index.html")).ok()?;
        site::version_of(&page).map(str::to_owned)
    }

    /// Kills dpkg and the script that it runs, in the moment in which the script calls this program.
    fn kill_at(&self, program: &str, dpkg: &str) {
        let killer = format!("/usr/local/sbin/{program}");
        let script = "#!/bin/sh\nkill -KILL $(ps -o ppid= -p $PPID) $PPID\n";
        self.system.write(&killer, script).unwrap();
        self.told(&format!("chmod +x {killer}"));
        let killed = self.system.shell(&format!("dpkg --force-confold {dpkg} < /dev/null"));
        self.told(&format!("rm {killer}"));
        assert!(killed.is_err(), "{dpkg} does not call {program}");
    }
}

#[test]
fn it_is_installed_upgraded_killed_taken_back_and_purged() {
    if !lab::own_mounts!() {
        return;
    }
    let lab = Lab::new().unwrap();
    let Some(server) = Server::boot(&lab) else { return };
    let before = server.told(EVERYTHING);
    server.install("seedship");
    let installed = server.state();
    reviewed("deb-files", &server.told(TABLE));
    reviewed("deb-installed", &installed);
    shells_and_man_know_it(&server);
    // Nobody has configured anything yet.
    server.told("systemctl start seedship-sweep.service");

    server.told(ADMINISTRATE);
    server.system.write("/etc/seedship/config.d/shop.toml", SHOP).unwrap();
    server.told("touch /srv/go");
    server.deploy("1.0.0");
    server.await_deployed("1.0.0");
    a_deploy_and_all_settings_survive_an_upgrade(&server);
    an_upgrade_is_killed_at_every_step(&server);
    what_is_removed_goes_on_when_it_is_back(&server);
    a_purge_leaves_the_releases(&server, &before);
    it_is_installed_where_no_systemd_runs(&server);
    assert_eq!(server.state(), installed, "the first time, and after all that");
}

fn shells_and_man_know_it(server: &Server<'_>) {
    let bash = "bash -c 'source /usr/share/bash-completion/bash_completion; _completion_loader seedship; \
        COMP_WORDS=(seedship ro); COMP_CWORD=1; _seedship seedship ro seedship; echo ${COMPREPLY[@]}'";
    assert_eq!(server.told(bash), "rollback");
    assert_eq!(server.told("fish -c 'complete -C \"seedship ro\"' | cut -f1"), "rollback");
    let zsh = "zsh -fc 'autoload -Uz compinit; compinit -D; echo $_comps[seedship]; \
        autoload +X _seedship; echo $+functions[_seedship]'";
    assert_eq!(server.told(zsh), "_seedship\n1");
    for page in ["1 seedship", "1 seedship-rollback", "5 seedship-config", "8 seedship-bandwidth"] {
        let name = page.split_once(' ').unwrap().1;
        let text = server.told(&format!("man -P cat {page} 2>&1"));
        assert!(text.contains("NAME") && text.contains(&format!("{name} - ")), "{text}");
    }
}

fn a_deploy_and_all_settings_survive_an_upgrade(server: &Server<'_>) {
    let newer = package::version(server.lab, "99.0-1", |root| {
        package::append(root, "etc/seedship/config.toml", "# a word of the next version");
        package::append(root, "usr/lib/systemd/system/rtorrent@.service", "# of the next version");
    });
    server.bring(&newer, "newer");
    let own = package::field(&package::built(), "Version");
    let kept = server.told(KEPT);
    let mut live = "1.0.0";
    for (name, version, release) in [("newer", "99.0-1", "1.1.0"), ("seedship", &own, "1.2.0")] {
        server.told("rm -f /srv/go /var/lib/rtorrent/parked");
        server.deploy(release);
        let parked = "test -e /var/lib/rtorrent/parked";
        server.system.await_that("a release that is being made", parked).unwrap();
        server.install(name);
        assert_eq!(server.told("dpkg-query -W -f='${Version}' seedship"), version);
        assert_eq!(server.told(KEPT), kept);
        assert_eq!(server.served().as_deref(), Some(live));
        // systemd knows the unit that is on the disk.
        let unit = "systemctl show --property NeedDaemonReload --value rtorrent@rtorrent";
        assert_eq!(server.told(unit), "no");
        let told = server.told("systemctl cat rtorrent@rtorrent").contains("of the next version");
        assert_eq!(told, name == "newer");
        server.told("touch /srv/go");
        server.await_deployed(release);
        live = release;
    }
    let releases = server.told("seedship releases shop --json | tr -d ' \n'");
    for release in ["1.0.0", "1.1.0", "1.2.0"] {
        assert!(releases.contains(&format!("\"version\":\"{release}\"")), "{releases}");
    }
    lab::withstood!(
        "Crowds and meddling",
        "the package upgraded, and taken back, while a release is being made",
        2,
        "the deploy ends well; rtorrent, settings and state are as before",
        server.served().as_deref() == Some("1.2.0")
    );
}

/// The steps of `postinst`, each by the program that it calls.
const STEPS: [&str; 4] =
    ["systemd-sysusers", "systemd-tmpfiles", "systemctl", "deb-systemd-helper"];

fn an_upgrade_is_killed_at_every_step(server: &Server<'_>) {
    let kept = server.told(KEPT);
    for (nth, step) in STEPS.iter().enumerate() {
        let name = ["newer", "seedship"][nth % 2];
        server.kill_at(step, &format!("-i /srv/deb/{name}.deb"));
        assert_eq!(server.served().as_deref(), Some("1.2.0"));
        server.told("dpkg --force-confold --configure -a < /dev/null");
        assert_eq!(server.told("dpkg-query -W -f='${Status}' seedship"), "install ok installed");
        assert_eq!(server.told(KEPT), kept, "{step}");
    }
    lab::withstood!(
        "Kills",
        "dpkg and its script killed at each step of an upgrade of the package",
        STEPS.len(),
        "`dpkg --configure -a` ends it; rtorrent, settings and state are as before",
        server.served().as_deref() == Some("1.2.0")
    );
}

fn what_is_removed_goes_on_when_it_is_back(server: &Server<'_>) {
    server.told("systemctl enable --now seedship-sweep.timer");
    // Killed before it stopped anything, and again.
    server.kill_at("deb-systemd-invoke", "--remove seedship");
    server.told("dpkg --remove seedship");
    assert_eq!(server.told("command -v seedship || echo gone"), "gone");
    let ours = "systemctl list-units --plain --no-legend 'seedship*' 'rtorrent@*'";
    assert_eq!(server.told(ours), "");
    assert_eq!(server.served().as_deref(), Some("1.2.0"));
    server.install("seedship");
    assert_eq!(server.told("systemctl is-active seedship-sweep.timer"), "active");
    let status = server.told("seedship status");
    assert!(status.contains("shop: 1.2.0 is live"), "{status}");
    assert!(server.told("cat /etc/seedship/config.toml").contains("# a word of the administrator"));
}

fn a_purge_leaves_the_releases(server: &Server<'_>, before: &str) {
    server.told("rm /srv/go /var/lib/rtorrent/parked");
    server.told("echo secret > /var/lib/rtorrent/release.key; logger -t seedship 'a line'");
    server.system.await_that("its log", "test -e /var/log/seedship.log").unwrap();
    server.kill_at("deb-systemd-helper", "--purge seedship");
    let said = server.told("dpkg --purge seedship");
    assert!(said.contains("/var/lib/rtorrent holds other files, and is kept"), "{said}");
    assert_eq!(server.served().as_deref(), Some("1.2.0"));

    let before: std::collections::HashSet<&str> = before.lines().collect();
    let after = server.told(EVERYTHING);
    let site = "/srv/www/shop/";
    let shown = |path: &&str| path.strip_prefix(site).is_none_or(|below| !below.contains('/'));
    let left: Vec<&str> = after.lines().filter(|path| !before.contains(path)).collect();
    let left: Vec<&str> = left.into_iter().filter(shown).collect();
    reviewed("deb-purged", &(left.join("\n") + "\n"));

    // What was the administrator's, the administrator removes.
    server.told(
        "rm -r /var/lib/rtorrent /etc/rtorrent /etc/tmpfiles.d/00-session.conf; \
         systemctl daemon-reload; systemctl reset-failed",
    );
}

/// In a root of the same files, where nothing of a running system can be seen.
fn it_is_installed_where_no_systemd_runs(server: &Server<'_>) {
    server.told(
        "mkdir /srv/other; mount --bind / /srv/other; mount -t tmpfs tmpfs /srv/other/run; \
         mount -t proc proc /srv/other/proc",
    );
    server.system.write("/srv/deb/table", TABLE).unwrap();
    server.told("chroot /srv/other dpkg -i /srv/deb/seedship.deb");
    reviewed("deb-files", &server.told("chroot /srv/other bash /srv/deb/table"));
    assert_eq!(
        server.told("chroot /srv/other systemctl is-enabled seedship-sweep.timer"),
        "enabled"
    );
    server.told("umount /srv/other/{proc,run,}; rmdir /srv/other; systemctl daemon-reload");
    // As after the boot of such a system.
    server.told("systemd-tmpfiles --create seedship.conf; systemctl start timers.target seedship-sweep.timer");
}

/// Who was here before: another user's rtorrent, in the place of ours, by a unit of the name of ours.
const BEFORE: &str = r"
    useradd --system --home-dir /var/lib/rtorrent torrent
    install -d -o torrent -m 0755 /var/lib/rtorrent/{,session,download}
    printf '[Service]\nExecStart=sleep infinity\n[Install]\nWantedBy=multi-user.target\n' \
        > /etc/systemd/system/rtorrent@.service
    systemctl daemon-reload
    systemctl enable --quiet --now rtorrent@mine
";

/// What an administrator keeps in directories of ours: a disk, a directory of another place, a site, a key.
const WITHIN: &str = r"
    mount -t tmpfs -o uid=rtorrent tmpfs /var/lib/rtorrent/download
    install -d -o rtorrent /var/lib/rtorrent/watch/bound /srv/bound
    mount --bind /srv/bound /var/lib/rtorrent/watch/bound
    install -d -o rtorrent /var/lib/rtorrent/session/shop/.seedship
    touch /var/lib/rtorrent/download/mounted /srv/bound/bound /etc/seedship/ci.key
";

#[test]
fn what_is_somebody_else_s_is_left() {
    if !lab::own_mounts!() {
        return;
    }
    let lab = Lab::new().unwrap();
    let Some(server) = Server::boot(&lab) else { return };
    server.told(BEFORE);
    let others = "systemctl show --property MainPID --value rtorrent@mine
        systemctl is-enabled rtorrent@mine
        stat --format '%A %U %n' /var/lib/rtorrent/{,session,download}";
    let before = server.told(others);
    server.install("seedship");
    assert_eq!(server.told(others), before);
    let said = server.told("dpkg --purge seedship");
    assert!(said.contains("/var/lib/rtorrent holds other files, and is kept"), "{said}");
    assert_eq!(server.told(others), before);

    server.told(
        "systemctl disable --now rtorrent@mine; rm -r /etc/systemd/system/rtorrent@.service \
         /var/lib/rtorrent; systemctl daemon-reload",
    );
    server.install("seedship");
    // By hand, with no line in tmpfiles.d: it outlives an upgrade, as a boot.
    let opened = "stat --format '%a %G' /var/lib/rtorrent/watch";
    server.told("chgrp adm /var/lib/rtorrent/watch; chmod 2770 /var/lib/rtorrent/watch");
    server.install("seedship");
    assert_eq!(server.told(opened), "2770 adm");
    server.told("systemd-tmpfiles --create seedship.conf");
    assert_eq!(server.told(opened), "2770 adm");

    server.told(WITHIN);
    server
        .told("touch /var/log/seedship.log /var/log/seedship.log-20260101; dpkg --purge seedship");
    let left = "find /var/lib/rtorrent /etc/seedship /var/log/seedship* /srv/bound -not -type d";
    assert_eq!(
        server.told(&format!("{left} -o -name .seedship 2> /dev/null | sort || true")),
        "/etc/seedship/ci.key\n/srv/bound/bound\n/var/lib/rtorrent/download/mounted\n\
         /var/lib/rtorrent/session/shop/.seedship\n/var/lib/rtorrent/watch/bound/bound"
    );
}

#[test]
fn lintian_finds_nothing() {
    if Command::new("lintian").arg("--version").output().is_err() {
        return skip("lintian is not installed");
    }
    let mut lintian = Command::new("lintian");
    lintian.args(["--fail-on", "error,warning"]).arg(package::built());
    let out = lintian.output().unwrap();
    let said = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success() && said.is_empty(), "{said}");
}

/// What the package says of itself is one with what it is made from.
#[test]
fn its_version_and_what_it_needs() {
    let changelog = include_str!("../../packaging/debian/changelog");
    let version = changelog.split(['(', ')']).nth(1).unwrap();
    assert_eq!(version, concat!(env!("CARGO_PKG_VERSION"), "-1"));
    let package = package::built();
    assert_eq!(package::field(&package, "Version"), version);
    let needs = package::field(&package, "Depends");
    let (library, rest) = needs.split_once(", ").unwrap();
    // As new as the system that built it asks for.
    assert!(library.starts_with("libc6 (>= 2."), "{needs}");
    reviewed("deb-depends", rest);
}
