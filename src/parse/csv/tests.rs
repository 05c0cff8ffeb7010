use super::*;
use crate::parse::{Format, FormatSettings, Parsed};

fn settings(columns: &[&str], fields: FieldNames) -> CsvFormat {
    CsvFormat {
        equal_within_secs: 0,
        delimiter: b',',
        columns: columns.iter().map(|name| (*name).to_owned()).collect(),
        fields,
        zone_secs: 32_400,
    }
}

fn compile(settings: CsvFormat) -> Result<Format, FormatError> {
    Format::compile(&FormatSettings::Csv(settings))
}

fn named(time: &str, user: &str) -> FieldNames {
    FieldNames {
        time: Some(time.into()),
        user: Some(user.into()),
        ..FieldNames::default()
    }
}

fn record<'a>(parsed: Parsed<'a>) -> Record<'a> {
    match parsed {
        Parsed::Record(record) => record,
        other => panic!("{other:?}"),
    }
}

const LINE: &[u8] = b"2026/11/21 9:05:07,012345,1";

#[test]
fn a_restart_in_the_middle_of_a_file_knows_the_header() {
    let format = compile(settings(&[], FieldNames::default())).unwrap();
    let mut state = FormatState::default();
    assert_eq!(state.to_bytes(), b"");
    assert_eq!(
        format.parse("日時,利用者ID,件数".as_bytes(), &mut state),
        Parsed::Nothing
    );
    assert_eq!(state.version(), 1);
    let kept = state.to_bytes();
    let mut state = FormatState::from_bytes(&kept);
    assert_eq!(
        record(format.parse(LINE, &mut state)).user.as_deref(),
        Some(&b"012345"[..])
    );
    assert_eq!(state.version(), 0);
    assert_eq!(state.to_bytes(), kept);
}

#[test]
fn a_stored_state_that_is_damaged_rejects_lines_until_the_next_header() {
    let format = compile(settings(&[], FieldNames::default())).unwrap();
    let mut state = FormatState::from_bytes(b"\x01\xff\xff\xff\xffx");
    assert_eq!(format.parse(LINE, &mut state), Parsed::Reject(Why::Missing));
    assert_eq!(
        format.parse("日時,利用者ID,件数".as_bytes(), &mut state),
        Parsed::Nothing
    );
    assert_eq!(record(format.parse(LINE, &mut state)).rows, Some(1));
}

/// Reads `lines` and gives the account of each record, or why there is none.
fn users(lines: &[&str]) -> Vec<Result<String, Option<Why>>> {
    let format = compile(settings(&[], FieldNames::default())).unwrap();
    let mut state = FormatState::default();
    let read = |line: &&str| match format.parse(line.as_bytes(), &mut state) {
        Parsed::Record(r) => Ok(String::from_utf8(r.user.unwrap_or_default().into_owned()).unwrap()),
        Parsed::Reject(why) => Err(Some(why)),
        Parsed::Nothing => Err(None),
    };
    lines.iter().map(read).collect()
}

#[test]
fn the_same_names_in_another_order_are_a_reject_and_rows_are_read_as_before() {
    for other in ["日時,件数,利用者ID", "利用者ＩＤ,日時,件数", "日時,利用者ID,利用者ID"] {
        let row = "2026/11/21 9:05:07,012345,1";
        assert_eq!(
            users(&["日時,利用者ID,件数", row, other, row]),
            [
                Err(None),
                Ok("012345".to_owned()),
                Err(Some(Why::Columns)),
                Ok("012345".to_owned())
            ],
            "{other}"
        );
    }
}

#[test]
fn a_header_with_other_columns_in_the_middle_of_a_file_holds_and_shows() {
    for (other, row) in [
        ("日時,端末,利用者ID", "2026/11/21 9:05:08,pc1,b"),
        ("日時,件数,利用者ID,端末", "2026/11/21 9:05:08,1,b,pc1"),
    ] {
        assert_eq!(
            users(&["日時,利用者ID,件数", "2026/11/21 9:05:07,a,1", other, row, other]),
            [
                Err(None),
                Ok("a".to_owned()),
                Err(Some(Why::Columns)),
                Ok("b".to_owned()),
                Err(None)
            ],
            "{other}"
        );
    }
}

