//! Which span a report is of: a month, a quarter of the 年度, a 年度, or any days (随時).
//!
//! Not here: who has to sign which (`sign`), when the daemon makes them (`service`).

use crate::calendar::{Calendar, Day, fiscal_year_wareki};
use crate::text::Lang;

/// Business day of the month after by which a report is to be signed.
const DUE_BUSINESS_DAY: u8 = 10;
/// Longest span of a report made on demand, in days: the retention of the counters is longer, reading more is slow.
pub const SPECIAL_DAYS_MAX: i32 = 1_100;

/// What kind of report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// 月次: of a section, for its 保護管理者.
    Monthly,
    /// 四半期: of the agency, for the 総括保護管理者.
    Quarterly,
    /// 年次, by 年度: of the agency, for the 監査責任者.
    Yearly,
    /// 随時.
    Special,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 4] = [Kind::Monthly, Kind::Quarterly, Kind::Yearly, Kind::Special];

    /// The word used in the store and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Monthly => "monthly",
            Kind::Quarterly => "quarterly",
            Kind::Yearly => "yearly",
            Kind::Special => "special",
        }
    }

    /// The kind with this word.
    pub fn from_word(word: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|k| k.as_str() == word)
    }

    /// As people call it.
    pub fn say(self, lang: Lang) -> &'static str {
        match self {
            Kind::Monthly => lang.pick("月次", "monthly"),
            Kind::Quarterly => lang.pick("四半期", "quarterly"),
            Kind::Yearly => lang.pick("年次", "yearly"),
            Kind::Special => lang.pick("随時", "on demand"),
        }
    }
}

/// A span of days, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period {
    /// What kind of report.
    pub kind: Kind,
    /// First day.
    pub from: Day,
    /// Last day.
    pub to: Day,
}

/// First day of a month that may lie outside 1 to 12.
fn month_start(year: i32, month: i32) -> Option<Day> {
    let months = year.checked_mul(12)?.checked_add(month - 1)?;
    Day::of(months.div_euclid(12), u8::try_from(months.rem_euclid(12) + 1).ok()?, 1)
}

fn months(kind: Kind, year: i32, month: i32, length: i32) -> Option<Period> {
    Some(Period {
        kind,
        from: month_start(year, month)?,
        to: month_start(year, month + length)?.plus(-1),
    })
}

impl Period {
    /// The month `2026-10`, also `R8.10`.
    pub fn month(text: &str) -> Option<Period> {
        let date = crate::calendar::parse_date(&format!("{}-01", text.trim()))
            .or_else(|| crate::calendar::parse_date(&format!("{}.1", text.trim())))?
            .date();
        months(Kind::Monthly, date.year, i32::from(date.month), 1)
    }

    /// The quarter `2026-3` or `2026Q3` of a 年度: 1 is April to June.
    pub fn quarter(text: &str) -> Option<Period> {
        let (year, quarter) = text.trim().split_once(['-', 'Q', 'q'])?;
        let quarter: i32 = quarter.trim_start_matches(['Q', 'q']).parse().ok()?;
        let year: i32 = year.parse().ok().filter(|y| (1990..=2999).contains(y))?;
        (1..=4)
            .contains(&quarter)
            .then(|| months(Kind::Quarterly, year, 4 + 3 * (quarter - 1), 3))?
    }

    /// The 年度 that began in April of this year.
    pub fn fiscal_year(year: i32) -> Option<Period> {
        (1990..=2999)
            .contains(&year)
            .then(|| months(Kind::Yearly, year, 4, 12))?
    }

    /// Any days.
    pub fn special(from: Day, to: Day) -> Option<Period> {
        (from <= to && to.0.saturating_sub(from.0) < SPECIAL_DAYS_MAX).then_some(Period {
            kind: Kind::Special,
            from,
            to,
        })
    }

    /// The month, quarter or 年度 that holds `day`; the day itself for a report on demand.
    pub fn around(kind: Kind, day: Day) -> Option<Period> {
        let (date, fy) = (day.date(), day.fiscal_year());
        match kind {
            Kind::Monthly => months(kind, date.year, i32::from(date.month), 1),
            Kind::Quarterly => months(kind, fy, 4 + 3 * (i32::from(day.quarter()) - 1), 3),
            Kind::Yearly => months(kind, fy, 4, 12),
            Kind::Special => Period::special(day, day),
        }
    }

    /// Number of days.
    pub fn days(self) -> i32 {
        self.to.0.saturating_sub(self.from.0).saturating_add(1)
    }

    /// Whether `day` lies in it.
    pub fn holds(self, day: Day) -> bool {
        self.from <= day && day <= self.to
    }

    /// The period right before, of the same kind.
    pub fn before(self) -> Period {
        match self.kind {
            Kind::Special => Period {
                kind: self.kind,
                from: self.from.plus(-self.days()),
                to: self.from.plus(-1),
            },
            kind => Period::around(kind, self.from.plus(-1)).unwrap_or(self),
        }
    }

