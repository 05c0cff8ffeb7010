//! Who works there: sections, their datasets, staff with their terminals, and the files the daemon is given.

use crate::support::dice::Dice;

pub(super) const DATASETS: [&str; 4] = ["juki", "juminzei", "kaigo", "koho"];

/// A citizen on the watch-list.
pub(super) const WATCHED: u64 = 8_888_888;

/// Citizens of the town.
pub(super) const CITIZENS: u64 = 86_420;

#[derive(Debug, Clone)]
pub(super) struct Person {
    pub number: String,
    pub section: usize,
    pub terminal: String,
    /// Looks on a usual day, by dataset.
    pub looks: [u64; 4],
    /// Exports now and then, by dataset.
    pub exports: bool,
    /// Register: from, to, state, state from, planned leaving.
    pub from: &'static str,
    pub to: &'static str,
    pub state: &'static str,
    pub state_from: &'static str,
    pub state_to: &'static str,
    pub leaving: &'static str,
    /// 区分, end of contract, what is granted (dataset and operations; empty: not limited).
    pub sort: &'static str,
    pub contract_to: &'static str,
    pub granted: (&'static str, &'static str),
    /// Takes part in daily work; people of incidents and traps do so too unless said.
    pub works: bool,
    /// Already has a part to play.
    pub cast: bool,
}

#[derive(Debug)]
pub(super) struct Agency {
    pub people: Vec<Person>,
    pub dice: Dice,
}

/// What kind of section: 0 residents' desk, 1 tax, 2 care, 3 publicity lists, 4 no personal data in daily work.
pub(super) fn kind(section: usize) -> usize {
    match section % 8 {
        0 => 0,
        1 => 1,
        2 | 3 => 2,
        4 | 5 => 3,
        _ => 4,
    }
}

pub(super) fn section_name(section: usize) -> String {
    let kind = ["市民課", "税務課", "介護保険課", "広報課", "総務課"][kind(section)];
    if section < 8 && ![3, 5, 7].contains(&section) {
        kind.to_owned()
    } else {
        format!("{kind}第{section}係")
    }
}

impl Agency {
    pub fn new(people: usize, percent: u64, seed: u64) -> Agency {
        let mut dice = Dice::from_env("agency", seed);
        let sections = (people / 37).max(8);
        let mut staff: Vec<Person> = Vec::new();
        for n in 0..people {
            let section = n % sections;
            let busy = (4 + dice.below(16) + dice.below(12)) * percent / 100;
            let looks = match kind(section) {
                0 => [busy * 2, 0, 0, 0],
                1 => [busy / 3, busy, 0, 0],
                2 => [busy / 4, 0, busy, 0],
                3 => [0, 0, 0, busy / 2],
                _ => [0; 4],
            };
            staff.push(Person {
                number: format!("{:06}", 10_000 + n),
                section,
                terminal: format!("PC-{n:04}"),
                looks,
                exports: dice.once_in(3),
                from: "R8.4.1",
                to: "",
                state: "在職",
                state_from: "",
                state_to: "",
                leaving: "",
                sort: "正規",
                contract_to: "",
                granted: ("", ""),
                works: true,
                cast: false,
            });
        }
        Agency { people: staff, dice }
    }

    /// Somebody of a kind of section who has no part yet.
    pub fn cast(&mut self, kind_of_section: usize) -> usize {
        let free = |p: &Person| !p.cast && kind(p.section) == kind_of_section;
        let all: Vec<usize> = (0..self.people.len()).filter(|i| free(&self.people[*i])).collect();
        let chosen = all[self.dice.index(all.len())];
        self.people[chosen].cast = true;
        chosen
    }

    pub fn register(&self) -> String {
        let mut out = String::from(
            "職員番号,利用者ID,氏名,区分,所属コード,所属名,権限開始日,権限終了日,状態,状態開始日,状態終了日,退職予定日,契約終了日,情報資産,権限,管理責任者\n",
        );
        for p in &self.people {
            let Person {
                number,
                from,
                to,
                state,
                state_from,
                state_to,
                leaving,
                sort,
                contract_to,
                granted: (granted, operations),
                ..
            } = p;
            out.push_str(&format!(
                "{number},u{number},,{sort},{:04},{},{from},{to},{state},{state_from},{state_to},{leaving},{contract_to},{granted},{operations},{}\n",
                p.section * 10,
                section_name(p.section),
                if *sort == "特権" { "010000" } else { "" },
            ));
        }
        out
    }
}

/// The 台帳: the three datasets the shipped rules name in their samples, and lists of names.
pub(super) fn datasets() -> String {
    let tiers = [
        ("juki", "住民基本台帳", "A", "市民課", CITIZENS),
        ("juminzei", "個人住民税課税台帳", "A", "税務課", 48_210),
    ];
    let more = [
        ("kaigo", "介護保険被保険者台帳", "S", "介護保険課", 14_630),
        ("koho", "広報送付先名簿", "B", "広報課", 21_000),
    ];
    let classes = [
        ("照会", "view"),
        ("検索", "search"),
        ("CSV出力", "export"),
        ("帳票印刷", "print"),
        ("更新", "update"),
        ("ログイン", "login"),
    ];
    let mut out = String::new();
    for (id, title, tier, owner, registered) in tiers.iter().chain(&more) {
        out.push_str(&format!(
            "[[dataset]]\nid = \"{id}\"\ntitle = \"{title}\"\ntier = \"{tier}\"\nowner = \"{owner}\"\nregistered = {registered}\n"
        ));
        if id == &"kaigo" {
            out.push_str("terminals = [\"PC-*\", \"MADO-*\"]\n");
        }
        for (word, class) in classes {
            out.push_str(&format!(
                "[[dataset.match]]\nresource = \"/{id}/**\"\noperations = [\"{word}\"]\nclass = \"{class}\"\n"
            ));
        }
    }
    out
}

pub(super) const CONFIG: &str = r#"
agency = "○○市"
datasets = "datasets.toml"
rules = "rules.toml"
[store]
path = "sekimori.db"
[accounts]
register = "accounts.csv"
[ingest]
future_skew = "1d"
[mail]
from = "sekimori@city.example.jp"
[alerts]
to = ["kojinjoho-security@city.example.jp"]
[[source]]
name = "gyomu"
paths = ["audit.jsonl"]
format = "json"
[source.fields]
time = "at"
user = "user"
source = "pc"
operation = "action"
resource = "screen"
rows = "n"
outcome = "result"
subject = "no"
"#;
