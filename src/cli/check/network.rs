//! Cable, address and way out. Links and routes in, outcomes out.

use std::net::IpAddr;

use super::{Ill, Outcome, Part};
use crate::health::board::{Board, Link, is_link_local};

/// Looks at the network.
pub fn look(board: &Board, tell: &mut dyn FnMut(Part)) {
    tell(Part::new("link", link(&board.links())));
    tell(Part::new("address", address(&board.addresses())));
    tell(Part::new("route", route(&board.text("/proc/self/net/route").unwrap_or_default())));
}

fn link(links: &[Link]) -> Outcome {
    let up: Vec<String> = links.iter().filter(|link| link.carrier).map(words).collect();
    if !up.is_empty() {
        return Ok(up.join(", "));
    }
    let names: Vec<&str> = links.iter().map(|link| link.name.as_str()).collect();
    Err(if names.is_empty() {
        Ill::new("no network interface", "check the driver: dmesg | grep -i -e eth -e phy")
    } else {
        Ill::new(format!("{} has no carrier", names.join(", ")), "check cable and switch port")
    })
}

fn words(link: &Link) -> String {
    let speed = link.speed.map_or(String::new(), |speed| format!(" at {speed} Mbit/s"));
    format!("{} is up{speed}", link.name)
}

fn address(found: &[(String, IpAddr)]) -> Outcome {
    let known: Vec<String> =
        found.iter().filter(|(_, address)| !is_link_local(address)).map(|(name, ip)| format!("{name} {ip}")).collect();
    if known.is_empty() {
        let cure = "check the DHCP server, or set a fixed address in /etc/systemd/network; networkctl status";
        return Err(Ill::new("no address", cure));
    }
    Ok(known.join(", "))
}

/// From `/proc/self/net/route`: whether there is a way beyond the device's own network. None is needed where share, broker and
/// time server are on it.
fn route(table: &str) -> Outcome {
    let default = table.lines().skip(1).find_map(|line| {
        let mut fields = line.split_whitespace();
        let (name, target) = (fields.next()?, fields.next()?);
        (target == "00000000").then(|| name.to_owned())
    });
    Ok(default.map_or("the own network only".into(), |name| format!("beyond the own network by {name}")))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::*;

    #[test]
    fn a_cable_that_is_out_is_told_by_the_name_of_its_socket() {
        let link_of = |name: &str, carrier| Link { name: name.into(), carrier, speed: carrier.then_some(1000) };
        assert_eq!(link(&[link_of("eth0", false), link_of("eth1", true)]).unwrap(), "eth1 is up at 1000 Mbit/s");
        assert_eq!(link(&[link_of("eth0", false)]).unwrap_err().what, "eth0 has no carrier");
        assert_eq!(link(&[]).unwrap_err().what, "no network interface");
    }

    #[test]
    fn a_link_local_address_is_none() {
        let at = |text: &str| vec![("eth0".to_owned(), text.parse::<IpAddr>().unwrap())];
        assert_eq!(address(&at("192.168.10.21")).unwrap(), "eth0 192.168.10.21");
        assert!(address(&at("169.254.7.7")).is_err() && address(&at("fe80::1")).is_err());
    }

    #[test]
    fn the_way_out_is_told_and_none_is_no_fault() {
        let table = "Iface\tDestination\tGateway\neth0\t0000A8C0\t00000000\neth0\t00000000\t0100A8C0\n";
        assert_eq!(route(table).unwrap(), "beyond the own network by eth0");
        assert_eq!(route("Iface\tDestination\n").unwrap(), "the own network only");
    }
}
