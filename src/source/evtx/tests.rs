use std::io::Read as _;

use proptest::prelude::*;

use super::Events;
use super::writer::{Item, Writer};
use crate::parse::{Format, FormatState, Parsed};

/// 2026-11-21 00:05:07.0421368 UTC.
const TIME: u64 = 134_396_931_070_421_368;

fn lines(file: &[u8]) -> std::io::Result<Vec<String>> {
    let mut text = String::new();
    Events::new(file).read_to_string(&mut text)?;
    Ok(text.lines().map(str::to_owned).collect())
}

fn sample() -> Vec<u8> {
    let mut writer = Writer::new();
    let sid = [1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0];
    let data = |object| {
        [
            ("SubjectUserName", "012345"),
            ("ObjectName", object),
            ("AccessMask", "0x1"),
            ("IpAddress", "-"),
        ]
    };
    writer.event(4663, TIME, Item::Sid(&sid), &data(r"D:\税\名簿<1>&'2'.xlsx"));
    writer.event(4663, TIME + 10_000_000, Item::Null, &data("D:\\一\n二.csv"));
    writer.event(
        4625,
        TIME + 20_000_000,
        Item::Null,
        &[("TargetUserName", "old01"), ("IpAddress", "10.0.4.9")],
    );
    writer.file()
}

#[test]
fn events_are_lines_of_the_xml_that_windows_shows() {
    let lines = lines(&sample()).unwrap();
    assert_eq!(lines.len(), 3);
    assert_eq!(
        lines[0],
        "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider \
         Name='Microsoft-Windows-Security-Auditing'></Provider><EventID>4663</EventID><Keywords>0x8020000000000000</Keywords>\
         <TimeCreated SystemTime='2026-11-21T00:05:07.0421368Z'></TimeCreated><Security UserID='S-1-5-32-544'></Security></System>\
         <EventData><Data Name='SubjectUserName'>012345</Data><Data Name='ObjectName'>D:\\税\\名簿&lt;1&gt;&amp;&apos;2&apos;.xlsx</Data>\
         <Data Name='AccessMask'>0x1</Data><Data Name='IpAddress'>-</Data></EventData></Event>"
    );
    assert!(
        lines[1].contains("<Security></Security>") && lines[1].contains(r"D:\一 二.csv"),
        "{}",
        lines[1]
    );
}

#[test]
fn the_accesses_of_an_event_log_are_those_of_its_xml() {
    let format = Format::compile(&Format::from_name("evtx").unwrap()).unwrap();
    let mut state = FormatState::default();
    let said: Vec<String> = lines(&sample())
        .unwrap()
        .iter()
        .map(|line| match format.parse(line.as_bytes(), &mut state) {
            Parsed::Record(r) => {
                let text = |part: Option<std::borrow::Cow<'_, [u8]>>| {
                    String::from_utf8(part.unwrap_or_default().into_owned()).unwrap()
                };
                let outcome = r.outcome.map_or("?", crate::access::Outcome::as_str);
                format!(
                    "{} {} {} {} {outcome}",
                    r.time.unwrap().secs(),
                    text(r.user),
                    text(r.operation),
                    text(r.resource)
                )
            }
            other => format!("{other:?}"),
        })
        .collect();
    assert_eq!(
        said,
        [
            r"1795219507 012345 read D:\税\名簿<1>&'2'.xlsx success",
            r"1795219508 012345 read D:\一 二.csv success",
            "1795219509 old01 4625 old01 failure",
        ]
    );
}

#[test]
fn a_file_that_ends_in_the_middle_is_an_error_and_one_that_is_no_log_too() {
    let whole = sample();
    assert!(lines(&whole[..4096 + 60_000]).is_err());
    assert!(lines(&whole[..4096 + 0x1_0000]).is_ok());
    assert!(lines(&[b'x'; 200]).is_err());
    assert!(lines(b"").is_err());
}

#[test]
fn a_record_that_cannot_be_read_is_a_line_that_no_access_comes_from() {
    let mut file = sample();
    // The place of the template of the first record.
    let at = 4096 + 512 + 24 + 4 + 6;
    file[at..at + 4].copy_from_slice(&[0xff; 4]);
    let lines = lines(&file).unwrap();
    assert_eq!(lines[0], "<Event unreadable='1'></Event>");
    let format = Format::compile(&Format::from_name("evtx").unwrap()).unwrap();
    let parsed = format.parse(lines[0].as_bytes(), &mut FormatState::default());
    assert!(matches!(parsed, Parsed::Reject(_)), "{parsed:?}");
}

proptest! {
    #[test]
    fn damage_anywhere_never_panics_and_a_line_stays_a_line(
        damage in prop::collection::vec((512usize..3_000, any::<u8>()), 1..12),
    ) {
        let mut file = sample();
        for (at, byte) in damage {
            file[4096 + at] = byte;
        }
        for line in lines(&file).unwrap_or_default() {
            prop_assert!(line.starts_with("<Event"), "{line}");
        }
    }
}
