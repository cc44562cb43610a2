//! Everything that can become of a payload, and what is said of it.

use super::{Desk, flip, hybrid, noise, resize};
use crate::{
    host::{Run, SEEDSHIP},
    memory::peak,
    screens::reviewed,
};
use lab::as_ordinary_user;
use metainfo::{Attr, File, Metainfo, create::Draft};
use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

const PIECE: u64 = 16 << 10;

/// One kind of damage, done to the payload.
type Done = (&'static str, fn(&Path));

/// What is said of each kind of damage to a payload that `lay` makes anew for each.
fn screens(damages: &[Done], payload: &str, lay: impl Fn(&Desk)) -> String {
    let mut text = String::new();
    for (name, damage) in damages {
        let desk = Desk::new();
        lay(&desk);
        damage(&desk.path(payload));
        let run = desk.run(&["torrent", "verify", &format!("{payload}.torrent")]);
        for line in run.stdout.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
        text.push_str(&format!("--- {name}\n{}", desk.told(&run)));
    }
    text
}

/// Five pieces; `css/site.css`, `empty` and parts of two others lie in the third.
fn site(desk: &Desk) -> Metainfo {
    let plain = Attr::default;
    let (big, logo, page) = (noise(40_000, 1), noise(30_000, 2), noise(3000, 3));
    desk.many(
        "site-1.0",
        &[
            ("app.bin", &big, plain()),
            ("css/site.css", b"body { color: #123 }", plain()),
            ("empty", b"", plain()),
            ("img/logo.png", &logo, plain()),
            ("index.html", &page, plain()),
        ],
        |draft| draft.piece_length(PIECE),
    )
}

#[test]
fn a_single_file() {
    let damages: [Done; 10] = [
        ("nothing", |_| ()),
        ("two bytes are wrong", |at| {
            flip(at, 16_384);
            flip(at, 79_999);
        }),
        ("short", |at| resize(at, 40_000)),
        ("empty", |at| resize(at, 0)),
        ("too long", |at| resize(at, 80_007)),
        ("missing", |at| fs::remove_file(at).unwrap()),
        ("a link to itself elsewhere", |at| {
            fs::rename(at, at.with_file_name("elsewhere")).unwrap();
            symlink("elsewhere", at).unwrap();
        }),
        ("a named pipe", |at| {
            fs::remove_file(at).unwrap();
            nix::unistd::mkfifo(at, nix::sys::stat::Mode::S_IRWXU).unwrap();
        }),
        ("a directory", |at| {
            fs::remove_file(at).unwrap();
            fs::create_dir(at).unwrap();
        }),
        ("all wrong", |at| fs::write(at, noise(80_000, 7)).unwrap()),
    ];
    let lay = |desk: &Desk| {
        desk.one("shop-1.4.2.tar.zst", &noise(80_000, 0), |draft| draft.piece_length(PIECE));
    };
    reviewed("torrent_verify_one", &screens(&damages, "shop-1.4.2.tar.zst", lay));
}

#[test]
fn many_files_that_share_pieces() {
    let damages: [Done; 13] = [
        ("nothing", |_| ()),
        ("a byte in a piece of one file", |at| flip(&at.join("app.bin"), 5)),
        ("a byte in a piece of three", |at| flip(&at.join("css/site.css"), 5)),
        ("short in its last piece", |at| resize(&at.join("app.bin"), 39_990)),
        ("a file is missing", |at| fs::remove_file(at.join("css/site.css")).unwrap()),
        ("a directory is missing", |at| fs::remove_dir_all(at.join("img")).unwrap()),
        ("an empty file is missing", |at| fs::remove_file(at.join("empty")).unwrap()),
        ("files are too long", |at| {
            resize(&at.join("empty"), 5000);
            resize(&at.join("index.html"), 3001);
        }),
        ("a directory is a link", |at| {
            fs::rename(at.join("css"), at.join("elsewhere")).unwrap();
            symlink("elsewhere", at.join("css")).unwrap();
        }),
        ("a file is a link", |at| {
            fs::rename(at.join("index.html"), at.join("elsewhere")).unwrap();
            symlink("elsewhere", at.join("index.html")).unwrap();
        }),
        ("files are a pipe and a directory", |at| {
            fs::remove_file(at.join("empty")).unwrap();
            fs::create_dir(at.join("empty")).unwrap();
            fs::remove_file(at.join("img/logo.png")).unwrap();
            nix::unistd::mkfifo(&at.join("img/logo.png"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        }),
        ("a file stands for all", |at| {
            fs::remove_dir_all(at).unwrap();
            fs::write(at, "").unwrap();
        }),
        ("nothing is there", |at| fs::remove_dir_all(at).unwrap()),
    ];
    let lay = |desk: &Desk| drop(site(desk));
    reviewed("torrent_verify_many", &screens(&damages, "site-1.0", lay));
}

#[test]
fn machines_get_every_file_and_piece() {
    let desk = Desk::new();
    site(&desk);
    let json = |args: &[&str]| {
        let run = desk.run(&[&["torrent", "verify", "--json", "site-1.0.torrent"], args].concat());
        desk.told(&run)
    };
    reviewed("torrent_verify_good_json", &json(&[]));
    flip(&desk.path("site-1.0/app.bin"), 5);
    resize(&desk.path("site-1.0/img/logo.png"), 29_000);
    reviewed("torrent_verify_damaged_json", &json(&[]));
    // What is not there at all is an error, as in every command.
    let (error, code) = desk.json(&["torrent", "verify", "site-1.0.torrent", "gone"]);
    assert_eq!((code, error["error"]["exit"].as_i64()), (66, Some(66)));
}

#[test]
fn padding_counts_as_zeros_and_is_not_on_disk() {
    let desk = Desk::new();
    let padding = Attr { padding: true, ..Attr::default() };
    let zeros = vec![0; (PIECE - 10_000) as usize];
    let files: super::Payload<'_> = &[
        ("a", &noise(10_000, 1), Attr::default()),
        (".pad/6384", &zeros, padding),
        ("b", &noise(100, 2), Attr::default()),
    ];
    desk.many("padded-1", files, |draft| draft.piece_length(PIECE));
    let draft = Draft::directory(
        "padded-1",
        vec![
            super::listed("a", 10_000, &Attr::default()),
            super::listed("b", 100, &Attr::default()),
        ],
    );
    let draft = draft.piece_length(PIECE);
    let bytes = |file: &File| Ok(if file.path[0] == b"a" { files[0].1 } else { files[2].1 });
    desk.write("hybrid.torrent", draft.hybrid(bytes).unwrap());
    for (torrent, payload) in [("padded-1.torrent", None), ("hybrid.torrent", Some("padded-1"))] {
        let args: Vec<&str> = [Some(torrent), payload].into_iter().flatten().collect();
        assert_eq!(desk.wrong(&args), (vec![], 0), "{torrent}");
        flip(&desk.path("padded-1/b"), 99);
        assert_eq!(desk.wrong(&args), (vec![1], 65), "{torrent}");
        flip(&desk.path("padded-1/b"), 99);
    }
}

/// A hybrid torrent whose SHA-1 is of other bytes than its SHA-256.
fn contrary(v1: &[u8], v2: &[u8]) -> Vec<u8> {
    let mut of_v2 = hybrid("shop-1.tar", v2);
    let of_v1 = Metainfo::parse(&hybrid("shop-1.tar", v1)).unwrap();
    let sums = Metainfo::parse(&of_v2).unwrap().pieces().as_flattened().to_vec();
    let at = of_v2.windows(sums.len()).position(|bytes| bytes == sums).unwrap();
    of_v2[at..at + sums.len()].copy_from_slice(of_v1.pieces().as_flattened());
    of_v2
}

#[test]
fn a_hybrid_is_verified_by_both_of_its_hashes() {
    let desk = Desk::new();
    let good = noise(100_000, 1);
    let mut other = good.clone();
    other[40_000] ^= 1;
    desk.write("shop-1.tar", &good);
    let mut text = String::new();
    for (name, torrent) in [
        ("both are right", hybrid("shop-1.tar", &good)),
        ("both are wrong in piece 2", hybrid("shop-1.tar", &other)),
        ("SHA-256 alone is wrong in piece 2", contrary(&good, &other)),
        ("SHA-1 alone is wrong in piece 2", contrary(&other, &good)),
    ] {
        desk.write("x.torrent", torrent);
        let args = ["torrent", "verify", "x.torrent", "shop-1.tar"];
        text.push_str(&format!("--- {name}\n{}", desk.told(&desk.run(&args))));
        let (verdict, _) = desk.json(&args);
        let some = ["hashes", "wrong", "contrary"].map(|key| format!("{key} {}", verdict[key]));
        text.push_str(&format!("{}\n", some.join(", ")));
    }
    let broken = hybrid("shop-1.tar", &good);
    let at = broken.windows(12).position(|at| at == b"piece layers").unwrap() + 60;
    let broken = [&broken[..at], b"!", &broken[at + 1..]].concat();
    desk.write("x.torrent", broken);
    for args in
        [&["torrent", "verify", "x.torrent", "shop-1.tar"][..], &["torrent", "show", "x.torrent"]]
    {
        text.push_str(&format!("--- broken layers\n{}", desk.told(&desk.run(args))));
    }
    reviewed("torrent_hybrid", &text);
}

#[test]
fn a_link_of_the_torrents_own_is_not_asked_of_the_disk() {
    let desk = Desk::new();
    let link = Attr { symlink: Some(vec![b"a".to_vec()]), ..Attr::default() };
    let files: super::Payload<'_> = &[("a", b"hello", Attr::default()), ("l", b"", link)];
    desk.many("linked-1", files, |draft| draft);
    // rtorrent writes an empty file in its place, others a link, or nothing.
    assert_eq!(desk.wrong(&["linked-1.torrent"]), (vec![], 0));
    symlink("a", desk.path("linked-1/l")).unwrap();
    assert_eq!(desk.wrong(&["linked-1.torrent"]), (vec![], 0));
}

#[test]
fn who_may_not_read_is_told_so() {
    let desk = Desk::new();
    site(&desk);
    // Where an ordinary user finds both, and may read one of the two.
    let binary = desk.path("seedship");
    fs::copy(SEEDSHIP, &binary).unwrap();
    fs::set_permissions(desk.dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let close = |path: &str, mode| {
        fs::set_permissions(desk.path(path), fs::Permissions::from_mode(mode)).unwrap();
    };
    let verify = || {
        let mut command = as_ordinary_user(&binary);
        let command = command.args(["torrent", "verify"]).current_dir(&desk.dir);
        Run::of(command.arg("site-1.0.torrent").output().unwrap())
    };
    assert_eq!(verify().code, 0);
    close("site-1.0/img/logo.png", 0o000);
    let mut text = format!("--- a file\n{}", desk.told(&verify()));
    // What is known to be wrong comes first.
    flip(&desk.path("site-1.0/app.bin"), 5);
    text.push_str(&format!("--- and another is wrong\n{}", desk.told(&verify())));
    flip(&desk.path("site-1.0/app.bin"), 5);
    close("site-1.0/img/logo.png", 0o644);
    close("site-1.0/css", 0o000);
    text.push_str(&format!("--- a directory on the way\n{}", desk.told(&verify())));
    close("site-1.0/css", 0o755);
    close("site-1.0", 0o000);
    text.push_str(&format!("--- the payload\n{}", desk.told(&verify())));
    close("site-1.0", 0o755);
    close("site-1.0.torrent", 0o000);
    text.push_str(&format!("--- the torrent\n{}", desk.told(&verify())));
    reviewed("torrent_verify_unreadable", &text);
}

#[test]
fn a_payload_is_named_itself_or_by_its_directory() {
    let desk = Desk::new();
    desk.one("shop-1.tar", b"hello", |draft| draft);
    fs::create_dir(desk.path("store")).unwrap();
    fs::rename(desk.path("shop-1.tar"), desk.path("store/shop-1.tar")).unwrap();
    let verify = |payload: &[&str]| {
        let args = [&["torrent", "verify", "shop-1.tar.torrent"], payload].concat();
        desk.run(&args).code
    };
    assert_eq!(verify(&[]), 66);
    assert_eq!(verify(&["store"]), 0);
    assert_eq!(verify(&["store/shop-1.tar"]), 0);
    fs::rename(desk.path("store/shop-1.tar"), desk.path("renamed")).unwrap();
    assert_eq!(verify(&["store"]), 66);
    assert_eq!(verify(&["renamed"]), 0);
}

/// The peak is the kernel's own account of the whole process.
#[test]
fn memory_is_bounded_whatever_the_pieces_are() {
    let desk = Desk::new();
    let length = 192 << 20;
    fs::File::create(desk.path("zeros.bin")).unwrap().set_len(length).unwrap();
    for (piece, most) in [(1 << 20, 48 << 20), (16 << 20, 88 << 20), (64 << 20, 48 << 20)] {
        let zeros = vec![0; piece as usize];
        let one = Draft::single("one", piece).piece_length(piece);
        let sum = one.hash(|_| Ok(&zeros[..])).unwrap()[0];
        let draft = Draft::single("zeros.bin", length).piece_length(piece);
        desk.made("zeros.bin", &draft, &vec![sum; (length / piece) as usize]);
        let (peak, code) = peak(&mut desk.command(&["torrent", "verify", "zeros.bin.torrent"]));
        assert_eq!(code, 0);
        assert!(peak < most, "{peak} bytes with pieces of {piece}");
    }
}

#[test]
fn a_screen_holds_no_more_than_a_person_reads() {
    let desk = Desk::new();
    let names: Vec<String> = (0..60).map(|n| format!("page-{n}.html")).collect();
    let bytes: Vec<Vec<u8>> = (0..60).map(|n| noise(700, n)).collect();
    let files: Vec<(&str, &[u8], Attr)> = names
        .iter()
        .zip(&bytes)
        .map(|(name, bytes)| (name.as_str(), bytes.as_slice(), Attr::default()))
        .collect();
    desk.many("pages-1", &files, |draft| draft.piece_length(64));
    for name in names.iter().step_by(2) {
        fs::remove_file(desk.path(&format!("pages-1/{name}"))).unwrap();
    }
    flip(&desk.path("pages-1/page-1.html"), 300);
    let run = desk.run(&["torrent", "verify", "pages-1.torrent"]);
    assert!(run.stdout.lines().all(|line| line.chars().count() <= 80), "{}", run.stdout);
    reviewed("torrent_verify_long", &desk.told(&run));
    let (verdict, _) = desk.json(&["torrent", "verify", "pages-1.torrent"]);
    assert_eq!(verdict["files"].as_array().unwrap().len(), 60);
}
