//! One row of the register, read; and its one canonical spelling, by which rows of two imports are compared.

use super::AccountKind;
use crate::access::Operation;
use crate::calendar::Day;

/// 状態 of the person in the row's post.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum State {
    /// 在職.
    #[default]
    InOffice,
    /// 休職.
    Leave,
    /// 育休.
    ChildCare,
    /// 病休.
    Sick,
    /// 停職.
    Suspended,
    /// 派遣中: lent to another employer.
    Lent,
    /// 退職, 死亡.
    Retired,
    /// 失職, 免職.
    Dismissed,
}

impl State {
    /// Every state.
    pub const ALL: [State; 8] = [
        State::InOffice,
        State::Leave,
        State::ChildCare,
        State::Sick,
        State::Suspended,
        State::Lent,
        State::Retired,
        State::Dismissed,
    ];

    /// The word of the register.
    pub fn ja(self) -> &'static str {
        match self {
            State::InOffice => "在職",
            State::Leave => "休職",
            State::ChildCare => "育休",
            State::Sick => "病休",
            State::Suspended => "停職",
            State::Lent => "派遣中",
            State::Retired => "退職",
            State::Dismissed => "失職",
        }
    }

    /// The state called `word` in a register.
    pub fn from_word(word: &str) -> Option<State> {
        Some(match word {
            "" | "在職" | "active" => State::InOffice,
            "休職" | "休業" | "leave" => State::Leave,
            "育休" | "育児休業" => State::ChildCare,
            "病休" => State::Sick,
            "停職" | "suspended" => State::Suspended,
            "派遣中" => State::Lent,
            "退職" | "死亡" | "retired" | "left" => State::Retired,
            "失職" | "免職" => State::Dismissed,
            _ => return None,
        })
    }

    /// Whether the person has left for good.
    pub fn has_left(self) -> bool {
        matches!(self, State::Retired | State::Dismissed)
    }

    /// Whether the person is away and will come back.
    pub fn is_leave(self) -> bool {
        self != State::InOffice && !self.has_left()
    }
}

/// One row: one right of one account, in one post, for one period.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Row {
    /// Line of the file it begins in, from 1.
    pub line: u64,
    /// 職員番号; for an account that is nobody's (システム, 共用) its own name.
    pub person: Box<str>,
    /// The account, as it is compared.
    pub account: Box<str>,
    /// 区分.
    pub kind: AccountKind,
    /// 所属コード.
    pub section_code: Box<str>,
    /// 所属名; the code where there is no name.
    pub section: Box<str>,
    /// 兼務, as against 本務.
    pub concurrent: bool,
    /// 業務区分, separated by `;`.
    pub tasks: Box<str>,
    /// 情報資産 by id or 名称, separated by `;`.
    pub datasets: Box<str>,
    /// Permitted operations, bit `n` for class number `n`; 0: not stated.
    pub operations: u16,
    /// 権限開始日.
    pub from: Option<Day>,
    /// 権限終了日, inclusive.
    pub to: Option<Day>,
    /// 状態.
    pub state: State,
    /// 状態開始日.
    pub state_from: Option<Day>,
    /// 状態終了日, inclusive.
    pub state_to: Option<Day>,
    /// 退職予定日.
    pub leaving: Option<Day>,
    /// 委託先名.
    pub contractor: Box<str>,
    /// 契約終了日, inclusive.
    pub contract_end: Option<Day>,
    /// ID世代 as a year; 0: not stated.
    pub generation: i32,
    /// 職員番号 of whoever answers for a システム, 共用 or 特権 account.
    pub custodian: Box<str>,
    /// Hosts or networks it may be used from, separated by `;`.
    pub hosts: Box<str>,
    /// Times it may be used at.
    pub schedule: Box<str>,
}

/// Columns of the canonical spelling.
pub(super) const CANONICAL: &str = "職員番号,利用者ID,区分,所属コード,所属名,兼務区分,業務区分,情報資産,権限,\
    権限開始日,権限終了日,状態,状態開始日,状態終了日,退職予定日,委託先名,契約終了日,ID世代,管理責任者,接続元,利用時間";

impl Row {
    /// Whether the row is in its period on `day`, whatever the state.
    pub(super) fn is_in_period(&self, day: Day) -> bool {
        self.from.is_none_or(|from| from <= day) && self.to.is_none_or(|to| day <= to)
    }

    /// Whether the state holds on `day`.
    pub(super) fn is_in_state(&self, day: Day) -> bool {
        self.state_from.is_none_or(|from| from <= day) && self.state_to.is_none_or(|to| day <= to)
    }

    /// The one spelling of what the row says: CSV with the columns of [`Row::header`], ISO dates, no line end. Names of
    /// people and remarks are not in it. Reading it again gives an equal row.
    pub fn canonical(&self) -> String {
        let mut out = String::with_capacity(128);
        self.write_canonical(&mut out);
        out
    }

    /// Appends the same to `out`.
    pub fn write_canonical(&self, out: &mut String) {
        let text = |field: &str, out: &mut String| {
            quoted(field, out);
            out.push(',');
        };
        let date = |day: Option<Day>, out: &mut String| {
            if let Some(day) = day {
                day.write_iso(out);
            }
            out.push(',');
        };
        text(&self.person, out);
        text(&self.account, out);
        text(self.kind.ja(), out);
        text(&self.section_code, out);
        text(&self.section, out);
        text(if self.concurrent { "兼務" } else { "" }, out);
        text(&self.tasks, out);
        text(&self.datasets, out);
        for (n, operation) in stated(self.operations).enumerate() {
            if 0 < n {
                out.push('・');
            }
            out.push_str(operation.ja());
        }
        out.push(',');
        date(self.from, out);
        date(self.to, out);
        text(self.state.ja(), out);
        date(self.state_from, out);
        date(self.state_to, out);
        date(self.leaving, out);
        text(&self.contractor, out);
        date(self.contract_end, out);
        if self.generation != 0 {
            out.push_str(&self.generation.to_string());
        }
        out.push(',');
        text(&self.custodian, out);
        text(&self.hosts, out);
        quoted(&self.schedule, out);
    }

    /// Columns of [`Row::canonical`].
    pub fn header() -> &'static str {
        CANONICAL
    }
}

fn quoted(field: &str, out: &mut String) {
    if !field.bytes().any(|b| matches!(b, b',' | b'"' | b'\r' | b'\n')) {
        return out.push_str(field);
    }
    out.push('"');
    for c in field.chars() {
        if c == '"' {
            out.push('"');
        }
        out.push(c);
    }
    out.push('"');
}

/// The operations of a mask.
pub(super) fn operations(mask: u16) -> Vec<Operation> {
    stated(mask).collect()
}

fn stated(mask: u16) -> impl Iterator<Item = Operation> {
    Operation::ALL.into_iter().filter(move |o| mask & bit(*o) != 0)
}

/// The bit of an operation in a mask.
pub(super) fn bit(operation: Operation) -> u16 {
    1 << (operation as u8)
}
