# @summary Bytes with their unit: `512KiB`, `64MiB`, `16GiB`, `10GB`, `123B`
type Seedship::Size = Pattern[/\A[0-9]+([KMGT]i?)?B\z/]
