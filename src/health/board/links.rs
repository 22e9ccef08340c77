//! Network interfaces: whether there is a cable, and under which addresses the device is found.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its name.
    pub name: String,
    /// There is a carrier: a cable with somebody at its other end.
    pub carrier: bool,
    /// Megabits a second, where the driver says so.
    pub speed: Option<u32>,
}

impl Link {
    /// From what `read` finds in the interface's folder of sysfs.
    pub fn of(name: &str, read: impl Fn(&str) -> Option<String>) -> Self {
        let carrier = match read("carrier").as_deref() {
            Some("1") => true,
            // a driver that does not know its carrier, or an interface that is down (EINVAL)
            None => read("operstate").as_deref() == Some("up"),
            Some(_) => false,
        };
        let speed = read("speed").and_then(|text| text.parse().ok());
        Self { name: name.to_owned(), carrier, speed }
    }
}

/// Interfaces with their addresses but the loopback's: IPv4 first, link-local ones last.
///
/// From the tables of `/proc/self/net`, which a sandbox without `AF_NETLINK` (as the daemon's) may still read: `fib_trie`
/// has the IPv4 addresses, `route` (hexadecimal, little-endian) their interfaces, `if_inet6` both for IPv6.
pub fn addresses(fib_trie: &str, route: &str, if_inet6: &str) -> Vec<(String, IpAddr)> {
    let routes: Vec<Route> = route.lines().filter_map(Route::parse).collect();
    let named = |ip: Ipv4Addr| {
        let own = routes.iter().find(|route| route.mask != 0 && u32::from(ip) & route.mask == route.target);
        (own.map_or("network", |route| route.name).to_owned(), IpAddr::V4(ip))
    };
    let mut found: Vec<_> = local(fib_trie).into_iter().filter(|ip| !ip.is_loopback()).map(named).collect();
    found.extend(if_inet6.lines().filter_map(of_inet6).filter(|(_, ip)| !ip.is_loopback()));
    found.sort_by_key(|(name, address)| (is_link_local(address), address.is_ipv6(), name.clone()));
    found.dedup();
    found
}

struct Route<'a> {
    name: &'a str,
    target: u32,
    mask: u32,
}

impl<'a> Route<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let number = |at: usize| u32::from_str_radix(fields.get(at)?, 16).ok().map(u32::swap_bytes);
        Some(Self { name: fields.first()?, target: number(1)?, mask: number(7)? })
    }
}

/// Addresses whose leaf says that they are this machine's.
fn local(fib_trie: &str) -> Vec<Ipv4Addr> {
    let mut leaf: Option<Ipv4Addr> = None;
    let mut found = Vec::new();
    for line in fib_trie.lines().map(str::trim) {
        if let Some(address) = line.strip_prefix("|-- ") {
            leaf = address.parse().ok();
        } else if line == "/32 host LOCAL" {
            found.extend(leaf);
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn of_inet6(line: &str) -> Option<(String, IpAddr)> {
    let mut fields = line.split_whitespace();
    let address = Ipv6Addr::from(u128::from_str_radix(fields.next()?, 16).ok()?);
    Some((fields.nth(4)?.to_owned(), IpAddr::V6(address)))
}

/// Good for the own cable only: nobody has given it.
pub const fn is_link_local(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_without_a_carrier_file_is_judged_by_its_state() {
        let link = |files: &[(&str, &str)]| {
            Link::of("eth0", |name| files.iter().find(|(file, _)| *file == name).map(|(_, text)| (*text).to_owned()))
        };
        assert!(
            link(&[("carrier", "1"), ("speed", "1000")])
                == Link { name: "eth0".into(), carrier: true, speed: Some(1000) }
        );
        assert!(!link(&[("carrier", "0"), ("operstate", "up")]).carrier);
        assert!(link(&[("operstate", "up")]).carrier);
        assert_eq!(link(&[("speed", "-1")]).speed, None, "the driver's word for unknown");
    }

    #[test]
    fn addresses_are_found_without_a_socket_and_the_loopback_is_none() {
        let trie = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 192.168.10.0\n        /24 link UNICAST\nLocal:\n     |-- 127.0.0.1\n        \
                    /32 host LOCAL\n     |-- 192.168.10.21\n        /32 host LOCAL\n     |-- 192.168.10.255\n        /32 link BROADCAST\n";
        let route = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n\
                     eth0\t00000000\t010AA8C0\t0003\t0\t0\t0\t00000000\n\
                     eth0\t000AA8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\n";
        let inet6 = "00000000000000000000000000000001 01 80 10 80 lo\n\
                     fe800000000000000000000000000001 02 40 20 80 eth0\n\
                     fd123456789a00000000000000000021 02 40 00 80 eth0\n";
        let said: Vec<String> =
            addresses(trie, route, inet6).into_iter().map(|(name, address)| format!("{name} {address}")).collect();
        assert_eq!(said, ["eth0 192.168.10.21", "eth0 fd12:3456:789a::21", "eth0 fe80::1"]);
        assert_eq!(addresses("", "", ""), []);
    }
}
