# @summary Variables for commands; names that begin with SEEDSHIP_ are Seedship's own
type Seedship::Env = Hash[Pattern[/\A(?!SEEDSHIP_)[A-Za-z_][A-Za-z0-9_]*\z/], Seedship::Text]
