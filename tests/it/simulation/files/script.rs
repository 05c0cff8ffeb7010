//! Seed -> script: every act carries all its numbers, so that cutting one leaves the others what they are.

use super::super::script::Dice;

/// How rotated files are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Names {
    /// `access.log.1`, `.2` …
    Numbered,
    /// `access.log-20260101`
    Dated,
}

/// How the reader learns that a file has grown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Senses {
    WakeUps,
    Polling,
    Both,
}

/// How a file is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    Gzip,
    Zstd,
    Xz,
    Bzip2,
}

/// What stays the same during a script.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup {
    pub(crate) names: Names,
    pub(crate) senses: Senses,
    /// Bytes read at once.
    pub(crate) budget: usize,
    /// Whether the configuration names rotated files too (`access.log*`).
    pub(crate) wide: bool,
}

/// What happens next. `usize` is which of the two logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// Whole records, so many, with so much padding each.
    Write(usize, u8, u16),
    /// So many hundredths of a record; the rest comes with the next write.
    Tear(usize, u8),
    /// A record longer than what is kept of one.
    Long(usize),
    /// Renamed; a new file is made at once or with the next write.
    Rotate(usize, bool),
    /// Copied and emptied; a step in between or not; a record written between the two or not.
    CopyTruncate(usize, bool, bool),
    /// The youngest rotated file is packed: its name is there half written, then whole, then the plain one goes.
    /// A step after each or none.
    Pack(usize, Packing, bool),
    /// The oldest rotated file is deleted.
    Expire(usize),
    /// The live file is deleted.
    Delete(usize),
    /// Whoever still has a renamed or deleted file open writes a record into it.
    Late(usize),
    /// The live file gets a second name that the source reads too.
    Link(usize),
    /// The live file is written anew with the same content and put in its place, as editors do.
    Replace(usize),
    /// The live file is emptied.
    Empty(usize),
    /// The live file loses its last records, so many hundredths of it, as by a crash of the host.
    RollBack(usize, u8),
    /// A byte that was read is changed in place, so many hundredths into the file.
    Edit(usize, u8),
    /// A system call fails so many times with this error number.
    Fault(&'static str, i32, u8),
    /// What was broken works again.
    Mend,
    Pass(u16),
    /// The clock goes back so many seconds.
    Back(u16),
    Scan,
    Read,
    Commit,
    Step,
    /// The batch in hand fails: a full disk of the store.
    Fail,
    Restart,
    /// The process dies at the so manyth passing of a place.
    Die(&'static str, u8),
    /// The store is saved, or what was saved is put back.
    Save,
    PutBack,
    /// The configuration names the rotated files, or no more; other limits.
    Reconfigure(bool, bool),
}

const PLACES: [&str; 5] = [
    "source.open",
    "source.stat",
    "source.look",
    "source.read",
    "source.list",
];
const ERRNOS: [i32; 4] = [13, 24, 5, 116];

impl Act {
    pub(crate) const NAMES: [&str; 28] = [
        "write",
        "tear",
        "long",
        "rotate",
        "copytruncate",
        "pack",
        "expire",
        "delete",
        "late",
        "link",
        "replace",
        "empty",
        "roll-back",
        "edit",
        "fault",
        "mend",
        "pass",
        "back",
        "scan",
        "read",
        "commit",
        "step",
        "fail",
        "restart",
        "die",
        "save",
        "put-back",
        "reconfigure",
    ];

    pub(crate) fn name(&self) -> &'static str {
        let at = match self {
            Act::Write(..) => 0,
            Act::Tear(..) => 1,
            Act::Long(_) => 2,
            Act::Rotate(..) => 3,
            Act::CopyTruncate(..) => 4,
            Act::Pack(..) => 5,
            Act::Expire(_) => 6,
            Act::Delete(_) => 7,
            Act::Late(_) => 8,
            Act::Link(_) => 9,
            Act::Replace(_) => 10,
            Act::Empty(_) => 11,
            Act::RollBack(..) => 12,
            Act::Edit(..) => 13,
            Act::Fault(..) => 14,
            Act::Mend => 15,
            Act::Pass(_) => 16,
            Act::Back(_) => 17,
            Act::Scan => 18,
            Act::Read => 19,
            Act::Commit => 20,
            Act::Step => 21,
            Act::Fail => 22,
            Act::Restart => 23,
            Act::Die(..) => 24,
            Act::Save => 25,
            Act::PutBack => 26,
            Act::Reconfigure(..) => 27,
        };
        Act::NAMES[at]
    }

    /// Whether bytes may be gone after it that nobody could read.
    pub(crate) fn destroys(&self) -> bool {
        matches!(
            self,
            Act::CopyTruncate(..)
                | Act::Expire(_)
                | Act::Delete(_)
                | Act::Late(_)
                | Act::Empty(_)
                | Act::RollBack(..)
                | Act::Edit(..)
                | Act::PutBack
        )
    }

    fn roll(dice: &mut Dice) -> Act {
        let log = usize::from(dice.one_in(4));
        match dice.roll(1_000) {
            0..=249 => Act::Write(
                log,
                1 + dice.roll(6) as u8,
                if dice.one_in(9) {
                    dice.roll(3_000)
                } else {
                    dice.roll(40)
                } as u16,
            ),
            250..=279 => Act::Tear(log, 1 + dice.roll(99) as u8),
            280..=287 => Act::Long(log),
            288..=349 => Act::Rotate(log, dice.one_in(2)),
            350..=374 => Act::CopyTruncate(log, dice.one_in(2), dice.one_in(4)),
            375..=404 => {
                let packing = match dice.roll(40) {
                    0 => Packing::Xz,
                    1 => Packing::Bzip2,
                    2..=15 => Packing::Zstd,
                    _ => Packing::Gzip,
                };
                Act::Pack(log, packing, dice.one_in(2))
            }
            405..=414 => Act::Expire(log),
            415..=424 => Act::Delete(log),
            425..=454 => Act::Late(log),
            455..=462 => Act::Link(log),
            463..=470 => Act::Replace(log),
            471..=480 => Act::Empty(log),
            481..=488 => Act::RollBack(log, dice.roll(100) as u8),
            489..=496 => Act::Edit(log, dice.roll(100) as u8),
            497..=514 => {
                let (place, errno) = (PLACES[dice.roll(5) as usize], ERRNOS[dice.roll(4) as usize]);
                Act::Fault(place, errno, dice.roll(20) as u8)
            }
            515..=544 => Act::Mend,
            545..=584 => Act::Pass(dice.roll(90) as u16),
            585..=592 => Act::Back(dice.roll(7_000) as u16),
            593..=652 => Act::Scan,
            653..=732 => Act::Read,
            733..=782 => Act::Commit,
            783..=867 => Act::Step,
            868..=892 => Act::Fail,
            893..=942 => Act::Restart,
            943..=962 => Act::Die(PLACES[dice.roll(5) as usize], dice.roll(25) as u8),
            963..=974 => Act::Save,
            975..=986 => Act::PutBack,
            _ => Act::Reconfigure(dice.one_in(2), dice.one_in(2)),
        }
    }
}

/// A life of some files and their reader.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    pub(crate) setup: Setup,
    pub(crate) acts: Vec<Act>,
}

impl Script {
    pub(crate) fn of(seed: u64) -> Script {
        let mut dice = Dice(seed ^ 0x66_69_6c_65);
        let setup = Setup {
            names: if dice.one_in(3) { Names::Dated } else { Names::Numbered },
            senses: [Senses::WakeUps, Senses::Polling, Senses::Both][dice.roll(3) as usize],
            budget: [60, 700, 5_000, 1 << 20][dice.roll(4) as usize],
            wide: dice.one_in(3),
        };
        let acts = 20 + dice.roll(40);
        Script {
            setup,
            acts: (0..acts).map(|_| Act::roll(&mut dice)).collect(),
        }
    }
}
