//! Which requests come from the same client.

use std::net::{IpAddr, Ipv6Addr};

/// Bits of an IPv6 address that are the network's: the others a client chooses as it likes.
const NETWORK: u32 = 64;

/// The address by which a client's connections and uploads are counted.
pub fn client(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = u128::from(address) & (u128::MAX << (128 - NETWORK));
            IpAddr::V6(Ipv6Addr::from(network))
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_an_address_or_a_network() {
        let same =
            |one: &str, other: &str| client(one.parse().unwrap()) == client(other.parse().unwrap());
        assert!(same("10.0.0.1", "::ffff:10.0.0.1") && !same("10.0.0.1", "10.0.0.2"));
        assert!(same("2001:db8::1", "2001:db8::2:1") && !same("2001:db8::1", "2001:db8:0:1::1"));
    }
}
