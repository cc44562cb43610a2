//! A web server as the package leaves it, and beside it, in the same booted Debian, the build host that
//! publishes: its own rtorrent under the same shipped unit, at another address, and Debian's opentracker.
//!
//! The files are laid down as the package lays them, from `packaging/`; everything else is what an
//! administrator types.

use lab::{Booted, Lab, workspace};
use std::path::Path;

/// The binary under test.
const SEEDSHIP: &str = env!("CARGO_BIN_EXE_seedship");

/// As the guide has it: without the line of the sweep, which is the timer's.
const WITHOUT_SWEEP: &str = "sed '/^schedule = seedship_sweep,/d' \
    /usr/share/doc/seedship/examples/rtorrent.rc.example";

/// A command of the app that stands still while `/srv/www/gate` is there, whatever time it takes.
pub(crate) const GATE: &str =
    "[apps.shop.run]\nprepare = [[\"/usr/local/bin/gate\"]]\ntimeout = \"1h\"\n";

/// What it stands at.
const GATE_SCRIPT: &str = "#!/bin/sh\nwhile [ -e /srv/www/gate ]; do sleep 0.05; done\n";

/// A server for the calling test, which is over where none can be booted.
macro_rules! server {
    ($lab:ident) => {{
        if !lab::own_mounts!() {
            return;
        }
        let Some(server) = $crate::server::Server::installed(&$lab) else { return };
        server
    }};
}
pub(crate) use server;

/// A server that has been installed.
pub(crate) struct Server {
    pub(crate) system: Booted,
}

impl Server {
    /// Boots one; `None` where that cannot be, and the test is skipped.
    pub(crate) fn installed(lab: &Lab) -> Option<Self> {
        let server = Self { system: Booted::boot(lab)? };
        let copy = |from: &Path, to: &str| server.system.copy_in(from, to).unwrap();
        copy(Path::new(SEEDSHIP), "/usr/bin/seedship");
        copy(&workspace().join("packaging/usr"), "/tmp.packaging");
        let examples = "/usr/share/doc/seedship/examples/";
        copy(&workspace().join("rtorrent.rc.example"), &format!("{examples}/rtorrent.rc.example"));
        server.shell(
            "cp -r --no-preserve=ownership /tmp.packaging/. /usr/ && rm -r /tmp.packaging
             mkdir -p /etc/seedship/config.d /etc/rtorrent /usr/local/share/man/man1
             touch /etc/seedship/config.toml
             systemd-sysusers && systemd-tmpfiles --create seedship.conf
             systemctl daemon-reload",
        );
        server.shell(&format!("{WITHOUT_SWEEP} > /etc/rtorrent/rtorrent.rc"));
        server.system.write("/usr/local/bin/gate", GATE_SCRIPT).unwrap();
        server.shell("chmod 755 /usr/local/bin/gate");
        Some(server)
    }

    /// A script of bash, by root, that must end well.
    #[track_caller]
    pub(crate) fn shell(&self, script: &str) -> String {
        self.system.shell(script).unwrap()
    }

    /// The same by another user.
    #[track_caller]
    pub(crate) fn shell_as(&self, user: &str, script: &str) -> String {
        self.system.shell_as(user, script).unwrap()
    }

    /// A script that may fail: its exit code, and all that it said.
    pub(crate) fn attempt(&self, user: &str, script: &str) -> (i32, String) {
        let script = format!("{{\n{script}\n}} 2>&1 || echo \"exit $?\"");
        let said = self.system.shell_as(user, &script).unwrap();
        match said.trim_end().rsplit_once("exit ") {
            Some((said, code)) if code.parse::<i32>().is_ok() => {
                (code.parse().unwrap(), said.to_owned())
            }
            _ => (0, said),
        }
    }

    /// The app `shop`, whose root is this user's, signed by the build host's key, with more lines of its
    /// table. Its root is opened to the units that write it.
    pub(crate) fn shop(&self, owner: &str, more: &str) {
        let key = self.publisher();
        let app = format!(
            "[apps.shop]\nmatch = \"shop-{{version}}.tar.zst\"\nroot = \"/srv/www/shop\"\n\
             public_keys = [\"{key}\"]\nmin_free = \"1MiB\"\nlinger = \"0s\"\n{more}"
        );
        self.system.write("/etc/seedship/config.d/shop.toml", app).unwrap();
        self.shell(&format!(
            "seedship config check; install -d -o {owner} -g {owner} -m 0755 /srv/www/shop"
        ));
        let units = [("rtorrent@rtorrent", owner == "rtorrent"), ("seedship-sweep", true)];
        for (unit, _) in units.into_iter().filter(|(_, writes)| *writes) {
            self.drop_in(&format!("{unit}.service"), "[Service]\nReadWritePaths=-/srv/www/shop\n");
        }
    }

    /// What `systemctl edit` leaves.
    pub(crate) fn drop_in(&self, unit: &str, text: &str) {
        self.system.write(&format!("/etc/systemd/system/{unit}.d/override.conf"), text).unwrap();
        self.shell("systemctl daemon-reload");
    }

    /// Starts rtorrent by its unit, and waits until it answers.
    pub(crate) fn start_rtorrent(&self) {
        self.shell("systemctl enable --quiet --now rtorrent@rtorrent");
        self.await_socket("rtorrent");
    }

