# @summary The name of a torrent with {version} or {tag} in it, once: `shop-{version}.tar.zst`
type Seedship::Match = Pattern[/\A[^{}\/[:cntrl:]]*\{(version|tag)\}[^{}\/[:cntrl:]]*\z/]
