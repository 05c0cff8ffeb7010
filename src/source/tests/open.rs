//! Quotes nobody closes, by mistake or to hide what follows.

use super::*;

fn rows(columns: usize) -> World {
    let mut w = World::with(|s| {
        s.quoted_newlines = true;
        s.delimiter = Some(b',');
    });
    w.know_columns(columns);
    w
}

/// Texts of lines, and those among them with an open quote.
fn read(w: &mut World, text: &str) -> (Vec<String>, Vec<String>) {
    w.append("access.log", text);
    w.step();
    let of = |l: &Seen| l.text.clone();
    let open = |l: &&Seen| l.damage == Some(Damage::OpenQuote);
    (
        w.lines.iter().map(of).collect(),
        w.lines.iter().filter(open).map(of).collect(),
    )
}

const BAD: &str = "2026-11-21 10:00:00,u1,\"note";
const OK: [&str; 2] = ["2026-11-21 10:00:01,u2,a", "2026-11-21 10:00:02,u3,\"b\""];

#[test]
fn a_quote_nobody_closes_hides_no_line_behind_it() {
    let mut w = rows(3);
    let (lines, open) = read(&mut w, &format!("{BAD}\n{}\n", OK[0]));
    assert_eq!(lines, [BAD, OK[0]], "nothing is waited for");
    assert_eq!(open, [BAD]);
    let (lines, open) = read(&mut w, &format!("{BAD}\nof two lines\n{}\n{}\n", OK[0], OK[1]));
    assert_eq!(lines[2..], [BAD, "of two lines", OK[0], OK[1]]);
    assert_eq!(open, [BAD, BAD]);
}

#[test]
fn two_quotes_put_around_what_others_did_hide_nothing() {
    let closing = "2026-11-21 10:00:03,u1,end\"";
    for between in [vec![], vec![OK[0]], vec![OK[0], OK[1], OK[0]]] {
        let mut w = rows(3);
        let text: String = [&[BAD], &between[..], &[closing]]
            .concat()
            .iter()
            .map(|l| format!("{l}\n"))
            .collect();
        let (lines, open) = read(&mut w, &text);
        assert_eq!((lines.len(), open), (between.len() + 2, vec![BAD.to_owned()]));
    }
}

#[test]
fn a_record_that_would_have_other_columns_is_none() {
    let mut w = rows(3);
    let (lines, open) = read(&mut w, &format!("{BAD}\nu2,said \"hi\",x,\"y\"\nx\"\n{}\n", OK[0]));
    assert_eq!(lines[0], BAD);
    assert_eq!(lines.last().unwrap(), OK[0]);
    assert_eq!(open, [BAD]);
    // The quote is closed where one may be, and nothing but the number of columns speaks against the record.
    let mut w = rows(3);
    let (lines, open) = read(&mut w, &format!("{BAD}\nu2,said hi\",more\n{}\n", OK[0]));
    assert_eq!(lines, [BAD, "u2,said hi\",more", OK[0]]);
    assert_eq!(open, [BAD]);
}

#[test]
fn remarks_of_several_lines_stay_one_record_also_with_delimiters_in_them() {
    let text = "2026-11-21 10:00:00,\"一、二,\nthree, four\n\n, \"\"five\"\"\",c\n\"2026-11-21\n10:00\",b,c\n";
    let mut w = rows(3);
    let (lines, open) = read(&mut w, text);
    assert_eq!((lines.len(), open.len()), (2, 0), "{lines:?}");
}

#[test]
fn a_quote_at_the_end_of_a_file_is_given_up_after_a_minute_or_when_no_more_is_expected() {
    for at_once in [true, false] {
        let mut w = rows(3);
        let text = format!("{}\n{BAD}\nmore\nhalf a li", OK[0]);
        assert_eq!(read(&mut w, &text).0, [OK[0]]);
        if at_once {
            assert!(w.tailer.settle(None));
        } else {
            w.pass(Duration::from_secs(59));
            w.step();
            assert_eq!(w.lines.len(), 1, "its rest may still be written");
            w.pass(Duration::from_secs(1));
        }
        w.step();
        assert_eq!(w.texts(), [OK[0], BAD, "more"]);
        assert_eq!(w.lines[1].damage, Some(Damage::OpenQuote));
        w.restart();
        let (lines, _) = read(&mut w, &format!("ne\n{}\n", OK[1]));
        assert_eq!(lines[3..], ["half a line", OK[1]]);
    }
}

#[test]
fn a_remark_whose_rest_is_written_late_is_still_one_record() {
    let mut w = rows(3);
    read(&mut w, &format!("{BAD}\nsecond"));
    w.pass(Duration::from_secs(50));
    w.append("access.log", " line\n");
    w.step();
    w.pass(Duration::from_secs(50));
    w.step();
    let (lines, open) = read(&mut w, "third\"\n");
    assert_eq!((lines.len(), open.len()), (1, 0), "{lines:?}");
}

#[test]
fn the_number_of_columns_is_what_the_format_remembers_of_the_file() {
    let mut w = World::with(|s| {
        s.quoted_newlines = true;
        s.delimiter = Some(b',');
    });
    // The world remembers how many lines it saw.
    w.tailer.know_columns(Columns {
        declared: 0,
        of: |state| if state.is_empty() { 0 } else { 3 },
    });
    let (lines, open) = read(&mut w, &format!("time,user,note\n{BAD}\n{}\n", OK[0]));
    assert_eq!((lines.len(), open.len()), (3, 1));
}