    pub(crate) fn await_socket(&self, user: &str) {
        let there = format!("test -S /run/{user}/rpc.sock");
        self.system.await_that(&format!("the socket of {user}"), &there).unwrap();
    }

    /// The build host: its tracker, its rtorrent, its key, of which this is the public half. Once.
    fn publisher(&self) -> String {
        self.shell(
            "[ ! -e /etc/rtorrent/build.rc ] || exit 0
             useradd --system --home-dir /var/lib/build build
             systemctl enable --quiet --now opentracker",
        );
        self.shell(&format!(
            "{WITHOUT_SWEEP} | sed -e 's|/var/lib/rtorrent|/var/lib/build|; s|/run/rtorrent|/run/build|' \
                 -e 's|6881-6881|6882-6882|; /zz_seedship/d' > /etc/rtorrent/build.rc
             echo 'network.bind_address.set = 127.0.0.2' >> /etc/rtorrent/build.rc
             systemctl enable --quiet --now rtorrent@build"
        ));
        self.await_socket("build");
        self.shell_as(
            "build",
            "cd /var/lib/build; [ -e release.key ] ||
                 seedship keygen --no-password --secret release.key --public release.pub > /dev/null
             tail -n1 release.pub",
        )
        .trim()
        .to_owned()
    }

    /// Packs, signs and seeds a release whose page is its version; its info hash.
    pub(crate) fn publish(&self, version: &str) -> String {
        let publish = format!(
            "cd /var/lib/build; mkdir -p {version}; echo {version} > {version}/index.html
             seedship publish {version} --app shop --version {version} --key release.key \
                 --announce http://127.0.0.1:6969/announce --directory download --json"
        );
        let said = self.shell_as("build", &publish);
        let said: serde_json::Value = serde_json::from_str(&said).unwrap();
        let hash = said["info_hash"].as_str().unwrap().to_uppercase();
        self.shell(&format!(
            "echo {hash} >> /etc/opentracker/whitelist.txt; kill -HUP $(systemctl show -P MainPID opentracker)"
        ));
        self.shell_as("build", &format!("{publish} --seed --scgi /run/build/rpc.sock"));
        // Whoever asks the tracker before it knows the seeder asks again only much later.
        let bytes =
            hash.as_bytes().chunks(2).map(|hex| format!("%{}", String::from_utf8_lossy(hex)));
        let scrape =
            format!("http://127.0.0.1:6969/scrape?info_hash={}", bytes.collect::<String>());
        let known = format!("curl -sS '{scrape}' | grep -aq 8:completei1e");
        self.system.await_that("a tracker that knows the seeder", &known).unwrap();
        hash
    }

    /// Puts its .torrent into the watch directory, as rsync would.
    pub(crate) fn deliver(&self, version: &str) {
        self.shell(&format!(
            "cd /var/lib/rtorrent/watch; name=shop-{version}.tar.zst.torrent
             install -o rtorrent -g rtorrent -m 0640 /var/lib/build/download/$name .$name
             mv .$name $name"
        ));
    }

    /// Waits until rtorrent has written down that it has all of a release.
    pub(crate) fn await_complete(&self, hash: &str) {
        let complete =
            format!("grep -q '8:completei1e' /var/lib/rtorrent/session/{hash}.torrent.rtorrent");
        self.system.await_that("a complete download", &complete).unwrap();
    }

    /// Waits until a release is live.
    #[track_caller]
    pub(crate) fn await_live(&self, version: &str) {
        let live = format!("[ \"$(cat /srv/www/shop/current/index.html)\" = {version} ]");
        if let Err(e) = self.system.await_that(version, &live) {
            panic!("{e}\n{}", self.log());
        }
    }

    /// What a visitor is served: read by the web server's user.
    pub(crate) fn page(&self) -> String {
        self.shell_as("www-data", "cat /srv/www/shop/current/index.html").trim().to_owned()
    }

    /// What Seedship has logged.
    pub(crate) fn log(&self) -> String {
        self.shell("journalctl --sync; journalctl -t seedship -o cat")
    }

    /// Waits until a line that this pattern of grep finds has been logged.
    #[track_caller]
    pub(crate) fn await_log(&self, pattern: &str) {
        let told =
            format!("journalctl --sync; journalctl -t seedship -o cat | grep -q '{pattern}'");
        if let Err(e) = self.system.await_that(pattern, &told) {
            panic!("{e}\n{}", self.log());
        }
    }

    /// Runs the sweep as its timer does: what systemd says of how it ended.
    pub(crate) fn sweep(&self) -> String {
        let said = "systemctl start seedship-sweep.service || true
            systemctl show -P Result seedship-sweep.service
            systemctl show -P ExecMainStatus seedship-sweep.service";
        self.shell(said).split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Closes the gate and delivers a release, and waits until its deploy stands at it.
    pub(crate) fn deliver_to_the_gate(&self, version: &str) {
        self.shell("touch /srv/www/gate");
        self.publish(version);
        self.deliver(version);
        self.await_gate();
    }

    /// Waits until a deploy stands at the gate.
    pub(crate) fn await_gate(&self) {
        let stands = "pgrep -f /usr/local/bin/gate && ls -d /srv/www/shop/releases/.stage-*";
        self.system.await_that("a deploy at the gate", stands).unwrap();
    }
}
