//! The open connections: at most so many in all and from one client. A new one is never kept waiting by silent ones: of the
//! client with most connections among those that have silent ones, the one that has been silent longest gives way to it.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::future::{Future, Ready, ready};
use std::io::{self, IoSlice};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::Extension;
use axum::middleware::AddExtension;
use axum_server::accept::Accept;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::Sleep;
use tower_layer::Layer;

use crate::client::{Proxy, client, is_proxy};
use crate::settings::Settings;

/// The open connections of a server.
#[derive(Clone)]
pub struct Connections(Arc<Shared>);

struct Shared {
    most: usize,
    most_per_client: usize,
    /// Their connections are those of many clients.
    proxies: Vec<Proxy>,
    /// Time limit for a client that does not read its answer.
    patience: Duration,
    begun: Instant,
    open: Mutex<HashMap<u64, Open>>,
    next: AtomicU64,
}

/// An open connection; it is closed when this is dropped.
struct Open {
    connection: Arc<Connection>,
    _close: oneshot::Sender<()>,
}

/// What a connection is doing.
#[derive(Debug)]
pub struct Connection {
    /// The address at its other end.
    pub peer: IpAddr,
    /// The client by which it is counted.
    client: IpAddr,
    /// Time of its last byte, in milliseconds since the server began.
    last: AtomicU64,
    /// Number of its requests that are being answered.
    answering: AtomicUsize,
}

impl Connection {
    /// Marks the connection as one whose request is being answered, and which does not give way meanwhile.
    pub fn answering(self: &Arc<Self>) -> Answering {
        self.answering.fetch_add(1, Ordering::Relaxed);
        Answering(self.clone())
    }
}

/// A request that is being answered, until this is dropped.
pub struct Answering(Arc<Connection>);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.answering.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Connections {
    /// No connections, with the limits of the settings, and of the system on this process's open files.
    pub fn new(settings: &Settings) -> Self {
        Self(Arc::new(Shared {
            most: settings.connections.min(descriptors()),
            most_per_client: settings.connections_per_client,
            proxies: settings.proxies.clone(),
            patience: settings.patience,
            begun: Instant::now(),
            open: Mutex::default(),
            next: AtomicU64::new(0),
        }))
    }

    /// Takes a connection, if need be in place of another one. `None` if none can give way.
    fn admit(&self, peer: IpAddr) -> Option<(u64, Arc<Connection>, oneshot::Receiver<()>)> {
        let (shared, client) = (&self.0, client(peer));
        let most_per_client = match is_proxy(peer, &shared.proxies) {
            true => usize::MAX,
            false => shared.most_per_client,
        };
        let mut open = shared.open();
        let mut counts: HashMap<IpAddr, usize> = HashMap::new();
        for one in open.values() {
            *counts.entry(one.connection.client).or_default() += 1;
        }
        let own = counts.get(&client).copied().unwrap_or_default();
        if own >= most_per_client || open.len() >= shared.most {
            // of the client that has too many, or else of the one that has most
            let has_too_many = own >= most_per_client;
            let silent = open.iter().filter(|(_, one)| {
                let connection = &one.connection;
                let may_be = !has_too_many || connection.client == client;
                may_be && connection.answering.load(Ordering::Relaxed) == 0
            });
            let first = silent.min_by_key(|(_, one)| {
                let connection = &one.connection;
                let since = connection.last.load(Ordering::Relaxed);
                (Reverse(counts[&connection.client]), since)
            });
            let first = *first?.0;
            open.remove(&first);
        }
        let connection = Arc::new(Connection {
            peer,
            client,
            last: AtomicU64::new(shared.now()),
            answering: AtomicUsize::new(0),
        });
        let (close, closed) = oneshot::channel();
        let number = shared.next.fetch_add(1, Ordering::Relaxed);
        let one = Open {
            connection: connection.clone(),
            _close: close,
        };
        open.insert(number, one);
        Some((number, connection, closed))
    }
}

