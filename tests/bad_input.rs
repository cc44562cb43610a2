//! Bad input: each kind has its exit code, one clear line in the log and its record, and leaves the
//! release before it live and nothing else behind.

mod archive;
mod payload;
mod place;
mod signature;
mod torrent;

use crate::{
    event::packed,
    host::{Host, Run},
};
use lab::{Kind, Lab, Torrent, Tree, site};
use std::path::{Path, PathBuf};

/// A host where 1.0 of a shop that takes every kind of payload is live; `settings` are more lines
/// of the app's table, which say whose releases it takes.
fn open<'l>(lab: &'l Lab, settings: &str) -> Host<'l> {
    let host = Host::new(lab, &shop("unsigned = \"accept\""));
    let (torrent, payload) = release(lab, Kind::Tar, "1.0");
    let run = host.finished(&torrent, &payload);
    assert_eq!(run.code, 0, "{run:?}\n{}", host.log().join("\n"));
    host.configure(&shop(settings));
    unharmed(&host);
    host
}

/// The shop's table with these lines at its end.
fn shop(settings: &str) -> String {
    let patterns = Kind::ALL.map(|kind| format!("\"shop-{{version}}{}\"", kind.suffix()));
    let settings = match settings.contains("public_keys") || settings.contains("unsigned") {
        true => settings.to_owned(),
        false => format!("unsigned = \"accept\"\n{settings}"),
    };
    format!(
        "[apps.shop]\nmatch = [{}]\nroot = \"WWW/shop\"\nmin_free = \"1MiB\"\n{settings}\n",
        patterns.join(", ")
    )
}

fn release(lab: &Lab, kind: Kind, version: &str) -> (Torrent, PathBuf) {
    packed(lab, &site::small(version), kind, &format!("shop-{version}"))
}

/// The same torrent's file for other bytes of the payload: what was made of it on purpose.
fn remade(lab: &Lab, payload: &Path) -> Torrent {
    lab.torrent(payload).make().unwrap()
}

/// What a deploy that fails must look like.
struct Failure<'a> {
    exit: i32,
    /// The state of its record afterwards.
    state: Option<&'a str>,
    /// What its line of log says, among other things.
    says: &'a [&'a str],
    /// What the line tells an operator to do about it.
    hint: &'a str,
}

/// The event of this download fails as it should, and the old release is unharmed. Returns the line.
fn fails(host: &Host<'_>, torrent: &Torrent, payload: &Path, how: &Failure<'_>) -> String {
    let line = fails_by(host, &torrent.hash, how, || host.finished(torrent, payload));
    unharmed(host);
    line
}

/// The same for any way to call the binary, whatever is live.
fn fails_by(host: &Host<'_>, hash: &str, how: &Failure<'_>, run: impl FnOnce() -> Run) -> String {
    let before = host.log().len();
    let run = run();
    let said = host.log().split_off(before);
    assert_eq!(run.code, how.exit, "{run:?}\n{}", said.join("\n"));
    let [line] = &said[..] else { panic!("{} lines: {said:#?}", said.len()) };
    let fields = [format!(" exit={}", how.exit), format!(" hash={hash}")];
    let hint = format!("(hint: {}", how.hint);
    let said = how.says.iter().copied().chain(fields.iter().map(String::as_str)).chain([&*hint]);
    for part in said {
        assert!(line.contains(part), "not in the line: {part}\n{line}");
    }
    assert!(line.starts_with("could not "), "{line}");
    assert_eq!(host.state("shop", hash).as_deref(), how.state, "{line}");
    line.clone()
}

/// 1.0 is served, whole, and stands alone: no stage, nothing on its way out, no other's manifest.
fn unharmed(host: &Host<'_>) {
    assert_eq!(host.current("shop").as_deref(), Some("releases/1.0"));
    assert_eq!(host.releases("shop"), ["1.0"]);
    let manifests = std::fs::read_dir(host.root("shop").join(".seedship/manifests")).unwrap();
    let mut manifests: Vec<_> = manifests.map(|entry| entry.unwrap().file_name()).collect();
    manifests.sort();
    assert_eq!(manifests, ["1.0.b3", "1.0.tree"]);
    serves(host, "1.0");
}

/// What is live is a whole release of this version.
fn serves(host: &Host<'_>, version: &str) {
    for page in ["index.html", "pages/page-19.html"] {
        let page = host.served("shop", page).unwrap();
        assert_eq!(site::version_of(page.as_bytes()), Some(version));
    }
}

/// The event of this download makes this version live.
fn lands(host: &Host<'_>, torrent: &Torrent, payload: &Path, version: &str) {
    let run = host.finished(torrent, payload);
    assert_eq!(run.code, 0, "{run:?}\n{}", host.log().join("\n"));
    assert_eq!(host.current("shop"), Some(format!("releases/{version}")));
    assert_eq!(host.state("shop", &torrent.hash).as_deref(), Some("good"));
    serves(host, version);
}

/// Enough bytes that cannot be compressed for a middle that belongs to a file.
fn noisy(version: &str) -> Tree {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    })
    .take(400_000)
    .collect();
    site::small(version).file("noise.bin", noise)
}
