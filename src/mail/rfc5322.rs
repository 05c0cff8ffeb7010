//! Message -> the bytes of a mail (RFC 5322, MIME), the same every time.

use std::fmt::Write as _;

use lettre::Address;
use lettre::address::Envelope;
use lettre::message::header::{
    ContentDisposition, ContentTransferEncoding, ContentType, Date, HeaderName, HeaderValue,
};
use lettre::message::{Body, Mailbox, MultiPart, SinglePart};
use sha2::{Digest as _, Sha256};

use super::{MailError, Message};
use crate::alert::outbox::Attachment;

/// Longest line a mail may have, without its line end (RFC 5322 §2.1.1).
const LINE_BYTES_MAX: usize = 998;
/// Japan Standard Time, seconds east of UTC; no summer time.
const JST_SECS: i64 = 9 * 3600;

/// How the text stands in the mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transfer {
    /// ASCII only (7bit, quoted-printable or base64): passes every relay.
    Ascii,
    /// UTF-8 as it is: for files that people may also open in an editor.
    EightBit,
}

impl Message {
    /// The mail as bytes with CRLF line ends, ASCII only: the same fields give the same bytes. Control characters
    /// in subject and text become spaces, an address that is none is left out of To, so that no field can add a header.
    pub fn to_rfc5322(&self) -> Result<Vec<u8>, MailError> {
        rendered(self, Transfer::Ascii)
    }
}

/// `message` as bytes, with its text in the given transfer encoding.
pub(super) fn rendered(message: &Message, transfer: Transfer) -> Result<Vec<u8>, MailError> {
    let from = address(&message.from)?;
    let text = without_controls(&message.body, true);
    let part = SinglePart::builder()
        .header(ContentType::TEXT_PLAIN)
        .body(encoded(text.clone(), transfer));
    let builder = lettre::Message::builder()
        .from(Mailbox::new(None, from.clone()))
        .raw_header(to_header(&message.to)?)
        .subject(without_controls(&message.subject, false))
        // Only so that lettre does not ask the clock; replaced below by the time in JST.
        .date(std::time::UNIX_EPOCH)
        // Unused, but wanted: who gets the mail is said at each try.
        .envelope(Envelope::new(None, vec![from]).map_err(|e| MailError::Build(e.to_string()))?);
    let mail = match message.attachments.as_slice() {
        [] => builder.singlepart(part),
        files => {
            // A boundary of its own choosing would be another one at every try.
            let mixed = MultiPart::mixed().boundary(boundary(message)).singlepart(part);
            builder.multipart(files.iter().fold(mixed, |mixed, file| mixed.singlepart(attached(file))))
        }
    };
    let mut mail = mail.map_err(|e| MailError::Build(e.to_string()))?;

    let headers = mail.headers_mut();
    headers.remove::<Date>();
    let id = message_id(&message.message_id)?;
    let mut more = vec![("Date", date_header(message.date.secs())), ("Message-ID", id)];
    if let Some(first) = &message.in_reply_to {
        let first = message_id(first)?;
        more.push(("In-Reply-To", first.clone()));
        more.push(("References", first));
    }
    more.push(("Auto-Submitted", "auto-generated".to_owned()));
    more.push(("Content-Language", language(&message.subject, &text).to_owned()));
    if message.urgent {
        more.push(("X-Priority", "1 (Highest)".to_owned()));
        more.push(("Importance", "high".to_owned()));
    }
    for (name, value) in more {
        headers.insert_raw(plain(name, value)?);
    }
    let mut bytes = mail.formatted();
    // lettre ends the part with a line end of its own, also where the text has one.
    if bytes.ends_with(b"\r\n\r\n") {
        bytes.truncate(bytes.len().saturating_sub(2));
    }
    Ok(bytes)
}

/// A line that stands in no part: 24 hexadecimal digits made of what is in the mail.
fn boundary(message: &Message) -> String {
    let mut hash = Sha256::new_with_prefix(&message.message_id);
    hash.update(&message.body);
    message.attachments.iter().for_each(|file| hash.update(&file.content));
    let digits: String = hash.finalize().iter().take(12).map(|b| format!("{b:02x}")).collect();
    format!("sekimori-{digits}")
}

/// A file as a part. Base64, whatever it holds: a checkpoint must arrive byte for byte.
fn attached(file: &Attachment) -> SinglePart {
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    let name: String = file.name.chars().map(|c| if plain(c) { c } else { '_' }).collect();
    let body = Body::new_with_encoding(file.content.clone(), ContentTransferEncoding::Base64);
    // Base64 takes any bytes.
    let body = body.unwrap_or_else(Body::new);
    SinglePart::builder()
        .header(ContentDisposition::attachment(&name))
        .header(ContentType::parse("application/octet-stream").unwrap_or(ContentType::TEXT_PLAIN))
        .body(body)
}

/// The To header, one address a line: lettre would put them all into one, and a line may not be longer than 998 bytes.
fn to_header(to: &[String]) -> Result<HeaderValue, MailError> {
    let all: Vec<String> = to
        .iter()
        .filter_map(|to| address(to).ok())
        .map(|to| to.to_string())
        .collect();
    if all.is_empty() {
        return plain("To", "undisclosed-recipients:;".to_owned());
    }
    Ok(HeaderValue::dangerous_new_pre_encoded(
        header_name("To")?,
        all.join(", "),
        all.join(",\r\n "),
    ))
}

