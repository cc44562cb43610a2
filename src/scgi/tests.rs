//! Calls against a server that misbehaves byte by byte on a Unix socket.

use super::*;
use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream, ToSocketAddrs},
    os::unix::{
        fs::PermissionsExt,
        net::{UnixListener, UnixStream},
    },
    path::Path,
    sync::mpsc,
    thread,
    time::Instant,
};

const QUICK: Timeouts = Timeouts {
    connect: Duration::from_millis(300),
    idle: Duration::from_millis(300),
    total: Duration::from_millis(900),
};

const HEAD: &str = "Status: 200 OK\r\nContent-Type: text/xml\r\n\r\n";

fn scgi(socket: &Path) -> Scgi {
    Scgi::new(Address::Unix(socket.into()), QUICK)
}

/// Serves one connection with `serve` while `ask` asks.
fn served<T>(serve: impl FnOnce(UnixStream) + Send, ask: impl FnOnce(&Scgi) -> T) -> T {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("rpc.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    thread::scope(|scope| {
        scope.spawn(move || serve(listener.accept().unwrap().0));
        ask(&scgi(&socket))
    })
}

/// Only the time-out that a test is about can end it: without that one it would hang.
fn never_in_all(scgi: &Scgi) -> Scgi {
    let total = Duration::from_secs(60 * 60);
    Scgi::new(scgi.address.clone(), Timeouts { total, ..QUICK })
}

/// Takes a whole request as rtorrent does: exactly as many bytes as the frame announces.
fn request(stream: &mut UnixStream) -> String {
    let mut text = Vec::new();
    let mut byte = [0];
    while text.last() != Some(&b',') {
        stream.read_exact(&mut byte).unwrap();
        text.push(byte[0]);
    }
    let text = String::from_utf8(text).unwrap();
    let length = text.split('\0').nth(1).unwrap().parse().unwrap();
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    String::from_utf8(body).unwrap()
}

/// The answer to one call that is answered with these bytes.
fn answered(reply: impl AsRef<[u8]> + Send) -> Result<Answer, Failure> {
    let serve = move |mut stream: UnixStream| {
        request(&mut stream);
        let _ = stream.write_all(reply.as_ref());
    };
    served(serve, |scgi| scgi.call(&Request::new("x")))
}

