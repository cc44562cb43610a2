# @summary What a payload may not exceed
type Seedship::Limits = Struct[{
  Optional['bytes']       => Seedship::Size,
  Optional['files']       => Seedship::Number,
  Optional['depth']       => Seedship::Number,
  Optional['path']        => Seedship::Number,
  Optional['ratio']       => Seedship::Number,
  Optional['memory']      => Seedship::Size,
  Optional['torrent']     => Seedship::Size,
  Optional['zip_entries'] => Seedship::Number,
}]
