// Counts lines, words and bytes on standard input, and lists the commonest words.
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 1024 };

struct word {
    struct word *next;
    unsigned count;
    char text[];
};

static struct word *buckets[BUCKETS];
static size_t different;

static void count(const char *text, size_t size) {
    unsigned hash = 5381;
    for (size_t i = 0; i < size; i++)
        hash = hash * 33 + (unsigned char)text[i];
    struct word **link = &buckets[hash % BUCKETS];
    for (; *link; link = &(*link)->next) {
        if (strcmp((*link)->text, text) == 0) {
            (*link)->count++;
            return;
        }
    }
    *link = calloc(1, sizeof **link + size + 1);
    if (!*link)
        exit(1);
    (*link)->count = 1;
    memcpy((*link)->text, text, size);
    different++;
}

static int commonest_first(const void *a, const void *b) {
    const struct word *x = *(struct word *const *)a, *y = *(struct word *const *)b;
    return x->count != y->count ? (x->count < y->count) - (x->count > y->count) : strcmp(x->text, y->text);
}

int main(void) {
    size_t lines = 0, words = 0, bytes = 0, size = 0;
    char word[256];
    for (int c = getchar();; c = getchar()) {
        bytes += c != EOF;
        lines += c == '\n';
        if (c != EOF && !isspace(c)) {
            if (size < sizeof word - 1)
                word[size++] = (char)tolower(c);
            continue;
        }
        if (size) {
            word[size] = 0;
            count(word, size);
            words++;
            size = 0;
        }
        if (c == EOF)
            break;
    }
    if (ferror(stdin)) {
        perror("standard input");
        return 1;
    }
    printf("%zu lines, %zu words, %zu bytes, %zu different words\n", lines, words, bytes, different);

    struct word **all = malloc((different + 1) * sizeof *all);
    size_t at = 0;
    for (int bucket = 0; bucket < BUCKETS; bucket++)
        for (struct word *w = buckets[bucket]; w; w = w->next)
            all[at++] = w;
    qsort(all, different, sizeof *all, commonest_first);
    for (size_t i = 0; i < different && i < 5; i++)
        printf("%6u %s\n", all[i]->count, all[i]->text);
    return 0;
}
