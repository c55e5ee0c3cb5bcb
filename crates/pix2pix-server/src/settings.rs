//! What a server allows.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// What a server allows. Memory is bounded by `uploads` + `waiting` bodies of `body_bytes`, and one picture of `pixels`
/// under way.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Names under which a proxy offers a server that listens to this machine alone and has no token; such a server is
    /// otherwise for `localhost`, so that no other site's name can be made to mean it (DNS rebinding).
    pub hosts: Vec<String>,
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

impl Settings {
    /// Whether a request may name a host (with or without a port) as this server.
    pub fn is_own_name(&self, host: &str) -> bool {
        if self.token.is_some() || !self.listen.ip().is_loopback() {
            return true;
        }
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
            _ => host,
        };
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
            waiting: 16,
            uploads: 32,
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
    fn a_server_for_this_machine_has_local_names_alone() {
        let plain = Settings::default();
        for own in [
            "localhost",
            "LOCALHOST:8080",
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
            "10.0.0.1",
            "",
        ] {
            assert!(!plain.is_own_name(other), "{other}");
        }
        let proxied = Settings {
            hosts: vec!["maps.example".to_string()],
            ..Settings::default()
        };
        assert!(proxied.is_own_name("maps.example") && !proxied.is_own_name("evil.example"));
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
