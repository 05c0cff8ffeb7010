//! What of the settings decides who is watched, by what, and who is told: kept as it came into force, so that a change is told
//! at once, to those who were told before it as well.
//!
//! A limit that is raised for an hour and set back leaves two mails and two entries of the ledger. Not here: whether a
//! configuration is right (`config`).

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::alert::notice::{Handled, Notice, SettingChange, SettingPart};
use crate::clock::WallTime;
use crate::config::Config;
use crate::detect::{Limits, RuleKind};
use crate::evidence::hex;
use crate::pipeline::{Pipeline, PipelineError, Proof};

/// Where the settings in force stand in the store's own settings.
const IN_FORCE: &str = "settings_in_force";

/// Parts by word and name: what people are shown of each, and the hash of all of it.
type Shown = BTreeMap<(String, String), (String, String)>;

const WORDS: [(SettingPart, &str); 13] = [
    (SettingPart::To, "to"),
    (SettingPart::Owner, "owner"),
    (SettingPart::Checkpoints, "checkpoints"),
    (SettingPart::Readers, "readers"),
    (SettingPart::Sections, "sections"),
    (SettingPart::Ladder, "ladder"),
    (SettingPart::Mail, "mail"),
    (SettingPart::Rule, "rule"),
    (SettingPart::Dataset, "dataset"),
    (SettingPart::Source, "source"),
    (SettingPart::Calendar, "calendar"),
    (SettingPart::Register, "register"),
    (SettingPart::Keeping, "keeping"),
];

/// A hash of everything a part says, whatever the order in which sets and maps give it.
fn hash(of: &dyn std::fmt::Debug) -> String {
    let text = format!("{of:#?}");
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    let hash: [u8; 32] = Sha256::digest(lines.join("\n").as_bytes()).into();
    hex(&hash)
}

/// The limits of a rule in short.
fn limits(of: &Limits) -> String {
    let mut parts: Vec<String> = of.all.iter().map(u64::to_string).collect();
    parts.extend(
        of.tiers
            .iter()
            .map(|(tier, limit)| format!("{} {limit}", tier.as_str())),
    );
    parts.extend(of.datasets.iter().map(|(id, limit)| format!("{id} {limit}")));
    parts.extend(of.share.map(|share| format!("{share}%")));
    parts.join(", ")
}

fn shown(config: &Config) -> Shown {
    let mut all = Shown::new();
    let mut put = |word: &str, name: &str, shown: String, of: &dyn std::fmt::Debug| {
        all.insert((word.to_owned(), name.to_owned()), (shown, hash(of)));
    };
    let Config {
        alerts,
        evidence,
        sources,
        datasets,
        rules,
        ..
    } = config;
    put("to", "", alerts.to.join(" "), &alerts.to);
    for (section, to) in &alerts.owners {
        put("owner", section, to.join(" "), to);
    }
    put(
        "checkpoints",
        "",
        evidence.checkpoints_to.join(" "),
        &evidence.checkpoints_to,
    );
    let readers: Vec<String> = evidence.recipients.iter().map(|r| r.fingerprint()).collect();
    put("readers", "", readers.join(" "), &readers);
    put("sections", "", String::new(), &config.sections);
    let again = (alerts.repeat_critical, alerts.repeat_warning);
    put(
        "ladder",
        "",
        String::new(),
        &(&alerts.ladder, again, alerts.sign_of_life),
    );
    put("mail", "", String::new(), &config.mail);
    for rule in rules {
        let limit = match &rule.kind {
            RuleKind::Volume(volume) => limits(&volume.limit),
            _ => String::new(),
        };
        put("rule", &rule.id, limit, &(rule.severity, &rule.kind, &rule.when));
    }
    for dataset in datasets {
        put("dataset", &dataset.id, String::new(), dataset);
    }
    for source in sources {
        put("source", &source.read.name, String::new(), source);
    }
    put("calendar", "", String::new(), &config.calendar);
    put("register", "", String::new(), &config.accounts);
    let keeping = (
        &evidence.folder,
        &evidence.keys,
        evidence.keep_years,
        evidence.checkpoint_every,
    );
    put("keeping", "", String::new(), &(keeping, &evidence.anchors));
    all
}

fn changes(before: &Shown, after: &Shown) -> Vec<SettingChange> {
    let mut changes = Vec::new();
    for (part, word) in WORDS {
        let mut names: Vec<&(String, String)> =
            before.keys().chain(after.keys()).filter(|(of, _)| of == word).collect();
        names.sort_unstable();
        names.dedup();
        for key in names {
            let (old, new) = (before.get(key), after.get(key));
            if old != new {
                let text = |of: Option<&(String, String)>| of.map(|(shown, _)| shown.clone());
                changes.push(SettingChange {
                    part,
                    name: key.1.clone(),
                    shown: (text(old), text(new)),
                });
            }
        }
    }
    changes
}

fn kept(text: &str) -> Option<(Vec<String>, Shown)> {
    let value: Value = serde_json::from_str(text).ok()?;
    let texts = |value: &Value| -> Option<Vec<String>> {
        let list = value.as_array()?.iter();
        list.map(|v| v.as_str().map(str::to_owned)).collect()
    };
    let told = texts(value.get("told")?)?;
    let mut all = Shown::new();
    for part in value.get("parts")?.as_array()? {
        if let [word, name, shown, hash] = texts(part)?.as_slice() {
            all.insert((word.clone(), name.clone()), (shown.clone(), hash.clone()));
        }
    }
    Some((told, all))
}

impl Pipeline {
    /// Tells of settings that are not those of the run before, whoever changed them while it did not run, too; and of what
    /// somebody did to the log folder.
    ///
    /// # Errors
    /// The store.
    pub fn tell_handled(&mut self, config: &Config, now: WallTime) -> Result<(), PipelineError> {
        for handled in self.proof.as_mut().map(Proof::found).unwrap_or_default() {
            self.notify(&Notice::Handled(handled), now)?;
        }
        let after = shown(config);
        let notice = |changes| Notice::Handled(Handled::Settings(changes));
        let mut mail = self
            .teller
            .notice(&notice(Vec::new()), &format!("K-{}", now.micros()), now);
        let mut told = mail.message.to.clone();
        told.extend(config.evidence.checkpoints_to.iter().cloned());
        told.sort_unstable();
        told.dedup();
        let parts: Vec<[&str; 4]> = after
            .iter()
            .map(|((word, name), (shown, hash))| [word.as_str(), name.as_str(), shown.as_str(), hash.as_str()])
            .collect();
        let now_in_force = json!({"told": told, "parts": parts}).to_string();
        let store = self.writer.store()?;
        let before = store.meta(IN_FORCE)?;
        if before.as_ref() == Some(&now_in_force) {
            return Ok(());
        }
        if let Some((told_before, parts_before)) = before.as_deref().and_then(kept) {
            let changes = changes(&parts_before, &after);
            if !changes.is_empty() {
                mail = self
                    .teller
                    .notice(&notice(changes), &format!("K-{}", now.micros()), now);
                mail.message.to.extend(told_before);
                mail.message.to.extend(told);
                let store = self.writer.store()?;
                store.queue(&mail)?;
            }
        }
        self.writer.store()?.set_meta(IN_FORCE, &now_in_force)?;
        Ok(())
    }
}
