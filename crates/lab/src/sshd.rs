//! Real sshd: a server on a machine of a [`Net`](crate::Net), and who may log in there.
//!
//! Every server has a host key, a configuration and a log of its own and takes one key and nothing
//! else; every client knows the host keys beforehand, as a fleet's should. Whoever this process is
//! logs in as the same user: root, or an ordinary one, for whom sshd runs without root's rights.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::unistd::{User, geteuid};

use crate::error::{During, Error, Result};
use crate::lab::{Lab, MARK, as_root};
use crate::net::Machine;
use crate::owned::Owned;
use crate::site::run;

/// A port that an ordinary user may have.
const PORT: u16 = 2222;

/// Debian's; it insists on being called by its whole path.
const SSHD: &str = "/usr/sbin/sshd";

/// Who made a user's account unusable says so by one of these.
const NO_SHELLS: [&str; 3] = ["nologin", "false", "sync"];

/// One user's key, and what `ssh -F` must know of the servers that take it.
#[derive(Clone, Debug)]
pub struct Login {
    lab: Lab,
    user: String,
    folder: PathBuf,
}

impl Login {
    /// A new key for the user that this process is; an error where such a user cannot log in.
    pub fn new(lab: &Lab) -> Result<Self> {
        let user = can_log_in()?;
        let folder = lab.folder(&lab.fresh("ssh"))?;
        let login = Self { lab: lab.clone(), user, folder };
        keygen(&login.key())?;
        let everywhere = format!(
            "User {}\nPort {PORT}\nIdentityFile {}\nIdentitiesOnly yes\nIdentityAgent none\n\
             UserKnownHostsFile {}\nGlobalKnownHostsFile /dev/null\nStrictHostKeyChecking yes\n\
             BatchMode yes\nConnectTimeout 10\nLogLevel ERROR\n",
            login.user,
            login.key().display(),
            login.known_hosts().display(),
        );
        fs::write(login.config(), everywhere).during("write an ssh_config")?;
        Ok(login)
    }

    /// The file for `ssh -F`.
    pub fn config(&self) -> PathBuf {
        self.folder.join("config")
    }

    fn key(&self) -> PathBuf {
        self.folder.join("key")
    }

    fn known_hosts(&self) -> PathBuf {
        self.folder.join("known_hosts")
    }

    /// `ssh NAME …` from a machine, to be given a command.
    pub fn ssh(&self, from: &Machine, name: &str) -> Command {
        let mut command = from.user_command("ssh");
        command.arg("-F").arg(self.config()).arg(name);
        command
    }

    /// A started server that this login knows by that name. `env` is what its sessions have beside
    /// what sshd gives them.
    pub fn server(&self, name: &str, machine: &Machine, env: &[(&str, &str)]) -> Result<Sshd> {
        let host_key = self.folder.join(format!("{name}.key"));
        keygen(&host_key)?;
        let address = machine.v4();
        let mark = self.lab.path().display().to_string();
        let env = [&[(MARK, mark.as_str())], env].concat();
        let env: String = env.iter().map(|(name, value)| format!(" \"{name}={value}\"")).collect();
        let config = self.folder.join(format!("{name}.conf"));
        let text = format!(
            "ListenAddress {address}:{PORT}\nHostKey {}\nPidFile none\nAllowUsers {}\n\
             AuthorizedKeysFile {}\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n\
             KbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n\
             UseDNS no\nPrintMotd no\nPrintLastLog no\nSetEnv{env}\n",
            host_key.display(),
            self.user,
            public(&self.key()).display(),
        );
        fs::write(&config, text).during("write an sshd_config")?;
        self.know(name, machine, &host_key)?;
        let (lab, name) = (self.lab.clone(), name.to_owned());
        let mut server = Sshd { lab, name, machine: machine.clone(), config, process: None };
        server.start()?;
        Ok(server)
    }

    /// Adds a server to the files of the client.
    fn know(&self, name: &str, machine: &Machine, host_key: &Path) -> Result<()> {
        let address = machine.v4();
        let key = fs::read_to_string(public(host_key)).during("read a host key")?;
        append(&self.known_hosts(), &format!("[{address}]:{PORT} {key}"))?;
        append(&self.config(), &format!("Host {name}\n  HostName {address}\n"))
    }
}

