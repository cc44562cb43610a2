//! A load generator that reads what it is sent.
//!
//! Each thread keeps one connection and asks for one address as fast as it is answered, unless
//! told to pause. A page
//! counts as failed if its status is not 200 or the answer breaks off; as mixed if the caller's
//! classifier does not know its body as a page of one release. A connection that the server
//! closed between two requests is opened again, as HTTP allows and every client does; that is no
//! failure.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::error::{During, Error, Result};

/// What has been counted so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All requests with an outcome.
    pub requests: u64,
    /// Those whose status was not 200, or whose answer did not come whole.
    pub failed: u64,
    /// Those with status 200 whose body is no page of one release.
    pub mixed: u64,
    /// The slowest answer.
    pub slowest: Duration,
    /// How the first request that failed or was mixed went wrong.
    pub first_fault: Option<String>,
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    requests: AtomicU64,
    failed: AtomicU64,
    mixed: AtomicU64,
    slowest_us: AtomicU64,
    first_fault: Mutex<Option<String>>,
}

/// A running load. Dropping it stops it.
#[derive(Debug)]
pub struct Load {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Load {
    /// Starts `threads` clients on one address (`http://HOST:PORT/PATH`). `known` says whether a
    /// body is, as a whole, a page of one release.
    pub fn start(
        url: &str,
        threads: usize,
        known: impl Fn(&[u8]) -> bool + Send + Sync + 'static,
    ) -> Result<Self> {
        Self::paced(url, threads, Duration::ZERO, known)
    }

    /// The same, each client pausing after every answer: leaves the machine to those who are
    /// measured.
    pub fn paced(
        url: &str,
        threads: usize,
        pause: Duration,
        known: impl Fn(&[u8]) -> bool + Send + Sync + 'static,
    ) -> Result<Self> {
        let url = Url::parse(url)?;
        let (shared, known) = (Arc::new(Shared::default()), Arc::new(known));
        let threads = (0..threads)
            .map(|n| {
                let (url, shared, known) = (url.clone(), shared.clone(), known.clone());
                std::thread::Builder::new()
                    .name(format!("load-{n}"))
                    .spawn(move || shared.run(&url, pause, &*known))
            })
            .collect::<std::io::Result<Vec<_>>>()
            .during("start the load")?;
        Ok(Self { shared, threads })
    }

    /// The counts of this moment; the load goes on.
    pub fn counts(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            // Read last what is counted first: an outcome is never without its request.
            failed: read(&self.shared.failed),
            mixed: read(&self.shared.mixed),
            requests: read(&self.shared.requests),
            slowest: Duration::from_micros(read(&self.shared.slowest_us)),
            first_fault: self.shared.first_fault.lock().map_or(None, |fault| fault.clone()),
        }
    }

    /// Ends it, every request in flight answered, and returns the counts.
    pub fn stop(mut self) -> Counts {
        self.join();
        self.counts()
    }

    fn join(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.threads.drain(..).for_each(|thread| drop(thread.join()));
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.join();
    }
}

impl Shared {
    fn run(&self, url: &Url, pause: Duration, known: &(impl Fn(&[u8]) -> bool + ?Sized)) {
        let mut client = Client { url: url.clone(), connection: None };
        while !self.stop.load(Ordering::Relaxed) {
            let begin = Instant::now();
            let outcome = client.get();
            let took = u64::try_from(begin.elapsed().as_micros()).unwrap_or(u64::MAX);
            self.requests.fetch_add(1, Ordering::Relaxed);
            self.slowest_us.fetch_max(took, Ordering::Relaxed);
            match outcome {
                Ok((200, body)) if known(&body) => {}
                Ok((200, body)) => self.count(&self.mixed, || {
                    format!(
                        "unknown body: {:?}",
                        String::from_utf8_lossy(&body[..body.len().min(200)])
                    )
                }),
                Ok((status, _)) => self.count(&self.failed, || format!("status {status}")),
                Err(failure) => self.count(&self.failed, || failure.to_string()),
            }
            if !pause.is_zero() {
                std::thread::sleep(pause);
            }
        }
    }

    fn count(&self, counter: &AtomicU64, why: impl FnOnce() -> String) {
        counter.fetch_add(1, Ordering::Relaxed);
        if let Ok(mut first) = self.first_fault.lock() {
            first.get_or_insert_with(why);
        }
    }
}

/// Fetches one page on a connection of its own: status and body.
pub fn get(url: &str) -> Result<(u16, Vec<u8>)> {
    Client { url: Url::parse(url)?, connection: None }.get().during(format!("fetch {url}"))
}

#[derive(Clone, Debug)]
struct Url {
    host: String,
    path: String,
}

