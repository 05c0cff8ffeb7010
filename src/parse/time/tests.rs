use super::*;

fn jst(text: &str) -> Option<String> {
    any(text.as_bytes(), JST_SECS).map(shown)
}

fn shown(time: EventTime) -> String {
    let mut out = Vec::new();
    write_jst(&mut out, time);
    String::from_utf8(out).unwrap()
}

#[test]
fn every_way_to_write_one_moment_gives_that_moment() {
    for text in [
        "21/Nov/2026:09:05:07 +0900",
        "21/Nov/2026:00:05:07 +0000",
        "20/Nov/2026:17:05:07 -0700",
        "2026-11-21T09:05:07+09:00",
        "2026-11-21T00:05:07Z",
        "2026-11-21 09:05:07",
        "2026-11-21 09:05:07 JST",
        "2026-11-21 00:05:07 UTC",
        "2026-11-21T09:05:07+09:00[Asia/Tokyo]",
        "2026/11/21 9:05:07",
        "2026/11/21 9:5:7",
        "2026.11.21 09:05:07",
        "20261121 090507",
        "20261121 90507",
        "20261121T090507+0900",
        "20261121090507",
        "20261121090507000",
        "2026年11月21日 9時05分07秒",
        "2026年11月21日9時5分7秒",
        "２０２６年１１月２１日　９時０５分０７秒",
        "２０２６／１１／２１　０９：０５：０７",
        "2026年11月21日(土) 9:05:07",
        "2026/11/21(Sat) 9:05:07",
        "2026/11/21（土）09:05:07",
        "2026/11/21 午前9時5分7秒",
        "2026/11/21 9:05:07 AM",
        "R8/11/21 9:05:07",
        "R08.11.21 09:05:07",
        "R 8.11.21 9:05:07",
        "Ｒ８．１１．２１　９：０５：０７",
        "令和8年11月21日 9時05分07秒",
        "令和８年１１月２１日９時０５分０７秒",
        "㋿8年11月21日 9:05:07",
        "R081121 090507",
        "5081121 090507",
        "1795219507",
        "1795219507000",
        "1795219507000000",
        "1795219507000000000",
        "46347.378553",
        "　2026/11/21 9:05:07 ",
    ] {
        assert_eq!(jst(text).as_deref(), Some("2026-11-21T09:05:07+09:00"), "{text}");
    }
}

#[test]
fn fractions_are_kept_to_the_microsecond() {
    for (text, shown) in [
        ("2026-11-21T09:05:07.123456789+09:00", ".123456"),
        ("2026-11-21 09:05:07,25", ".25"),
        ("2026/11/21 9:05:07.5", ".5"),
        ("2026/11/21 09:05:07:042", ".042"),
        ("1795219507.042", ".042"),
        ("1795219507042", ".042"),
        ("20261121090507042", ".042"),
        ("2026-11-21T09:05:07.000Z", ""),
    ] {
        let time = any(text.as_bytes(), JST_SECS).unwrap();
        let hour = if text.ends_with('Z') { "18" } else { "09" };
        assert_eq!(
            super::tests::shown(time),
            format!("2026-11-21T{hour}:05:07{shown}+09:00"),
            "{text}"
        );
    }
}

#[test]
fn a_day_alone_begins_at_midnight() {
    for text in [
        "2026/11/21",
        "20261121",
        "R8.11.21",
        "令和8年11月21日",
        "5081121",
        "2026-11-21",
        "46347",
    ] {
        assert_eq!(jst(text).as_deref(), Some("2026-11-21T00:00:00+09:00"), "{text}");
    }
}

#[test]
fn eras_count_from_their_first_year_and_may_be_overrun() {
    assert_eq!(jst("令和元年5月1日").as_deref(), Some("2019-05-01T00:00:00+09:00"));
    assert_eq!(jst("H31.4.30").as_deref(), Some("2019-04-30T00:00:00+09:00"));
    assert_eq!(jst("平成32年4月1日").as_deref(), Some("2020-04-01T00:00:00+09:00"));
    assert_eq!(jst("S64.1.7").as_deref(), Some("1989-01-07T00:00:00+09:00"));
}

