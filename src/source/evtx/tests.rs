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

/// Time, user, address, operation, object and outcome of each access.
fn accesses(lines: &[String]) -> Vec<String> {
    let format = Format::compile(&Format::from_name("evtx").unwrap()).unwrap();
    let mut state = FormatState::default();
    let said = lines
        .iter()
        .map(|line| match format.parse(line.as_bytes(), &mut state) {
            Parsed::Record(r) => {
                let text = |part: Option<std::borrow::Cow<'_, [u8]>>| {
                    part.map_or("-".to_owned(), |part| String::from_utf8(part.into_owned()).unwrap())
                };
                let outcome = r.outcome.map_or("?", crate::access::Outcome::as_str);
                let at = crate::calendar::rfc3339(r.time.unwrap().micros());
                let (user, source) = (text(r.user), text(r.source));
                format!(
                    "{at} {user} {source} {} {} {outcome}",
                    text(r.operation),
                    text(r.resource)
                )
            }
            other => format!("{other:?}"),
        });
    said.collect()
}

#[test]
fn the_accesses_of_an_event_log_are_those_of_its_xml() {
    assert_eq!(
        accesses(&lines(&sample()).unwrap()),
        [
            r"2026-11-21T09:05:07.042136+09:00 012345 - read D:\税\名簿<1>&'2'.xlsx success",
            r"2026-11-21T09:05:08.042136+09:00 012345 - read D:\一 二.csv success",
            "2026-11-21T09:05:09.042136+09:00 old01 10.0.4.9 4625 old01 failure",
        ]
    );
}

/// A log that Windows wrote; another reader of event logs finds these seven events, with these times, names and addresses.
#[test]
fn a_security_log_written_by_windows_is_read_whole() {
    let packed = include_bytes!("../../../fixtures/evtx/security.evtx.gz");
    let mut file = Vec::new();
    flate2::read::GzDecoder::new(&packed[..])
        .read_to_end(&mut file)
        .unwrap();
    assert_eq!(
        accesses(&lines(&file).unwrap()),
        [
            "2016-06-30T00:24:34.346000+09:00 - 23.94.153.202 5152 - failure",
            "2016-06-30T00:24:36.686000+09:00 TEMPORAL$ - 4611 - success",
            "2016-06-30T00:24:36.686000+09:00 Administrator - 4776 Administrator failure",
            "2016-06-30T00:24:36.686000+09:00 Administrator 23.94.153.202 4625 Administrator failure",
            "2016-06-30T00:24:57.090800+09:00 - 169.46.118.42 5152 - failure",
            "2016-06-30T00:24:57.090800+09:00 - 169.46.6.101 5157 - failure",
            "2016-06-30T00:25:08.822000+09:00 TEMPORAL$ - 4673 - failure",
        ]
    );
}

#[test]
fn signs_that_steer_a_device_or_pass_for_damage_are_blanks_in_the_line() {
    let mut writer = Writer::new();
    let data = [
        ("TargetUserName", "old\u{1} 01\u{1b}[2J\r\n"),
        ("IpAddress", "10.0.4.9"),
    ];
    writer.event(4625, TIME, Item::Null, &data);
    let lines = lines(&writer.file()).unwrap();
    assert_eq!(lines.len(), 1);
    assert!(!lines[0].contains(char::is_control), "{}", lines[0]);
    assert!(
        lines[0].contains("<Data Name='TargetUserName'>old  01 [2J"),
        "{}",
        lines[0]
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
