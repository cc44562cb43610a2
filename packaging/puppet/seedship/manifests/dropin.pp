# @summary A drop-in of a unit, after which systemd reads its units anew
#
# @param unit
#   The unit.
#
# @param content
#   What it says.
#
# @param differs
#   Whether it has anything to say; if not, it is removed.
#
# @param file
#   Its name. The directory is made with the one that has the usual name.
#
# @api private
define seedship::dropin (
  String[1] $unit,
  String    $content,
  Boolean   $differs = true,
  String[1] $file    = 'seedship.conf',
) {
  $directory = "${seedship::unit_dir}/${unit}.d"

  if $file == 'seedship.conf' {
    # It stays when it is empty: an administrator's own drop-ins may lie in it.
    file { $directory:
      ensure => directory,
      owner  => $seedship::config_owner,
      group  => $seedship::config_group,
      mode   => '0755',
    }
  }

  $ensure = $differs ? { true => file, default => absent }
  file { "${directory}/${file}":
    ensure  => $ensure,
    owner   => $seedship::config_owner,
    group   => $seedship::config_group,
    mode    => '0644',
    content => $content,
    require => Class['seedship::check'],
  }

  if $seedship::manage_service {
    File["${directory}/${file}"] ~> Exec['seedship: systemctl daemon-reload']
  }
}
