//! Which exception holds a situation, and the count of how often.

use super::Teller;
use crate::access::DatasetId;
use crate::alert::decide::Situation;
use crate::calendar::day_of;
use crate::register::Exception;
use crate::store::{AlertDesk, StoreError, StoredAlert};

impl Teller {
    /// Which exception holds the alert as it stands with `s`, if one does. Its use is counted; and so is a finding that only its
    /// end keeps it from.
    pub(super) fn excepted(
        &self,
        desk: &mut AlertDesk<'_, '_>,
        exceptions: &[Exception],
        stored: &StoredAlert,
        s: &Situation,
    ) -> Result<Option<i64>, StoreError> {
        if exceptions.is_empty() {
            return Ok(None);
        }
        let alert = &stored.alert;
        let person = desk.who(alert.who)?.map(|(_, name)| name);
        let dataset = match alert.dataset {
            DatasetId(0) => "",
            id => self.datasets.get(&id).map_or("", |d| d.id.as_str()),
        };
        let (first, last) = (day_of(s.first_seen), day_of(s.last_seen));
        let within = |e: &&Exception| alert.observed <= e.limit && e.names(&alert.rule, person.as_deref(), dataset);
        if let Some(holding) = exceptions.iter().filter(within).find(|e| e.runs(first, last)) {
            desk.exception_hit(holding.id, last, false, s.hits, alert.id)?;
            return Ok(Some(holding.id));
        }
        if let Some(expired) = exceptions.iter().filter(within).find(|e| e.until < last) {
            desk.exception_hit(expired.id, last, true, s.hits, alert.id)?;
        }
        Ok(None)
    }
}
