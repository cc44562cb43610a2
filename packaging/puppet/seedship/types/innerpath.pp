# @summary A path in a release: names parted by `/`, without `.`, `..`, or a `/` at either end
type Seedship::InnerPath = Pattern[/\A(?!\.\.?(\/|\z))[^\/[:cntrl:]]+(\/(?!\.\.?(\/|\z))[^\/[:cntrl:]]+)*\z/]
