//! Who may confirm a report, and when (訓令第3条～第6条): one after the other, nobody his own case, each person once.
//!
//! Pure. Not here: keeping it (`store`), reading returned sheets (`sheet`).

use super::Edition;
use super::doc::Verdict;
use crate::calendar::Day;
use crate::register::accounts::normal;
use crate::store::NewReview;
use crate::text::Lang;

/// Longest text of 措置・期限 kept, in characters.
pub const MEASURES_CHARS_MAX: usize = 2_000;

/// What somebody wants to register.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    /// The post; `None`: the first one that has not confirmed yet.
    pub role: Option<String>,
    /// 職員番号.
    pub by: String,
    /// 確認日; `None`: today.
    pub on: Option<Day>,
    /// `all`, `sample`, `hearing`, or the word people write.
    pub method: String,
    /// `normal`, `check`, `incident`, or the word people write.
    pub result: String,
    /// 措置・期限.
    pub measures: String,
    /// Answers to samples and points, as JSON.
    pub answers: String,
    /// SHA-256 of the returned sheet; empty: the command line.
    pub origin: String,
}

/// Why a confirmation is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// A newer version is there.
    Superseded,
    /// Everybody has confirmed.
    Complete,
    /// The report asks nobody of this post.
    NoSuchRole(String),
    /// This post has confirmed already.
    Signed(String),
    /// Somebody before has not confirmed yet.
    NotYet(String),
    /// The person stands in an alert of the report.
    About,
    /// The person does not hold the post.
    NotInPost(String),
    /// The person has confirmed in another post.
    Twice,
    /// 異常なし is not offered.
    NotNormal,
    /// There is an incident.
    IsIncident,
    /// A word nobody knows.
    Word(&'static str, String),
    /// The day lies before the report or ahead.
    Day(Day),
    /// Nothing says who, or what was done.
    Missing(&'static str),
}

impl Refusal {
    /// What is wrong and what would do.
    pub fn say(&self, lang: Lang) -> String {
        let ja = lang == Lang::Ja;
        match self {
            Refusal::Superseded if ja => "新しい版がある。新しい版を確認すること（sekimori report list）".into(),
            Refusal::Superseded => "there is a newer version; confirm that one (sekimori report list)".into(),
            Refusal::Complete if ja => "すべての確認が終わっている".into(),
            Refusal::Complete => "everybody has confirmed it".into(),
            Refusal::NoSuchRole(role) if ja => format!("{role} の確認を要する報告書ではない"),
            Refusal::NoSuchRole(role) => format!("it is not for {role} to confirm"),
            Refusal::Signed(role) if ja => format!("{role} は既に確認している。二重には登録できない"),
            Refusal::Signed(role) => format!("{role} has confirmed already"),
            Refusal::NotYet(role) if ja => format!("先に {role} の確認を要する"),
            Refusal::NotYet(role) => format!("{role} has to confirm first"),
            Refusal::About if ja => "報告書の警告の対象者本人は確認できない。代理の者が確認すること".into(),
            Refusal::About => "nobody confirms a report in whose alerts he stands; a deputy must".into(),
            Refusal::NotInPost(role) if ja => format!("{role} の職にある者（代理を含む）ではない"),
            Refusal::NotInPost(role) => format!("the person does not hold the post of {role} and is no deputy"),
            Refusal::Twice if ja => "同じ者が二つの職で確認することはできない".into(),
            Refusal::Twice => "nobody confirms twice, in two posts".into(),
            Refusal::NotNormal if ja => "「異常なし」は選択できない（報告書の1を参照）".into(),
            Refusal::NotNormal => "nothing found is not offered, see part 1 of the report".into(),
            Refusal::IsIncident if ja => "事案とされた警告がある。確認結果は「事案」とすること".into(),
            Refusal::IsIncident => "an alert was closed as an incident: the result must be incident".into(),
            Refusal::Word(what, given) if ja => {
                format!("{given} は{what}として分からない。全件・抽出・聞取り、又は異常なし・要確認・事案")
            }
            Refusal::Word(what, given) => {
                format!("{given} is no {what}; write all, sample, hearing, or normal, check, incident")
            }
            Refusal::Day(day) if ja => format!("確認日 {} は、報告書の作成日から今日までの日ではない", day.wareki()),
            Refusal::Day(day) => format!("{} is not between the making of the report and today", day.iso()),
            Refusal::Missing(what) if ja => format!("{what}の記載がない"),
            Refusal::Missing(what) => format!("{what} is missing"),
        }
    }
}

/// Who holds which post today, besides those who did at the end of the period.
pub trait Posts {
    /// Whether the person holds the post for the section of the report or is a deputy; `None`: nobody is configured for it.
    fn holds(&self, role: &str, section: &str, person: &str) -> Option<bool>;
    /// Whether the person has a right in force, by the register.
    fn is_in_office(&self, person: &str) -> bool;
}

fn same(a: &str, b: &str) -> bool {
    normal(a.as_bytes()) == normal(b.as_bytes())
}

fn word(given: &str, words: &[(&'static str, &[&str])]) -> Option<&'static str> {
    let given = normal(given.as_bytes()).replace(char::is_whitespace, "");
    words
        .iter()
        .find(|(id, also)| *id == given || also.contains(&given.as_str()))
        .map(|w| w.0)
}

/// Decides whether a confirmation is taken, and as what.
///
/// # Errors
/// [`Refusal`]
pub fn decide(
    edition: &Edition,
    is_newest: bool,
    request: &Request,
    posts: &dyn Posts,
    today: Day,
) -> Result<NewReview, Refusal> {
    if !is_newest {
        return Err(Refusal::Superseded);
    }
    let report = &edition.report;
    if request.by.trim().is_empty() {
        return Err(Refusal::Missing(edition.lang().pick("確認者", "who confirms")));
    }
    let signed = |role: &str| edition.reviews.iter().any(|r| r.review.role == role);
    let reviewer = match &request.role {
        None => report
            .reviewers
            .iter()
            .find(|r| !signed(&r.role))
            .ok_or(Refusal::Complete)?,
        Some(given) => {
            let found = report.reviewers.iter().find(|r| r.role == *given || r.title == *given);
            found.ok_or_else(|| Refusal::NoSuchRole(given.clone()))?
        }
    };
    if signed(&reviewer.role) {
        return Err(Refusal::Signed(reviewer.title.clone()));
    }
    let before = report.reviewers.iter().take_while(|r| r.role != reviewer.role);
    if let Some(first) = before.into_iter().find(|r| !signed(&r.role)) {
        return Err(Refusal::NotYet(first.title.clone()));
    }
    if report.about.iter().any(|person| same(person, &request.by)) {
        return Err(Refusal::About);
    }
    let then = reviewer.persons.iter().any(|person| same(person, &request.by));
    let now = posts.holds(&reviewer.role, &report.section, &request.by);
    let allowed = then
        || match now {
            Some(holds) => holds,
            // Nobody is configured for the post: whoever is in office may, by name and number.
            None => reviewer.persons.is_empty() && posts.is_in_office(&request.by),
        };
    if !allowed {
        return Err(Refusal::NotInPost(reviewer.title.clone()));
    }
    if edition.reviews.iter().any(|r| same(&r.review.by, &request.by)) {
        return Err(Refusal::Twice);
    }
    let lang = edition.lang();
    let method = word(
        &request.method,
        &[
            ("all", &["全件"]),
            ("sample", &["抽出"]),
            ("hearing", &["聞取り", "聞き取り"]),
        ],
    )
    .ok_or_else(|| Refusal::Word(lang.pick("確認方法", "method"), request.method.clone()))?;
    let result = word(
        &request.result,
        &[
            ("normal", &["異常なし"]),
            ("check", &["要確認"]),
            ("incident", &["事案"]),
        ],
    )
    .ok_or_else(|| Refusal::Word(lang.pick("確認結果", "result"), request.result.clone()))?;
    match (result, report.verdict) {
        ("normal", Verdict::Check) => return Err(Refusal::NotNormal),
        ("normal" | "check", Verdict::Incident) => return Err(Refusal::IsIncident),
        _ => {}
    }
    if result != "normal" && request.measures.trim().is_empty() {
        return Err(Refusal::Missing(lang.pick("措置・期限", "what is done about it")));
    }
    let on = request.on.unwrap_or(today);
    if on < edition.made_day() || today < on {
        return Err(Refusal::Day(on));
    }
    Ok(NewReview {
        role: reviewer.role.clone(),
        by: request.by.trim().to_owned(),
        on,
        method: method.to_owned(),
        result: result.to_owned(),
        measures: crate::text::inert(request.measures.trim(), MEASURES_CHARS_MAX),
        answers: request.answers.clone(),
        origin: request.origin.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::AlertState;
    use crate::clock::WallTime;
    use crate::detect::Severity;
    use crate::report::compose::compose;
    use crate::report::compose::tests::{alert, quiet};
    use crate::store::ReviewRow;

    struct Office;

    impl Posts for Office {
        fn holds(&self, role: &str, section: &str, person: &str) -> Option<bool> {
            (role == "manager").then(|| section == "税務課" && person == "044444")
        }
        fn is_in_office(&self, person: &str) -> bool {
            person == "055555"
        }
    }

    fn edition(facts: &crate::report::facts::Facts) -> Edition {
        let report = compose(facts, Lang::Ja);
        Edition {
            number: "R-000001".into(),
            version: 1,
            sha256: String::new(),
            content: String::new(),
            report,
            made_at: WallTime::from_secs(1_793_500_000),
            due: Day(20_772),
            ledger_size: 0,
            ledger_root: String::new(),
            changes: Vec::new(),
            reviews: Vec::new(),
        }
    }

    fn request(by: &str, result: &str) -> Request {
        Request {
            by: by.into(),
            method: "抽出".into(),
            result: result.into(),
            measures: "11月末まで".into(),
            ..Request::default()
        }
    }

    const TODAY: Day = Day(20_770);

    #[test]
    fn each_confirms_behind_the_one_before_and_in_his_own_post() {
        let mut edition = edition(&quiet());
        let decided = |e: &Edition, r: &Request| decide(e, true, r, &Office, TODAY);
        let as_manager = Request {
            role: Some("保護管理者".into()),
            ..request("022222", "異常なし")
        };
        assert_eq!(
            decided(&edition, &as_manager),
            Err(Refusal::NotYet("保護担当者".into()))
        );
        assert_eq!(
            decided(&edition, &request("022222", "異常なし")),
            Err(Refusal::NotInPost("保護担当者".into()))
        );
        let first = decided(&edition, &request("０１１１１１", "異常なし")).unwrap();
        assert_eq!(
            (first.role.as_str(), first.method.as_str(), first.result.as_str()),
            ("officer", "sample", "normal")
        );
        edition.reviews.push(ReviewRow {
            review: NewReview {
                by: "011111".into(),
                ..first
            },
            at: WallTime::from_secs(0),
        });
        let again = Request {
            role: Some("officer".into()),
            ..request("011111", "異常なし")
        };
        assert_eq!(decided(&edition, &again), Err(Refusal::Signed("保護担当者".into())));
        for person in ["022222", "033333", "044444"] {
            assert_eq!(
                decided(&edition, &request(person, "異常なし")).unwrap().role,
                "manager",
                "{person}"
            );
        }
        edition.report.reviewers[1].persons.push("011111".into());
        assert_eq!(decided(&edition, &request("011111", "異常なし")), Err(Refusal::Twice));
        assert_eq!(
            decide(&edition, false, &as_manager, &Office, TODAY),
            Err(Refusal::Superseded)
        );
    }

    #[test]
    fn nobody_confirms_his_own_case_or_calls_it_better_than_it_is() {
        let mut facts = quiet();
        let mut own = alert(Severity::Warning, AlertState::Acknowledged, "");
        own.who = "011111".into();
        facts.alerts.push(own);
        facts.reviewers[0].1.push("099999".into());
        let edition = edition(&facts);
        let decided = |r: &Request| decide(&edition, true, r, &Office, TODAY);
        assert_eq!(decided(&request("011111", "要確認")), Err(Refusal::About));
        assert_eq!(decided(&request("099999", "異常なし")), Err(Refusal::NotNormal));
        let silent = Request {
            measures: " ".into(),
            ..request("099999", "要確認")
        };
        assert_eq!(decided(&silent), Err(Refusal::Missing("措置・期限")));
        assert_eq!(decided(&request("099999", "要確認")).unwrap().result, "check");
        assert_eq!(
            decided(&request("099999", "大丈夫")),
            Err(Refusal::Word("確認結果", "大丈夫".into()))
        );
        for day in [Day(20_000), Day(20_771)] {
            let on = Request {
                on: Some(day),
                ..request("099999", "要確認")
            };
            assert_eq!(decided(&on), Err(Refusal::Day(day)));
        }
    }

    #[test]
    fn where_nobody_is_appointed_whoever_is_in_office_may() {
        let mut facts = quiet();
        facts.reviewers = vec![(crate::register::sections::Role::Officer, Vec::new())];
        let edition = edition(&facts);
        let decided = |by: &str| decide(&edition, true, &request(by, "異常なし"), &Office, TODAY);
        assert!(decided("055555").is_ok());
        assert_eq!(decided("066666"), Err(Refusal::NotInPost("保護担当者".into())));
    }
}
