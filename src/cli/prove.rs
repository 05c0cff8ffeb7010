//! `sekimori prove`: the proof of one archived line, and the check of such a proof.
//!
//! A proof holds the line, its way up to the root of its segment, the segment's entry, its way up to the root of the log, and
//! the signed checkpoint. Who checks it needs the public key and nothing else.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Command};
use serde_json::{Value, json};

use super::out::Out;
use super::verify::{archive_arg, identities, identity_arg, input, key_arg, usage};
use super::{Failure, config_arg};
use crate::evidence::{
    Checkpoint, Entry, Hash, Note, SegmentReader, VerifierKey, audit_path, hex, leaf_hash, path_holds, unhex, verify,
};
use crate::text::Lang;

pub(super) fn command(lang: Lang) -> Command {
    let number = |name: &'static str, value: &'static str, ja: &'static str, en: &'static str| {
        Arg::new(name)
            .long(name)
            .value_name(value)
            .value_parser(clap::value_parser!(u64))
            .help(lang.pick(ja, en))
    };
    Command::new("prove")
        .about(lang.pick(
            "保管した記録1行の証明を作り、または確かめます",
            "makes the proof of one archived line, or checks one",
        ))
        .arg(config_arg(lang))
        .arg(archive_arg(lang))
        .arg(key_arg(lang))
        .arg(identity_arg(lang))
        .arg(number("segment", "N", "区画の番号", "number of the segment"))
        .arg(number(
            "line",
            "K",
            "区画の中の行（1から）",
            "line in the segment, from 1",
        ))
        .arg(
            Arg::new("check")
                .long("check")
                .value_name("FILE")
                .value_parser(clap::value_parser!(PathBuf))
                .conflicts_with_all(["segment", "line"])
                .help(lang.pick("証明のファイルを確かめます", "checks the proof in FILE")),
        )
}

pub(super) fn run(args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    if let Some(file) = args.get_one::<PathBuf>("check") {
        let proof = std::fs::read_to_string(file).map_err(|e| usage(format!("{}: {e}", file.display()), out))?;
        let Some(key) = args.get_one::<String>("key") else {
            return Err(usage(
                out.pick("--key で公開鍵を指定してください", "give the public key with --key")
                    .to_owned(),
                out,
            ));
        };
        let key = super::verify::key(key, out)?;
        return match check(&proof, &key) {
            Ok(1) => Ok(out.line(out.pick("証明は正しく成り立っています。", "the proof holds"))?),
            Ok(records) => {
                let records = crate::text::number(records);
                Ok(out.line(&match out.lang() {
                    Lang::Ja => format!("{records} 件すべての証明が正しく成り立っています。"),
                    Lang::En => format!("the proofs of all {records} records hold"),
                })?)
            }
            Err(why) => {
                let says = out.pick("証明は成り立ちません", "the proof does not hold");
                out.error(&format!("{says}: {}", super::verify::said(&why, out)));
                Err(Failure::Verdict(1))
            }
        };
    }
    let (Some(n), Some(line)) = (args.get_one::<u64>("segment"), args.get_one::<u64>("line")) else {
        return Err(usage(
            out.pick("--segment と --line を指定してください", "give --segment and --line")
                .to_owned(),
            out,
        ));
    };
    let input = input(args, out)?;
    let (_, log) = verify::verify(&input, None);
    let identities = identities(args, out)?;
    let proof = make(&input, &log, (*n, *line), &identities).map_err(Failure::Failed)?;
    Ok(out.line(&proof.to_string())?)
}

fn make(
    input: &verify::Input,
    log: &verify::ReadLog,
    (n, line): (u64, u64),
    identities: &[crate::evidence::Identity],
) -> Result<Value, String> {
    let of = |(_, e): &&(u64, Entry)| e.kind() == "segment" && e.number("n") == Some(n);
    let (index, entry) = log
        .entries
        .iter()
        .find(of)
        .ok_or_else(|| format!("there is no segment {n} in the ledger"))?;
    let head = log.head.as_ref().ok_or("the log has no checkpoint that holds")?;
    let encrypted = !entry.texts("rcpt").is_empty();
    let path = input.archive.join(entry.text("name"));
    let reader = SegmentReader::open(&path, encrypted, identities, entry.raw_bytes());
    let mut reader = reader.map_err(|e| format!("{}: {e}", path.display()))?;
    let header = reader.header().to_vec();
    let bytes = reader.all().map_err(|e| format!("{}: {e}", path.display()))?;
    let body = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let lines: Vec<&[u8]> = body.split(|b| *b == b'\n').collect();
    let at = usize::try_from(line).unwrap_or(usize::MAX);
    let text = at
        .checked_sub(1)
        .and_then(|i| lines.get(i))
        .ok_or_else(|| format!("segment {n} has {} lines", lines.len()))?;
    let leaves: Vec<Hash> = std::iter::once(leaf_hash(&header))
        .chain(lines.iter().map(|l| leaf_hash(l)))
        .collect();
    let position = usize::try_from(*index).unwrap_or(usize::MAX);
    let in_segment = audit_path(&leaves, at).ok_or("no such line")?;
    let in_log = audit_path(&log.leaves, position).ok_or("no such entry")?;
    let hexes = |path: Vec<Hash>| path.iter().map(|h| hex(h)).collect::<Vec<_>>();
    Ok(json!({
        "line": crate::evidence::base64(text), "line_index": at, "segment_leaves": leaves.len(), "segment_path": hexes(in_segment),
        "entry": entry.line(), "entry_index": index, "log_path": hexes(in_log), "checkpoint": log.note, "size": head.size,
    }))
}

