# @summary A range of ports, as rtorrent takes it: '6881-6881'
type Seedship::Ports = Pattern[/\A(?<port>[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])-\g<port>\z/]
