/* SQLite, in memory: rows inserted, an index made, joins, groups, updates, a recursive query. */
#include "kernel.h"
#include "sqlite3.h"
#include <string.h>
#ifndef SIZE
#define SIZE 8000
#endif

/* The least that SQLite asks of a system: databases in memory need no files. */
static int no_file(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags, int *got) {
    (void)vfs, (void)name, (void)flags, (void)got;
    file->pMethods = NULL;
    return SQLITE_CANTOPEN;
}
static int no_name(sqlite3_vfs *vfs, const char *name, int size, char *out) {
    (void)vfs, (void)name, (void)size, (void)out;
    return SQLITE_CANTOPEN;
}
static int zeros(sqlite3_vfs *vfs, int size, char *out) {
    (void)vfs;
    memset(out, 0, (size_t)size);
    return size;
}
static int no_time(sqlite3_vfs *vfs, double *out) {
    (void)vfs;
    *out = 2440587.5;
    return SQLITE_OK;
}

static sqlite3_vfs none = {.iVersion = 1, .szOsFile = sizeof(sqlite3_file), .mxPathname = 64, .zName = "none",
                           .xOpen = no_file, .xFullPathname = no_name, .xRandomness = zeros, .xCurrentTime = no_time};

int sqlite3_os_init(void) { return sqlite3_vfs_register(&none, 1); }
int sqlite3_os_end(void) { return SQLITE_OK; }

static sqlite3 *database;
static uint64_t sum;

static void note(const char *text) {
    for (; text && *text; text++) sum = mixed(sum, (uint8_t)*text);
    sum = mixed(sum, 256);
}

static int row(void *unused, int columns, char **values, char **names) {
    (void)unused, (void)names;
    for (int i = 0; i < columns; i++) note(values[i]);
    return 0;
}

static void run(const char *sql) {
    if (sqlite3_exec(database, sql, row, NULL, NULL) != SQLITE_OK) note(sqlite3_errmsg(database));
}

void setup(void) {
    sqlite3_close(database);
    sum = 0;
    if (sqlite3_open(":memory:", &database) != SQLITE_OK) note("cannot open");
    run("CREATE TABLE reading(id INTEGER PRIMARY KEY, sensor INT, value REAL, tag TEXT);"
        "CREATE TABLE sensor(id INTEGER PRIMARY KEY, name TEXT);");
    seed(101);
}

void kernel(void) {
    sqlite3_stmt *insert = NULL;
    run("BEGIN");
    sqlite3_prepare_v2(database, "INSERT INTO reading VALUES(?1, ?2, ?3, ?4)", -1, &insert, NULL);
    for (int i = 0; i < SIZE; i++) {
        uint64_t x = next();
        char tag[17];
        for (int j = 0; j < 16; j++) tag[j] = "0123456789abcdef"[x >> (4 * j) & 15];
        tag[4 + x % 12] = 0;
        sqlite3_bind_int(insert, 1, i);
        sqlite3_bind_int(insert, 2, (int)(x % 97));
        sqlite3_bind_double(insert, 3, (double)(x % 100000) / 8);
        sqlite3_bind_text(insert, 4, tag, -1, SQLITE_TRANSIENT);
        sqlite3_step(insert);
        sqlite3_reset(insert);
    }
    sqlite3_finalize(insert);
    run("INSERT INTO sensor SELECT DISTINCT sensor, 'sensor-' || sensor FROM reading; COMMIT;"
        "CREATE INDEX by_tag ON reading(tag, value);"
        "SELECT s.name, count(*), sum(r.value), max(r.tag) FROM reading r JOIN sensor s ON s.id = r.sensor"
        "  GROUP BY s.id ORDER BY sum(r.value) DESC LIMIT 20;"
        "SELECT substr(tag, 1, 2) AS head, count(*) FROM reading GROUP BY head ORDER BY 2 DESC, 1 LIMIT 20;"
        "SELECT count(*) FROM reading a JOIN reading b ON b.tag = a.tag AND b.id > a.id;"
        "SELECT id, tag FROM reading WHERE tag LIKE '%abc%' OR tag GLOB '*f0f*' ORDER BY tag, id LIMIT 50;"
        "UPDATE reading SET value = value * 2, tag = upper(tag) WHERE sensor % 5 = 1;"
        "DELETE FROM reading WHERE id % 7 = 3;"
        "SELECT count(*), sum(length(tag)), sum(value) FROM reading;"
        "WITH RECURSIVE hail(start, n, steps) AS (SELECT id, id, 0 FROM sensor WHERE id > 0 UNION ALL"
        "  SELECT start, iif(n % 2, 3 * n + 1, n / 2), steps + 1 FROM hail WHERE n > 1)"
        "  SELECT start, max(steps), max(n) FROM hail GROUP BY start ORDER BY 2 DESC, 1 LIMIT 5;");
}

uint64_t checksum(void) { return sum; }
