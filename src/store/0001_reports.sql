-- Part of schema version 1, behind 0001_init.sql.

-- --- reports -----------------------------------------------------------------------------------------------------------
-- Every report that was made, as it was hashed: changed data give a new version, the old one stays. `content` is what
-- `sha256` is of; the head of the ledger is that of the moment before the report's own entry.
CREATE TABLE report (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    number TEXT NOT NULL UNIQUE,         -- R-000012
    kind TEXT NOT NULL CHECK (kind IN ('monthly', 'quarterly', 'yearly', 'special', 'settings')),
    section TEXT NOT NULL,               -- empty: the agency
    from_day INTEGER NOT NULL,
    to_day INTEGER NOT NULL,
    version INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    content TEXT NOT NULL,
    verdict TEXT NOT NULL,               -- the best result it lets people choose: normal, check, incident
    changes TEXT NOT NULL,               -- against the version before, JSON
    made_at INTEGER NOT NULL,
    by TEXT NOT NULL,                    -- 職員番号; empty: sekimori itself
    due_day INTEGER NOT NULL,            -- the day by which it is to be signed
    ledger_size INTEGER NOT NULL,
    ledger_root TEXT NOT NULL,
    UNIQUE (kind, section, from_day, to_day, version)
) STRICT;
CREATE TRIGGER report_unchanged BEFORE UPDATE ON report BEGIN SELECT raise(ABORT, 'reports are append-only'); END;
CREATE TRIGGER report_whole BEFORE DELETE ON report BEGIN SELECT raise(ABORT, 'reports are append-only'); END;

-- 確認欄: who confirmed which version, when, how, and with what result.
CREATE TABLE review (
    report INTEGER NOT NULL REFERENCES report (id),
    role TEXT NOT NULL,                  -- officer, manager, general, auditor
    by TEXT NOT NULL,                    -- 職員番号
    on_day INTEGER NOT NULL,             -- 確認日
    method TEXT NOT NULL,                -- all, sample, hearing
    result TEXT NOT NULL,                -- normal, check, incident
    measures TEXT NOT NULL,              -- 措置・期限
    answers TEXT NOT NULL,               -- to the samples and points, JSON
    origin TEXT NOT NULL,                -- SHA-256 of the returned sheet; empty: the command line
    at INTEGER NOT NULL,
    PRIMARY KEY (report, role)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER review_unchanged BEFORE UPDATE ON review BEGIN SELECT raise(ABORT, 'reviews are append-only'); END;
CREATE TRIGGER review_whole BEFORE DELETE ON review BEGIN SELECT raise(ABORT, 'reviews are append-only'); END;

-- Read-only views for people who come with sqlite3.
CREATE VIEW v_source_day AS
SELECT date(t.day * 86400, 'unixepoch') AS day, s.name AS source, t.lines, t.bytes, t.accesses, t.no_dataset,
    t.no_record, t.repeated, t.rejects, t.damaged
FROM tally AS t JOIN source AS s ON s.id = t.source;

CREATE VIEW v_report AS
SELECT number, kind, section, date(from_day * 86400, 'unixepoch') AS from_day, date(to_day * 86400, 'unixepoch') AS to_day,
    version, sha256, verdict, datetime(made_at / 1000000 + 32400, 'unixepoch') AS made_jst,
    date(due_day * 86400, 'unixepoch') AS due
FROM report;

CREATE VIEW v_review AS
SELECT r.number, r.kind, r.section, r.version, v.role, v.by, date(v.on_day * 86400, 'unixepoch') AS confirmed_on,
    v.method, v.result, v.measures, datetime(v.at / 1000000 + 32400, 'unixepoch') AS registered_jst,
    max(0, (v.at / 1000000 + 32400) / 86400 - r.due_day) AS days_late
FROM review AS v JOIN report AS r ON r.id = v.report;
