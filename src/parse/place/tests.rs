mod grants;

use std::borrow::Cow;

use sha2::{Digest, Sha256};

use super::spellings::SPELLINGS_MAX;
use super::*;
use crate::access::{DatasetId, Operation};
use crate::register::{DatasetSettings, MatchSettings, Terms, Tier};

/// 2026-11-21T00:00:00+09:00, the day after the right of tz1 ended.
const SATURDAY: i64 = 1_795_186_800;

#[derive(Debug, Default)]
struct Ids {
    names: Vec<String>,
}

impl Ids {
    fn id(&mut self, name: String) -> WhoId {
        let at = self.names.iter().position(|n| *n == name).unwrap_or_else(|| {
            self.names.push(name);
            self.names.len() - 1
        });
        WhoId(u32::try_from(at + 1).unwrap())
    }
}

impl WhoIds for Ids {
    fn person(&mut self, number: &str) -> WhoId {
        self.id(format!("person {number}"))
    }
    fn account(&mut self, name: &str) -> WhoId {
        self.id(format!("account {name}"))
    }
}

fn placer() -> Placer {
    placer_with(|_| {})
}

fn placer_with(change: impl FnOnce(&mut DatasetSettings)) -> Placer {
    let register = "職員番号,利用者ID,権限開始日,権限終了日\n012345,tz1,R8.4.1,R8.11.20\n012345,tz2,R8.4.1,\n9,tz9,,\n";
    let one = |resource: &str, records, subject_query: Option<&str>| MatchSettings {
        sources: Vec::new(),
        resource: resource.into(),
        subject_query: subject_query.map(str::to_owned),
        operations: Vec::new(),
        class: Some(Operation::Export),
        records,
    };
    let mut dataset = DatasetSettings {
        id: "juki".into(),
        title: String::new(),
        tier: Tier::A,
        owner: String::new(),
        registered: None,
        terms: Terms::default(),
        matches: vec![
            one("/juki/{subject}", Some(1), None),
            one("/list", None, Some("no")),
            one("/juki/all/csv", Some(9), None),
        ],
    };
    change(&mut dataset);
    let datasets = Datasets::new(&[(DatasetId(4), &dataset)], &["web"]);
    Placer::new(
        Arc::new(Register::read(register.as_bytes()).unwrap()),
        Arc::default(),
        datasets,
        SubjectKey::new(&[7; 32]),
    )
}

fn record<'a>(user: Option<&'a str>, resource: &'a str) -> Record<'a> {
    Record {
        time: Some(EventTime::from_secs(SATURDAY)),
        user: user.map(|u| Cow::Borrowed(u.as_bytes())),
        resource: Some(Cow::Borrowed(resource.as_bytes())),
        ..Record::default()
    }
}

fn placed(placer: &mut Placer, record: &Record<'_>, ids: &mut dyn WhoIds) -> Placed {
    let surveyed = placer.surveyor().survey(record, 0);
    placer.place(&surveyed, LineRef::default(), SourceId(3), ids)
}

fn access(record: &Record<'_>) -> Access {
    match placed(&mut placer(), record, &mut Ids::default()) {
        Placed::Access(access) => access,
        other => panic!("{other:?}"),
    }
}

/// HMAC as RFC 2104 writes it out: H(K xor opad, H(K xor ipad, text)).
fn hmac_by_hand(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut block = [0u8; 64];
    block[..key.len()].copy_from_slice(key);
    let with = |pad: u8, text: &[u8]| {
        let mut all: Vec<u8> = block.iter().map(|b| b ^ pad).collect();
        all.extend_from_slice(text);
        Sha256::digest(&all)
    };
    with(0x5c, &with(0x36, text)).into()
}

