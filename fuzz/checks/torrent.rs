//! What must hold for any bytes that are read as a .torrent.

use std::collections::BTreeSet;

use metainfo::amend::set_key;
use metainfo::bencode::Item;
use metainfo::{AuthError, Authentic, InfoHash, MAX_PADDING, Metainfo};

/// Reads the bytes and holds every promise of [`Metainfo`] against them.
pub(crate) fn check(bytes: &[u8]) {
    let torrent = match Metainfo::parse(bytes) {
        Ok(torrent) => torrent,
        Err(error) => {
            let text = error.to_string();
            assert!(!text.is_empty() && !text.contains(char::is_control), "{text:?}");
            return;
        }
    };
    hashed(bytes, &torrent);
    sizes(&torrent);
    names(&torrent);
    sources(&torrent);
    hybrid(&torrent);
}

/// No tracker and no web seed comes twice, no tier is empty, and the tiers are what is announced to.
fn sources(torrent: &Metainfo) {
    let (tiers, seeds) = (torrent.tiers(), torrent.web_seeds());
    assert!(tiers.iter().all(|tier| !tier.is_empty()));
    assert_eq!(torrent.announce(), tiers.concat());
    assert_eq!(tiers.concat().iter().collect::<BTreeSet<_>>().len(), tiers.concat().len());
    assert_eq!(seeds.iter().collect::<BTreeSet<_>>().len(), seeds.len());
    assert!(seeds.iter().all(|seed| !seed.is_empty()));
    assert_eq!(torrent.info_hash_v2().is_some(), torrent.is_hybrid());
}

/// What BitTorrent v2 says is said of each piece, or it is told why nothing of it is believed.
fn hybrid(torrent: &Metainfo) {
    match torrent.version_2() {
        Ok(None) => assert!(!torrent.is_hybrid()),
        Ok(Some(version_2)) => {
            assert!(torrent.is_hybrid() && torrent.piece_length().is_power_of_two());
            assert_eq!(version_2.pieces().len(), torrent.pieces().len());
            assert!(version_2.pieces().iter().all(|piece| !piece.is_of(b"")));
        }
        Err(error) => {
            let text = error.to_string();
            assert!(torrent.is_hybrid() && !text.contains(char::is_control), "{text:?}");
        }
    }
}

/// The hash is that of bytes which came, proves them, and outlives an added key.
fn hashed(bytes: &[u8], torrent: &Metainfo) {
    let raw = torrent.raw_info();
    assert!(bytes.windows(raw.len()).any(|window| window == raw), "raw info as it came");
    let hash = torrent.info_hash();
    assert_eq!(hash, InfoHash::of(raw));
    assert!(Authentic::check(bytes, hash).is_ok());
    let other = Authentic::check(bytes, InfoHash::new([0; 20])).map(|_| ());
    assert_eq!(other, Err(AuthError::Mismatch { found: hash }));
    if let Ok(signed) = set_key(bytes, b"minisign", &Item::bytes("text")) {
        // one key more may be one too many for the reader
        if let Ok(signed) = Metainfo::parse(&signed) {
            assert_eq!((signed.info_hash(), signed.minisign()), (hash, Some(&b"text"[..])));
        }
    }
}

/// Files, pieces and the total are of one mind.
fn sizes(torrent: &Metainfo) {
    let total = torrent.total_length();
    assert!(i64::try_from(total).is_ok());
    assert_eq!(torrent.files().iter().map(|f| u128::from(f.length)).sum::<u128>(), total.into());
    let padding = || torrent.files().iter().filter(|file| file.attr.padding);
    assert!(padding().all(|file| file.length < torrent.piece_length()));
    assert!(padding().map(|file| file.length).sum::<u64>() <= MAX_PADDING);
    let pieces = torrent.pieces().len();
    assert_eq!((0..pieces).map(|index| torrent.piece_size(index)).sum::<u64>(), total);
    assert!((0..pieces).all(|index| torrent.piece_size(index) > 0));
    assert_eq!(torrent.piece_size(pieces), 0);
    assert_eq!(torrent.piece_size(usize::MAX), 0);
}

/// Every name is one component, and no file stands where another does or needs a directory.
fn names(torrent: &Metainfo) {
    let one = |name: &[u8]| {
        !matches!(name, b"" | b"." | b"..") && !name.iter().any(|b| matches!(b, b'/' | 0))
    };
    assert!(one(torrent.name()));
    let mut files = BTreeSet::new();
    for file in torrent.files() {
        assert_eq!(file.path.is_empty(), !torrent.is_multi_file());
        let target = file.attr.symlink.iter().flatten();
        assert!(file.path.iter().chain(target).all(|name| one(name)));
        assert!(file.attr.symlink.is_none() || file.length == 0);
        assert!(file.attr.padding || files.insert(&file.path), "two files at one path");
    }
    for path in &files {
        assert!(
            (1..path.len()).all(|n| !files.contains(&path[..n].to_vec())),
            "a file is a directory"
        );
    }
}
