//! A real Apache 2.4 with a configuration of its own, on a port of its own.

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::Command;

use crate::error::{During, Error, Result};
use crate::lab::{Lab, as_root, free_port};
use crate::owned::Owned;

/// Where Debian's packages put the modules.
const MODULES: &str = "/usr/lib/apache2/modules";

/// How it runs PHP.
#[derive(Clone, Copy, Debug)]
pub enum Php<'a> {
    /// By proxy_fcgi; the virtual host says to which php-fpm.
    Fcgi,
    /// In its own processes, by mod_php, with these lines of a `php.ini` after the system's own.
    Module(&'a str),
}

/// A running Apache.
#[derive(Debug)]
pub struct Apache {
    _process: Owned,
    port: u16,
}

impl Apache {
    /// Starts one with a virtual host, as it stands in a file of `sites-enabled`; its `*:80` becomes
    /// a port of the loopback.
    ///
    /// # Errors
    /// It is not installed, or does not start; what it said is told.
    pub fn start(lab: &Lab, php: Php<'_>, host: &str) -> Result<Self> {
        let name = lab.fresh("apache");
        let folder = lab.folder(&name)?;
        let port = free_port(Ipv4Addr::LOCALHOST)?;
        let rc = folder.join("apache2.conf");
        fs::write(&rc, configuration(&folder, port, php, host)?).during("write apache2.conf")?;
        let mut command = Command::new("/usr/sbin/apache2");
        command.arg("-d").arg(&folder).arg("-f").arg(&rc).arg("-DFOREGROUND");
        if let Php::Module(settings) = php {
            lab.write(&format!("{name}/php/seedship.ini"), settings)?;
            // An empty entry stands for the directory that is compiled in.
            command.env("PHP_INI_SCAN_DIR", format!(":{}", folder.join("php").display()));
        }
        let mut process = Owned::spawn(lab, &name, &mut command)?;
        process.await_ready(|| TcpStream::connect(("127.0.0.1", port)).is_ok())?;
        Ok(Self { _process: process, port })
    }

    /// The address of a path; `path` begins with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }
}

/// Whether Apache and this way to run PHP are installed; else the reason.
pub fn is_there(php: Php<'_>) -> Result<()> {
    modules(php).map(drop)
}

/// The modules that Debian enables for it, as far as they are needed.
fn modules(php: Php<'_>) -> Result<Vec<(String, String)>> {
    let mut wanted: Vec<(&str, String)> =
        ["authz_core", "dir", "mime", "env", "setenvif", "rewrite"]
            .map(|m| (m, format!("mod_{m}.so")))
            .into();
    match php {
        Php::Fcgi => {
            wanted.extend(["mpm_event", "proxy", "proxy_fcgi"].map(|m| (m, format!("mod_{m}.so"))));
        }
        Php::Module(_) => {
            wanted.push(("mpm_prefork", "mod_mpm_prefork.so".to_owned()));
            let entries = fs::read_dir(MODULES).during(format!("list {MODULES}"))?;
            let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
            let newest = names.filter(|name| name.starts_with("libphp")).max();
            let newest = newest.ok_or_else(|| Error::new(format!("no mod_php in {MODULES}")))?;
            wanted.push(("php", newest));
        }
    }
    let found = wanted.into_iter().map(|(name, file)| {
        let path = Path::new(MODULES).join(file);
        match path.exists() {
            true => Ok((name.to_owned(), path.display().to_string())),
            false => Err(Error::new(format!("there is no {}", path.display()))),
        }
    });
    found.collect()
}

/// What Debian's default does, with every path in the lab and connections that last.
fn configuration(folder: &Path, port: u16, php: Php<'_>, host: &str) -> Result<String> {
    let load = modules(php)?.into_iter();
    let load: String =
        load.map(|(name, path)| format!("LoadModule {name}_module {path}\n")).collect();
    // By root, the workers serve as a user who owns nothing of the site.
    let user = if as_root() { "User nobody\nGroup nogroup\n" } else { "" };
    let handler = match php {
        Php::Fcgi => "",
        Php::Module(_) => {
            "<FilesMatch \"\\.php$\">\nSetHandler application/x-httpd-php\n</FilesMatch>\n"
        }
    };
    let host = host.replace("*:80", &format!("127.0.0.1:{port}"));
    let folder = folder.display();
    Ok(format!(
        "{load}{user}ServerName localhost
Listen 127.0.0.1:{port}
PidFile {folder}/pid
DefaultRuntimeDir {folder}
Mutex file:{folder} default
ErrorLog {folder}/error.log
TypesConfig /etc/mime.types
KeepAlive On
MaxKeepAliveRequests 0
<Directory />
    Options FollowSymLinks
    AllowOverride None
    Require all denied
</Directory>
{handler}{host}"
    ))
}
