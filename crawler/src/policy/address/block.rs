//! What an address is for. Sources: the IANA registries of special-purpose addresses (RFC 6890), each block with its
//! own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};
use thiserror::Error;

/// What a block of addresses is for, if not for the public internet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum Block {
    /// No address, or one of "this network".
    #[error("unspecified")]
    Unspecified,
    /// The machine itself.
    #[error("loopback")]
    Loopback,
    /// A private network.
    #[error("private")]
    Private,
    /// The link alone; clouds keep their credentials there.
    #[error("link-local")]
    LinkLocal,
    /// Between a provider and its customers.
    #[error("shared by a provider's customers")]
    Shared,
    /// A group of machines.
    #[error("multicast")]
    Multicast,
    /// All machines of a network.
    #[error("broadcast")]
    Broadcast,
    /// Examples in documents.
    #[error("for documentation")]
    Documentation,
    /// Measurements in laboratories.
    #[error("for benchmarks")]
    Benchmarking,
    /// An IPv4 address in the form of an IPv6 one, which may be any of the others.
    #[error("an embedded IPv4 address")]
    Embedded,
    /// Set aside by a protocol, or for later.
    #[error("reserved")]
    Reserved,
}

impl Block {
    /// Returns the reason's code, as it stands in records.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unspecified => "address-unspecified",
            Self::Loopback => "address-loopback",
            Self::Private => "address-private",
            Self::LinkLocal => "address-link-local",
            Self::Shared => "address-shared",
            Self::Multicast => "address-multicast",
            Self::Broadcast => "address-broadcast",
            Self::Documentation => "address-documentation",
            Self::Benchmarking => "address-benchmarking",
            Self::Embedded => "address-embedded",
            Self::Reserved => "address-reserved",
        }
    }

    /// Returns the block that keeps an address from being one of the public internet.
    ///
    /// ```
    /// use crawler::policy::address::Block;
    ///
    /// let refused = Block::of("169.254.169.254".parse()?);
    /// assert_eq!(refused.map(Block::code), Some("address-link-local"));
    /// assert_eq!(Block::of("9.9.9.9".parse()?), None);
    /// # Ok::<(), std::net::AddrParseError>(())
    /// ```
    #[must_use]
    pub fn of(address: IpAddr) -> Option<Self> {
        match address {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => Self::of_v6(address),
        }
    }

    fn of_v4(address: Ipv4Addr) -> Option<Self> {
        let known = V4.iter().find(|(block, _)| block.contains(&address));
        known.map(|(_, what)| *what)
    }

    fn of_v6(address: Ipv6Addr) -> Option<Self> {
        if NAT64.contains(&address) {
            // Where IPv6 is all there is, every IPv4 server is reached so, and only a public one may be.
            // Source: RFC 6052 §3.1.
            let [.., a, b, c, d] = address.octets();
            return Self::of_v4(Ipv4Addr::new(a, b, c, d));
        }
        let known = V6.iter().find(|(block, _)| block.contains(&address));
        match known {
            Some((_, what)) => Some(*what),
            // What IANA has not given out yet can't be a server. Source: RFC 4291 §2.4, IANA's global unicast registry.
            None => (!GLOBAL_UNICAST.contains(&address)).then_some(Self::Reserved),
        }
    }
}

const fn v4(a: u8, b: u8, c: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, 0), prefix)
}

const fn v6(a: u16, b: u16, c: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), prefix)
}

