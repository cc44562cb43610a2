//! Real rtorrents, started from the shipped `rtorrent.rc.example`.
//!
//! A [`Node`] takes the example, gives the block at its top the lab's own paths, and changes
//! nothing else but what a test asks for by name: so what is tested is what is shipped. Each
//! change must find its line, so a test fails when the example loses it.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::error::{During, Error, Result};
use crate::flavour::Flavour;
use crate::lab::{Lab, await_until, free_port, own_address};
use crate::net::Machine;
use crate::owned::Owned;
use crate::rc::{Edit, Rc};
use crate::rpc::{self, Control, Value};
use crate::torrent::Torrent;

/// An rtorrent that is not started yet.
#[derive(Debug)]
pub struct Builder {
    lab: Lab,
    flavour: Flavour,
    name: Option<String>,
    hook: PathBuf,
    env: Vec<(OsString, OsString)>,
    edits: Vec<Edit>,
    lines: Vec<String>,
    machine: Option<Machine>,
    tcp: bool,
}

impl Builder {
    pub(crate) fn new(lab: Lab, flavour: Flavour) -> Self {
        let hook = PathBuf::from("/bin/true");
        let (env, edits, lines) = (Vec::new(), Vec::new(), Vec::new());
        Self { lab, flavour, name: None, hook, env, edits, lines, machine: None, tcp: false }
    }

    /// Its name and that of its directory in the lab; otherwise `rt0`, `rt1` …
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// The program bound to `finished` and `sweep`; otherwise `/bin/true`, for a plain seeder.
    #[must_use]
    pub fn hook(mut self, program: impl AsRef<Path>) -> Self {
        self.hook = program.as_ref().to_owned();
        self
    }

    /// A variable of rtorrent's environment, which the hook inherits.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// On a machine of a [`Net`](crate::Net) instead of on loopback.
    #[must_use]
    pub fn on(mut self, machine: &Machine) -> Self {
        self.machine = Some(machine.clone());
        self
    }

    /// With its control on a TCP port of 127.0.0.1 instead of on a socket.
    #[must_use]
    pub fn tcp(mut self) -> Self {
        self.tcp = true;
        self
    }

    /// Another value for a name of the block at the top, such as `("min_free", "1M")`.
    #[must_use]
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.edits.push(Edit::Block(name.to_owned(), value.to_owned()));
        self
    }

    /// Another rhythm for a schedule: `seedship_sweep`, `watch_poll`, `watch_untied`,
    /// `low_diskspace`. Seconds; a first run a week away switches it off.
    #[must_use]
    pub fn schedule(mut self, name: &str, first: u32, every: u32) -> Self {
        self.edits.push(Edit::Schedule(name.to_owned(), first, every));
        self
    }

    /// One more line at the end of the rc.
    #[must_use]
    pub fn line(mut self, line: &str) -> Self {
        self.lines.push(line.to_owned());
        self
    }

    /// Starts it and waits until it answers.
    pub fn start(self) -> Result<Node> {
        let name = self.name.unwrap_or_else(|| self.lab.fresh("rt"));
        let base = self.lab.folder(&name)?;
        let mut node = Node {
            program: self.flavour.program()?,
            flavour: self.flavour,
            rc: base.join("rtorrent.rc"),
            rc_text: String::new(),
            lab: self.lab,
            name,
            base,
            env: self.env,
            address: self.machine.as_ref().map_or_else(own_address, Machine::v4),
            machine: self.machine,
            port: 0,
            scgi: self.tcp.then_some(0),
            process: None,
        };
        node.rc_text = node.adapted(&self.hook, &self.edits, &self.lines)?;
        node.start()?;
        Ok(node)
    }
}

/// A running rtorrent. Dropping it kills it at once, as a power cut would.
#[derive(Debug)]
pub struct Node {
    lab: Lab,
    flavour: Flavour,
    program: PathBuf,
    name: String,
    base: PathBuf,
    rc: PathBuf,
    rc_text: String,
    env: Vec<(OsString, OsString)>,
    address: Ipv4Addr,
    machine: Option<Machine>,
    port: u16,
    /// The port of its control, where that is on TCP.
    scgi: Option<u16>,
    process: Option<Owned>,
}

/// Stands in the text for the port, which is chosen anew at each start.
const PORT: &str = "LAB-PORT";

/// The same for the port of its control.
const SCGI_PORT: &str = "LAB-SCGI-PORT";

/// The shipped port: on a machine of its own nobody else has it.
const SHIPPED_PORT: u16 = 6881;