fn broken(result: Result<Answer, Failure>) -> Error {
    match result {
        Err(Failure::Broken(error)) => {
            assert_eq!(error.exit, Exit::Unreachable);
            error
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_call_goes_out_whole_and_typed() {
    let (tell, told) = mpsc::channel();
    let serve = move |mut stream: UnixStream| {
        tell.send(request(&mut stream)).unwrap();
        let body = "<methodResponse><params><param><value><i8>1</i8></value></param></params></methodResponse>";
        stream.write_all(format!("{HEAD}{body}").as_bytes()).unwrap();
    };
    let call = Request::new("d.custom.set").arg("").arg("<&\n");
    assert_eq!(served(serve, |scgi| scgi.call(&call)).unwrap(), Answer::Integer(1));
    let sent = told.recv().unwrap();
    assert!(sent.contains("<value><string></string></value>"), "{sent}");
    assert!(sent.contains("<string>&lt;&amp;"), "{sent}");
}

#[test]
fn faults_keep_their_text_and_code() {
    let fault = "<methodResponse><fault><value><struct><member><name>faultCode</name><value><i8>-506</i8></value></member><member><name>faultString</name><value><string>Method 'x' not defined</string></value></member></struct></value></fault></methodResponse>";
    match answered(format!("{HEAD}{fault}")) {
        Err(failure @ Failure::Fault(_)) => assert_eq!(
            failure.asking("x").to_string(),
            "could not ask rtorrent for `x`: it answered: Method 'x' not defined (-506)"
        ),
        other => panic!("{other:?}"),
    }
}

#[test]
fn answers_that_are_none_are_told_apart() {
    let cause = |reply: &[u8]| broken(answered(reply)).cause;
    assert_eq!(cause(b""), "it closed the connection without an answer");
    assert_eq!(cause(b"Status: 200 OK\r\n"), "its answer ends before the headers do");
    assert_eq!(cause(HEAD.as_bytes()), "its answer is not XML-RPC");
    assert_eq!(
        cause(format!("{HEAD}<methodResponse><para").as_bytes()),
        "its answer is not XML-RPC"
    );
    let deep = format!("{HEAD}{}", "<value><array><data>".repeat(20_000));
    assert_eq!(cause(deep.as_bytes()), "its answer is nested too deep");
}

#[test]
fn a_huge_answer_is_cut_off() {
    let serve = |mut stream: UnixStream| {
        request(&mut stream);
        let _ = stream.write_all(HEAD.as_bytes());
        let block = vec![b'x'; 1 << 20];
        // Ends when the other side has had enough and closes.
        while stream.write_all(&block).is_ok() {}
    };
    let patient =
        Timeouts { idle: Duration::from_secs(20), total: Duration::from_secs(60), ..QUICK };
    let call = |scgi: &Scgi| Scgi::new(scgi.address.clone(), patient).call(&Request::new("x"));
    assert_eq!(broken(served(serve, call)).cause, "its answer is over 32 MiB");
}

#[test]
fn silence_ends_after_the_idle_time() {
    let (release, wait) = mpsc::channel::<()>();
    let serve = move |mut stream: UnixStream| {
        request(&mut stream);
        let _ = wait.recv();
    };
    let error = broken(served(serve, |scgi| {
        let result = never_in_all(scgi).call(&Request::new("x"));
        drop(release);
        result
    }));
    assert!(error.cause.starts_with("no answer in time"), "{error}");
}

#[test]
fn a_trickle_ends_at_the_deadline() {
    let begin = Instant::now();
    let serve = |mut stream: UnixStream| {
        request(&mut stream);
        // Never idle for long, never done.
        while stream.write_all(b"x").is_ok() {
            thread::sleep(QUICK.idle / 10);
        }
    };
    let error = broken(served(serve, |scgi| scgi.call(&Request::new("x"))));
    assert!(error.cause.starts_with("no answer in time"), "{error}");
    assert!(begin.elapsed() >= QUICK.total, "{:?}", begin.elapsed());
}

#[test]
fn a_full_queue_ends_after_the_connect_time() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("rpc.sock");
    let listener = rustix::net::socket(
        rustix::net::AddressFamily::UNIX,
        rustix::net::SocketType::STREAM,
        None,
    )
    .unwrap();
    let address = rustix::net::SocketAddrUnix::new(&socket).unwrap();
    rustix::net::bind(&listener, &address).unwrap();
    rustix::net::listen(&listener, 0).unwrap();
    // One connection waits in a queue of length zero; the second finds it full.
    let _first = UnixStream::connect(&socket).unwrap();
    let error = broken(never_in_all(&scgi(&socket)).call(&Request::new("x")));
    assert!(error.cause.starts_with("no answer in time"), "{error}");
}

#[test]
fn a_server_that_does_not_read_does_not_hold_us() {
    let (release, wait) = mpsc::channel::<()>();
    let serve = move |stream: UnixStream| {
        let _ = wait.recv();
        drop(stream);
    };
    let large = "x".repeat(8 << 20);
    let error = broken(served(serve, |scgi| {
        let result = scgi.call(&Request::new("x").arg(large.as_str()));
        drop(release);
        result
    }));
    assert!(error.cause.starts_with("no answer in time"), "{error}");
}

#[test]
fn who_is_not_there_is_named_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let ask = |path: &Path| broken(scgi(path).call(&Request::new("x")));
    let socket = dir.path().join("rpc.sock");

    let error = ask(&socket);
    let shown = socket.display();
    assert_eq!(
        error.to_string(),
        format!("could not reach rtorrent at `{shown}`: there is no such socket")
    );
    assert_eq!(
        error.hint.unwrap(),
        format!("is rtorrent running? Its rc file needs `network.scgi.open_local = {shown}`")
    );
    assert_eq!(ask(&dir.path().join("no/rpc.sock")).cause, "its directory is not there");

    drop(UnixListener::bind(&socket).unwrap());
    assert!(ask(&socket).cause.starts_with("nothing listens on it"));
    assert!(ask(&dir.path().join("x".repeat(120))).cause.contains("107 bytes"));
}

#[test]
fn who_may_not_connect_is_told_as_whom_to() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("rpc.sock");
    let _listener = UnixListener::bind(&socket).unwrap();
    std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o000)).unwrap();
    if nix::unistd::geteuid().is_root() {
        // Root may always connect: only the words can be looked at.
        let refused = io::ErrorKind::PermissionDenied.into();
        let error = refusal::unreachable(&Address::Unix(socket), QUICK, &refused);
        assert!(error.hint.unwrap().starts_with("user `root` needs write permission"));
    } else {
        let error = broken(scgi(&socket).call(&Request::new("x")));
        assert_eq!(error.cause, "permission denied");
        assert!(error.hint.unwrap().contains("needs write permission"));
    }
}

