//! Caps as they are on the line: two racks, a seeder in the first, the bytes counted by the kernel
//! where a rack begins.
//!
//! A rate is bytes over the time that they took, in a window that opens when the transfer runs and
//! is closed by a number of bytes, before the transfer ends. A busy machine makes a rate lower,
//! never higher: so no rate has a lower bound here. A cap is one from above, and "unbounded" is a
//! ratio to what is capped beside it in the same window, or not counted by the cap at all.

use lab::{Flavour, Lab, Machine, Net, Node, Torrent, await_until, rtorrent};
use std::{
    fs,
    net::IpAddr,
    path::PathBuf,
    process::{Command, Output},
    time::{Duration, Instant},
};

lab::on_both![
    a_torrent_s_upload_is_capped_alone,
    a_torrent_s_download_is_capped_alone,
    the_kernel_caps_what_is_sent_to_other_racks,
    the_kernel_caps_what_comes_from_other_racks,
];

/// What the line may carry, in bytes per second with every header.
const LINE: u64 = 600_000;

/// What is set in rtorrent for that, which counts no headers: 90 %, in KiB/s.
const CAP_KIB: u64 = LINE * 9 / 10 / 1024;

/// A window of some seven seconds at the cap; it opens after the first burst, in which a receiver's
/// socket fills.
const OPENS: u64 = 1 << 20;
const WINDOW: u64 = 4 << 20;

/// A longer one where rtorrent caps what it takes: it reads in bursts, and what waits in the socket
/// meanwhile has crossed the line already.
const LONG_WINDOW: u64 = 2 * WINDOW;

/// What is not capped has gone in a moment: a window in which a pause of rtorrent's, which looks
/// around only every second at times, is not most of it.
const FREE_WINDOW: u64 = 16 << 20;

/// The payload: far more than the windows.
const PAYLOAD: usize = 24 << 20;

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
    rates(opens, window, count, || 0).0
}

/// The same, and the rate of something else in the same window.
fn rates(opens: u64, window: u64, count: impl Fn() -> u64, beside: impl Fn() -> u64) -> (f64, f64) {
    let reach = |bytes: u64| {
        let what = format!("{bytes} bytes counted");
        await_until(what, Duration::from_secs(90), || Ok((count() >= bytes).then(Instant::now)))
            .unwrap()
    };
    let first = count();
    reach(first + opens);
    let (begin, from, other) = (Instant::now(), count(), beside());
    reach(from + window);
    let (grown, took) = ((count() - from, beside() - other), begin.elapsed().as_secs_f64());
    (grown.0 as f64 / took, grown.1 as f64 / took)
}

/// Told with `--no-capture`: the table in docs/bandwidth.md.
fn told(what: &str, flavour: Flavour, rate: f64, cap: u64) -> f64 {
    let share = rate / cap as f64;
    println!(
        "measured: {flavour:?}: {what}: {:.0} kB/s, {:.1} % of the cap",
        rate / 1e3,
        share * 1e2
    );
    share
}

/// The cap holds.
fn assert_capped(what: &str, flavour: Flavour, rate: f64, cap: u64) {
    let share = told(what, flavour, rate, cap);
    assert!(share <= 1.05, "{what}: {share:.3} of the cap");
}

/// What is not capped gets far more than what is capped beside it, whatever the machine gives both.
fn assert_unbounded(
    what: &str,
    flavour: Flavour,
    free: impl Fn() -> u64,
    capped: impl Fn() -> u64,
) {
    let (free, capped) = rates(OPENS, FREE_WINDOW, free, capped);
    told(what, flavour, free, LINE);
    assert!(free >= 2.0 * capped, "{what}: {free:.0} B/s, and capped beside it {capped:.0} B/s");
}

fn start(lab: &Lab, flavour: Flavour, on: &Machine) -> rtorrent::Builder {
    lab.rtorrent(flavour).on(on)
}

