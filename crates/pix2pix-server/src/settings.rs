//! Settings and limits of a server.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::time::Duration;

use pix2pix::data::picture::MIN_SIDE;

use crate::client::Proxy;
use crate::origin::Origin;

/// Settings and limits of a server. They bound its memory: the models, the translation of one picture of `pixels`, and
/// `memory` for everything else that requests bring.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Address and port to listen on.
    pub listen: SocketAddr,
    /// Further host names to accept, e.g. of a reverse proxy. They matter for a server on a loopback address without a
    /// token: it otherwise accepts only `localhost` and loopback addresses, as a defense against DNS rebinding.
    pub hosts: Vec<String>,
    /// Access token for the API; with `None`, anyone may use it.
    pub token: Option<String>,
    /// Sites whose scripts may use the API (CORS); none by default.
    pub cors: Vec<Origin>,
    /// Sites that may show the page in a frame; none by default.
    pub embed: Vec<Origin>,
    /// The proxies that are believed when they say for which client they ask (`X-Forwarded-For`); none by default.
    pub proxies: Vec<Proxy>,
    /// Largest number of pictures of one client in a minute; more are refused with status 429. `None` is no limit.
    pub rate: Option<NonZeroU32>,
    /// The page's own words.
    pub words: Words,
    /// Largest number of pictures waiting or being translated; more are refused with status 503.
    pub waiting: usize,
    /// Largest number of request bodies received at once; more are refused with status 503.
    pub uploads: usize,
    /// Largest number of request bodies received at once from one client.
    pub uploads_per_client: usize,
    /// Largest number of open connections. If there are more, the one that has been silent longest is closed.
    pub connections: usize,
    /// Largest number of open connections from one client.
    pub connections_per_client: usize,
    /// Memory for the bodies, pictures and results of all requests, in bytes; more are refused with status 503.
    pub memory: u64,
    /// Largest request body, in bytes, from [`LEAST_BODY`]; less if the [memory](Self::largest_body) has no room for it.
    pub body_bytes: usize,
    /// Largest picture, in pixels (width x height), from [`LEAST_PIXELS`].
    pub pixels: u64,
    /// Time limit for receiving a request's headers, again for its body, and for a client that does not read its answer.
    pub patience: Duration,
    /// Time limit for accepted requests when the server stops.
    pub grace: Duration,
}

/// What the page says and shows of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// Title, in the page and of its window.
    pub title: String,
    /// Text under the title: paragraphs, with an empty line between two. Web addresses in it become links.
    pub intro: String,
    /// Whether the page tells of networks, steps and times.
    pub details: bool,
}

impl Default for Words {
    fn default() -> Self {
        Self {
            title: "pix2pix".to_string(),
            intro: String::new(),
            details: true,
        }
    }
}

/// Copies of a body in memory: the one that grows, the one that it grows into, the one that is decoded.
pub const COPIES: u64 = 3;

/// The least that the largest picture may be, in pixels: those of the smallest picture, 16x16. With less, a server would refuse
/// every one.
pub const LEAST_PIXELS: u64 = (MIN_SIDE as u64).pow(2);
/// The least that the largest body may be, in bytes: enough for a picture of [`LEAST_PIXELS`].
pub const LEAST_BODY: usize = 4096;

impl Settings {
    /// Largest request body, in bytes, for which there is room in the memory of all requests.
    pub fn largest_body(&self) -> usize {
        let room = usize::try_from(self.memory / COPIES).unwrap_or(usize::MAX);
        self.body_bytes.min(room)
    }

    /// Whether a `Host` header (with or without a port) is accepted as a name of this server.
    pub fn is_own_name(&self, host: &str) -> bool {
        if self.token.is_some() || !self.listen.ip().is_loopback() {
            return true;
        }
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
            _ => host,
        };
        // the same name, written in full
        let name = name.strip_suffix('.').unwrap_or(name);
        let address = name
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse::<IpAddr>();
        address.is_ok_and(|address| address.is_loopback())
            || name.eq_ignore_ascii_case("localhost")
            || self.hosts.iter().any(|own| own.eq_ignore_ascii_case(name))
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            hosts: Vec::new(),
            token: None,
            cors: Vec::new(),
            embed: Vec::new(),
            proxies: Vec::new(),
            rate: None,
            words: Words::default(),
            waiting: 16,
            uploads: 32,
            uploads_per_client: 16,
            connections: 512,
            connections_per_client: 256,
            memory: 1 << 30,
            body_bytes: 16 << 20,
            pixels: 1 << 22,
            patience: Duration::from_secs(20),
            grace: Duration::from_secs(30),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_has_room_in_the_memory() {
        let plain = Settings::default();
        assert_eq!(plain.largest_body(), plain.body_bytes);
        let narrow = Settings {
            memory: 3000,
            ..plain
        };
        assert_eq!(narrow.largest_body(), 1000);
    }

    #[test]
    fn a_server_for_this_machine_has_local_names_alone() {
        let plain = Settings::default();
        for own in [
            "localhost",
            "LOCALHOST:8080",
            "localhost.",
            "localhost.:8080",
            "127.0.0.1:8080",
            "127.0.0.1",
            "[::1]:8080",
            "[::1]",
        ] {
            assert!(plain.is_own_name(own), "{own}");
        }
        for other in [
            "evil.example",
            "evil.example:8080",
            "localhost.evil.example",
            "evil.example.",
            "localhost..",
            "10.0.0.1",
            "",
        ] {
            assert!(!plain.is_own_name(other), "{other}");
        }
        let proxied = Settings {
            hosts: vec!["maps.example".to_string()],
            ..Settings::default()
        };
        assert!(proxied.is_own_name("maps.example") && proxied.is_own_name("maps.example."));
        assert!(!proxied.is_own_name("evil.example"));
        let guarded = Settings {
            token: Some("secret".to_string()),
            ..Settings::default()
        };
        let open = Settings {
            listen: SocketAddr::from(([0, 0, 0, 0], 8080)),
            ..Settings::default()
        };
        assert!(guarded.is_own_name("evil.example") && open.is_own_name("maps.example"));
    }
}
