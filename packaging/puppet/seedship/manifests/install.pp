# @summary The package, and the user that it may not have made
#
# @api private
class seedship::install {
  if $seedship::manage_package {
    package { $seedship::package_name:
      ensure => $seedship::package_ensure,
    }
  }

  if $seedship::manage_user {
    group { $seedship::group:
      ensure => present,
      system => true,
    }

    # As sysusers.d has it: where the package made it, there is nothing to change.
    user { $seedship::user:
      ensure  => present,
      comment => 'Downloads and deploys releases',
      gid     => $seedship::group,
      home    => "/var/lib/${seedship::user}",
      shell   => '/usr/sbin/nologin',
      system  => true,
    }

    if $seedship::manage_package {
      Package[$seedship::package_name] -> Group[$seedship::group]
    }
  }
}
