# @summary rtorrent: its package, its directories, and the rc file that calls Seedship
#
# Part of class `seedship`, not to be declared by itself; its parameters are written in Hiera, or in
# `rtorrent` of class `seedship`. With none of them the rc file is `rtorrent.rc.example`, to the byte, but
# for the line of the sweep, which is the timer's.
#
# @example Half of a line of 1 Gbit/s for deploys, and less to other racks
#   seedship::rtorrent::down_kib: 54900
#   seedship::rtorrent::up_kib: 54900
#   seedship::rtorrent::cross_up_kib: 10900
#   seedship::rtorrent::cross_nets: ['10.0.0.0/8']
#   seedship::rtorrent::rack_nets: ["%{facts.networking.network}/24"]
#
# @param rc
#   The rc file. Left out: `/etc/rtorrent/USER.rc`, which the unit reads.
#
# @param package_name
#   Its package.
#
# @param package_ensure
#   `installed`, `latest`, or a version.
#
# @param base
#   Where it keeps its things. Left out: `/var/lib/USER`, which the unit opens to it.
#
# @param run
#   The directory of its control socket; only its user may enter it. Left out: `/run/USER`, which the unit
#   makes.
#
# @param session
#   Its session directory.
#
# @param session_mode
#   Its mode. 0750, for the group too: where a root has another owner, who must be in rtorrent's group, the
#   sweep reads session and downloads as that owner.
#
# @param download
#   Where downloads go.
#
# @param watch
#   A .torrent that is renamed into this directory goes live.
#
# @param watch_group
#   Its group. Left out: rtorrent's. Another one for who delivers by hand or by `seedship publish --to`.
#
# @param watch_mode
#   Its mode: `2770`, where that group may deliver. Who can write here can deploy, as far as a signature is
#   not asked for.
#
# @param incoming
#   Where Puppet puts .torrent files before they go into `watch`; on the same file system.
#
# @param ports
#   The port that peers connect to, as a range.
#
# @param down_kib
#   What all torrents together may take of the line, in KiB/s.
#
# @param up_kib
#   What all torrents together may send.
#
# @param deploy_down_kib
#   What the torrents of `watch` may take, all together. Left out: `down_kib`.
#
# @param deploy_up_kib
#   What the torrents of `watch` may send. Left out: `up_kib`.
#
# @param cross_nets
#   Where other racks are; rtorrent 0.9.8 alone tells peers apart.
#
# @param rack_nets
#   Where this rack is, if it lies in `cross_nets`: it is excepted.
#
# @param cross_down_kib
#   What may come from other racks. Left out: `down_kib`.
#
# @param cross_up_kib
#   What may go to other racks. Left out: `up_kib`.
#
# @param min_free
#   With less free disk space than this, unfinished downloads are closed.
#
# @param lines
#   Lines for the end of the file: groups of your own. A command that rtorrent does not know keeps it from
#   starting.
#
# @param sweep
#   Who looks every ten minutes for what was not landed: systemd's `timer`, or `rtorrent` itself. Left
#   out: the timer, where `manage_service` of class `seedship` is true.
class seedship::rtorrent (
  String[1]                  $package_name,
  String[1]                  $package_ensure,
  Seedship::Ports            $ports,
  Seedship::Kib              $down_kib,
  Seedship::Kib              $up_kib,
  Array[Seedship::Network,1] $cross_nets,
  Array[Seedship::Network,1] $rack_nets,
  Seedship::Space            $min_free,
  Seedship::PlainPath        $incoming,
  Seedship::FileMode         $session_mode,
  Seedship::FileMode         $watch_mode,
  Array[Seedship::Line]      $lines,
  Seedship::PlainPath        $rc              = "/etc/rtorrent/${seedship::user}.rc",
  Seedship::PlainPath        $base            = "/var/lib/${seedship::user}",
  Seedship::PlainPath        $run             = "/run/${seedship::user}",
  Seedship::PlainPath        $session         = "${base}/session",
  Seedship::PlainPath        $download        = "${base}/download",
  Seedship::PlainPath        $watch           = "${base}/watch",
  String[1]                  $watch_group     = $seedship::group,
  Optional[Seedship::Kib]    $deploy_down_kib = undef,
  Optional[Seedship::Kib]    $deploy_up_kib   = undef,
  Optional[Seedship::Kib]    $cross_down_kib  = undef,
  Optional[Seedship::Kib]    $cross_up_kib    = undef,
  Enum['timer', 'rtorrent']  $sweep           = $seedship::manage_service ? { true => 'timer', default => 'rtorrent' },
) {
  $user = $seedship::user

  # What the unit, which makes /var/lib/USER and /run/USER, has not opened.
  $within = $base ? { "/var/lib/${user}" => [], default => [$base] }
  $others = [$session, $download, $watch].filter |$path| { $path[0, length($base) + 1] != "${base}/" }
  $runs = $run ? { "/run/${user}" => [], default => [$run] }
  $elsewhere = $within + $others + $runs

  if $seedship::manage_package {
    package { $package_name:
      ensure => $package_ensure,
      before => File[$base],
    }
  }

  file {
    default:
      ensure => directory,
      owner  => $user,
      group  => $seedship::group,
      mode   => '0750',
    ;
    [$base, $download]: ;
    $session:
      mode => $session_mode,
    ;
    $watch:
      group => $watch_group,
      mode  => $watch_mode,
    ;
    $incoming:
      owner => $seedship::config_owner,
    ;
  }

  # Where it is not the unit that makes it.
  if !$seedship::manage_service or !$runs.empty {
    file { $run:
      ensure => directory,
      owner  => $user,
      group  => $seedship::group,
      mode   => '0700',
    }
  }

  # At each boot: what is gone by then, and the modes; of two lines for one path systemd takes that of the
  # file whose name comes first.
  if $seedship::manage_service {
    $as_shipped = [$session_mode, $watch_mode, $watch_group, $runs] == ['0750', '0750', $seedship::group, []]
    $differs = $as_shipped ? { true => absent, default => file }
    $made = $runs.map |$path| { "d ${path} 0700 ${user} ${seedship::group} -\n" }
    file { '/etc/tmpfiles.d/00-seedship-puppet.conf':
      ensure  => $differs,
      owner   => $seedship::config_owner,
      group   => $seedship::config_group,
      mode    => '0644',
      content => @("END"),
        # Written by Puppet (class seedship::rtorrent).
        d ${session} ${session_mode} ${user} ${seedship::group} -
        d ${watch} ${watch_mode} ${user} ${watch_group} -
        ${join($made)}
        | - END
    }
  }

  # The values of the block at the top of rtorrent.rc.example; whatever follows another there, does here.
  $place = { 'session' => $session, 'download' => $download, 'watch' => $watch }.reduce({}) |$all, $it| {
    $all + { $it[0] => $it[1] ? {
        "${base}/${it[0]}" => "(cat, (cfg.base), \"/${it[0]}\")",
        default            => "\"${it[1]}\"",
    } }
  }
  $follows = {
    'deploy_down_kib' => [$deploy_down_kib, 'down_kib'],
    'deploy_up_kib'   => [$deploy_up_kib, 'up_kib'],
    'cross_down_kib'  => [$cross_down_kib, 'down_kib'],
    'cross_up_kib'    => [$cross_up_kib, 'up_kib'],
  }.reduce({}) |$all, $it| {
    $all + { $it[0] => $it[1][0] ? { undef => "(cfg.${it[1][1]})", default => String($it[1][0]) } }
  }
  $block = $place + $follows + {
    'base'      => "\"${base}\"",
    'run'       => "\"${run}\"",
    'seedship'  => "\"${seedship::binary}\"",
    'ports'     => "\"${ports}\"",
    'down_kib'  => String($down_kib),
    'up_kib'    => String($up_kib),
    'cross_net' => "\"${cross_nets[0]}\"",
    'rack_net'  => "\"${rack_nets[0]}\"",
    'min_free'  => "\"${min_free}\"",
  }

  file { regsubst($rc, /\/[^\/]*\z/, ''):
    ensure => directory,
    owner  => $seedship::config_owner,
    group  => $seedship::config_group,
    mode   => '0755',
  }

  file { $rc:
    ensure  => file,
    owner   => $seedship::config_owner,
    group   => $seedship::config_group,
    mode    => '0644',
    content => epp('seedship/rtorrent.rc.epp', {
      'block'      => $block,
      'more_cross' => $cross_nets[1, -1],
      'more_rack'  => $rack_nets[1, -1],
      'sweep'      => $sweep,
      'lines'      => $lines,
    }),
  }
}
