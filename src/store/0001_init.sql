-- Times are microseconds since 1970-01-01T00:00:00Z; days are days since 1970-01-01, JST.
-- Positions and counters stand in one file and are committed together.

CREATE TABLE meta (
    key TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE source (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE
) STRICT;

-- One incarnation of a file of a source. `position` is the start of the first record not yet consumed, but for `inside`.
CREATE TABLE segment (
    id INTEGER PRIMARY KEY,
    source INTEGER NOT NULL REFERENCES source (id),
    path BLOB NOT NULL,
    dev INTEGER NOT NULL,
    ino INTEGER NOT NULL,
    btime INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    position INTEGER NOT NULL,
    inside INTEGER NOT NULL,             -- 1: within a record of which only the head is read, and that was counted
    lines INTEGER NOT NULL,
    head_len INTEGER NOT NULL,
    head_hash BLOB NOT NULL,
    window_len INTEGER NOT NULL,
    window_hash BLOB NOT NULL,
    phase INTEGER NOT NULL,              -- 0 live, 1 rotated, 2 sealed, 3 lost
    format_state BLOB NOT NULL,
    last_read INTEGER NOT NULL,
    caught_at INTEGER NOT NULL,          -- when all the file held had been read, the last time
    origin INTEGER NOT NULL,             -- hashes cover origin..position
    part_len INTEGER NOT NULL,           -- the chunk that is not full yet
    part_hash BLOB NOT NULL,
    chain BLOB NOT NULL,                 -- over all full chunks, see source/chunks.rs
    boot BLOB NOT NULL,                  -- boot_id of the kernel when it was last read from
    marks BLOB NOT NULL                  -- ends of the first records, see source/marks.rs
) STRICT;
CREATE INDEX segment_source ON segment (source, phase);

-- SHA-256 of each full MiB of consumed bytes: what was counted can be proved, and a change be named.
CREATE TABLE chunk (
    segment INTEGER NOT NULL,
    idx INTEGER NOT NULL,                -- position / 1 MiB
    hash BLOB NOT NULL,
    found BLOB,                          -- what a later look found instead; people were told
    PRIMARY KEY (segment, idx)
) STRICT, WITHOUT ROWID;

-- A segment that is over, sealed onto the ones before it: a row cannot be changed or left out unseen.
-- seal = SHA-256 (seal before || segment || origin || position || lines || part_hash || chain), numbers as 8 bytes,
-- little endian; the first one of a source follows 32 zero bytes.
CREATE TABLE segment_seal (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    source INTEGER NOT NULL REFERENCES source (id),
    segment INTEGER NOT NULL,
    at INTEGER NOT NULL,
    origin INTEGER NOT NULL,
    position INTEGER NOT NULL,
    lines INTEGER NOT NULL,
    part_hash BLOB NOT NULL,
    chain BLOB NOT NULL,
    seal BLOB NOT NULL
) STRICT;
CREATE INDEX segment_seal_source ON segment_seal (source, id);
CREATE INDEX segment_seal_segment ON segment_seal (segment, id);

-- Configured patterns on which `start` is spent: files that appear under them later are read from their first byte.
CREATE TABLE source_pattern (
    source INTEGER NOT NULL REFERENCES source (id),
    pattern TEXT NOT NULL,
    PRIMARY KEY (source, pattern)
) STRICT, WITHOUT ROWID;

-- What happened to the bytes of a source (truncated, lost, unreadable ...).
CREATE TABLE source_event (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    source INTEGER NOT NULL REFERENCES source (id),
    segment INTEGER NOT NULL,            -- 0: none
    kind TEXT NOT NULL,
    lo INTEGER NOT NULL,
    hi INTEGER NOT NULL,
    cause TEXT NOT NULL,                 -- unexplained, crash, handling, configured
    detail TEXT NOT NULL
) STRICT;
CREATE INDEX source_event_at ON source_event (at);

-- What was read of a source on a day of reading: the denominator of every report.
CREATE TABLE tally (
    day INTEGER NOT NULL,
    source INTEGER NOT NULL REFERENCES source (id),
    lines INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    accesses INTEGER NOT NULL,
    no_dataset INTEGER NOT NULL,
    no_record INTEGER NOT NULL,          -- headers, comments, empty lines
    repeated INTEGER NOT NULL,           -- records whose key was counted before (exported or delivered again)
    rejects INTEGER NOT NULL,
    damaged INTEGER NOT NULL,            -- lines read although bytes were not valid text
    newest INTEGER NOT NULL,             -- newest record time seen
    PRIMARY KEY (day, source)
) STRICT, WITHOUT ROWID;

-- When lines of a source came in on a day (wall time), and the longest time without any within office hours: how long it
-- may be silent is learned from that.
CREATE TABLE arrival (
    day INTEGER NOT NULL,
    source INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    gap INTEGER NOT NULL,
    PRIMARY KEY (source, day)
) STRICT, WITHOUT ROWID;

-- Lines no record came from, by reason, and where the latest ones stand. Never their text.
CREATE TABLE reject (
    day INTEGER NOT NULL,
    source INTEGER NOT NULL REFERENCES source (id),
    why TEXT NOT NULL,
    lines INTEGER NOT NULL,
    last_segment INTEGER NOT NULL,
    last_start INTEGER NOT NULL,
    last_end INTEGER NOT NULL,
    PRIMARY KEY (day, source, why)
) STRICT, WITHOUT ROWID;

-- Persons (職員番号), accounts that no register knows, and approved jobs (number/職員番号): the key of the counters.
CREATE TABLE who (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('person', 'account', 'crowd', 'job')),
    name TEXT NOT NULL,
    UNIQUE (kind, name)
) STRICT;

