# @summary Whether the download of a pruned release goes with it or stays
type Seedship::Downloads = Enum['with-release', 'keep']
