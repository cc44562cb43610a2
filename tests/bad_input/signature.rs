//! Signatures that prove nothing: refused for good, until the app's keys change.

use super::{Failure, fails, lands, open, release, unharmed};
use lab::{Kind, Lab, Torrent, signer::Signer, site};
use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

const PUBLISHED: &str = "2024-05-01T12:00:00Z";

/// What will always fail is refused.
const REFUSED: Failure<'_> = Failure {
    exit: 77,
    state: Some("refused"),
    says: &["could not accept the signature for app `shop`: "],
    hint: "",
};

fn trusting(signer: &Signer) -> String {
    format!("public_keys = [\"{}\"]", signer.public_key())
}

/// What a test does to an unsigned torrent of 2.0 must be refused with these words; afterwards the
/// same torrent, signed as it should be, lands.
fn refused(sign: impl FnOnce(&Lab, &Signer, &Torrent) -> Torrent, why: &str, hint: &str) -> bool {
    let lab = Lab::new().unwrap();
    let signer = lab.signer().unwrap();
    let host = open(&lab, &trusting(&signer));
    let (torrent, payload) = release(&lab, Kind::TarZst, "2.0");
    let bad = sign(&lab, &signer, &torrent);
    let says = [REFUSED.says[0], why];
    let line = fails(&host, &bad, &payload, &Failure { says: &says, hint, ..REFUSED });
    // Nothing of the payload was read, and it is not read the next time: the answer is known.
    std::fs::rename(&payload, lab.path().join("kept")).unwrap();
    let again = Failure { says: &["refused before: ", why], ..REFUSED };
    fails(&host, &bad, &payload, &again);
    let served = host.page("shop").as_deref() == Some("1.0");
    std::fs::rename(lab.path().join("kept"), &payload).unwrap();
    // Whatever anybody did to a torrent: its maker's own signature is another one, under the same
    // info hash, and lets it be looked at again.
    let good = signer.sign(&torrent, "shop", "2.0", PUBLISHED, &["git=abc"]).unwrap();
    assert_eq!(good.hash, torrent.hash, "{line}");
    lands(&host, &good, &payload, "2.0");
    served
}

/// What becomes of a torrent whose signature proves nothing.
const UNREAD: &str = "refused, 77, before a byte of the payload is read, and again without a look";

#[test]
fn a_torrent_without_a_signature() {
    let served =
        refused(|_, _, torrent| torrent.clone(), "the torrent has none", "publish it signed");
    lab::withstood!("Signatures", "a torrent without a signature", 1, UNREAD, served);
}

#[test]
fn a_signature_of_another_key() {
    let sign = |lab: &Lab, _: &Signer, torrent: &Torrent| {
        lab.signer().unwrap().sign(torrent, "shop", "2.0", PUBLISHED, &[]).unwrap()
    };
    let served =
        refused(sign, "which is none of the app's public_keys", "sign with a key the app knows");
    lab::withstood!("Signatures", "a signature by another key", 1, UNREAD, served);
}

#[test]
fn a_signature_for_another_app() {
    let sign = |_: &Lab, signer: &Signer, torrent: &Torrent| {
        signer.sign(torrent, "blog", "2.0", PUBLISHED, &[]).unwrap()
    };
    let served = refused(sign, "it is for app `blog`", "a release is signed for one app");
    lab::withstood!("Signatures", "a signature for another app", 1, UNREAD, served);
}

#[test]
fn a_signature_for_another_version() {
    let sign = |_: &Lab, signer: &Signer, torrent: &Torrent| {
        signer.sign(torrent, "shop", "2.1", PUBLISHED, &[]).unwrap()
    };
    let served = refused(sign, "it is for version 2.1, the torrent is 2.0", "the version signed");
    lab::withstood!("Signatures", "a signature for another version", 1, UNREAD, served);
}

