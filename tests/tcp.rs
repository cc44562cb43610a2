//! rtorrent's control over TCP, where the configuration accepts what that means.

use crate::{
    event::{download, release},
    host::{Host, Run, SHOP},
};
use lab::{Flavour, Lab};
use std::{
    fs, io,
    net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs},
    thread,
};

lab::on_both![a_finished_download_goes_live_over_tcp, every_form_of_an_address_leads_to_it];

/// The same configuration with rtorrent at this address.
fn point(host: &Host<'_>, address: &str) {
    let text = fs::read_to_string(host.config()).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with("allow_tcp"));
    let lines = lines.map(|line| match line.starts_with("scgi = ") {
        true => format!("scgi = \"{address}\"\nallow_tcp = true\n"),
        false => format!("{line}\n"),
    });
    fs::write(host.config(), lines.collect::<String>()).unwrap();
}

fn a_finished_download_goes_live_over_tcp(lab: &Lab, flavour: Flavour) {
    let host = Host::new(lab, SHOP);
    let seeder = lab.rtorrent(flavour).start().unwrap();
    let node = host.node(flavour).tcp().start().unwrap();
    assert!(!node.socket().exists(), "it listens on TCP alone");
    point(&host, &node.scgi().unwrap().to_string());
    let (torrent, payload) = release(lab, "1.0");
    download(&node, &seeder, &torrent, &payload);
    host.await_live(&node, "shop", "1.0");
    // Only over TCP can this be known there.
    node.await_that("its state", || {
        let asked = [torrent.hash.as_str().into(), "seedship_state".into()];
        node.rpc("d.custom", &asked).is_ok_and(|state| state.text() == Some("live"))
    })
    .unwrap();
    assert!(
        host.log().iter().all(|line| !line.contains("beyond this machine")),
        "{:?}",
        host.log()
    );
}

/// Hands on every connection, one at a time, to another address: rtorrent 0.9.8 does not listen on
/// IPv6.
fn relay(listener: TcpListener, to: SocketAddr) {
    thread::spawn(move || {
        while let Ok((near, _)) = listener.accept() {
            let far = TcpStream::connect(to).unwrap();
            let (mut read, mut write) = (near.try_clone().unwrap(), far.try_clone().unwrap());
            thread::spawn(move || io::copy(&mut read, &mut write));
            let (mut read, mut write) = (&far, &near);
            let _ = io::copy(&mut read, &mut write);
            let _ = near.shutdown(std::net::Shutdown::Both);
        }
    });
}

fn every_form_of_an_address_leads_to_it(lab: &Lab, flavour: Flavour) {
    let host = Host::new(lab, SHOP);
    let seeder = lab.rtorrent(flavour).start().unwrap();
    // Without the hook: each event is called by hand, over another address.
    let node = lab.rtorrent(flavour).name("node").tcp().start().unwrap();
    let control = node.scgi().unwrap();
    let mut forms = vec![control.to_string()];
    // A container may have no /etc/hosts.
    match ("localhost", control.port()).to_socket_addrs() {
        Ok(_) => forms.push(format!("localhost:{}", control.port())),
        Err(reason) => lab::skip(format!("localhost: {reason}")),
    }
    match TcpListener::bind("[::1]:0") {
        Ok(listener) => {
            forms.push(listener.local_addr().unwrap().to_string());
            relay(listener, control.into());
        }
        Err(reason) => lab::skip(format!("[::1]: {reason}")),
    }
    for (number, form) in forms.iter().enumerate() {
        let version = format!("{}.0", number + 1);
        let (torrent, payload) = release(lab, &version);
        download(&node, &seeder, &torrent, &payload);
        node.await_complete(&torrent.hash).unwrap();
        // The session is no way around a wrong address.
        point(&host, form);
        let run = host.run(&["finished", &torrent.hash]);
        assert_eq!(run.code, 0, "{form}: {run:?}");
        assert_eq!(host.current("shop"), Some(format!("releases/{version}")), "{form}");
        let asked = [torrent.hash.as_str().into(), "seedship_version".into()];
        assert_eq!(node.rpc("d.custom", &asked).unwrap().text(), Some(version.as_str()), "{form}");
    }
}

/// What `finished` comes to for a download that only rtorrent can know.
fn finished(lab: &Lab, address: &str, allow: bool) -> (Run, Vec<String>) {
    let host = Host::new(lab, SHOP);
    point(&host, address);
    if !allow {
        let text = fs::read_to_string(host.config()).unwrap();
        fs::write(host.config(), text.replace("allow_tcp = true\n", "")).unwrap();
    }
    (host.run(&["finished", "0123456789ABCDEF0123456789ABCDEF01234567"]), host.log())
}

#[test]
fn without_the_word_for_it_tcp_is_refused_with_the_reason() {
    let lab = Lab::new().unwrap();
    let (run, _) = finished(&lab, "127.0.0.1:5000", false);
    assert_eq!(run.code, 78, "{run:?}");
    let reason = "`127.0.0.1:5000` is a TCP address, and whoever can connect there is rtorrent";
    assert!(run.stderr.contains(reason) && run.stderr.contains("`allow_tcp = true`"), "{run:?}");
}

/// Each failure with the time-outs of the real binary, all at once.
#[test]
fn whoever_does_not_answer_is_69_with_the_address_and_the_reason() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let hole = TcpListener::bind("127.0.0.1:0").unwrap();
    rustix::net::listen(&hole, 0).unwrap();
    let full = hole.local_addr().unwrap();
    let brief = std::time::Duration::from_millis(300);
    let _taken: Vec<_> =
        std::iter::from_fn(|| TcpStream::connect_timeout(&full, brief).ok()).collect();
    let cases = [
        (closed, "nothing listens there"),
        (silent.local_addr().unwrap(), "no answer in time (5 s to connect"),
        (full, "no answer in time (5 s to connect"),
    ];
    thread::scope(|scope| {
        for (address, cause) in cases {
            scope.spawn(move || {
                let lab = Lab::new().unwrap();
                let (run, log) = finished(&lab, &address.to_string(), true);
                assert_eq!(run.code, 69, "{run:?}");
                let told = format!("could not reach rtorrent at `{address}`: {cause}");
                assert!(run.stderr.contains(&told), "{run:?}");
                assert!(log.iter().any(|line| line.contains(&told)), "{log:?}");
            });
        }
    });
}

#[test]
fn an_address_that_others_reach_is_warned_of_at_each_download() {
    let lab = Lab::new().unwrap();
    let warning =
        |log: &[String]| log.iter().filter(|line| line.contains("beyond this machine")).count();
    // Nothing listens there: it is this machine, by a name that does not say so.
    let free = lab::free_port([127, 0, 0, 1].into()).unwrap();
    let (run, log) = finished(&lab, &format!("0.0.0.0:{free}"), true);
    assert_eq!((run.code, warning(&log)), (69, 1), "{run:?} {log:?}");
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, SHOP);
    point(&host, &format!("0.0.0.0:{free}"));
    host.good(&["sweep"]);
    assert_eq!(warning(&host.log()), 0, "a sweep every ten minutes does not repeat it");
}