impl Node {
    /// The shipped example with the lab's values.
    fn adapted(&self, hook: &Path, edits: &[Edit], lines: &[String]) -> Result<String> {
        let mut rc = Rc::shipped();
        rc.set("base", &self.base.display().to_string())?;
        rc.set("run", &self.run().display().to_string())?;
        rc.set("seedship", &hook.display().to_string())?;
        rc.set("ports", PORT)?;
        if self.scgi.is_some() {
            rc.listen(&format!("127.0.0.1:{SCGI_PORT}"))?;
        }
        edits.iter().try_for_each(|edit| rc.apply(edit))?;
        // On an address of its own alone, under the names of all versions.
        rc.add(&format!("catch = {{network.bind_address.set={}}}", self.address));
        rc.add(&format!("catch = {{network.bind_address.ipv4.set={}}}", self.address));
        lines.iter().for_each(|line| rc.add(line));
        Ok(rc.into_text())
    }

    /// Starts it again after [`Node::stop`] or [`Node::kill`], with the same session. Another
    /// port is taken each time; if somebody took it meanwhile, again another.
    pub fn start(&mut self) -> Result<()> {
        let mut attempt = 1;
        while let Err(failure) = self.start_once() {
            self.process = None;
            attempt += 1;
            if attempt > 3 {
                return Err(failure);
            }
        }
        Ok(())
    }

    fn start_once(&mut self) -> Result<()> {
        self.port = match &self.machine {
            Some(_) => SHIPPED_PORT,
            None => free_port(self.address)?,
        };
        let mut text = self.rc_text.replace(PORT, &format!("{0}-{0}", self.port));
        if let Some(port) = &mut self.scgi {
            *port = free_port(Ipv4Addr::LOCALHOST)?;
            text = text.replace(SCGI_PORT, &port.to_string());
        }
        fs::write(&self.rc, text).during("write an rtorrent.rc")?;
        let import = format!("import={}", self.rc.display());
        let mut command = match &self.machine {
            Some(machine) => machine.user_command(&self.program),
            None => Command::new(&self.program),
        };
        command.args(["-n", "-o", &import]).current_dir(&self.base);
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        let mut process = Owned::spawn(&self.lab, &self.name, &mut command)?;
        // An earlier life leaves its socket behind: ask, do not look.
        process.await_ready(|| self.rpc("system.pid", &[]).is_ok())?;
        self.process = Some(process);
        Ok(())
    }

