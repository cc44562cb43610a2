# @summary Free disk space, as rtorrent takes it: '2000M'
type Seedship::Space = Pattern[/\A[1-9][0-9]*[KMG]\z/]
