# @summary Text that a command or its environment can hold: any, but for control characters other than tab, newline and return
type Seedship::Text = Pattern[/\A[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*\z/]