/// One that caps what it takes. It can only read late, and what the kernel has taken in by then has
/// crossed the line; as documented, that is bounded.
fn taker(lab: &Lab, flavour: Flavour, on: &Machine, cap: &str) -> rtorrent::Builder {
    let taker = start(lab, flavour, on).set(cap, &CAP_KIB.to_string());
    taker.line("network.receive_buffer.size.set = 128K")
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
    fs::copy(&capped.0, seeder.download().join(&capped.1.name)).unwrap();
    seeder.watch(&capped.1).unwrap();
    seeder.await_complete(&capped.1.hash).unwrap();
    seeder.seed(&free.1, &free.0).unwrap();
    let far = start(lab, flavour, &racks.far).start().unwrap();
    let near = start(lab, flavour, &racks.near).start().unwrap();
    fetch(&far, &capped.1, &seeder);
    fetch(&near, &free.1, &seeder);
    let sent = || racks.net.boundary(1).unwrap().sent;
    let local = || racks.near.counted().unwrap().received;
    assert_unbounded("another torrent beside it", flavour, local, sent);
    assert_capped("a torrent's upload", flavour, rate(OPENS, WINDOW, sent), LINE);

    // Another cap, at once, while it runs; and none of it at 0, which is not "unlimited".
    let set = |kib: u64| {
        let rate = kib.to_string();
        seeder.rpc("throttle.up", &["".into(), "deploy".into(), (&rate).into()]).unwrap();
    };
    set(CAP_KIB / 2);
    let half = rate(OPENS / 2, WINDOW / 2, sent);
    assert_capped("after `throttle.up` to half as much", flavour, half, LINE / 2);
    set(0);
    // What was under way arrives; then a whole release goes to the neighbour, and nothing here.
    let mut last = sent();
    await_until("what was sent has arrived", Duration::from_secs(60), || {
        std::thread::sleep(Duration::from_millis(500));
        let before = std::mem::replace(&mut last, sent());
        Ok((last - before < LINE / 100).then_some(()))
    })
    .unwrap();
    let meanwhile = large(lab, "shop-3.tar");
    seeder.seed(&meanwhile.1, &meanwhile.0).unwrap();
    fetch(&near, &meanwhile.1, &seeder);
    near.await_complete(&meanwhile.1.hash).unwrap();
    let crossed = sent() - last;
    assert!(crossed < PAYLOAD as u64 / 100, "{crossed} bytes at a cap of 0");
    still_runs(&far, &capped.1);
    set(100_000);
    far.await_complete(&capped.1.hash).unwrap();
}

fn a_torrent_s_download_is_capped_alone(lab: &Lab, flavour: Flavour) {
    let Some(racks) = racks(lab) else { return };
    let (capped, free) = (large(lab, "shop-1.tar"), large(lab, "shop-2.tar"));
    let seeder = start(lab, flavour, &racks.seeder).start().unwrap();
    seeder.seed(&capped.1, &capped.0).unwrap();
    seeder.seed(&free.1, &free.0).unwrap();
    let far = taker(lab, flavour, &racks.far, "deploy_down_kib").start().unwrap();
    far.watch(&capped.1).unwrap();
    far.await_loaded(&capped.1.hash).unwrap();
    far.add_peer(&capped.1.hash, &seeder).unwrap();
    let down = rate(OPENS, LONG_WINDOW, || racks.net.boundary(2).unwrap().received);
    still_runs(&far, &capped.1);
    assert_capped("a torrent's download", flavour, down, LINE);
    // Both cross the line: how much of it was the capped one's, rtorrent says.
    let crossed = || racks.net.boundary(2).unwrap().received;
    let its_own = || far.number("d.down.total", &capped.1.hash).unwrap() as u64;
    fetch(&far, &free.1, &seeder);
    assert_unbounded("another torrent beside it", flavour, || crossed() - its_own(), its_own);
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
    let local = || racks.near.counted().unwrap().received;
    assert_unbounded("by throttle.ip, sent inside the rack", flavour, local, sent);
    let cross = rate(OPENS, WINDOW, sent);
    assert_capped("by throttle.ip, sent to the other rack", flavour, cross, LINE);
    still_runs(&far, &torrent);
}

#[test]
fn old_caps_what_comes_from_other_racks() {
    let Some(lab) = Lab::with(Flavour::Old) else { return };
    let Some(racks) = racks(&lab) else { return };
    let far = in_rack(taker(&lab, Flavour::Old, &racks.far, "cross_down_kib"), 2).start().unwrap();
    let by_itself = ("by throttle.ip", LONG_WINDOW);
    assert_takes_within_the_cap((&lab, Flavour::Old), &racks, &far, by_itself);
}

