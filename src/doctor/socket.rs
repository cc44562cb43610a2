//! Who may command rtorrent: whoever can connect to its socket runs any command as its user, and so
//! rewrites every release.
//!
//! Connecting needs the right to write to the socket and to pass every directory above it (`unix(7)`).
//! Access control lists are not looked at.

use super::{Area, Finding, inside::user_shown};
use crate::{
    config::Scgi,
    error::{Exit, quoted},
};
use nix::unistd::{Gid, Group};
use std::{collections::BTreeSet, fs, os::unix::fs::MetadataExt, path::Path};

/// Permission bits of the owner; those of group and others are three and six bits lower.
const WRITE: u32 = 0o200;
const PASS: u32 = 0o100;

pub(super) fn look(scgi: &Scgi) -> Option<Finding> {
    match scgi {
        Scgi::Tcp(host) => Some(on_tcp(host, scgi.is_exposed())),
        Scgi::Unix(path) => {
            let Ok(path) = std::path::absolute(path) else { return None };
            // What is not there was told of already.
            let ways = ways(&path)?;
            Some(judged(&path, &ways, &members))
        }
    }
}

fn on_tcp(host: &str, exposed: bool) -> Finding {
    let says = format!("rtorrent is commanded over TCP, at {host}");
    let warning = Finding::warning(Area::Socket, "socket", says);
    match exposed {
        true => warning
            .because("whoever reaches that port runs any command as rtorrent's user")
            .cured_by(
                "`network.scgi.open_local` and a socket; or a firewall for this machine alone",
            ),
        false => warning
            .because(
                "a port has no mode: every user of this machine may run commands as rtorrent's",
            )
            .cured_by("`network.scgi.open_local` and a socket in a directory of mode 0700"),
    }
}

/// A place on the way to the socket, that last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Way {
    uid: u32,
    gid: u32,
    mode: u32,
    needs: u32,
}

/// `None` where something on the way cannot be looked at.
fn ways(socket: &Path) -> Option<Vec<Way>> {
    let mut all = Vec::new();
    for (at, path) in socket.ancestors().enumerate() {
        let found = fs::metadata(path).ok()?;
        let needs = if at == 0 { WRITE } else { PASS };
        all.push(Way { uid: found.uid(), gid: found.gid(), mode: found.mode(), needs });
    }
    Some(all)
}

impl Way {
    /// Whether a stranger, one of these groups alone, may pass.
    fn lets(&self, uid: Option<u32>, groups: &BTreeSet<u32>) -> bool {
        let shift = match (Some(self.uid) == uid, groups.contains(&self.gid)) {
            (true, _) => 0,
            (false, true) => 3,
            (false, false) => 6,
        };
        (self.mode << shift) & self.needs != 0
    }
}

/// The users in a group, by name.
fn members(gid: u32) -> BTreeSet<String> {
    let group = Group::from_gid(Gid::from_raw(gid)).ok().flatten();
    let mut all: BTreeSet<String> = group.into_iter().flat_map(|group| group.mem).collect();
    // Those whose own group it is are not listed in it (passwd(5)).
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    all.extend(passwd.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, _, own, ..] = fields.as_slice() else { return None };
        (own.parse() == Ok(gid)).then(|| (*name).to_owned())
    }));
    all
}

fn judged(path: &Path, ways: &[Way], members: &dyn Fn(u32) -> BTreeSet<String>) -> Finding {
    let place = quoted(path);
    let everybody = ways.iter().all(|way| way.lets(None, &BTreeSet::new()));
    if everybody {
        let says = format!("every user of this machine may connect to {place}");
        return Finding::fault(Exit::Permission, Area::Socket, "socket", says)
            .because("whoever connects runs any command as rtorrent's user")
            .cured_by(
                "chmod 0700 on its directory, and umask 0117 around its birth in the rc file",
            );
    }
    let owner = ways.first().map_or(0, |socket| socket.uid);
    let owner = user_shown(owner, None);
    let groups: BTreeSet<u32> = ways.iter().map(|way| way.gid).collect();
    let mut others = BTreeSet::new();
    for gid in groups {
        if ways.iter().all(|way| way.lets(None, &BTreeSet::from([gid]))) {
            others.extend(members(gid));
        }
    }
    others.remove(&owner);
    others.remove("root");
    if others.is_empty() {
        return Finding::ok(
            Area::Socket,
            "socket",
            format!("`{owner}` alone may connect to {place}"),
        );
    }
    let names: Vec<String> = others.into_iter().collect();
    let says = format!("`{owner}` may connect to {place}, and `{}`", names.join("`, `"));
    Finding::warning(Area::Socket, "socket", says)
        .because("whoever connects runs any command as rtorrent's user")
        .cured_by("chmod 0700 on its directory: no group of a web server should pass it")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    fn level(socket: u32, directory: u32) -> Level {
        let socket = Way { uid: 4001, gid: 4001, mode: socket, needs: WRITE };
        let directory = Way { uid: 4001, gid: 4002, mode: directory, needs: PASS };
        let root = Way { uid: 0, gid: 0, mode: 0o755, needs: PASS };
        let members = |gid| match gid {
            4001 => BTreeSet::from(["#4001".to_owned(), "anna".to_owned()]),
            4002 => BTreeSet::from(["web".to_owned()]),
            _ => BTreeSet::from(["root".to_owned()]),
        };
        judged(Path::new("/run/r/rpc.sock"), &[socket, directory, root], &members).level
    }

    #[test]
    fn every_place_on_the_way_must_let_a_stranger_pass() {
        assert_eq!(level(0o777, 0o755), Level::Fault);
        assert_eq!(level(0o777, 0o700), Level::Ok);
        assert_eq!(level(0o660, 0o700), Level::Ok);
        assert_eq!(level(0o660, 0o755), Level::Warning, "anna is in its group");
        assert_eq!(level(0o600, 0o755), Level::Ok);
        assert_eq!(level(0o666, 0o710), Level::Warning, "the web server passes by its group");
        assert_eq!(level(0o660, 0o710), Level::Ok, "who passes may not write, and the other way");
    }
}
