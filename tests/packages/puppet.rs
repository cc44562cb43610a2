//! The Puppet module, applied by the real Puppet into a lab: everything at other paths, and owned by
//! who runs the test.

use crate::{
    event::release,
    host::{Host, Run, SEEDSHIP, SHOP},
};
use lab::{Flavour, Lab, workspace};
use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::Command,
};

lab::on_both![a_torrent_of_puppet_goes_live, the_rc_of_puppet_is_one_that_rtorrent_takes];

/// An app that is right, as Puppet takes it.
const APP: &str =
    "'match' => 'shop-{version}.tar.zst', 'root' => 'LAB/www/shop', 'unsigned' => 'accept'";

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

/// The module, and where it is to put things.
struct Site<'l> {
    lab: &'l Lab,
}

fn module() -> PathBuf {
    workspace().join("packaging/puppet/seedship")
}

/// A tool of Puppet's, which a machine may not have.
fn is_there(tool: &str) -> bool {
    let there = Command::new(tool).arg("--version").output().is_ok();
    if !there {
        lab::skip(format!("there is no {tool}"));
    }
    there
}

fn id(option: &str) -> String {
    let said = lab::site::run(Command::new("id").arg(option)).unwrap();
    String::from_utf8(said).unwrap().trim().to_owned()
}

impl<'l> Site<'l> {
    fn new(lab: &'l Lab) -> Option<Self> {
        if !is_there("puppet") {
            return None;
        }
        for folder in ["etc", "run", "var", "www", "modules", "public"] {
            lab.folder(folder).unwrap();
        }
        let link = lab.path().join("modules/seedship");
        std::os::unix::fs::symlink(module(), link).unwrap();
        Some(Self { lab })
    }

    /// The file of this name in the lab.
    fn at(&self, name: &str) -> PathBuf {
        self.lab.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.at(name)).unwrap()
    }

    /// One of Puppet's commands, at home in the lab.
    fn puppet(&self, args: &[&str]) -> Run {
        let mut puppet = self.lab.command("puppet");
        puppet.args(args).arg("--color=false").env("HOME", self.lab.path());
        let places = [
            ("confdir", "conf"),
            ("vardir", "state"),
            ("publicdir", "public"),
            ("modulepath", "modules"),
        ];
        for (option, place) in places {
            puppet.arg(format!("--{option}")).arg(self.at(place));
        }
        Run::of(puppet.output().unwrap())
    }

    /// Applies these parameters of the class and what follows it. 2: something was changed, 0: nothing,
    /// 1: it does not compile, 4 and 6: something failed.
    fn apply_with(&self, rtorrent: &str, parameters: &str, more: &str, args: &[&str]) -> Run {
        let text = format!(
            "class {{ 'seedship':
               binary => '{SEEDSHIP}', config_dir => 'LAB/etc/seedship', unit_dir => 'LAB/etc/units',
               user => '{user}', group => '{group}', config_owner => '{user}', config_group => '{group}',
               manage_package => false, manage_user => false, manage_service => false,
               manage_units => true,
               rtorrent => {{ rc => 'LAB/etc/rtorrent/rtorrent.rc', base => 'LAB/var/rtorrent',
                 run => 'LAB/run/rtorrent', incoming => 'LAB/var/incoming', {rtorrent} }},
               {parameters}
             }}
             {more}",
            user = id("-un"),
            group = id("-gn"),
        );
        self.lab.folder("etc/units").unwrap();
        let text = text.replace("LAB", self.lab.path().to_str().unwrap());
        let manifest = self.lab.write("site.pp", text).unwrap();
        let mut all = vec!["apply", "--detailed-exitcodes", manifest.to_str().unwrap()];
        all.extend(args);
        self.puppet(&all)
    }

    fn apply(&self, parameters: &str) -> Run {
        self.apply_with("", parameters, "", &[])
    }

    /// An app's table, right or wrong.
    fn apply_app(&self, app: &str) -> Run {
        self.apply(&format!("apps => {{ 'shop' => {{ {app} }} }}"))
    }

    fn shown(&self) -> serde_json::Value {
        let config = self.at("etc/seedship/config.toml");
        let mut show = Command::new(SEEDSHIP);
        show.args(["config", "show", "--json", "--config"]).arg(config);
        serde_json::from_slice(&lab::site::run(&mut show).unwrap()).unwrap()
    }

    fn expect(&self, run: &Run, code: i32) {
        assert_eq!(run.code, code, "{}\n{}", run.stdout, run.stderr);
    }
}

