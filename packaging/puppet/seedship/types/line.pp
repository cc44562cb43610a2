# @summary One line of text
type Seedship::Line = Pattern[/\A[^[:cntrl:]]*\z/]