#[test]
fn a_row_with_a_time_is_no_header_whatever_its_other_cells_say() {
    let lines = [
        "日時,利用者ID,件数",
        "2026/11/21 9:05:07,日時,利用者ID,件数",
        "2026/11/21 9:05:08,a,1",
    ];
    assert_eq!(users(&lines), [Err(None), Err(Some(Why::Columns)), Ok("a".to_owned())]);
}

#[test]
fn a_new_configuration_reads_a_known_header_its_own_way() {
    let before = compile(settings(&[], named("日時", "利用者ID"))).unwrap();
    let after = compile(settings(&[], named("日時", "件数"))).unwrap();
    let mut state = FormatState::default();
    assert_eq!(
        before.parse("日時,利用者ID,件数".as_bytes(), &mut state),
        Parsed::Nothing
    );
    assert_eq!(
        record(before.parse(LINE, &mut state)).user.as_deref(),
        Some(&b"012345"[..])
    );
    assert_eq!(record(after.parse(LINE, &mut state)).user.as_deref(), Some(&b"1"[..]));
}

#[test]
fn declared_columns_need_no_header_and_a_header_line_is_nothing() {
    let format = compile(settings(&["いつ", "だれ", "n"], named("いつ", "だれ"))).unwrap();
    let mut state = FormatState::default();
    assert_eq!(format.parse("いつ,だれ,\"n\"".as_bytes(), &mut state), Parsed::Nothing);
    assert_eq!(
        record(format.parse(LINE, &mut state)).user.as_deref(),
        Some(&b"012345"[..])
    );
    assert_eq!(state.version(), 0);
}

#[test]
fn a_configured_column_that_is_not_there_is_named() {
    let error = compile(settings(&["日時", "利用者ID"], named("日時", "職員"))).unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no column \"職員\" for user; the declared columns are 日時, 利用者ID"
    );
    let error = compile(settings(&["a", "b"], FieldNames::default())).unwrap_err();
    assert!(error.to_string().contains("name it with fields.time"), "{error}");
}

#[test]
fn a_row_counts_without_the_column_of_its_count_which_is_unknown_and_told() {
    let fields = FieldNames {
        rows: Some("件数".into()),
        ..named("日時", "利用者ID")
    };
    let format = compile(settings(&[], fields)).unwrap();
    let mut state = FormatState::default();
    let header = "日時,利用者ID,出力件数";
    assert_eq!(format.parse(header.as_bytes(), &mut state), Parsed::Nothing);
    let lacking = state.take_lacking().unwrap();
    assert_eq!(
        lacking.to_string(),
        "rows = \"件数\" → \"出力件数\"? [日時, 利用者ID, 出力件数]"
    );
    assert!(!lacking.unread && !lacking.garbled);
    let read = record(format.parse(LINE, &mut state));
    assert_eq!(
        (read.user.as_deref(), read.rows),
        (Some(&b"012345"[..]), None),
        "no other column is guessed"
    );
    assert_eq!(state.take_lacking(), None, "told once");
    // After a restart in the middle of the file it is known again.
    let mut state = FormatState::from_bytes(&state.to_bytes());
    assert_eq!(record(format.parse(LINE, &mut state)).rows, None);
    assert!(state.take_lacking().is_some());
}

#[test]
fn without_the_column_of_the_account_a_row_is_of_nobody() {
    let format = compile(settings(&[], named("日時", "職員"))).unwrap();
    let mut state = FormatState::default();
    assert_eq!(
        format.parse("日時,利用者ID,件数".as_bytes(), &mut state),
        Parsed::Nothing
    );
    assert_eq!(
        state.take_lacking().unwrap().to_string(),
        "user = \"職員\" → \"利用者ID\"? [日時, 利用者ID, 件数]"
    );
    let read = record(format.parse(LINE, &mut state));
    assert_eq!((read.user, read.rows), (None, Some(1)));
}