-- Names no register knows, by source and day of the record: the first thousand each by itself (SHA-256, 8 bytes each, in
-- the order of their coming), those behind in a sketch; they are counted under one row of `who`, a 'crowd'.
CREATE TABLE unregistered (
    day INTEGER NOT NULL,
    source INTEGER NOT NULL,
    names INTEGER NOT NULL,
    hashes BLOB NOT NULL,
    sketch BLOB NOT NULL,
    examples TEXT NOT NULL,
    PRIMARY KEY (day, source)
) STRICT, WITHOUT ROWID;

CREATE TABLE dataset (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE
) STRICT;

-- The book: a row a page. `key` is day (since 1970, JST), who, dataset and operation in one number (detect/book.rs), so
-- that pages of one day stand behind one another and a new day is appended. `cells` and `subjects` are described in
-- detect/page.rs. The view `page` takes the key apart; ranges are asked for by the key.
CREATE TABLE book (
    key INTEGER PRIMARY KEY,
    accesses INTEGER NOT NULL,
    records INTEGER NOT NULL,
    records_unknown INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    bytes_unknown INTEGER NOT NULL,
    denied INTEGER NOT NULL,
    subjects_distinct INTEGER NOT NULL,
    cells BLOB NOT NULL,
    subjects BLOB NOT NULL
) STRICT;

-- who 0: everybody.
CREATE VIEW page AS
SELECT key, key >> 47 AS day, (key >> 20) & 0x7ffffff AS who, (key >> 4) & 0xffff AS dataset, key & 15 AS operation,
    accesses, records, records_unknown, bytes, bytes_unknown, denied, subjects_distinct, cells, subjects
FROM book;

