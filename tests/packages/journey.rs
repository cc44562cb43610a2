//! A server's life, as its administrator lives it, on one booted Debian: the package, Puppet, the shipped
//! units, releases that are published and signed, one that fails its check, one whose event is lost, an
//! upgrade, the end. Somebody asks the site for its page all the while, and is answered each time.

use crate::package;
use lab::{Booted, Lab, Tree, site};
use std::{fs, path::Path};

/// The site as nginx has it: nothing of Seedship but the link.
const NGINX: &str = "server {
    listen 127.0.0.1:80;
    root /srv/www/shop/current;
}
";

/// The build host's rtorrent, a second instance beside the web server's, at an address of
/// its own, as rtorrent tells peers apart by that: it seeds, and calls nobody.
const BUILD_HOST: &str = r#"
    useradd --system --no-create-home --home-dir /var/lib/build build
    install -d /etc/rtorrent
    sed -e 's|"/var/lib/rtorrent"|"/var/lib/build"|' -e 's|"/run/rtorrent"|"/run/build"|' \
        -e 's|"6881-6881"|"6882-6882"|' -e 's|"2000M"|"1M"|' \
        -e '/^schedule = seedship_sweep,/d' -e '/ zz_seedship,/d' \
        /usr/share/doc/seedship/examples/rtorrent.rc.example > /etc/rtorrent/build.rc
    echo 'network.bind_address.set = 127.0.0.2' >> /etc/rtorrent/build.rc
    systemctl start rtorrent@build opentracker
"#;

/// Asks for the page ten times a second, and writes down what was no answer.
const VISITOR: &str = "systemd-run --quiet --unit=visitor bash -c 'while sleep 0.1; do \
    curl -fsS --max-time 5 -o /dev/null http://127.0.0.1/ || date; done >> /srv/unanswered 2>&1'";

/// The server and who publishes to it.
struct Server<'l> {
    lab: &'l Lab,
    system: Booted,
    /// The line of the public key, as `keygen` prints it.
    key: String,
}

#[test]
fn from_an_empty_debian_to_a_live_site_and_back() {
    if !lab::own_mounts!() {
        return;
    }
    let lab = Lab::new().unwrap();
    let Some(system) = Booted::boot(&lab).filter(package::fits) else { return };
    let mut server = Server { lab: &lab, system, key: String::new() };
    server.install(&package::built());
    server.key = server.build_host();

    server.told("mkdir -p /srv/www");
    server.system.write("/etc/nginx/conf.d/shop.conf", NGINX).unwrap();
    server.told("rm /etc/nginx/sites-enabled/default; systemctl start nginx");
    assert_eq!(server.page(), None, "there is no site yet");

    // Puppet sets all of it up and delivers the first release; and finds nothing to do the next time.
    let first = server.publish("1.0.0", healthy("1.0.0"));
    assert_eq!(server.puppet(&first), 2);
    server.await_live("1.0.0");
    assert_eq!(server.puppet(&first), 0);
    let active = "systemctl is-active rtorrent@rtorrent seedship-sweep.timer";
    assert_eq!(server.told(active), "active\nactive");
    server.told(VISITOR);
    server.a_release_that_fails_its_check_is_returned();
    server.the_sweep_brings_what_an_event_lost();
    server.a_release_comes_after_an_upgrade(&first);
    server.told("systemctl stop visitor");
    assert_eq!(server.told("cat /srv/unanswered"), "", "the site answered all the time");
    server.a_purge_leaves_the_site();
}