#[test]
fn the_first_run_changes_and_the_second_does_not() {
    let lab = Lab::new().unwrap();
    let Some(site) = Site::new(&lab) else { return };
    let parameters = format!("apps => {{ 'shop' => {{ {APP} }} }}");
    site.expect(&site.apply_with("", &parameters, "", &["--noop"]), 0);
    assert!(!site.at("etc/seedship").exists(), "by --noop nothing is made");
    site.expect(&site.apply(&parameters), 2);
    site.expect(&site.apply(&parameters), 0);

    let mode = |name: &str| fs::metadata(site.at(name)).unwrap().permissions().mode() & 0o7777;
    for (name, expected) in [
        ("www/shop", 0o755),
        ("var/rtorrent", 0o750),
        ("var/rtorrent/session", 0o700),
        ("var/rtorrent/watch", 0o750),
        ("var/incoming", 0o750),
        ("run/rtorrent", 0o700),
        ("etc/seedship/config.toml", 0o644),
        ("etc/seedship/config.d/shop.toml", 0o644),
    ] {
        assert_eq!(mode(name), expected, "{name}");
    }
    let root = site.at("www/shop");
    let drop_in = format!("etc/units/rtorrent@{}.service.d/app-shop.conf", id("-un"));
    assert!(site.text(&drop_in).ends_with(&format!("\nReadWritePaths=\"-{}\"\n", root.display())));

    // An app that is gone is deployed no more, its root stays; the root is opened no more.
    site.expect(&site.apply_app(&format!("{APP}, 'ensure' => 'absent'")), 2);
    assert!(!site.at("etc/seedship/config.d/shop.toml").exists() && !site.at(&drop_in).exists());
    assert!(root.is_dir());
}

#[test]
fn every_key_arrives() {
    let lab = Lab::new().unwrap();
    let Some(site) = Site::new(&lab) else { return };
    let run = site.apply(&format!(
        "scgi => 'localhost:5000', allow_tcp => true, session => '/srv/session',
         log_facility => 'local0', log_level => 'debug', log_socket => '/run/log',
         apps => {{ 'shop' => {{ {EVERY_KEY} }} }}"
    ));
    site.expect(&run, 2);
    let expected = EVERY_KEY_SHOWN.replace("LAB", lab.path().to_str().unwrap());
    let expected: serde_json::Value = serde_json::from_str(&expected).unwrap();
    let shown = site.shown();
    assert_eq!(shown["apps"]["shop"], expected);
    assert_eq!(
        shown["rtorrent"],
        serde_json::json!({ "scgi": "localhost:5000", "session": "/srv/session", "allow_tcp": true })
    );
    assert_eq!(
        shown["log"],
        serde_json::json!({ "facility": "local0", "level": "debug", "socket": "/run/log" })
    );
}

/// Whoever adds a key to the documented configuration adds it above, and so to the module.
#[test]
fn there_is_a_parameter_for_every_key() {
    let documented = fs::read_to_string(workspace().join("packaging/config.toml")).unwrap();
    let key = |line: &str| {
        let (name, _) = line.strip_prefix("# ").unwrap_or(line).split_once(" = ")?;
        name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_').then(|| name.to_owned())
    };
    let (head, app) = documented.split_once("[apps.shop]").unwrap();
    let keys: BTreeSet<String> = app.lines().filter_map(key).collect();
    assert!(keys.len() > 25, "{keys:?}");
    let missing = |key: &&String| !EVERY_KEY.contains(&format!("'{key}' =>")) && *key != "unsigned";
    assert_eq!(keys.iter().find(missing), None);
    let class = fs::read_to_string(module().join("manifests/init.pp")).unwrap();
    for key in head.lines().filter_map(key) {
        let stands = class.contains(&format!("${key} ")) || class.contains(&format!("$log_{key} "));
        assert!(stands, "{key}");
    }
}