impl Url {
    fn parse(url: &str) -> Result<Self> {
        let rest = url.strip_prefix("http://").and_then(|rest| rest.split_once('/'));
        let (host, path) = rest.ok_or_else(|| Error::new(format!("not http://HOST/…: {url}")))?;
        Ok(Self { host: host.to_owned(), path: format!("/{path}") })
    }
}

/// One keep-alive connection, HTTP/1.1 with Content-Length or chunks.
struct Client {
    url: Url,
    connection: Option<BufReader<TcpStream>>,
}

impl Client {
    fn get(&mut self) -> std::io::Result<(u16, Vec<u8>)> {
        if let Some(connection) = self.connection.take()
            && let Ok(connection) = self.send(connection)
        {
            return self.receive(connection);
        }
        let stream = TcpStream::connect(&self.url.host)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let connection = self.send(BufReader::new(stream))?;
        self.receive(connection)
    }

    /// Sends the request and waits for the first byte of its answer: fails if the server had
    /// closed the connection before.
    fn send(&self, mut to: BufReader<TcpStream>) -> std::io::Result<BufReader<TcpStream>> {
        let Url { host, path } = &self.url;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        to.get_mut().write_all(request.as_bytes())?;
        match to.fill_buf()?.is_empty() {
            true => Err(broken("no answer")),
            false => Ok(to),
        }
    }

    /// Reads an answer whole and keeps the connection unless the server says otherwise.
    fn receive(&mut self, mut from: BufReader<TcpStream>) -> std::io::Result<(u16, Vec<u8>)> {
        let status = line(&mut from)?;
        let status = status.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.ok_or_else(|| broken("no status"))?;
        let (mut length, mut chunked, mut close) = (None, false, false);
        loop {
            let header = line(&mut from)?.to_ascii_lowercase();
            match header.split_once(": ") {
                Some(("content-length", n)) => length = n.parse::<usize>().ok(),
                Some(("transfer-encoding", how)) => chunked = how == "chunked",
                Some(("connection", how)) => close = how == "close",
                _ if header.is_empty() => break,
                _ => {}
            }
        }
        let mut body = Vec::new();
        match length {
            Some(length) => exactly(&mut from, length, &mut body)?,
            None if chunked => chunks(&mut from, &mut body)?,
            None => {
                close = true;
                from.read_to_end(&mut body)?;
            }
        }
        self.connection = (!close).then_some(from);
        Ok((status, body))
    }
}

fn broken(why: &str) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::UnexpectedEof, why)
}

fn line(from: &mut impl BufRead) -> std::io::Result<String> {
    let mut line = String::new();
    from.read_line(&mut line)?;
    line.strip_suffix("\r\n").map(str::to_owned).ok_or_else(|| broken("headers broke off"))
}

fn exactly(from: &mut impl Read, length: usize, body: &mut Vec<u8>) -> std::io::Result<()> {
    let begin = body.len();
    body.resize(begin + length, 0);
    from.read_exact(&mut body[begin..])
}

fn chunks(from: &mut impl BufRead, body: &mut Vec<u8>) -> std::io::Result<()> {
    loop {
        let length = line(from)?;
        let length = usize::from_str_radix(&length, 16).map_err(|_| broken("no chunk length"))?;
        exactly(from, length, body)?;
        if !line(from)?.is_empty() {
            return Err(broken("chunk too long"));
        }
        if length == 0 {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::{Lab, await_for};

    #[test]
    fn it_tells_good_failed_and_mixed_pages_apart() {
        let lab = Lab::new().unwrap();
        let page = lab.write("site/index.html", "one").unwrap();
        let nginx = lab.nginx(lab.path().join("site")).unwrap();
        let load = Load::start(&nginx.url("/"), 2, |body| body == b"one").unwrap();
        await_for("requests", || load.counts().requests > 100).unwrap();
        assert_eq!((load.counts().failed, load.counts().mixed), (0, 0));

        std::fs::write(lab.path().join("site/two"), "two").unwrap();
        std::fs::rename(lab.path().join("site/two"), &page).unwrap();
        await_for("mixed ones", || load.counts().mixed > 10).unwrap();
        assert_eq!(load.counts().failed, 0);

        std::fs::remove_file(&page).unwrap();
        await_for("failed ones", || load.counts().failed > 10).unwrap();
        let counts = load.stop();
        assert!(counts.requests > counts.failed + counts.mixed);
        assert_eq!(counts.first_fault.unwrap(), "unknown body: \"two\"");
    }

    #[test]
    fn chunks_are_put_together() {
        let mut body = Vec::new();
        chunks(&mut &b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"[..], &mut body).unwrap();
        assert_eq!(body, b"abcde");
        assert!(chunks(&mut &b"3\r\nab"[..], &mut body).is_err());
    }
}
