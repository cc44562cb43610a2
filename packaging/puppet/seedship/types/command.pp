# @summary A command: a program and its arguments, which no shell reads
type Seedship::Command = Tuple[Seedship::Program, Seedship::Text, 1, default]
