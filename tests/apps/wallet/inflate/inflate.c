// Unpacks DEFLATE (RFC 1951). It holds nothing: it computes, and returns.

#include "../abi.h"

enum { MAX_BITS = 15, LITERALS = 288, DISTANCES = 30 };

// A canonical Huffman code: how many codes there are of each length, and their symbols in order.
struct code {
    uint16_t counts[MAX_BITS + 1];
    uint16_t symbols[LITERALS];
};

struct stream {
    const uint8_t *in, *end;
    uint32_t bits;
    unsigned have;
    uint8_t *out;
    size_t len, room;
    const char *error;
};

static uint32_t bits(struct stream *s, unsigned count) {
    while (s->have < count) {
        if (s->in == s->end) {
            s->error = "it ends too early";
            return 0;
        }
        s->bits |= (uint32_t)*s->in++ << s->have;
        s->have += 8;
    }
    uint32_t value = s->bits & ((1u << count) - 1);
    s->bits >>= count;
    s->have -= count;
    return value;
}

static void put(struct stream *s, uint8_t byte) {
    if (s->len == s->room) {
        size_t room = s->room == 0 ? 4096 : s->room * 2;
        uint8_t *out = realloc(s->out, room);
        if (out == NULL) {
            s->error = "it is too large";
            return;
        }
        s->out = out;
        s->room = room;
    }
    s->out[s->len++] = byte;
}

// Makes a code out of the lengths of its symbols' codes.
static void make(struct code *code, const uint8_t *lengths, unsigned count) {
    uint16_t next[MAX_BITS + 1] = {0};
    memset(code->counts, 0, sizeof code->counts);
    for (unsigned i = 0; i < count; i++) code->counts[lengths[i]]++;
    code->counts[0] = 0;
    for (unsigned len = 1; len < MAX_BITS; len++) next[len + 1] = next[len] + code->counts[len];
    for (unsigned i = 0; i < count; i++)
        if (lengths[i] != 0) code->symbols[next[lengths[i]]++] = (uint16_t)i;
}

static unsigned symbol(struct stream *s, const struct code *code) {
    int value = 0, first = 0, index = 0;
    for (unsigned len = 1; len <= MAX_BITS && s->error == NULL; len++) {
        value |= (int)bits(s, 1);
        int count = code->counts[len];
        if (value - count < first) return code->symbols[index + (value - first)];
        index += count;
        first = (first + count) << 1;
        value <<= 1;
    }
    if (s->error == NULL) s->error = "it has a code that means nothing";
    return 0;
}

static const uint16_t LENGTH_BASE[] = {3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
                                       31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
static const uint8_t LENGTH_EXTRA[] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
                                       2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
static const uint16_t DISTANCE_BASE[] = {1,    2,    3,    4,    5,    7,    9,    13,    17,    25,
                                         33,   49,   65,   97,   129,  193,  257,  385,   513,   769,
                                         1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};
static const uint8_t DISTANCE_EXTRA[] = {0, 0, 0, 0, 1, 1, 2, 2,  3,  3,  4,  4,  5,  5,  6,
                                         6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13};

static void compressed(struct stream *s, const struct code *literals, const struct code *distances) {
    while (s->error == NULL) {
        unsigned value = symbol(s, literals);
        if (s->error != NULL || value == 256) return;
        if (value < 256) {
            put(s, (uint8_t)value);
            continue;
        }
        if (value > 285) {
            s->error = "it has a length that there is not";
            return;
        }
        size_t length = LENGTH_BASE[value - 257] + bits(s, LENGTH_EXTRA[value - 257]);
        unsigned far = symbol(s, distances);
        if (far >= DISTANCES) {
            s->error = "it has a distance that there is not";
            return;
        }
        size_t distance = DISTANCE_BASE[far] + bits(s, DISTANCE_EXTRA[far]);
        if (distance > s->len) {
            s->error = "it refers to what is before its beginning";
            return;
        }
        while (length-- > 0 && s->error == NULL) put(s, s->out[s->len - distance]);
    }
}

static void stored(struct stream *s) {
    s->bits = s->have = 0; // up to the next whole byte
    uint32_t len = bits(s, 16), inverse = bits(s, 16);
    if (s->error == NULL && (len ^ inverse) != 0xffff) s->error = "it has a length that is wrong";
    while (len-- > 0 && s->error == NULL) put(s, (uint8_t)bits(s, 8));
}

static void with_fixed_codes(struct stream *s) {
    uint8_t lengths[LITERALS];
    memset(lengths, 8, 144);
    memset(lengths + 144, 9, 112);
    memset(lengths + 256, 7, 24);
    memset(lengths + 280, 8, 8);
    struct code literals, distances;
    make(&literals, lengths, LITERALS);
    memset(lengths, 5, DISTANCES);
    make(&distances, lengths, DISTANCES);
    compressed(s, &literals, &distances);
}

static void with_codes(struct stream *s) {
    static const uint8_t ORDER[19] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
    uint8_t lengths[LITERALS + 32] = {0};
    unsigned literal_count = bits(s, 5) + 257, distance_count = bits(s, 5) + 1, count = bits(s, 4) + 4;
    struct code literals, distances;
    for (unsigned i = 0; i < count; i++) lengths[ORDER[i]] = (uint8_t)bits(s, 3);
    make(&literals, lengths, 19);
    for (unsigned i = 0; i < literal_count + distance_count && s->error == NULL;) {
        unsigned value = symbol(s, &literals), times = 1;
        uint8_t length = (uint8_t)value;
        if (value == 16) {
            if (i == 0) s->error = "it repeats what is not there";
            length = i == 0 ? 0 : lengths[i - 1];
            times = 3 + bits(s, 2);
        } else if (value > 16) {
            length = 0;
            times = value == 17 ? 3 + bits(s, 3) : 11 + bits(s, 7);
        }
        if (i + times > literal_count + distance_count) s->error = "it has too many lengths";
        while (times-- > 0 && s->error == NULL) lengths[i++] = length;
    }
    if (s->error != NULL) return;
    if (literal_count > 286 || distance_count > DISTANCES) {
        s->error = "it has too many codes";
        return;
    }
    make(&literals, lengths, literal_count);
    make(&distances, lengths + literal_count, distance_count);
    compressed(s, &literals, &distances);
}

static struct outcome result;

EXPORT("demo:inflate/deflate#inflate") struct outcome *inflate(char *at, size_t len) {
    struct stream s = {.in = (uint8_t *)at, .end = (uint8_t *)at + len};
    bool last = false;
    while (!last && s.error == NULL) {
        last = bits(&s, 1);
        switch (bits(&s, 2)) {
        case 0: stored(&s); break;
        case 1: with_fixed_codes(&s); break;
        case 2: with_codes(&s); break;
        default: s.error = "it has a block of a kind that there is not";
        }
    }
    drop((struct text){at, len});
    if (s.error != NULL) {
        free(s.out);
        result = failed("%s", s.error);
    } else {
        result = (struct outcome){.text = {(char *)s.out, s.len}};
    }
    return &result;
}

EXPORT("cabi_post_demo:inflate/deflate#inflate") void inflate_done(struct outcome *outcome) {
    drop(outcome->text);
}