#[test]
fn without_the_column_of_the_time_nothing_is_read_and_the_second_line_tells() {
    let format = compile(settings(&[], named("処理日", "利用者ID"))).unwrap();
    for (header, said) in [
        (
            "日時,利用者ID,件数".as_bytes(),
            "time = \"処理日\" → \"日時\"? [日時, 利用者ID, 件数]",
        ),
        // The same in CP932, read as UTF-8.
        (b"\x93\xfa\x8e\x9e,\x97\x98\x97p\x8e\xd2ID", "encoding?"),
    ] {
        let mut state = FormatState::default();
        assert_eq!(format.parse(header, &mut state), Parsed::Reject(Why::Missing));
        assert_eq!(state.take_lacking(), None, "a title may stand above the header");
        assert_eq!(format.parse(LINE, &mut state), Parsed::Reject(Why::Missing));
        let lacking = state.take_lacking().unwrap();
        assert!(lacking.unread);
        assert_eq!(lacking.garbled, said == "encoding?");
        assert!(lacking.to_string().ends_with(said), "{lacking}");
    }
}

#[test]
fn a_title_above_the_header_is_not_told_of() {
    let format = compile(settings(&[], named("日時", "利用者ID"))).unwrap();
    let mut state = FormatState::default();
    assert_eq!(
        format.parse("操作ログ一覧,,".as_bytes(), &mut state),
        Parsed::Reject(Why::Missing)
    );
    assert_eq!(
        format.parse("日時,利用者ID,件数".as_bytes(), &mut state),
        Parsed::Nothing
    );
    record(format.parse(LINE, &mut state));
    assert_eq!(state.take_lacking(), None);
}

#[test]
fn a_delimiter_that_cannot_separate_is_refused() {
    for delimiter in [b'"', b'\n', b'a', b'0', 0, 0x82] {
        assert_eq!(
            compile(CsvFormat {
                delimiter,
                ..settings(&[], FieldNames::default())
            })
            .unwrap_err(),
            FormatError::Delimiter
        );
    }
}

#[test]
fn one_column_may_be_two_fields() {
    let fields = FieldNames {
        operation: Some("機能".into()),
        resource: Some("機能".into()),
        ..named("日時", "ID")
    };
    let format = compile(settings(&["日時", "ID", "機能"], fields)).unwrap();
    let mut state = FormatState::default();
    let record = record(format.parse("2026/11/21,a,\"一括\"\"出力\"".as_bytes(), &mut state));
    assert_eq!(record.operation, record.resource);
    assert_eq!(record.resource.as_deref(), Some("一括\"出力".as_bytes()));
}

#[test]
fn day_and_time_in_two_columns_are_joined() {
    let fields = FieldNames {
        time2: Some("時".into()),
        ..named("日", "ID")
    };
    let format = compile(settings(&["日", "時", "ID"], fields)).unwrap();
    let mut state = FormatState::default();
    let record = record(format.parse(b"'R8.11.21,\"9:05:07\",a", &mut state));
    assert_eq!(record.time.unwrap().secs(), 1_795_219_507);
}

#[test]
fn a_line_break_inside_an_account_is_a_blank() {
    let format = compile(settings(&["日時", "ID"], named("日時", "ID"))).unwrap();
    let mut state = FormatState::default();
    let record = record(format.parse(b"2026/11/21,\"a\r\nb\"", &mut state));
    assert_eq!(record.user.as_deref(), Some(&b"a  b"[..]));
}

proptest::proptest! {
    #[test]
    fn any_header_is_kept_as_it_was(names in proptest::collection::vec("[^\u{0}]{0,12}", 1..8)) {
        let mut state = FormatState::default();
        let names: Vec<_> = names.iter().map(|name| name.as_bytes().to_vec()).collect();
        state.set_header(Header { names: names.clone(), plan: None, table: None });
        let again = FormatState::from_bytes(&state.to_bytes());
        proptest::prop_assert_eq!(again.header.unwrap().names, names);
    }

    #[test]
    fn stored_bytes_of_any_kind_are_taken(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..60)) {
        let _ = FormatState::from_bytes(&bytes);
    }

    #[test]
    fn a_value_comes_back_as_it_was_quoted(value in "[a-z\",\n ]{0,20}") {
        let line = format!("x,\"{}\",y", value.replace('"', "\"\""));
        let (_, rest) = cell(line.as_bytes(), b',').unwrap();
        let (middle, rest) = cell(rest.unwrap(), b',').unwrap();
        proptest::prop_assert_eq!(&*middle.value(), trim(value.as_bytes()));
        proptest::prop_assert_eq!(rest, Some(&b"y"[..]));
    }
}