    /// The same period a year before.
    pub fn year_before(self) -> Period {
        match self.kind {
            Kind::Special => Period {
                kind: self.kind,
                from: self.from.plus(-365),
                to: self.to.plus(-365),
            },
            // The middle of last year's month is 365 days before the middle of this one, leap year or not.
            kind => Period::around(kind, self.from.plus(14 - 365)).unwrap_or(self),
        }
    }

    /// `令和8年11月分（令和8年11月1日～11月30日）`, `令和8年度第3四半期（2026-10-01/2026-12-31）`.
    pub fn label(self, lang: Lang) -> String {
        let (from, to) = (self.from, self.to);
        let span = format!("{}～{}", from.wareki(), to.wareki());
        let wareki = |day: Day, cut: char| {
            let text = day.wareki();
            text.split_once(cut)
                .map_or(text.clone(), |(head, _)| format!("{head}{cut}"))
        };
        match (self.kind, lang) {
            (Kind::Monthly, Lang::Ja) => format!("{}分（{span}）", wareki(from, '月')),
            (Kind::Quarterly, Lang::Ja) => {
                format!(
                    "{}第{}四半期（{span}）",
                    fiscal_year_wareki(from.fiscal_year()),
                    from.quarter()
                )
            }
            (Kind::Yearly, Lang::Ja) => format!("{}（{span}）", fiscal_year_wareki(from.fiscal_year())),
            (Kind::Special, Lang::Ja) => span,
            (Kind::Quarterly, Lang::En) => {
                format!(
                    "fiscal {} Q{} ({} to {})",
                    from.fiscal_year(),
                    from.quarter(),
                    from.iso(),
                    to.iso()
                )
            }
            (Kind::Yearly, Lang::En) => format!("fiscal year {} ({} to {})", from.fiscal_year(), from.iso(), to.iso()),
            (_, Lang::En) => format!("{} to {}", from.iso(), to.iso()),
        }
    }

    /// `2026-11`, `2026-Q3`, `FY2026`, `2026-11-01_2026-11-20`: for names of files.
    pub fn short(self) -> String {
        let iso = self.from.iso();
        match self.kind {
            Kind::Monthly => iso.get(..7).unwrap_or(&iso).to_owned(),
            Kind::Quarterly => format!("FY{}-Q{}", self.from.fiscal_year(), self.from.quarter()),
            Kind::Yearly => format!("FY{}", self.from.fiscal_year()),
            Kind::Special => format!("{iso}_{}", self.to.iso()),
        }
    }

    /// The tenth business day behind its end: the day by which it is to be signed.
    pub fn due(self, calendar: &Calendar) -> Day {
        let mut day = self.to;
        for _ in 0..DUE_BUSINESS_DAY {
            day = calendar.next_open(day.plus(1));
        }
        day
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(period: Period) -> [String; 3] {
        [period, period.before(), period.year_before()].map(|p| format!("{}/{}", p.from.iso(), p.to.iso()))
    }

    #[test]
    fn a_period_knows_the_one_before_and_that_of_last_year() {
        assert_eq!(
            spans(Period::month("2026-03").unwrap()),
            [
                "2026-03-01/2026-03-31",
                "2026-02-01/2026-02-28",
                "2025-03-01/2025-03-31"
            ]
        );
        assert_eq!(
            spans(Period::month("R6.2").unwrap()),
            [
                "2024-02-01/2024-02-29",
                "2024-01-01/2024-01-31",
                "2023-02-01/2023-02-28"
            ]
        );
        assert_eq!(
            spans(Period::quarter("2026Q4").unwrap()),
            [
                "2027-01-01/2027-03-31",
                "2026-10-01/2026-12-31",
                "2026-01-01/2026-03-31"
            ]
        );
        assert_eq!(
            spans(Period::fiscal_year(2026).unwrap()),
            [
                "2026-04-01/2027-03-31",
                "2025-04-01/2026-03-31",
                "2025-04-01/2026-03-31"
            ]
        );
    }

    #[test]
    fn it_is_called_as_offices_call_it() {
        let month = Period::month("2026-10").unwrap();
        assert_eq!(
            month.label(Lang::Ja),
            "令和8年10月分（令和8年10月1日～令和8年10月31日）"
        );
        let quarter = Period::quarter("2026-3").unwrap();
        assert_eq!(
            quarter.label(Lang::Ja),
            "令和8年度第3四半期（令和8年10月1日～令和8年12月31日）"
        );
        assert_eq!(
            Period::fiscal_year(2019).unwrap().label(Lang::En),
            "fiscal year 2019 (2019-04-01 to 2020-03-31)"
        );
        assert_eq!([month.short(), quarter.short()], ["2026-10", "FY2026-Q3"]);
        for wrong in ["2026-13", "10", "", "2026-10-01"] {
            assert_eq!(Period::month(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_report_is_due_on_the_tenth_business_day() {
        let due = |month: &str| Period::month(month).unwrap().due(&Calendar::default()).iso();
        assert_eq!(due("2026-10"), "2026-11-16", "culture day on the 3rd");
        assert_eq!(
            due("2026-12"),
            "2027-01-18",
            "closed until the 3rd, the 11th is a holiday"
        );
    }
}