CREATE TABLE alert (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    number TEXT NOT NULL UNIQUE,
    rule TEXT NOT NULL,
    who INTEGER NOT NULL,                -- 0: all persons
    dataset INTEGER NOT NULL,            -- 0: all datasets
    severity INTEGER NOT NULL,           -- 0 notice, 1 warning, 2 critical
    state TEXT NOT NULL CHECK (state IN ('open', 'acknowledged', 'closed')),
    first_seen INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    window_from INTEGER NOT NULL,
    observed INTEGER NOT NULL,
    "limit" INTEGER NOT NULL,
    hits INTEGER NOT NULL,
    records INTEGER NOT NULL,
    records_unknown INTEGER NOT NULL,
    successes INTEGER NOT NULL,
    source INTEGER NOT NULL,
    operation INTEGER NOT NULL,
    standing TEXT NOT NULL,
    account TEXT NOT NULL,               -- as in the log, made inert
    address TEXT NOT NULL,
    section TEXT NOT NULL,               -- of the person at the time
    valid_from INTEGER,                  -- day; of the account's right
    valid_to INTEGER,
    config TEXT NOT NULL,                -- hash of the configuration it was raised under
    detected_at INTEGER NOT NULL,
    mails INTEGER NOT NULL,
    notified_at INTEGER,
    notified_level INTEGER,
    notified_severity INTEGER,
    notified_hits INTEGER,
    closed_as TEXT NOT NULL DEFAULT '',
    marks INTEGER NOT NULL DEFAULT 0,    -- bits of access::Mark: what else spoke against the accesses
    facts TEXT NOT NULL DEFAULT '',      -- numbers the words of a mail need, by kind of rule
    lead INTEGER NOT NULL DEFAULT 0,     -- the alert this is a further reason of; its own id where it leads
    retro INTEGER NOT NULL DEFAULT 0,    -- 1: found in hindsight, by a corrected register (遡及)
    register INTEGER NOT NULL DEFAULT 0  -- version of the account register it rests on; of the first finding
) STRICT;
CREATE INDEX alert_first ON alert (first_seen);
CREATE INDEX alert_key ON alert (rule, who, dataset, last_seen);
CREATE INDEX alert_lead ON alert (lead);
CREATE INDEX alert_who ON alert (who, dataset);
CREATE INDEX alert_told ON alert (rule, notified_at);
CREATE INDEX alert_state ON alert (state, severity);

CREATE TABLE alert_evidence (
    alert INTEGER NOT NULL REFERENCES alert (id),
    segment INTEGER NOT NULL,
    start INTEGER NOT NULL,
    "end" INTEGER NOT NULL,
    PRIMARY KEY (alert, segment, start)
) STRICT, WITHOUT ROWID;

-- Every step of an alert's life: who, when, why.
CREATE TABLE alert_step (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    alert INTEGER NOT NULL REFERENCES alert (id),
    at INTEGER NOT NULL,
    step TEXT NOT NULL,                  -- detected, mailed, acknowledged, closed, reopened
    by TEXT NOT NULL,                    -- 職員番号; empty: sekimori itself
    reason TEXT NOT NULL
) STRICT;
CREATE INDEX alert_step_alert ON alert_step (alert, id);

-- The outbox: rendered before any connection is made.
CREATE TABLE mail (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    message_id TEXT NOT NULL UNIQUE,
    in_reply_to TEXT NOT NULL,
    alert INTEGER NOT NULL,              -- 0: not about an alert
    sender TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    urgent INTEGER NOT NULL,
    at INTEGER NOT NULL
) STRICT;

CREATE TABLE mail_recipient (
    mail INTEGER NOT NULL REFERENCES mail (id),
    place INTEGER NOT NULL,
    address TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'sent', 'dead')),
    attempts INTEGER NOT NULL,
    next_at INTEGER NOT NULL,
    refused_since INTEGER NOT NULL,      -- since when the relay puts this very mail off; 0: it does not
    blocked INTEGER NOT NULL,            -- 1: waits because the relay could not be used
    settled_at INTEGER NOT NULL,         -- 0: not yet
    answer TEXT NOT NULL,                -- of the next hop, or why not
    PRIMARY KEY (mail, place)
) STRICT, WITHOUT ROWID;
CREATE INDEX mail_waiting ON mail_recipient (next_at) WHERE state = 'waiting';

CREATE TABLE mail_attachment (
    mail INTEGER NOT NULL REFERENCES mail (id),
    place INTEGER NOT NULL,
    name TEXT NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (mail, place)
) STRICT, WITHOUT ROWID;

