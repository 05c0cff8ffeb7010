use std::os::unix::fs::symlink;

use super::*;

const HEADER: &str = "職員番号,利用者ID,権限終了日\n";

struct Place {
    folder: tempfile::TempDir,
    config: Config,
    store: Store,
}

fn now(secs: i64) -> WallTime {
    WallTime::from_secs(1_800_000_000 + secs)
}

fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let quickstart = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/quickstart.toml");
    let mut config = crate::config::load(&quickstart).unwrap().config;
    config.accounts.lang = crate::text::Lang::En;
    config.accounts.path = folder.path().join("accounts.csv");
    config.accounts.encoding = crate::text::Encoding::Utf8;
    let store = Store::open(&folder.path().join("s.db")).unwrap();
    Place { folder, config, store }
}

impl Place {
    fn write(&self, text: impl AsRef<[u8]>) {
        std::fs::write(&self.config.accounts.path, text).unwrap();
    }

    fn take(&mut self, at: i64) -> Result<InForce, String> {
        register_in_force(&self.config, &mut self.store, now(at)).map_err(|e| e.to_string())
    }

    fn key(&self) -> PathBuf {
        self.folder.path().join("subject.key")
    }

    fn subject_key(&mut self) -> Result<String, String> {
        let path = self.key();
        let key = subject_key(&path, &mut self.store).map_err(|e| e.to_string())?;
        Ok(format!("{:?}", key.hash(b"0012345")))
    }
}

#[test]
fn a_register_that_changes_is_a_new_version_and_one_that_does_not_is_not() {
    let mut p = place();
    p.write(format!("{HEADER}1,u1,\n"));
    assert_eq!(p.take(0).unwrap().version, 1);
    assert_eq!(p.take(1).unwrap().version, 1);
    p.write(format!("{HEADER}1,u1,R8.3.31\n"));
    assert_eq!(p.take(2).unwrap().version, 2);
    p.write(format!("{HEADER}1,u1,\n"));
    let back = p.take(3).unwrap();
    assert_eq!(
        (back.version, back.refused, back.register.rows()),
        (3, None, 1),
        "back to the old one is news"
    );
}

#[test]
fn a_register_that_cannot_be_used_leaves_the_last_good_one_in_force_loudly() {
    let mut p = place();
    p.write(format!("{HEADER}1,u1,\n2,u2,\n"));
    p.take(0).unwrap();
    let cases: [(&[u8], &str); 6] = [
        (b"", "holds no account at all"),
        (HEADER.as_bytes(), "holds no account at all"),
        (b"\xe9\x94\n1,u1\n", "the file is not utf-8 (first at line 1)"),
        (
            "職員番号,利用者ID,権限終了日\n1,u1\n".as_bytes(),
            "line 2, column 権限終了日: this row has 2 fields",
        ),
        (b"\0\0\0\0", "there is no column"),
        (
            "職員番号,利用者ID,権限終了日\n1,u1,2026-13-01\n".as_bytes(),
            "line 2, column 権限終了日",
        ),
    ];
    for (at, (content, why)) in (1..).zip(cases) {
        p.write(content);
        let kept = p.take(at).unwrap();
        assert_eq!((kept.version, kept.register.accounts()), (1, 2));
        let refused = kept.refused.unwrap();
        assert!(
            refused.contains(why) && refused.ends_with("; version 1 stays in force"),
            "{refused}"
        );
        assert!(refused.contains("accounts.csv"), "{refused}");
        assert_eq!(
            p.store.journal(1).unwrap(),
            [(now(at), "register-refused".to_owned(), refused)]
        );
    }
    std::fs::remove_file(&p.config.accounts.path).unwrap();
    let refused = p.take(20).unwrap().refused.unwrap();
    assert!(
        refused.contains("No such file") && refused.contains("accounts.register must name"),
        "{refused}"
    );
}

#[test]
fn without_any_good_register_nothing_starts() {
    let mut p = place();
    let none = p.take(0).unwrap_err();
    assert!(
        none.starts_with("the account register") && none.contains("no earlier one is kept"),
        "{none}"
    );
    p.write(HEADER);
    assert!(p.take(1).unwrap_err().contains("holds no account at all"));
    assert_eq!(p.store.register_version().unwrap(), None);
}

#[test]
fn the_register_is_kept_as_text_whatever_its_encoding() {
    let mut p = place();
    p.config.accounts.encoding = crate::text::Encoding::Cp932;
    p.write(encoding_rs::SHIFT_JIS.encode(&format!("{HEADER}1,髙橋,\n")).0);
    p.take(0).unwrap();
    let kept = p.store.register_rows(1).unwrap();
    assert_eq!(
        kept.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>(),
        ["1,髙橋,,,,,,,,,,在職,,,,,,,,,"]
    );
    p.config.accounts.encoding = crate::text::Encoding::Utf8;
    assert!(p.take(1).unwrap().refused.unwrap().contains("the file is not utf-8"));
}

