# @summary A whole number that is not below 0
type Seedship::Number = Integer[0]
