# @summary Seedship and the rtorrent that calls it: a finished download becomes a live release
#
# Package, users, directories, configuration, units and services, in this order. What is not said here is
# as in the package: Seedship's own defaults are not repeated. Every file is held against Seedship
# itself before it is installed (`seedship config check`), and all of them together before a service is
# touched.
#
# @example An app, signed releases
#   class { 'seedship':
#     apps => {
#       'shop' => {
#         'match'       => 'shop-{version}.tar.zst',
#         'root'        => '/srv/www/shop',
#         'public_keys' => ['RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3'],
#       },
#     },
#   }
#
# @param binary
#   Seedship, by its absolute path.
#
# @param config_dir
#   Where `config.toml` and `config.d` lie.
#
# @param config_owner
#   Who owns the configuration. Whoever can write it can run commands as the owner of any root.
#
# @param config_group
#   The group of the configuration, which everyone may read.
#
# @param unit_dir
#   Where drop-ins of systemd's units go.
#
# @param user
#   rtorrent's user; the unit is `rtorrent@USER`.
#
# @param group
#   Its group.
#
# @param package_name
#   The package that brings Seedship, its units and users.
#
# @param package_ensure
#   `installed`, `latest`, or a version.
#
# @param manage_package
#   Whether Puppet installs the packages, rtorrent's among them.
#
# @param manage_user
#   Whether Puppet makes `user` and `group`, and sees to it that the user's home is `/var/lib/USER` and that
#   nobody logs in by it. Left out: only for `rtorrent`, who is the package's. Another user may be somebody,
#   who would be locked out.
#
# @param manage_rtorrent
#   Whether Puppet sets up rtorrent: see `seedship::rtorrent`.
#
# @param rtorrent
#   Parameters of `seedship::rtorrent`, for who does not write them in Hiera.
#
# @param manage_service
#   Whether systemd is there, and Puppet starts services and writes drop-ins. Without it rtorrent is
#   started otherwise, and looks by itself for what was not landed.
#
# @param manage_units
#   Whether Puppet writes drop-ins of units.
#
# @param purge
#   Whether files in `config.d` that Puppet did not write are removed. An app whose file is gone is
#   deployed no more; its root stays.
#
# @param scgi
#   `[rtorrent] scgi`: where rtorrent's SCGI listens. Left out: the socket in the `run` of
#   `seedship::rtorrent`.
#
# @param session
#   `[rtorrent] session`: rtorrent's session directory. Left out: that of `seedship::rtorrent`.
#
# @param allow_tcp
#   `[rtorrent] allow_tcp`: whether `scgi` may be HOST:PORT. Whoever can connect there is rtorrent.
#
# @param log_facility
#   `[log] facility`: the syslog facility.
#
# @param log_level
#   `[log] level`: the least important messages that are written.
#
# @param log_socket
#   `[log] socket`: the socket of the syslog daemon.
#
# @param apps
#   A `seedship::app` for each, by name.
#
# @param torrents
#   A `seedship::torrent` for each, by the name of its file.
class seedship (
  Seedship::PlainPath                                         $binary,
  Seedship::PlainPath                                         $config_dir,
  String[1]                                                   $config_owner,
  String[1]                                                   $config_group,
  Seedship::PlainPath                                         $unit_dir,
  Seedship::UserName                                          $user,
  String[1]                                                   $package_name,
  String[1]                                                   $package_ensure,
  Boolean                                                     $manage_package,
  Boolean                                                     $manage_rtorrent,
  Boolean                                                     $manage_service,
  Boolean                                                     $purge,
  Hash[Seedship::AppName, Hash[String[1], Data]]              $apps,
  Hash[Seedship::TorrentName, Hash[String[1], Data]]          $torrents,
  Hash[String[1], Data]                                       $rtorrent,
  Boolean                                                     $manage_units = $manage_service,
  Boolean                                                     $manage_user  = $user ? { 'rtorrent' => true, default => false },
  String[1]                                                   $group        = $user,
  Optional[Variant[Seedship::Socket, Seedship::Endpoint]]     $scgi         = undef,
  Optional[Seedship::Path]                                    $session      = undef,
  Optional[Boolean]                                           $allow_tcp    = undef,
  Optional[Seedship::Facility]                                $log_facility = undef,
  Optional[Seedship::Level]                                   $log_level    = undef,
  Optional[Seedship::Path]                                    $log_socket   = undef,
) {
  contain seedship::install
  if $manage_rtorrent {
    class { 'seedship::rtorrent':
      * => $rtorrent,
    }
    contain seedship::rtorrent
    Class['seedship::install'] -> Class['seedship::rtorrent'] -> Class['seedship::config']
  }
  contain seedship::config
  contain seedship::check
  contain seedship::service

  Class['seedship::install'] -> Class['seedship::config'] -> Class['seedship::check'] -> Class['seedship::service']

  $apps.each |$name, $app| {
    seedship::app { $name:
      * => $app,
    }
  }

  $torrents.each |$name, $torrent| {
    seedship::torrent { $name:
      * => $torrent,
    }
  }
}
