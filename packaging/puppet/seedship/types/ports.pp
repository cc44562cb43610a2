# @summary A range of ports, as rtorrent takes it: '6881-6881'
type Seedship::Ports = Pattern[/\A[1-9][0-9]{0,4}-[1-9][0-9]{0,4}\z/]
