use super::*;
use proptest::prelude::*;

fn day(text: &str) -> Day {
    parse_date(text).unwrap_or_else(|| panic!("{text} is a date"))
}

#[test]
fn the_days_of_the_domain_page_are_what_it_says() {
    assert_eq!(holiday(day("2026-05-06")), Some("振替休日"));
    assert_eq!(holiday(day("2026-09-22")), Some("国民の休日"));
    assert_eq!(holiday(day("2027-03-22")), Some("振替休日"));
    assert_eq!(holiday(day("2032-09-21")), Some("国民の休日"));
    assert_eq!(holiday(day("2037-09-22")), Some("国民の休日"));
    let of_2028 = (0..366)
        .filter(|n| holiday(day("2028-01-01").plus(*n)) == Some("振替休日"))
        .count();
    assert_eq!(of_2028, 0);
    for (equinox, name) in [
        ("2026-03-20", "春分の日"),
        ("2026-09-23", "秋分の日"),
        ("2027-03-21", "春分の日"),
        ("2027-09-23", "秋分の日"),
        ("2028-03-20", "春分の日"),
        ("2028-09-22", "秋分の日"),
    ] {
        assert_eq!(holiday(day(equinox)), Some(name), "{equinox}");
    }
}

#[test]
fn a_fiscal_year_has_the_business_days_the_domain_page_counts() {
    for (year, expected) in [(2025, 242), (2026, 241), (2027, 243)] {
        let first = Day::of(year, 4, 1).unwrap();
        let next = Day::of(year + 1, 4, 1).unwrap();
        let open = (first.0..next.0).filter(|n| !is_closed(Day(*n))).count();
        assert_eq!(open, expected, "{year}");
    }
}

#[test]
fn single_holidays_and_moved_ones_are_known() {
    for (date, name) in [
        ("1959-04-10", Some("皇太子明仁親王の結婚の儀")),
        ("1989-02-24", Some("昭和天皇の大喪の礼")),
        ("1990-11-12", Some("即位礼正殿の儀")),
        ("1993-06-09", Some("皇太子徳仁親王の結婚の儀")),
        ("2019-04-30", Some("国民の休日")),
        ("2019-05-01", Some("即位の日")),
        ("2019-05-02", Some("国民の休日")),
        ("2019-05-06", Some("振替休日")),
        ("2019-10-22", Some("即位礼正殿の儀")),
        ("2019-12-23", None),
        ("2020-07-20", None),
        ("2020-07-24", Some("スポーツの日")),
        ("2020-08-10", Some("山の日")),
        ("2020-08-11", None),
        ("2020-10-12", None),
        ("2021-07-22", Some("海の日")),
        ("2021-08-09", Some("振替休日")),
        ("2022-07-18", Some("海の日")),
    ] {
        assert_eq!(holiday(day(date)), name, "{date}");
    }
}

#[test]
fn substitutes_follow_the_law_of_their_time() {
    assert_eq!(holiday(day("1973-02-12")), None, "before the law of April 1973");
    assert_eq!(holiday(day("1973-04-30")), Some("振替休日"));
    assert_eq!(holiday(day("1987-05-04")), Some("振替休日"));
    assert_eq!(holiday(day("1988-05-04")), Some("国民の休日"));
    assert_eq!(
        holiday(day("1986-05-04")),
        None,
        "a Sunday between two holidays was none of its own"
    );
    assert_eq!(
        holiday(day("2003-05-06")),
        None,
        "until 2006 only the very next day stood in"
    );
    assert_eq!(holiday(day("2008-05-06")), Some("振替休日"));
    assert_eq!(holiday(day("2009-05-06")), Some("振替休日"));
    assert_eq!(holiday(day("1948-05-03")), None, "the law began on 20 July 1948");
    assert_eq!(holiday(day("1948-09-23")), Some("秋分の日"));
}

