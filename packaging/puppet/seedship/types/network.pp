# @summary An IPv4 network: `10.1.0.0/16`
type Seedship::Network = Pattern[/\A([0-9]{1,3}\.){3}[0-9]{1,3}\/([0-9]|[12][0-9]|3[0-2])\z/]
