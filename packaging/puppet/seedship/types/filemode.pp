# @summary The mode of a file, four octal digits
type Seedship::FileMode = Pattern[/\A[0-7]{4}\z/]
