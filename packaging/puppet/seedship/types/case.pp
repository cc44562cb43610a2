# @summary What becomes of names that differ only by case or by Unicode normal form
type Seedship::Case = Enum['refuse', 'accept']