impl Server<'_> {
    /// What a script prints, without its last line's end; it must succeed.
    #[track_caller]
    fn told(&self, script: &str) -> String {
        match self.system.shell(script) {
            Ok(said) => said.trim_end().to_owned(),
            Err(e) => {
                let log = self.system.shell("journalctl --no-pager -n 40 -o cat").unwrap();
                panic!("{e}\n{log}")
            }
        }
    }

    fn install(&self, package: &Path) {
        let name = package.file_name().unwrap().to_str().unwrap();
        self.system.copy_in(package, &format!("/srv/{name}")).unwrap();
        self.told(&format!("dpkg --force-confold -i /srv/{name} < /dev/null"));
    }

    /// Whoever builds: an rtorrent, a tracker, a key. The line with the public one.
    fn build_host(&self) -> String {
        self.told(BUILD_HOST);
        let keygen = "cd /var/lib/build; setpriv --reuid build --regid build --init-groups \
             seedship keygen --no-password --secret release.key --public release.pub";
        let said = self.told(keygen);
        let line = said.lines().find(|line| line.trim().starts_with("public_keys")).expect(&said);
        line.split('"').nth(1).unwrap().to_owned()
    }

    /// Applies the site's manifest, which delivers this .torrent; the detailed exit code.
    fn puppet(&self, torrent: &str) -> i32 {
        let name = torrent.rsplit('/').next().unwrap();
        let manifest = format!(
            "class {{ 'seedship':
               apps     => {{ 'shop' => {{
                 'match' => 'shop-{{version}}.tar.zst', 'root' => '/srv/www/shop',
                 'public_keys' => ['{}'], 'min_free' => '1MiB', 'linger' => '0s',
                 'run' => {{ 'timeout' => '3s',
                   'check' => [['curl', '-fsS', '--max-time', '2', 'http://127.0.0.1/health']] }},
               }} }},
               rtorrent => {{ 'min_free' => '1M' }},
             }}
             seedship::torrent {{ '{name}': source => '{torrent}' }}",
            self.key
        );
        self.system.write("/srv/site.pp", manifest).unwrap();
        let apply = "puppet apply --detailed-exitcodes --color=false /srv/site.pp > /srv/puppet 2>&1 \
             && echo 0 || echo $?";
        let code = self.told(apply).parse().unwrap();
        assert!([0, 2].contains(&code), "{code}: {}", self.told("cat /srv/puppet"));
        code
    }

    /// Publishes a release as the build host's user, and returns where its .torrent lies.
    fn publish(&self, version: &str, tree: Tree) -> String {
        let folder = self.lab.folder(&format!("build/{version}")).unwrap();
        tree.write_to(&folder).unwrap();
        self.system.copy_in(&folder, &format!("/srv/build/{version}")).unwrap();
        let publish = format!(
            "cd /var/lib/build; publish=\"setpriv --reuid build --regid build --init-groups \
             seedship publish /srv/build/{version} --app shop --version {version} \
             --announce http://127.0.0.1:6969/announce --key release.key --directory download\"
             $publish --json | grep -oE '[0-9a-fA-F]{{40}}' | head -n 1 >> /etc/opentracker/whitelist.txt
             systemctl kill --kill-whom main --signal HUP opentracker
             $publish --seed --scgi /run/build/rpc.sock"
        );
        self.told(&publish);
        format!("/var/lib/build/download/shop-{version}.tar.zst.torrent")
    }

    /// Renames a .torrent into the watch directory.
    fn deliver(&self, torrent: &str) {
        self.told(&format!(
            "cd /var/lib/rtorrent/watch; install -o rtorrent -g rtorrent -m 0640 {torrent} .new; \
             mv .new $(basename {torrent})"
        ));
    }

    /// The version of the page that nginx serves.
    fn page(&self) -> Option<String> {
        let page = self.system.shell("curl -fsS http://127.0.0.1/").ok()?;
        site::version_of(page.as_bytes()).map(str::to_owned)
    }

    #[track_caller]
    fn await_live(&self, version: &str) {
        let live = format!("seedship status shop | grep -q 'shop: {version} is live since'");
        if let Err(e) = self.system.await_that(&format!("{version} live"), &live) {
            let why = "journalctl --no-pager -n 60 -o cat; seedship doctor || true";
            panic!("{e}\n{}", self.told(why));
        }
        assert_eq!(self.page().as_deref(), Some(version));
    }

    fn a_release_that_fails_its_check_is_returned(&self) {
        let torrent = self.publish("1.1.0", site::small("1.1.0"));
        self.deliver(&torrent);
        let bad = "seedship releases shop | grep -qE '^1.1.0 +returned'";
        self.system.await_that("1.1.0 returned", bad).unwrap();
        self.await_live("1.0.0");
        let log =
            self.told("journalctl --sync; journalctl -t seedship -o cat | grep 'version=1.1.0'");
        assert!(log.contains("exit=79"), "{log}");
        lab::withstood!(
            "Bad releases",
            "on a server that was installed by the package and Puppet, a release fails its check",
            1,
            "the one before is live again, the visitor was answered all the time",
            self.told("cat /srv/unanswered").is_empty()
        );
    }

    fn the_sweep_brings_what_an_event_lost(&self) {
        let torrent = self.publish("1.2.0", healthy("1.2.0"));
        // The hook cannot be run when rtorrent calls it.
        self.told("systemctl stop seedship-sweep.timer; chmod a-x /usr/bin/seedship");
        self.deliver(&torrent);
        // Written by the handler before the one that calls Seedship.
        let whole = "cmp /var/lib/{rtorrent,build}/download/shop-1.2.0.tar.zst && cd \
             /var/lib/rtorrent/session && grep -qa 8:completei1e $(ls -t *.torrent.rtorrent | head -n 1)";
        self.system.await_that("the download of 1.2.0", whole).unwrap();
        self.told("chmod a+x /usr/bin/seedship");
        assert_eq!(self.page().as_deref(), Some("1.0.0"), "nobody knows of it");
        // Else it would be some time in the next minute.
        let soon = "[Timer]\nRandomizedDelaySec=0\n";
        self.system.write("/etc/systemd/system/seedship-sweep.timer.d/soon.conf", soon).unwrap();
        self.told("systemctl daemon-reload; systemctl start seedship-sweep.timer");
        self.await_live("1.2.0");
        self.told("journalctl --sync; journalctl --unit seedship-sweep -o cat | grep 'shop 1.2.0 is live'");
        lab::withstood!(
            "Faults",
            "on a server that was installed by the package and Puppet, the hook cannot be run",
            1,
            "the timer's sweep lands the release",
            self.told("cat /srv/unanswered").is_empty()
        );
    }

    fn a_release_comes_after_an_upgrade(&self, first: &str) {
        let rtorrent = "systemctl show --property MainPID --value rtorrent@rtorrent";
        let before = self.told(rtorrent);
        self.install(&package::version(self.lab, "99.0-1", |_| {}));
        assert_eq!(self.told(rtorrent), before);
        let torrent = self.publish("1.3.0", healthy("1.3.0"));
        assert_eq!(self.puppet(first), 0, "nothing to put right after an upgrade");
        self.deliver(&torrent);
        self.await_live("1.3.0");
    }

    fn a_purge_leaves_the_site(&self) {
        self.told("dpkg --purge seedship");
        assert_eq!(self.page().as_deref(), Some("1.3.0"));
        let releases = self.told("ls /srv/www/shop/releases");
        assert_eq!(releases, "1.0.0\n1.1.0\n1.2.0\n1.3.0");
        let units = "systemctl list-units --plain --no-legend 'seedship*' 'rtorrent@*'";
        assert_eq!(self.told(units), "");
        for gone in ["/etc/seedship", "/var/lib/rtorrent", "/run/rtorrent", "/var/log/seedship.log"]
        {
            assert!(!self.system.path(gone).exists(), "{gone}");
        }
        assert_eq!(self.told("id -un rtorrent"), "rtorrent", "the site is still somebody's");
        let owner = fs::metadata(self.system.path("/srv/www/shop")).unwrap();
        let user = self.told("id -u rtorrent");
        assert_eq!(std::os::unix::fs::MetadataExt::uid(&owner).to_string(), user);
    }
}

/// A release that passes its check.
fn healthy(version: &str) -> Tree {
    site::small(version).file("health", "well\n")
}
