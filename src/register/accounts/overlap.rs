//! Rows that speak of the same days and do not agree.
//!
//! Rights add up (兼務), so of two rows for one post the one that says more wins without a word: a right that one row ends
//! goes on by the other. That can hardly be meant, and it is how rights survive a transfer; both lines are named.
//!
//! Not here: one account of two persons on the same day, which is refused (`span`).

use super::columns::Column;
use super::days::share_a_day;
use super::grouped::Grouped;
use super::{Day, Row, at};
use crate::text::{Lang, Say, say};

/// Rows of one account compared with one another at most; who has more posts than that is no single person.
const ROWS_MAX: usize = 32;

/// Calls `found` for each row that does not agree with an earlier one: the row, the column, and what is odd.
/// `by_account` says which rows are each account's; `posts`, whether the file tells 本務 from 兼務.
pub(super) fn overlaps(rows: &[Row], by_account: &Grouped, posts: bool, found: &mut dyn FnMut(&Row, Column, Say)) {
    for group in by_account.all().filter(|group| 1 < group.len()) {
        let own: Vec<&Row> = group.iter().take(ROWS_MAX).filter_map(|n| at(rows, *n)).collect();
        for (n, row) in own.iter().enumerate() {
            let mut earlier = own.iter().take(n);
            let odd = earlier.find_map(|first| Some((first, disagreement(first, row, posts)?)));
            if let Some((first, what)) = odd {
                let (column, why) = said(first, row, what);
                found(row, column, why);
            }
        }
    }
}

/// How two rows of an account do not agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Disagreement {
    /// One post, other days or operations.
    Period,
    /// Two sections, both as 本務.
    TwoPosts,
}

fn disagreement(first: &Row, later: &Row, posts: bool) -> Option<Disagreement> {
    if first.person != later.person || !share_a_day(first, later) {
        return None;
    }
    let same_post = (&first.section, first.concurrent) == (&later.section, later.concurrent);
    let same_charge = (&first.tasks, &first.datasets) == (&later.tasks, &later.datasets);
    // With the same period they complete each other: another state, or further operations.
    if same_post && same_charge && (first.from, first.to) != (later.from, later.to) {
        return Some(Disagreement::Period);
    }
    let both_main = !first.concurrent && !later.concurrent && first.section != later.section;
    (posts && both_main && !first.kind.is_custodied()).then_some(Disagreement::TwoPosts)
}

fn said(first: &Row, later: &Row, what: Disagreement) -> (Column, Say) {
    let line = first.line;
    match what {
        Disagreement::Period => {
            let ja = (period(first, Lang::Ja), period(later, Lang::Ja));
            let en = (period(first, Lang::En), period(later, Lang::En));
            let column = if first.to == later.to { Column::From } else { Column::To };
            let why = Say::new(
                format!(
                    "{line} 行目と同じ所属・業務で、期間が重なり、食い違っています（{line} 行目は{}、この行は{}）。どちらかで有効な日は権限があるものとして扱います。誤っている方の行を直すか、除いてください",
                    ja.0, ja.1
                ),
                format!(
                    "line {line} is of the same post, and the periods overlap and differ ({} there, {} here); a day that either grants counts as granted. Correct the wrong row or take it out",
                    en.0, en.1
                ),
            );
            (column, why)
        }
        Disagreement::TwoPosts => {
            let why = say!(
                "{line} 行目の別の所属でも、同じ期間に本務です。両方の所属の権限があるものとして扱います。異動であれば前の所属の権限終了日を、兼務であれば兼務区分を書いてください",
                "line {line} has a main post in another section on the same days; both count. After a transfer write the last day of the earlier right, else write 兼務"
            );
            (Column::Section, why)
        }
    }
}

fn period(row: &Row, lang: Lang) -> String {
    let date = |day: Option<Day>| match (day, lang) {
        (None, _) => String::new(),
        (Some(day), Lang::Ja) => day.wareki(),
        (Some(day), Lang::En) => day.iso(),
    };
    format!("{}～{}", date(row.from), date(row.to))
}

#[cfg(test)]
mod tests {
    use crate::register::accounts::Sheet;
    use crate::text::Lang;

    const HEADER: &str = "職員番号,利用者ID,所属名,兼務区分,業務区分,権限開始日,権限終了日,状態,状態開始日\n";

    fn odd(header: &str, rows: &[&str]) -> Vec<(u64, String, String)> {
        let text = format!("{header}{}\n", rows.join("\n"));
        let reading = Sheet::read(text.as_bytes(), false).unwrap();
        let said = |w: crate::register::accounts::Warning| (w.line, w.column.clone(), w.why.pick(Lang::Ja).to_owned());
        reading.warnings.into_iter().map(said).collect()
    }

    #[test]
    fn a_row_that_lets_an_ended_right_go_on_is_named_with_the_line_it_contradicts() {
        let odd = odd(
            HEADER,
            &[
                "1,u1,税務課,本務,住民税,R6.4.1,R8.3.31,,",
                "2,u2,税務課,本務,住民税,R6.4.1,,,",
                "1,u1,税務課,本務,住民税,R7.4.1,,,",
            ],
        );
        assert_eq!(odd.len(), 1, "{odd:?}");
        let (line, column, why) = &odd[0];
        assert_eq!((*line, column.as_str()), (4, "権限終了日"));
        assert!(
            why.contains("2 行目と同じ所属・業務") && why.contains("令和8年3月31日"),
            "{why}"
        );
    }

    #[test]
    fn two_main_posts_at_once_are_named_where_the_file_tells_posts_apart() {
        let rows = ["1,u1,税務課,本務,,R6.4.1,,,", "1,u1,市民課,本務,,R8.4.1,,,"];
        let found = odd(HEADER, &rows);
        assert_eq!((found.len(), found[0].0, found[0].1.as_str()), (1, 3, "所属名"));
        assert!(found[0].2.contains("2 行目の別の所属でも"), "{}", found[0].2);
        let second = ["1,u1,税務課,本務,,R6.4.1,,,", "1,u1,市民課,兼務,,R8.4.1,,,"];
        assert_eq!(odd(HEADER, &second), []);
        let header = "職員番号,利用者ID,所属名,権限開始日,権限終了日\n";
        assert_eq!(odd(header, &["1,u1,税務課,R6.4.1,", "1,u1,市民課,R8.4.1,"]), []);
    }

    #[test]
    fn posts_one_after_the_other_and_states_of_one_post_agree() {
        let rows = [
            "1,u1,税務課,本務,住民税,R6.4.1,R8.3.31,,",
            "1,u1,市民課,本務,住民税,R8.4.1,,,",
            "2,u2,税務課,本務,住民税,R6.4.1,,休職,R8.4.1",
            "2,u2,税務課,本務,住民税,R6.4.1,,育休,R8.7.1",
            "3,u3,税務課,本務,住民税,R6.4.1,,,",
            "3,u3,税務課,本務,固定資産,R8.4.1,R9.3.31,,",
        ];
        assert_eq!(odd(HEADER, &rows), []);
    }
}
