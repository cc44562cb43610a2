//! A real tracker: Debian's opentracker.
//!
//! It is built to serve listed torrents only, from a file that it reads again at SIGHUP. Started
//! by root it changes its root to its directory and becomes nobody; the path of the file differs
//! accordingly.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::error::{During, Error, Result};
use crate::lab::{Lab, as_root, await_until, free_port};
use crate::owned::Owned;

/// A running tracker.
#[derive(Debug)]
pub struct Tracker {
    process: Owned,
    port: u16,
    list: PathBuf,
    allowed: Mutex<String>,
}

impl Tracker {
    pub(crate) fn start(lab: &Lab) -> Result<Self> {
        let mut attempt = 1;
        loop {
            match Self::start_once(lab) {
                Err(_) if attempt < 3 => attempt += 1,
                outcome => return outcome,
            }
        }
    }

    fn start_once(lab: &Lab) -> Result<Self> {
        let name = lab.fresh("tracker");
        let folder = lab.folder(&name)?;
        let list = lab.write(&format!("{name}/allowed"), "")?;
        let port = free_port(Ipv4Addr::LOCALHOST)?;
        let mut command = Command::new("opentracker");
        command.args(["-i", "127.0.0.1", "-p", &port.to_string(), "-P", &port.to_string()]);
        match as_root() {
            true => command.arg("-d").arg(&folder).args(["-w", "/allowed"]),
            false => command.arg("-d").arg(&folder).arg("-w").arg(&list),
        };
        let mut process = Owned::spawn(lab, &name, &mut command)?;
        process.await_ready(|| TcpStream::connect(address(port)).is_ok())?;
        Ok(Self { process, port, list, allowed: Mutex::default() })
    }

    /// The address for a .torrent.
    pub fn announce(&self) -> String {
        format!("http://127.0.0.1:{}/announce", self.port)
    }

    /// Serves this info hash (40 hex digits) from now on; back when it does.
    pub fn allow(&self, hash: &str) -> Result<()> {
        {
            let mut allowed =
                self.allowed.lock().map_err(|_| Error::new("the tracker's list is broken"))?;
            allowed.push_str(&format!("{hash}\n"));
            fs::write(&self.list, allowed.as_bytes()).during("write the tracker's list")?;
        }
        self.process.signal(Signal::SIGHUP)?;
        await_until(format!("the tracker serves {hash}"), Duration::from_secs(10), || {
            Ok((!self.probe(hash)?.contains("failure reason")).then_some(()))
        })
    }

    /// How many peers it knows for an info hash: (complete, incomplete).
    pub fn peers(&self, hash: &str) -> Result<(u64, u64)> {
        let answer = self.probe(hash)?;
        let number = |key: &str| {
            let digits = answer.split_once(key)?.1.split_once('e')?.0;
            digits.parse().ok()
        };
        number("8:completei")
            .zip(number("10:incompletei"))
            .ok_or_else(|| Error::new(format!("the tracker answers {answer:?}")))
    }

    /// An announce that leaves no peer behind.
    fn probe(&self, hash: &str) -> Result<String> {
        let escaped: String =
            hash.as_bytes().chunks(2).map(|b| format!("%{}", String::from_utf8_lossy(b))).collect();
        let path = format!(
            "/announce?info_hash={escaped}&peer_id=-LB0000-000000000000&port=1\
             &uploaded=0&downloaded=0&left=1&event=stopped"
        );
        let mut answer = Vec::new();
        let mut stream = TcpStream::connect(address(self.port)).during("reach the tracker")?;
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").during("ask the tracker")?;
        stream.read_to_end(&mut answer).during("hear the tracker")?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }
}

fn address(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}
