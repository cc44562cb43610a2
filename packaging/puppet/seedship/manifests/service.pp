# @summary The units as they differ here, rtorrent, and the timer of the sweep
#
# @api private
class seedship::service {
  if $seedship::manage_service {
    exec { 'seedship: systemctl daemon-reload':
      command     => 'systemctl daemon-reload',
      path        => ['/usr/bin', '/bin'],
      refreshonly => true,
    }

    service { 'seedship-sweep.timer':
      ensure  => running,
      enable  => true,
      require => Exec['seedship: systemctl daemon-reload'],
    }

    if $seedship::manage_rtorrent {
      # Only at its start does it read its rc file, and is given the paths that it may write.
      service { "rtorrent@${seedship::user}":
        ensure    => running,
        enable    => true,
        subscribe => [Exec['seedship: systemctl daemon-reload'], File[$seedship::rtorrent::rc]],
      }
    }
  }

  if $seedship::manage_units {
    $config = $seedship::config_dir ? {
      '/etc/seedship' => undef,
      default         => "${seedship::config_dir}/config.toml",
    }

    # As shipped it may write /var/lib/rtorrent alone, to remove the downloads of pruned releases.
    $downloads = $seedship::manage_rtorrent ? {
      true    => [$seedship::rtorrent::base] + $seedship::rtorrent::elsewhere,
      default => [],
    }
    $others = $downloads.unique - ['/var/lib/rtorrent']

    seedship::dropin { 'sweep':
      unit    => 'seedship-sweep.service',
      differs => !$others.empty or $config =~ NotUndef or $seedship::binary != '/usr/bin/seedship',
      content => epp('seedship/sweep.conf.epp', {
        'writable' => $others,
        'binary'   => $seedship::binary,
        'config'   => $config,
      }),
    }

    if $seedship::manage_rtorrent {
      $writable = $seedship::rtorrent::elsewhere
      $rc = $seedship::rtorrent::rc ? {
        "/etc/rtorrent/${seedship::user}.rc" => undef,
        default                              => $seedship::rtorrent::rc,
      }

      seedship::dropin { 'rtorrent':
        unit    => "rtorrent@${seedship::user}.service",
        differs => !$writable.empty or $rc =~ NotUndef or $config =~ NotUndef,
        content => epp('seedship/rtorrent.conf.epp', {
          'writable' => $writable,
          'rc'       => $rc,
          'config'   => $config,
        }),
      }
    }
  }
}
