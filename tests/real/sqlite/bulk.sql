-- A database larger than its cache: pages are spilled, journalled and read again. The shell has
-- been given :rows. The sequence is a linear congruence, so that every run has the same numbers.
.bail on
PRAGMA page_size = 4096;
PRAGMA cache_size = 100;
PRAGMA cache_spill = 20;
CREATE TABLE reading(id INTEGER PRIMARY KEY, sensor INT NOT NULL, value REAL, tag TEXT, raw BLOB);
CREATE TABLE sensor(id INTEGER PRIMARY KEY, name TEXT);
INSERT INTO sensor SELECT value, printf('sensor-%03d', value) FROM generate_series(0, 499);

BEGIN;
WITH RECURSIVE made(i, x) AS (
  VALUES (1, 12345) UNION ALL SELECT i + 1, (x * 1103515245 + 12345) % 2147483648 FROM made WHERE i < :rows)
INSERT INTO reading SELECT i, x % 500, x / 65536.0, printf('%x-%s', x % 9973, substr('abcdefghijklmnop', 1 + x % 7, 9)),
  CASE WHEN i % 50 = 0 THEN zeroblob(x % 3000)
    WHEN i % 7 = 0 THEN cast(printf('%.*c', x % 60, char(65 + x % 26)) AS BLOB) END
  FROM made;
COMMIT;
SELECT count(*), sum(sensor), round(sum(value), 3), sum(length(raw)), min(tag), max(tag) FROM reading;

CREATE INDEX by_tag ON reading(tag, value);
CREATE INDEX by_sensor ON reading(sensor) WHERE raw IS NOT NULL;
ANALYZE;
SELECT s.name, count(*), round(avg(r.value), 6) FROM reading r JOIN sensor s ON s.id = r.sensor
  GROUP BY s.id ORDER BY count(*) DESC, s.id LIMIT 5;
SELECT tag, count(*) AS n FROM reading WHERE tag BETWEEN '1' AND '2' GROUP BY tag ORDER BY n DESC, tag LIMIT 5;
SELECT count(DISTINCT tag), count(DISTINCT value) FROM reading;
SELECT id, value FROM reading ORDER BY value DESC LIMIT 3;

PRAGMA journal_mode = TRUNCATE;
UPDATE reading SET value = value + 1, tag = tag || '!' WHERE sensor % 10 = 3;
PRAGMA journal_mode = PERSIST;
DELETE FROM reading WHERE id % 11 = 0;
SAVEPOINT all_of_it;
UPDATE reading SET raw = zeroblob(200) WHERE id % 3 = 0;
SELECT count(*), sum(length(raw)) FROM reading;
ROLLBACK TO all_of_it;
RELEASE all_of_it;
SELECT count(*), sum(length(raw)), round(sum(value), 3) FROM reading;
PRAGMA journal_mode = DELETE;
PRAGMA integrity_check;
.sha3sum