#[test]
fn afternoon_and_the_hours_after_midnight_are_understood() {
    assert_eq!(jst("2026/11/21 午後2時").as_deref(), Some("2026-11-21T14:00:00+09:00"));
    assert_eq!(
        jst("2026/11/21 午後0時30分").as_deref(),
        Some("2026-11-21T12:30:00+09:00")
    );
    assert_eq!(
        jst("2026/11/21 12:30:00 PM").as_deref(),
        Some("2026-11-21T12:30:00+09:00")
    );
    assert_eq!(jst("2026/11/21 午前12時").as_deref(), Some("2026-11-21T00:00:00+09:00"));
    assert_eq!(jst("2026/12/31 24:10").as_deref(), Some("2027-01-01T00:10:00+09:00"));
    assert_eq!(jst("2026/11/21 25:00:01").as_deref(), Some("2026-11-22T01:00:01+09:00"));
}

#[test]
fn a_leap_second_is_the_second_before() {
    assert_eq!(
        jst("2017-01-01T08:59:60+09:00").as_deref(),
        Some("2017-01-01T08:59:59+09:00")
    );
    assert_eq!(
        clf(b"01/Jan/2017:08:59:60 +0900").map(shown).as_deref(),
        Some("2017-01-01T08:59:59+09:00")
    );
}

#[test]
fn days_and_hours_that_do_not_exist_are_no_time() {
    for text in [
        "",
        "-",
        "2026-02-30",
        "2026-02-29 00:00:00",
        "2100-02-29",
        "2026-13-01",
        "2026-00-10",
        "2026/11/00",
        "2026/11/31",
        "2026/11/21 30:00",
        "2026/11/21 9:60",
        "2026/11/21 9:05:61",
        "2026/11/21 9:",
        "2026/11/21 9:05:07 x",
        "2026/11/211",
        "26/11/21",
        "31/Feb/2026:00:00:00 +0900",
        "21/Nov/2026:24:00:00 +0900",
        "21/Nov/2026:09:05:07 +9900",
        "21/Xyz/2026:09:05:07 +0900",
        "R8",
        "令和年1月1日",
        "12345",
        "99999999999999999999",
        "12:00",
        "日時",
        "\u{fffd}",
    ] {
        assert_eq!(jst(text), None, "{text}");
    }
    assert_eq!(any(b"2026/11/21 \xff", JST_SECS), None);
}

#[test]
fn a_leap_day_exists_in_leap_years() {
    assert_eq!(jst("2028-02-29 00:00:00").as_deref(), Some("2028-02-29T00:00:00+09:00"));
    assert_eq!(jst("2000-02-29").as_deref(), Some("2000-02-29T00:00:00+09:00"));
}

#[test]
fn day_and_time_of_two_columns_are_one_moment() {
    let joined = |day: &str, time: &str| joined(day.as_bytes(), time.as_bytes(), JST_SECS).map(shown);
    assert_eq!(
        joined("R8.11.21", "9:05:07").as_deref(),
        Some("2026-11-21T09:05:07+09:00")
    );
    assert_eq!(
        joined("20261121", "90507").as_deref(),
        Some("2026-11-21T09:05:07+09:00")
    );
    assert_eq!(
        joined("令和8年11月21日", "午後2時").as_deref(),
        Some("2026-11-21T14:00:00+09:00")
    );
    assert_eq!(joined("20261121", ""), None);
}

#[test]
fn a_zone_of_the_settings_applies_only_where_the_stamp_has_none() {
    assert_eq!(
        shown(any(b"2026-11-21 00:05:07", 0).unwrap()),
        "2026-11-21T09:05:07+09:00"
    );
    assert_eq!(
        shown(any(b"2026-11-21T09:05:07+09:00", 0).unwrap()),
        "2026-11-21T09:05:07+09:00"
    );
}

#[test]
fn a_remembered_stamp_is_not_used_for_another_zone() {
    let mut cache = TimeCache::default();
    let here = cache.any(b"2026-11-21 09:05:07", JST_SECS).unwrap();
    let there = cache.any(b"2026-11-21 09:05:07", 0).unwrap();
    assert_eq!(there.secs() - here.secs(), i64::from(JST_SECS));
    assert_eq!(cache.any(b"nonsense", 0), None);
    assert_eq!(cache.any(b"2026-11-21 09:05:07", JST_SECS), Some(here));
}

proptest::proptest! {
    #[test]
    fn what_is_written_is_read_back(micros in 0_i64..4_102_444_800_000_000) {
        let time = EventTime::from_micros(micros);
        let mut out = Vec::new();
        write_jst(&mut out, time);
        proptest::prop_assert_eq!(any(&out, 0), Some(time));
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..40)) {
        let _ = any(&bytes, JST_SECS);
        let _ = clf(&bytes);
    }

    #[test]
    fn no_text_panics(text in "[RHSTM令和元年月日時分秒午後前0-9０-９/:. +Zap()（）-]{0,30}") {
        let _ = any(text.as_bytes(), JST_SECS);
    }
}