/// The first block that holds an address names it, so a smaller one stands before the larger one around it.
const V4: [(Ipv4Net, Block); 17] = [
    // RFC 791 §3.2, RFC 1122 §3.2.1.3.
    (v4(0, 0, 0, 8), Block::Unspecified),
    // RFC 1918.
    (v4(10, 0, 0, 8), Block::Private),
    // RFC 6598.
    (v4(100, 64, 0, 10), Block::Shared),
    // RFC 1122 §3.2.1.3.
    (v4(127, 0, 0, 8), Block::Loopback),
    // RFC 3927.
    (v4(169, 254, 0, 16), Block::LinkLocal),
    // RFC 1918.
    (v4(172, 16, 0, 12), Block::Private),
    // RFC 6890 §2.1.
    (v4(192, 0, 0, 24), Block::Reserved),
    // RFC 5737.
    (v4(192, 0, 2, 24), Block::Documentation),
    // RFC 7526: relays from IPv4 to 6to4, given up.
    (v4(192, 88, 99, 24), Block::Reserved),
    // RFC 1918.
    (v4(192, 168, 0, 16), Block::Private),
    // RFC 2544.
    (v4(198, 18, 0, 15), Block::Benchmarking),
    // RFC 5737.
    (v4(198, 51, 100, 24), Block::Documentation),
    (v4(203, 0, 113, 24), Block::Documentation),
    // RFC 6676.
    (v4(233, 252, 0, 24), Block::Documentation),
    // RFC 5771.
    (v4(224, 0, 0, 4), Block::Multicast),
    // RFC 919.
    (
        Ipv4Net::new_assert(Ipv4Addr::BROADCAST, 32),
        Block::Broadcast,
    ),
    // RFC 1112 §4.
    (v4(240, 0, 0, 4), Block::Reserved),
];

/// RFC 6052 §2.1.
const NAT64: Ipv6Net = v6(0x64, 0xff9b, 0, 96);
/// RFC 4291 §2.4.
const GLOBAL_UNICAST: Ipv6Net = v6(0x2000, 0, 0, 3);

