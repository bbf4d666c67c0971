-- What one stranger sends must not push out everything else.
ALTER TABLE rejections ADD COLUMN network TEXT NOT NULL DEFAULT '';
CREATE INDEX rejections_network ON rejections (connection, network, received_at, id);
