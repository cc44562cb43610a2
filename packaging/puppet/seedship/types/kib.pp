# @summary A rate in KiB/s: never 0, at which a group stands still; below 400000, where rtorrent 0.9.8 begins to complain
type Seedship::Kib = Integer[1, 399999]
