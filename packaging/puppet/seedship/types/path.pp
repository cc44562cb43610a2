# @summary A path from `/`, without `.`, `..`, double slashes or control characters; never `/` itself
type Seedship::Path = Pattern[/\A(\/(?!\.\.?(\/|\z))[^\/[:cntrl:]]+)+\z/]