/// The holidays of each year from 1948 to 2099, as two independent libraries have them.
#[test]
fn every_holiday_of_an_independent_list_is_one_and_no_other_day() {
    let mut listed = std::collections::BTreeSet::new();
    for line in include_str!("holidays.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
    {
        let (year, days) = line.split_once(' ').unwrap();
        listed.extend(days.split(' ').map(|month_day| day(&format!("{year}{month_day}"))));
    }
    let first = Day::of(1948, 1, 1).unwrap();
    let last = Day::of(2099, 12, 31).unwrap();
    let computed = (first.0..=last.0).map(Day).filter(|d| holiday(*d).is_some()).collect();
    assert_eq!(
        listed.difference(&computed).map(|d| d.iso()).collect::<Vec<_>>(),
        [""; 0]
    );
    assert_eq!(
        computed.difference(&listed).map(|d| d.iso()).collect::<Vec<_>>(),
        [""; 0]
    );
}

#[test]
fn offices_are_closed_on_weekends_holidays_and_around_new_year() {
    assert_eq!(closed(day("2026-11-21")), Some(Closed::Saturday));
    assert_eq!(closed(day("2026-11-22")), Some(Closed::Sunday));
    assert_eq!(closed(day("2026-11-23")), Some(Closed::Holiday("勤労感謝の日")));
    assert_eq!(closed(day("2026-11-24")), None);
    for closed_day in ["2026-12-29", "2026-12-30", "2026-12-31", "2027-01-02", "2027-01-03"] {
        assert_eq!(closed(day(closed_day)), Some(Closed::YearEnd), "{closed_day}");
    }
    assert_eq!(closed(day("2027-01-01")), Some(Closed::Holiday("元日")));
    assert!(!is_closed(day("2026-12-28")) && !is_closed(day("2027-01-04")));
}

#[test]
fn moments_read_as_a_clock_in_japan_shows_them() {
    let moment = EventTime::from_secs(1_795_237_407);
    assert_eq!(Jst::from(moment).iso(), "2026-11-21 14:03:27 JST");
    assert_eq!(Jst::from(moment).wareki(), "令和8年11月21日（土）14:03:27");
    assert_eq!(Jst::from(WallTime::from_secs(-1)).iso(), "1970-01-01 08:59:59 JST");
    let midnight = day_start(day("2026-11-21"));
    assert_eq!(Jst::from(midnight).iso(), "2026-11-21 00:00:00 JST");
    assert_eq!(day_of(EventTime::from_micros(midnight.micros() - 1)), day("2026-11-20"));
    Jst::from(EventTime::from_micros(i64::MAX)).iso();
    Jst::from(EventTime::from_micros(i64::MIN)).wareki();
    Day(i32::MIN).wareki_weekday();
    Day(i32::MAX).wareki_weekday();
}

#[test]
fn eras_begin_on_their_days() {
    for (date, expected) in [
        ("2019-04-30", "平成31年4月30日"),
        ("2019-05-01", "令和元年5月1日"),
        ("1989-01-07", "昭和64年1月7日"),
        ("1989-01-08", "平成元年1月8日"),
        ("1926-12-24", "大正15年12月24日"),
        ("1926-12-25", "昭和元年12月25日"),
        ("1912-07-29", "明治45年7月29日"),
        ("1912-07-30", "大正元年7月30日"),
        ("1868-01-24", "1868年1月24日"),
        ("2026-11-21", "令和8年11月21日"),
    ] {
        assert_eq!(day(date).wareki(), expected);
    }
}

#[test]
fn fiscal_years_and_quarters_begin_in_april() {
    assert_eq!(
        (day("2026-03-31").fiscal_year(), day("2026-03-31").quarter()),
        (2025, 4)
    );
    assert_eq!(
        (day("2026-04-01").fiscal_year(), day("2026-04-01").quarter()),
        (2026, 1)
    );
    assert_eq!(day("2026-12-31").quarter(), 3);
    assert_eq!(fiscal_year_wareki(2026), "令和8年度");
    assert_eq!(fiscal_year_wareki(2019), "令和元年度");
    assert_eq!(fiscal_year_wareki(1988), "昭和63年度");
}

#[test]
fn dates_are_read_in_every_way_registers_write_them() {
    let meant = Day::of(2026, 11, 21).unwrap();
    for text in [
        "2026-11-21",
        "2026/11/21",
        "2026.11.21",
        "20261121",
        "2026年11月21日",
        "R8.11.21",
        "R8/11/21",
        "r8-11-21",
        "R08.11.21",
        "R 8.11.21",
        "R.8.11.21",
        "令和8年11月21日",
        "令和８年１１月２１日",
        "令和 8年 11月 21日",
        "令8.11.21",
        "㋿8年11月21日",
        "２０２６／１１／２１",
        " 2026-11-21\u{3000}",
        "平成38年11月21日",
    ] {
        assert_eq!(parse_date(text), Some(meant), "{text}");
    }
    assert_eq!(parse_date("2026/4/1"), Day::of(2026, 4, 1));
    assert_eq!(parse_date("H31.4.30"), Day::of(2019, 4, 30));
    assert_eq!(parse_date("令和元年5月1日"), Day::of(2019, 5, 1));
    assert_eq!(parse_date("R1.5.1"), Day::of(2019, 5, 1));
    assert_eq!(parse_date("S64.1.7"), Day::of(1989, 1, 7));
    assert_eq!(parse_date("9999-12-31"), Day::of(9999, 12, 31));
}

#[test]
fn what_is_no_date_is_refused() {
    for text in [
        "",
        "R",
        "令和",
        "2026-02-29",
        "2026-13-01",
        "2026-00-10",
        "20261131",
        "2026112",
        "26-11-21",
        "8.11.21",
        "R0.1.1",
        "R100.1.1",
        "2026-11/21",
        "2026-11-21-1",
        "2026-11-21 10:00",
        "R8.11",
        "令和8年11月",
        "+2026-1-1",
        "2026-+1-1",
        "x8.11.21",
        "0001-01-01",
        "2026-1１-2a",
        "令和元年度",
        "無期限",
    ] {
        assert_eq!(parse_date(text), None, "{text}");
    }
    assert_eq!(parse_date(&"1".repeat(1_000_000)), None);
}

#[test]
fn a_date_outside_its_era_is_read_and_said_to_be() {
    assert_eq!(
        read_date("H32.3.31"),
        Some(DateRead {
            day: day("2020-03-31"),
            outside_era: true
        })
    );
    assert_eq!(read_date("H31.12.1").map(|read| read.outside_era), Some(true));
    assert_eq!(read_date("R1.4.1").map(|read| read.outside_era), Some(true));
    assert_eq!(read_date("H31.4.30").map(|read| read.outside_era), Some(false));
    assert_eq!(read_date("2020-03-31").map(|read| read.outside_era), Some(false));
}

#[test]
fn weekdays_follow_each_other() {
    assert_eq!(day("1970-01-01").weekday(), Weekday::Thursday);
    assert_eq!(day("2026-11-21").weekday(), Weekday::Saturday);
    assert_eq!(day("1948-07-20").weekday(), Weekday::Tuesday);
}

proptest! {
    #[test]
    fn days_and_dates_are_one_to_one(n in -35_000_000..35_000_000_i32) {
        let Date { year, month, day } = Day(n).date();
        prop_assert_eq!(Day::of(year, month, day), Some(Day(n)));
        let next = Day(n + 1).date();
        prop_assert!(next > Day(n).date());
        prop_assert_eq!(day_of(day_start(Day(n))), Day(n));
    }

    #[test]
    fn what_is_written_is_read_again(n in -37_000..47_482_i32) {
        prop_assert_eq!(parse_date(&Day(n).wareki()), Some(Day(n)));
        prop_assert_eq!(read_date(&Day(n).wareki()).map(|read| read.outside_era), Some(false));
        prop_assert_eq!(parse_date(&Day(n).iso()), Some(Day(n)));
    }

    #[test]
    fn no_text_breaks_the_reader(text in ".{0,40}") {
        parse_date(&text);
    }
}

#[test]
fn the_official_list_decides_for_the_years_it_covers() {
    let mut calendar = Calendar::default();
    assert_eq!(calendar.closed(day("2026-07-20")), Some(Closed::Holiday("海の日")));
    // As for the Olympic Games: the third Monday of July is a working day, and a Thursday stands in for it.
    let list = "国民の祝日・休日月日,国民の祝日・休日名称\r\n2026/1/1,元日\r\n2026/7/23,海の日\r\n";
    calendar.set_official(list).unwrap();
    assert_eq!(calendar.closed(day("2026-07-20")), None);
    assert_eq!(calendar.holiday(day("2026-07-23")), Some("海の日"));
    assert!(calendar.is_closed(day("2026-07-23")) && calendar.is_closed(day("2026-12-29")));
    assert_eq!(
        calendar.holiday(day("2027-01-01")),
        Some("元日"),
        "not covered: computed"
    );
    for (text, line) in [
        ("", 1),
        ("head,x\n", 1),
        ("head,x\n2026/1/1\n", 2),
        ("2026/1/1,元日\n2026/13/1,x\n", 2),
        ("2026/1/1,元日\n2026/1/1,元日\n", 2),
        ("2026/1/1,\n", 1),
    ] {
        let before = calendar.clone();
        assert_eq!(calendar.set_official(text).unwrap_err().line, line, "{text:?}");
        assert_eq!(calendar, before, "a refused list changes nothing");
    }
}

#[test]
fn an_agency_closes_and_opens_by_its_own_rules() {
    let mut calendar = Calendar::default();
    calendar.close(day("2026-11-13"));
    calendar.open(day("2027-03-28"));
    assert_eq!(calendar.closed(day("2026-11-13")), Some(Closed::Local));
    assert_eq!(calendar.closed(day("2027-03-28")), None, "日曜開庁");
    assert_eq!(calendar.next_open(day("2026-12-30")), day("2027-01-04"));
    assert_eq!(calendar.next_open(day("2027-03-27")), day("2027-03-28"));
}

#[test]
fn a_schedule_says_when_an_account_is_used() {
    let calendar = Calendar::default();
    let holds = |schedule: &str, date: &str, hour: i64, minute: i64| {
        let at = EventTime::from_secs(day_start(day(date)).secs() + hour * 3_600 + minute * 60);
        Schedule::parse(schedule).unwrap().holds(at, &calendar)
    };
    let office = "平日 8:30-17:15";
    assert!(holds(office, "2026-11-20", 8, 30) && holds(office, "2026-11-20", 17, 14));
    assert!(!holds(office, "2026-11-20", 17, 15) && !holds(office, "2026-11-20", 8, 29));
    assert!(!holds(office, "2026-11-21", 12, 0), "a Saturday");
    assert!(!holds(office, "2026-11-23", 12, 0), "a 祝日");
    let night = "月火水木金 22:00-5:00";
    assert!(holds(night, "2026-11-20", 23, 0), "Friday night");
    assert!(holds(night, "2026-11-21", 4, 59), "begun on Friday");
    assert!(!holds(night, "2026-11-22", 4, 0), "Saturday night");
    assert!(holds("毎日 ０１：００－０５：００；閉庁日", "2026-11-21", 13, 0));
    assert!(holds("土日 9:00-24:00", "2026-11-22", 23, 59));
    assert!(holds("mon,fri 9:00-12:00; closed", "2026-11-20", 9, 0));
    for wrong in [
        "",
        ";",
        "平日 8:30",
        "平日 8:30-25:00",
        "謎 8:30-9:00",
        "8:30-8:30",
        "平日 24:00-1:00",
        "8:60-9:00",
    ] {
        assert_eq!(Schedule::parse(wrong), None, "{wrong:?}");
    }
    assert_eq!(Schedule::parse("平日 8:30-17:15"), Some(Schedule::office()));
}
