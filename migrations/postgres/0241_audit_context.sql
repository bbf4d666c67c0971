-- From where an action came, who else stood behind it, and from which form, so that a form sent twice is one effect.
ALTER TABLE audit ADD COLUMN impersonator TEXT;
ALTER TABLE audit ADD COLUMN session_id TEXT;
ALTER TABLE audit ADD COLUMN address TEXT;
ALTER TABLE audit ADD COLUMN form_id TEXT;
CREATE INDEX audit_form ON audit (form_id) WHERE form_id IS NOT NULL;
