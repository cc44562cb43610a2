# @summary The path of a Unix socket: what `Seedship::Path` is, of at most 107 characters
type Seedship::Socket = Pattern[/\A(?=.{2,107}\z)(\/(?!\.\.?(\/|\z))[^\/[:cntrl:]]+)+\z/]
