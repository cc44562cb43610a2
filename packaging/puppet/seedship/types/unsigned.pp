# @summary Instead of keys: whoever can add a torrent can deploy
type Seedship::Unsigned = Enum['accept']
