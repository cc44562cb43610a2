# @summary An IPv4 network: `10.1.0.0/16`
type Seedship::Network = Pattern[/\A(?<part>25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(\.\g<part>){3}\/([0-9]|[12][0-9]|3[0-2])\z/]
