# @summary The least important messages that are written
type Seedship::Level = Enum['off', 'error', 'warn', 'info', 'debug', 'trace']