#[test]
fn a_wrong_value_is_refused_when_it_is_compiled() {
    let lab = Lab::new().unwrap();
    let Some(site) = Site::new(&lab) else { return };
    for (wrong, said) in [
        (format!("{APP}, 'keep' => 0"), "'keep'"),
        (format!("{APP}, 'keeep' => 2"), "'keeep'"),
        (format!("{APP}, 'linger' => 60"), "'linger'"),
        (format!("{APP}, 'linger' => '60'"), "'linger'"),
        (format!("{APP}, 'limits' => {{ 'bytes' => '1 GiB' }}"), "'bytes'"),
        (format!("{APP}, 'run' => {{ 'check' => 'curl -f' }}"), "'check'"),
        (format!("{APP}, 'run' => {{ 'timeout' => '0s' }}"), "'timeout'"),
        (format!("{APP}, 'env' => {{ 'SEEDSHIP_X' => '1' }}"), "'env'"),
        (format!("{APP}, 'shared' => ['../x']"), "'shared'"),
        (format!("{APP}, 'public_keys' => ['RWQx']"), "'public_keys'"),
        (APP.replace("{version}", "1"), "'match'"),
        (APP.replace("LAB/www", "www"), "'root'"),
        (APP.replace("LAB/www", "LAB/../www"), "'root'"),
        (APP.replace(", 'unsigned' => 'accept'", ""), "nothing says whose releases"),
    ] {
        let run = site.apply_app(&wrong);
        site.expect(&run, 1);
        assert!(run.stderr.contains(said), "{wrong}: {}", run.stderr);
        assert!(!site.at("etc/seedship").exists(), "{wrong}: nothing is made");
    }
}

#[test]
fn what_types_cannot_see_seedship_refuses_and_the_file_stays() {
    let lab = Lab::new().unwrap();
    let Some(site) = Site::new(&lab) else { return };
    site.expect(&site.apply_app(APP), 2);
    let file = "etc/seedship/config.d/shop.toml";
    let before = (site.text(file), fs::metadata(site.at(file)).unwrap().ino());
    for (wrong, said) in [
        ("'linger' => '9999d'", "longer than ten years"),
        ("'shared' => ['a', 'a/b']", "overlap"),
        ("'min_free' => '99999999999999999999GiB'", "is no size"),
    ] {
        let run = site.apply_app(&format!("{APP}, {wrong}"));
        site.expect(&run, 4);
        assert!(run.stderr.contains(said), "{wrong}: {}", run.stderr);
        assert_eq!(
            (site.text(file), fs::metadata(site.at(file)).unwrap().ino()),
            before,
            "{wrong}"
        );
    }
    // Wrong in company alone: every run fails, and says so, while it is so.
    let nested = APP.replace("www/shop", "www/shop/nested").replace("shop-", "two-");
    let both = format!("apps => {{ 'shop' => {{ {APP} }}, 'two' => {{ {nested} }} }}");
    site.expect(&site.apply(&both), 6);
    let again = site.apply(&both);
    site.expect(&again, 4);
    assert!(again.stdout.contains("seedship: could not"), "{}", again.stdout);
}

#[test]
fn a_root_that_is_a_link_is_left_one() {
    let lab = Lab::new().unwrap();
    let Some(site) = Site::new(&lab) else { return };
    lab.folder("disk").unwrap();
    std::os::unix::fs::symlink("../disk", site.at("www/shop")).unwrap();
    site.expect(&site.apply_app(APP), 2);
    assert_eq!(fs::read_link(site.at("www/shop")).unwrap(), Path::new("../disk"));
}

