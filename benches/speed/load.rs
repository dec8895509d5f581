//! The load: one thread, raw sockets and epoll, so that what is measured is the server. Bounded in time and number.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::event::epoll;

/// How many connections are kept open.
const CONNECTIONS: usize = 64;

/// What a saturating run showed.
pub struct Saturated {
    pub per_second: f64,
}

/// One whole answer, head and body.
pub fn one_answer(address: SocketAddr, request: &[u8]) -> Vec<u8> {
    let mut connection = Connection::open_to_wait(address);
    connection.exchange(request);
    connection.received
}

/// The median of requests that are made one after the other, in microseconds: on one connection, or each on a fresh one, whose opening
/// counts.
pub fn one_by_one(address: SocketAddr, request: &[u8], requests: usize, fresh: bool) -> f64 {
    let mut connection = Connection::open_to_wait(address);
    let mut taken = Vec::with_capacity(requests);
    for _ in 0..requests {
        if fresh {
            // containers do not come one upon the other
            std::thread::sleep(Duration::from_millis(5));
        }
        let begun = Instant::now();
        if fresh {
            connection = Connection::open_to_wait(address);
        }
        connection.exchange(request);
        taken.push(begun.elapsed().as_secs_f64() * 1e6);
    }
    crate::figures::median(taken)
}

/// The body of one answer, as text.
pub fn body(address: SocketAddr, request: &[u8]) -> String {
    let answer = one_answer(address, request);
    let (_, body) = split(&answer).expect("a whole answer");
    String::from_utf8(body.to_vec()).unwrap()
}

/// As many requests as go through 64 connections in `span`.
pub fn saturate(address: SocketAddr, request: &[u8], span: Duration) -> Saturated {
    let mut pool = Pool::open(address);
    for connection in &mut pool.connections {
        connection.socket.write_all(request).unwrap();
    }
    let (begun, mut answered) = (Instant::now(), 0_u64);
    while begun.elapsed() < span {
        for index in pool.ready(Duration::from_millis(100)) {
            let connection = &mut pool.connections[index];
            if connection.read() {
                answered += 1;
                connection.socket.write_all(request).unwrap();
            }
        }
    }
    Saturated { per_second: answered as f64 / begun.elapsed().as_secs_f64() }
}

/// The 99th percentile, in microseconds, at a fixed number of requests a second, each timed from when it was due.
pub fn steady(address: SocketAddr, request: &[u8], per_second: u32, span: Duration) -> f64 {
    let mut pool = Pool::open(address);
    let gap = Duration::from_secs(1) / per_second;
    let total = (span.as_secs_f64() * f64::from(per_second)) as u32;
    let (mut idle, mut due): (Vec<usize>, Vec<Instant>) =
        ((0..CONNECTIONS).collect(), vec![Instant::now(); CONNECTIONS]);
    let (mut sent, mut taken) = (0_u32, Vec::with_capacity(total as usize));
    let begun = Instant::now();
    while taken.len() < total as usize {
        assert!(begun.elapsed() < span * 10, "the server does not keep up");
        while sent < total && begun.elapsed() >= gap * sent {
            let Some(index) = idle.pop() else { break };
            due[index] = begun + gap * sent;
            pool.connections[index].socket.write_all(request).unwrap();
            sent += 1;
        }
        // A load that spins would take one of two processors from the server, and measure the scheduler.
        let due_next = if sent < total && !idle.is_empty() { gap * sent } else { Duration::MAX };
        for index in pool.ready(due_next.saturating_sub(begun.elapsed()).min(Duration::from_millis(100))) {
            if pool.connections[index].read() {
                taken.push(due[index].elapsed());
                idle.push(index);
            }
        }
    }
    taken.sort_unstable();
    taken[taken.len() * 99 / 100].as_secs_f64() * 1e6
}

/// Head and body of an answer, once its head is whole.
pub fn split(answer: &[u8]) -> Option<(&str, &[u8])> {
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    Some((std::str::from_utf8(&answer[..end]).ok()?, &answer[end + 4..]))
}

struct Connection {
    socket: TcpStream,
    received: Vec<u8>,
    /// The length of a whole answer, once known: every answer of a run has the same.
    whole: Option<usize>,
}

impl Connection {
    fn open(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).unwrap();
        socket.set_nodelay(true).unwrap();
        socket.set_nonblocking(true).unwrap();
        Self { socket, received: Vec::with_capacity(4 << 10), whole: None }
    }

    /// The same for who waits for each answer.
    fn open_to_wait(address: SocketAddr) -> Self {
        let connection = Self::open(address);
        connection.socket.set_nonblocking(false).unwrap();
        connection.socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        connection
    }

    /// Sends a request and waits for its answer, which must be a good one.
    fn exchange(&mut self, request: &[u8]) {
        self.received.clear();
        self.socket.write_all(request).unwrap();
        while !self.answered() {
            let mut bytes = [0; 16 << 10];
            let read = self.socket.read(&mut bytes).unwrap();
            assert!(read > 0, "the server closed the connection");
            self.received.extend_from_slice(&bytes[..read]);
        }
        assert!(self.received.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&self.received));
    }

    fn answered(&mut self) -> bool {
        if self.whole.is_none() {
            self.whole = split(&self.received).map(|(head, _)| {
                let length = head.lines().find_map(|line| {
                    line.to_ascii_lowercase()
                        .strip_prefix("content-length:")
                        .map(|n| n.trim().parse::<usize>().unwrap())
                });
                head.len() + 4 + length.expect("an answer with a length")
            });
        }
        self.whole.is_some_and(|whole| self.received.len() >= whole)
    }

    /// Reads what is there; whether an answer is whole, which is then checked and forgotten.
    fn read(&mut self) -> bool {
        let mut bytes = [0; 4 << 10];
        match self.socket.read(&mut bytes) {
            Ok(0) => panic!("the server closed a connection"),
            Ok(read) => self.received.extend_from_slice(&bytes[..read]),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return false,
            Err(error) => panic!("{error}"),
        }
        if !self.answered() {
            return false;
        }
        assert!(self.received.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&self.received));
        self.received.clear();
        true
    }
}

struct Pool {
    connections: Vec<Connection>,
    poll: rustix::fd::OwnedFd,
    events: Vec<epoll::Event>,
}

impl Pool {
    fn open(address: SocketAddr) -> Self {
        let poll = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
        let connections: Vec<Connection> = (0..CONNECTIONS).map(|_| Connection::open(address)).collect();
        for (index, connection) in connections.iter().enumerate() {
            let data = epoll::EventData::new_u64(index as u64);
            epoll::add(&poll, &connection.socket, data, epoll::EventFlags::IN).unwrap();
        }
        Self { connections, poll, events: Vec::with_capacity(CONNECTIONS) }
    }

    fn ready(&mut self, patience: Duration) -> Vec<usize> {
        self.events.clear();
        let patience =
            rustix::event::Timespec { tv_sec: patience.as_secs() as i64, tv_nsec: i64::from(patience.subsec_nanos()) };
        let _ = epoll::wait(&self.poll, rustix::buffer::spare_capacity(&mut self.events), Some(&patience));
        self.events.iter().map(|event| event.data.u64() as usize).collect()
    }
}
