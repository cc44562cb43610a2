# @summary The commands around a switch
type Seedship::Run = Struct[{
  Optional['prepare']   => Array[Seedship::Command],
  Optional['activated'] => Array[Seedship::Command],
  Optional['check']     => Array[Seedship::Command],
  Optional['timeout']   => Seedship::Timeout,
}]