/// The template is made of the example; what comes of it with the module's own values is the example
/// again, but for one line.
#[test]
fn by_default_the_rc_is_the_example() {
    let template = module().join("templates/rtorrent.rc.epp");
    let made = lab::site::run(&mut Command::new(workspace().join("scripts/puppet-rc"))).unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&template, &made).unwrap();
    }
    assert_eq!(
        fs::read_to_string(&template).unwrap(),
        String::from_utf8(made).unwrap(),
        "UPDATE_DOCS=1 make test writes it anew"
    );

    let lab = Lab::new().unwrap();
    let Some(site) = Site::new(&lab) else { return };
    let example = fs::read_to_string(workspace().join("rtorrent.rc.example")).unwrap();
    for (parameters, sweep) in [("", false), ("manage_service => false", true)] {
        let manifest = lab.write("d.pp", format!("class {{ 'seedship': {parameters} }}")).unwrap();
        let manifest = manifest.to_str().unwrap();
        // Nothing of it is applied: these are the paths of a real server.
        let run = site.puppet(&["catalog", "compile", "node", "--manifest", manifest]);
        site.expect(&run, 0);
        let catalog = &run.stdout[run.stdout.find('{').unwrap()..];
        let catalog: serde_json::Value = serde_json::from_str(catalog).unwrap();
        let resources = catalog["resources"].as_array().unwrap();
        let rc = resources.iter().find(|r| r["title"] == "/etc/rtorrent/rtorrent.rc").unwrap();
        let rc = rc["parameters"]["content"].as_str().unwrap();
        let differ: Vec<_> = example.lines().zip(rc.lines()).filter(|(a, b)| a != b).collect();
        assert_eq!(example.lines().count(), rc.lines().count());
        if sweep {
            assert_eq!(differ, []);
        } else {
            assert_eq!(differ.len(), 1);
            assert!(differ[0].0.starts_with("schedule = seedship_sweep,"), "{differ:?}");
            assert!(differ[0].1.starts_with("# "), "{differ:?}");
        }
    }
}

fn the_rc_of_puppet_is_one_that_rtorrent_takes(lab: &Lab, flavour: Flavour) {
    let Some(site) = Site::new(lab) else { return };
    let caps = "down_kib => 50000, up_kib => 40000, deploy_up_kib => 300, cross_up_kib => 200,
        cross_nets => ['10.0.0.0/8', '172.16.0.0/12'], rack_nets => ['10.1.0.0/16'],
        ports => '6890-6890', min_free => '1G', download => 'LAB/www',
        lines => ['throttle.up = nightly, 2000']";
    site.expect(&site.apply_with(caps, "", "", &[]), 2);
    let rc = site.at("etc/rtorrent/rtorrent.rc");
    let import = format!("import={}", rc.display());
    let mut command = lab.command(flavour.program().unwrap());
    command.args(["-n", "-o", &import]).current_dir(lab.path());
    let mut node = command.spawn().unwrap();
    let control = lab::rpc::Control::Unix(site.at("run/rtorrent/rpc.sock"));
    let ask = |method: &str, args: &[lab::rpc::Value]| lab::rpc::call(&control, method, args);
    lab::await_for("rtorrent", || ask("system.pid", &[]).is_ok()).unwrap();
    for (group, kib) in [("deploy", 300), ("cross", 200), ("rack", 40_000), ("nightly", 2000)] {
        let rate = ask("throttle.up.max", &["".into(), group.into()]).unwrap();
        assert_eq!(rate.int(), Some(kib * 1024), "{group}");
    }
    let download = ask("directory.default", &["".into()]).unwrap();
    assert_eq!(download.text(), site.at("www").to_str());
    node.kill().unwrap();
    node.wait().unwrap();
}

