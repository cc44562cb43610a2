#!/bin/bash
# The first process of a user-mode Linux: deploys to a disk whose every write is remembered, and looks
# at the disk as a power cut would have left it at each moment. `LAB` and `SEEDSHIP` are filled in.
# What it says is read by the test: lines that begin with `replay: `.
set -eu
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LAB='@LAB@' SEEDSHIP='@SEEDSHIP@'
export SEEDSHIP_CONFIG=$LAB/uml.toml
echo 'replay: begins'
trap 'echo "replay: over $?"; sync; echo o > /proc/sysrq-trigger; sleep 60' EXIT
mount -n -t proc proc /proc
mount -n -t tmpfs -o size=150m tmpfs /mnt
modules=/usr/lib/uml/modules/$(uname -r)/kernel/drivers
for module in md/dm-mod md/dm-log-writes block/loop; do insmod "$modules/$module.ko"; done

export SEEDSHIP

remembered() { # what is done, between its marks
    cp --sparse=always "$LAB/base.img" /mnt/disk.img
    dmsetup --noudevsync create log --table "0 $(blockdev --getsz /dev/ubda) log-writes /dev/ubda /dev/ubdb"
    mount -n /dev/dm-0 /mnt/shop
    "$1"
    umount -n /mnt/shop
    dmsetup --noudevsync remove log
    python3 -S "$LAB/replay.py" /dev/ubdb /mnt/disk.img
}
mark() { dmsetup --noudevsync message log 0 mark "$1"; }
finished() { "$SEEDSHIP" finished "$(cat "$LAB/$1.hash")" --torrent "$LAB/$1.torrent" --payload "$LAB/shop-$1.tar" > /dev/null; }

ours() {
    finished 1.0; mark deploying
    finished 2.0; mark deployed
    "$SEEDSHIP" rollback shop > /dev/null; mark back
}
plain() {
    finished 1.0; sync -f /mnt/shop; mark plain
    mkdir /mnt/shop/releases/2.0; tar -xf "$LAB/shop-2.0.tar" -C /mnt/shop/releases/2.0
    ln -sfn releases/2.0 /mnt/shop/current
    echo other > /mnt/shop/other; sync /mnt/shop/other
}
mkdir /mnt/shop
remembered ours
dd if="$LAB/base.img" of=/dev/ubda bs=1M status=none
remembered plain
