# @summary A path from `/` that needs no quotes anywhere: letters, digits and `._+@-`
type Seedship::PlainPath = Pattern[/\A(\/(?!\.\.?(\/|\z))[A-Za-z0-9._+@-]+)+\z/]
