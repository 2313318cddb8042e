//! Somebody else who listens: takes whatever comes, answers as a proxy, and remembers every byte.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use dt_cred_tests::parts::BOUND;

/// A listener on loopback. What asks it for a tunnel gets one, to the place that was given.
pub(crate) struct Listener {
    address: String,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Listener {
    /// One whose tunnels all lead to `to`, a host and a port.
    pub(crate) fn leading_to(to: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let (heard, to) = (Arc::<Mutex<Vec<u8>>>::default(), to.to_owned());
        let shared = Arc::clone(&heard);
        // It ends with the process: whoever connects to it has ended before.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (heard, to) = (Arc::clone(&heard), to.clone());
                // A client may leave at any time.
                thread::spawn(move || drop(serve(stream, &to, &heard)));
            }
        });
        Self { address, heard: shared }
    }

    /// Its address: a host and a port.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Every byte that came.
    pub(crate) fn heard(&self) -> Vec<u8> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn serve(mut client: TcpStream, to: &str, heard: &Arc<Mutex<Vec<u8>>>) -> std::io::Result<()> {
    client.set_read_timeout(Some(BOUND))?;
    let mut some = [0; 4096];
    let read = client.read(&mut some)?;
    note(heard, &some[..read]);
    if !some.starts_with(b"CONNECT ") {
        client.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")?;
        // The rest of what it sends.
        while let read @ 1.. = client.read(&mut some)? {
            note(heard, &some[..read]);
        }
        return Ok(());
    }
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
    let server = TcpStream::connect(to)?;
    let (mut back, mut forth) = (client.try_clone()?, server.try_clone()?);
    let backwards = thread::spawn(move || std::io::copy(&mut forth, &mut back));
    let mut server = server;
    while let read @ 1.. = client.read(&mut some)? {
        note(heard, &some[..read]);
        server.write_all(&some[..read])?;
    }
    server.shutdown(Shutdown::Write)?;
    let _ = backwards.join();
    Ok(())
}

fn note(heard: &Mutex<Vec<u8>>, bytes: &[u8]) {
    heard.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
}