#[test]
fn a_signature_of_other_bytes() {
    let sign = |lab: &Lab, signer: &Signer, torrent: &Torrent| {
        let (other, _) = release(lab, Kind::Tar, "2.0");
        assert_ne!(other.info, torrent.info);
        let signed = signer.sign(&other, "shop", "2.0", PUBLISHED, &[]).unwrap();
        torrent.with_key("minisign", &signature_of(&signed)).unwrap()
    };
    let served = refused(sign, "it does not verify", "sign this very torrent again");
    lab::withstood!(
        "Signatures",
        "the signature of another torrent of the same version",
        1,
        UNREAD,
        served
    );
}

#[test]
fn a_comment_that_was_changed_afterwards() {
    let sign = |_: &Lab, signer: &Signer, torrent: &Torrent| {
        let signed = signer.sign(torrent, "shop", "1.9", PUBLISHED, &[]).unwrap();
        let text = String::from_utf8(signature_of(&signed)).unwrap();
        let altered = text.replace("version=1.9", "version=2.0");
        assert_ne!(text, altered);
        torrent.with_key("minisign", altered.as_bytes()).unwrap()
    };
    let served = refused(sign, "it does not verify", "sign this very torrent again");
    lab::withstood!("Signatures", "a comment that was altered", 1, UNREAD, served);
}

#[test]
fn a_comment_of_another_form() {
    let sign = |_: &Lab, signer: &Signer, torrent: &Torrent| {
        signer.sign_with_comment(torrent, "timestamp:1714564800\tfile:shop").unwrap()
    };
    let served = refused(sign, "does not begin with `seedship1`", "sign with -t \"seedship1 app");
    lab::withstood!("Signatures", "a comment of another form", 1, UNREAD, served);
}

#[test]
fn a_legacy_signature() {
    let sign = |lab: &Lab, _: &Signer, torrent: &Torrent| legacy(lab, torrent);
    // Of a key of its own: which key it is comes first.
    refused(sign, "which is none of the app's public_keys", "");
}

#[test]
fn a_legacy_signature_of_the_right_key() {
    let lab = Lab::new().unwrap();
    let (torrent, payload) = release(&lab, Kind::TarZst, "2.0");
    let old = legacy(&lab, &torrent);
    let key = std::fs::read_to_string(lab.path().join("legacy/key.pub")).unwrap();
    let host = open(&lab, &format!("public_keys = [\"{}\"]", key.lines().nth(1).unwrap()));
    let says = [REFUSED.says[0], "it is a legacy signature"];
    let how = Failure { says: &says, hint: "sign with minisign 0.10 or newer", ..REFUSED };
    fails(&host, &old, &payload, &how);
    let served = host.page("shop").as_deref() == Some("1.0");
    lab::withstood!("Signatures", "a legacy signature by the right key", 1, "refused, 77", served);
}

#[test]
fn what_is_no_signature() {
    let texts = [&b""[..], b"garbage", b"untrusted comment: x\nRWQ\n", &[0xff; 40_000]];
    let served = texts.iter().all(|text| {
        let sign =
            |_: &Lab, _: &Signer, torrent: &Torrent| torrent.with_key("minisign", text).unwrap();
        refused(sign, "it is not in minisign's form", "the torrent's `minisign` key")
    });
    lab::withstood!("Signatures", "bytes that are no signature", texts.len(), UNREAD, served);
}

#[test]
fn a_release_of_three_days_ahead_waits() {
    let lab = Lab::new().unwrap();
    let signer = lab.signer().unwrap();
    let host = open(&lab, &trusting(&signer));
    let (torrent, payload) = release(&lab, Kind::TarZst, "2.0");
    let signed = |when: &str| {
        let time = site::run(Command::new("date").args(["-u", "-d", when, "+%FT%TZ"])).unwrap();
        let time = String::from_utf8(time).unwrap();
        signer.sign(&torrent, "shop", "2.0", time.trim(), &[]).unwrap()
    };
    let says = ["could not believe the date of shop 2.0: "];
    let ahead = Failure {
        exit: 75,
        state: Some("waiting"),
        says: &says,
        hint: "compare this host's clock",
    };
    fails(&host, &signed("+3 days"), &payload, &ahead);
    let served = host.page("shop").as_deref() == Some("1.0");
    let happened = "waits, 75, until the clock says so; 20 hours ahead is believed";
    lab::withstood!("Signatures", "a release of three days ahead", 1, happened, served);
    // A clock that is a little off is nobody's attack.
    lands(&host, &signed("+20 hours"), &payload, "2.0");
}

