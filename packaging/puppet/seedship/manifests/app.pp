# @summary One thing that is deployed: its root, its file in `config.d`, and its root opened to rtorrent
#
# A parameter for each key of `[apps.NAME]`; one that is left out is not written, and Seedship's default
# holds. What every key does stands in the documented `config.toml`.
#
# @example Beside those of class `seedship`
#   seedship::app { 'shop':
#     match       => 'shop-{version}.tar.zst',
#     root        => '/srv/www/shop',
#     public_keys => ['RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3'],
#     shared      => ['sites/default/files'],
#     keep        => 3,
#     run         => { 'check' => [['curl', '-fsS', 'http://127.0.0.1/health']] },
#   }
#
# @param match
#   The whole name of the app's torrents, one pattern or a list.
#
# @param root
#   Where the app lives. What the directory lies in must be there, and root's: whoever could put a link in
#   its place would be given what the link leads to.
#
# @param public_keys
#   minisign keys; a release must be signed by any of them.
#
# @param unsigned
#   Instead of keys: `accept`. Whoever can add a torrent can deploy then.
#
# @param activate
#   Whether a newer release goes live when it has landed.
#
# @param keep
#   How many releases are kept.
#
# @param downloads
#   Whether a pruned release's download goes with it.
#
# @param shared
#   Paths that all releases share. They are not made: what is in them is not Puppet's.
#
# @param strip
#   How many leading path components the entries of an archive lose.
#
# @param must_exist
#   Paths that a payload must hold.
#
# @param case
#   What becomes of names that differ only by case.
#
# @param lock_wait
#   How long an event waits for another deploy.
#
# @param linger
#   How long a release that is no longer live is spared.
#
# @param min_free
#   What must stay free on the file system of the root.
#
# @param mode
#   Who may read a release.
#
# @param limits
#   What a payload may not exceed.
#
# @param env
#   Added to the environment of commands.
#
# @param run
#   Commands around a switch.
#
# @param ensure
#   `absent` removes its file: it is deployed no more. Root and releases stay.
#
# @param owner
#   The root's owner, who deploys. Another one than rtorrent's user: rtorrent cannot write the root, and
#   the sweep lands releases, up to ten minutes later. This owner must be in rtorrent's group: else the
#   sweep, as this owner, cannot read what rtorrent has (exit code 69).
#
# @param group
#   The root's group. Left out: that of rtorrent's user; of another owner, the group of its name.
#
# @param root_mode
#   The root's mode. For `mode => 'private'` it may be 0750, with the web server's group.
#
# @param manage_root
#   Whether Puppet makes the root, with owner, group and mode.
define seedship::app (
  Variant[Seedship::Match, Array[Seedship::Match, 1]] $match,
  Seedship::Path                                      $root,
  Optional[Array[Seedship::PublicKey, 1]]             $public_keys = undef,
  Optional[Seedship::Unsigned]                        $unsigned    = undef,
  Optional[Seedship::Activate]                        $activate    = undef,
  Optional[Integer[1, 4294967295]]                    $keep        = undef,
  Optional[Seedship::Downloads]                       $downloads   = undef,
  Optional[Array[Seedship::Shared]]                   $shared      = undef,
  Optional[Integer[0, 4294967295]]                    $strip       = undef,
  Optional[Array[Seedship::InnerPath]]                $must_exist  = undef,
  Optional[Seedship::Case]                            $case        = undef,
  Optional[Seedship::Period]                          $lock_wait   = undef,
  Optional[Seedship::Period]                          $linger      = undef,
  Optional[Seedship::Size]                            $min_free    = undef,
  Optional[Seedship::Mode]                            $mode        = undef,
  Seedship::Limits                                    $limits      = {},
  Seedship::Env                                       $env         = {},
  Seedship::Run                                       $run         = {},
  Enum['present', 'absent']                           $ensure      = 'present',
  String[1]                                           $owner       = $seedship::user,
  String[1]                                           $group       = $owner ? { $seedship::user => $seedship::group, default => $owner },
  Seedship::FileMode                                  $root_mode   = '0755',
  Boolean                                             $manage_root = true,
) {
  include seedship

  assert_type(Seedship::AppName, $name)

  if $public_keys =~ Undef and $unsigned =~ Undef {
    fail("seedship::app '${name}': nothing says whose releases it takes: public_keys, or unsigned => 'accept'")
  }
  if $public_keys =~ NotUndef and $unsigned =~ NotUndef {
    fail("seedship::app '${name}': unsigned stands beside public_keys: is a signature needed or not?")
  }

  $file = "${seedship::config_dir}/config.d/${name}.toml"

  if $ensure == 'absent' {
    file { $file:
      ensure  => absent,
      require => Class['seedship::config'],
      before  => Class['seedship::check'],
    }
  } else {
    if $manage_root {
      # Where the root is a link to a directory, that directory is it, and the link is left alone.
      file { $root:
        ensure  => directory,
        owner   => $owner,
        group   => $group,
        mode    => $root_mode,
        links   => follow,
        require => Class['seedship::install'],
        before  => File[$file],
      }
    }

    file { $file:
      ensure       => file,
      owner        => $seedship::config_owner,
      group        => $seedship::config_group,
      mode         => '0644',
      content      => epp('seedship/app.toml.epp', {
        'name'   => $name,
        'keys'   => {
          'match'       => $match,
          'root'        => $root,
          'public_keys' => $public_keys,
          'unsigned'    => $unsigned,
          'activate'    => $activate,
          'keep'        => $keep,
          'downloads'   => $downloads,
          'shared'      => $shared,
          'strip'       => $strip,
          'must_exist'  => $must_exist,
          'case'        => $case,
          'lock_wait'   => $lock_wait,
          'linger'      => $linger,
          'min_free'    => $min_free,
          'mode'        => $mode,
        },
        'limits' => $limits,
        'env'    => $env,
        'run'    => $run,
      }),
      validate_cmd => "${seedship::binary} config check --file %",
      require      => Class['seedship::config'],
      before       => Class['seedship::check'],
    }
  }

  if $seedship::manage_units {
    $opened = epp('seedship/root.conf.epp', { 'name' => $name, 'root' => $root })

    seedship::dropin { "sweep: app ${name}":
      unit    => 'seedship-sweep.service',
      file    => "app-${name}.conf",
      differs => $ensure == 'present',
      content => $opened,
    }

    if $seedship::manage_rtorrent {
      # rtorrent's user can write no root of another's, opened or not.
      seedship::dropin { "rtorrent: app ${name}":
        unit    => "rtorrent@${seedship::user}.service",
        file    => "app-${name}.conf",
        differs => $ensure == 'present' and $owner == $seedship::user,
        content => $opened,
      }
    }
  }
}
