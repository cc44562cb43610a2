//! The Puppet module, applied by the real Puppet: into a lab, where everything has another path and is
//! owned by who runs the test ([`Site`]), and on a booted Debian, as it is meant to be (`server`).
//!
//! A run of Puppet takes seconds: each test makes few, and looks at all that one of them shows.

mod keys;
mod live;
mod module;
mod refused;
mod server;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Command, Output};

use lab::{Lab, workspace};

/// The binary under test.
const SEEDSHIP: &str = env!("CARGO_BIN_EXE_seedship");

/// An app that is right, as Puppet takes it.
const APP: &str =
    "'match' => 'shop-{version}.tar.zst', 'root' => 'LAB/www/shop', 'unsigned' => 'accept'";

/// A lab in which Puppet puts things.
struct Site<'l> {
    lab: &'l Lab,
}

/// What a run of Puppet came to. By `--detailed-exitcodes` 2: something was changed, 0: nothing, 1: it
/// does not compile, 4 and 6: something failed.
#[derive(Debug)]
struct Run {
    code: i32,
    stdout: String,
    stderr: String,
}

impl<'l> Site<'l> {
    /// One that knows the module; where there is no Puppet the test is skipped.
    fn new(lab: &'l Lab) -> Option<Self> {
        if !is_there("puppet") {
            return None;
        }
        for folder in ["etc/units", "run", "var", "www", "modules", "public"] {
            lab.folder(folder).unwrap();
        }
        symlink(sources(), lab.path().join("modules/seedship")).unwrap();
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
        puppet.args(args).arg("--color=false");
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

    /// Applies a manifest; `LAB` in it stands for the lab.
    fn apply_manifest(&self, text: &str, args: &[&str]) -> Run {
        let text = text.replace("LAB", self.lab.path().to_str().unwrap());
        let manifest = self.lab.write(&self.lab.fresh("site.pp"), text).unwrap();
        let first = ["apply", "--detailed-exitcodes", manifest.to_str().unwrap()];
        self.puppet(&[&first, args].concat())
    }

    /// Applies these parameters of rtorrent's class, of the class, and what follows it.
    fn apply_with(&self, rtorrent: &str, parameters: &str, more: &str, args: &[&str]) -> Run {
        let class = format!(
            "class {{ 'seedship':
               binary => '{SEEDSHIP}', config_dir => 'LAB/etc/seedship', unit_dir => 'LAB/etc/units',
               user => '{user}', group => '{group}', config_owner => '{user}', config_group => '{group}',
               manage_package => false, manage_user => false, manage_service => false,
               manage_units => true,
               rtorrent => {{ rc => 'LAB/etc/rtorrent/rtorrent.rc', base => 'LAB/var/rtorrent',
                 run => 'LAB/run/rtorrent', incoming => 'LAB/var/incoming', {rtorrent} }},
               {parameters}
             }}",
            user = own("-un"),
            group = own("-gn"),
        );
        self.apply_manifest(&format!("{class}\n{more}\n"), args)
    }

    fn apply(&self, parameters: &str) -> Run {
        self.apply_with("", parameters, "", &[])
    }

    /// Applies an app `shop` with these keys, right or wrong.
    fn apply_app(&self, keys: &str) -> Run {
        self.apply(&format!("apps => {{ 'shop' => {{ {keys} }} }}"))
    }

    /// What Seedship takes of the configuration that Puppet wrote.
    fn shown(&self) -> serde_json::Value {
        let config = self.at("etc/seedship/config.toml");
        let mut show = Command::new(SEEDSHIP);
        show.args(["config", "show", "--json", "--config"]).arg(config);
        serde_json::from_slice(&lab::site::run(&mut show).unwrap()).unwrap()
    }
}

impl Run {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// It must have ended with this code.
    #[track_caller]
    fn is(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.stdout, self.stderr);
        self
    }
}

/// Where the module's sources are.
fn sources() -> PathBuf {
    workspace().join("packaging/puppet/seedship")
}

/// Whether a tool of Puppet's is on this machine; if not, the test is skipped.
fn is_there(tool: &str) -> bool {
    let there = Command::new(tool).arg("--version").output().is_ok();
    if !there {
        lab::skip(format!("there is no {tool} (`scripts/install packages` brings it)"));
    }
    there
}

/// The name of who runs the test, or of the group.
fn own(option: &str) -> String {
    let said = lab::site::run(Command::new("id").arg(option)).unwrap();
    String::from_utf8(said).unwrap().trim().to_owned()
}
