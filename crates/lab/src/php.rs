//! A real php-fpm with a pool of its own, its socket in the lab.
//!
//! Its `php.ini` is the system's own, so that what is measured is what a site gets that changed
//! nothing; single settings can be set over it.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{During, Error, Result};
use crate::lab::{Lab, as_root};
use crate::owned::Owned;
use crate::site::run;

/// A setting of a `php.ini`: name and value.
pub type Setting = (&'static str, &'static str);

/// No cache of what a path leads to: by default, every worker believes what it found for 120 s.
pub const NO_REALPATH_CACHE: Setting = ("realpath_cache_size", "0");
/// No cache of compiled scripts, which by default is asked by path.
pub const NO_OPCACHE: Setting = ("opcache.enable", "0");

/// A running php-fpm.
#[derive(Debug)]
pub struct Php {
    _process: Owned,
    socket: PathBuf,
}

impl Php {
    /// Starts one with this number of workers and these settings over the system's own.
    pub fn start(lab: &Lab, workers: usize, settings: &[Setting]) -> Result<Self> {
        let name = lab.fresh("php");
        let folder = lab.folder(&name)?;
        let socket = folder.join("socket");
        let rc = folder.join("php-fpm.conf");
        fs::write(&rc, configuration(&folder, workers)).during("write php-fpm.conf")?;
        let mut command = Command::new(program()?);
        command.arg("-F").arg("-p").arg(&folder).arg("-y").arg(&rc);
        for (setting, value) in settings {
            command.arg("-d").arg(format!("{setting}={value}"));
        }
        let mut process = Owned::spawn(lab, &name, &mut command)?;
        process.await_ready(|| UnixStream::connect(&socket).is_ok())?;
        Ok(Self { _process: process, socket })
    }

    /// Where it listens.
    pub fn socket(&self) -> &Path {
        &self.socket
    }
}

/// The first line that it says of itself: `PHP 8.2.7 (fpm-fcgi) …`.
pub fn version() -> Result<String> {
    let said = run(Command::new(program()?).arg("-v"))?;
    let said = String::from_utf8_lossy(&said);
    Ok(said.lines().next().unwrap_or_default().to_owned())
}

/// What the system's own `php.ini` says of these settings, in their order; `-` for one that is not
/// known.
pub fn settings(names: &[&str]) -> Result<Vec<String>> {
    let said = run(Command::new(program()?).arg("-i"))?;
    let said = String::from_utf8_lossy(&said);
    let value = |name: &&str| {
        let mut lines =
            said.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(" => "));
        lines.next().and_then(|values| values.split(" => ").next()).unwrap_or("-").to_owned()
    };
    Ok(names.iter().map(value).collect())
}

/// The newest php-fpm: Debian's has its version in its name, and lies in no ordinary user's PATH.
fn program() -> Result<PathBuf> {
    let folders = ["/usr/local/sbin", "/usr/sbin", "/usr/local/bin", "/usr/bin"];
    let entries = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
    let version = |path: &Path| {
        let rest = path.file_name()?.to_str()?.strip_prefix("php-fpm")?;
        let numbers: Option<Vec<u32>> = rest.split('.').map(|part| part.parse().ok()).collect();
        numbers.or_else(|| rest.is_empty().then(Vec::new))
    };
    let found = entries.filter_map(|entry| Some((version(&entry.path())?, entry.path())));
    let newest = found.max().map(|(_, path)| path);
    newest.ok_or_else(|| Error::new("no php-fpm: `make install` installs it"))
}

fn configuration(folder: &Path, workers: usize) -> String {
    // By root, the workers run as a user who owns nothing of the site.
    let user = if as_root() { "user = nobody\ngroup = nogroup" } else { "" };
    let folder = folder.display();
    format!(
        "[global]
pid = \"{folder}/pid\"
error_log = \"{folder}/error.log\"
[www]
{user}
listen = \"{folder}/socket\"
listen.mode = 0666
pm = static
pm.max_children = {workers}
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nginx::{Builder, Root};

    #[test]
    fn a_page_runs_and_knows_its_settings() {
        let lab = Lab::new().unwrap();
        lab.write("site/page.php", "<?php echo ini_get('realpath_cache_ttl'), $_GET['q'];")
            .unwrap();
        let php = Php::start(&lab, 1, &[("realpath_cache_ttl", "7")]).unwrap();
        let site = lab.path().join("site");
        let nginx = Builder::new(&lab, &site).php(&php, Root::Resolved).start().unwrap();
        let (status, body) = nginx.get("/page.php?q=x").unwrap();
        assert_eq!((status, String::from_utf8_lossy(&body).as_ref()), (200, "7x"));
        assert_eq!(nginx.get("/absent.php").unwrap().0, 404);
    }

    #[test]
    fn the_systems_settings_can_be_read() {
        assert!(version().unwrap().starts_with("PHP "));
        let said = settings(&["realpath_cache_ttl", "no_such_setting"]).unwrap();
        assert!(said[0].parse::<u32>().is_ok(), "{said:?}");
        assert_eq!(said[1], "-");
    }
}
