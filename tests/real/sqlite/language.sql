-- What SQL can say, and what it must refuse. Nothing here depends on the time, on chance or on
-- the last bit of a transcendental function.
.headers on
.mode list
.nullvalue NULL
PRAGMA foreign_keys = ON;

CREATE TABLE author(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE COLLATE NOCASE, born INT CHECK (born > 1000));
CREATE TABLE book(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  author INT NOT NULL REFERENCES author(id) ON DELETE CASCADE,
  title TEXT NOT NULL,
  pages INT DEFAULT 100,
  price NUMERIC,
  size TEXT GENERATED ALWAYS AS (
    CASE WHEN pages > 400 THEN 'long' WHEN pages > 150 THEN 'medium' ELSE 'short' END) STORED
);
CREATE TABLE log(at INTEGER PRIMARY KEY, what TEXT) WITHOUT ROWID;
CREATE INDEX by_price ON book(price) WHERE price IS NOT NULL;
CREATE UNIQUE INDEX by_title ON book(author, lower(title));
CREATE VIEW shelf AS SELECT a.name, b.title, b.size, b.price FROM author a JOIN book b ON b.author = a.id;
CREATE TRIGGER added AFTER INSERT ON book BEGIN
  INSERT INTO log VALUES ((SELECT coalesce(max(at), 0) + 1 FROM log), 'added ' || new.title);
END;
CREATE TRIGGER shelved INSTEAD OF INSERT ON shelf BEGIN
  INSERT INTO author(name) SELECT new.name WHERE NOT EXISTS (SELECT 1 FROM author WHERE name = new.name);
  INSERT INTO book(author, title, price) SELECT id, new.title, new.price FROM author WHERE name = new.name;
END;

INSERT INTO author(name, born) VALUES ('Melville', 1819), ('Austen', 1775), ('Čapek', 1890);
INSERT INTO book(author, title, pages, price) VALUES
  (1, 'Moby-Dick', 635, 12.5), (1, 'Typee', 325, 7.25), (2, 'Emma', 474, 9), (3, 'Válka s mloky', 241, 11.99);
INSERT INTO shelf(name, title, price) VALUES ('Hrabal', 'Obsluhoval jsem', 8.4), ('AUSTEN', 'Persuasion', 6);

.print --- refused
INSERT INTO author(name) VALUES ('melville');
INSERT INTO author(name, born) VALUES ('Homer', -800);
INSERT INTO book(author, title) VALUES (99, 'Nobody''s');
INSERT INTO book(author, title) VALUES (2, 'EMMA');
INSERT INTO author(name) VALUES (NULL);
SELECT nonsense FROM book;
SELECT * FROM;
SELECT abs(-9223372036854775807 - 1);
SELECT json('{"a":');
SELECT 1 FROM author WHERE name MATCH 'x';

.print --- joins and windows
SELECT name, title, pages, book.size FROM shelf JOIN book USING (title) ORDER BY title COLLATE NOCASE;
SELECT a.name, count(b.id) AS books, total(b.price) AS worth, group_concat(b.title, '; ') AS titles
  FROM author a LEFT JOIN (SELECT * FROM book ORDER BY id) b ON b.author = a.id GROUP BY a.id HAVING books > 0
  ORDER BY worth DESC, a.id;
