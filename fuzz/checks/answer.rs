//! What must hold for any bytes that come back from where rtorrent should be.
//!
//! They take the whole way: out of a Unix socket, through the door, into a value or into an error.

use seedship::{
    error::Exit,
    scgi::{Address, Answer, Failure, Request, Scgi, Timeouts},
};
use std::{
    io::{Read, Write},
    net::Shutdown,
    os::unix::net::UnixListener,
    sync::{LazyLock, Mutex, mpsc},
    thread,
};

/// Somebody who answers every connection with the bytes that were handed in for it.
struct Other {
    door: Scgi,
    answers: mpsc::Sender<Vec<u8>>,
    _place: tempfile::TempDir,
}

static OTHER: LazyLock<Mutex<Other>> = LazyLock::new(|| {
    let place = tempfile::tempdir().unwrap();
    let socket = place.path().join("rpc.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let (answers, asked) = mpsc::channel::<Vec<u8>>();
    thread::spawn(move || {
        for answer in asked {
            let (mut peer, _) = listener.accept().unwrap();
            let mut request = [0; 4096];
            let _ = peer.read(&mut request);
            let _ = peer.write_all(&answer);
            let _ = peer.shutdown(Shutdown::Both);
        }
    });
    let door = Scgi::new(Address::Unix(socket), Timeouts::default());
    Mutex::new(Other { door, answers, _place: place })
});

/// Answers with these bytes, headers and all: a value, rtorrent's own refusal, or one error that
/// can be logged. Tells whether it was a value.
pub(crate) fn check(bytes: &[u8]) -> bool {
    let other = OTHER.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    other.answers.send(bytes.to_vec()).unwrap();
    let told = match other.door.call(&Request::new("d.name").arg("x")) {
        Ok(answer) => {
            taken(&answer, 0);
            let _ = answer.of_multicall();
            return true;
        }
        Err(failure) => failure,
    };
    let error = match told {
        Failure::Fault(fault) => {
            assert!(!fault.text.contains(char::is_control), "{:?}", fault.text);
            let _ = fault.is_unknown_download();
            Failure::Fault(fault).asking("d.name")
        }
        Failure::Broken(error) => error,
    };
    assert_eq!(error.exit, Exit::Unreachable, "{error}");
    assert!(!error.to_string().contains(char::is_control), "{error}");
    false
}

/// Every part can be asked for, and none lies deeper than is let in.
fn taken(answer: &Answer, depth: usize) {
    assert!(depth <= 64);
    match answer {
        Answer::List(items) => items.iter().for_each(|item| taken(item, depth + 1)),
        Answer::Struct(members) => members.values().for_each(|item| taken(item, depth + 1)),
        Answer::Integer(number) => assert_eq!(answer.integer(), Some(*number)),
        Answer::Text(bytes) => assert_eq!(answer.text(), Some(&bytes[..])),
        Answer::Other => {}
    }
}
