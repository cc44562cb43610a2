# @summary A table of a TOML file: its head and a line for each key that has a value; nothing if none has
#
# @param name
#   what stands in the brackets of its head
#
# @param keys
#   its keys and their values
#
# @return [String]
#   lines of TOML
function seedship::table(String[1] $name, Hash $keys) >> String {
  $given = $keys.filter |$key, $value| { $value =~ NotUndef }
  $lines = $given.map |$key, $value| { "${key} = ${seedship::toml($value)}\n" }
  $lines.empty ? {
    true    => '',
    default => "\n[${name}]\n${join($lines)}",
  }
}
