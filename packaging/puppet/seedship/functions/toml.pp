# @summary A value as TOML writes it, on one line
#
# @param value
#   a text, a number, a boolean, a list of these, or a table of them
#
# @return [String]
#   its TOML
#
# @example
#   seedship::toml({ 'path' => 'files', 'target' => '/mnt/files' })
#   # { path = "files", target = "/mnt/files" }
function seedship::toml(Variant[String, Integer, Boolean, Array, Hash] $value) >> String {
  case $value {
    String: {
      $escapes = [
        [/\\/, '\\\\\\\\'], [/"/, '\\\\"'], [/\n/, '\\\\n'], [/\t/, '\\\\t'], [/\r/, '\\\\r'],
      ]
      $text = $escapes.reduce($value) |$so_far, $escape| {
        regsubst($so_far, $escape[0], $escape[1], 'G')
      }
      "\"${text}\""
    }
    Array: {
      $items = $value.map |$item| { seedship::toml($item) }
      "[${join($items, ', ')}]"
    }
    Hash: {
      $pairs = $value.map |$key, $item| { "${key} = ${seedship::toml($item)}" }
      "{ ${join($pairs, ', ')} }"
    }
    default: { String($value) }
  }
}