/// A node in the second rack takes one release from the first rack and one from its own.
fn assert_takes_within_the_cap(
    (lab, flavour): (&Lab, Flavour),
    racks: &Racks,
    far: &Node,
    (by, window): (&str, u64),
) {
    let (abroad, here) = (large(lab, "shop-1.tar"), large(lab, "shop-2.tar"));
    let seeder = start(lab, flavour, &racks.seeder).start().unwrap();
    seeder.seed(&abroad.1, &abroad.0).unwrap();
    let beside = start(lab, flavour, &racks.net.machine(2).unwrap()).start().unwrap();
    beside.seed(&here.1, &here.0).unwrap();
    fetch(far, &abroad.1, &seeder);
    fetch(far, &here.1, &beside);
    let crossed = || racks.net.boundary(2).unwrap().received;
    // Both come in by one interface; what crossed is asked first, so it is never the greater.
    let local = || {
        let crossed = crossed();
        racks.far.counted().unwrap().received.saturating_sub(crossed)
    };
    assert_unbounded(&format!("{by}, taken inside the rack"), flavour, local, crossed);
    let cross = rate(OPENS, window, crossed);
    still_runs(far, &abroad.1);
    assert_capped(&format!("{by}, taken from the other rack"), flavour, cross, LINE);
}

/// A run of the shipped script on a machine.
fn script(on: &Machine, args: &str) -> Output {
    let script = lab::workspace().join("packaging/sbin/seedship-bandwidth");
    on.command(script).args(args.split_whitespace()).output().unwrap()
}

/// Caps a machine by the shipped script; `None` where the kernel has not what that needs, which is
/// asked of the kernel and not of the script.
fn kernel_caps(on: &Machine, options: &str) -> Option<()> {
    const NEEDED: &str = "
        ip link add name probe0 type ifb &&
        tc qdisc add dev probe0 root handle 1: htb default 1 &&
        tc qdisc add dev probe0 clsact &&
        tc filter add dev probe0 egress protocol ip u32 match ip dport 1 0xffff \
            action mirred egress redirect dev probe0 &&
        ip link del dev probe0";
    let probe = on.command("sh").args(["-c", NEEDED]).output().unwrap();
    if !probe.status.success() {
        lab::skip(String::from_utf8_lossy(&probe.stderr).trim_end());
        return None;
    }
    let run = script(on, &format!("start {} {options}", on.interface()));
    assert_eq!(run.status.code(), Some(0), "{run:?}");
    Some(())
}

/// The line's capacity in `tc`'s words.
fn in_kbit(bytes: u64) -> String {
    format!("{}kbit", bytes * 8 / 1000)
}

fn the_kernel_caps_what_is_sent_to_other_racks(lab: &Lab, flavour: Flavour) {
    let Some(racks) = racks(lab) else { return };
    let cap = format!("--up {} --local 10.1.0.0/16", in_kbit(LINE));
    let Some(()) = kernel_caps(&racks.seeder, &cap) else { return };
    let (payload, torrent) = large(lab, "shop-1.tar");
    let seeder = start(lab, flavour, &racks.seeder).start().unwrap();
    seeder.seed(&torrent, &payload).unwrap();
    let far = start(lab, flavour, &racks.far).start().unwrap();
    let near = start(lab, flavour, &racks.near).start().unwrap();
    fetch(&far, &torrent, &seeder);
    fetch(&near, &torrent, &seeder);
    let sent = || racks.net.boundary(1).unwrap().sent;
    let local = || racks.near.counted().unwrap().received;
    assert_unbounded("by the kernel, sent inside the rack", flavour, local, sent);
    let cross = rate(OPENS, WINDOW, sent);
    still_runs(&far, &torrent);
    assert_capped("by the kernel, sent to the other rack", flavour, cross, LINE);
}

fn the_kernel_caps_what_comes_from_other_racks(lab: &Lab, flavour: Flavour) {
    let Some(racks) = racks(lab) else { return };
    let cap = format!("--down {} --local 10.2.0.0/16", in_kbit(LINE));
    let Some(()) = kernel_caps(&racks.far, &cap) else { return };
    let far = start(lab, flavour, &racks.far).start().unwrap();
    assert_takes_within_the_cap((lab, flavour), &racks, &far, ("by the kernel", WINDOW));
}

