# @summary `config.toml`, and the directory of the apps' files
#
# @api private
class seedship::config {
  # What rtorrent is told, Seedship is told.
  if $seedship::manage_rtorrent {
    $scgi = $seedship::scgi ? { undef => "${seedship::rtorrent::run}/rpc.sock", default => $seedship::scgi }
    $session = $seedship::session ? { undef => $seedship::rtorrent::session, default => $seedship::session }
  } else {
    $scgi = $seedship::scgi
    $session = $seedship::session
  }

  file {
    default:
      owner => $seedship::config_owner,
      group => $seedship::config_group,
    ;
    $seedship::config_dir:
      ensure => directory,
      mode   => '0755',
    ;
    "${seedship::config_dir}/config.d":
      ensure  => directory,
      mode    => '0755',
      recurse => $seedship::purge,
      purge   => $seedship::purge,
    ;
    "${seedship::config_dir}/config.toml":
      ensure       => file,
      mode         => '0644',
      content      => epp('seedship/config.toml.epp', {
        'rtorrent' => {
          'scgi'      => $scgi,
          'session'   => $session,
          'allow_tcp' => $seedship::allow_tcp,
        },
        'log'      => {
          'facility' => $seedship::log_facility,
          'level'    => $seedship::log_level,
          'socket'   => $seedship::log_socket,
        },
      }),
      validate_cmd => "${seedship::binary} config check --file %",
    ;
  }
}