const JOINED: &str = "日時,職員番号,業務名,操作区分,宛名番号,件数,セッション番号";

fn joined() -> Format {
    let mut settings = settings(&[], FieldNames::default());
    settings.fields.joined_by = Some("セッション番号".into());
    compile(settings).unwrap()
}

#[test]
fn rows_of_one_operation_are_one_access_with_all_its_citizens() {
    let format = joined();
    for restart in 0..4 {
        let mut state = FormatState::default();
        format.parse(JOINED.as_bytes(), &mut state);
        let rows = [
            "2026/11/21 9:05:07,012345,住基,照会,0000000018,,S-1",
            "2026/11/21 9:05:08,012346,住基,照会,0000000026,1,S-2",
            "2026/11/21 9:05:08,,住基,照会,0000000034,3,S-1",
            "2026/11/21 9:05:08,,住基,照会,0000000042,3,S-1",
        ];
        let mut seen = Vec::new();
        for (n, row) in rows.iter().enumerate() {
            if n == restart {
                state = FormatState::from_bytes(&state.to_bytes());
            }
            let record = record(format.parse(row.as_bytes(), &mut state));
            seen.push((
                record.user.map(|u| u.to_vec()),
                record.part,
                record.rows,
                record.subject.is_some(),
            ));
        }
        let user = |text: &str| Some(text.as_bytes().to_vec());
        assert_eq!(
            seen,
            [
                (user("012345"), false, None, true),
                (user("012346"), false, Some(1), true),
                (user("012345"), true, Some(3), true),
                (user("012345"), true, None, true),
            ]
        );
    }
}

#[test]
fn a_number_that_comes_again_much_later_is_another_operation() {
    let format = joined();
    let mut state = FormatState::default();
    format.parse(JOINED.as_bytes(), &mut state);
    for (time, part) in [("9:05:07", false), ("9:15:07", true), ("9:15:08", false)] {
        let row = format!("2026/11/21 {time},012345,住基,照会,,,S-1");
        assert_eq!(record(format.parse(row.as_bytes(), &mut state)).part, part, "{time}");
    }
}

#[test]
fn equal_rows_close_together_are_one_access_where_that_is_declared() {
    let mut settings = settings(&[], FieldNames::default());
    settings.equal_within_secs = 5;
    let format = compile(settings).unwrap();
    let mut state = FormatState::default();
    format.parse("日時,利用者ID,端末名,ファイル名,操作,件数".as_bytes(), &mut state);
    let kinds: Vec<bool> = [
        "2026/11/21 9:05:07,tanaka,PC-1,\\\\fs\\juki\\a.csv,READ,1",
        "2026/11/21 9:05:09,tanaka,PC-1,\\\\fs\\juki\\a.csv,READ,4",
        "2026/11/21 9:05:09,tanaka,PC-1,\\\\fs\\juki\\b.csv,READ,4",
        "2026/11/21 9:05:12,tanaka,PC-1,\\\\fs\\juki\\a.csv,READ,1",
        "2026/11/21 9:05:13,tanaka,PC-1,\\\\fs\\juki\\a.csv,READ,1",
    ]
    .iter()
    .map(|row| format.parse(row.as_bytes(), &mut state) == Parsed::Nothing)
    .collect();
    assert_eq!(kinds, [false, true, false, true, false]);
}

#[test]
fn the_key_of_a_record_is_made_of_the_declared_columns() {
    let mut settings = settings(&[], FieldNames::default());
    settings.fields.record_key = Some("受付番号+枝番".into());
    let format = compile(settings).unwrap();
    let key = |row: &str| {
        let mut state = FormatState::default();
        format.parse("日時,利用者ID,受付番号,枝番".as_bytes(), &mut state);
        record(format.parse(row.as_bytes(), &mut state)).key
    };
    let one = key("2026/11/21 9:05:07,012345,R8-001,1");
    assert!(one.is_some());
    assert_eq!(
        one,
        key("2026/11/21 9:05,012345,'R8-001,\"1\""),
        "another way to write the same"
    );
    assert_ne!(one, key("2026/11/21 9:05:07,012345,R8-001,2"));
    assert_ne!(one, key("2026/11/21 9:05:07,012345,1,R8-001"));
    assert_eq!(key("2026/11/21 9:05:07,012345,,-"), None, "nothing tells it apart");
}
