# @summary A minisign key: the second line of minisign.pub
type Seedship::PublicKey = Pattern[/\ARW[Q-T][0-9A-Za-z+\/]{53}\z/]
