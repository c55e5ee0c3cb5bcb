//! What a server allows.

use std::net::SocketAddr;
use std::time::Duration;

/// What a server allows. Memory is bounded by `uploads` + `waiting` bodies of `body_bytes`, and one picture of `pixels`
/// under way.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it listens.
    pub listen: SocketAddr,
    /// What a request must bear to use the API; nothing lets everyone in.
    pub token: Option<String>,
    /// Pictures that wait or are translated at one time; one more is answered with 503.
    pub waiting: usize,
    /// Bodies that are received at one time; one more is answered with 503.
    pub uploads: usize,
    /// Largest body in bytes.
    pub body_bytes: usize,
    /// Most pixels of a picture.
    pub pixels: u64,
    /// How long a client may take for its request's head, and again for its body.
    pub patience: Duration,
    /// How long a stop waits for what is accepted.
    pub grace: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            token: None,
            waiting: 16,
            uploads: 32,
            body_bytes: 16 << 20,
            pixels: 1 << 22,
            patience: Duration::from_secs(20),
            grace: Duration::from_secs(30),
        }
    }
}