impl Shared {
    fn open(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> u64 {
        self.begun.elapsed().as_millis() as u64
    }
}

/// Number of connections for which the process may open descriptors; some are for files.
#[cfg(unix)]
fn descriptors() -> usize {
    let soft = rlimit::getrlimit(rlimit::Resource::NOFILE).map_or(u64::MAX, |limits| limits.0);
    usize::try_from(soft / 4 * 3).unwrap_or(usize::MAX).max(1)
}

/// Elsewhere there is no limit that would be reached.
#[cfg(not(unix))]
fn descriptors() -> usize {
    usize::MAX
}

impl<S> Accept<TcpStream, S> for Connections {
    type Stream = Watched;
    type Service = AddExtension<S, Arc<Connection>>;
    type Future = Ready<io::Result<(Self::Stream, Self::Service)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let admitted = stream.peer_addr().and_then(|address| {
            let full = || io::Error::other("too many connections");
            self.admit(address.ip()).ok_or_else(full)
        });
        ready(admitted.map(|(number, connection, closed)| {
            let service = Extension(connection.clone()).layer(service);
            let stream = Watched {
                stream,
                connections: self.clone(),
                number,
                connection,
                closed,
                stalled: None,
            };
            (stream, service)
        }))
    }
}

/// A connection's stream. It ends when the connection gives way, or its client does not read.
pub struct Watched {
    stream: TcpStream,
    connections: Connections,
    number: u64,
    connection: Arc<Connection>,
    closed: oneshot::Receiver<()>,
    /// Runs while the client does not read.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Watched {
    /// The error if it has given way.
    fn check_open(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        match Pin::new(&mut self.closed).poll(cx) {
            Poll::Ready(_) => Err(io::ErrorKind::ConnectionAborted.into()),
            Poll::Pending => Ok(()),
        }
    }

    /// Notes that bytes went in or out.
    fn moved(&mut self) {
        self.stalled = None;
        let now = self.connections.0.now();
        self.connection.last.store(now, Ordering::Relaxed);
    }

    /// The result of a write, or an error if the client has not read for too long.
    fn written(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.moved();
            return written;
        }
        let patience = self.connections.0.patience;
        let stalled = self
            .stalled
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        stalled
            .as_mut()
            .poll(cx)
            .map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.connections.0.open().remove(&self.number);
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check_open(cx)?;
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.moved();
        }
        read
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check_open(cx)?;
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.written(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check_open(cx)?;
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.written(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limited(connections: usize, connections_per_client: usize) -> Connections {
        Connections::new(&Settings {
            connections,
            connections_per_client,
            ..Settings::default()
        })
    }

    #[test]
    fn the_longest_silent_one_of_the_largest_client_gives_way() {
        let connections = limited(4, 3);
        let [many, few] = [1, 2].map(|last| IpAddr::from([10, 0, 0, last]));
        let take = |client| connections.admit(client).unwrap();
        let mut lone = take(few);
        let mut of_many: Vec<_> = (0..3).map(|_| take(many)).collect();
        for (last, (_, connection, _)) in (1..).zip(&of_many) {
            connection.last.store(last, Ordering::Relaxed);
        }
        lone.1.last.store(0, Ordering::Relaxed);
        let is_closed = |one: &mut (u64, Arc<Connection>, oneshot::Receiver<()>)| {
            one.2.try_recv() == Err(oneshot::error::TryRecvError::Closed)
        };
        // the first of three is being answered, so that the second goes
        let answering = of_many[0].1.answering();
        let mut new = take(few);
        assert!(!is_closed(&mut lone) && !is_closed(&mut new));
        let closed: Vec<bool> = of_many.iter_mut().map(is_closed).collect();
        assert_eq!(closed, [false, true, false]);
        // nobody gives way who is being answered
        let _others = of_many[2].1.answering();
        let connections = limited(1, 1);
        let only = connections.admit(many).unwrap();
        let _only = only.1.answering();
        assert!(connections.admit(many).is_none() && connections.admit(few).is_none());
        drop(answering);
        // if the largest client is being answered, a silent one of another gives way
        let connections = limited(3, 3);
        let of_many = [many; 2].map(|client| connections.admit(client).unwrap());
        let _answering = of_many.each_ref().map(|(_, one, _)| one.answering());
        let mut lone = connections.admit(few).unwrap();
        let new = connections.admit(IpAddr::from([10, 0, 0, 3]));
        assert!(new.is_some() && is_closed(&mut lone));
        // a proxy's connections are those of many clients
        let connections = Connections::new(&Settings {
            connections: 3,
            connections_per_client: 1,
            proxies: vec!["10.0.0.1".parse().unwrap()],
            ..Settings::default()
        });
        let mut of_proxy = [many; 3].map(|proxy| connections.admit(proxy).unwrap());
        assert!(of_proxy.iter_mut().all(|one| !is_closed(one)));
    }
}
