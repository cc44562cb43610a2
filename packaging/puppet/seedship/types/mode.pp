# @summary Who may read a release: everyone, or its owner and group
type Seedship::Mode = Enum['public', 'private']