    /// Ends it as an operator would: SIGINT, and where it still waits for a tracker after some
    /// seconds (0.16 does, now and then, for ten), SIGTERM, which does not wait.
    pub fn stop(&mut self) -> Result<()> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        process.signal(Signal::SIGINT)?;
        if process.await_end(Duration::from_secs(3)).is_err() {
            process.signal(Signal::SIGTERM)?;
            process.await_end(Duration::from_secs(20))?;
        }
        Ok(())
    }

    /// Ends it with SIGKILL, itself alone: a hook that runs goes on. The session may be stale.
    pub fn kill(&mut self) -> Result<()> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        process.signal(Signal::SIGKILL)?;
        process.await_end(Duration::from_secs(20)).map(drop)
    }

    /// [`Node::stop`], then [`Node::start`].
    pub fn restart(&mut self) -> Result<()> {
        self.stop()?;
        self.start()
    }

    /// Its name in the lab.
    pub fn name(&self) -> &str {
        &self.name
    }
    /// Its kind.
    pub fn flavour(&self) -> Flavour {
        self.flavour
    }
    /// Its process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Owned::pid)
    }
    /// The directory of everything it has.
    pub fn base(&self) -> &Path {
        &self.base
    }
    /// Its session directory.
    pub fn session(&self) -> PathBuf {
        self.base.join("session")
    }
    /// Where payloads arrive.
    pub fn download(&self) -> PathBuf {
        self.base.join("download")
    }
    /// Its watch directory.
    pub fn watch_folder(&self) -> PathBuf {
        self.base.join("watch")
    }
    /// The closed directory of its socket.
    pub fn run(&self) -> PathBuf {
        self.base.join("run")
    }
    /// Its control socket.
    pub fn socket(&self) -> PathBuf {
        self.run().join("rpc.sock")
    }
    /// The address of its control, where that is on TCP; another port after each start.
    pub fn scgi(&self) -> Option<SocketAddrV4> {
        self.scgi.map(|port| SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))
    }
    /// Where its peers connect: an address of its own, the same for its whole life, and, unless it
    /// is on a machine of its own, a port that is another after each start.
    pub fn address(&self) -> SocketAddrV4 {
        SocketAddrV4::new(self.address, self.port)
    }

    /// Calls a method.
    pub fn rpc(&self, method: &str, params: &[Value]) -> Result<Value> {
        let control = match self.scgi() {
            Some(address) => Control::Tcp(address),
            None => Control::Unix(self.socket()),
        };
        rpc::call(&control, method, params)
    }

    /// Asks a download for a number; `None` if it is not loaded.
    pub fn number(&self, method: &str, hash: &str) -> Option<i64> {
        self.rpc(method, &[hash.into()]).ok()?.int()
    }

    /// Asks a download for a text; `None` if it is not loaded.
    pub fn text(&self, method: &str, hash: &str) -> Option<String> {
        Some(self.rpc(method, &[hash.into()]).ok()?.text()?.to_owned())
    }

    /// The info hashes of what it has, in its own order.
    pub fn downloads(&self) -> Result<Vec<String>> {
        let list = self.rpc("download_list", &["".into()])?;
        Ok(list.items().iter().filter_map(|hash| hash.text().map(str::to_owned)).collect())
    }

    /// Drops a .torrent into the watch directory as an operator should: written elsewhere, renamed
    /// in. Returns its place there.
    pub fn drop_torrent(&self, bytes: &[u8], file_name: &str) -> Result<PathBuf> {
        let elsewhere = self.base.join(self.lab.fresh(".drop"));
        let there = self.watch_folder().join(file_name);
        fs::write(&elsewhere, bytes).during("write a .torrent")?;
        fs::rename(&elsewhere, &there).during(format!("rename to {}", there.display()))?;
        Ok(there)
    }

    /// [`Node::drop_torrent`] under the name `HASH.torrent`.
    pub fn watch(&self, torrent: &Torrent) -> Result<PathBuf> {
        self.drop_torrent(&torrent.bytes, &format!("{}.torrent", torrent.hash))
    }

    /// Loads and starts a torrent over the socket instead, and waits until it is known.
    /// `commands` are run at its load, such as `d.directory.set="/some/where"`.
    pub fn load(&self, torrent: &Torrent, commands: &[&str]) -> Result<()> {
        let mut params = vec![Value::from(""), Value::from(torrent.bytes.as_slice())];
        params.extend(commands.iter().map(|command| Value::from(*command)));
        self.rpc("load.raw_start", &params)?;
        self.await_loaded(&torrent.hash)
    }

    /// Tells a loaded download of another node that has it, tracker or not. Waits until its hash
    /// check is over: a handshake during the check fails, and rtorrent does not dial that address
    /// again for ten minutes. (It says `d.is_active` long before that.)
    pub fn add_peer(&self, hash: &str, peer: &Node) -> Result<()> {
        self.await_checked(hash)?;
        self.rpc("add_peer", &[hash.into(), (&peer.address().to_string()).into()]).map(drop)
    }

    /// Puts the payload into the download directory, loads the torrent and waits until it seeds.
    pub fn seed(&self, torrent: &Torrent, payload: &Path) -> Result<()> {
        let place = self.download().join(&torrent.name);
        let copied = Command::new("cp")
            .args(["-a", "--reflink=auto", "-T"])
            .args([payload, &place])
            .status()
            .during("copy a payload")?;
        if !copied.success() {
            return Err(Error::new(format!("copy {}: {copied}", payload.display())));
        }
        self.load(torrent, &[])?;
        self.await_complete(&torrent.hash)?;
        self.await_checked(&torrent.hash)
    }

    /// Waits until the download is known.
    pub fn await_loaded(&self, hash: &str) -> Result<()> {
        self.await_that("loaded", || self.number("d.complete", hash).is_some())
    }

    /// Waits until its hash check is over and it is started.
    fn await_checked(&self, hash: &str) -> Result<()> {
        self.await_that("checked and started", || {
            let is = |method| self.number(method, hash) == Some(1);
            is("d.is_hash_checked") && is("d.is_active")
        })
    }

    /// Waits until every byte is there. The asking itself hurries 0.9.8 along, whose main loop
    /// sleeps to the next full second unless somebody calls.
    pub fn await_complete(&self, hash: &str) -> Result<()> {
        self.await_that("complete", || {
            self.number("d.complete", hash) == Some(1) && self.number("d.hashing", hash) == Some(0)
        })
    }

    /// Waits until the download is no longer known.
    pub fn await_gone(&self, hash: &str) -> Result<()> {
        self.await_that("gone", || {
            self.downloads().is_ok_and(|all| !all.iter().any(|one| one == hash))
        })
    }

    /// Waits up to 30 s for a condition; an error names node and condition.
    pub fn await_that(&self, what: &str, condition: impl FnMut() -> bool) -> Result<()> {
        self.await_within(Duration::from_secs(30), what, condition)
    }

    /// [`Node::await_that`] with another bound, for large payloads.
    pub fn await_within(
        &self,
        limit: Duration,
        what: &str,
        mut condition: impl FnMut() -> bool,
    ) -> Result<()> {
        await_until(format!("{}: {what}", self.name), limit, || Ok(condition().then_some(())))
    }
}