#[test]
fn the_hash_of_a_citizens_number_is_hmac_sha_256() {
    let hex: String = hmac_by_hand(b"Jefe", b"what do ya want for nothing?")
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    assert_eq!(
        hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        "RFC 4231, test case 2"
    );
    let secret: [u8; 32] = std::array::from_fn(|i| u8::try_from(i * 7).unwrap());
    for number in ["0", "0012345", "123456789012", "あ"] {
        let whole = hmac_by_hand(&secret, number.as_bytes());
        let head = u64::from_be_bytes(whole[..8].try_into().unwrap());
        assert_eq!(
            SubjectKey::new(&secret).hash(number.as_bytes()),
            crate::access::Subject(head),
            "{number}"
        );
    }
    assert_ne!(
        SubjectKey::new(&secret).hash(b"1"),
        SubjectKey::new(&[0; 32]).hash(b"1")
    );
    assert_eq!(
        format!("{:?}", SubjectKey::new(&secret)),
        "SubjectKey(..)",
        "the key is never shown"
    );
}

#[test]
fn one_citizen_has_one_hash_however_the_number_is_typed() {
    let key = SubjectKey::new(&[1; 32]);
    let hash = |text: &str| key.hash(text.as_bytes());
    for spelling in [
        " 0012345 ",
        "００１２３４５",
        "\t0012345",
        "\u{3000}0012345",
        "０012345",
    ] {
        assert_eq!(hash(spelling), hash("0012345"), "{spelling}");
    }
    assert_ne!(hash("12345"), hash("0012345"), "leading zeros are part of the number");
    assert_ne!(hash("0012346"), hash("0012345"));
}

#[test]
fn whoever_reads_an_access_finds_the_hash_and_not_the_number() {
    let from_path = access(&record(Some("tz1"), "/juki/0012345"));
    assert_eq!(from_path.subject, Some(SubjectKey::new(&[7; 32]).hash(b"0012345")));
    assert_eq!(
        access(&record(Some("tz1"), "/list?no=0012345")).subject,
        from_path.subject
    );
    let mut stated = record(Some("tz1"), "/juki/77");
    stated.subject = Some(Cow::Borrowed("００１２３４５".as_bytes()));
    assert_eq!(
        access(&stated).subject,
        from_path.subject,
        "a field of its own goes before the path"
    );
    for blank in ["", " ", "\u{3000}"] {
        stated.subject = Some(Cow::Borrowed(blank.as_bytes()));
        assert_eq!(
            access(&stated).subject,
            Some(SubjectKey::new(&[7; 32]).hash(b"77")),
            "{blank:?} names nobody"
        );
    }
    assert_eq!(access(&record(None, "/juki/%20")).subject, None);
    assert!(!format!("{from_path:?}").contains("12345"));
}

#[test]
fn the_logs_own_word_decides_and_else_the_status() {
    let with = |outcome, status| {
        let mut one = record(Some("tz1"), "/juki/1");
        (one.outcome, one.status) = (outcome, status);
        access(&one).outcome
    };
    for status in [200, 204, 206, 299, 304, 499] {
        assert_eq!(with(None, Some(status)), Outcome::Success, "{status}");
    }
    for status in [0, 100, 199, 301, 302, 303, 307, 400, 401, 403, 404, 500, 503, 999] {
        assert_eq!(with(None, Some(status)), Outcome::Failure, "{status}");
    }
    assert_eq!(with(None, None), Outcome::Success, "a log that does not say");
    assert_eq!(with(Some(Outcome::Failure), Some(200)), Outcome::Failure);
    assert_eq!(with(Some(Outcome::Success), Some(500)), Outcome::Success);
}

#[test]
fn records_are_those_of_the_log_else_of_the_pattern_and_never_zero_for_want_of_a_number() {
    let records = |resource, rows, status| {
        let mut one = record(Some("tz1"), resource);
        (one.rows, one.status) = (rows, status);
        access(&one).records
    };
    assert_eq!(records("/juki/all/csv", Some(1_200), Some(200)), Amount::Known(1_200));
    assert_eq!(records("/juki/all/csv", None, Some(200)), Amount::Known(9));
    assert_eq!(records("/list", None, Some(200)), Amount::Unknown);
    assert_eq!(records("/list", Some(0), Some(200)), Amount::Known(0));
    assert_eq!(
        records("/juki/1", None, Some(304)),
        Amount::Known(0),
        "nothing was sent again"
    );
    assert_eq!(access(&record(None, "/list")).bytes, Amount::Unknown);
    // The client went away: what was sent was sent.
    let gone = |bytes| {
        let mut one = record(Some("tz1"), "/juki/1");
        (one.status, one.bytes) = (Some(499), bytes);
        (access(&one).records, access(&one).bytes)
    };
    assert_eq!(gone(Some(5_000)).1, Amount::Known(5_000));
    assert_ne!(gone(Some(5_000)).0, Amount::Known(0));
    assert_eq!(gone(Some(0)), (Amount::Known(0), Amount::Known(0)));
}

