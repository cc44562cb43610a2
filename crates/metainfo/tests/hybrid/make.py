"""Makes the hybrid torrents beside it with libtorrent 2 (Debian: python3-libtorrent)."""

import os
import tempfile

import libtorrent


def noise(length, seed):
    mask = (1 << 64) - 1
    return bytes((((n + seed * 1000003) * 0x9E3779B97F4A7C15) & mask) >> 56 for n in range(length))


def make(out, name, piece, files, links=()):
    with tempfile.TemporaryDirectory() as base:
        for path, (length, seed, mode) in files.items():
            place = os.path.join(base, name, path) if path else os.path.join(base, name)
            os.makedirs(os.path.dirname(place), exist_ok=True)
            with open(place, "wb") as file:
                file.write(noise(length, seed))
            os.chmod(place, mode)
        for path, target in links:
            os.symlink(target, os.path.join(base, name, path))
        flags = libtorrent.create_torrent.symlinks if links else 0
        found = libtorrent.list_files(os.path.join(base, name), lambda _: True, flags)
        torrent = libtorrent.create_torrent(found, piece, flags)
        libtorrent.set_piece_hashes(torrent, base)
        torrent.set_creation_date(1700000000)
        with open(os.path.join(os.path.dirname(__file__), out), "wb") as file:
            file.write(libtorrent.bencode(torrent.generate()))


make("one.torrent", "shop-2.0.tar", 32768, {"": (100000, 1, 0o644)})
make("many.torrent", "shop-2.0", 16384, {
    "a.bin": (70000, 1, 0o644),
    "bin/run": (20000, 2, 0o755),
    "empty": (0, 3, 0o644),
    "same/one": (40000, 5, 0o644),
    "same/two": (40000, 5, 0o644),
    "z": (1, 4, 0o644),
}, [("link", "bin/run")])
make("small.torrent", "small-1", 65536, {
    "x": (5, 1, 0o644),
    "y": (16384, 2, 0o644),
    "w": (33000, 2, 0o644),
})
