//! Terminals and networks: which addresses and names a list permits.
//!
//! An entry is an address, a network (`10.1.2.0/24`, `2001:db8::/32`) or a name of a terminal, in which `*` stands for any
//! text (`ZEI-PC-*`). Names are compared without regard to case and full width; an IPv4 address written as IPv6
//! (`::ffff:10.1.2.3`) is the same address.

use core::net::IpAddr;

use hashbrown::HashSet;

use super::accounts::normal;
use super::globs::Globs;

/// A compiled list of terminals and networks.
#[derive(Debug, Default)]
pub struct Hosts {
    nets: Vec<(IpAddr, u8)>,
    names: HashSet<Box<str>>,
    globs: Globs<()>,
}

/// One entry as written, read.
#[derive(Debug, PartialEq, Eq)]
enum Entry {
    Net(IpAddr, u8),
    Name(String),
}

fn entry(text: &str) -> Option<Entry> {
    let name = normal(text.as_bytes()).into_owned();
    if let Some((address, bits)) = name.split_once('/') {
        let address: IpAddr = address.parse().ok()?;
        let bits = bits.parse().ok().filter(|bits| *bits <= width(address))?;
        return Some(match address.to_canonical() {
            IpAddr::V4(v4) if address.is_ipv6() && 96 <= bits => Entry::Net(IpAddr::V4(v4), bits - 96),
            _ => Entry::Net(address, bits),
        });
    }
    match name.parse::<IpAddr>() {
        Ok(address) => {
            let address = address.to_canonical();
            Some(Entry::Net(address, width(address)))
        }
        Err(_) => (!name.is_empty()).then_some(Entry::Name(name)),
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

impl Hosts {
    /// Whether `text` can be an entry.
    pub fn is_entry(text: &str) -> bool {
        entry(text).is_some()
    }

    /// Compiles a list; what is no entry is left out (configuration has refused it).
    pub fn new(list: &[String]) -> Hosts {
        let mut hosts = Hosts::default();
        for text in list {
            match entry(text) {
                Some(Entry::Net(address, bits)) => hosts.nets.push((address, bits)),
                Some(Entry::Name(name)) if name.contains('*') => hosts.globs.push(name.as_bytes(), ()),
                Some(Entry::Name(name)) => {
                    hosts.names.insert(name.into());
                }
                None => {}
            }
        }
        hosts
    }

    /// Whether the list is empty: nothing is said of terminals then.
    pub fn is_empty(&self) -> bool {
        self.nets.is_empty() && self.names.is_empty() && self.globs.is_empty()
    }

    /// Whether `host`, as a log names it, is on the list.
    pub fn permit(&self, host: &[u8]) -> bool {
        let name = normal(host);
        if !self.nets.is_empty()
            && let Ok(address) = name.parse::<IpAddr>()
        {
            let address = address.to_canonical();
            if self.nets.iter().any(|(net, bits)| is_in(address, *net, *bits)) {
                return true;
            }
        }
        if self.names.contains(name.as_ref()) {
            return true;
        }
        let mut found = false;
        self.globs.matching(name.as_bytes(), &mut |()| found = true);
        found
    }
}

fn is_in(address: IpAddr, net: IpAddr, bits: u8) -> bool {
    match (address, net) {
        (IpAddr::V4(a), IpAddr::V4(n)) => {
            let shift = 32u32.saturating_sub(bits.into());
            a.to_bits().checked_shr(shift).unwrap_or(0) == n.to_bits().checked_shr(shift).unwrap_or(0)
        }
        (IpAddr::V6(a), IpAddr::V6(n)) => {
            let shift = 128u32.saturating_sub(bits.into());
            a.to_bits().checked_shr(shift).unwrap_or(0) == n.to_bits().checked_shr(shift).unwrap_or(0)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permitted(list: &[&str], host: &str) -> bool {
        let list: Vec<String> = list.iter().map(|s| (*s).to_owned()).collect();
        Hosts::new(&list).permit(host.as_bytes())
    }

    #[test]
    fn networks_addresses_and_names_are_told_apart() {
        let list = ["10.1.2.0/24", "192.168.7.9", "2001:db8::/32", "ZEI-PC-*", "KAIGO-01"];
        for host in [
            "10.1.2.255",
            "192.168.7.9",
            "2001:db8:1::5",
            "zei-pc-017",
            "ＺＥＩ－ＰＣ－０１７",
            "kaigo-01",
            "::ffff:10.1.2.3",
        ] {
            assert!(permitted(&list, host), "{host}");
        }
        for host in [
            "10.1.3.0",
            "192.168.7.10",
            "2001:db9::1",
            "zei-pc",
            "kaigo-011",
            "",
            "10.1.2.256",
            "::ffff:10.1.3.3",
        ] {
            assert!(!permitted(&list, host), "{host}");
        }
    }

    #[test]
    fn the_whole_of_a_family_can_be_named_and_ipv4_in_ipv6_is_ipv4() {
        assert!(permitted(&["0.0.0.0/0"], "203.0.113.9") && !permitted(&["0.0.0.0/0"], "2001:db8::1"));
        assert!(permitted(&["::/0"], "2001:db8::1"));
        assert!(permitted(&["::ffff:10.1.2.0/120"], "10.1.2.77") && !permitted(&["::ffff:10.1.2.0/120"], "10.1.3.77"));
    }

    #[test]
    fn a_network_that_is_none_is_no_entry() {
        for (text, is) in [
            ("10.1.2.0/24", true),
            ("10.1.2.0/33", false),
            ("10.1.2/24", false),
            ("2001:db8::/129", false),
            ("  ", false),
            ("PC-*", true),
        ] {
            assert_eq!(Hosts::is_entry(text), is, "{text}");
        }
    }
}
