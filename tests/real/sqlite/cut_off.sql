-- A process that ends in the middle of a transaction, of which it has written pages already.
PRAGMA cache_size = 10;
PRAGMA cache_spill = 5;
BEGIN;
UPDATE reading SET tag = 'lost', value = -1;
DELETE FROM sensor;
SELECT count(*) FROM reading WHERE tag = 'lost';
.exit 7
