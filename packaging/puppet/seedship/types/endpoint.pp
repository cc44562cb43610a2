# @summary HOST:PORT: `127.0.0.1:5000`, `[::1]:5000`, `localhost:5000`
type Seedship::Endpoint = Pattern[/\A(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]{1,253}):[0-9]{1,5}\z/]
