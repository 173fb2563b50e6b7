-- From version 1, which made no franking tags.
ALTER TABLE message ADD COLUMN token_id BLOB;
ALTER TABLE message ADD COLUMN tag BLOB;
