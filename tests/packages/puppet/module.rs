//! The module as its readers and tools see it: valid, without a warning, its reference and its template
//! made of what they say.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use lab::{Lab, workspace};
use serde_json::Value;

use super::{Site, is_there, sources};

/// A file that is made of others: `UPDATE_DOCS=1` writes it anew.
fn is_made(name: &str, made: &str) {
    let file = sources().join(name);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&file, made).unwrap();
    }
    let there = fs::read_to_string(file).unwrap();
    assert!(there == made, "{name}: UPDATE_DOCS=1 make test-packages writes it anew");
}

#[test]
fn its_metadata_say_what_it_is() {
    let text = fs::read_to_string(sources().join("metadata.json")).unwrap();
    let metadata: Value = serde_json::from_str(&text).unwrap();
    // What Puppet demands of every module.
    for key in ["name", "author", "summary", "license", "source"] {
        assert!(metadata[key].as_str().is_some_and(|text| !text.is_empty()), "{key}");
    }
    assert_eq!(metadata["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(metadata["dependencies"], serde_json::json!([]), "it needs no other module");
    let name = metadata["name"].as_str().unwrap().split_once('-').unwrap().1;
    assert_eq!(Some(name), sources().file_name().unwrap().to_str());
    let systems = metadata["operatingsystem_support"].as_array().unwrap();
    assert_eq!(systems[0]["operatingsystemrelease"], serde_json::json!(["12", "13"]));
}

#[test]
fn lint_and_parser_find_nothing() {
    let lab = Lab::new().unwrap();
    let Some(site) = Site::new(&lab) else { return };
    for (face, folders) in
        [("parser", &["manifests", "types", "functions"][..]), ("epp", &["templates"])]
    {
        let entries = folders.iter().flat_map(|one| fs::read_dir(sources().join(one)).unwrap());
        let files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        let files: Vec<&str> = files.iter().map(|file| file.to_str().unwrap()).collect();
        let run = site.puppet(&[&[face, "validate"], files.as_slice()].concat()).is(0);
        assert!(!run.stderr.contains("Error"), "{}", run.stderr);
    }
    if is_there("puppet-lint") {
        let mut lint = Command::new("puppet-lint");
        let out = lint.arg("--fail-on-warnings").arg(sources()).output().unwrap();
        let said = String::from_utf8_lossy(&out.stdout);
        assert!(out.status.success() && said.is_empty(), "{said}");
    }
}

#[test]
fn its_reference_is_made_of_its_comments_and_none_is_missing() {
    let lab = Lab::new().unwrap();
    if !is_there("puppet") {
        return;
    }
    // Of a copy: it leaves its notes beside what it reads.
    let copy = lab.path().join("copy");
    lab::site::run(Command::new("cp").arg("-r").arg(sources()).arg(&copy)).unwrap();
    let mut strings = lab.command("puppet");
    strings.args(["strings", "generate", "--format", "markdown", "--out", "REFERENCE.md"]);
    let out = strings.current_dir(&copy).output().unwrap();
    let said = String::from_utf8_lossy(&out.stdout) + String::from_utf8_lossy(&out.stderr);
    if said.contains("'strings' has no") || said.contains("Unknown Puppet subcommand") {
        return lab::skip("there is no puppet-strings (`scripts/install packages` brings it)");
    }
    assert!(out.status.success() && !said.contains("[warn]"), "{said}");
    is_made("REFERENCE.md", &fs::read_to_string(copy.join("REFERENCE.md")).unwrap());
}

/// The template is made of the example; what comes of it with the module's own values is the example
/// again, but for the line that is the timer's.
#[test]
fn by_default_the_rc_is_the_example() {
    let made = lab::site::run(&mut Command::new(workspace().join("scripts/puppet-rc"))).unwrap();
    is_made("templates/rtorrent.rc.epp", &String::from_utf8(made).unwrap());

    let lab = Lab::new().unwrap();
    let Some(site) = Site::new(&lab) else { return };
    let example = fs::read_to_string(workspace().join("rtorrent.rc.example")).unwrap();
    let rc = default_rc(&site);
    assert_eq!(example.lines().count(), rc.lines().count());
    let differ: Vec<_> = example.lines().zip(rc.lines()).filter(|(a, b)| a != b).collect();
    let [(line, instead)] = differ[..] else { panic!("{differ:?}") };
    assert!(line.starts_with("schedule = seedship_sweep,"), "{line}");
    assert!(instead.starts_with("# "), "{instead}");
}

/// The rc file of a server.
fn default_rc(site: &Site) -> String {
    let of = "/etc/rtorrent/rtorrent.rc";
    let found = resources(site, "include seedship");
    found.iter().find(|r| r["title"] == of).unwrap()["parameters"]["content"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// What Puppet would make of a manifest. Nothing is applied: these are the paths of a real server.
fn resources(site: &Site, manifest: &str) -> Vec<Value> {
    let manifest = site.lab.write("default.pp", manifest).unwrap();
    let args = ["catalog", "compile", "node", "--manifest", manifest.to_str().unwrap()];
    let run = site.puppet(&args).is(0);
    let catalog = &run.stdout[run.stdout.find('{').unwrap()..];
    let catalog: Value = serde_json::from_str(catalog).unwrap();
    catalog["resources"].as_array().unwrap().clone()
}

/// The unit makes the usual one. No other would be there after a boot, and rtorrent would not start.
#[test]
fn a_socket_elsewhere_has_its_directory_at_each_boot() {
    let lab = Lab::new().unwrap();
    let Some(site) = Site::new(&lab) else { return };
    let manifest = "class { 'seedship': rtorrent => { run => '/run/torrents' } }";
    let found = resources(&site, manifest);
    let file =
        |title: &str| &found.iter().find(|r| r["title"] == title).expect(title)["parameters"];
    assert_eq!(file("/run/torrents")["mode"], "0700");
    let made = &file("/etc/tmpfiles.d/00-seedship-puppet.conf");
    assert_eq!(made["ensure"], "file");
    let text = made["content"].as_str().unwrap();
    assert!(text.ends_with(" -\nd /run/torrents 0700 rtorrent rtorrent -\n"), "{text}");
}

/// It has a home and perhaps a shell, by which somebody logs in.
#[test]
fn a_user_who_is_not_the_package_s_is_left_alone() {
    let lab = Lab::new().unwrap();
    let Some(site) = Site::new(&lab) else { return };
    let users = |manifest: &str| -> Vec<Value> {
        let found = resources(&site, manifest);
        found.into_iter().filter(|r| r["type"] == "User").map(|r| r["title"].clone()).collect()
    };
    assert_eq!(users("include seedship"), ["rtorrent"]);
    assert!(users("class { 'seedship': user => 'deploy' }").is_empty());
}
