# @summary A time with its unit: `60s`, `10m`, `1h`, `7d`
type Seedship::Period = Pattern[/\A[0-9]+[smhd]\z/]
