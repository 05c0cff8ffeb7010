//! Which format a file is in: every format reads its first records, and the one that makes most of them is proposed.

use std::path::Path;

use regex::bytes::{Regex, RegexBuilder};

use super::Failure;
use super::formats::BUILT_IN;
use super::parse::Records;
use crate::parse::{Definition, Envelope, Format, FormatSettings, FormatState, Parsed, WebFormat, catalogue};
use crate::source::Decoder;
use crate::text::framing::Framing;
use crate::text::{Encoding, Lang, inert};

/// Below this a format reads little of a file.
const POOR: u32 = 420;

/// Definitions that read an envelope and not what is in it.
const ENVELOPES: [&str; 3] = ["docker-json", "cri", "syslog"];

/// The most such a definition says.
const ENVELOPE_AT_MOST: u32 = 400;

/// Records of a file that are looked at to tell its format.
const LOOKED_AT: usize = 120;

/// How well a format fits a file.
#[derive(Debug)]
pub(super) struct Fit {
    /// The format's name.
    pub(super) name: String,
    /// Between 0 and 1000; the best one is first.
    pub(super) score: u32,
}

/// A format that may be the one.
struct Candidate {
    name: String,
    settings: FormatSettings,
    format: Format,
    definition: Option<Definition>,
    signs: Vec<Regex>,
}

impl Candidate {
    fn new(name: &str, settings: FormatSettings, definition: Option<Definition>) -> Option<Candidate> {
        Some(Candidate {
            name: name.to_owned(),
            format: Format::compile(&settings).ok()?,
            signs: signs(definition.as_ref()),
            settings,
            definition,
        })
    }

