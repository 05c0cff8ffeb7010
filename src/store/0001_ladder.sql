-- Who is told next, who sees to what, and what became an incident.

-- --- the ladder -----------------------------------------------------------------------------------------------------
-- Alerts that somebody else is told of while nobody answers. `look_at`: when something is due; empty: what becomes of
-- mails decides, or nothing is awaited any more.
CREATE TABLE ladder (
    alert INTEGER PRIMARY KEY REFERENCES alert (id),
    round INTEGER NOT NULL,              -- rises each time the alert is opened again
    look_at INTEGER
) STRICT;
CREATE INDEX ladder_due ON ladder (look_at) WHERE look_at IS NOT NULL;

-- Who was told, or passed over, when and why (alert/ladder.rs). Each stands in alert_step and in the ledger, too.
CREATE TABLE hop (
    alert INTEGER NOT NULL REFERENCES alert (id),
    round INTEGER NOT NULL,
    nth INTEGER NOT NULL,
    at INTEGER NOT NULL,
    level INTEGER NOT NULL,
    place TEXT NOT NULL,
    person TEXT NOT NULL,                -- 職員番号; empty: a mailbox, or nobody
    addresses TEXT NOT NULL,             -- one a line
    why TEXT NOT NULL,
    wait INTEGER NOT NULL,               -- seconds the level below was given, where that is why
    message TEXT NOT NULL,               -- Message-ID
    PRIMARY KEY (alert, round, nth)
) STRICT, WITHOUT ROWID;
CREATE INDEX hop_message ON hop (message);

-- Who sees to an alert (担当); the newest assignment.
CREATE TABLE alert_assignee (
    alert INTEGER PRIMARY KEY REFERENCES alert (id),
    person TEXT NOT NULL                 -- 職員番号
) STRICT;

-- --- incidents (事案) -------------------------------------------------------------------------------------------------
CREATE TABLE incident (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    number TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    opened_at INTEGER NOT NULL,
    opened_by TEXT NOT NULL,             -- 職員番号
    known_at INTEGER NOT NULL,           -- 認知: the terms of the law run from here
    known_by TEXT NOT NULL,
    grounds TEXT NOT NULL,               -- 要否判断, separated by blanks; empty: not decided
    closed INTEGER NOT NULL
) STRICT;

CREATE TABLE incident_alert (
    incident INTEGER NOT NULL REFERENCES incident (id),
    alert INTEGER NOT NULL REFERENCES alert (id),
    PRIMARY KEY (incident, alert)
) STRICT, WITHOUT ROWID;

CREATE INDEX incident_alert_alert ON incident_alert (alert);

-- Archived segments that are kept for it.
CREATE TABLE incident_hold (
    incident INTEGER NOT NULL REFERENCES incident (id),
    segment INTEGER NOT NULL,
    PRIMARY KEY (incident, segment)
) STRICT, WITHOUT ROWID;

CREATE TABLE incident_step (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    incident INTEGER NOT NULL REFERENCES incident (id),
    at INTEGER NOT NULL,
    step TEXT NOT NULL,                  -- opened, noted, decided, filed, held, closed
    by TEXT NOT NULL,
    reason TEXT NOT NULL
) STRICT;
CREATE INDEX incident_step_incident ON incident_step (incident, id);

CREATE INDEX mail_alert ON mail (alert);

-- Mails that were not sent to somebody because another one tells of them (store/fold.rs).
CREATE TABLE mail_folded (
    mail INTEGER NOT NULL REFERENCES mail (id),
    address TEXT NOT NULL,
    at INTEGER NOT NULL,
    into_message TEXT NOT NULL,          -- Message-ID
    PRIMARY KEY (mail, address)
) STRICT, WITHOUT ROWID;
CREATE INDEX mail_folded_into ON mail_folded (into_message);
