-- Our copy of each object at a provider. `deleted` rows stay: ids are never used again.
CREATE TABLE records (
    connection TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    external_id TEXT COLLATE "C" NOT NULL,
    title TEXT COLLATE "C" NOT NULL,
    subtitle TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    owner TEXT COLLATE "C",
    organisation TEXT COLLATE "C",
    facet TEXT COLLATE "C",
    parent TEXT COLLATE "C",
    amount BIGINT,
    currency TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    ended_at BIGINT,
    -- JSON
    body TEXT NOT NULL,
    version BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    deleted BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    -- Lower case, for prefix search.
    title_key TEXT COLLATE "C" NOT NULL,
    subtitle_key TEXT COLLATE "C" NOT NULL,
    -- Title, subtitle and id in lower case and cut short, for substring search.
    search TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (connection, kind, external_id)
);

-- Holds all that a list by kind and a text search read before they know their page.
CREATE INDEX records_kind ON records (kind, created_at, external_id, connection, deleted, search);
CREATE INDEX records_status ON records (kind, status, created_at, external_id, connection) WHERE deleted = 0;
CREATE INDEX records_owner ON records (kind, owner, created_at, external_id, connection) WHERE deleted = 0 AND owner IS NOT NULL;
CREATE INDEX records_organisation ON records (kind, organisation, created_at, external_id, connection) WHERE deleted = 0 AND organisation IS NOT NULL;
CREATE INDEX records_facet ON records (kind, facet, created_at, external_id, connection) WHERE deleted = 0 AND facet IS NOT NULL;
CREATE INDEX records_parent ON records (kind, parent, created_at, external_id, connection) WHERE deleted = 0 AND parent IS NOT NULL;
CREATE INDEX records_ended ON records (kind, ended_at) WHERE deleted = 0 AND ended_at IS NOT NULL;
CREATE INDEX records_external ON records (external_id);
CREATE INDEX records_title ON records (title_key) WHERE deleted = 0;
CREATE INDEX records_subtitle ON records (subtitle_key) WHERE deleted = 0;

-- How many live records have which status, kept with each change so that no page counts a table.
CREATE TABLE record_counts (
    connection TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (kind, connection, status)
);

CREATE TABLE record_history (
    id UUID NOT NULL PRIMARY KEY,
    connection TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    external_id TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    source_type TEXT COLLATE "C" NOT NULL,
    source_id TEXT COLLATE "C" NOT NULL,
    -- created, updated, deleted or ignored
    outcome TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    body_after TEXT
);

CREATE INDEX record_history_record ON record_history (connection, kind, external_id, at, id);
CREATE INDEX record_history_source ON record_history (source_id, id);