SELECT title, price, rank() OVER w AS place,
  sum(price) OVER (ORDER BY price ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS running,
  lag(title, 1, '-') OVER w AS before, ntile(3) OVER w AS third FROM book WINDOW w AS (ORDER BY price) ORDER BY price;
SELECT name FROM author EXCEPT SELECT name FROM author WHERE born IS NULL ORDER BY 1;
SELECT b.title, n.title FROM book b FULL JOIN book n ON n.price = b.price + 2.5 ORDER BY 1, 2;

.print --- recursion
WITH RECURSIVE fib(n, a, b) AS (VALUES (1, 0, 1) UNION ALL SELECT n + 1, b, a + b FROM fib WHERE n < 90)
  SELECT n, a FROM fib WHERE n % 15 = 0;
WITH RECURSIVE hail(start, n, steps) AS (
    SELECT value, value, 0 FROM generate_series(1, 300)
    UNION ALL SELECT start, iif(n % 2, 3 * n + 1, n / 2), steps + 1 FROM hail WHERE n > 1)
  SELECT start, max(steps) AS longest, max(n) AS highest FROM hail GROUP BY start ORDER BY longest DESC, start LIMIT 3;
WITH RECURSIVE row(n, line) AS (
    VALUES (0, '[1]')
    UNION ALL
    SELECT n + 1, (SELECT json_group_array(coalesce(line ->> (value - 1), 0) + coalesce(line ->> value, 0))
      FROM generate_series(0, n + 1)) FROM row WHERE n < 12)
  SELECT line AS pascal FROM row;
WITH RECURSIVE part(of, largest, left, path) AS (
    VALUES (7, 7, 7, '')
    UNION ALL SELECT of, value, left - value, path || ' ' || value FROM part, generate_series(1, min(largest, left)))
  SELECT count(*) AS partitions, min(path), max(path) FROM part WHERE left = 0;
WITH RECURSIVE q(board, row) AS (
    VALUES ('', 0)
    UNION ALL SELECT board || c, row + 1 FROM q, (SELECT value AS c FROM json_each('[1,2,3,4,5,6]')) WHERE row < 6
      AND NOT EXISTS (SELECT 1 FROM json_each('[0,1,2,3,4,5]') r WHERE r.value < row
        AND (substr(board, r.value + 1, 1) = '' || c OR abs(substr(board, r.value + 1, 1) - c) = row - r.value)))
  SELECT board FROM q WHERE row = 6 ORDER BY 1;

.print --- numbers and texts
SELECT 9223372036854775807 + 1, 1 / 3, 1 / 3.0, -7 % 3, 0x7fffffffffffffff, 1e308 * 10;
SELECT 5e-324, 0.1 + 0.2, 1e15, 1e16, 123456789012345678;
SELECT printf('%08.3f|%-8s|%,d|%x|%e|%g|%q|%Q', 3.14159, 'ab', 1234567890, 255, 12345.678, 1e-5, 'it''s', 'it''s');
SELECT round(2.5), round(-2.567, 2), cast('12abc' AS INT), cast(1e19 AS INT);
SELECT typeof(1.0), typeof(x'00'), quote(x'00ff'), 1 IS NULL;
SELECT length('naïve ☃'), upper('naïve'), instr('banana', 'nan'), replace('banana', 'an', 'AN');
SELECT substr('банан', 2, 3), hex('☃'), unicode('☃'), char(9731, 128512);
SELECT 'abc' LIKE 'A_C', 'abc' GLOB 'a[b-c]*', 'a' < 'B', 'a' < 'B' COLLATE NOCASE, trim('  x '), ltrim('xxabc', 'x');
SELECT date('2024-02-28', '+2 days'), strftime('%Y-%j-%W-%w', '2023-12-31');
SELECT julianday('2000-01-01 12:00'), datetime(1700000000, 'unixepoch'), unixepoch('1969-07-20 20:17:40');
SELECT sum(value), avg(value), max(value), min(value) FROM generate_series(1, 1000, 7);
SELECT json_extract('{"a":[1,{"b":"x"}],"c":null}', '$.a[1].b'), json_set('{"a":1}', '$.b', json('[1,2]'));
SELECT json_type('[1.5]', '$[0]'), '{"k":"é"}' ->> 'k';
SELECT key, value, type, path FROM json_tree('{"a":[true,{"b":1.5}],"c":"\u0041"}') WHERE atom IS NOT NULL;

.print --- changes
INSERT INTO author(id, name) VALUES (2, 'x') ON CONFLICT(id) DO UPDATE SET born = 1776 RETURNING id, name, born;
UPDATE book SET price = price * 2 FROM author WHERE author.id = book.author AND author.name = 'Melville'
  RETURNING title, price;
SAVEPOINT one;
DELETE FROM author WHERE name = 'Melville';
SELECT count(*) AS left_in_savepoint FROM book;
SAVEPOINT two;
DROP TABLE log;
ROLLBACK TO one;
RELEASE one;
SELECT count(*) AS left FROM book;
BEGIN;
INSERT INTO log VALUES (1000, 'never');
ROLLBACK;
SELECT * FROM log;
ALTER TABLE book ADD COLUMN note TEXT DEFAULT 'none';
ALTER TABLE book RENAME COLUMN note TO remark;
REPLACE INTO book(id, author, title) VALUES (3, 2, 'Emma, again');
SELECT id, title, pages, price, remark FROM book ORDER BY id;
SELECT total_changes() > 20, last_insert_rowid();

.print --- full text
CREATE VIRTUAL TABLE pages USING fts5(title, body, tokenize = 'porter unicode61');
INSERT INTO pages VALUES ('whales', 'Call me Ishmael. Some years ago, never mind how long precisely'),
  ('sailing', 'The sailors were sailing while the whale was watching the sails'),
  ('tea', 'It is a truth universally acknowledged, that one sails best after tea'),
  ('naïveté', 'Crème brûlée and other fruits');
SELECT title, highlight(pages, 1, '[', ']') FROM pages WHERE pages MATCH 'sail' ORDER BY rowid;
SELECT title, snippet(pages, 1, '<', '>', '...', 6) FROM pages WHERE pages MATCH 'whale OR "some years"' ORDER BY rowid;
SELECT title FROM pages WHERE pages MATCH 'naivete OR creme' ORDER BY rowid;
SELECT title FROM pages WHERE pages MATCH 'NEAR(sailors watching, 8) NOT tea';
INSERT INTO pages(pages) VALUES ('optimize');
INSERT INTO pages(pages) VALUES ('integrity-check');
DELETE FROM pages WHERE title = 'tea';
SELECT count(*) FROM pages WHERE pages MATCH 'sail*';
SELECT rowid FROM pages WHERE pages MATCH 'unbalanced (';

.print --- boxes
CREATE VIRTUAL TABLE box USING rtree(id, x0, x1, y0, y1, +name TEXT);
INSERT INTO box SELECT value, value % 37, value % 37 + 2, value % 41, value % 41 + 3, 'box ' || value
  FROM generate_series(1, 2000);
SELECT count(*), sum(id) FROM box WHERE x1 >= 10 AND x0 <= 12 AND y1 >= 20 AND y0 <= 21;
SELECT name FROM box WHERE x0 = 3 AND y0 = 3 ORDER BY id LIMIT 3;
INSERT INTO box VALUES (1, 5, 4, 0, 0, 'upside down');
SELECT rtreecheck('box');

.print --- plans and the shell itself
.eqp on
SELECT title FROM book WHERE price > 9 AND author = 1;
.eqp off
.mode box
SELECT name, born FROM author ORDER BY id LIMIT 2;
.mode csv
SELECT title, price FROM book ORDER BY id LIMIT 2;
.mode json
SELECT id, title, x'6869' AS blob FROM book LIMIT 2;
.mode insert copy
SELECT id, title, price FROM book LIMIT 2;
.mode list
.schema
.indexes
.sha3sum
.nonsense
PRAGMA integrity_check;
PRAGMA foreign_key_check;
.dump author log
