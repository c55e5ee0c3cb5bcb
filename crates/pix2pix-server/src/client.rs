//! Which requests come from the same client.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use axum::http::HeaderMap;
use ipnet::IpNet;
use serde::Deserialize;

/// Bits of an IPv6 address that are the network's: the others a client chooses as it likes.
const NETWORK: u32 = 64;
/// The header in which a proxy appends the address that asks it.
const FORWARDED: &str = "x-forwarded-for";

/// The address by which a client's connections, uploads and pictures are counted.
pub fn client(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = u128::from(address) & (u128::MAX << (128 - NETWORK));
            IpAddr::V6(Ipv6Addr::from(network))
        }
        address => address,
    }
}

/// The address, or the network, of a proxy, e.g. `127.0.0.1` or `172.16.0.0/12`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Proxy(IpNet);

impl FromStr for Proxy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let address = || text.parse::<IpAddr>().map(IpNet::from);
        let parsed = text.parse::<IpNet>().or_else(|_| address());
        let wrong = |_| {
            format!(
                "{text:?} is no address or network: give 127.0.0.1 or 172.16.0.0/12, for example"
            )
        };
        parsed
            .map(|network| Self(canonical(network)))
            .map_err(wrong)
    }
}

/// A network of IPv4 addresses in IPv6 form (`::ffff:10.0.0.0/104`) as what it is, as connections' addresses are.
fn canonical(network: IpNet) -> IpNet {
    /// Bits before an IPv4 address in its IPv6 form.
    const BEFORE: u8 = 96;
    let bits = network.prefix_len().checked_sub(BEFORE);
    match (network.addr().to_canonical(), network, bits) {
        (address @ IpAddr::V4(_), IpNet::V6(_), Some(bits)) => {
            IpNet::new(address, bits).unwrap_or(network)
        }
        _ => network,
    }
}

impl TryFrom<String> for Proxy {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// Whether an address is one of these proxies'.
pub fn is_proxy(address: IpAddr, proxies: &[Proxy]) -> bool {
    let address = address.to_canonical();
    proxies.iter().any(|proxy| proxy.0.contains(&address))
}

/// The address that a request comes from: that of its connection, or what the proxies at the other end tell of it. Every
/// proxy appends the address that asks it, so that the last one that is no proxy's is the client's; what stands before
/// it is the client's own claim.
pub fn asking(peer: IpAddr, headers: &HeaderMap, proxies: &[Proxy]) -> IpAddr {
    let mut found = peer;
    let lines = headers.get_all(FORWARDED).iter().rev();
    // a claim that is no text spoils only itself
    let told = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
    for address in told {
        if !is_proxy(found, proxies) {
            break;
        }
        let address = str::from_utf8(address).unwrap_or_default().trim();
        let with_port = || address.parse::<SocketAddr>().map(|address| address.ip());
        let bare = address.strip_prefix('[');
        let bare = bare.and_then(|rest| rest.strip_suffix(']'));
        match bare.unwrap_or(address).parse().or_else(|_| with_port()) {
            Ok(address) => found = address,
            Err(_) => break,
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_client_is_an_address_or_a_network() {
        let same = |one: &str, other: &str| client(address(one)) == client(address(other));
        assert!(same("10.0.0.1", "::ffff:10.0.0.1") && !same("10.0.0.1", "10.0.0.2"));
        assert!(same("2001:db8::1", "2001:db8::2:1") && !same("2001:db8::1", "2001:db8:0:1::1"));
    }

    #[test]
    fn proxies_are_believed_and_clients_are_not() {
        let proxies: Vec<Proxy> = ["127.0.0.1", "172.16.0.0/12"]
            .map(|p| p.parse().unwrap())
            .into();
        for (peer, told, from) in [
            ("203.0.113.9", vec!["198.51.100.1"], "203.0.113.9"),
            ("127.0.0.1", vec![], "127.0.0.1"),
            ("127.0.0.1", vec!["198.51.100.1"], "198.51.100.1"),
            ("::ffff:127.0.0.1", vec!["198.51.100.1"], "198.51.100.1"),
            // what the client claims stands first
            ("127.0.0.1", vec!["10.9.8.7, 198.51.100.1"], "198.51.100.1"),
            (
                "127.0.0.1",
                vec!["10.9.8.7", "198.51.100.1"],
                "198.51.100.1",
            ),
            (
                "172.17.0.2",
                vec!["198.51.100.1, 127.0.0.1"],
                "198.51.100.1",
            ),
            ("127.0.0.1", vec!["198.51.100.1:4711"], "198.51.100.1"),
            ("127.0.0.1", vec!["[2001:db8::1]:4711"], "2001:db8::1"),
            ("127.0.0.1", vec!["[2001:db8::1]"], "2001:db8::1"),
            ("127.0.0.1", vec!["2001:db8::1"], "2001:db8::1"),
            ("127.0.0.1", vec!["198.51.100.1, unknown"], "127.0.0.1"),
            ("127.0.0.1", vec!["é, 198.51.100.1"], "198.51.100.1"),
        ] {
            let mut headers = HeaderMap::new();
            for line in &told {
                headers.append(FORWARDED, HeaderValue::from_bytes(line.as_bytes()).unwrap());
            }
            assert_eq!(
                asking(address(peer), &headers, &proxies),
                address(from),
                "{told:?}"
            );
            assert_eq!(asking(address(peer), &headers, &[]), address(peer));
        }
        assert!("nginx".parse::<Proxy>().is_err());
    }

    #[test]
    fn a_proxy_may_be_given_in_the_form_of_ipv6() {
        let is =
            |network: &str, asking: &str| is_proxy(address(asking), &[network.parse().unwrap()]);
        assert!(is("::ffff:10.0.0.1", "10.0.0.1") && !is("::ffff:10.0.0.1", "10.0.0.2"));
        assert!(is("::ffff:10.0.0.0/104", "10.9.9.9") && !is("::ffff:10.0.0.0/104", "11.0.0.1"));
        assert!(is("2001:db8::/32", "2001:db8::1") && is("10.0.0.0/8", "::ffff:10.1.1.1"));
    }
}