    /// The same in envelopes, the outermost first; `None` where that is no format of its own.
    fn within(&self, around: &[(&'static str, Envelope)]) -> Option<Candidate> {
        // Some open the innermost one by themselves; rows and what reads anything are no reason to open any.
        let own = self.definition.as_ref().and_then(Definition::envelope);
        let opens = own.is_some() && own == around.last().map(|(word, _)| *word);
        let layers = around.get(..around.len() - usize::from(opens))?;
        if layers.is_empty() || matches!(self.name.as_str(), "csv" | "tsv") {
            return None;
        }
        let (mut name, mut settings) = (self.name.clone(), self.settings.clone());
        for (word, envelope) in layers.iter().rev() {
            name = format!("{word}+{name}");
            settings = FormatSettings::Inside(*envelope, Box::new(settings));
        }
        Candidate::new(&name, settings, self.definition.clone())
    }
}

/// Every format there is.
fn candidates() -> Vec<Candidate> {
    let built_in = BUILT_IN
        .iter()
        .filter_map(|(name, ..)| Candidate::new(name, Format::from_name(name)?, None));
    let defined = catalogue::all().filter_map(|definition| {
        let settings = FormatSettings::Defined(definition.clone(), None);
        let name = definition.name().to_owned();
        Candidate::new(&name, settings, Some(definition))
    });
    built_in.chain(defined).collect()
}

/// Every format that reads something of the file, best first.
pub(super) fn detect(path: &Path, encoding: Encoding) -> Result<Vec<Fit>, Failure> {
    among(&candidates(), path, encoding)
}

fn among(candidates: &[Candidate], path: &Path, encoding: Encoding) -> Result<Vec<Fit>, Failure> {
    let around = envelopes(path, encoding)?;
    let enveloped: Vec<Candidate> = candidates.iter().filter_map(|c| c.within(&around)).collect();
    let mut fits = Vec::new();
    for candidate in candidates.iter().chain(&enveloped) {
        let score = candidate.fit(path, encoding)?;
        if 0 < score {
            let name = candidate.name.clone();
            fits.push(Fit { name, score });
        }
    }
    fits.sort_by_key(|fit| std::cmp::Reverse(fit.score));
    Ok(fits)
}

/// The envelopes in which nearly every record of the file stands, the outermost first.
fn envelopes(path: &Path, encoding: Encoding) -> Result<Vec<(&'static str, Envelope)>, Failure> {
    let mut found = Vec::new();
    for (word, envelope) in Envelope::ALL {
        let framing = FormatSettings::Inside(envelope, Box::new(FormatSettings::Web(WebFormat::Common))).framing();
        let mut records = Records::open(path, framing, encoding)?;
        let mut decoder = Decoder::new(records.encoding);
        let (mut seen, mut inside, mut stamped) = (0_u32, 0_u32, 0_u32);
        while let Some((_, bytes)) = records.next()? {
            let text = decoder.decode(bytes).text.trim_ascii();
            if text.is_empty() {
                continue;
            }
            seen += 1;
            inside += u32::from(envelope.holds(text));
            stamped += u32::from(Envelope::Syslog.holds(text));
            if LOOKED_AT <= usize::try_from(seen).unwrap_or(usize::MAX) {
                break;
            }
        }
        if seen * 9 <= inside * 10 && 0 < inside {
            found = vec![(word, envelope)];
            if envelope == Envelope::Counted && seen * 9 <= stamped * 10 {
                found.push(("syslog", Envelope::Syslog));
            }
            if envelope != Envelope::Syslog {
                break;
            }
        }
    }
    Ok(found)
}

/// What shows the format in a record: a text, or a pattern between slashes.
fn signs(definition: Option<&Definition>) -> Vec<Regex> {
    let signs = definition.map(Definition::signs).unwrap_or_default();
    let pattern = |sign: &String| match sign.strip_prefix('/').and_then(|s| s.strip_suffix('/')) {
        Some(pattern) => pattern.to_owned(),
        None => regex::escape(sign),
    };
    let build = |pattern: String| RegexBuilder::new(&pattern).unicode(false).build().ok();
    signs.iter().map(pattern).filter_map(build).collect()
}

impl Candidate {
    /// What share of the records is read, weighed by how much each says and by the signs the format leaves.
    fn fit(&self, path: &Path, encoding: Encoding) -> Result<u32, Failure> {
        let Candidate {
            settings,
            format,
            signs,
            ..
        } = self;
        let mut records = Records::open(path, settings.framing(), encoding)?;
        let mut decoder = Decoder::new(records.encoding);
        let mut state = FormatState::default();
        if let Some(written) = records.written {
            state.read_at(written);
        }
        let (mut seen, mut said, mut signed, mut further, mut several) = (0_u32, 0_u32, 0_u32, 0_u32, false);
        while let Some((_, bytes)) = records.next()? {
            if bytes.trim_ascii().is_empty() {
                continue;
            }
            let text = decoder.decode(bytes).text;
            several |= text.trim_ascii().contains(&b'\n');
            let shown = signs
                .iter()
                .filter(|sign| sign.is_match(text.trim_ascii_end()))
                .take(3)
                .count();
            signed += u32::from(0 < shown);
            further += u32::try_from(shown.saturating_sub(1)).unwrap_or(0);
            seen += 1;
            if let Parsed::Record(record) = format.parse(text, &mut state) {
                let fields = [
                    record.time.is_some(),
                    record.user.is_some(),
                    record.source.is_some(),
                    record.operation.is_some(),
                    record.resource.is_some(),
                    record.status.is_some(),
                    record.bytes.is_some() || record.rows.is_some(),
                    record.outcome.is_some(),
                    record.user_agent.is_some(),
                ];
                // Half for being read, half for what it says.
                said += 500 + fields.iter().filter(|field| **field).map(|_| 55).sum::<u32>();
            }
            if LOOKED_AT <= usize::try_from(seen).unwrap_or(usize::MAX) {
                break;
            }
        }
        // What reads nothing out of a file does not fit it.
        if said == 0 {
            return Ok(0);
        }
        let mut score = said / seen;
        if !signs.is_empty() {
            score = if signed == 0 {
                score / 4
            } else {
                score + (300 * signed + 40 * further) / seen
            };
        }
        Ok(self.weighed(score, several))
    }

    /// What the kind of format makes of its score; `several`: there were records of several lines.
    fn weighed(&self, mut score: u32, several: bool) -> u32 {
        let Candidate {
            settings,
            signs,
            definition,
            ..
        } = self;
        let definition = definition.as_ref();
        // Records of several lines that a format of single lines would tear apart.
        if several
            && matches!(
                settings.framing(),
                Framing::Begins(..) | Framing::Same(..) | Framing::Xml(_)
            )
        {
            score += 60;
        }
        // A stream in which no newline ends a message is one line to all others.
        if matches!(settings, FormatSettings::Inside(Envelope::Counted, _)) {
            score += 60;
        }
        // What reads anything says least about what it reads.
        if definition.is_some_and(|d| d.group() == "generic" && signs.is_empty())
            || matches!(innermost(settings), FormatSettings::Json(_))
        {
            score = score * 3 / 5;
        }
        // Who says only that something was written says less than who reads it.
        match definition.is_some_and(|d| ENVELOPES.contains(&d.name())) {
            true => score.min(ENVELOPE_AT_MOST),
            false => score,
        }
    }
}

/// The format inside all envelopes.
fn innermost(settings: &FormatSettings) -> &FormatSettings {
    match settings {
        FormatSettings::Inside(_, inner) => innermost(inner),
        plain => plain,
    }
}

/// What is proposed for a file, in words.
pub(super) fn proposal(fits: &[Fit], encoding: Encoding, lang: Lang) -> Option<String> {
    let best = fits.first()?;
    let others: Vec<&str> = fits.iter().skip(1).take(2).map(|fit| fit.name.as_str()).collect();
    let name = inert(best.name.as_bytes(), 60);
    let mut said = match lang {
        Lang::Ja => format!("書式: {name}"),
        Lang::En => format!("format: {name}"),
    };
    if !others.is_empty() {
        said.push_str(&match lang {
            Lang::Ja => format!("（次の候補: {}）", others.join(", ")),
            Lang::En => format!(" (next: {})", others.join(", ")),
        });
    }
    if encoding != Encoding::Utf8 {
        said.push_str(&format!("  encoding = \"{}\"", encoding.as_str()));
    }
    if best.score < POOR {
        said.push_str(lang.pick(
            "\nよく合う書式ではありません。docs/formats.md「定義の書き方」の要領で定義を書き、--format ./名前.toml で試してください。",
            "\nNone fits well. Write a definition (docs/formats.md says how) and try it with --format ./name.toml.",
        ));
    }
    Some(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detected(all: &[Candidate], lines: &[String], end: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.log");
        std::fs::write(&path, lines.join(end) + end).unwrap();
        let fits = among(all, &path, Encoding::Utf8).unwrap();
        fits.first().map_or("nothing".into(), |fit| fit.name.clone())
    }

    #[test]
    fn what_stands_in_an_envelope_is_recognised_with_it() {
        let web =
            r#"10.0.4.9 - 012345 [21/Nov/2026:09:05:07 +0900] "GET /juminzei/1 HTTP/1.1" 200 1234 "-" "Mozilla/5.0""#;
        let json = r#"{"time":"2026-11-21T09:05:07+09:00","user":"012345","remote_addr":"10.0.4.9","method":"GET","uri":"/a"}"#;
        let caddy = catalogue::find("caddy").unwrap().sample().unwrap().trim().to_owned();
        let rfc5424 = |text: &str| format!("<134>1 2026-11-21T00:05:07Z web1 nginx 7 - - {text}");
        let rfc3164 = |text: &str| format!("Nov 21 09:05:07 web1 nginx: {text}");
        let docker = |text: &str| {
            serde_json::json!({"log": format!("{text}\n"), "stream": "stdout", "time": "2026-11-21T00:05:07.1Z"})
                .to_string()
        };
        let cri = |text: &str| format!("2026-11-21T00:05:07.1Z stdout F {text}");
        let three = |line: String| vec![line; 3];
        let all = candidates();
        // The formats of web servers open these themselves.
        assert_eq!(detected(&all, &three(rfc5424(web)), "\n"), "combined");
        assert_eq!(detected(&all, &three(rfc3164(web)), "\n"), "combined");
        assert_eq!(detected(&all, &three(rfc5424(json)), "\n"), "syslog+json");
        assert_eq!(detected(&all, &three(docker(web)), "\n"), "docker+combined");
        assert_eq!(detected(&all, &three(docker(&caddy)), "\n"), "docker+caddy");
        assert_eq!(detected(&all, &three(cri(json)), "\n"), "cri+json");
        assert_eq!(
            detected(
                &all,
                &three(format!("2026-11-21 09:05:07 +0900\tapp.access\t{json}")),
                "\n"
            ),
            "fluentd+json"
        );
        assert_eq!(detected(&all, &three(docker("started")), "\n"), "docker-json");
        assert_eq!(detected(&all, &three(rfc3164("started")), "\n"), "syslog");
        let counted = format!("{} {}", rfc5424(web).len(), rfc5424(web));
        assert_eq!(detected(&all, &three(counted), ""), "rfc6587+syslog+combined");
    }

    /// Formats whose lines are those of another one as well, which is as good a name for them.
    const SAME: [(&str, &str); 2] = [("tomcat", "combined"), ("upsun", "fastly")];

    #[test]
    fn the_samples_of_every_format_are_recognised_as_what_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let (all, mut wrong) = (candidates(), Vec::new());
        for definition in catalogue::all() {
            let path = folder.path().join(definition.name());
            let lines: Vec<&str> = definition.sample_lines().map(str::trim).collect();
            std::fs::write(&path, format!("{}\n", lines.join("\n"))).unwrap();
            let fits = among(&all, &path, Encoding::Utf8).unwrap();
            let best = fits.first().map_or("nothing", |fit| &fit.name);
            let same = SAME.contains(&(definition.name(), best));
            if best != definition.name() && !same {
                wrong.push(format!("{} is taken for {best}", definition.name()));
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}
