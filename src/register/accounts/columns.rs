//! Which column of a register is which: by header, under any of the usual names, in any order.

use unicode_normalization::UnicodeNormalization;

use super::RegisterError;
use super::cell::shorten;
use crate::text::{Say, say};

/// More columns than that are no register.
pub(super) const COLUMNS_MAX: usize = 256;

/// What a column can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Column {
    Person,
    Account,
    Kind,
    SectionCode,
    Section,
    Concurrent,
    Tasks,
    Datasets,
    Operations,
    From,
    To,
    State,
    StateFrom,
    StateTo,
    Leaving,
    Contractor,
    ContractEnd,
    Generation,
    Custodian,
    Hosts,
    Schedule,
}

/// The names of each column, in the order of [`Column`]; the first is the one we would write.
const NAMES: [&[&str]; 21] = [
    &[
        "職員番号",
        "職員コード",
        "個人コード",
        "staff_number",
        "staff_no",
        "person",
    ],
    &[
        "利用者ID",
        "ユーザーID",
        "ユーザID",
        "利用者コード",
        "操作者ID",
        "account",
        "user_id",
        "user",
    ],
    &[
        "区分",
        "職員区分",
        "雇用形態",
        "雇用形態名",
        "任用区分",
        "アカウント区分",
        "kind",
    ],
    &["所属コード", "部課コード", "課コード", "section_code"],
    &["所属名", "所属", "課名", "部課名", "部署名", "section"],
    &["兼務区分", "本務兼務区分", "兼務", "post"],
    &["業務区分", "業務名", "業務", "tasks", "task"],
    &["情報資産", "対象情報資産", "利用情報資産", "datasets", "dataset"],
    &["権限", "操作権限", "権限区分", "利用権限", "operations"],
    &["権限開始日", "開始日", "有効開始日", "valid_from", "from"],
    &["権限終了日", "終了日", "有効終了日", "有効期限", "valid_to", "to"],
    &["状態", "在職区分", "state"],
    &["状態開始日", "state_from"],
    &["状態終了日", "state_to"],
    &["退職予定日", "退職予定年月日", "leaving"],
    &["委託先名", "委託先", "派遣元", "contractor"],
    &["契約終了日", "契約満了日", "contract_end"],
    &["ID世代", "世代", "generation"],
    &["管理責任者", "ID管理者", "管理者職員番号", "custodian"],
    &["接続元", "利用端末", "接続元ホスト", "hosts"],
    &["利用時間", "稼働時間", "利用時間帯", "schedule"],
];