fn a_torrent_of_puppet_goes_live(lab: &Lab, flavour: Flavour) {
    let Some(site) = Site::new(lab) else { return };
    let host = Host::new(lab, SHOP);
    let node = host.node(flavour).start().unwrap();
    let seeder = lab.rtorrent(flavour).start().unwrap();
    let (torrent, payload) = release(lab, "1.0.0");
    seeder.seed(&torrent, &payload).unwrap();
    let file = lab.write("source/shop-1.0.0.tar.zst.torrent", &torrent.bytes).unwrap();
    let deliver = |how: &str| {
        let torrent = format!("seedship::torrent {{ 'shop-1.0.0.tar.zst.torrent': {how} }}");
        site.apply_with(&format!("watch => '{}'", node.watch_folder().display()), "", &torrent, &[])
    };
    let source = format!("source => '{}'", file.display());
    site.expect(&deliver(&source), 2);
    node.await_loaded(&torrent.hash).unwrap();
    node.add_peer(&torrent.hash, &seeder).unwrap();
    host.await_live(&node, "shop", "1.0.0");
    site.expect(&deliver(&source), 0);

    // A name is delivered once: what is there stays, and Puppet says so.
    fs::write(&file, "another").unwrap();
    let other = deliver(&source);
    assert!([4, 6].contains(&other.code), "{other:?}");
    let delivered = node.watch_folder().join("shop-1.0.0.tar.zst.torrent");
    assert_eq!(fs::read(&delivered).unwrap(), torrent.bytes);

    site.expect(&deliver("ensure => 'absent'"), 2);
    node.await_gone(&torrent.hash).unwrap();
    assert_eq!(host.page("shop").as_deref(), Some("1.0.0"), "the release stays");
    site.expect(&deliver("ensure => 'absent'"), 0);
}

#[test]
fn lint_and_reference_find_nothing() {
    let files = |folder: &str| -> Vec<PathBuf> {
        let entries = fs::read_dir(module().join(folder)).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    };
    let metadata = fs::read_to_string(module().join("metadata.json")).unwrap();
    let metadata: serde_json::Value = serde_json::from_str(&metadata).unwrap();
    assert_eq!(metadata["version"], env!("CARGO_PKG_VERSION"));

    if is_there("puppet-lint") {
        let mut lint = Command::new("puppet-lint");
        let out = lint.arg("--fail-on-warnings").arg(module()).output().unwrap();
        let said = String::from_utf8_lossy(&out.stdout);
        assert!(out.status.success() && said.is_empty(), "{said}");
    }
    let lab = Lab::new().unwrap();
    let Some(site) = Site::new(&lab) else { return };
    for (face, folders) in
        [("parser", &["manifests", "types", "functions"][..]), ("epp", &["templates"])]
    {
        for file in folders.iter().flat_map(|folder| files(folder)) {
            let run = site.puppet(&[face, "validate", file.to_str().unwrap()]);
            site.expect(&run, 0);
        }
    }

    // Of a copy: it leaves its notes beside what it reads.
    let copy = site.at("copy");
    lab::site::run(Command::new("cp").arg("-r").arg(module()).arg(&copy)).unwrap();
    let mut strings = lab.command("puppet");
    strings.args(["strings", "generate", "--format", "markdown", "--out", "REFERENCE.md"]);
    strings.env("HOME", lab.path()).current_dir(&copy);
    let out = strings.output().unwrap();
    if !out.status.success() {
        return lab::skip("there is no puppet-strings");
    }
    let said = String::from_utf8_lossy(&out.stdout) + String::from_utf8_lossy(&out.stderr);
    assert!(!said.contains("[warn]"), "{said}");
    let made = fs::read_to_string(copy.join("REFERENCE.md")).unwrap();
    let reference = module().join("REFERENCE.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&reference, &made).unwrap();
    }
    assert_eq!(fs::read_to_string(reference).unwrap(), made, "UPDATE_DOCS=1 make test writes it");
}
