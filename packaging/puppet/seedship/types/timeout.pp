# @summary A time that is not nothing: `60s`
type Seedship::Timeout = Pattern[/\A0*[1-9][0-9]*[smhd]\z/]
