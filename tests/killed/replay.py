"""The disk as a power cut would have left it, at moments at which it was told to hold what it had.

Replays, in order, what dm-log-writes remembered (its format: drivers/md/dm-log-writes.c). At every
STEP-th journal commit (FUA) behind the first mark, and at each mark, a copy of the disk is mounted,
and what is found there is told in one line that the test reads. `plain` is the mark of what is not
ours.

Called with the log's device and a copy of the disk as it was before the first write.
"""

import os
import shutil
import struct
import subprocess
import sys

MAGIC = 0x6A736677736872
FLUSH, FUA, DISCARD, MARK = 1, 2, 4, 8
SECTOR = 512
ROOT, MOMENT = "/mnt/shop", "/mnt/moment.img"
SEEDSHIP = os.environ["SEEDSHIP"]
# A moment costs a second there, so not every one is looked at.
STEP, SWEEP = 2, 6


def run(*command):
    quiet = subprocess.DEVNULL
    return subprocess.run(command, stdout=quiet, stderr=quiet).returncode


def live():
    return os.path.basename(os.readlink(ROOT + "/current"))


def torn():
    """Files of what is live that do not end as they were published."""
    count = 0
    for place, _, names in os.walk(ROOT + "/current/pages"):
        for name in names:
            with open(os.path.join(place, name), "rb") as page:
                count += not page.read().endswith(b"-->\n")
    return count


def look(disk, mark, number):
    shutil.copyfile(disk, MOMENT)
    if run("mount", "-n", "-o", "loop", MOMENT, ROOT) != 0:
        return print(f"replay: {mark} unmountable", flush=True)
    found = live()
    if mark == "plain":
        told = f"torn={torn()}"
    else:
        told = f"audit={run(SEEDSHIP, 'audit', 'shop', found)}"
        if number % SWEEP == 0:
            code = run(SEEDSHIP, "sweep")
            told += f" sweep={code} then={live()} audit={run(SEEDSHIP, 'audit', 'shop', live())}"
    print(f"replay: {mark} live={found} {told}", flush=True)
    run("umount", "-n", ROOT)


def main(log, disk):
    log, disk = open(log, "rb"), open(disk, "r+b")
    magic, version, entries, sectorsize = struct.unpack("<QQQI", log.read(28))
    assert (magic, version) == (MAGIC, 1), (magic, version)
    log.seek(sectorsize)
    mark, moments = "", 0
    for _ in range(entries):
        begin = log.tell()
        sector, sectors, flags, length = struct.unpack("<QQQQ", log.read(32))
        if flags & MARK:
            mark = log.read(length).rstrip(b"\0").decode()
        log.seek(begin + sectorsize)
        if not flags & (DISCARD | MARK) and sectors:
            disk.seek(sector * SECTOR)
            disk.write(log.read(sectors * SECTOR))
        if mark == "dm-log-writes-end":
            break
        if mark and flags & (FUA | MARK):
            disk.flush()
            if flags & MARK or moments % STEP == 0:
                look(disk.name, mark, moments)
            moments += 1


main(*sys.argv[1:])
