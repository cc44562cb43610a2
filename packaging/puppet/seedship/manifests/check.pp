# @summary All files of the configuration together, after the last and before a service is touched
#
# What is wrong only in company: two apps with one root, a key that stands in two files. While it is so,
# every run of Puppet fails here and says why.
#
# @api private
class seedship::check {
  $check = [$seedship::binary, '--config', "${seedship::config_dir}/config.toml", 'config', 'check']

  exec { 'seedship config check':
    command => $check,
    # The first is for a run with --noop, before the package is there.
    unless  => [['test', '!', '-x', $seedship::binary], $check],
    path    => ['/usr/bin', '/bin'],
  }
}
