# @summary Whether a newer release goes live when it has landed, or when an operator says so
type Seedship::Activate = Enum['auto', 'manual']
