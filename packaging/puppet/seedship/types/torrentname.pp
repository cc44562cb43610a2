# @summary The file name of a .torrent; hidden ones are not seen by rtorrent
type Seedship::TorrentName = Pattern[/\A[^.\/[:cntrl:]][^\/[:cntrl:]]*\.torrent\z/]