#[test]
fn a_line_that_names_nobody_is_anonymous_and_an_unregistered_account_is_not_a_person() {
    let (mut placer, mut ids) = (placer(), Ids::default());
    let mut who = |user: Option<&str>| match placed(&mut placer, &record(user, "/juki/1"), &mut ids) {
        Placed::Access(access) => (
            ids.names[usize::try_from(access.who.0).unwrap() - 1].clone(),
            access.standing,
        ),
        other => panic!("{other:?}"),
    };
    for nobody in [None, Some(""), Some("  "), Some("\u{3000}")] {
        assert_eq!(who(nobody), ("account -".into(), Standing::Anonymous), "{nobody:?}");
    }
    assert_eq!(who(Some("tz2")), ("person 012345".into(), Standing::Valid));
    assert_eq!(who(Some("ＴＺ２")), ("person 012345".into(), Standing::Valid));
    assert_eq!(who(Some("CITY\\tz2")), ("account city\\tz2".into(), Standing::Unknown));
    assert_eq!(
        who(Some("tz1")),
        ("person 012345".into(), Standing::Revoked),
        "two accounts, one person"
    );
    assert_eq!(who(Some("Root")), ("account root".into(), Standing::Unknown));
    assert_eq!(
        who(Some("ｒｏｏｔ")),
        ("account root".into(), Standing::Unknown),
        "the same account in another spelling"
    );
    assert_eq!(
        who(Some("012345")),
        ("account 012345".into(), Standing::Unknown),
        "a staff number is no account"
    );
}

#[test]
fn names_of_unregistered_accounts_are_short_and_inert() {
    let (mut placer, mut ids) = (placer(), Ids::default());
    let long = "x".repeat(100_000);
    for user in [long.as_str(), "a\u{1b}[2Jb", "a\u{202e}b", "123456789018"] {
        placed(&mut placer, &record(Some(user), "/juki/1"), &mut ids);
    }
    assert!(
        ids.names.iter().all(|n| n.chars().count() <= 8 + NAME_CHARS_MAX),
        "{:?}",
        ids.names
    );
    assert!(
        ids.names
            .iter()
            .all(|n| !n.chars().any(|c| c.is_control() || c == '\u{202e}')),
        "{:?}",
        ids.names
    );
    assert!(
        !ids.names.iter().any(|n| n.contains("123456789018")),
        "a 個人番号 typed for a name: {:?}",
        ids.names
    );
    assert!(placer.spellings.long.keys().all(|k| k.len() <= SPELLING_BYTES_MAX));
}

#[test]
fn spellings_of_any_length_are_told_apart() {
    let (mut placer, mut ids) = (placer(), Ids::default());
    let mut who = |user: &str| match placed(&mut placer, &record(Some(user), "/juki/1"), &mut ids) {
        Placed::Access(access) => access.who,
        other => panic!("{other:?}"),
    };
    // With and without zero bytes behind, around the length that fits the table, and beyond.
    let names: Vec<String> = (1..140)
        .map(|n| "a".repeat(n))
        .chain(["b".into(), "b\0".into(), "b\0\0".into()])
        .collect();
    let first: Vec<WhoId> = names.iter().map(|n| who(n)).collect();
    let again: Vec<WhoId> = names.iter().map(|n| who(n)).collect();
    assert_eq!(first, again);
    let mut distinct = first.clone();
    distinct.sort_unstable();
    distinct.dedup();
    // Beyond 128 characters a name is cut.
    assert_eq!(distinct.len(), 128 + 1 + 3, "{distinct:?}");
}

