//! What is declared of an account that is no single person's, or that may do more than others: who answers for it,
//! from which hosts, and when it is used.

use core::net::IpAddr;

use super::Row;
use super::cell::normal_word;
use crate::calendar::{Calendar, Schedule};
use crate::clock::EventTime;

/// The declaration of a システム, 共用 or 特権 account.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Declared {
    custodian: Box<str>,
    hosts: Vec<Host>,
    schedule: Option<Schedule>,
}

/// Where an account may be used from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    /// An address or network: the first `bits` bits are compared.
    Net { address: IpAddr, bits: u8 },
    /// A name of a terminal or host, without regard to case; `*` stands for any text.
    Name(Box<str>),
}

impl Declared {
    /// What a row declares; the row was checked when it was read.
    pub(super) fn of(row: &Row) -> Declared {
        Declared {
            custodian: row.custodian.clone(),
            hosts: parts(&row.hosts).filter_map(Host::parse).collect(),
            schedule: Schedule::parse(&row.schedule),
        }
    }

    /// 職員番号 of whoever answers for the account; empty: nobody is named.
    pub fn custodian(&self) -> &str {
        &self.custodian
    }

    /// Whether use from `host`, as the log names it, is declared. Where no host is declared, any is; where some are, a
    /// log that names none shows no declared use.
    pub fn permits_host(&self, host: Option<&[u8]>) -> bool {
        if self.hosts.is_empty() {
            return true;
        }
        let name = host.map(normal_word).unwrap_or_default();
        let address = name.parse().ok();
        self.hosts.iter().any(|h| h.matches(&name, address))
    }

    /// Whether use at `at` is declared. Where no time is declared, any is.
    pub fn permits_time(&self, at: EventTime, calendar: &Calendar) -> bool {
        self.schedule
            .as_ref()
            .is_none_or(|schedule| schedule.holds(at, calendar))
    }
}

/// The entries of a cell.
pub(super) fn parts(cell: &str) -> impl Iterator<Item = &str> {
    cell.split(';').map(str::trim).filter(|part| !part.is_empty())
}

/// Whether every entry of a cell is a host.
pub(super) fn are_hosts(cell: &str) -> bool {
    parts(cell).all(|part| Host::parse(part).is_some())
}

impl Host {
    /// `10.1.2.3`, `10.1.2.0/24`, `2001:db8::/32`, `ZEI-PC-*`.
    fn parse(text: &str) -> Option<Host> {
        let name = normal_word(text.as_bytes());
        if let Some((address, bits)) = name.split_once('/') {
            let address: IpAddr = address.parse().ok()?;
            let bits = bits.parse().ok().filter(|bits| *bits <= width(address))?;
            return Some(Host::Net { address, bits });
        }
        if let Ok(address) = name.parse() {
            return Some(Host::Net {
                address,
                bits: width(address),
            });
        }
        (!name.is_empty()).then(|| Host::Name(name.into()))
    }

    fn matches(&self, name: &str, address: Option<IpAddr>) -> bool {
        match self {
            Host::Name(pattern) => crate::register::globs::glob_matches(pattern.as_bytes(), name.as_bytes()),
            Host::Net { address: net, bits } => address.is_some_and(|a| is_in(a, *net, *bits)),
        }
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn is_in(address: IpAddr, net: IpAddr, bits: u8) -> bool {
    // An IPv4 address written as IPv6 (::ffff:10.1.2.3) is the same host.
    match (address.to_canonical(), net.to_canonical()) {
        (IpAddr::V4(a), IpAddr::V4(n)) => {
            let bits = if net.is_ipv4() { bits } else { bits.saturating_sub(96) };
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