/// A server. Dropping it ends it; who is logged in is not thrown out.
#[derive(Debug)]
pub struct Sshd {
    lab: Lab,
    name: String,
    machine: Machine,
    config: PathBuf,
    process: Option<Owned>,
}

impl Sshd {
    /// Starts it again after [`Sshd::stop`], and waits until it listens.
    pub fn start(&mut self) -> Result<()> {
        if as_root() {
            // Debian's unit makes it, which nobody started.
            fs::create_dir_all("/run/sshd").during("make /run/sshd")?;
        }
        let mut command = self.machine.user_command(SSHD);
        command.arg("-D").arg("-e").arg("-f").arg(&self.config);
        let name = self.lab.fresh(&format!("{}-sshd", self.name));
        let mut process = Owned::spawn(&self.lab, &name, &mut command)?;
        let log = process.log().to_owned();
        let listens = || fs::read_to_string(&log).is_ok_and(|said| said.contains("listening on"));
        process.await_ready(listens)?;
        self.process = Some(process);
        Ok(())
    }

    /// From now on its port refuses.
    pub fn stop(&mut self) {
        self.process = None;
    }
}

/// The name of the user that this process is, if sshd would let such a one in.
fn can_log_in() -> Result<String> {
    let uid = geteuid();
    let user = User::from_uid(uid).during(format!("look up user {uid}"))?;
    let user = user.ok_or_else(|| Error::new(format!("user {uid} has no name to log in by")))?;
    let shell = user.shell.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if NO_SHELLS.contains(&shell) {
        return Err(Error::new(format!("{} cannot log in: the shell is {shell}", user.name)));
    }
    // Only root can look, and only of root does sshd know it then (shadow(5)).
    let shadow = fs::read_to_string("/etc/shadow").unwrap_or_default();
    if shadow.lines().any(|line| line.starts_with(&format!("{}:!", user.name))) {
        return Err(Error::new(format!("{} cannot log in: the account is locked", user.name)));
    }
    if !Path::new(SSHD).is_file() {
        return Err(Error::new(format!("no {SSHD} (scripts/install installs it)")));
    }
    Ok(user.name)
}

/// A key pair without a password, at this path and beside it.
fn keygen(file: &Path) -> Result<()> {
    run(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(file))
        .map(drop)
}

fn public(key: &Path) -> PathBuf {
    PathBuf::from(format!("{}.pub", key.display()))
}

fn append(file: &Path, text: &str) -> Result<()> {
    let what = || format!("write {}", file.display());
    let before = fs::read_to_string(file).unwrap_or_default();
    fs::write(file, before + text).during(what())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::skip;
    use crate::net::Net;

    /// The exit code and what was said on either stream.
    fn said(mut ssh: Command, command: &str) -> (Option<i32>, String) {
        let output = ssh.arg(command).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&text).trim_end().to_owned())
    }

    #[test]
    fn a_key_opens_its_servers_and_no_other_key_does() {
        let lab = Lab::new().unwrap();
        let (net, login) = match (Net::new(&lab), Login::new(&lab)) {
            (Ok(net), Ok(login)) => (net, login),
            (Err(reason), _) | (_, Err(reason)) => return skip(reason),
        };
        let [near, far] = [1, 2].map(|rack| net.machine(rack).unwrap());
        let mut server = login.server("web", &far, &[("GREETING", "a word")]).unwrap();
        let whole = format!("a word {} {}", geteuid(), far.v4());
        let who = "set -- $SSH_CONNECTION; echo $GREETING $(id -u) $3";
        assert_eq!(said(login.ssh(&near, "web"), who), (Some(0), whole.clone()));

        let stranger = Login::new(&lab).unwrap();
        stranger.know("web", &far, &login.folder.join("web.key")).unwrap();
        let (code, text) = said(stranger.ssh(&near, "web"), "true");
        assert!(code == Some(255) && text.contains("Permission denied"), "{text}");

        server.stop();
        let (code, text) = said(login.ssh(&near, "web"), "true");
        assert!(code == Some(255) && text.contains("refused"), "{text}");
        server.start().unwrap();
        assert_eq!(said(login.ssh(&near, "web"), who), (Some(0), whole));
    }
}