#[test]
fn a_right_that_ends_at_midnight_ends_for_a_spelling_that_is_remembered() {
    let (mut placer, mut ids) = (placer(), Ids::default());
    let mut at = |secs: i64| {
        let one = Record {
            time: Some(EventTime::from_secs(SATURDAY + secs)),
            ..record(Some("tz1"), "/juki/1")
        };
        match placed(&mut placer, &one, &mut ids) {
            Placed::Access(access) => access.standing,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(at(-60), Standing::Valid);
    assert_eq!(at(-1), Standing::Valid);
    assert_eq!(at(0), Standing::Revoked);
    assert_eq!(at(-1), Standing::Valid, "a late line goes by its own time");
    assert_eq!(at(86_400), Standing::Revoked);
    assert_eq!(at(-300 * 86_400), Standing::NotYetValid);
}

#[test]
fn what_was_remembered_of_a_failed_batch_is_forgotten() {
    let (mut placer, mut first) = (placer(), Ids::default());
    placed(&mut placer, &record(Some("x"), "/juki/1"), &mut first);
    placed(&mut placer, &record(None, "/juki/1"), &mut first);
    placer.reset();
    let mut again = Ids::default();
    placed(&mut placer, &record(None, "/juki/1"), &mut again);
    placed(&mut placer, &record(Some("x"), "/juki/1"), &mut again);
    assert_eq!(again.names, ["account -", "account x"], "asked anew, in the new order");
}

#[test]
fn what_is_no_access_says_why() {
    let (mut placer, mut ids) = (placer(), Ids::default());
    let no_time = Record {
        time: None,
        ..record(Some("tz1"), "/juki/1")
    };
    assert!(matches!(placed(&mut placer, &no_time, &mut ids), Placed::NoTime));
    assert!(matches!(
        placed(&mut placer, &record(Some("tz1"), "/css"), &mut ids),
        Placed::NoDataset
    ));
    assert!(matches!(
        placed(
            &mut placer,
            &Record {
                resource: None,
                ..record(Some("tz1"), "")
            },
            &mut ids
        ),
        Placed::NoDataset
    ));
    assert!(ids.names.is_empty(), "nobody gets an id for what touches no dataset");
    let one = access(&record(Some("tz1"), "/juki/1"));
    assert_eq!(
        (one.source, one.dataset, one.operation),
        (SourceId(3), DatasetId(4), Operation::Export)
    );
    assert_eq!(one.time, EventTime::from_secs(SATURDAY));
}

#[test]
fn a_flood_of_made_up_names_does_not_fill_memory() {
    let (mut placer, mut ids) = (placer(), Count(0));
    struct Count(u32);
    impl WhoIds for Count {
        fn person(&mut self, _: &str) -> WhoId {
            WhoId(1)
        }
        fn account(&mut self, _: &str) -> WhoId {
            self.0 += 1;
            WhoId(self.0)
        }
    }
    for i in 0..SPELLINGS_MAX + 1_000 {
        let user = format!("u{i}");
        placed(&mut placer, &record(Some(&user), "/juki/1"), &mut ids);
    }
    assert!(placer.spellings.short.len() + placer.spellings.long.len() <= SPELLINGS_MAX);
}

#[test]
fn the_class_is_the_formats_where_the_register_of_datasets_leaves_it_to_it() {
    let mut one = record(Some("x"), "/list");
    let class = |placer: &Placer, one: &Record<'_>| placer.surveyor().survey(one, 0).sight.map(|s| s.operation);
    one.class = Some(Operation::Print);
    assert_eq!(class(&placer(), &one), Some(Operation::Export), "the 台帳 says it");
    let placer = placer_with(|dataset| dataset.matches.iter_mut().for_each(|m| m.class = None));
    assert_eq!(class(&placer, &one), Some(Operation::Print));
    one.class = None;
    assert_eq!(class(&placer, &one), Some(Operation::View));
}
