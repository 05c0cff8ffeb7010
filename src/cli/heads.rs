//! The beginnings of logs that are there already, read as the daemon will read them: whether format, encoding and named
//! fields fit, before lines are lost to a word somebody mistyped.

use std::path::Path;

use serde_json::Value;

use super::parse::Records;
use crate::config::SourceConfig;
use crate::parse::{FieldNames, Format, FormatSettings, FormatState, Lacking, Parsed, Record, Why};
use crate::source::Decoder;
use crate::text::{Encoding, Lang, inert, number};

/// Records looked at of each file.
const RECORDS: u64 = 200;
/// Characters shown of what a log says.
const SHOWN: usize = 400;

/// What the beginning of a file showed.
#[derive(Debug, Default)]
struct Head {
    records: u64,
    /// Lines refused, by reason.
    rejects: Vec<(&'static str, u64)>,
    /// Lines that are no text in the configured encoding.
    garbled: u64,
    lacking: Option<Lacking>,
    /// Named fields no record had so far, with their names.
    unseen: Vec<(&'static str, String)>,
    /// The first line that is one JSON object.
    sample: Option<Value>,
}

/// What is wrong with the beginning of a file of `source`, in sentences; nothing where it reads well or is empty.
pub(super) fn look(source: &SourceConfig, path: &Path, lang: Lang) -> Vec<String> {
    let Some(head) = read(source, path) else {
        // That it cannot be opened is said by whoever asks.
        return Vec::new();
    };
    let mut said = Vec::new();
    let rejects = head.rejects.iter().fold(0u64, |sum, (_, n)| sum.saturating_add(*n));
    let all = number(head.records.saturating_add(rejects));
    let unread = head.lacking.as_ref().is_some_and(|lacking| lacking.unread);
    if let Some(lacking) = &head.lacking {
        let what = inert(lacking.to_string(), SHOWN);
        said.push(match (lang, lacking.unread) {
            (Lang::Ja, true) => format!("[source.fields] の列が見出しにないため、記録を解釈できません: {what}"),
            (Lang::Ja, false) => {
                format!("[source.fields] の列が見出しにありません（その項目は不明になります）: {what}")
            }
            (Lang::En, true) => {
                format!("a column of [source.fields] is not in the header, so no line can be read: {what}")
            }
            (Lang::En, false) => {
                format!("a column of [source.fields] is not in the header; that field will be unknown: {what}")
            }
        });
    }
    if head.records < rejects && !unread {
        let why: Vec<String> = head
            .rejects
            .iter()
            .map(|(word, n)| {
                let why = Why::ALL.into_iter().find(|why| why.as_str() == *word);
                let said = why.map_or(*word, |why| lang.pick(why.ja(), why.as_str()));
                format!("{said} {}", number(*n))
            })
            .collect();
        let (rejects, why) = (number(rejects), why.join(lang.pick("、", ", ")));
        said.push(match lang {
            Lang::Ja => format!("先頭の {all} 行のうち {rejects} 行を解釈できません（{why}）。sekimori parse --detect で書式を推定できます"),
            Lang::En => format!("{rejects} of the first {all} lines cannot be read ({why}); `sekimori parse --detect` proposes a format"),
        });
    }
    if 0 < head.garbled {
        let garbled = number(head.garbled);
        let word = source.read.encoding.as_str();
        said.push(match lang {
            Lang::Ja => format!("先頭の {all} 行のうち {garbled} 行に、encoding = {word} では読めない文字があります"),
            Lang::En => format!("{garbled} of the first {all} lines are no text in encoding = {word}"),
        });
    }
    if 0 < head.records {
        for (field, name) in &head.unseen {
            let near = head.sample.as_ref().and_then(|sample| near(name, sample));
            let near = near.map_or_else(String::new, |near| format!(" → \"{}\"?", inert(near, 80)));
            said.push(match lang {
                Lang::Ja => {
                    format!("[source.fields] の {field} = \"{name}\" は、先頭の {all} 行のどれにもありません{near}")
                }
                Lang::En => {
                    format!("[source.fields]: {field} = \"{name}\" stands in none of the first {all} lines{near}")
                }
            });
        }
    }
    said
}

fn read(source: &SourceConfig, path: &Path) -> Option<Head> {
    let format = Format::compile(&source.format).ok()?;
    let mut head = Head::default();
    if let FormatSettings::Json(json) = &source.format {
        head.unseen = named(&json.fields)
            .into_iter()
            .map(|(key, name, _)| (key, name))
            .collect();
    }
    let encoding = source.read.encoding;
    let mut records = Records::open(path, source.format.framing(), encoding).ok()?;
    let mut state = FormatState::default();
    if let Some(written) = records.written {
        state.read_at(written);
    }
    let mut decoder = Decoder::new(records.encoding);
    for _ in 0..RECORDS {
        let Ok(Some((_, bytes))) = records.next() else { break };
        let decoded = decoder.decode(bytes);
        let invalid = encoding == Encoding::Utf8 && std::str::from_utf8(decoded.text).is_err();
        head.garbled += u64::from(decoded.damaged || invalid);
        let parsed = format.parse(decoded.text, &mut state);
        match &parsed {
            Parsed::Record(record) => {
                head.records += 1;
                head.sees(record, &source.format);
                if head.sample.is_none() && !head.unseen.is_empty() {
                    head.sample = serde_json::from_slice(decoded.text).ok();
                }
            }
            Parsed::Reject(why) => head.refuse(why.as_str()),
            Parsed::Nothing => {}
        }
        if let Some(lacking) = state.take_lacking() {
            head.lacking.get_or_insert(*lacking);
        }
    }
    Some(head)
}

impl Head {
    fn refuse(&mut self, why: &'static str) {
        match self.rejects.iter_mut().find(|(known, _)| *known == why) {
            Some((_, n)) => *n += 1,
            None => self.rejects.push((why, 1)),
        }
    }

    fn sees(&mut self, record: &Record<'_>, format: &FormatSettings) {
        if self.unseen.is_empty() {
            return;
        }
        if let FormatSettings::Json(json) = format {
            let seen: Vec<&str> = named(&json.fields)
                .into_iter()
                .filter(|(_, _, holds)| holds(record))
                .map(|(key, ..)| key)
                .collect();
            self.unseen.retain(|(key, _)| !seen.contains(key));
        }
    }
}

type Holds = fn(&Record<'_>) -> bool;

/// The fields that are named, and how to see whether a record has one.
fn named(fields: &FieldNames) -> Vec<(&'static str, String, Holds)> {
    let all: [(&'static str, &Option<String>, Holds); 11] = [
        ("user", &fields.user, |r| r.user.is_some()),
        ("source", &fields.source, |r| r.source.is_some()),
        ("operation", &fields.operation, |r| r.operation.is_some()),
        ("resource", &fields.resource, |r| r.resource.is_some()),
        ("status", &fields.status, |r| r.status.is_some() || r.outcome.is_some()),
        ("bytes", &fields.bytes, |r| r.bytes.is_some()),
        ("rows", &fields.rows, |r| r.rows.is_some()),
        ("outcome", &fields.outcome, |r| r.outcome.is_some()),
        ("user_agent", &fields.user_agent, |r| r.user_agent.is_some()),
        ("subject", &fields.subject, |r| r.subject.is_some()),
        ("record_key", &fields.record_key, |r| r.key.is_some()),
    ];
    all.into_iter()
        .filter_map(|(key, name, holds)| Some((key, name.clone()?, holds)))
        .collect()
}

/// The member of an object that `name` was most likely to mean.
fn near(name: &str, object: &Value) -> Option<String> {
    let mut paths = Vec::new();
    flatten("", object, 0, &mut paths);
    let last = |path: &str| path.rsplit('.').next().unwrap_or_default().to_lowercase();
    let wanted = last(name);
    let alike = |path: &&String| {
        let other = last(path);
        **path != name && 1 < other.len() && 1 < wanted.len() && (other.contains(&wanted) || wanted.contains(&other))
    };
    paths.iter().find(alike).cloned()
}

/// Deepest members that are proposed.
const DEPTH_MAX: usize = 4;

fn flatten(before: &str, value: &Value, depth: usize, paths: &mut Vec<String>) {
    match value {
        Value::Object(members) if depth < DEPTH_MAX => {
            for (name, value) in members {
                let dot = if before.is_empty() { "" } else { "." };
                flatten(&format!("{before}{dot}{name}"), value, depth + 1, paths);
            }
        }
        Value::Object(_) | Value::Array(_) => {}
        _ => paths.push(before.to_owned()),
    }
}
