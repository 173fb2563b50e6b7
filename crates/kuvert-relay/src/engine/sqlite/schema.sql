-- Everything that a relay stores. docs/what-the-relay-sees.md lists each column; a test compares the two.
-- Times are milliseconds since the Unix epoch.

CREATE TABLE mailbox (
    id INTEGER PRIMARY KEY,
    name BLOB NOT NULL UNIQUE,
    last_position INTEGER NOT NULL,
    queued_messages INTEGER NOT NULL,
    queued_bytes INTEGER NOT NULL,
    seen_day INTEGER NOT NULL
) STRICT;
CREATE INDEX mailbox_by_seen ON mailbox (seen_day);

CREATE TABLE token (
    mailbox INTEGER NOT NULL,
    token_id BLOB NOT NULL,
    PRIMARY KEY (mailbox, token_id)
) STRICT, WITHOUT ROWID;

-- The row id is the order of arrival: it only grows while rows exist.
CREATE TABLE message (
    id INTEGER PRIMARY KEY,
    mailbox INTEGER NOT NULL,
    position INTEGER NOT NULL,
    post_id BLOB NOT NULL,
    received INTEGER NOT NULL,
    len_bytes INTEGER NOT NULL,
    envelope BLOB NOT NULL,
    token_id BLOB,
    tag BLOB
) STRICT;
-- Holds all that a heading needs: counting and planning a reply touches no envelope.
CREATE INDEX message_by_position ON message (mailbox, position, len_bytes);
CREATE UNIQUE INDEX message_by_post ON message (mailbox, post_id);

CREATE TABLE confirmed_post (
    id INTEGER PRIMARY KEY,
    mailbox INTEGER NOT NULL,
    post_id BLOB NOT NULL,
    confirmed INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX confirmed_by_post ON confirmed_post (mailbox, post_id);

CREATE TABLE account (
    id INTEGER PRIMARY KEY,
    name BLOB NOT NULL UNIQUE,
    device_key BLOB NOT NULL UNIQUE,
    cert BLOB NOT NULL,
    medium_prekey BLOB NOT NULL,
    published INTEGER NOT NULL
) STRICT;
CREATE INDEX account_by_published ON account (published);

CREATE TABLE one_time_prekey (
    id INTEGER PRIMARY KEY,
    account INTEGER NOT NULL,
    prekey_id INTEGER NOT NULL,
    prekey BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX one_time_by_account ON one_time_prekey (account, prekey_id);

CREATE TABLE handed_out (
    id INTEGER PRIMARY KEY,
    account INTEGER NOT NULL,
    prekey_id INTEGER NOT NULL,
    handed_out INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX handed_out_by_account ON handed_out (account, prekey_id);