#[test]
fn the_kernel_caps_both_versions_of_ip_on_one_port_alone() {
    let lab = Lab::new().unwrap();
    let Some(racks) = racks(&lab) else { return };
    let cap = in_kbit(LINE);
    let cap =
        format!("--up {cap} --down {cap} --local 10.1.0.0/16 --local fd5e:1::/32 --port 7000");
    let Some(()) = kernel_caps(&racks.seeder, &cap) else { return };
    let Racks { seeder, near, far, .. } = &racks;
    // What went through a cap: the kernel's own count.
    let passed = || -> u64 {
        let said = String::from_utf8(script(seeder, "status eth0").stdout).unwrap();
        let numbers = said.lines().map(|line| {
            let number = line.split_once(" bytes passed").unwrap().0.rsplit(' ').next();
            number.unwrap().parse::<u64>().unwrap()
        });
        numbers.sum()
    };
    // The share of the cap that a flow took, and of its bytes that the cap counted.
    let flow = |from: &Machine, to: &Machine, v6: bool, port: u16| {
        let address: IpAddr = if v6 { to.v6().into() } else { to.v4().into() };
        let (received, before) = (|| to.counted().unwrap().received, passed());
        let first = received();
        let _pour = from.pour(to, address, port).unwrap();
        let share = rate(OPENS / 4, WINDOW / 4, received) / LINE as f64;
        let all = received() - first;
        (share, (passed() - before) as f64 / all as f64)
    };
    for v6 in [false, true] {
        // Whoever called whom: our port is at one end or at the other.
        for (from, to) in [(seeder, far), (far, seeder)] {
            let (share, counted) = flow(from, to, v6, 7000);
            assert!(share <= 1.05 && counted > 0.9, "{share} {counted} {v6} from {}", from.v4());
            let (_, counted) = flow(from, to, v6, 7001);
            assert!(counted < 0.01, "another port {counted} {v6} from {}", from.v4());
        }
        for (from, to) in [(seeder, near), (near, seeder)] {
            let (_, counted) = flow(from, to, v6, 7000);
            assert!(counted < 0.01, "local {counted} {v6} from {}", from.v4());
        }
    }
}

#[test]
fn the_script_leaves_nothing_behind_and_nothing_of_others_alone() {
    let lab = Lab::new().unwrap();
    let Some(racks) = racks(&lab) else { return };
    let machine = &racks.near;
    let said = |program: &str, args: &str| {
        let run = machine.command(program).args(args.split(' ')).output().unwrap();
        String::from_utf8_lossy(&run.stdout).into_owned()
    };
    let picture = || {
        let filters =
            ["ingress", "egress"].map(|hook| said("tc", &format!("filter show dev eth0 {hook}")));
        (said("ip", "-o -brief link"), said("tc", "qdisc show"), filters)
    };
    let status = || {
        let run = script(machine, "status eth0");
        (run.status.code().unwrap(), String::from_utf8(run.stdout).unwrap())
    };
    let untouched = picture();
    assert_eq!(status(), (3, "eth0: no cap\n".into()));
    let Some(()) = kernel_caps(machine, "--up 10mbit --local 10.1.0.0/16") else { return };
    // Again, with other values: they hold, once.
    let Some(()) = kernel_caps(machine, "--up 20mbit --down 30mbit") else { return };
    let expected = "\
        eth0: to other racks   at most 20Mbit, 0 bytes passed, 0 packets dropped\n\
        eth0: from other racks at most 30Mbit, 0 bytes passed, 0 packets dropped\n";
    assert_eq!(status(), (0, expected.into()));
    let filters = said("tc", "filter show dev eth0 ingress");
    assert!(!filters.contains("0a010000"), "no network is local any more: {filters}");
    for _ in 0..2 {
        assert_eq!(script(machine, "stop eth0").status.code(), Some(0));
        assert_eq!(picture(), untouched);
    }

    // Somebody else's filter, in the same place.
    said("tc", "qdisc add dev eth0 clsact");
    said(
        "tc",
        "filter add dev eth0 egress pref 7 protocol ip u32 match ip dport 25 0xffff flowid :9",
    );
    let theirs = picture();
    assert!(theirs.2[1].contains("pref 7 "), "{theirs:?}");
    let Some(()) = kernel_caps(machine, "--up 10mbit") else { return };
    assert_eq!(script(machine, "stop eth0").status.code(), Some(0));
    assert_eq!(picture(), theirs);

    // Their place alone, without a filter in it, is theirs too.
    said("tc", "filter del dev eth0 egress pref 7");
    let empty = picture();
    let Some(()) = kernel_caps(machine, "--up 10mbit") else { return };
    assert_eq!(script(machine, "stop eth0").status.code(), Some(0));
    assert_eq!(picture(), empty);
}