-- --- account register ---------------------------------------------------------------------------------------------
-- Every register that was in force. Version v holds the rows that began with v or before and had not ended by v; rows
-- and ends of an import that was not completed bear a number no version has yet.
CREATE TABLE register (
    id INTEGER PRIMARY KEY,
    imported_at INTEGER NOT NULL,
    refreshed_at INTEGER NOT NULL,       -- when the same content was last brought
    by TEXT NOT NULL,                    -- who imported it; empty: sekimori itself
    origin TEXT NOT NULL,                -- the file
    sha256 TEXT NOT NULL,                -- of the file's text
    rows INTEGER NOT NULL,
    accounts INTEGER NOT NULL,
    people INTEGER NOT NULL,
    added INTEGER NOT NULL,              -- rows it added
    ended INTEGER NOT NULL,              -- rows it took away
    reason TEXT NOT NULL                 -- why it was allowed to take much away; empty: it did not
) STRICT;

-- One row of the CSV in its canonical spelling, without names of people and remarks.
CREATE TABLE register_row (
    id INTEGER PRIMARY KEY,              -- later versions have later ids
    since INTEGER NOT NULL,
    text TEXT NOT NULL
) STRICT;

-- Rows that ended: a run of ids. What of the run had ended before stays ended.
CREATE TABLE register_row_end (
    first INTEGER PRIMARY KEY REFERENCES register_row (id),
    last INTEGER NOT NULL,
    version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX register_row_end_version ON register_row_end (version);

-- What the daemon itself did or could not do, for people who look later.
CREATE TABLE journal (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    what TEXT NOT NULL,
    detail TEXT NOT NULL
) STRICT;

-- The ledger (evidence/): one row an entry, canonical JSON, in the order in which transactions committed. Rows are never
-- changed; what the program does not do by itself, nobody does by mistake.
CREATE TABLE ledger (
    ix INTEGER PRIMARY KEY,              -- from 0, without holes
    kind TEXT NOT NULL,                  -- its "t"
    entry TEXT NOT NULL
) STRICT;
CREATE INDEX ledger_kind ON ledger (kind, ix);
CREATE TRIGGER ledger_unchanged BEFORE UPDATE ON ledger BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER ledger_whole BEFORE DELETE ON ledger BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;

-- Up to where each file is archived in sealed segments; what was consumed beyond that is read again after a crash.
CREATE TABLE archive (
    segment INTEGER PRIMARY KEY REFERENCES segment (id),
    position INTEGER NOT NULL,
    inside INTEGER NOT NULL,             -- 1: within a record of which only the head is read
    format_state BLOB NOT NULL,          -- what the format remembers there
    lines INTEGER NOT NULL               -- lines in the segments so far
) STRICT;

CREATE TABLE ledger_state (
    one INTEGER PRIMARY KEY CHECK (one = 0),
    tree BLOB NOT NULL,                  -- RFC 6962 over all rows: size and roots of the complete subtrees
    signed_size INTEGER NOT NULL,        -- the last checkpoint: never sign anything that does not continue it
    signed_at INTEGER NOT NULL,
    signed_note TEXT NOT NULL
) STRICT;

-- What rules keep of one key beyond the counters (detect/memo.rs). `until`: the day behind which nobody asks for it.
CREATE TABLE memo (
    space INTEGER NOT NULL,
    key INTEGER NOT NULL,
    until INTEGER NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (space, key)
) STRICT, WITHOUT ROWID;

-- Lists of citizens' keyed hashes, without their numbers: 1 watched, 2 staff and their households.
CREATE TABLE listed (
    list INTEGER NOT NULL,
    subject INTEGER NOT NULL,
    person TEXT NOT NULL,                -- 職員番号 the entry belongs to; empty: nobody's
    PRIMARY KEY (list, subject, person)
) STRICT, WITHOUT ROWID;

CREATE TABLE list_version (
    list INTEGER NOT NULL,
    at INTEGER NOT NULL,
    by TEXT NOT NULL,
    entries INTEGER NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (list, at)
) STRICT, WITHOUT ROWID;

-- --- exceptions ------------------------------------------------------------------------------------------------------
-- Limits raised for a scope until a day; never taken away. Empty person or dataset: every one.
CREATE TABLE exception (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    rules TEXT NOT NULL,                 -- separated by blanks
    person TEXT NOT NULL,
    dataset TEXT NOT NULL,
    "limit" INTEGER NOT NULL,
    from_day INTEGER NOT NULL,
    until_day INTEGER NOT NULL,          -- inclusive
    reason TEXT NOT NULL,
    approver TEXT NOT NULL,              -- 職員番号
    by TEXT NOT NULL,                    -- 職員番号 of who registered it
    at INTEGER NOT NULL,
    ended_at INTEGER,                    -- before its time
    ended_by TEXT NOT NULL DEFAULT '',
    ended_why TEXT NOT NULL DEFAULT ''
) STRICT;

-- Findings an exception held, and (late 1) those behind its last day that it would have held.
CREATE TABLE exception_hit (
    exception INTEGER NOT NULL REFERENCES exception (id),
    day INTEGER NOT NULL,
    late INTEGER NOT NULL,
    hits INTEGER NOT NULL,
    alert INTEGER NOT NULL,              -- the last one
    PRIMARY KEY (exception, day, late)
) STRICT, WITHOUT ROWID;

-- --- approved jobs (承認された業務処理) ---------------------------------------------------------------------------------
-- What a person does under a number of its own, with a limit of its own. What was done is counted under 'who' of kind job.
CREATE TABLE job (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    number TEXT NOT NULL,                -- 申請番号
    title TEXT NOT NULL,
    person TEXT NOT NULL,                -- 職員番号 of who does it
    dataset TEXT NOT NULL,
    operations INTEGER NOT NULL,         -- bit n: operation class n
    "limit" INTEGER NOT NULL,            -- records a day
    from_day INTEGER NOT NULL,
    until_day INTEGER NOT NULL,          -- inclusive
    approver TEXT NOT NULL,              -- 職員番号
    by TEXT NOT NULL,                    -- 職員番号 of who registered it
    at INTEGER NOT NULL,                 -- holds for accesses from a minute later
    ended_at INTEGER,                    -- before its time
    ended_by TEXT NOT NULL DEFAULT '',
    ended_why TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX job_ended ON job (ended_at);

-- Read-only views for people who come with sqlite3.
CREATE VIEW v_count AS
SELECT date(p.day * 86400, 'unixepoch') AS day, w.kind AS who_kind, w.name AS who, d.name AS dataset,
    CASE p.operation WHEN 1 THEN 'view' WHEN 2 THEN 'search' WHEN 3 THEN 'export' WHEN 4 THEN 'print'
        WHEN 5 THEN 'update' WHEN 6 THEN 'delete' WHEN 7 THEN 'login' ELSE 'other' END AS operation,
    p.accesses, p.records, p.records_unknown, p.bytes, p.bytes_unknown, p.denied, p.subjects_distinct
FROM page AS p JOIN who AS w ON w.id = p.who JOIN dataset AS d ON d.id = p.dataset;

CREATE VIEW v_alert AS
SELECT a.number, a.rule, CASE a.severity WHEN 0 THEN 'notice' WHEN 1 THEN 'warning' ELSE 'critical' END AS severity,
    a.state, a.closed_as, coalesce(w.name, '') AS who, a.account, coalesce(d.name, '') AS dataset,
    datetime(a.first_seen / 1000000 + 32400, 'unixepoch') AS first_seen_jst,
    datetime(a.last_seen / 1000000 + 32400, 'unixepoch') AS last_seen_jst,
    datetime(a.detected_at / 1000000 + 32400, 'unixepoch') AS detected_jst, a.observed, a."limit", a.hits, a.mails
FROM alert AS a LEFT JOIN who AS w ON w.id = a.who LEFT JOIN dataset AS d ON d.id = a.dataset;