#[test]
fn the_key_is_made_once_for_the_owner_only_and_used_ever_after() {
    let mut p = place();
    let hash = p.subject_key().unwrap();
    assert_eq!(std::fs::metadata(p.key()).unwrap().permissions().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(p.key()).unwrap();
    assert!(text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()));
    assert_eq!(
        std::fs::read_dir(p.folder.path())
            .unwrap()
            .filter(|e| e.as_ref().unwrap().file_name().to_string_lossy().contains(".new"))
            .count(),
        0
    );
    assert_eq!(p.subject_key().unwrap(), hash);
    std::fs::write(p.key(), format!("{}\n", text.to_uppercase())).unwrap();
    assert_eq!(p.subject_key().unwrap(), hash, "another case, an end of line");
    assert_ne!(place().subject_key().unwrap(), hash, "no two stores have the same key");
}

#[test]
fn a_key_left_unfinished_by_a_crash_is_made_anew() {
    let mut p = place();
    std::fs::write(p.folder.path().join("subject.key.new"), "0123").unwrap();
    p.subject_key().unwrap();
    assert_eq!(std::fs::read_to_string(p.key()).unwrap().len(), 64);
    assert_eq!(std::fs::metadata(p.key()).unwrap().permissions().mode() & 0o077, 0);
}

#[test]
fn a_key_that_is_gone_wrong_or_another_is_refused() {
    let mut p = place();
    p.subject_key().unwrap();
    let right = std::fs::read_to_string(p.key()).unwrap();
    let refused = |p: &mut Place, text: &str| {
        std::fs::write(p.key(), text).unwrap();
        p.subject_key().unwrap_err()
    };
    for bad in [
        "",
        "12",
        &right.chars().skip(1).collect::<String>(),
        &format!("{right}0"),
        &"+1".repeat(32),
        &"zz".repeat(32),
        &"あ".repeat(64),
    ] {
        assert!(
            refused(&mut p, bad).ends_with("it must hold 64 hexadecimal digits"),
            "{bad}"
        );
    }
    let other = refused(&mut p, &"0".repeat(64));
    assert!(
        other.contains("another key than the one this store was begun with"),
        "{other}"
    );
    assert!(!other.contains("000000"), "no key in a message");
    std::fs::remove_file(p.key()).unwrap();
    let gone = p.subject_key().unwrap_err();
    assert!(gone.contains("it is gone") && gone.contains("restore it"), "{gone}");
    assert!(!p.key().exists(), "no new one is made in its place");
    std::fs::write(p.key(), &right).unwrap();
    std::fs::set_permissions(p.key(), std::fs::Permissions::from_mode(0o640)).unwrap();
    assert!(
        p.subject_key()
            .unwrap_err()
            .ends_with("others may read it; chmod 600 it")
    );
    std::fs::set_permissions(p.key(), std::fs::Permissions::from_mode(0o400)).unwrap();
    p.subject_key().unwrap();
}

#[test]
fn a_key_whose_folder_is_missing_or_that_points_nowhere_is_said() {
    let mut p = place();
    let lost = subject_key(&p.folder.path().join("no/where.key"), &mut p.store)
        .unwrap_err()
        .to_string();
    assert!(lost.contains("no/where.key: it cannot be made"), "{lost}");
    symlink("/nonexistent/key", p.key()).unwrap();
    assert!(p.subject_key().is_err());
}

#[test]
fn a_key_in_hexadecimal_is_read_as_it_was_written() {
    let secret: [u8; 32] = std::array::from_fn(|i| u8::try_from(i * 8).unwrap());
    assert_eq!(unhex(&hex(&secret)), Some(secret));
    assert_eq!(unhex(""), None);
    assert!(!host_name().is_empty());
}

#[test]
fn a_file_nobody_touched_never_takes_the_place_of_a_register_imported_by_command() {
    let mut p = place();
    p.write(format!("{HEADER}1,u1,\n"));
    p.take(0).unwrap();
    let by_hand = p.folder.path().join("by-hand.csv");
    std::fs::write(&by_hand, format!("{HEADER}1,u1,R8.3.31\n")).unwrap();
    let offer = import::read(&p.config.accounts, &by_hand).unwrap();
    import::take(
        &mut p.store,
        &p.config.accounts,
        &offer,
        ("012345", ""),
        import::Known::default(),
        now(1),
    )
    .unwrap();
    assert_eq!(p.take(2).unwrap().version, 2, "the file is the old one");
    p.write(format!("{HEADER}1,u1,\n2,u2,\n"));
    assert_eq!(p.take(3).unwrap().version, 3, "the file is another one now");
}
