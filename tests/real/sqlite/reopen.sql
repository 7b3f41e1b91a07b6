-- What another process finds in the database that bulk.sql has left, and the rest of its life.
.bail on
PRAGMA integrity_check;
.schema
.sha3sum
SELECT count(*), sum(length(raw)), round(sum(value), 3) FROM reading;
SELECT tbl, idx, stat FROM sqlite_stat1 ORDER BY 1, 2;
ATTACH 'second.db' AS second;
CREATE TABLE second.summary AS SELECT sensor, count(*) AS n, max(tag) AS top FROM reading GROUP BY sensor;
DETACH second;
SELECT writefile('blob.bin', group_concat(raw, '')) > 0
  FROM (SELECT raw FROM reading WHERE id % 7 = 0 AND id % 50 <> 0 LIMIT 500);
SELECT length(readfile('blob.bin'));
.backup copy.db
PRAGMA incremental_vacuum;
DELETE FROM reading WHERE sensor > 100;
PRAGMA page_size = 8192;
VACUUM;
PRAGMA page_count;
PRAGMA integrity_check;
.mode csv
.once out.csv
SELECT id, sensor, value, tag FROM reading LIMIT 1000;
CREATE TABLE back(id INT, sensor INT, value REAL, tag TEXT);
.import out.csv back
SELECT count(*) FROM back JOIN reading USING (id, sensor, tag);
VACUUM INTO 'small.db';