#[test]
fn a_key_that_is_added_lets_a_sweep_land_it() {
    let lab = Lab::new().unwrap();
    let [old, new] = [lab.signer().unwrap(), lab.signer().unwrap()];
    let host = open(&lab, &trusting(&old));
    let (torrent, payload): (Torrent, PathBuf) = release(&lab, Kind::TarZst, "2.0");
    let signed = new.sign(&torrent, "shop", "2.0", PUBLISHED, &[]).unwrap();
    fails(&host, &signed, &payload, &REFUSED);
    host.in_session(&signed, payload.parent().unwrap());
    let before = host.log().len();
    host.good(&["sweep"]);
    unharmed(&host);
    let refusals =
        |lines: &[String]| lines.iter().filter(|l| l.contains("could not accept")).count();
    assert_eq!(refusals(&host.log()[before..]), 0, "a sweep does not repeat it every ten minutes");

    let keys = format!("public_keys = [\"{}\", \"{}\"]", old.public_key(), new.public_key());
    host.configure(&super::shop(&keys));
    host.good(&["sweep"]);
    assert_eq!(host.current("shop").as_deref(), Some("releases/2.0"));
    let record = host.record("shop", &signed.hash).unwrap();
    assert!(record.contains("signer = "), "{record}");
}

#[test]
fn a_signature_that_comes_later_lets_a_sweep_land_it() {
    let lab = Lab::new().unwrap();
    let signer = lab.signer().unwrap();
    let host = open(&lab, &trusting(&signer));
    let (torrent, payload) = release(&lab, Kind::TarZst, "2.0");
    fails(&host, &torrent, &payload, &REFUSED);
    host.in_session(&torrent, payload.parent().unwrap());
    host.good(&["sweep"]);
    unharmed(&host);
    let signed = signer.sign(&torrent, "shop", "2.0", PUBLISHED, &[]).unwrap();
    host.in_session(&signed, payload.parent().unwrap());
    host.good(&["sweep"]);
    assert_eq!(host.current("shop").as_deref(), Some("releases/2.0"));
}

/// The text of a torrent's signature.
fn signature_of(torrent: &Torrent) -> Vec<u8> {
    let key = b"8:minisign";
    let at = torrent.bytes.windows(key.len()).position(|w| w == key).unwrap() + key.len();
    let rest = &torrent.bytes[at..];
    let colon = rest.iter().position(|b| *b == b':').unwrap();
    let length: usize = std::str::from_utf8(&rest[..colon]).unwrap().parse().unwrap();
    rest[colon + 1..][..length].to_vec()
}

/// Signed as minisign did before 0.10, by a key in `legacy/key.pub` of the lab.
fn legacy(lab: &Lab, torrent: &Torrent) -> Torrent {
    let folder = lab.folder("legacy").unwrap();
    let info = lab.write("legacy/info", &torrent.info).unwrap();
    let run = |args: &[&str]| {
        let mut minisign = Command::new("minisign");
        minisign.args(args).current_dir(&folder).stdin(Stdio::null());
        site::run(&mut minisign).unwrap();
    };
    run(&["-G", "-W", "-s", "key", "-p", "key.pub"]);
    let comment = format!("seedship1 app=shop version=2.0 published={PUBLISHED}");
    run(&["-S", "-l", "-s", "key", "-t", &comment, "-m", "info"]);
    let signature = std::fs::read(info.with_extension("minisig")).unwrap();
    torrent.with_key("minisign", &signature).unwrap()
}
