//! What is written in Puppet is what Seedship takes: every key of the configuration is a parameter with a
//! type, and a type admits what Seedship admits.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use lab::Lab;
use serde_json::{Value, json};

use super::{APP, Site, own};

/// Every key that an app has, each other than by default.
const EVERY_KEY: &str = r#"
  'match' => ['shop-{version}.tar.zst', 'shop-{version}.zip'], 'root' => 'LAB/www/my shop',
  'public_keys' => ['RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3'],
  'activate' => 'manual', 'keep' => 3, 'downloads' => 'keep',
  'shared' => ['sites/default/settings.php', { 'path' => 'files', 'target' => '/mnt/files' }],
  'strip' => 1, 'must_exist' => ['index.php'], 'case' => 'accept', 'lock_wait' => '11m',
  'linger' => '2h', 'min_free' => '2GiB', 'mode' => 'private',
  'limits' => { 'bytes' => '1GiB', 'files' => 2, 'depth' => 3, 'path' => 4, 'ratio' => 5,
    'memory' => '128MiB', 'torrent' => '9MiB', 'zip_entries' => 6 },
  'env' => { 'A' => "a \"word\", a \\ and\na line" },
  'run' => { 'prepare' => [['true', '1']], 'activated' => [['true', '2'], ['true']],
    'check' => [['true', '3']], 'timeout' => '61s' },
"#;

/// What `seedship config show --json` makes of it.
const EVERY_KEY_SHOWN: &str = r#"{
  "match": ["shop-{version}.tar.zst", "shop-{version}.zip"], "root": "LAB/www/my shop",
  "public_keys": ["RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"],
  "activate": "manual", "keep": 3, "downloads": "keep",
  "shared": ["sites/default/settings.php", { "path": "files", "target": "/mnt/files" }],
  "strip": 1, "must_exist": ["index.php"], "case": "accept", "lock_wait": "11m",
  "linger": "2h", "min_free": "2GiB", "mode": "private",
  "limits": { "bytes": "1GiB", "files": 2, "depth": 3, "path": 4, "ratio": 5,
    "memory": "128MiB", "torrent": "9MiB", "zip_entries": 6 },
  "env": { "A": "a \"word\", a \\ and\na line" },
  "run": { "prepare": [["true", "1"]], "activated": [["true", "2"], ["true"]],
    "check": [["true", "3"]], "timeout": "61s" }
}"#;

/// The first run changes, the second nothing; an app that is gone is deployed no more.
#[test]
fn the_first_run_changes_and_the_second_does_not() {
    let lab = Lab::new().unwrap();
    let Some(site) = Site::new(&lab) else { return };
    lab.folder("disk").unwrap();
    symlink("../disk", site.at("www/linked")).unwrap();
    let linked = APP.replace("shop", "linked");
    let apps = |shop: &str| {
        format!(
            "apps => {{ 'shop' => {{ {shop} }}, 'linked' => {{ {linked} }} }},
             torrents => {{ 'shop-0.9.tar.torrent' => {{ 'ensure' => 'absent' }} }}"
        )
    };
    site.apply_with("", &apps(APP), "", &["--noop"]).is(0);
    assert!(!site.at("etc/seedship").exists(), "by --noop nothing is made");
    site.apply(&apps(APP)).is(2);
    site.apply(&apps(APP)).is(0);

    let mode = |name: &str| fs::metadata(site.at(name)).unwrap().permissions().mode() & 0o7777;
    for (name, expected) in [
        ("www/shop", 0o755),
        ("var/rtorrent", 0o750),
        ("var/rtorrent/session", 0o750),
        ("var/rtorrent/watch", 0o750),
        ("var/incoming", 0o750),
        ("run/rtorrent", 0o700),
        ("etc/seedship/config.toml", 0o644),
        ("etc/seedship/config.d/shop.toml", 0o644),
    ] {
        assert_eq!(mode(name), expected, "{name}");
    }
    let root = site.at("www/shop");
    let opened = format!("\nReadWritePaths=\"-{}\"\n", root.display());
    let units = [format!("rtorrent@{}.service", own("-un")), "seedship-sweep.service".to_owned()];
    let drop_ins = units.map(|unit| format!("etc/units/{unit}.d/app-shop.conf"));
    for drop_in in &drop_ins {
        assert!(site.text(drop_in).ends_with(&opened), "{drop_in}");
    }
    let link = fs::read_link(site.at("www/linked")).unwrap();
    assert_eq!(link, Path::new("../disk"), "a root that is a link is left one");

    site.apply(&apps(&format!("{APP}, 'ensure' => 'absent'"))).is(2);
    assert!(!site.at("etc/seedship/config.d/shop.toml").exists(), "it is deployed no more");
    assert!(!drop_ins.iter().any(|name| site.at(name).exists()), "its root is opened no more");
    assert!(root.is_dir(), "its root stays");
    assert!(site.at("etc/seedship/config.d/linked.toml").exists(), "the other one stays");
}

/// Whoever adds a key to the configuration adds it above, and so to the module: all that Seedship shows
/// of an app that says nothing but what it must stands there too, with another value.
#[test]
fn every_key_is_a_parameter_and_arrives() {
    let lab = Lab::new().unwrap();
    let Some(site) = Site::new(&lab) else { return };
    let bare = APP.replace("shop", "bare");
    site.apply(&format!(
        "scgi => 'localhost:5000', allow_tcp => true, session => '/srv/session',
         log_facility => 'local0', log_level => 'debug', log_socket => '/run/log',
         apps => {{ 'shop' => {{ {EVERY_KEY} }}, 'bare' => {{ {bare} }} }}"
    ))
    .is(2);
    let expected = EVERY_KEY_SHOWN.replace("LAB", lab.path().to_str().unwrap());
    let expected: Value = serde_json::from_str(&expected).unwrap();
    let shown = site.shown();
    assert_eq!(shown["apps"]["shop"], expected);
    assert_eq!(
        shown["rtorrent"],
        json!({ "scgi": "localhost:5000", "session": "/srv/session", "allow_tcp": true })
    );
    assert_eq!(
        shown["log"],
        json!({ "facility": "local0", "level": "debug", "socket": "/run/log" })
    );

    let mut left_out = Vec::new();
    differ("", &shown["apps"]["bare"], &expected, &mut left_out);
    assert_eq!(left_out, ["unsigned"], "it cannot stand beside public_keys");
    let tables: Vec<&String> = shown.as_object().unwrap().keys().collect();
    assert_eq!(tables, ["apps", "log", "rtorrent"]);
}

/// The keys of a table, and of those in it, that another has not, or with the same value.
fn differ(within: &str, table: &Value, other: &Value, found: &mut Vec<String>) {
    for (key, value) in table.as_object().unwrap() {
        let name = format!("{within}{key}");
        match other.get(key) {
            None => found.push(name),
            Some(there) if there == value => found.push(name),
            Some(there) if value.is_object() => differ(&format!("{name}."), value, there, found),
            Some(_) => {}
        }
    }
}
