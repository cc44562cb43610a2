//! A network with racks: machines in network namespaces of their own, a switch for each rack, and
//! one line between the switches.
//!
//! What crosses from rack to rack goes over that line, and the kernel's counters there say how
//! much it was. Segmentation is not left to an imagined network card, so the counters hold every
//! packet as a wire would carry it, Ethernet's header included (not its preamble, checksum and
//! gap: 24 bytes more for a packet).
//!
//! A namespace has no name: a process that sleeps holds it open, and the kernel takes it and its
//! interfaces away when the last process in it ends. So the owner of that process, and after a
//! `kill -9` the lab's reaper, leave nothing behind. Root makes them as they are, an ordinary user
//! inside a user namespace; where neither is allowed [`Net::new`] says why.

use std::ffi::OsStr;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::process::Command;
use std::sync::Arc;

use crate::error::{During, Error, Result};
use crate::lab::{Lab, as_root};
use crate::owned::Owned;

/// Two racks, number 1 and 2, and the line between them.
#[derive(Debug)]
pub struct Net {
    lab: Lab,
    switches: Space,
}

/// The racks.
const RACKS: [u8; 2] = [1, 2];

impl Net {
    /// A network without machines; an error where the kernel or our rights forbid namespaces.
    pub fn new(lab: &Lab) -> Result<Self> {
        let unshare: &[&str] =
            if as_root() { &["unshare", "-n"] } else { &["unshare", "-U", "-r", "-n"] };
        let net = Self { lab: lab.clone(), switches: Space::open(lab, "switches", unshare)? };
        let ip = |line: &str| net.switches.ip(line);
        for rack in RACKS {
            ip(&format!("link add rack{rack} type bridge"))?;
            ip(&format!("link set rack{rack} up"))?;
        }
        ip("link add line1 type veth peer name line2")?;
        for rack in RACKS {
            ip(&format!("link set line{rack} master rack{rack} up"))?;
        }
        Ok(net)
    }

    /// A new machine in that rack.
    pub fn machine(&self, rack: u8) -> Result<Machine> {
        let name = self.lab.fresh(&format!("rack{rack}-"));
        let number = name.rsplit('-').next().and_then(|n| n.parse::<u8>().ok());
        let number = number.ok_or_else(|| Error::new("too many machines"))?.saturating_add(1);
        let enter = self.switches.enter();
        let mut command: Vec<&str> = enter.iter().map(String::as_str).collect();
        command.extend(["unshare", "-n"]);
        let machine = Machine(Arc::new(Inner {
            space: Space::open(&self.lab, &name, &command)?,
            v4: Ipv4Addr::new(10, rack, 0, number),
            v6: Ipv6Addr::new(0xfd5e, u16::from(rack), 0, 0, 0, 0, 0, u16::from(number)),
        }));
        let (port, pid) = (format!("port{number}"), machine.0.space.pid());
        self.switches.ip(&format!("link add {port} type veth peer name eth0 netns {pid}"))?;
        self.switches.ip(&format!("link set {port} master rack{rack} up"))?;
        let ip = |line: &str| machine.0.space.ip(line);
        ip("link set lo up")?;
        ip(&format!("addr add {}/8 dev eth0", machine.v4()))?;
        ip(&format!("addr add {}/16 dev eth0 nodad", machine.v6()))?;
        ip("link set eth0 gso_max_segs 1 up")?;
        Ok(machine)
    }

    /// What entered and left a rack since the network was made: all that its end of the line saw.
    pub fn boundary(&self, rack: u8) -> Result<Counted> {
        self.switches.counted(&format!("line{rack}"))
    }
}

/// What passed an interface, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Counted {
    /// Into the machine, or into the rack.
    pub received: u64,
    /// Out of it.
    pub sent: u64,
}

/// A machine in a rack, without a program yet. Clones are handles to the same one.
#[derive(Clone, Debug)]
pub struct Machine(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    space: Space,
    v4: Ipv4Addr,
    v6: Ipv6Addr,
}

impl Machine {
    /// Its address: 10.RACK.0.N, in 10.0.0.0/8.
    pub fn v4(&self) -> Ipv4Addr {
        self.0.v4
    }

    /// Its other address: fd5e:RACK::N, in fd5e::/16.
    pub fn v6(&self) -> Ipv6Addr {
        self.0.v6
    }

    /// The name of its interface.
    pub fn interface(&self) -> &'static str {
        "eth0"
    }

    /// A program to be run there by whoever administers it.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        self.0.space.command(program)
    }

    /// A program to be run there by the user that this process is. (Who may do nothing outside is
    /// root in there, for the network's sake; who logs in or owns a file should not be.)
    pub fn user_command(&self, program: impl AsRef<OsStr>) -> Command {
        if as_root() {
            return self.command(program);
        }
        let (user, group) = (nix::unistd::geteuid(), nix::unistd::getegid());
        let mut command = self.command("unshare");
        command.args(["-U", &format!("--map-user={user}"), &format!("--map-group={group}"), "--"]);
        command.arg(program);
        command
    }

    /// Sends zeroes to another machine of the net, on a TCP port of that machine, as fast as they
    /// go, until both ends are dropped.
    pub fn pour(&self, to: &Self, address: IpAddr, port: u16) -> Result<[Owned; 2]> {
        let start = |machine: &Self, script: &str| {
            let mut command = machine.command("python3");
            command.args(["-c", script, &address.to_string(), &port.to_string()]);
            let lab = machine.0.space.0.lab();
            Owned::spawn(lab, &lab.fresh("pour"), &mut command)
        };
        let mut sink = start(to, SINK)?;
        let log = sink.log().to_owned();
        sink.await_ready(|| fs::read(&log).is_ok_and(|said| said.starts_with(b"ready")))?;
        Ok([sink, start(self, SOURCE)?])
    }

    /// What passed its interface.
    pub fn counted(&self) -> Result<Counted> {
        self.0.space.counted(self.interface())
    }
}

