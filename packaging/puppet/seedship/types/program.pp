# @summary What a command begins with: a program's name, its path from `/`, or its path in the release
type Seedship::Program = Pattern[/\A[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]+\z/]
