//! A real web server: nginx with a configuration of its own, on a port of its own.

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::Command;

use nix::sys::signal::Signal;

use crate::error::{During, Error, Result};
use crate::lab::{Lab, as_root, free_port};
use crate::load;
use crate::owned::Owned;
use crate::php::Php;

/// A running nginx that serves one document root.
#[derive(Debug)]
pub struct Nginx {
    process: Owned,
    port: u16,
}

/// The document root that PHP is told of, for the script's path and for `DOCUMENT_ROOT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Root {
    /// `$document_root`: the path as configured, with `current` in it.
    AsConfigured,
    /// `$realpath_root`: the release that `current` led to when the request came.
    Resolved,
}

impl Root {
    /// nginx's variable.
    pub const fn variable(self) -> &'static str {
        match self {
            Self::AsConfigured => "$document_root",
            Self::Resolved => "$realpath_root",
        }
    }
}

/// An nginx to be started.
#[derive(Debug)]
pub struct Builder<'l> {
    lab: &'l Lab,
    docroot: &'l Path,
    php: String,
    cache: String,
    server: Option<String>,
}

impl<'l> Builder<'l> {
    /// A server of static files, as [`Lab::nginx`] starts it.
    pub fn new(lab: &'l Lab, docroot: &'l Path) -> Self {
        Self { lab, docroot, php: String::new(), cache: String::new(), server: None }
    }

    /// Has `*.php` run by this php-fpm.
    #[must_use]
    pub fn php(self, php: &Php, root: Root) -> Self {
        Self { php: location(php.socket(), root), ..self }
    }

    /// Keeps files open and believes for so long that they are still what their paths lead to.
    #[must_use]
    pub fn open_file_cache(self, seconds: u32) -> Self {
        let cache = format!("open_file_cache max=1000; open_file_cache_valid {seconds}s;");
        Self { cache, ..self }
    }

    /// This whole `server` block instead, as it stands in a file of `sites-enabled`; what it listens
    /// on becomes a port of the loopback, and what it includes is Debian's.
    #[must_use]
    pub fn server(self, block: &str) -> Self {
        let block = block.replace("include fastcgi", "include /etc/nginx/fastcgi");
        Self { server: Some(block), ..self }
    }

    /// Starts it, on another port if the first one was taken meanwhile.
    pub fn start(&self) -> Result<Nginx> {
        let mut attempt = 1;
        loop {
            match self.start_once() {
                Err(_) if attempt < 3 => attempt += 1,
                outcome => return outcome,
            }
        }
    }

    fn start_once(&self) -> Result<Nginx> {
        let lab = self.lab;
        // Its configuration can quote a space, and no variable.
        if self.docroot.to_string_lossy().contains(['$', '"', '\\']) {
            let place = self.docroot.display();
            return Err(Error::new(format!(
                "nginx cannot be told to serve {place}: its path holds `$`, `\"` or `\\`"
            )));
        }
        let name = lab.fresh("nginx");
        let folder = lab.folder(&name)?;
        let port = free_port(Ipv4Addr::LOCALHOST)?;
        let rc = folder.join("nginx.conf");
        fs::write(&rc, self.configuration(&folder, port)).during("write nginx.conf")?;
        let mut command = Command::new(program());
        command.args(["-e", "stderr", "-p"]).arg(&folder).arg("-c").arg(&rc);
        let mut process = Owned::spawn(lab, &name, &mut command)?;
        process.await_ready(|| TcpStream::connect(("127.0.0.1", port)).is_ok())?;
        Ok(Nginx { process, port })
    }

    /// What Debian's default does for static files (sendfile, no cache of open files), with every
    /// path in the lab and connections that last. A load that finds nothing fills no log.
    fn configuration(&self, folder: &Path, port: u16) -> String {
        // By root, the workers serve as a user who owns nothing of the site.
        let user = if as_root() { "user nobody nogroup;" } else { "" };
        let Self { php, cache, .. } = self;
        let (folder, docroot) = (folder.display(), self.docroot.display());
        let listen = format!("listen 127.0.0.1:{port};");
        let server = match &self.server {
            Some(block) => block.replace("listen 80;", &listen),
            None => format!(
                "server {{
        {listen}
        root \"{docroot}\";
        index index.html;
        log_not_found off;
        {php}
    }}"
            ),
        };
        format!(
            "{user}
daemon off;
worker_processes 2;
pid \"{folder}/pid\";
error_log stderr warn;
events {{ worker_connections 512; }}
http {{
    types {{ text/html html; text/css css; text/plain txt; }}
    default_type application/octet-stream;
    access_log off;
    sendfile on;
    keepalive_requests 1000000000;
    client_body_temp_path \"{folder}/body\";
    proxy_temp_path \"{folder}/proxy\";
    fastcgi_temp_path \"{folder}/fastcgi\";
    uwsgi_temp_path \"{folder}/uwsgi\";
    scgi_temp_path \"{folder}/scgi\";
    {cache}
    {server}
}}
"
        )
    }
}

impl Nginx {
    /// The address of a path; `path` begins with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Fetches one page: status and body.
    pub fn get(&self, path: &str) -> Result<(u16, Vec<u8>)> {
        load::get(&self.url(path))
    }

    /// Reads its configuration again, as `systemctl reload nginx` does.
    pub fn reload(&self) -> Result<()> {
        self.process.signal(Signal::SIGHUP)
    }
}

/// Where Debian has it, which is in no ordinary user's PATH.
fn program() -> &'static str {
    let program = ["/usr/sbin/nginx", "/usr/local/sbin/nginx"];
    program.into_iter().find(|path| Path::new(path).exists()).unwrap_or("nginx")
}

/// The version that is installed, as `nginx/1.22.1`.
pub fn version() -> Result<String> {
    let output = Command::new(program()).arg("-v").output().during("ask nginx for its version")?;
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Ok(said.strip_prefix("nginx version: ").unwrap_or(&said).to_owned())
}

/// PHP as Debian's own parameters have it, with the root of choice after them: where a parameter is
/// given twice, PHP takes the last.
fn location(socket: &Path, root: Root) -> String {
    let (socket, root) = (socket.display(), root.variable());
    format!(
        r#"location ~ \.php$ {{
            include /etc/nginx/fastcgi_params;
            fastcgi_param SCRIPT_FILENAME {root}$fastcgi_script_name;
            fastcgi_param DOCUMENT_ROOT {root};
            fastcgi_pass "unix:{socket}";
        }}"#
    )
}
