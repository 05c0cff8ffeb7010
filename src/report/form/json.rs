//! JSON for machines: the seal around the very bytes that were hashed.

use serde_json::json;

use crate::calendar::rfc3339;
use crate::report::Edition;

/// `{"report": …, "sha256": …, …, "content": {…}}`: SHA-256 is of the value of `content` as it stands there.
pub(super) fn draw(edition: &Edition) -> String {
    let reviews: Vec<_> = edition
        .reviews
        .iter()
        .map(|r| {
            let review = &r.review;
            json!({"role": review.role, "by": review.by, "on": review.on.iso(), "method": review.method,
                "result": review.result, "measures": review.measures, "at": rfc3339(r.at.micros()),
                "sheet": if review.origin.is_empty() { None } else { Some(&review.origin) }})
        })
        .collect();
    let seal = json!({
        "report": edition.number, "version": edition.version, "sha256": edition.sha256,
        "made_at": rfc3339(edition.made_at.micros()), "due": edition.due.iso(),
        "ledger": {"size": edition.ledger_size, "root": edition.ledger_root},
        "changes": edition.changes, "reviews": reviews,
    })
    .to_string();
    let open = seal.strip_suffix('}').unwrap_or(&seal);
    format!("{open},\"content\":{}}}\n", edition.content)
}