/// Takes one connection, and whatever comes.
const SINK: &str = r#"
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
server = socket.create_server((sys.argv[1], int(sys.argv[2])), family=family)
print("ready", flush=True)
peer, _ = server.accept()
while peer.recv(1 << 20): pass
"#;

/// Connects and sends.
const SOURCE: &str = r#"
import socket, sys
peer = socket.create_connection((sys.argv[1], int(sys.argv[2])))
while True: peer.sendall(bytes(1 << 16))
"#;

/// A network namespace, and the process that holds it.
#[derive(Debug)]
struct Space(Owned);

impl Space {
    /// Opens one with a command that makes it and runs what follows in it.
    fn open(lab: &Lab, name: &str, command: &[&str]) -> Result<Self> {
        let (program, args) = command.split_first().ok_or_else(|| Error::new("no command"))?;
        let mut holder = Command::new(program);
        holder.args(args).args(["sleep", "infinity"]);
        let mut holder = Owned::spawn(lab, name, &mut holder)?;
        // It is `sleep` once the namespace is there.
        let line = format!("/proc/{}/cmdline", holder.pid());
        holder.await_ready(|| fs::read(&line).is_ok_and(|line| line.starts_with(b"sleep\0")))?;
        Ok(Self(holder))
    }

    fn pid(&self) -> u32 {
        self.0.pid()
    }

    /// What goes before a command to run it inside.
    fn enter(&self) -> Vec<String> {
        let mut words = vec!["nsenter".to_owned(), format!("--target={}", self.pid())];
        if !as_root() {
            words.extend(["--user".to_owned(), "--preserve-credentials".to_owned()]);
        }
        words.push("--net".to_owned());
        words
    }

    fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let enter = self.enter();
        let mut command = Command::new(&enter[0]);
        command.args(&enter[1..]).arg("--").arg(program);
        // What administers a network lies where no ordinary user's PATH leads.
        let mut path = std::env::var_os("PATH").unwrap_or_default();
        path.push(":/usr/sbin:/sbin");
        command.env("PATH", path);
        command
    }

    /// Runs `ip LINE` inside.
    fn ip(&self, line: &str) -> Result<()> {
        let what = || format!("ip {line}");
        let done = self.command("ip").args(line.split(' ')).output().during(what())?;
        match done.status.success() {
            true => Ok(()),
            false => {
                let said = String::from_utf8_lossy(&done.stderr);
                Err(Error::new(format!("{}: {}", what(), said.trim_end())))
            }
        }
    }

    /// The counters of an interface: `proc_pid_net(5)`, as the namespace of that process has it.
    fn counted(&self, interface: &str) -> Result<Counted> {
        let file = format!("/proc/{}/net/dev", self.pid());
        let text = fs::read_to_string(&file).during(format!("read {file}"))?;
        let numbers = text.lines().find_map(|line| {
            let (name, numbers) = line.split_once(':')?;
            (name.trim() == interface).then_some(numbers)
        });
        let column = |n| numbers?.split_whitespace().nth(n)?.parse().ok();
        match (column(0), column(8)) {
            (Some(received), Some(sent)) => Ok(Counted { received, sent }),
            _ => Err(Error::new(format!("{file} does not count {interface}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::{await_for, skip};

    #[test]
    fn what_crosses_is_counted_and_what_stays_is_not() {
        let lab = Lab::new().unwrap();
        let net = match Net::new(&lab) {
            Ok(net) => net,
            Err(reason) => return skip(reason),
        };
        let [one, near, far] = [1, 1, 2].map(|rack| net.machine(rack).unwrap());
        // Both ways at once; some hundred bytes of neighbour discovery go everywhere.
        const MUCH: u64 = 4 << 20;
        let start = net.boundary(2).unwrap();
        let _pour = one.pour(&near, near.v4().into(), 9).unwrap();
        await_for("what stays", || near.counted().unwrap().received > MUCH).unwrap();
        let stayed = net.boundary(2).unwrap();
        assert!(stayed.received - start.received < MUCH / 100, "{stayed:?}");
        for address in [IpAddr::from(far.v4()), far.v6().into()] {
            let before = net.boundary(2).unwrap();
            let _pour = one.pour(&far, address, 9).unwrap();
            let crossed = || net.boundary(2).unwrap();
            await_for("what crosses", || crossed().received > before.received + MUCH).unwrap();
            assert!(crossed().sent - before.sent < MUCH, "acknowledgements alone");
        }
    }

    #[test]
    fn nothing_is_left_of_a_network() {
        let lab = Lab::new().unwrap();
        let net = match Net::new(&lab) {
            Ok(net) => net,
            Err(reason) => return skip(reason),
        };
        let machine = net.machine(1).unwrap();
        let holders = [net.switches.pid(), machine.0.space.pid()];
        drop((net, machine));
        for pid in holders {
            assert!(!fs::exists(format!("/proc/{pid}")).unwrap(), "{pid}");
        }
    }
}
