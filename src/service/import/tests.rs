use super::*;
use crate::access::Standing;
use crate::calendar::parse_date;
use crate::text::Encoding;

const HEADER: &str = "職員番号,利用者ID,所属名,権限開始日,権限終了日\n";

struct Desk {
    folder: tempfile::TempDir,
    accounts: AccountsSettings,
    store: Store,
}

fn now(secs: i64) -> WallTime {
    WallTime::from_secs(1_795_186_800 + secs)
}

fn desk() -> Desk {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("s.db")).unwrap();
    let accounts = AccountsSettings {
        path: folder.path().join("accounts.csv"),
        encoding: Encoding::Utf8,
        domains: Vec::new(),
        drop_folder: None,
        vanish_percent_max: 20,
        stale_after: std::time::Duration::from_secs(8 * 86_400),
        unended_last_line: false,
        lang: Lang::En,
    };
    Desk {
        folder,
        accounts,
        store,
    }
}

impl Desk {
    fn offer(&self, text: &[u8]) -> Result<Offer, String> {
        std::fs::write(&self.accounts.path, text).unwrap();
        read(&self.accounts, &self.accounts.path)
    }

    fn take(&mut self, rows: &[&str], reason: &str, at: i64) -> Result<Taken, String> {
        let offer = self.offer(format!("{HEADER}{}\n", rows.join("\n")).as_bytes())?;
        take(
            &mut self.store,
            &self.accounts,
            &offer,
            ("012345", reason),
            Known::default(),
            now(at),
        )
        .map_err(|e| e.to_string())
    }
}

#[test]
fn an_import_keeps_what_is_new_and_every_version_reads_back_as_it_was() {
    let mut d = desk();
    let first = ["1,u1,税務課,R5.4.1,", "2,u2,市民課,R5.4.1,"];
    let second = ["1,u1,税務課,R5.4.1,R8.3.31", "2,u2,市民課,R5.4.1,"];
    let new = |version, added, ended| Taken::New { version, added, ended };
    assert_eq!(d.take(&first, "", 0), Ok(new(1, 2, 0)));
    assert_eq!(d.take(&first, "", 1), Ok(Taken::Same(1)));
    assert_eq!(d.take(&second, "", 2), Ok(new(2, 1, 1)));
    for (version, rows) in [(1, first), (2, second)] {
        let kept = of_version(&d.store, &d.accounts, version).unwrap();
        let written = Register::read(format!("{HEADER}{}\n", rows.join("\n")).as_bytes()).unwrap();
        assert_eq!(crate::register::accounts::changes(&kept, &written), []);
    }
    let versions = d.store.register_versions(9).unwrap();
    assert_eq!(versions[0].import.by, "012345");
    assert_eq!((versions[0].import.rows, versions[1].refreshed_at), (2, now(1)));
    let (_, what, detail) = d.store.journal(1).unwrap().remove(0);
    assert_eq!(what, "register-imported");
    assert!(
        detail.starts_with("version 2: 2 rows (1 added, 1 ended), 2 accounts, from /"),
        "{detail}"
    );
    assert!(detail.ends_with(", by 012345"), "{detail}");
}

#[test]
fn a_register_that_takes_half_away_needs_a_named_reason() {
    let mut d = desk();
    let rows: Vec<String> = (0..20).map(|n| format!("{n},u{n},税務課,R5.4.1,")).collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    d.take(&rows, "", 0).unwrap();
    let said = d.take(&rows[..10], "", 1).unwrap_err();
    assert!(
        said.contains("10 of the 20 accounts whose right is in force today"),
        "{said}"
    );
    assert_eq!(
        d.store.register_version().unwrap().unwrap().id,
        1,
        "nothing has changed"
    );
    d.take(&rows[..10], "支所の廃止", 2).unwrap();
    assert_eq!(d.store.register_version().unwrap().unwrap().import.reason, "支所の廃止");
}

#[test]
fn a_hostile_or_half_written_register_is_refused_with_its_place_and_changes_nothing() {
    let mut d = desk();
    d.take(&["1,u1,税務課,R5.4.1,"], "", 0).unwrap();
    let utf16: Vec<u8> = "職員番号".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let wide = format!("職員番号,利用者ID,権限終了日{}\n", ",x".repeat(1_000_000));
    for (text, place) in [
        (b"".to_vec(), "no account at all"),
        (
            format!("{HEADER}1,u1,税務課,R5.4.1,\n2,u2,市民").into_bytes(),
            "line 3, column 権限開始日",
        ),
        (
            format!("{HEADER}1,u1,税務課,R5.4.1,\n2,u2,市民課,R5.4.1,").into_bytes(),
            "line 3, column 権限終了日: the last line",
        ),
        (
            format!("{HEADER}1,u1,\"税務課,R5.4.1,\n2,u2,市民課,R5.4.1,\n").into_bytes(),
            "line 2, column 権限開始日",
        ),
        (
            format!("{HEADER}1,=1+1,税務課,R5.4.1,\n").into_bytes(),
            "line 2, column 利用者ID: this is a formula",
        ),
        (
            format!("{HEADER}1,u\0,税務課,R5.4.1,\n").into_bytes(),
            "line 2, column 利用者ID: this holds control",
        ),
        (
            format!("{HEADER}1,u1,税務課,R5.4.1,\n1,u1,税務課,R5.4.1,\n").into_bytes(),
            "line 3, column 職員番号",
        ),
        (wide.into_bytes(), "line 1, column 257"),
        (utf16, "the file is not utf-8 (first at line 1)"),
        (
            encoding_rs::SHIFT_JIS.encode(HEADER).0.into_owned(),
            "the file is not utf-8 (first at line 1)",
        ),
    ] {
        let said = d.offer(&text).unwrap_err();
        assert!(said.contains(place), "{said}");
    }
    assert_eq!(d.store.register_versions(9).unwrap().len(), 1);
    drop(d.folder);
}

#[test]
fn what_the_store_keeps_answers_as_the_file_did() {
    let mut d = desk();
    d.accounts.domains = vec!["CITY".into()];
    d.take(&["1,u1,税務課,R5.4.1,R8.3.31", "1,u1,市民課,R8.4.1,"], "", 0)
        .unwrap();
    let kept = of_version(&d.store, &d.accounts, 1).unwrap();
    let ix = kept.find(b"city\\U1").unwrap();
    let on = |date: &str| kept.verdict_on(ix, parse_date(date).unwrap());
    assert_eq!(
        (on("2026-03-31").standing, on("2026-03-31").section),
        (Standing::Valid, "税務課")
    );
    assert_eq!(on("2026-04-01").section, "市民課");
}
