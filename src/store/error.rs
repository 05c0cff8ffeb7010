//! What the store cannot do, in both languages, with what would do.

use std::fmt;
use std::path::PathBuf;

use super::{BUSY, VERSION};
use crate::text::{Lang, Say, say};

/// The store cannot do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file or its folder.
    Open {
        /// The file.
        path: PathBuf,
        /// What is wrong and what would do.
        why: Say,
    },
    /// Another daemon runs on the same store.
    Locked(PathBuf),
    /// Written by a newer program.
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
    },
    /// Not a store of this program, or damaged.
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        why: String,
    },
    /// A SQLite file of another program.
    Foreign(PathBuf),
    /// The disk is full.
    Full,
    /// The file cannot be written.
    ReadOnly,
    /// Another writer held the file too long.
    Busy,
    /// Somebody else moved a position meanwhile.
    Moved(i64),
    /// Anything else SQLite said.
    Sqlite(#[source] rusqlite::Error),
    /// What was asked for is not there.
    NotFound(Say),
    /// What was asked for is not allowed.
    Refused(Say),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.say().pick(Lang::En))
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(e: rusqlite::Error) -> Self {
        match e.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => StoreError::Full,
            Some(rusqlite::ErrorCode::ReadOnly) => StoreError::ReadOnly,
            Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => StoreError::Busy,
            _ => StoreError::Sqlite(e),
        }
    }
}

impl StoreError {
    /// What is wrong and what would do, for whoever reads it.
    pub fn say(&self) -> Say {
        match self {
            StoreError::Open { path, why } => {
                let (path, ja, en) = (path.display(), why.pick(Lang::Ja), why.pick(Lang::En));
                say!("保存先 {path} を開けません：{ja}", "cannot open the store {path}: {en}")
            }
            StoreError::Locked(path) => {
                let path = path.display();
                say!(
                    "保存先 {path} は動作中の sekimori が使っています。先に停止してください（systemctl stop sekimori）。",
                    "another sekimori is running on the store {path}; stop it first (systemctl stop sekimori)"
                )
            }
            StoreError::Newer { path, found } => {
                let path = path.display();
                say!(
                    "保存先 {path} は新しい版の sekimori のものです（スキーマ {found}、この版は {VERSION} まで）。新しい版を入れ直してください。",
                    "the store {path} has schema version {found}, this program knows up to {VERSION}; install the newer sekimori again"
                )
            }
            StoreError::Damaged { path, why } => {
                let path = path.display();
                say!(
                    "保存先 {path} は壊れているか、sekimori の保存先ではありません（{why}）。直近のバックアップを別の場所に復元し、このファイルは証拠として残してください。",
                    "the store {path} is damaged or no sekimori store: {why}; restore the last backup beside it and keep this file as evidence"
                )
            }
            StoreError::Foreign(path) => {
                let path = path.display();
                say!(
                    "{path} は sekimori の保存先ではなく、別のプログラムのSQLiteファイルです。store に別の場所を指定してください。",
                    "{path} is no sekimori store but another program's SQLite file; give store another path"
                )
            }
            StoreError::NotFound(why) | StoreError::Refused(why) => why.clone(),
            StoreError::Moved(segment) => say!(
                "保存先にある区間 {segment} の位置が、この処理の始めの位置と異なります。ほかの sekimori が書き込んでいませんか。",
                "the position of segment {segment} in the store is not the one this batch began with; another writer?"
            ),
            StoreError::Sqlite(e) => sqlite(e),
            StoreError::Full => Say::new(
                "保存先のディスクに空きがありません。空きを作ってください。失われた記録はなく、確定した位置から読み取りを続けます。",
                "the disk of the store is full; free space on it. Nothing is lost: reading goes on where it was committed",
            ),
            StoreError::ReadOnly => Say::new(
                "保存先に書き込めません（読み取り専用のファイル又はファイルシステム）。ファイルとフォルダーの所有者・権限を確かめてください。",
                "the store cannot be written (read-only file or file system); check owner and mode of the file and its folder",
            ),
            StoreError::Busy => {
                let seconds = BUSY.as_secs();
                say!(
                    "保存先が {seconds} 秒より長く使用中でした。時間のかかるコマンドが動いていませんか。",
                    "the store was busy for more than {seconds} s; is a long command running?"
                )
            }
        }
    }

    /// A refusal whose words come from elsewhere and are not for users of the program.
    pub(crate) fn because(why: impl fmt::Display) -> StoreError {
        StoreError::Refused(say!("{why}", "{why}"))
    }

    /// What a named place (`fault`) failed with.
    pub(crate) fn passed(e: std::io::Error) -> StoreError {
        match e.kind() {
            std::io::ErrorKind::StorageFull => StoreError::Full,
            std::io::ErrorKind::ReadOnlyFilesystem => StoreError::ReadOnly,
            _ => StoreError::because(e),
        }
    }

    /// Whether waiting may help: the batch is read again later.
    pub fn is_transient(&self) -> bool {
        matches!(self, StoreError::Full | StoreError::ReadOnly | StoreError::Busy)
            || matches!(self, StoreError::Sqlite(e) if matches!(e.sqlite_error_code(),
                Some(rusqlite::ErrorCode::SystemIoFailure | rusqlite::ErrorCode::CannotOpen)))
    }
}

/// There is no alert of this number.
pub(super) fn no_alert(number: &str) -> StoreError {
    StoreError::NotFound(say!(
        "警告 {number} はありません。sekimori alert list で一覧を確かめてください。",
        "there is no alert {number}; see sekimori alert list"
    ))
}

/// An error without the text of the statement.
pub(super) fn brief(e: &rusqlite::Error) -> String {
    match e {
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        e => e.to_string().lines().next().unwrap_or_default().to_owned(),
    }
}

fn sqlite(e: &rusqlite::Error) -> Say {
    let why = brief(e);
    if e.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseCorrupt) {
        return say!(
            "保存先が壊れています（{why}）。直近のバックアップを別の場所に復元し、このファイルは証拠として残してください。",
            "the store failed: {why}; restore the last backup beside it and keep this file as evidence"
        );
    }
    if why.starts_with("no such ") || why.contains(" has no column named ") {
        return say!(
            "保存先の構造がこの版の sekimori と合いません（{why}）。試用版など別の版で作られた保存先です。その版で使うか、別の場所へ移してから始めてください。",
            "the store was laid out by another build of sekimori ({why}); use that build, or move the file away and start anew"
        );
    }
    say!("保存先の処理に失敗しました：{why}", "the store failed: {why}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_of_another_build_says_so_in_the_words_of_its_reader() {
        let conn = rusqlite::Connection::open_in_memory().unwrap();
        let failed = StoreError::from(conn.prepare("SELECT key FROM book WHERE key = 1").unwrap_err());
        assert!(
            failed
                .to_string()
                .contains("another build of sekimori (no such table: book)"),
            "{failed}"
        );
        let said = failed.say();
        assert!(said.pick(Lang::Ja).contains("別の版で作られた保存先"), "{said:?}");
    }
}
