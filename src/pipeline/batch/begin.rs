//! How a situation begins: with what people are told of the account and of who was registered for it then.

use crate::access::{Access, WhoId};
use crate::alert::decide::Situation;
use crate::calendar::day_of;
use crate::detect::Finding;
use crate::parse::place::{Placer, Surveyed};
use crate::store::Names;
use crate::text::inert;

/// Longest account name or address kept of a log, in characters.
const TEXT_CHARS_MAX: usize = 64;
/// Names told of many that nobody registered.
const EXAMPLES_MAX: usize = 3;

/// The situation a finding begins, with what people are told of the account.
pub(super) fn situation(
    (placer, names): (&Placer, &Names),
    finding: &Finding,
    record: &Surveyed<'_>,
    access: &Access,
) -> Situation {
    let mut situation = Situation::new(finding, access);
    situation.register = placer.register().version();
    if finding.who == WhoId(0) {
        return situation;
    }
    let text = |field: Option<&[u8]>| field.map(|f| inert(f, TEXT_CHARS_MAX)).unwrap_or_default();
    situation.account = text(record.user.as_deref());
    situation.address = text(record.source.as_deref());
    if finding.who.is_crowd() {
        let some = names.examples(access.source, day_of(access.time));
        situation.account = some.into_iter().take(EXAMPLES_MAX).collect::<Vec<_>>().join(", ");
        return situation;
    }
    let register = placer.register();
    if let Some(account) = record.user.as_deref().and_then(|user| register.find(user)) {
        let verdict = register.verdict(account, finding.at);
        situation.section = verdict.section.to_owned();
        situation.valid_from = verdict.valid_from.map(|d| d.0);
        situation.valid_to = verdict.valid_to.map(|d| d.0);
    }
    situation
}
