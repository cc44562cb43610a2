//! A web server that is made by Puppet alone, as the guide's page has it: the blocks of
//! `docs/guide/puppet.md` are applied as they stand there, on a booted Debian, with the shipped units.
//!
//! Beside it, in the same Debian, a build host: an rtorrent of another user, and Debian's opentracker.

use std::path::Path;

use lab::{Booted, Lab, workspace};

use super::{Run, SEEDSHIP, sources};
use crate::{package, page};

/// The key that stands in the guide.
const EXAMPLE_KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";

/// What the site brings by itself: a web server, which answers what the app's check asks for.
const NGINX: &str = "server { listen 80 default_server; root /srv/www/shop/current/web; \
    location /health { try_files /index.php =503; } }\n";

/// A repository of packages in a folder, as apt takes it.
const REPOSITORY: &str = "cd /srv/repository
    for deb in *.deb; do
        dpkg-deb -f $deb | sed '/^$/d'
        echo \"Filename: ./$deb\"
        echo \"Size: $(stat -c %s $deb)\"
        echo \"SHA256: $(sha256sum < $deb | cut -d' ' -f1)\"
        echo
    done > Packages
    rm -f /etc/apt/sources.list
    echo 'deb [trusted=yes] file:/srv/repository ./' > /etc/apt/sources.list.d/site.list
    apt-get -qq update";

/// The build host's rtorrent: the example, at another address, as another user.
const BUILD_HOST: &str = "useradd --system --create-home --home-dir /var/lib/build build
    sed -e 's|/var/lib/rtorrent|/var/lib/build|; s|/run/rtorrent|/run/build|; s|6881-6881|6882-6882|' \
        -e '/zz_seedship/d; /seedship_sweep/d' /root/rtorrent.rc.example > /var/lib/build/rtorrent.rc
    echo 'network.bind_address.set = 127.0.0.2' >> /var/lib/build/rtorrent.rc
    systemctl enable --quiet --now opentracker
    systemd-run --quiet --unit build -p User=build -p RuntimeDirectory=build \
        /usr/bin/rtorrent -n -o import=/var/lib/build/rtorrent.rc
    cd /var/lib/build && mkdir -m 0755 out && chown build: out
    setpriv --reuid build --regid build --clear-groups \
        /root/bin/seedship keygen --no-password --secret out/release.key --public out/release.pub
    chmod 755 /root /root/bin";

struct Server {
    system: Booted,
    key: String,
}

impl Server {
    /// A Debian with Puppet and a web server on it, before the first run.
    fn bare(lab: &Lab) -> Option<Self> {
        let system = Booted::boot(lab)?;
        if !package::fits(&system) {
            return None;
        }
        let copy = |from: &Path, inside: &str| system.copy_in(from, inside).unwrap();
        copy(&package::built(), "/srv/repository/seedship.deb");
        system.shell(REPOSITORY).unwrap();
        copy(&sources(), "/etc/puppet/code/modules/seedship");
        copy(&workspace().join("rtorrent.rc.example"), "/root/rtorrent.rc.example");
        copy(Path::new(SEEDSHIP), "/root/bin/seedship");
        system.write("/etc/nginx/sites-available/default", NGINX).unwrap();
        system.shell("mkdir -p /srv/www; systemctl start nginx").unwrap();
        system.shell(&format!("chmod 755 /root; {BUILD_HOST}")).unwrap();
        system.await_that("the build host", "test -S /run/build/rpc.sock").unwrap();
        let key =
            system.shell("tail -n1 /var/lib/build/out/release.pub").unwrap().trim().to_owned();
        Some(Self { system, key })
    }

    #[track_caller]
    fn shell(&self, script: &str) -> String {
        self.system.shell(script).unwrap()
    }

    /// Packs, signs and seeds a release; its .torrent is where Puppet finds it.
    fn publish(&self, version: &str) {
        let publish = format!(
            "/root/bin/seedship publish tree --app shop --version {version} --key out/release.key \
             --announce http://127.0.0.1:6969/announce --directory download --json"
        );
        let as_build = format!(
            "cd /var/lib/build; mkdir -p tree/web; echo {version} > tree/web/index.php; {publish}"
        );
        let said = self.system.shell_as("build", &as_build).unwrap();
        let said: serde_json::Value = serde_json::from_str(&said).unwrap();
        let hash = said["info_hash"].as_str().unwrap();
        self.shell(&format!(
            "echo {hash} >> /etc/opentracker/whitelist.txt; systemctl kill --kill-whom=main --signal=HUP opentracker"
        ));
        let seed = format!("cd /var/lib/build; {publish} --seed --scgi /run/build/rpc.sock");
        self.system.shell_as("build", &seed).unwrap();
        let site = "/etc/puppet/code/modules/site/files";
        self.shell(&format!(
            "mkdir -p {site}; cp /var/lib/build/download/shop-{version}.tar.zst.torrent {site}/; chmod 644 {site}/*"
        ));
    }

    /// Hiera's data for this server.
    fn hiera(&self, data: &str) {
        let hierarchy = "---\nversion: 5\nhierarchy:\n  - name: all\n    path: all.yaml\n\
            defaults:\n  datadir: /etc/puppet/data\n  data_hash: yaml_data\n";
        self.system.write("/etc/puppet/hiera.yaml", hierarchy).unwrap();
        let data = data.replace(EXAMPLE_KEY, &self.key);
        assert!(data.contains(&self.key), "the guide has another key");
        self.system.write("/etc/puppet/data/all.yaml", data).unwrap();
    }

