//! Caps as they are on the line: two racks, a seeder in the first, the bytes counted by the kernel
//! where a rack begins.
//!
//! A rate is bytes over the time that they took, in a window that opens when the transfer runs and
//! is closed by a number of bytes, before the transfer ends. A busy machine makes a rate lower,
//! never higher: so a cap can be asserted, and "unbounded" is a ratio to what is capped beside it
//! at the same time.

use lab::{Flavour, Lab, Machine, Net, Node, Torrent, await_until, rtorrent};
use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

lab::on_both![a_torrent_s_upload_is_capped_alone, a_torrent_s_download_is_capped_alone];

/// What the line may carry, in bytes per second with every header.
const LINE: u64 = 1_200_000;

/// What is set in rtorrent for that, which counts no headers: 90 %, in KiB/s.
const CAP_KIB: u64 = LINE * 9 / 10 / 1024;

/// A window of some ten seconds at the cap; it opens after the first burst.
const OPENS: u64 = 2 << 20;
const WINDOW: u64 = 12 << 20;

/// The payload: far more than the windows.
const PAYLOAD: usize = 48 << 20;

/// The seeder's machine, one beside it, and one in the other rack.
struct Racks {
    net: Net,
    seeder: Machine,
    near: Machine,
    far: Machine,
}

/// The racks, or `None` where there can be none.
fn racks(lab: &Lab) -> Option<Racks> {
    let net = Net::new(lab).map_err(lab::skip).ok()?;
    let [seeder, near, far] = [1, 1, 2].map(|rack| net.machine(rack).unwrap());
    Some(Racks { net, seeder, near, far })
}

/// A payload and its torrent.
fn large(lab: &Lab, name: &str) -> (PathBuf, Torrent) {
    let bytes: Vec<u8> = (0..PAYLOAD / 4).flat_map(|n| (n as u32).to_le_bytes()).collect();
    let payload = lab.write(&format!("payload/{name}"), bytes).unwrap();
    let torrent = lab.torrent(&payload).make().unwrap();
    (payload, torrent)
}

/// Bytes per second while `count` grows by `window`, once it has grown by `opens`.
fn rate(opens: u64, window: u64, count: impl Fn() -> u64) -> f64 {
    let reach = |bytes: u64| {
        let what = format!("{bytes} bytes counted");
        await_until(what, Duration::from_secs(90), || Ok((count() >= bytes).then(Instant::now)))
            .unwrap()
    };
    let first = count();
    reach(first + opens);
    let (begin, from) = (Instant::now(), count());
    reach(from + window);
    (count() - from) as f64 / begin.elapsed().as_secs_f64()
}

/// Told with `--no-capture`: the table in docs/bandwidth.md.
fn told(what: &str, flavour: Flavour, rate: f64, cap: u64) -> f64 {
    let share = rate / cap as f64;
    println!("measured: {flavour:?}: {what}: {:.0} kB/s, {:.1} % of its cap", rate / 1e3, share * 1e2);
    share
}

/// The cap holds, and it is the cap that bounds.
fn assert_capped(what: &str, flavour: Flavour, rate: f64, cap: u64) {
    let share = told(what, flavour, rate, cap);
    assert!(share <= 1.05, "{what}: {share:.3} of the cap");
    assert!(share >= 0.5, "{what}: {share:.3} of the cap: something else bounds it");
}

/// Well above what is capped beside it.
fn assert_unbounded(what: &str, flavour: Flavour, rate: f64) {
    let share = told(what, flavour, rate, LINE);
    assert!(share >= 5.0, "{what}: {share:.3} of the cap");
}

fn start(lab: &Lab, flavour: Flavour, on: &Machine) -> rtorrent::Builder {
    lab.rtorrent(flavour).on(on)
}

/// Loads a torrent of a seeder that is not in the watch directory, and so in no group.
fn fetch(node: &Node, torrent: &Torrent, from: &Node) {
    node.load(torrent, &[]).unwrap();
    node.add_peer(&torrent.hash, from).unwrap();
}

fn still_runs(node: &Node, torrent: &Torrent) {
    assert_eq!(node.number("d.complete", &torrent.hash), Some(0), "the window ended before it did");
}

