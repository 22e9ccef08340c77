//! Network interfaces: whether there is a cable, and under which addresses the device is found.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use if_addrs::IfAddr;

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

/// Interfaces with their addresses but the loopback's, as `eth0` and the address: IPv4 first, link-local ones last.
///
/// A sandbox without `AF_NETLINK` cannot list them; there, the address from which `towards` is reached stands alone.
pub fn addresses(towards: Option<SocketAddr>) -> Vec<(String, IpAddr)> {
    let listed = if_addrs::get_if_addrs().unwrap_or_default();
    let mut found: Vec<(String, IpAddr)> =
        listed.into_iter().filter(|it| !it.is_loopback()).map(|it| (it.name.clone(), address(&it.addr))).collect();
    if found.is_empty() {
        found.extend(towards.and_then(source_towards).map(|address| ("network".to_owned(), address)));
    }
    found.sort_by_key(|(name, address)| (is_link_local(address), address.is_ipv6(), name.clone()));
    found
}

const fn address(address: &IfAddr) -> IpAddr {
    match address {
        IfAddr::V4(v4) => IpAddr::V4(v4.ip),
        IfAddr::V6(v6) => IpAddr::V6(v6.ip),
    }
}

const fn is_link_local(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

/// A connected UDP socket knows its own address; nothing is sent.
fn source_towards(peer: SocketAddr) -> Option<IpAddr> {
    let any: SocketAddr = if peer.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0_u16; 8], 0).into() };
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect(peer).ok()?;
    let source = socket.local_addr().ok()?.ip();
    (!source.is_loopback() && !source.is_unspecified()).then_some(source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_without_a_carrier_file_is_judged_by_its_state() {
        let link = |files: &[(&str, &str)]| {
            Link::of("eth0", |name| files.iter().find(|(file, _)| *file == name).map(|(_, text)| (*text).to_owned()))
        };
        assert!(link(&[("carrier", "1"), ("speed", "1000")]) == Link { name: "eth0".into(), carrier: true, speed: Some(1000) });
        assert!(!link(&[("carrier", "0"), ("operstate", "up")]).carrier);
        assert!(link(&[("operstate", "up")]).carrier);
        assert_eq!(link(&[("speed", "-1")]).speed, None, "the driver's word for unknown");
    }

    #[test]
    fn the_loopback_is_no_address_of_the_device() {
        assert!(addresses(None).iter().all(|(_, address)| !address.is_loopback()));
        assert_eq!(source_towards(([127, 0, 0, 1], 9).into()), None);
    }
}