/// An address that may stand in an envelope: ASCII, name@host.
pub(super) fn address(text: &str) -> Result<Address, MailError> {
    let wrong = || MailError::Address(super::one_line(text));
    if !text.is_ascii() {
        return Err(wrong());
    }
    text.parse::<Address>().map_err(|_| wrong())
}

/// A header whose value is known to be short printable ASCII.
fn plain(name: &'static str, value: String) -> Result<HeaderValue, MailError> {
    if !value.bytes().all(|b| b == b' ' || b.is_ascii_graphic()) {
        return Err(MailError::Build(format!("header {name} holds characters it must not")));
    }
    Ok(HeaderValue::dangerous_new_pre_encoded(
        header_name(name)?,
        value.clone(),
        value,
    ))
}

fn header_name(name: &'static str) -> Result<HeaderName, MailError> {
    HeaderName::new_from_ascii(name.to_owned()).map_err(|e| MailError::Build(e.to_string()))
}

/// `<id>` for a header, where `id` is `left@right` of the characters RFC 5322 §3.6.4 has for it.
fn message_id(id: &str) -> Result<String, MailError> {
    let wrong = || MailError::MessageId(super::one_line(id));
    let (left, right) = id.split_once('@').ok_or_else(wrong)?;
    let word = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&b))
    };
    // The header's name, brackets and the id must fit one line: an id cannot be folded.
    if word(left) && word(right) && id.len() <= 250 {
        Ok(format!("<{id}>"))
    } else {
        Err(wrong())
    }
}

/// The text in its transfer encoding. Eight bits only where every line is short enough for a mail.
fn encoded(text: String, transfer: Transfer) -> Body {
    let fits = text.lines().all(|line| line.len() <= LINE_BYTES_MAX);
    if transfer == Transfer::EightBit && fits {
        // lettre takes eight bits for lines of 76 bytes only, which Japanese lines of a usual width are longer than.
        let lines = text.replace('\n', "\r\n").into_bytes();
        return Body::dangerous_pre_encoded(lines, ContentTransferEncoding::EightBit);
    }
    Body::new(text)
}

/// Control characters as spaces; line ends and tabs stay in a text (`lines`).
fn without_controls(text: &str, lines: bool) -> String {
    let text = text.replace("\r\n", "\n");
    text.chars()
        .map(|c| {
            if c.is_control() && !(lines && (c == '\n' || c == '\t')) {
                ' '
            } else {
                c
            }
        })
        .collect()
}

/// `ja` where the text is written in Japanese: hiragana is in every Japanese sentence, and in no English one
/// but for a quoted title.
fn language(subject: &str, text: &str) -> &'static str {
    let (mut hiragana, mut latin) = (0usize, 0usize);
    for c in subject.chars().chain(text.chars()) {
        hiragana += usize::from(('\u{3041}'..='\u{3096}').contains(&c));
        latin += usize::from(c.is_ascii_alphabetic());
    }
    if hiragana > 0 && hiragana.saturating_mul(8) >= latin {
        "ja"
    } else {
        "en"
    }
}

/// `Sat, 21 Nov 2026 14:03:27 +0900` for seconds since 1970 in UTC.
fn date_header(secs: i64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let at = Jst::from_secs(secs);
    let name = |names: &[&'static str], i: i64| {
        usize::try_from(i)
            .ok()
            .and_then(|i| names.get(i).copied())
            .unwrap_or("Jan")
    };
    let mut line = String::new();
    // Writing to a String cannot fail.
    if write!(
        line,
        "{}, {:02} {} {:04} {:02}:{:02}:{:02} +0900",
        name(&DAYS, at.weekday),
        at.day,
        name(&MONTHS, at.month - 1),
        at.year,
        at.hour,
        at.minute,
        at.second
    )
    .is_err()
    {
        line.clear();
    }
    line
}

/// A moment on the clock and calendar of Japan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Jst {
    pub(super) year: i64,
    pub(super) month: i64,
    pub(super) day: i64,
    pub(super) hour: i64,
    pub(super) minute: i64,
    pub(super) second: i64,
    /// Days since Thursday, modulo a week: 1970-01-01 was one.
    weekday: i64,
}

impl Jst {
    /// For seconds since 1970 in UTC, in the Gregorian calendar; years 1 to 9999.
    pub(super) fn from_secs(secs: i64) -> Jst {
        // Mails are of today; what a broken clock gives is kept within four digits of a year.
        let local = secs.clamp(-62_135_596_800, 253_402_300_799 - JST_SECS) + JST_SECS;
        let (days, of_day) = (local.div_euclid(86_400), local.rem_euclid(86_400));
        // Years counted from March so that the leap day is the last one, in eras of 400 years.
        let since_march_0 = days + 719_468;
        let (era, of_era) = (since_march_0.div_euclid(146_097), since_march_0.rem_euclid(146_097));
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * of_year + 2) / 153;
        let month = if from_march < 10 {
            from_march + 3
        } else {
            from_march - 9
        };
        Jst {
            year: era * 400 + year_of_era + i64::from(month <= 2),
            month,
            day: of_year - (153 * from_march + 2) / 5 + 1,
            hour: of_day / 3600,
            minute: of_day / 60 % 60,
            second: of_day % 60,
            weekday: days.rem_euclid(7),
        }
    }
}