/// A proof, or an export with many: how many records it proves.
fn check(text: &str, key: &VerifierKey) -> Result<u64, String> {
    let mut objects = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| serde_json::from_str::<Value>(line).map_err(|e| format!("no JSON: {e}")));
    let first = objects.next().ok_or("it is empty")??;
    if first.get("t").and_then(Value::as_str) != Some("export") {
        let checkpoint = checkpoint(&first, key)?;
        let segment = Segment::read(&first, &checkpoint)?;
        return segment.line(&first).map(|()| 1);
    }
    let checkpoint = checkpoint(&first, key)?;
    let (mut segment, mut records, mut ended) = (None, 0u64, false);
    for object in objects {
        let object = object?;
        match object.get("t").and_then(Value::as_str) {
            Some("segment") => segment = Some((number(&object, "n")?, Segment::read(&object, &checkpoint)?)),
            Some("record") => {
                let n = number(&object, "n")?;
                let own = segment.as_ref().filter(|(of, _)| *of == n);
                let (_, segment) = own.ok_or(format!("a record of segment {n} without its segment"))?;
                let lines = object
                    .get("lines")
                    .and_then(Value::as_array)
                    .filter(|lines| !lines.is_empty());
                for line in lines.ok_or("a record without lines")? {
                    segment.line(line)?;
                }
                records = records.saturating_add(1);
            }
            Some("end") => {
                let said = number(&object, "records")?;
                if said != records {
                    return Err(format!("{records} records, and it says that they were {said}"));
                }
                ended = true;
            }
            _ => return Err("an object of another kind".into()),
        }
    }
    if ended {
        Ok(records)
    } else {
        Err("it ends in the middle".into())
    }
}

fn text<'v>(of: &'v Value, name: &str) -> Result<&'v str, String> {
    of.get(name).and_then(Value::as_str).ok_or(format!("no {name}"))
}

fn number(of: &Value, name: &str) -> Result<u64, String> {
    of.get(name).and_then(Value::as_u64).ok_or(format!("no {name}"))
}

fn path(of: &Value, name: &str) -> Result<Vec<Hash>, String> {
    let list = of.get(name).and_then(Value::as_array);
    let hashes = list.map(|l| {
        l.iter()
            .map(|v| v.as_str().and_then(unhex::<32>))
            .collect::<Option<Vec<Hash>>>()
    });
    hashes.flatten().ok_or(format!("no {name}"))
}

/// The checkpoint everything leads to, if `key` signed it.
fn checkpoint(of: &Value, key: &VerifierKey) -> Result<Checkpoint, String> {
    let note = Note::read(text(of, "checkpoint")?.as_bytes())?;
    if !note.signed_by(key) {
        return Err("the checkpoint is not signed by this key".into());
    }
    Ok(Checkpoint::read(note.text())?)
}

/// A segment whose entry leads to the checkpoint.
struct Segment {
    root: Hash,
    leaves: u64,
}

impl Segment {
    fn read(of: &Value, checkpoint: &Checkpoint) -> Result<Segment, String> {
        let entry = Entry::read(text(of, "entry")?.as_bytes())?;
        let (index, way) = (number(of, "entry_index")?, path(of, "log_path")?);
        if !path_holds(&entry.leaf(), index, checkpoint.size, &way, &checkpoint.root) {
            return Err("the entry does not lead to the root of the checkpoint".into());
        }
        let root = unhex::<32>(entry.text("root")).ok_or("the entry is of no segment")?;
        let leaves = number(of, "segment_leaves")?;
        let declared = entry.number("recs").map(|n| n.saturating_add(1));
        if declared != Some(leaves) {
            return Err("the segment has another number of lines than its entry says".into());
        }
        Ok(Segment { root, leaves })
    }

    fn line(&self, of: &Value) -> Result<(), String> {
        let line = crate::evidence::unbase64(text(of, "line")?).ok_or("the line is no base64")?;
        let (at, way) = (number(of, "line_index")?, path(of, "segment_path")?);
        if at == 0 || !path_holds(&leaf_hash(&line), at, self.leaves, &way, &self.root) {
            return Err("the line does not lead to the root of its segment".into());
        }
        Ok(())
    }
}