    fn apply(&self, manifest: &str) -> Run {
        self.system.write("/root/site.pp", manifest).unwrap();
        let mut puppet = self.system.command("puppet");
        puppet.args(["apply", "--detailed-exitcodes", "--color=false"]);
        puppet.args(["--hiera_config=/etc/puppet/hiera.yaml", "/root/site.pp"]);
        Run::of(puppet.output().unwrap())
    }

    /// Waits until a release is what the web server answers with.
    #[track_caller]
    fn await_live(&self, version: &str) {
        let live = format!("[ \"$(curl -fsS http://127.0.0.1/index.php)\" = {version} ]");
        if let Err(e) = self.system.await_that(version, &live) {
            panic!("{e}\n{}", self.shell("journalctl -t seedship -o cat; seedship doctor || true"));
        }
    }

    /// What a unit's processes may write.
    fn writable(&self, unit: &str) -> String {
        self.shell(&format!("systemctl show -P ReadWritePaths {unit}"))
    }
}

#[test]
fn a_server_is_made_by_puppet_as_the_guide_has_it() {
    if !lab::own_mounts!() {
        return;
    }
    let lab = Lab::new().unwrap();
    let Some(server) = Server::bare(&lab) else { return };
    server.publish("1.4.2");
    let [data] = &page::in_language("puppet.md", "yaml")[..] else { panic!("one block of Hiera") };
    let data = format!("{data}\nshop::settings_php: '<?php'\n");
    server.hiera(&data);
    let manifest = page::in_language("puppet.md", "puppet").join("\n");

    let first = server.apply(&manifest).is(2);
    in_order(
        &first.stdout,
        &[
            "Package[seedship]/ensure: created",
            "File[/etc/rtorrent/rtorrent.rc]/ensure: defined",
            "File[/srv/www/shop]/ensure: created",
            "File[/etc/seedship/config.d/shop.toml]/ensure: defined",
            "File[/etc/systemd/system/rtorrent@rtorrent.service.d/app-shop.conf]/ensure: defined",
            "Exec[seedship: systemctl daemon-reload]: Triggered",
            "Service[rtorrent@rtorrent]/ensure: ensure changed 'stopped' to 'running'",
        ],
    );
    server.await_live("1.4.2");
    server.apply(&manifest).is(0);
    assert_eq!(
        server.shell("systemctl is-enabled rtorrent@rtorrent seedship-sweep.timer"),
        "enabled\nenabled\n"
    );
    assert_eq!(server.shell("systemctl is-active seedship-sweep.timer"), "active\n");
    assert!(
        server
            .shell("seedship doctor || true; journalctl -t seedship -o cat")
            .contains("1.4.2 is live")
    );

    // One root more, a watch directory for another group, and a release by a plain file: a .torrent
    // that everyone may read.
    server.publish("1.4.3");
    let opened = "seedship::rtorrent::watch_group: adm\nseedship::rtorrent::watch_mode: '2770'\n";
    server.hiera(&format!("{data}{opened}"));
    server.shell("mkdir '/srv/www/the blog'");
    let more = "seedship::app { 'blog':
          match    => 'blog-{version}.tar.zst',
          root     => '/srv/www/the blog',
          unsigned => 'accept',
        }
        file { '/var/lib/rtorrent/watch/shop-1.4.3.tar.zst.torrent':
          source  => 'puppet:///modules/site/shop-1.4.3.tar.zst.torrent',
          mode    => '0644',
          require => Class['seedship'],
        }";
    server.apply(&format!("{manifest}\n{more}")).is(2);
    server.await_live("1.4.3");
    for unit in ["rtorrent@rtorrent", "seedship-sweep"] {
        let writable = server.writable(unit);
        assert!(
            writable.contains("-/srv/www/shop") && writable.contains("-/srv/www/the blog"),
            "{writable}"
        );
    }
    wrong_values_change_nothing(&server, &format!("{data}{opened}"), &manifest);
    // As at a boot.
    server.shell("systemd-tmpfiles --create || true");
    let watch = server.shell("stat -c '%a %U %G' /var/lib/rtorrent/watch");
    assert_eq!(watch, "2770 rtorrent adm\n");
}

/// A value that a type forbids, and one that only Seedship can see to be wrong.
fn wrong_values_change_nothing(server: &Server, data: &str, manifest: &str) {
    let state = || server.shell("cd /etc/seedship/config.d; ls -i shop.toml; cat shop.toml");
    let before = state();
    let wrong = [("linger: '60'", vec![1]), ("linger: '9999d'", vec![4, 6])];
    for (key, codes) in &wrong {
        server.hiera(&data.replace("    root:", &format!("    {key}\n    root:")));
        let run = server.apply(manifest);
        assert!(codes.contains(&run.code), "{key}: {run:?}");
        assert_eq!(state(), before, "{key}");
    }
    server.shell("systemctl is-active rtorrent@rtorrent; systemctl start seedship-sweep");
    lab::withstood!(
        "On a booted Debian",
        "Puppet is given a value that a type forbids, and one that only Seedship sees to be wrong",
        wrong.len(),
        "the run fails; the file of the app stays, to the inode",
        server.shell("curl -fsS http://127.0.0.1/index.php") == "1.4.3\n",
    );
}

/// Lines with these words, one after the other.
fn in_order(log: &str, words: &[&str]) {
    let places = words.iter().map(|words| {
        log.lines()
            .position(|line| line.contains(words))
            .unwrap_or_else(|| panic!("{words}\n{log}"))
    });
    let places: Vec<usize> = places.collect();
    assert!(places.is_sorted(), "{places:?}\n{log}");
}
