-- SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
-- What `rsstrace export --format sqlite` writes; README.md says what it means and shows questions.
-- Bytes throughout; times in ns since the start of the trace unless the column says otherwise; unknown is NULL.
CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE targets(space INTEGER PRIMARY KEY, pid INTEGER, ppid INTEGER, comm TEXT, exe TEXT, alive INTEGER);
CREATE TABLE ticks(id INTEGER PRIMARY KEY, ts_ns INTEGER, wall TEXT, anon INTEGER, file INTEGER, shmem INTEGER,
  total INTEGER, swap INTEGER, attributed INTEGER, before_attach INTEGER, unattributed INTEGER, error INTEGER,
  faults INTEGER, lost INTEGER);
CREATE TABLE causes(tick INTEGER REFERENCES ticks(id), cause TEXT, direction TEXT, anon INTEGER, file INTEGER,
  shmem INTEGER, total INTEGER);
CREATE TABLE marks(tick INTEGER REFERENCES ticks(id), ts_ns INTEGER, label TEXT, set_by TEXT, pid INTEGER, tid INTEGER);
CREATE TABLE regions(id INTEGER PRIMARY KEY, pid INTEGER, start_addr TEXT, end_addr TEXT, perms TEXT, kind TEXT,
  name TEXT, unmapped INTEGER, size INTEGER, rss INTEGER, growth INTEGER, faulted INTEGER);
CREATE TABLE stacks(id INTEGER PRIMARY KEY, rss INTEGER, growth INTEGER, faulted INTEGER, freed INTEGER,
  complete INTEGER, function TEXT, walk_end TEXT);
CREATE TABLE places(id INTEGER PRIMARY KEY, function TEXT, symbol TEXT, module TEXT, file_offset INTEGER, file TEXT,
  line INTEGER, inlined INTEGER, internal INTEGER);
CREATE INDEX places_by_function ON places(function);
CREATE TABLE stack_places(stack INTEGER REFERENCES stacks(id), depth INTEGER, place INTEGER REFERENCES places(id),
  PRIMARY KEY(stack, depth)) WITHOUT ROWID;
CREATE INDEX stacks_by_place ON stack_places(place);
CREATE VIEW frames AS SELECT stack, depth, function, symbol, module, file_offset, file, line, inlined, internal
  FROM stack_places JOIN places ON places.id = stack_places.place;
CREATE TABLE resident(origin TEXT, stack INTEGER REFERENCES stacks(id), region INTEGER REFERENCES regions(id),
  bytes INTEGER, growth INTEGER);
