# @summary What all releases share: a path of theirs that links to the same path under ROOT/shared, or to a target
type Seedship::Shared = Variant[
  Seedship::InnerPath,
  Struct[{
    'path'             => Seedship::InnerPath,
    Optional['target'] => Seedship::Path,
  }]
]