#[test]
fn tcp_is_an_address_too() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let scgi = Scgi::new(Address::Tcp(address), QUICK);
    thread::scope(|scope| {
        scope.spawn(|| drop(listener.accept().unwrap()));
        let error = broken(scgi.call(&Request::new("x")));
        assert!(error.cause.contains("closed the connection"), "{error}");
    });
    drop(listener);
    let error = broken(scgi.call(&Request::new("x")));
    assert_eq!(error.cause, "nothing listens there");
    assert!(error.hint.unwrap().contains("network.scgi.open_port"));
}

/// A listener of which the kernel takes no more connections: it drops what asks for one.
fn black_hole() -> (TcpListener, Vec<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    rustix::net::listen(&listener, 0).unwrap();
    let address = listener.local_addr().unwrap();
    let taken = std::iter::from_fn(|| TcpStream::connect_timeout(&address, QUICK.connect).ok());
    let taken = taken.collect();
    (listener, taken)
}

#[test]
fn a_black_hole_and_a_silent_peer_end_in_time() {
    let (hole, _taken) = black_hole();
    // Its kernel takes the connection and the request, and nobody looks at them.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    for listener in [&hole, &silent] {
        let address = listener.local_addr().unwrap().to_string();
        let scgi = never_in_all(&Scgi::new(Address::Tcp(address.clone()), QUICK));
        let error = broken(scgi.call(&Request::new("x")));
        assert_eq!(
            error.to_string(),
            format!(
                "could not reach rtorrent at `{address}`: no answer in time \
                 (0.3 s to connect, 0.3 s without a byte, 3600 s in all)"
            )
        );
        assert!(error.hint.unwrap().contains("firewall"));
    }
}

#[test]
fn every_address_of_a_name_is_tried() {
    // A container may have no /etc/hosts.
    let addresses: Vec<_> = match ("localhost", 0).to_socket_addrs() {
        Ok(addresses) => addresses.collect(),
        Err(reason) => return lab::skip(format!("localhost: {reason}")),
    };
    for listens_at in addresses {
        let listener = TcpListener::bind(listens_at).unwrap();
        let port = listener.local_addr().unwrap().port();
        let scgi = Scgi::new(Address::Tcp(format!("localhost:{port}")), QUICK);
        thread::scope(|scope| {
            scope.spawn(|| drop(listener.accept().unwrap()));
            let error = broken(scgi.call(&Request::new("x")));
            assert!(error.cause.contains("closed the connection"), "{listens_at}: {error}");
        });
        drop(listener);
        let error = broken(scgi.call(&Request::new("x")));
        assert_eq!(error.cause, "nothing listens there", "{listens_at}");
    }
}

#[test]
fn a_name_without_an_address_is_told_in_words() {
    // RFC 6761: never a name. Where no name server answers, that is told instead.
    let scgi = Scgi::new(Address::Tcp("rtorrent.invalid:5000".into()), QUICK);
    let error = broken(scgi.call(&Request::new("x"))).to_string();
    let begin = "could not reach rtorrent at `rtorrent.invalid:5000`: ";
    let cause = error.strip_prefix(begin).unwrap();
    assert!(
        cause.starts_with("its name has no address: ") || cause.starts_with("no answer in time"),
        "{error}"
    );
}