/// As [`V4`]; what lies outside of [`GLOBAL_UNICAST`] stands here only for its name.
const V6: [(Ipv6Net, Block); 17] = [
    // RFC 4291 §2.5.2, §2.5.3.
    (
        Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 128),
        Block::Unspecified,
    ),
    (
        Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128),
        Block::Loopback,
    ),
    // RFC 4291 §2.5.5.2 (mapped), §2.5.5.1 (compatible), RFC 2765 §2.1 (translated).
    (
        Ipv6Net::new_assert(Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96),
        Block::Embedded,
    ),
    (v6(0, 0, 0, 96), Block::Embedded),
    (
        Ipv6Net::new_assert(Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, 0, 0), 96),
        Block::Embedded,
    ),
    // RFC 8215.
    (v6(0x64, 0xff9b, 1, 48), Block::Embedded),
    // RFC 4380 (Teredo).
    (v6(0x2001, 0, 0, 32), Block::Embedded),
    // RFC 5180.
    (v6(0x2001, 2, 0, 48), Block::Benchmarking),
    // RFC 2928.
    (v6(0x2001, 0, 0, 23), Block::Reserved),
    // RFC 3849, RFC 9637.
    (v6(0x2001, 0xdb8, 0, 32), Block::Documentation),
    (v6(0x3fff, 0, 0, 20), Block::Documentation),
    // RFC 3056 (6to4).
    (v6(0x2002, 0, 0, 16), Block::Embedded),
    // RFC 3701: the 6bone, given back.
    (v6(0x3ffe, 0, 0, 16), Block::Reserved),
    // RFC 4193.
    (v6(0xfc00, 0, 0, 7), Block::Private),
    // RFC 3879: site-local, given up.
    (v6(0xfec0, 0, 0, 10), Block::Private),
    // RFC 4291 §2.5.6, §2.7.
    (v6(0xfe80, 0, 0, 10), Block::LinkLocal),
    (v6(0xff00, 0, 0, 8), Block::Multicast),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks the addresses at both ends of a block.
    fn check(first: &str, last: &str, block: Block) {
        for address in [first, last] {
            let address = address.parse().unwrap();
            assert_eq!(Block::of(address), Some(block), "{address}");
        }
    }

    fn check_public(addresses: &[&str]) {
        for address in addresses {
            assert_eq!(Block::of(address.parse().unwrap()), None, "{address}");
        }
    }

    #[test]
    fn each_block_of_ipv4_is_known_from_its_first_to_its_last_address() {
        check("0.0.0.0", "0.255.255.255", Block::Unspecified);
        check("10.0.0.0", "10.255.255.255", Block::Private);
        check("100.64.0.0", "100.127.255.255", Block::Shared);
        check("127.0.0.0", "127.255.255.255", Block::Loopback);
        check("169.254.0.0", "169.254.255.255", Block::LinkLocal);
        check("172.16.0.0", "172.31.255.255", Block::Private);
        check("192.0.0.0", "192.0.0.255", Block::Reserved);
        check("192.0.2.0", "192.0.2.255", Block::Documentation);
        check("192.88.99.0", "192.88.99.255", Block::Reserved);
        check("192.168.0.0", "192.168.255.255", Block::Private);
        check("198.18.0.0", "198.19.255.255", Block::Benchmarking);
        check("198.51.100.0", "198.51.100.255", Block::Documentation);
        check("203.0.113.0", "203.0.113.255", Block::Documentation);
        check("224.0.0.0", "239.255.255.255", Block::Multicast);
        check("233.252.0.0", "233.252.0.255", Block::Documentation);
        check("240.0.0.0", "255.255.255.254", Block::Reserved);
        check("255.255.255.255", "255.255.255.255", Block::Broadcast);
    }

    #[test]
    fn the_addresses_beside_the_blocks_of_ipv4_are_public() {
        check_public(&[
            "1.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
        ]);
        check_public(&[
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
        ]);
        check_public(&[
            "172.15.255.255",
            "172.32.0.0",
            "191.255.255.255",
            "192.0.1.0",
            "192.0.3.0",
        ]);
        check_public(&[
            "192.88.98.255",
            "192.88.100.0",
            "192.167.255.255",
            "192.169.0.0",
        ]);
        check_public(&[
            "198.17.255.255",
            "198.20.0.0",
            "198.51.99.255",
            "198.51.101.0",
        ]);
        check_public(&["203.0.112.255", "203.0.114.0", "223.255.255.255", "8.8.8.8"]);
    }

    #[test]
    fn each_block_of_ipv6_is_known_from_its_first_to_its_last_address() {
        check("::", "::", Block::Unspecified);
        check("::1", "::1", Block::Loopback);
        check("::2", "::ffff:ffff", Block::Embedded);
        check("::ffff:0:0", "::ffff:8.8.8.8", Block::Embedded);
        check("::ffff:0:0:0", "::ffff:0:ffff:ffff", Block::Embedded);
        check(
            "64:ff9b:1::",
            "64:ff9b:1:ffff:ffff:ffff:ffff:ffff",
            Block::Embedded,
        );
        check(
            "2001::",
            "2001:0:ffff:ffff:ffff:ffff:ffff:ffff",
            Block::Embedded,
        );
        check(
            "2001:2::",
            "2001:2:0:ffff:ffff:ffff:ffff:ffff",
            Block::Benchmarking,
        );
        check(
            "2001:10::",
            "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff",
            Block::Reserved,
        );
        check(
            "2001:db8::",
            "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
            Block::Documentation,
        );
        check("2002::", "2002:808:808::1", Block::Embedded);
        check("3ffe::", "3ffe:ffff::", Block::Reserved);
        check(
            "3fff::",
            "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff",
            Block::Documentation,
        );
        check(
            "fc00::",
            "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            Block::Private,
        );
        check(
            "fe80::",
            "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            Block::LinkLocal,
        );
        check(
            "fec0::",
            "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            Block::Private,
        );
        check(
            "ff00::",
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            Block::Multicast,
        );
    }

    #[test]
    fn what_is_not_given_out_yet_is_refused() {
        check("100::", "100::ffff:ffff:ffff:ffff", Block::Reserved);
        check("5f00::", "5f00::1", Block::Reserved);
        check("1fff:ffff::", "4000::", Block::Reserved);
    }

    #[test]
    fn servers_of_ipv6_are_public() {
        check_public(&[
            "2001:200::",
            "2001:4860:4860::8888",
            "2001:db7::",
            "2001:db9::",
            "2003::",
        ]);
        check_public(&["2606:4700:4700::1111", "2a00::", "3fff:1000::"]);
    }

    #[test]
    fn an_address_behind_nat64_is_what_it_embeds() {
        check_public(&["64:ff9b::8.8.8.8"]);
        check("64:ff9b::127.0.0.1", "64:ff9b::7fff:ffff", Block::Loopback);
        check(
            "64:ff9b::169.254.169.254",
            "64:ff9b::169.254.0.1",
            Block::LinkLocal,
        );
    }
}
