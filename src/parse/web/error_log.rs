//! Lines of nginx's error log: they stand in one file with the accesses where both are sent to one place.
//!
//! `2021/12/01 13:53:33 [error] 31#31: *46 message, client: A, server: S, request: "R", host: "H"`
//!
//! The time is the server's local time, taken as Japanese time. A line without a client is the server talking of
//! itself: nothing. A name nginx refused (`user "x": password mismatch`) is the user.

use memchr::memmem;

use super::plain;
use crate::access::Outcome;
use crate::parse::format::{Got, Read};
use crate::parse::scan::{account, is_address};
use crate::parse::{Record, time};

/// What may follow the request; the request itself is not escaped in this log.
const AFTER_REQUEST: [&[u8]; 5] = [
    b", host: ",
    b", upstream: ",
    b", subrequest: ",
    b", referrer: ",
    b", bytes ",
];

/// Reads a line, if it is one of these.
#[cold]
pub(super) fn read<'a>(line: &'a [u8], record: &mut Record<'a>) -> Option<Read> {
    let (stamp, rest) = line.split_first_chunk::<19>()?;
    let [b' ', b'[', rest @ ..] = rest else { return None };
    let level = rest.get(..memchr::memchr(b']', rest)?)?;
    let failed = match level {
        b"error" | b"crit" | b"alert" | b"emerg" => true,
        b"debug" | b"info" | b"notice" | b"warn" => false,
        _ => return None,
    };
    record.time = Some(time::any(stamp, time::JST_SECS)?);
    let Some((message, details)) = split_at_client(rest) else {
        return Some(Ok(Got::Nothing));
    };
    record.source = plain(details.split(|b| *b == b',').next()?).said();
    record.user = refused_user(message).and_then(|name| plain(name).said()).map(account);
    if let Some(line) = request(details) {
        super::request(plain(line), record);
    }
    record.outcome = failed.then_some(Outcome::Failure);
    Some(Ok(Got::Record))
}

/// Splits at the first `, client: ` an address follows.
fn split_at_client(text: &[u8]) -> Option<(&[u8], &[u8])> {
    const CLIENT: &[u8] = b", client: ";
    memmem::find_iter(text, CLIENT).find_map(|at| {
        let details = text.get(at + CLIENT.len()..)?;
        let address = details.split(|b| *b == b',').next()?;
        is_address(address).then_some((text.get(..at)?, details))
    })
}

fn request(details: &[u8]) -> Option<&[u8]> {
    const REQUEST: &[u8] = b", request: \"";
    let text = details.get(memmem::find(details, REQUEST)? + REQUEST.len()..)?;
    let mut quotes = memchr::memchr_iter(b'"', text);
    let end = quotes.find(|at| {
        let after = text.get(at + 1..).unwrap_or_default();
        after.is_empty() || AFTER_REQUEST.iter().any(|next| after.starts_with(next))
    })?;
    text.get(..end)
}

fn refused_user(message: &[u8]) -> Option<&[u8]> {
    let name = message.get(memmem::find(message, b" user \"")? + 7..)?;
    let end = memmem::find(name, b"\": password mismatch").or_else(|| memmem::find(name, b"\" was not found in "))?;
    name.get(..end)
}