#[test]
fn what_is_wrong_leaves_the_cap_as_it_is() {
    let lab = Lab::new().unwrap();
    let Some(racks) = racks(&lab) else { return };
    let machine = &racks.near;
    let Some(()) = kernel_caps(machine, "--up 10mbit --local 10.1.0.0/16") else { return };
    let picture = || {
        let said = |program: &str, args: &str| {
            let run = machine.command(program).args(args.split(' ')).output().unwrap();
            String::from_utf8_lossy(&run.stdout).into_owned()
        };
        let links = said("ip", "-o -brief link");
        (links, said("tc", "filter show dev eth0 egress"), said("tc", "qdisc show"))
    };
    let capped = picture();
    let networks = [
        ("300.1.1.1", 64),
        ("999.1.1.1/77", 64),
        ("10.1.0.0/33", 64),
        ("fd5e::/129", 64),
        // What only the kernel's own reader can tell.
        ("fd5e::1::2/64", 69),
    ];
    for (network, code) in networks {
        let run = script(machine, &format!("start eth0 --up 20mbit --local {network}"));
        assert_eq!(run.status.code(), Some(code), "{network} {run:?}");
        let said = String::from_utf8_lossy(&run.stderr);
        assert!(code == 64 || said.contains("; nothing was changed\n"), "{said}");
        assert_eq!(picture(), capped, "{network}");
    }
}

/// As a unit that is bound to the interface stops: once that is gone.
#[test]
fn the_device_of_an_interface_that_is_gone_goes_too() {
    let lab = Lab::new().unwrap();
    let Some(racks) = racks(&lab) else { return };
    let machine = &racks.near;
    let ip = |args: &str| {
        let run = machine.command("ip").args(args.split(' ')).output().unwrap();
        assert!(run.status.success(), "{run:?}");
        String::from_utf8_lossy(&run.stdout).into_owned()
    };
    let links = || ip("-o -brief link");
    let Some(()) = kernel_caps(machine, "--up 10mbit") else { return };
    let other = links();
    ip("link add name leaving0 type ifb");
    assert_eq!(script(machine, "start leaving0 --up 1mbit --down 1mbit").status.code(), Some(0));
    ip("link del dev leaving0");
    assert_ne!(links(), other, "our devices are still there");
    let run = script(machine, "stop leaving0");
    assert_eq!(run.status.code(), Some(0), "{run:?}");
    assert_eq!(links(), other, "and those of another interface stay");
    // Nothing is left that it could be about.
    assert_eq!(script(machine, "stop leaving0").status.code(), Some(66));
    // One that came again has another number.
    ip("link add name leaving0 type ifb");
    assert_eq!(script(machine, "start leaving0 --up 1mbit").status.code(), Some(0));
    ip("link del dev leaving0");
    ip("link add name leaving0 type ifb");
    assert_eq!(script(machine, "start leaving0 --up 1mbit").status.code(), Some(0));
    assert_eq!(script(machine, "stop leaving0").status.code(), Some(0));
    ip("link del dev leaving0");
    assert_eq!(links(), other);
}

#[test]
fn the_script_says_what_is_wrong_and_how_to_write_it() {
    let script = lab::workspace().join("packaging/sbin/seedship-bandwidth");
    let usage: [&[&str]; 12] = [
        &[],
        &["go", "eth0"],
        &["start"],
        &["start", "lo"],
        &["start", "lo", "--up"],
        &["start", "lo", "--up", "10"],
        &["start", "lo", "--up", "1mbit", "--local", "everything"],
        &["start", "lo", "--up", "1mbit", "--local", "300.1.1.1"],
        &["start", "lo", "--up", "1mbit", "--local", "10.0.0.0/33"],
        &["start", "lo", "--up", "1mbit", "--port", "65536"],
        &["start", "lo", "--fast", "1mbit"],
        &["stop", "lo", "--up", "1mbit"],
    ];
    for args in usage {
        let run = Command::new(&script).args(args).output().unwrap();
        let said = String::from_utf8_lossy(&run.stderr);
        assert_eq!(run.status.code(), Some(64), "{args:?} {run:?}");
        assert!(said.contains("\nseedship-bandwidth: hint: "), "{args:?} {said}");
    }
    // Where this repository lies, another user may not look.
    let lab = Lab::new().unwrap();
    let open = lab.path().join("seedship-bandwidth");
    fs::copy(&script, &open).unwrap();
    let run = lab::as_ordinary_user(&open).args(["stop", "lo"]).output().unwrap();
    assert_eq!(run.status.code(), Some(77), "{run:?}");
    let run = lab::as_ordinary_user(&open).args(["status", "lo"]).output().unwrap();
    assert_eq!(run.status.code(), Some(3), "whoever may look may ask: {run:?}");
    let help = Command::new(&script).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    assert!(help.starts_with("Caps ") && help.ends_with("77 not root.\n"), "{help}");

    let Some(racks) = racks(&lab) else { return };
    let run = self::script(&racks.near, "start nonesuch0 --up 1mbit");
    assert_eq!(run.status.code(), Some(66), "{run:?}");
}
