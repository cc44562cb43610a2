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
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::MetadataExt,
    path::Path,
};

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

/// Somebody, by what of theirs lies on the way; nothing of it is a stranger's.
#[derive(Default)]
struct Somebody {
    uids: BTreeSet<u32>,
    gids: BTreeSet<u32>,
}

impl Way {
    /// Whether somebody may pass. Its owner may: what is closed is opened by chmod(2).
    fn lets(&self, who: &Somebody) -> bool {
        let shift = if who.gids.contains(&self.gid) { 3 } else { 6 };
        who.uids.contains(&self.uid) || (self.mode << shift) & self.needs != 0
    }
}

/// Everybody who owns something on the way or is in a group of it, by name.
fn known(ways: &[Way], members: &dyn Fn(u32) -> BTreeSet<String>) -> BTreeMap<String, Somebody> {
    let mut known: BTreeMap<String, Somebody> = BTreeMap::new();
    for uid in ways.iter().map(|way| way.uid) {
        known.entry(user_shown(uid, None)).or_default().uids.insert(uid);
    }
    let gids: BTreeSet<u32> = ways.iter().map(|way| way.gid).collect();
    for gid in gids {
        for name in members(gid) {
            known.entry(name).or_default().gids.insert(gid);
        }
    }
    known
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
    let may = |who: &Somebody| ways.iter().all(|way| way.lets(who));
    if may(&Somebody::default()) {
        let says = format!("every user of this machine may connect to {place}");
        return Finding::fault(Exit::Permission, Area::Socket, "socket", says)
            .because("whoever connects runs any command as rtorrent's user")
            .cured_by(
                "chmod 0700 on its directory, and umask 0117 around its birth in the rc file",
            );
    }
    let owner = ways.first().map_or(0, |socket| socket.uid);
    let owner = user_shown(owner, None);
    let others = known(ways, members).into_iter().filter(|(_, who)| may(who));
    let names: Vec<String> =
        others.map(|(name, _)| name).filter(|name| *name != owner && name != "root").collect();
    if names.is_empty() {
        return Finding::ok(
            Area::Socket,
            "socket",
            format!("`{owner}` alone may connect to {place}"),
        );
    }
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
        seen(socket, directory, 4001, &["web"]).level
    }

    /// `web` lists those in the directory's group, whose owner is `uid`.
    fn seen(socket: u32, directory: u32, uid: u32, web: &[&str]) -> Finding {
        let socket = Way { uid: 4001, gid: 4001, mode: socket, needs: WRITE };
        let directory = Way { uid, gid: 4002, mode: directory, needs: PASS };
        let root = Way { uid: 0, gid: 0, mode: 0o755, needs: PASS };
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let members = |gid| match gid {
            4001 => names(&["#4001", "anna"]),
            4002 => names(web),
            _ => names(&["root"]),
        };
        judged(Path::new("/run/r/rpc.sock"), &[socket, directory, root], &members)
    }

    #[test]
    fn who_is_in_two_groups_has_the_rights_of_both() {
        let found = seen(0o660, 0o710, 4001, &["web", "anna"]);
        assert_eq!(found.level, Level::Warning);
        assert!(found.says.ends_with("and `anna`"), "{}", found.says);
    }

    #[test]
    fn whose_directory_it_lies_in_opens_it_at_will() {
        for directory in [0o700, 0o000] {
            let found = seen(0o666, directory, 4003, &[]);
            assert_eq!(found.level, Level::Warning);
            assert!(found.says.ends_with("and `#4003`"), "{}", found.says);
        }
        assert_eq!(seen(0o600, 0o700, 4003, &[]).level, Level::Ok, "the socket itself is closed");
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
