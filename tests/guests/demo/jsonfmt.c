// jsonfmt: checks JSON and writes it indented, or in one line with -c.
//
//     jsonfmt [-c] [-i COLUMNS] [FILE...]
//
// Reads standard input without a FILE, or for the FILE "-". Strings and numbers are copied as they
// are, so nothing is lost. Ends with status 1 if an input is not JSON or cannot be read, 2 if
// called wrongly.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEEPEST = 1000 };

static const char *name; // of the input, for messages
static char *text;       // the whole input, with a zero byte after it
static size_t size;
static char *at;
static int indent = 2, compact;

static _Noreturn void complain(const char *what) {
    int line = 1, column = 1;
    for (const char *c = text; c < at; c++) {
        // Count characters, not the bytes that continue one in UTF-8.
        column += (*c & 0xc0) != 0x80;
        if (*c == '\n')
            line++, column = 1;
    }
    fflush(stdout);
    fprintf(stderr, "jsonfmt: %s:%d:%d: %s\n", name, line, column, what);
    exit(1);
}

static void read_all(FILE *file) {
    size_t room = 0;
    size = 0;
    do {
        if (size + 1 >= room) {
            room = room ? room * 2 : 65536;
            text = realloc(text, room);
            if (!text) {
                fprintf(stderr, "jsonfmt: %s: out of memory\n", name);
                exit(1);
            }
        }
        size += fread(text + size, 1, room - size - 1, file);
    } while (!feof(file) && !ferror(file));
    if (ferror(file)) {
        fprintf(stderr, "jsonfmt: %s: %s\n", name, strerror(errno));
        exit(1);
    }
    text[size] = 0;
    at = text;
}

static void blanks(void) {
    while (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')
        at++;
}

static void line_break(int depth) {
    if (!compact)
        printf("\n%*s", depth * indent, "");
}

static void string(void) {
    char *start = at++;
    while (*at != '"') {
        if ((unsigned char)*at < 0x20)
            complain(at == text + size ? "unfinished string" : "control character in a string");
        if (*at++ != '\\')
            continue;
        if (*at == 'u') {
            at++;
            for (int i = 0; i < 4; i++, at++)
                if (!*at || !strchr("0123456789abcdefABCDEF", *at))
                    complain("\\u needs four hexadecimal digits");
        } else if (!*at || !strchr("\"\\/bfnrt", *at)) {
            complain("unknown escape");
        } else {
            at++;
        }
    }
    at++;
    fwrite(start, 1, at - start, stdout);
}

static void digits(void) {
    if (*at < '0' || *at > '9')
        complain("expected a digit");
    while (*at >= '0' && *at <= '9')
        at++;
}

static void number(void) {
    char *start = at;
    at += *at == '-';
    if (*at == '0')
        at++;
    else
        digits();
    if (*at == '.')
        at++, digits();
    if (*at == 'e' || *at == 'E') {
        at++;
        at += *at == '+' || *at == '-';
        digits();
    }
    fwrite(start, 1, at - start, stdout);
}

static void word(const char *word) {
    size_t length = strlen(word);
    if (strncmp(at, word, length) != 0)
        complain("expected a value");
    at += length;
    fputs(word, stdout);
}

static void value(int depth);

// An object or an array: they differ in their brackets, and in the names before an object's values.
static void members(char close, int depth) {
    if (depth > DEEPEST)
        complain("nested too deeply");
    putchar(*at++);
    blanks();
    if (*at == close) {
        putchar(*at++);
        return;
    }
    for (;;) {
        line_break(depth);
        if (close == '}') {
            if (*at != '"')
                complain("expected a string");
            string();
            blanks();
            if (*at != ':')
                complain("expected ':'");
            at++;
            fputs(compact ? ":" : ": ", stdout);
            blanks();
        }
        value(depth);
        blanks();
        if (*at != ',')
            break;
        putchar(*at++);
        blanks();
    }
    if (*at != close)
        complain(close == '}' ? "expected ',' or '}'" : "expected ',' or ']'");
    at++;
    line_break(depth - 1);
    putchar(close);
}

static void value(int depth) {
    switch (*at) {
    case '{': members('}', depth + 1); break;
    case '[': members(']', depth + 1); break;
    case '"': string(); break;
    case 't': word("true"); break;
    case 'f': word("false"); break;
    case 'n': word("null"); break;
    case '-':
    case '0' ... '9': number(); break;
    default: complain("expected a value");
    }
}

static void format(const char *path) {
    int standard = strcmp(path, "-") == 0;
    FILE *file = standard ? stdin : fopen(path, "rb");
    name = standard ? "standard input" : path;
    if (!file) {
        fprintf(stderr, "jsonfmt: %s: %s\n", name, strerror(errno));
        exit(1);
    }
    read_all(file);
    if (!standard)
        fclose(file);
    blanks();
    value(0);
    putchar('\n');
    blanks();
    if (at != text + size)
        complain("expected the end");
}

static _Noreturn void usage(void) {
    fputs("usage: jsonfmt [-c] [-i COLUMNS] [FILE...]\n", stderr);
    exit(2);
}

int main(int argc, char **argv) {
    int i = 1;
    for (; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
        char *end;
        if (strcmp(argv[i], "-c") == 0) {
            compact = 1;
        } else if (strcmp(argv[i], "-i") == 0 && i + 1 < argc) {
            indent = (int)strtol(argv[++i], &end, 10);
            if (*end || end == argv[i] || indent < 0 || indent > 16)
                usage();
        } else {
            usage();
        }
    }
    if (i == argc)
        format("-");
    for (; i < argc; i++)
        format(argv[i]);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fputs("jsonfmt: cannot write\n", stderr);
        return 1;
    }
    return 0;
}
