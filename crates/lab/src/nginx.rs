//! A real web server: nginx with a configuration of its own, on a port of its own.

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::Command;

use nix::sys::signal::Signal;

use crate::error::{During, Result};
use crate::lab::{Lab, as_root, free_port};
use crate::load;
use crate::owned::Owned;

/// A running nginx that serves one document root.
#[derive(Debug)]
pub struct Nginx {
    process: Owned,
    port: u16,
}

impl Nginx {
    pub(crate) fn start(lab: &Lab, docroot: &Path) -> Result<Self> {
        let mut attempt = 1;
        loop {
            match Self::start_once(lab, docroot) {
                Err(_) if attempt < 3 => attempt += 1,
                outcome => return outcome,
            }
        }
    }

    fn start_once(lab: &Lab, docroot: &Path) -> Result<Self> {
        let name = lab.fresh("nginx");
        let folder = lab.folder(&name)?;
        let port = free_port(Ipv4Addr::LOCALHOST)?;
        let rc = folder.join("nginx.conf");
        fs::write(&rc, configuration(&folder, docroot, port)).during("write nginx.conf")?;
        // Debian has it in /usr/sbin, which is in no ordinary user's PATH.
        let program = ["/usr/sbin/nginx", "/usr/local/sbin/nginx"];
        let program = program.into_iter().find(|p| Path::new(p).exists()).unwrap_or("nginx");
        let mut command = Command::new(program);
        command.args(["-e", "stderr", "-p"]).arg(&folder).arg("-c").arg(&rc);
        let mut process = Owned::spawn(lab, &name, &mut command)?;
        process.await_ready(|| TcpStream::connect(("127.0.0.1", port)).is_ok())?;
        Ok(Self { process, port })
    }

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

/// What Debian's default does for static files (sendfile, no cache of open files), with every
/// path in the lab and connections that last.
fn configuration(folder: &Path, docroot: &Path, port: u16) -> String {
    // By root, the workers serve as a user who owns nothing of the site.
    let user = if as_root() { "user nobody nogroup;" } else { "" };
    let (folder, docroot) = (folder.display(), docroot.display());
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
    server {{
        listen 127.0.0.1:{port};
        root \"{docroot}\";
        index index.html;
    }}
}}
"
    )
}
