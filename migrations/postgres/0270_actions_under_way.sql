-- An action of a person is in the log before its provider is called: started, then done, failed or, where no answer came,
-- unknown until somebody or something finds out.
ALTER TABLE audit ADD COLUMN settled_at BIGINT;
-- Who found out, where that was not the action itself.
ALTER TABLE audit ADD COLUMN settled_by TEXT;
CREATE INDEX audit_open ON audit (at, id) WHERE outcome IN ('started', 'unknown');
