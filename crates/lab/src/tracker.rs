//! A real tracker: Debian's opentracker.
//!
//! It is built to serve listed torrents only, from a file that it reads again at SIGHUP. Started
//! by root it changes its root to its directory and becomes nobody; the path of the file differs
//! accordingly.

use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::error::{During, Error, Result};
use crate::lab::{Lab, as_root, await_until, free_port};
use crate::net::Machine;
use crate::owned::Owned;
use crate::site::run;

/// A running tracker.
#[derive(Debug)]
pub struct Tracker {
    process: Owned,
    machine: Option<Machine>,
    address: SocketAddrV4,
    list: PathBuf,
    allowed: Mutex<String>,
}

/// Its port on a machine of its own, where nobody else has it.
const PORT: u16 = 6969;

/// `$1`: address, `$2`: port, `$3`: path.
const ASK: &str =
    r#"exec 3<> "/dev/tcp/$1/$2"; printf 'GET %s HTTP/1.0\r\n\r\n' "$3" >&3; cat <&3"#;

impl Tracker {
    pub(crate) fn start(lab: &Lab, machine: Option<&Machine>) -> Result<Self> {
        let mut attempt = 1;
        loop {
            match Self::start_once(lab, machine) {
                Err(_) if attempt < 3 => attempt += 1,
                outcome => return outcome,
            }
        }
    }

    fn start_once(lab: &Lab, machine: Option<&Machine>) -> Result<Self> {
        let name = lab.fresh("tracker");
        let folder = lab.folder(&name)?;
        let list = lab.write(&format!("{name}/allowed"), "")?;
        let address = match machine {
            Some(machine) => SocketAddrV4::new(machine.v4(), PORT),
            None => SocketAddrV4::new(Ipv4Addr::LOCALHOST, free_port(Ipv4Addr::LOCALHOST)?),
        };
        let mut command = there(machine, "opentracker");
        let (ip, port) = (address.ip().to_string(), address.port().to_string());
        command.args(["-i", &ip, "-p", &port, "-P", &port]);
        match as_root() {
            true => command.arg("-d").arg(&folder).args(["-w", "/allowed"]),
            false => command.arg("-d").arg(&folder).arg("-w").arg(&list),
        };
        let mut process = Owned::spawn(lab, &name, &mut command)?;
        process.await_ready(|| ask(machine, address, "/").is_ok())?;
        let machine = machine.cloned();
        Ok(Self { process, machine, address, list, allowed: Mutex::default() })
    }

    /// The address for a .torrent.
    pub fn announce(&self) -> String {
        format!("http://{}/announce", self.address)
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
        ask(self.machine.as_ref(), self.address, &path)
    }
}

/// A program where the tracker runs.
fn there(machine: Option<&Machine>, program: &str) -> Command {
    machine.map_or_else(|| Command::new(program), |machine| machine.user_command(program))
}

/// What it answers, asked from where it runs: only from there can it always be reached.
fn ask(machine: Option<&Machine>, address: SocketAddrV4, path: &str) -> Result<String> {
    let (ip, port) = (address.ip().to_string(), address.port().to_string());
    let mut bash = there(machine, "bash");
    let answer = run(bash.args(["-ec", ASK, "ask", &ip, &port, path]))?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