/// Whether `word` is `name` with one character exchanged, left out or added.
fn is_slip(word: &str, name: &str) -> bool {
    const SHORTEST: usize = 4;
    let (word, name): (Vec<char>, Vec<char>) = (word.chars().collect(), name.chars().collect());
    let head = word.iter().zip(&name).take_while(|(a, b)| a == b).count();
    let tail = word
        .iter()
        .rev()
        .zip(name.iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let longer = word.len().max(name.len());
    SHORTEST <= name.len() && word.len().abs_diff(name.len()) <= 1 && word != name && longer <= head + tail + 1
}

/// The columns of one file.
#[derive(Debug, Default)]
pub(super) struct Columns {
    places: [Option<usize>; 21],
    headers: Vec<String>,
}

impl Columns {
    /// Finds the columns by the header.
    pub(super) fn find(headers: &csv::StringRecord) -> Result<Columns, RegisterError> {
        let headers: Vec<String> = headers
            .iter()
            .take(COLUMNS_MAX + 1)
            .map(|h| h.nfkc().collect::<String>().trim().to_owned())
            .collect();
        if COLUMNS_MAX < headers.len() {
            return Err(RegisterError::Row {
                line: 1,
                column: (COLUMNS_MAX + 1).to_string(),
                why: say!(
                    "列が {COLUMNS_MAX} を超えています。必要な列だけを出力してください",
                    "there are more than {COLUMNS_MAX} columns; export the columns that are needed"
                ),
            });
        }
        let mut columns = Columns {
            places: [None; 21],
            headers,
        };
        for (n, names) in NAMES.iter().enumerate() {
            let place = columns.of(names)?;
            if let Some(slot) = columns.places.get_mut(n) {
                *slot = place;
            }
        }
        columns.check()?;
        Ok(columns)
    }

    fn of(&self, names: &[&str]) -> Result<Option<usize>, RegisterError> {
        let all = |name: &&str| -> Vec<usize> {
            let named = self
                .headers
                .iter()
                .enumerate()
                .filter(|(_, h)| h.eq_ignore_ascii_case(name));
            named.map(|(i, _)| i).collect()
        };
        match names.iter().map(all).find(|found| !found.is_empty()).as_deref() {
            Some([_, second, ..]) => Err(RegisterError::Row {
                line: 1,
                column: shorten(self.headers.get(*second).map_or("", String::as_str)),
                why: say!(
                    "同じ列が2つあります。一方を除いてください",
                    "this column stands twice; take one of them out"
                ),
            }),
            Some([one]) => Ok(Some(*one)),
            _ => Ok(None),
        }
    }

    fn check(&self) -> Result<(), RegisterError> {
        let missing = |what: Say, columns: &[Column]| RegisterError::NoColumn {
            what,
            names: columns
                .iter()
                .flat_map(|c| names(*c))
                .copied()
                .collect::<Vec<_>>()
                .join(", "),
        };
        if self.place(Column::Person).is_none() {
            return Err(missing(
                say!("職員番号", "the staff number (職員番号)"),
                &[Column::Person],
            ));
        }
        if self.place(Column::Account).is_none() {
            return Err(missing(say!("利用者ID", "the account (利用者ID)"), &[Column::Account]));
        }
        if self.place(Column::To).is_none() && self.place(Column::State).is_none() {
            // Without either no right would ever end, and nobody would notice.
            return Err(missing(
                say!(
                    "権限終了日又は状態",
                    "the last day of the right (権限終了日) or the state (状態)"
                ),
                &[Column::To, Column::State],
            ));
        }
        self.check_spelling()
    }

    /// A mistyped name of a column that ends rights would make them endless, and nobody would notice.
    fn check_spelling(&self) -> Result<(), RegisterError> {
        let ends = [
            Column::From,
            Column::To,
            Column::StateFrom,
            Column::StateTo,
            Column::Leaving,
            Column::ContractEnd,
        ];
        let absent = || ends.into_iter().filter(|column| self.place(*column).is_none());
        for (place, header) in self.headers.iter().enumerate() {
            if self.is_read(place) {
                continue;
            }
            let Some(meant) = absent().flat_map(names).find(|name| is_slip(header, name)) else {
                continue;
            };
            return Err(RegisterError::Row {
                line: 1,
                column: self.header(place),
                why: say!(
                    "この列名はありません。「{meant}」のことですか。別の意味の列であれば、列名を変えるか除いてください",
                    "there is no such column; did you mean \"{meant}\"? If it means something else, rename it or take it out"
                ),
            });
        }
        Ok(())
    }

    /// Where a column stands.
    pub(super) fn place(&self, column: Column) -> Option<usize> {
        self.places.get(column as usize).copied().flatten()
    }

    /// Whether what stands at `place` is read.
    pub(super) fn is_read(&self, place: usize) -> bool {
        self.places.contains(&Some(place))
    }

    /// The header at `place`, or its number from 1 where it has none.
    pub(super) fn header(&self, place: usize) -> String {
        match self.headers.get(place) {
            Some(header) if !header.is_empty() => shorten(header),
            _ => place.saturating_add(1).to_string(),
        }
    }

    /// How many columns there are.
    pub(super) fn count(&self) -> usize {
        self.headers.len()
    }

    /// An error in a column.
    pub(super) fn error(&self, column: Column, line: u64, why: Say) -> RegisterError {
        RegisterError::Row {
            line,
            column: self.name(column),
            why,
        }
    }

    /// The header of a column; its usual name where the file has no such column.
    pub(super) fn name(&self, column: Column) -> String {
        match self.place(column) {
            Some(place) => self.header(place),
            None => names(column).first().copied().unwrap_or_default().to_owned(),
        }
    }
}

fn names(column: Column) -> &'static [&'static str] {
    NAMES.get(column as usize).copied().unwrap_or_default()
}
