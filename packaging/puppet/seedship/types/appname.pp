# @summary The name of an app: it begins with a letter or digit, holds only letters, digits and `._-`, and has at most 64 of them
type Seedship::AppName = Pattern[/\A[A-Za-z0-9][A-Za-z0-9._-]{0,63}\z/]
