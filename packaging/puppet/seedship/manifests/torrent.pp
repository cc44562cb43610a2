# @summary A .torrent in rtorrent's watch directory: its release goes live
#
# Puppet writes a file under another name in the same directory (`x.torrent20261121-6275-jmke0h`), renames
# it, and only then gives it its owner. rtorrent is told of the new name at once; if it tries before it may
# read the file, both 0.9.8 and 0.16 remember that and never try again: the release is lost without a word.
# So the file is made in `incoming` of `seedship::rtorrent`, and then linked into `watch`: it appears there
# in one step, whole, with its owner and mode.
#
# What a name has delivered stays: another content under it is an error. A release is published once; a
# new one has a new version, hence a new name.
#
# @example
#   seedship::torrent { 'shop-1.4.2.tar.zst.torrent':
#     source => 'puppet:///modules/site/shop-1.4.2.tar.zst.torrent',
#   }
#
# @param source
#   Where it comes from: what `source` of a file takes.
#
# @param content
#   Instead of that, its bytes: `binary_file('site/shop-1.4.2.tar.zst.torrent')`.
#
# @param sha256
#   What its SHA-256 must be; over HTTP, what says whether it is there already.
#
# @param ensure
#   `absent` takes it away: it is seeded no more. Its release and its download stay.
define seedship::torrent (
  Optional[Variant[String[1], Array[String[1], 1]]] $source  = undef,
  Optional[Variant[Binary, String[1]]]              $content = undef,
  Optional[Pattern[/\A[0-9a-f]{64}\z/]]             $sha256  = undef,
  Enum['present', 'absent']                         $ensure  = 'present',
) {
  include seedship

  assert_type(Seedship::TorrentName, $name)

  unless $seedship::manage_rtorrent {
    fail("seedship::torrent '${name}': manage_rtorrent is false, so nobody says where the watch directory is")
  }

  $made = "${seedship::rtorrent::incoming}/${name}"
  $delivered = "${seedship::rtorrent::watch}/${name}"

  if $ensure == 'absent' {
    file { [$delivered, $made]:
      ensure  => absent,
      backup  => false,
      require => Class['seedship::rtorrent'],
    }
  } else {
    if [$source, $content].filter |$from| { $from =~ NotUndef }.length != 1 {
      fail("seedship::torrent '${name}': one of source and content says where it comes from")
    }

    $checksum = $sha256 ? {
      undef   => {},
      default => { 'checksum' => 'sha256', 'checksum_value' => $sha256 },
    }

    file { $made:
      ensure  => file,
      owner   => $seedship::config_owner,
      group   => $seedship::group,
      mode    => '0640',
      source  => $source,
      content => $content,
      backup  => false,
      *       => $checksum,
      # Its app is known by then.
      require => [Class['seedship::rtorrent'], Class['seedship::check']],
    }

    # Never `-f`: it would make a name of its own in the watch directory.
    exec { "seedship: deliver ${name}":
      command => ['ln', '-T', '--', $made, $delivered],
      unless  => [['cmp', '-s', '--', $made, $delivered]],
      path    => ['/usr/bin', '/bin'],
      require => File[$made],
    }
  }
}
