//! What to do first, by what the situation is (English).

use crate::access::Standing;
use crate::alert::text::Piece;
use crate::alert::text::view::{Concern, View, said};
use crate::detect::Severity;
use crate::text::Lang;

/// Where a rule says nothing of its own.
const RULE: &[&str] = &[
    "Ask the head of the person's section whether this use was needed for the work.",
    "If no official reason can be confirmed, contain it at once, for instance by stopping the account (Article 39(2)).",
];

/// What to do before anything else, by what the situation is.
pub(super) fn steps(view: &View) -> Vec<Piece> {
    let mut steps = vec![Piece::say(match view.about_manager() {
        true => {
            "This alert is about the data protection manager of the section in person. Do not tell that person; report to the chief data protection manager (総括保護管理者), or the audit officer if absent, at once."
        }
        false => {
            "If you are not the data protection manager, report to that manager at once; do not wait until the facts are established (Directive, Article 39(1))."
        }
    })];
    if view.alert.severity == Severity::Critical && !view.about_manager() {
        steps.push(
            Piece::say("As the manager, if you judge it especially serious, report to the chief data protection manager (総括保護管理者) at once (Article 39(3))."),
        );
    }
    if view.concern() == Concern::Total {
        steps.push(Piece::say(
            "See the shares of the persons with this command on the server:",
        ));
        steps.push(Piece::Type("sekimori count --by person,dataset".to_string()));
    }
    let own: &[&str] = match view.concern() {
        Concern::Volume if view.leaves_the_system() => &[
            "Ask the head of the person's section whether this was approved work (bulk mailing, statistics and the like).",
            "If no official reason can be confirmed, contain it at once, for instance by stopping the account (Article 39(2)).",
            "Find out where the exported files or prints are now.",
        ],
        Concern::Volume => &[
            "Ask the head of the person's section whether this use was needed for the work.",
            "If no official reason can be confirmed, contain it at once, for instance by stopping the account (Article 39(2)).",
        ],
        Concern::Total => &[
            "Ask the owning section whether bulk work was planned. Think also of several persons sharing the work, and of shared IDs.",
            "If no official reason can be confirmed, contain it at once, for instance by stopping the accounts concerned (Article 39(2)).",
        ],
        Concern::Account(standing) => account_steps(view, standing),
        Concern::Rule => RULE,
    };
    let of_rule = view.facts.words.first(Lang::En);
    match of_rule.is_empty() {
        true => steps.extend(own.iter().copied().map(Piece::say)),
        false => steps.extend(of_rule.iter().map(|step| Piece::say(said(step)))),
    }
    steps.push(Piece::say(
        "To keep the records, do not delete files and do not restart the terminal or the servers.",
    ));
    steps
}

fn account_steps(view: &View, standing: Standing) -> &'static [&'static str] {
    if view.crowd() {
        return &[
            "Ask those who manage access rights whether the account register is behind (IDs issued anew at the start of the year, a new system). Once it is up to date this alert stops.",
            "If it is up to date, suspect somebody who makes up names: find the terminals, and take at once the measures that can be taken at once, such as unplugging the network cable (Article 39(2)).",
        ];
    }
    match standing {
        Standing::Revoked if view.all_failed() => &[
            "Have the system staff confirm that the account is stopped (Article 39(2)).",
            "It need not have been the person. Check whether somebody is trying IDs and passwords, and whether other accounts were used from the same address.",
        ],
        Standing::Revoked => &[
            "Have the system staff stop this account at once (Article 39(2)).",
            "It need not have been the person. Ask the former section and the personnel section, and think of a successor or a stranger using the ID.",
            "Find out with the staff who manage access rights why the account still worked (a transfer or retirement not carried out in the system).",
        ],
        Standing::NotYetValid => &[
            "Check with the personnel section and the staff who manage access rights whether the first day is right (date of the order, error in the register).",
            "If it is, stop the account until that day (Article 39(2)).",
        ],
        Standing::OnLeave => &[
            "Ask through the head of the section whether the person used the account. A return to work may not be registered yet.",
            "If that cannot be confirmed, somebody else may hold ID and password: stop the account at once (Article 39(2)).",
        ],
        Standing::Anonymous => &[
            "Have the system staff check whether personal data can be used without signing in, or whether the log is set not to name users.",
            "Find the terminal and its user from the address. If unauthorised access is suspected, take at once the measures that can be taken at once, such as unplugging the network cable (Article 39(2)).",
        ],
        Standing::Unknown | Standing::Valid => &[
            "Ask the system staff and those who manage access rights whether they know this account (not yet registered, maintenance, shared).",
            "If they do not, suspect access from outside and take at once the measures that can be taken at once, such as unplugging the network cable of the terminal (Article 39(2)).",
        ],
    }
}
