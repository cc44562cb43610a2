# @summary A facility of syslog(3)
type Seedship::Facility = Enum[
  'auth', 'authpriv', 'cron', 'daemon', 'ftp', 'lpr', 'mail', 'news', 'syslog', 'user', 'uucp',
  'local0', 'local1', 'local2', 'local3', 'local4', 'local5', 'local6', 'local7'
]
