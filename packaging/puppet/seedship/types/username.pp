# @summary The name of a user, as a unit can be named after it
type Seedship::UserName = Pattern[/\A[a-z_][a-z0-9_-]{0,31}\z/]