fn a_torrent_s_upload_is_capped_alone(lab: &Lab, flavour: Flavour) {
    let Some(racks) = racks(lab) else { return };
    let (capped, free) = (large(lab, "shop-1.tar"), large(lab, "shop-2.tar"));
    let seeder = start(lab, flavour, &racks.seeder).set("deploy_up_kib", &CAP_KIB.to_string());
    let seeder = seeder.start().unwrap();
    std::fs::copy(&capped.0, seeder.download().join(&capped.1.name)).unwrap();
    seeder.watch(&capped.1).unwrap();
    seeder.await_complete(&capped.1.hash).unwrap();
    seeder.seed(&free.1, &free.0).unwrap();
    let far = start(lab, flavour, &racks.far).start().unwrap();
    let near = start(lab, flavour, &racks.near).start().unwrap();
    fetch(&far, &capped.1, &seeder);
    fetch(&near, &free.1, &seeder);
    let unbounded = rate(OPENS, WINDOW, || racks.near.counted().unwrap().received);
    let up = rate(OPENS, WINDOW, || racks.net.boundary(1).unwrap().sent);
    still_runs(&far, &capped.1);
    assert_unbounded("another torrent beside it", flavour, unbounded);
    assert_capped("a torrent's upload", flavour, up, LINE);
}

fn a_torrent_s_download_is_capped_alone(lab: &Lab, flavour: Flavour) {
    let Some(racks) = racks(lab) else { return };
    let (capped, free) = (large(lab, "shop-1.tar"), large(lab, "shop-2.tar"));
    let seeder = start(lab, flavour, &racks.seeder).start().unwrap();
    seeder.seed(&capped.1, &capped.0).unwrap();
    seeder.seed(&free.1, &free.0).unwrap();
    let far = start(lab, flavour, &racks.far).set("deploy_down_kib", &CAP_KIB.to_string());
    let far = far.start().unwrap();
    far.watch(&capped.1).unwrap();
    far.await_loaded(&capped.1.hash).unwrap();
    far.add_peer(&capped.1.hash, &seeder).unwrap();
    let down = rate(OPENS, WINDOW, || racks.net.boundary(2).unwrap().received);
    still_runs(&far, &capped.1);
    assert_capped("a torrent's download", flavour, down, LINE);
    fetch(&far, &free.1, &seeder);
    let unbounded = rate(OPENS, WINDOW, || racks.net.boundary(2).unwrap().received);
    assert_unbounded("with another torrent beside it", flavour, unbounded);
}

/// A rack's own network stands inside the networks that are capped.
fn in_rack(node: rtorrent::Builder, rack: u8) -> rtorrent::Builder {
    node.set("cross_net", "10.0.0.0/8").set("rack_net", &format!("10.{rack}.0.0/16"))
}

#[test]
fn old_caps_what_is_sent_to_other_racks() {
    let Some(lab) = Lab::with(Flavour::Old) else { return };
    let Some(racks) = racks(&lab) else { return };
    let flavour = Flavour::Old;
    let (payload, torrent) = large(&lab, "shop-1.tar");
    let seeder = in_rack(start(&lab, flavour, &racks.seeder), 1);
    let seeder = seeder.set("cross_up_kib", &CAP_KIB.to_string()).start().unwrap();
    seeder.seed(&torrent, &payload).unwrap();
    let far = start(&lab, flavour, &racks.far).start().unwrap();
    let near = start(&lab, flavour, &racks.near).start().unwrap();
    let sent = || racks.net.boundary(1).unwrap().sent;
    fetch(&far, &torrent, &seeder);
    fetch(&near, &torrent, &seeder);
    let local = rate(OPENS, WINDOW, || racks.near.counted().unwrap().received);
    let cross = rate(OPENS, WINDOW, sent);
    assert_unbounded("inside the rack", flavour, local);
    assert_capped("sent to the other rack", flavour, cross, LINE);

    // Another cap, at once, while it runs.
    let more = (2 * CAP_KIB).to_string();
    seeder.rpc("throttle.up", &["".into(), "cross".into(), (&more).into()]).unwrap();
    let cross = rate(OPENS, WINDOW, sent);
    still_runs(&far, &torrent);
    assert_capped("the same after `throttle.up` twice as high", flavour, cross, 2 * LINE);
    assert!(cross > LINE as f64 * 1.3, "{cross}");
}

#[test]
fn old_caps_what_comes_from_other_racks() {
    let Some(lab) = Lab::with(Flavour::Old) else { return };
    let Some(racks) = racks(&lab) else { return };
    let flavour = Flavour::Old;
    let (payload, torrent) = large(&lab, "shop-1.tar");
    let [seeder, other] = [&racks.seeder, &racks.near].map(|m| start(&lab, flavour, m));
    let [seeder, far_seeder] = [seeder.start().unwrap(), other.start().unwrap()];
    seeder.seed(&torrent, &payload).unwrap();
    drop(far_seeder);
    let far = in_rack(start(&lab, flavour, &racks.far), 2);
    let far = far.set("cross_down_kib", &CAP_KIB.to_string()).start().unwrap();
    fetch(&far, &torrent, &seeder);
    let cross = rate(OPENS, WINDOW, || racks.net.boundary(2).unwrap().received);
    still_runs(&far, &torrent);
    assert_capped("taken from the other rack", flavour, cross, LINE);
}
